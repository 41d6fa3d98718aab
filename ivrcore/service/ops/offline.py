"""The store for a command that runs beside the service, or without it: no reactor."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Event
from typing import Any

from ivrcore.service.settings import ServiceSettings
from ivrcore.service.store.database import Database

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
        StoreError: it cannot be opened, or is of another version.
    """
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
