"""Events as JSON: in the spool, and on the socket between worker and front end."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ivrcore.events import Party
from ivrcore.service.model import CallEvent, EventKind


def event_to_json(event: CallEvent) -> dict[str, Any]:
    """One event without its session, which the file or the command names; what is empty is left out."""
    raw: dict[str, Any] = {
        "seq": event.seq,
        "kind": event.kind.value,
        "at": event.at.astimezone(UTC).isoformat(),
        "party": _name(event.party),
        "digits": event.digits,
        "stateCode": event.state_code,
        "releasePoint": event.release_point,
        "endedBy": _name(event.ended_by),
        "record": None if event.record is None else dict(event.record),
    }
    return {name: value for name, value in raw.items() if value not in (None, "", 0)}


def event_from_json(session: str, raw: Mapping[str, Any]) -> CallEvent:
    """The event again.

    Raises:
        KeyError, TypeError, ValueError: it is none.
    """
    at = datetime.fromisoformat(raw["at"])
    if at.tzinfo is None:
        raise ValueError("a moment without a time zone")
    return CallEvent(
        session=session,
        seq=int(raw["seq"]),
        kind=EventKind(raw["kind"]),
        at=at,
        party=_party(raw.get("party")),
        digits=str(raw.get("digits", "")),
        state_code=int(raw.get("stateCode", 0)),
        release_point=int(raw.get("releasePoint", 0)),
        ended_by=_party(raw.get("endedBy")),
        record=raw.get("record"),
    )


def _name(party: Party | None) -> str | None:
    return None if party is None else party.value


def _party(name: str | None) -> Party | None:
    return None if name is None else Party(name)
