"""What the store refuses, and why.

StoreError                 root; its text is one line for a person, without a value of a row
├── StoreBusy              not now: the same may well succeed later
│   ├── StoreFull          the disk, or the space given to the database, is full
│   └── StoreUnreachable   there is no connection to the database server
├── StoreClosed            asked after close()
├── StoreConflict          a row breaks a key of the tables; nothing was written
├── SchemaError            the tables are not those of this version
├── DuplicateKey           the idempotency key has been used; carries what was answered then
├── RefusedChange          the change breaks a rule of the service; the text names the rule
└── NotFound               there is no such account, application, number, file or template

`of_database` makes them from what the driver raised. Drivers quote values of rows in their texts, and rows
hold secrets and digits: only the driver's own sentence is taken, and the original is not kept as the cause.
"""

import sqlite3
from typing import TYPE_CHECKING

import psycopg
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeout

if TYPE_CHECKING:
    from ivrcore.service.store.idempotency import StoredAnswer


class StoreError(Exception):
    """Root of everything the store raises."""


class StoreBusy(StoreError):  # noqa: N818  what is wrong is in the name
    """Locked for longer than the time-out; the service goes on, and the same may succeed later."""


class StoreFull(StoreBusy):
    """No space left for the database."""


class StoreUnreachable(StoreBusy):
    """The database server does not answer, or went away."""


class StoreClosed(StoreError):  # noqa: N818
    """The store has been closed."""


class StoreConflict(StoreError):  # noqa: N818
    """A row breaks a primary, unique or foreign key."""


class SchemaError(StoreError):
    """The tables belong to another version of the program."""


class RefusedChange(StoreError, ValueError):  # noqa: N818
    """The change breaks a rule; the text says which."""


class NotFound(StoreError, LookupError):  # noqa: N818
    """What was to be changed does not exist."""


class DuplicateKey(StoreError):  # noqa: N818
    """The application has used this idempotency key. `answer`: what it was told then."""

    def __init__(self, answer: "StoredAnswer") -> None:
        super().__init__("the idempotency key has been used")
        self.answer = answer


_SQLITE_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

# PostgreSQL, appendix A "Error Codes": the class is the first two characters.
_PG_BUSY = ("55P03", "57014", "40001", "40P01", "53200", "53300", "53400")
_PG_FULL = ("53100",)
_PG_UNREACHABLE = ("08", "57P")

_RUN_AGAIN = ("40001", "40P01")  # serialization failure, deadlock: the loser of a race


def of_database(error: SQLAlchemyError) -> StoreError:
    """The store's word for what SQLAlchemy raised."""
    if isinstance(error, PoolTimeout):
        return StoreBusy("every connection to the database is in use")
    if not isinstance(error, DBAPIError) or error.orig is None:
        return StoreError(f"the database layer failed: {type(error).__name__}")
    cause = error.orig
    if isinstance(cause, sqlite3.Error):
        return _of_sqlite(cause)
    if isinstance(cause, psycopg.Error):
        return _of_postgresql(cause)
    return StoreError(f"the database failed: {type(cause).__name__}")


def worth_another_try(error: BaseException) -> bool:
    """Whether PostgreSQL chose this transaction to lose a race with another; run again, it succeeds."""
    return (
        isinstance(error, DBAPIError)
        and isinstance(error.orig, psycopg.Error)
        and error.orig.sqlstate in _RUN_AGAIN
    )


def _of_sqlite(cause: sqlite3.Error) -> StoreError:
    # The low byte is the primary code (SQLite, "Result and Error Codes"); errors of the module have none.
    code: int = getattr(cause, "sqlite_errorcode", 0) & 0xFF
    text = str(cause)  # names tables and columns, never values
    if code in _SQLITE_BUSY:
        return StoreBusy(f"the database is locked by another process: {text}")
    if code == sqlite3.SQLITE_FULL:
        return StoreFull(f"no space left for the database: {text}")
    if code == sqlite3.SQLITE_CONSTRAINT:
        return StoreConflict(text)
    return StoreError(f"the database failed: {text}")


def _of_postgresql(cause: psycopg.Error) -> StoreError:
    state = cause.sqlstate or ""
    text = cause.diag.message_primary or type(cause).__name__  # the detail below it quotes values
    if state.startswith(_PG_UNREACHABLE) or (not state and isinstance(cause, psycopg.OperationalError)):
        return StoreUnreachable(f"the database server cannot be reached: {text}")
    if state in _PG_FULL:
        return StoreFull(f"no space left for the database: {text}")
    if state in _PG_BUSY:
        return StoreBusy(f"the database is busy: {text}")
    if isinstance(cause, psycopg.IntegrityError):
        return StoreConflict(text)
    return StoreError(f"the database failed: {text}")
