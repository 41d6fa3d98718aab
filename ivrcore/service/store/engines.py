"""SQLAlchemy engines for the two databases, with what each needs to be told once for each connection."""

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError

from ivrcore.service.store.errors import StoreError

STATEMENT_TIMEOUT_S = 60.0
"""Of one statement on PostgreSQL: far above anything of ours, far below for ever."""

CONNECT_TIMEOUT_S = 5
WAL_KEPT_BYTES = 64 << 20
"""A log that a burst has made longer is cut back to this at the next checkpoint."""

POSTGRESQL = "postgresql+psycopg"


def database_url(text: str) -> URL:
    """The address of the database, with the driver we use.

    Raises:
        StoreError: neither a file of SQLite nor PostgreSQL; the text holds no password.
    """
    try:
        url = make_url(text)
    except ArgumentError:
        raise StoreError(
            "the database's address is no URL such as sqlite:////var/lib/ivrcore/ivrcore.db"
        ) from None
    if url.drivername in ("postgresql", "postgres", POSTGRESQL):
        return url.set(drivername=POSTGRESQL)
    if url.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise StoreError(f"the database is SQLite or PostgreSQL, not {url.drivername}")
    if url.database in (None, "", ":memory:"):
        raise StoreError("SQLite needs a file: what is only in memory does not survive a restart")
    return url.set(drivername="sqlite")


def is_sqlite(url: URL) -> bool:
    """Whether the database is a file of our own."""
    return url.drivername == "sqlite"


def create_file(url: URL) -> None:
    """Make SQLite's file, readable by its owner alone (it holds secrets), unless it is there.

    Raises:
        StoreError: the directory is missing or not writable.
    """
    path = Path(str(url.database))
    try:
        path.touch(mode=0o600, exist_ok=True)
    except OSError as error:
        raise StoreError(f"the database's file cannot be made: {path}: {error.strerror}") from None


def sqlite_writer(url: URL, busy_timeout_s: float) -> Engine:
    """Connections that write. Two at the most: the writer's thread, and one that is called synchronously."""
    return _sqlite(url, busy_timeout_s, "BEGIN IMMEDIATE", connections=2, query_only=False)


def sqlite_reader(url: URL, busy_timeout_s: float, connections: int) -> Engine:
    """Connections that read a snapshot, and cannot write."""
    return _sqlite(url, busy_timeout_s, "BEGIN", connections=connections, query_only=True)


def postgresql(url: URL, busy_timeout_s: float, connections: int) -> Engine:
    """A small pool; a connection that the server dropped is noticed before it is used."""
    options = (
        f"-c lock_timeout={round(busy_timeout_s * 1000)} "
        f"-c statement_timeout={round(STATEMENT_TIMEOUT_S * 1000)} -c timezone=UTC"
    )
    return create_engine(
        url,
        pool_size=connections,
        max_overflow=1,  # for a synchronous call beside the threads
        pool_timeout=busy_timeout_s,
        pool_pre_ping=True,
        hide_parameters=True,
        connect_args={"connect_timeout": CONNECT_TIMEOUT_S, "options": options},
    )


def _sqlite(url: URL, busy_timeout_s: float, begin: str, *, connections: int, query_only: bool) -> Engine:
    engine = create_engine(
        url,
        pool_size=connections,
        max_overflow=0,
        pool_timeout=busy_timeout_s,
        hide_parameters=True,  # rows hold secrets
        connect_args={"timeout": busy_timeout_s, "check_same_thread": False},
    )

    @event.listens_for(engine, "connect")
    def prepare(raw: sqlite3.Connection, _record: Any) -> None:
        # The module's own BEGIN comes late and is no BEGIN IMMEDIATE: a transaction that reads first and
        # writes later could then fail at once, whatever the time-out. So we begin ourselves, below.
        raw.isolation_level = None
        raw.execute("PRAGMA foreign_keys = ON")
        if query_only:
            raw.execute("PRAGMA query_only = ON")
            return
        raw.execute("PRAGMA journal_mode = WAL")
        raw.execute("PRAGMA synchronous = FULL")  # what is committed survives a power cut; 0.2 ms a commit
        raw.execute(f"PRAGMA journal_size_limit = {WAL_KEPT_BYTES}")

    @event.listens_for(engine, "begin")
    def begin_transaction(connection: Connection) -> None:
        connection.exec_driver_sql(begin)

    return engine
