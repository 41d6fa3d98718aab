"""Idempotency keys: a request that is repeated with its key gets the answer it got before."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select

from ivrcore.service.store.errors import DuplicateKey
from ivrcore.service.store.rows import changed, insert_if_new, micros, moment
from ivrcore.service.store.schema import idempotency

KEPT = timedelta(hours=24)
"""How long a key is remembered."""


@dataclass(frozen=True)
class StoredAnswer:
    """What a request with a key was answered.

    Attributes:
        digest: of path and body; the same key with another request is no repetition.
        status: of HTTP.
        body: as it was sent.
    """

    app_key: str
    key: str
    digest: str
    status: int
    body: str = field(repr=False)
    created_at: datetime


def find(connection: Connection, app_key: str, key: str, now: datetime | None = None) -> StoredAnswer | None:
    """What an application's key was answered; with `now`, only if that is less than 24 h ago."""
    row = connection.execute(select(idempotency).where(*_where(app_key, key))).mappings().first()
    if row is None or (now is not None and row["created_us"] <= micros(now - KEPT)):
        return None
    return _answer(row)


def remember(connection: Connection, answer: StoredAnswer) -> None:
    """Store an answer for 24 h.

    Raises:
        DuplicateKey: the key was used less than 24 h before; it carries the answer of that time. Of two at
            once, the second waits for the first and gets this.
    """
    expired = idempotency.c.created_us <= micros(answer.created_at - KEPT)
    connection.execute(delete(idempotency).where(*_where(answer.app_key, answer.key), expired))
    values = {
        "app_key": answer.app_key,
        "key": answer.key,
        "digest": answer.digest,
        "status": answer.status,
        "body": answer.body,
        "created_us": micros(answer.created_at),
    }
    if not insert_if_new(connection, idempotency, values):
        before = connection.execute(select(idempotency).where(*_where(answer.app_key, answer.key)))
        raise DuplicateKey(_answer(before.mappings().one()))


def sweep(connection: Connection, before: datetime) -> int:
    """Forget the keys that were used before a moment. Returns how many."""
    return changed(connection.execute(delete(idempotency).where(idempotency.c.created_us < micros(before))))


def _where(app_key: str, key: str) -> tuple[Any, ...]:
    return (idempotency.c.app_key == app_key, idempotency.c.key == key)


def _answer(row: RowMapping) -> StoredAnswer:
    return StoredAnswer(
        app_key=row["app_key"],
        key=row["key"],
        digest=row["digest"],
        status=row["status"],
        body=row["body"],
        created_at=moment(row["created_us"]),
    )
