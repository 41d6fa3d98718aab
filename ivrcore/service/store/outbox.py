"""The outbox: what is to be pushed to customers, until it has been taken or given up.

A row is added in the transaction of what caused it, so there is no event without its push and no push without
its event. Status pushes of a call go out in their order: `due` keeps back what comes after one that waits.
"""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection, RowMapping, exists, func, or_, select, update

from ivrcore.service.model import Push, PushKind, PushState
from ivrcore.service.store.rows import (
    changed,
    insert_if_new,
    micros,
    moment,
    moment_or_none,
    of_json,
    to_json,
)
from ivrcore.service.store.schema import outbox

LONGEST_ERROR = 256


def add(connection: Connection, push: Push) -> None:
    """Store a push under a new id; nothing happens when its (kind, session, seq) is there already."""
    insert_if_new(
        connection,
        outbox,
        {
            "kind": push.kind.value,
            "app_key": push.app_key,
            "session": push.session,
            "seq": push.seq,
            "url": push.url,
            "body": to_json(push.body),
            "created_us": micros(push.created_at),
            "due_us": micros(push.due_at),
            "attempts": push.attempts,
            "state": push.state.value,
            "group": push.group,
            "last_error": push.last_error[:LONGEST_ERROR],
        },
    )


def due(
    connection: Connection,
    now: datetime,
    limit: int,
    *,
    kind: PushKind | None = None,
    besides: Collection[int] = (),
) -> list[Push]:
    """What may be sent now, in the order it was stored; of a session in the order of its events.

    A status push is left out while an earlier one of its session waits for its moment. One that is just
    being sent is still due: name it in `besides`, or it is returned again.

    Args:
        kind: only status pushes, or only CDRs.
        besides: ids to leave out; a few thousand at the most.
    """
    earlier = outbox.alias("earlier")
    kept_back = exists().where(
        earlier.c.kind == PushKind.STATUS.value,
        outbox.c.kind == PushKind.STATUS.value,
        earlier.c.session == outbox.c.session,
        earlier.c.seq < outbox.c.seq,
        earlier.c.state == PushState.PENDING.value,
        # A higher id: on PostgreSQL transactions that run at once take their ids in any order.
        or_(earlier.c.due_us > micros(now), earlier.c.id > outbox.c.id),
    )
    query = select(outbox).where(
        outbox.c.state == PushState.PENDING.value, outbox.c.due_us <= micros(now), ~kept_back
    )
    if kind is not None:
        query = query.where(outbox.c.kind == kind.value)
    if besides:
        query = query.where(outbox.c.id.not_in(besides))
    return [push_of(row) for row in connection.execute(query.order_by(outbox.c.id).limit(limit)).mappings()]


def pending_of_session(connection: Connection, session: str, kind: PushKind = PushKind.STATUS) -> list[Push]:
    """What of a call has not been taken or given up, whenever it is due, in the order of its events."""
    query = select(outbox).where(
        outbox.c.kind == kind.value,
        outbox.c.session == session,
        outbox.c.state == PushState.PENDING.value,
    )
    return [push_of(row) for row in connection.execute(query.order_by(outbox.c.seq)).mappings()]


def of_group(connection: Connection, group: str) -> list[Push]:
    """The pending pushes that went in one message, and go in one again."""
    query = select(outbox).where(outbox.c.group == group, outbox.c.state == PushState.PENDING.value)
    return [push_of(row) for row in connection.execute(query.order_by(outbox.c.id)).mappings()]


def next_due(connection: Connection) -> datetime | None:
    """When the first pending push is due; None when nothing is pending."""
    query = select(func.min(outbox.c.due_us)).where(outbox.c.state == PushState.PENDING.value)
    return moment_or_none(connection.execute(query).scalar_one())


def depth(connection: Connection, kind: PushKind | None = None) -> tuple[int, datetime | None]:
    """How many pushes are pending, of one kind or of both, and when the oldest of them was stored."""
    query = select(func.count(), func.min(outbox.c.created_us)).where(
        outbox.c.state == PushState.PENDING.value
    )
    if kind is not None:
        query = query.where(outbox.c.kind == kind.value)
    n_pending, oldest_us = connection.execute(query).one()
    return n_pending, moment_or_none(oldest_us)


def delivered(connection: Connection, ids: Collection[int], now: datetime) -> None:
    """The receiver has taken them, at the first attempt or a later one, or out of the spool."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(ids), outbox.c.state != PushState.DELIVERED.value)
        .values(
            state=PushState.DELIVERED.value,
            attempts=outbox.c.attempts + 1,
            due_us=micros(now),  # of a row that is done: when it was done, for retention
            last_error="",
        )
    )


def postpone(
    connection: Connection, ids: Collection[int], due_at: datetime, error: str, group: str = ""
) -> None:
    """An attempt failed: try again at a later moment. `group`: of those that go in one message."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(ids), outbox.c.state == PushState.PENDING.value)
        .values(
            attempts=outbox.c.attempts + 1,
            due_us=micros(due_at),
            last_error=error[:LONGEST_ERROR],
            group=group,
        )
    )


def spooled(connection: Connection, ids: Collection[int], error: str) -> None:
    """The last attempt failed: no further one is made."""
    connection.execute(
        update(outbox)
        .where(outbox.c.id.in_(ids), outbox.c.state == PushState.PENDING.value)
        .values(
            state=PushState.SPOOLED.value,
            attempts=outbox.c.attempts + 1,
            last_error=error[:LONGEST_ERROR],
        )
    )


def abandon(connection: Connection, kind: PushKind, reason: str) -> int:
    """Give up everything of a kind that is pending; how many there were."""
    return changed(
        connection.execute(
            update(outbox)
            .where(outbox.c.kind == kind.value, outbox.c.state == PushState.PENDING.value)
            .values(state=PushState.SPOOLED.value, last_error=reason[:LONGEST_ERROR])
        )
    )


def push_of(row: RowMapping) -> Push:
    """A row of the table as the rest of the service knows it."""
    return Push(
        id=row["id"],
        kind=PushKind(row["kind"]),
        app_key=row["app_key"],
        session=row["session"],
        seq=row["seq"],
        url=row["url"],
        body=of_json(row["body"]),
        created_at=moment(row["created_us"]),
        due_at=moment(row["due_us"]),
        attempts=row["attempts"],
        state=PushState(row["state"]),
        group=row["group"],
        last_error=row["last_error"],
    )
