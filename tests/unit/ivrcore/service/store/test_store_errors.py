"""What drivers raise, as the store says it: the kind decides whether the same may succeed later."""

import sqlite3

import psycopg
import pytest
from sqlalchemy.exc import DBAPIError, NoResultFound
from sqlalchemy.exc import TimeoutError as PoolTimeout

from ivrcore.service.store.errors import (
    StoreBusy,
    StoreConflict,
    StoreError,
    StoreFull,
    StoreUnreachable,
    of_database,
    worth_another_try,
)


def raised(cause: Exception) -> DBAPIError:
    """As SQLAlchemy wraps what a driver raised, with the statement and its values."""
    return DBAPIError("UPDATE x SET secret=%s", ("hunter2",), cause)


def of_sqlite(code: int) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = code
    return error


@pytest.mark.parametrize(
    ("cause", "kind"),
    [
        (psycopg.errors.DiskFull(), StoreFull),
        (psycopg.errors.LockNotAvailable(), StoreBusy),
        (psycopg.errors.QueryCanceled(), StoreBusy),
        (psycopg.errors.DeadlockDetected(), StoreBusy),
        (psycopg.errors.SerializationFailure(), StoreBusy),
        (psycopg.errors.TooManyConnections(), StoreBusy),
        (psycopg.errors.AdminShutdown(), StoreUnreachable),
        (psycopg.errors.CannotConnectNow(), StoreUnreachable),
        (psycopg.errors.ConnectionFailure(), StoreUnreachable),
        (psycopg.OperationalError("connection refused"), StoreUnreachable),
        (psycopg.errors.UniqueViolation(), StoreConflict),
        (psycopg.errors.ForeignKeyViolation(), StoreConflict),
        (psycopg.errors.UndefinedTable(), StoreError),
        (psycopg.errors.StringDataRightTruncation(), StoreError),
        (of_sqlite(sqlite3.SQLITE_BUSY), StoreBusy),
        (of_sqlite(sqlite3.SQLITE_BUSY_SNAPSHOT), StoreBusy),
        (of_sqlite(sqlite3.SQLITE_FULL), StoreFull),
        (of_sqlite(sqlite3.SQLITE_CONSTRAINT_UNIQUE), StoreConflict),
        (of_sqlite(sqlite3.SQLITE_IOERR), StoreError),
        (sqlite3.ProgrammingError("of the module"), StoreError),
        (OSError("of nobody"), StoreError),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value.__name__,
)
def test_error_of_the_driver_has_its_kind_and_shows_no_value(
    cause: Exception, kind: type[StoreError]
) -> None:
    said = of_database(raised(cause))
    assert type(said) is kind
    assert "hunter2" not in str(said)
    assert str(said)


def test_errors_that_no_driver_made_keep_their_kind() -> None:
    assert type(of_database(PoolTimeout())) is StoreBusy
    assert "NoResultFound" in str(of_database(NoResultFound()))


def test_only_the_loser_of_a_race_runs_again() -> None:
    assert worth_another_try(raised(psycopg.errors.DeadlockDetected()))
    assert worth_another_try(raised(psycopg.errors.SerializationFailure()))
    assert not worth_another_try(raised(psycopg.errors.LockNotAvailable()))
    assert not worth_another_try(raised(of_sqlite(sqlite3.SQLITE_BUSY)))
    assert not worth_another_try(ValueError())
