"""What an event of a call changes in the store, in one transaction.

The event itself, the pushes it causes, and at the end the CDR, the recording and the end of the call.

Plain functions on a connection. What is to be done after the commit comes back as a value, because nothing
outside may learn of an event before it is on disk.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from ivrcore.service.model import (
    Call,
    CallEvent,
    ClientApp,
    EventKind,
    Push,
    PushKind,
    Recording,
)
from ivrcore.service.notify.bodies import fee_info, lost_record, second_leg_called, status_body
from ivrcore.service.rules.billing import Bill, bill
from ivrcore.service.sections import BillingSettings
from ivrcore.service.store import accounts, calls, cdrs, events, outbox, recordings


@dataclass(frozen=True)
class Bookkeeping:
    """What a CDR needs besides the call. `durable`: status events go through the outbox."""

    host: str
    record_domain: str
    bucket: str
    prices: BillingSettings
    durable: bool


@dataclass(frozen=True)
class Told:
    """What one event comes to, after its commit.

    Attributes:
        status: to be pushed now; in durable mode the outbox has it too. None when nobody is to be told.
        fee: the outbox has a new CDR.
        ended: the call is over, and its CDR complete.
        state_code: of a call that ended.
    """

    call: Call
    app: ClientApp
    event: CallEvent
    status: Push | None = None
    fee: bool = False
    ended: bool = False
    state_code: int = 0


def settle(connection: Connection, event: CallEvent, books: Bookkeeping, now: datetime) -> Told | None:
    """Store an event and everything it causes.

    Returns:
        None for an event that was known before, or of a call nobody knows.
    """
    call = calls.call(connection, event.session)
    if call is None or not events.add(connection, event):
        return None
    app = accounts.app(connection, call.app_key)
    assert app is not None, "a call has a foreign key to its application"
    if event.kind is EventKind.RECORD:
        return _complete(connection, call, app, event, books, now)
    if not call.status_url:
        return Told(call, app, event)
    b_called = event.kind is EventKind.DISCONNECT and second_leg_called(events.of(connection, event.session))
    body = status_body(call, event, b_called=b_called)
    push = _push(PushKind.STATUS, call, call.status_url, event.seq, body, now)
    if books.durable:
        outbox.add(connection, push)
    return Told(call, app, event, status=push)


def settle_alone(
    connection: Connection,
    session: str,
    *,
    state_code: int,
    release_point: int,
    recording: Mapping[str, object] | None,
    books: Bookkeeping,
    now: datetime,
) -> list[Told]:
    """End a call that no worker ends any more, or that none ever took.

    Its disconnect and its record are made here, after the events that are known; of a call that has ended
    already, only a recording that was saved late is noted.

    Args:
        state_code, release_point: why, unless the worker told before it died.
        recording: what was saved of it, as in `CallRecord.as_json()`.
    """
    call = calls.call(connection, session)
    if call is None:
        return []
    if not calls.is_open(connection, session):
        # Its recording may have been finished only now: of a disk that was full, say.
        if recording is not None:
            _keep_recording(connection, call, {"recording": recording}, now)
        return []
    known = events.of(connection, session)
    told: list[Told | None] = []
    if not any(event.kind is EventKind.DISCONNECT for event in known):
        disconnect = CallEvent(
            session,
            len(known) + 1,
            EventKind.DISCONNECT,
            now,
            state_code=state_code,
            release_point=release_point,
        )
        told.append(settle(connection, disconnect, books, now))
        known = [*known, disconnect]
    record = lost_record(call, known, ended_at=now, state_code=state_code, recording=recording)
    last = CallEvent(session, len(known) + 1, EventKind.RECORD, now, record=record)
    told.append(settle(connection, last, books, now))
    return [one for one in told if one is not None]


def _complete(
    connection: Connection, call: Call, app: ClientApp, event: CallEvent, books: Bookkeeping, now: datetime
) -> Told | None:
    record = event.record or {}
    ended_at = moment_of(record.get("endedAt")) or event.at
    if not calls.end(connection, call.session, ended_at):
        return None
    fee = fee_info(call, app, record, host=books.host, record_domain=books.record_domain, bucket=books.bucket)
    charge: Bill = bill(call.service, record, books.prices)
    state_code = int(str(record.get("stateCode") or 0))
    cdrs.complete(
        connection,
        call.session,
        ended_at,
        state_code,
        fee,
        record,
        charge.minutes_a,
        charge.minutes_b,
        str(charge.amount),
    )
    _keep_recording(connection, call, record, now)
    if call.fee_url:
        outbox.add(connection, _push(PushKind.FEE, call, call.fee_url, 0, fee, now))
    return Told(call, app, event, fee=bool(call.fee_url), ended=True, state_code=state_code)


def _keep_recording(connection: Connection, call: Call, record: Mapping[str, object], now: datetime) -> None:
    made = record.get("recording")
    path = made.get("path") if isinstance(made, Mapping) else None
    if not isinstance(made, Mapping) or not path:
        return
    file = Path(str(path))
    recordings.add(
        connection,
        Recording(
            name=file.name,
            session=call.session,
            app_key=call.app_key,
            path=str(file),
            n_bytes=file.stat().st_size if file.exists() else 0,
            duration_s=float(str(made.get("duration_s") or 0.0)),
            created_at=now,
        ),
    )


def _push(kind: PushKind, call: Call, url: str, seq: int, body: Mapping[str, object], now: datetime) -> Push:
    return Push(
        id=0,
        kind=kind,
        app_key=call.app_key,
        session=call.session,
        seq=seq,
        url=url,
        body=body,
        created_at=now,
        due_at=now,
    )


def moment_of(iso: object) -> datetime | None:
    """A moment of a record, aware and in UTC."""
    return datetime.fromisoformat(iso).astimezone(UTC) if isinstance(iso, str) and iso else None
