"""What workers told of calls, each event once: (session, seq) names it."""

from sqlalchemy import Connection, RowMapping, func, select

from ivrcore.events import Party
from ivrcore.service.model import CallEvent, EventKind
from ivrcore.service.store.rows import insert_if_new, micros, moment, of_json, to_json
from ivrcore.service.store.schema import events


def add(connection: Connection, event: CallEvent) -> bool:
    """Store an event. False: it is known already; the stored one stays as it is.

    Raises:
        StoreConflict: the call is unknown.
    """
    return insert_if_new(
        connection,
        events,
        {
            "session": event.session,
            "seq": event.seq,
            "kind": event.kind.value,
            "at_us": micros(event.at),
            "payload": to_json(_payload(event)),
        },
    )


def of(connection: Connection, session: str) -> list[CallEvent]:
    """The events of a call, by their sequence number."""
    query = select(events).where(events.c.session == session).order_by(events.c.seq)
    return [_event(row) for row in connection.execute(query).mappings()]


def last_seq(connection: Connection, session: str) -> int:
    """The highest sequence number of a call; 0 when it has no event."""
    query = select(func.max(events.c.seq)).where(events.c.session == session)
    return connection.execute(query).scalar_one() or 0


def _payload(event: CallEvent) -> dict[str, object]:
    """What is not in a column of its own, without what says nothing."""
    payload: dict[str, object] = {}
    if event.party is not None:
        payload["party"] = event.party.value
    if event.digits:
        payload["digits"] = event.digits
    if event.state_code:
        payload["state_code"] = event.state_code
    if event.release_point:
        payload["release_point"] = event.release_point
    if event.ended_by is not None:
        payload["ended_by"] = event.ended_by.value
    if event.record is not None:
        payload["record"] = dict(event.record)
    return payload


def _event(row: RowMapping) -> CallEvent:
    payload = of_json(row["payload"])
    record = payload.get("record")
    return CallEvent(
        session=row["session"],
        seq=row["seq"],
        kind=EventKind(row["kind"]),
        at=moment(row["at_us"]),
        party=_party(payload.get("party")),
        digits=str(payload.get("digits", "")),
        state_code=_number(payload.get("state_code", 0)),
        release_point=_number(payload.get("release_point", 0)),
        ended_by=_party(payload.get("ended_by")),
        record=record if isinstance(record, dict) else None,
    )


def _party(value: object) -> Party | None:
    return None if value is None else Party(value)


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0
