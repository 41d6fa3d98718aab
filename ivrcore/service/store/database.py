"""The database as the rest of the service sees it: `run` a function, get a Deferred.

Functions are plain and synchronous, with a SQLAlchemy Connection first; see the other modules of this
package. On SQLite one thread writes, and commits what waits together; a few threads read beside it, each a
snapshot. On PostgreSQL a few threads have a transaction each, so jobs that wait at the same time have no
order among them. A function may be run twice, and only the second run be kept: it must have no effect but in
the database.
"""

from collections.abc import Callable
from threading import Thread
from typing import Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection
from twisted.internet.defer import Deferred, fail

from ivrcore.service.store import engines, migrate
from ivrcore.service.store.errors import StoreClosed
from ivrcore.service.store.lanes import CallsFromThread, Job, Lane, in_own_transaction

P = ParamSpec("P")
T = TypeVar("T")

BUSY_TIMEOUT_S = 5.0
"""How long a lock of another process (a command on the same database) is waited for."""


class Database:
    """Carries functions out in threads, each in a transaction.

    Args:
        url: `sqlite:////absolute/path.db` or `postgresql://user:password@host/name`.
        reactor: only `callFromThread` is used.
        threads: that read (SQLite), or that read and write (PostgreSQL).
        busy_timeout_s: how long a lock is waited for before StoreBusy.

    Raises:
        StoreError: the address cannot work. Nothing is opened yet.
    """

    def __init__(
        self,
        url: str,
        reactor: CallsFromThread,
        *,
        threads: int = 4,
        busy_timeout_s: float = BUSY_TIMEOUT_S,
    ) -> None:
        self._url = engines.database_url(url)
        self._reactor = reactor
        self._closed: list[Deferred[None]] | None = None
        self._all_ended = False
        if engines.is_sqlite(self._url):
            self._writer = engines.sqlite_writer(self._url, busy_timeout_s)
            self._reader = engines.sqlite_reader(self._url, busy_timeout_s, threads)
            self._writes = Lane("store-write", self._writer, reactor, n_threads=1, grouped=True)
            self._reads = Lane("store-read", self._reader, reactor, n_threads=threads, grouped=False)
        else:
            self._writer = self._reader = engines.postgresql(self._url, busy_timeout_s, threads)
            self._writes = self._reads = Lane(
                "store", self._writer, reactor, n_threads=threads, grouped=False
            )

    def __repr__(self) -> str:
        return f"<Database {self._url.render_as_string(hide_password=True)}>"

    @property
    def is_sqlite(self) -> bool:
        """Whether jobs are carried out in the order they came, one after the other."""
        return engines.is_sqlite(self._url)

    @property
    def n_waiting(self) -> int:
        """Jobs that no thread has begun."""
        if self._reads is self._writes:
            return self._writes.n_waiting
        return self._writes.n_waiting + self._reads.n_waiting

    def run(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Deferred[T]:
        """Carry out `function(connection, *args, **kwargs)` in a transaction.

        Returns:
            Fires with its value after the commit: from then on no kill takes it back. Errback with what it
            raised, or StoreError, after everything it did has been rolled back.
        """
        return self._put(self._writes, lambda connection: function(connection, *args, **kwargs))

    def read(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> Deferred[T]:
        """As `run`, for a function that only reads: on SQLite it does not wait behind writers.

        It sees everything that was committed before it began.
        """
        if self._reads is self._writes:
            return self.run(_read_only(function), *args, **kwargs)
        return self._put(self._reads, lambda connection: function(connection, *args, **kwargs))

    def run_now(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """As `run`, in the calling thread: for commands, and before the reactor runs.

        Raises:
            StoreError: the database refused, or is closed.
            Exception: what the function raised.
        """
        if self._closed is not None:
            raise StoreClosed("the store is closed")
        return in_own_transaction(self._writer, lambda connection: function(connection, *args, **kwargs))

    def upgrade(self) -> None:
        """Make the tables, or bring them to this version's schema; blocks.

        Raises:
            SchemaError: a newer version made them; the text is one line that says so.
            StoreError: the database cannot be opened.
        """
        if self.is_sqlite:
            engines.create_file(self._url)
        self.run_now(migrate.upgrade)

    def check(self) -> None:
        """Raise SchemaError unless the tables have this version's schema; blocks."""
        self.run_now(migrate.check)

    def close(self) -> Deferred[None]:
        """Carry out what waits, and end the threads. What is asked afterwards fails with StoreClosed.

        Returns:
            Fires when the last connection is closed, each time it is called.
        """
        told: Deferred[None] = Deferred()
        if self._all_ended:
            told.callback(None)
        elif self._closed is not None:
            self._closed.append(told)
        else:
            self._closed = [told]
            Thread(target=self._end, name="store-close", daemon=True).start()
        return told

    def _put(self, lane: Lane, function: Callable[[Connection], T]) -> Deferred[T]:
        if self._closed is not None:
            return fail(StoreClosed("the store is closed"))
        told: Deferred[T] = Deferred()
        lane.put(Job(function, told))
        return told

    def _end(self) -> None:
        """In a thread of its own: the reactor must not wait for the disk."""
        lanes = {id(lane): lane for lane in (self._writes, self._reads)}.values()
        for lane in lanes:
            lane.finish()
        for lane in lanes:
            lane.join()
        for engine in (self._reader, self._writer):
            engine.dispose()
        self._reactor.callFromThread(self._tell_closed)

    def _tell_closed(self) -> None:
        self._all_ended = True
        for told in self._closed or ():
            told.callback(None)


def _read_only(function: Callable[Concatenate[Connection, P], T]) -> Callable[Concatenate[Connection, P], T]:
    """The function, after PostgreSQL has been told to refuse writes in its transaction."""

    def reading(connection: Connection, /, *args: P.args, **kwargs: P.kwargs) -> T:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        return function(connection, *args, **kwargs)

    return reading
