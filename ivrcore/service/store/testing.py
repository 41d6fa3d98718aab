"""A database for unit tests of other parts: SQLite in a file, carried out at once in the caller's thread."""

import tempfile
from collections.abc import Callable
from functools import cache, partial
from pathlib import Path
from threading import Event
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection
from twisted.internet.defer import Deferred, execute

from ivrcore.service.store.database import Database

P = ParamSpec("P")
T = TypeVar("T")


class AtOnce:
    """A reactor's `callFromThread` that calls."""

    def callFromThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:  # noqa: A002, N802
        """Call it now, in this thread."""
        callable(*args, **kwargs)


@cache
def _migrated() -> bytes:
    """An empty database of this version's schema."""
    with tempfile.TemporaryDirectory(prefix="ivrcore-store-") as directory:
        file = Path(directory) / "store.db"
        database = Database(f"sqlite:///{file}", AtOnce(), threads=1)
        database.upgrade()
        closed = Event()
        database.close().addBoth(lambda _: closed.set())
        closed.wait()
        return file.read_bytes()


class ImmediateDatabase(Database):
    """As Database, but every Deferred has fired when it is returned: no thread, no reactor to turn.

    Args:
        directory: where its file is made, for example pytest's tmp_path.
    """

    def __init__(self, directory: Path) -> None:
        file = directory / "store.db"
        # Migrations take longer than most tests: they are run once a process, and their file is copied.
        file.write_bytes(_migrated())
        super().__init__(f"sqlite:///{file}", AtOnce(), threads=1, busy_timeout_s=0.1)

    def run(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Deferred[T]:
        """As Database.run, fired already."""
        return execute(partial(self.run_now, function, *args, **kwargs))

    def read(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Deferred[T]:
        """As Database.read, fired already."""
        return execute(partial(self.run_now, function, *args, **kwargs))
