"""The end-of-call record: a fold over what happened.

The runner keeps a history of (moment, event or command); everything a record says about times and
causes is read off it here, in one place, so that a record can be made again from a stored history.
"""

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import TypeAlias

from ivrcore.codes import StateCode
from ivrcore.commands import CloseCall, Collect, Command, Dial, OpenBridge, Play, Report, Status, Verdict
from ivrcore.events import (
    Content,
    DigitReceived,
    Event,
    KeyTransport,
    LegAnswered,
    LegHungUp,
    MediaLost,
    Party,
    Playable,
    PromptEnded,
)
from ivrcore.flow import Called
from ivrcore.flows.release import Q850_MEDIA_LOST


@dataclass(frozen=True)
class Entry:
    """One thing that happened in a call. `at_s`: monotonic seconds."""

    at_s: float
    what: Event | Command


History: TypeAlias = Sequence[Entry]


@dataclass(frozen=True)
class LegRecord:
    """One party of the call; moments are monotonic seconds, None for what did not happen.

    `rejected_packets`: RTP and RTCP of strangers that its leg refused; None where nobody counts them.
    """

    number: str
    display: str
    called_at_s: float | None = None
    rang_at_s: float | None = None
    answered_at_s: float | None = None
    ended_at_s: float | None = None
    q850: int = 0
    sip_status: int = 0
    rejected_packets: int | None = None


@dataclass(frozen=True)
class RecordingRecord:
    """What became of the recording. Without a file, `reason` says why."""

    path: Path | None
    reason: str
    duration_s: float


@dataclass(frozen=True)
class SpeechRecord:
    """How often a customer's text was spoken, and how long its conversion took: 0.0 if it was done before."""

    plays: int = 0
    conversion_s: float = 0.0


@dataclass(frozen=True)
class CollectedRecord:
    """What a party pressed after an element of a notification, counted from 0.

    `transports`: by what each digit came, in their order.
    """

    at_s: float
    element: int
    digits: str = field(repr=False)
    transports: tuple[KeyTransport, ...] = ()


@dataclass(frozen=True)
class CallRecord:
    """The end-of-call record; there is exactly one for each call. `b` is None where only A is called."""

    session: str
    verdict: Verdict
    a: LegRecord
    b: LegRecord | None
    started_at_s: float
    ended_at_s: float
    utc_offset_s: float
    """UTC (seconds since 1970) minus the monotonic clock, when the call began."""
    talk_started_at_s: float | None = None
    recording: RecordingRecord | None = None
    relayed_digits: int = field(default=0)
    collected: tuple[CollectedRecord, ...] = ()
    speech: SpeechRecord = field(default_factory=SpeechRecord)

    @property
    def connected(self) -> bool:
        """Whether the parties could talk; where only A is called, whether A answered."""
        return (self.talk_started_at_s if self.b is not None else self.a.answered_at_s) is not None

    @property
    def carried_out(self) -> bool:
        """Whether the customer got what was ordered: a talk; from one party, everything until its hang-up."""
        return self.connected and (self.b is not None or self.verdict.state_code == 0)

    def utc(self, at_s: float | None) -> str | None:
        """A moment of the record as ISO 8601 in UTC, to the millisecond."""
        if at_s is None:
            return None
        moment = datetime.fromtimestamp(at_s + self.utc_offset_s, UTC)
        return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")

    def as_json(self) -> dict[str, object]:
        """Plain data: the product, and the one place where collected digits are shown."""
        legs = {"A": self._leg_json(self.a)}
        if self.b is not None:
            legs["B"] = self._leg_json(self.b)
        return {
            "session": self.session,
            "stateCode": self.verdict.state_code,
            "stateName": _name(self.verdict.state_code),
            "releasePoint": self.verdict.release_point,
            "endedBy": self.verdict.ended_by.value if self.verdict.ended_by else "platform",
            "startedAt": self.utc(self.started_at_s),
            "talkStartedAt": self.utc(self.talk_started_at_s),
            "endedAt": self.utc(self.ended_at_s),
            "legs": legs,
            "collected": [
                {
                    "at": self.utc(one.at_s),
                    "element": one.element + 1,
                    "digits": one.digits,
                    "transports": [transport.value for transport in one.transports],
                }
                for one in self.collected
            ],
            "recording": None
            if self.recording is None
            else {
                "path": None if self.recording.path is None else str(self.recording.path),
                "reason": self.recording.reason,
                "duration_s": round(self.recording.duration_s, 3),
            },
            "tts": {"plays": self.speech.plays, "seconds": round(self.speech.conversion_s, 3)},
        }

    def _leg_json(self, leg: LegRecord) -> dict[str, object]:
        return {
            "number": leg.number,
            "display": leg.display,
            "calledAt": self.utc(leg.called_at_s),
            "rangAt": self.utc(leg.rang_at_s),
            "answeredAt": self.utc(leg.answered_at_s),
            "endedAt": self.utc(leg.ended_at_s),
            "q850": leg.q850,
            "sipStatus": leg.sip_status,
            "rejectedPackets": leg.rejected_packets,
        }


def fold(
    session: str,
    parties: Mapping[Party, Called],
    history: History,
    *,
    utc_offset_s: float,
    recording: RecordingRecord | None = None,
    rejected_packets: Mapping[Party, int | None] = MappingProxyType({}),
) -> CallRecord:
    """Make the record of a finished call.

    Args:
        parties: everybody the call may have dialled, A at least.
        rejected_packets: by party; no flow decides by them, so they are not in the history.

    Raises:
        ValueError: the history has no end, or more than one.
    """
    closes = [entry for entry in history if isinstance(entry.what, CloseCall)]
    if len(closes) != 1:
        raise ValueError(f"session {session}: {len(closes)} ends of call in its history, must be 1")
    (close,) = closes
    assert isinstance(close.what, CloseCall)

    def leg(party: Party) -> LegRecord:
        return _leg(party, parties[party], history, rejected_packets.get(party))

    return CallRecord(
        session=session,
        verdict=close.what.verdict,
        a=leg(Party.A),
        b=leg(Party.B) if Party.B in parties else None,
        started_at_s=history[0].at_s,
        ended_at_s=close.at_s,
        utc_offset_s=utc_offset_s,
        talk_started_at_s=next((entry.at_s for entry in history if isinstance(entry.what, OpenBridge)), None),
        recording=recording,
        collected=_collected(history),
    )


def plays_of(playables: Container[Playable], history: History) -> int:
    """How often any of them began to play to a party."""
    plays = 0
    cued: dict[Party, Playable | None] = {}
    for entry in history:
        match entry.what:
            case Dial(party, at_answer):
                cued[party] = at_answer
            case LegAnswered(party) if cued.get(party) in playables:
                plays += 1
            case Play(prompt=prompt) if prompt in playables:
                plays += 1
    return plays


def _collected(history: History) -> tuple[CollectedRecord, ...]:
    collected: list[CollectedRecord] = []
    element = 0
    transports: list[KeyTransport] = []
    for entry in history:
        match entry.what:
            case PromptEnded(prompt=Content(ended)):
                element = ended
            case Collect():
                transports = []  # of keys that did not count
            case DigitReceived(transport=transport):
                transports.append(transport)
            case Report(status=Status.COLLECT_INFO, digits=digits):
                collected.append(CollectedRecord(entry.at_s, element, digits, tuple(transports)))
    return tuple(collected)


def _leg(party: Party, called: Called, history: History, rejected_packets: int | None) -> LegRecord:
    reported: dict[Status, float] = {}
    called_at_s: float | None = None
    ended_at_s: float | None = None
    q850 = sip_status = 0
    lost = False
    for entry in history:
        match entry.what:
            case Dial(party=dialled) if dialled is party:
                called_at_s = entry.at_s
            case Report(status=status, party=reporting) if reporting is party:
                reported.setdefault(status, entry.at_s)
            case MediaLost(party=silent) if silent is party and ended_at_s is None:
                lost = True
            case LegHungUp(party=gone, cause=cause) if gone is party and ended_at_s is None:
                ended_at_s, q850, sip_status = entry.at_s, cause.q850, cause.sip_status
                # The stack tells of our BYE that the leg was cleared as it should be.
                q850 = Q850_MEDIA_LOST if lost else q850
    return LegRecord(
        number=called.number,
        display=called.display,
        called_at_s=called_at_s,
        rang_at_s=reported.get(Status.ALERTING),
        answered_at_s=reported.get(Status.ANSWER),
        ended_at_s=ended_at_s,
        q850=q850,
        sip_status=sip_status,
        rejected_packets=rejected_packets,
    )


def _name(code: int) -> str:
    try:
        return StateCode(code).name.lower().replace("_", " ")
    except ValueError:
        return f"code {code}"
