"""The store for a command that runs beside the service, or without it: no reactor."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

from sqlalchemy import make_url

from ivrcore.service.settings import ServiceSettings
from ivrcore.service.store.database import Database
from ivrcore.service.store.errors import StoreError

CLOSE_S = 10.0
"""How long the end of the store's threads is waited for."""


class _AnyThread:
    """Stands where a reactor would: what it is given is called at once."""

    def callFromThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:  # noqa: A002, N802
        callable(*args, **kwargs)


@contextmanager
def offline_store(settings: ServiceSettings, *, upgrade: bool = False) -> Iterator[Database]:
    """The database of the settings, for `run_now`.

    Args:
        upgrade: make or migrate the tables; else they must be of this version.

    Raises:
        StoreError: it cannot be opened, is of another version, or is not there.
    """
    if not upgrade:
        _check_there(settings.database_url)
    database = Database(settings.database_url, _AnyThread(), threads=1)
    try:
        if upgrade:
            database.upgrade()
        else:
            database.check()
        yield database
    finally:
        closed = Event()
        database.close().addBoth(lambda _: closed.set())
        closed.wait(CLOSE_S)


def _check_there(url: str) -> None:
    """SQLite would make an empty file, perhaps of another user than the service's."""
    parts = make_url(url)
    if parts.get_backend_name() == "sqlite" and parts.database and not Path(parts.database).exists():
        raise StoreError(f"{parts.database}: there is no store")
