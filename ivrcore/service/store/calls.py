"""Calls: accepted, taken by a worker, ended. Each change is one statement that says what it expects."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, insert, select, union_all, update

from ivrcore.service.model import Call
from ivrcore.service.store import idempotency as answers
from ivrcore.service.store.idempotency import StoredAnswer
from ivrcore.service.store.rows import changed, micros, moment, of_json, ordered, to_json
from ivrcore.service.store.schema import calls, cdrs


def accept(connection: Connection, call: Call, idempotency: StoredAnswer | None = None) -> None:
    """Store a call, its CDR row to be completed, and what the request was answered, all or nothing.

    Raises:
        DuplicateKey: the request's idempotency key has been used; nothing is stored.
        StoreConflict: the session is stored, or its application is not.
    """
    if idempotency is not None:
        answers.remember(connection, idempotency)
    connection.execute(insert(calls), _values(call))
    connection.execute(
        insert(cdrs),
        {
            "session": call.session,
            "app_key": call.app_key,
            "account_id": call.account_id,
            "service": call.service.value,
            "accepted_us": micros(call.accepted_at),
        },
    )


def call(connection: Connection, session: str) -> Call | None:
    """One call, open or ended; None if there is none."""
    row = connection.execute(select(calls).where(calls.c.session == session)).mappings().first()
    return None if row is None else _call(row)


def open_calls(connection: Connection) -> list[Call]:
    """The calls that have not ended, in the order they were accepted."""
    query = select(calls).where(calls.c.ended_us.is_(None)).order_by(calls.c.accepted_us, calls.c.session)
    return [_call(row) for row in connection.execute(query).mappings()]


def is_open(connection: Connection, session: str) -> bool:
    """Whether the call is known and has not ended."""
    query = select(calls.c.session).where(calls.c.session == session, calls.c.ended_us.is_(None))
    return connection.execute(query).first() is not None


def take(connection: Connection, session: str, worker: str) -> bool:
    """Note which worker has an open call. False: it is unknown or has ended."""
    return _change(connection, session, worker=worker)


def end(connection: Connection, session: str, at: datetime) -> bool:
    """End a call. True exactly once; False: it is unknown or has ended already."""
    return _change(connection, session, ended_us=micros(at))


def called_since(connection: Connection, since: datetime) -> list[tuple[str, datetime]]:
    """Every number that was called, with the moment its call was accepted, in that order (both parties)."""
    parties = [
        select(column.label("number"), calls.c.accepted_us).where(
            calls.c.accepted_us >= micros(since), column != ""
        )
        for column in (calls.c.a_number, calls.c.b_number)
    ]
    rows: Sequence[Any] = connection.execute(union_all(*parties).order_by("accepted_us", "number")).all()
    return [(row.number, moment(row.accepted_us)) for row in rows]


def _change(connection: Connection, session: str, **values: object) -> bool:
    """Change an open call. Two at once wait for each other, and the second sees what the first made of it."""
    is_open = calls.c.ended_us.is_(None)
    done = connection.execute(update(calls).where(calls.c.session == session, is_open).values(**values))
    return changed(done) == 1


def _values(call: Call) -> dict[str, object]:
    return {
        "session": call.session,
        "app_key": call.app_key,
        "account_id": call.account_id,
        "service": call.service.value,
        "accepted_us": micros(call.accepted_at),
        "display_a": call.display_a,
        "a_number": call.a_number,
        "display_b": call.display_b,
        "b_number": call.b_number,
        "bind_number": call.bind_number,
        "status_url": call.status_url,
        "fee_url": call.fee_url,
        "user_data": call.user_data,
        "wants_party_type": call.wants_party_type,
        "record": call.record,
        "recording_name": call.recording_name,
        "request": to_json(call.request),
        "worker": call.worker,
    }


def _call(row: RowMapping) -> Call:
    return Call(
        **ordered(row),
        status_url=row["status_url"],
        fee_url=row["fee_url"],
        user_data=row["user_data"],
        wants_party_type=row["wants_party_type"],
        record=row["record"],
        recording_name=row["recording_name"],
        request=of_json(row["request"]),
        worker=row["worker"],
    )
