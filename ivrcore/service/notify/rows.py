"""What the notifiers ask of the outbox beside store.outbox: who may be served next, and with what.

The questions are put so that a receiver with a long backlog does not hide the others behind it.
"""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Select, and_, exists, func, select, update

from ivrcore.service.model import Push, PushKind, PushState
from ivrcore.service.notify.spool import SpooledChunk, write_chunk
from ivrcore.service.store import outbox as stored
from ivrcore.service.store.rows import micros
from ivrcore.service.store.schema import outbox

_WINDOW = 200
"""So many of a receiver's CDRs are looked at to find the next chunk; a second's worth and more."""

_PENDING = outbox.c.state == PushState.PENDING.value


def sessions_due(connection: Connection, now: datetime, limit: int) -> list[str]:
    """Sessions whose next status event may be sent, those that have waited longest first."""
    earlier = outbox.alias("earlier")
    query = (
        select(outbox.c.session)
        .where(
            _PENDING,
            outbox.c.kind == PushKind.STATUS.value,
            outbox.c.due_us <= micros(now),
            ~exists().where(
                earlier.c.kind == PushKind.STATUS.value,
                earlier.c.session == outbox.c.session,
                earlier.c.seq < outbox.c.seq,
                earlier.c.state == PushState.PENDING.value,
            ),
        )
        .order_by(outbox.c.due_us, outbox.c.id)
        .limit(limit)
    )
    return list(connection.execute(query).scalars())


def receivers_due(connection: Connection, now: datetime) -> list[tuple[str, str]]:
    """(app_key, url) of everybody a CDR may be sent to, those that have waited longest first."""
    query = (
        select(outbox.c.app_key, outbox.c.url)
        .where(_PENDING, outbox.c.kind == PushKind.FEE.value, outbox.c.due_us <= micros(now))
        .group_by(outbox.c.app_key, outbox.c.url)
        .order_by(func.min(outbox.c.due_us))
    )
    return [(app_key, url) for app_key, url in connection.execute(query)]


def take_chunk(
    connection: Connection, app_key: str, url: str, now: datetime, limit: int, group: str
) -> list[Push]:
    """The CDRs of the next message to a receiver; empty when none is due.

    Those that ended first go first. A message that was tried before is made of the same CDRs again; a new one
    takes what ended in the same second, and is named `group` in the store before it is tried.
    """
    of_receiver = and_(
        _PENDING, outbox.c.kind == PushKind.FEE.value, outbox.c.app_key == app_key, outbox.c.url == url
    )
    due = _pushes(connection, select(outbox).where(of_receiver, outbox.c.due_us <= micros(now)))
    if not due:
        return []
    first = min(due, key=lambda push: (ended(push), push.id))
    if first.group:
        return stored.of_group(connection, first.group)
    # Of the same second also those whose own wait is not over: they were merged while waiting, not after it.
    fresh = _pushes(
        connection, select(outbox).where(of_receiver, outbox.c.group == "", outbox.c.id >= first.id)
    )
    chunk = [push for push in fresh if ended(push) == ended(first)][:limit]
    ids = [push.id for push in chunk]
    connection.execute(update(outbox).where(outbox.c.id.in_(ids)).values(group=group))
    return [replace(push, group=group) for push in chunk]


def spool_chunk(connection: Connection, directory: Path, chunk: SpooledChunk, ids: Collection[int]) -> Path:
    """Give a chunk up into a file. The file is on disk before the rows say so; made again, it is the same.

    Raises:
        OSError: the file could not be written; the rows stay as they were.
    """
    path = write_chunk(directory, chunk)
    stored.spooled(connection, ids, chunk.last_error)
    return path


def taken_from_spool(connection: Connection, group: str, now: datetime) -> None:
    """A chunk that had been given up was delivered after all."""
    spooled = and_(outbox.c.group == group, outbox.c.state == PushState.SPOOLED.value)
    ids = list(connection.execute(select(outbox.c.id).where(spooled)).scalars())
    if ids:
        stored.delivered(connection, ids, now)


def ended(push: Push) -> str:
    """callEndTime of a CDR; the text sorts as the moment does."""
    return str(push.body.get("callEndTime", ""))


def _pushes(connection: Connection, query: "Select[Any]") -> list[Push]:
    rows = connection.execute(query.order_by(outbox.c.id).limit(_WINDOW)).mappings()
    return [stored.push_of(row) for row in rows]
