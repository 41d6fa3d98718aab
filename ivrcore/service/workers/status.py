"""A call's history in the words of the service: status events while it runs, the record at its end."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ivrcore.cdr import CallRecord, Entry
from ivrcore.commands import CloseCall, Report, Status, Verdict
from ivrcore.events import Party
from ivrcore.service.model import CallEvent, EventKind


class StatusEvents:
    """Numbers the events of one session, from 1 without a gap."""

    def __init__(self, session: str, utc_offset_s: float, tell: Callable[[CallEvent], None]) -> None:
        """`utc_offset_s`: UTC minus the monotonic clock of the history."""
        self._session = session
        self._utc_offset_s = utc_offset_s
        self._tell = tell
        self._seq = 0
        self._ended = False

    def observe(self, entry: Entry) -> None:
        """One entry of the history. The end is told when it is known how: with the closing of the call."""
        match entry.what:
            case Report(status=Status.DISCONNECT):
                pass
            case Report(status, party, digits):
                self._event(EventKind(status.value), self._moment(entry.at_s), party=party, digits=digits)
            case CloseCall(verdict):
                self.end(verdict, entry.at_s)

    def end(self, verdict: Verdict, at_s: float) -> None:
        """The call is over; told once."""
        if self._ended:
            return
        self._ended = True
        self._event(
            EventKind.DISCONNECT,
            self._moment(at_s),
            state_code=int(verdict.state_code),
            release_point=int(verdict.release_point),
            ended_by=verdict.ended_by,
        )

    def record(self, record: CallRecord) -> None:
        """The record is made: the last event."""
        at = datetime.fromtimestamp(record.ended_at_s + record.utc_offset_s, UTC)
        self._event(EventKind.RECORD, at, record=record.as_json())

    def _moment(self, at_s: float) -> datetime:
        return datetime.fromtimestamp(at_s + self._utc_offset_s, UTC)

    def _event(self, kind: EventKind, at: datetime, party: Party | None = None, **facts: Any) -> None:
        self._seq += 1
        self._tell(CallEvent(self._session, self._seq, kind, at, party, **facts))
