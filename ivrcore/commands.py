"""What a flow orders: imperative, frozen. The runner alone carries them out."""

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias

from ivrcore.events import Cause, Party, Playable, Timer


class Status(Enum):
    """The service's status events (FAQ 9.2)."""

    CALLOUT = "callout"
    ALERTING = "alerting"
    ANSWER = "answer"
    COLLECT_INFO = "collectInfo"
    DISCONNECT = "disconnect"


@dataclass(frozen=True)
class Verdict:
    """How the whole call ended.

    Attributes:
        state_code: the service's hang-up cause.
        release_point: the service's ulFailReason, 0 for a normal end.
        ended_by: the party that hung up, None when the platform did.
        cause: of the leg that failed, None for a normal end.
    """

    state_code: int
    release_point: int = 0
    ended_by: Party | None = None
    cause: Cause | None = None


@dataclass(frozen=True)
class Dial:
    """Call a party. `at_answer` starts with its answer itself, in the first packet."""

    party: Party
    at_answer: Playable | None = None


@dataclass(frozen=True)
class HangUp:
    """End a leg, whatever its state."""

    party: Party
    q850: int = 16


@dataclass(frozen=True)
class Play:
    """Play a prompt to a party."""

    party: Party
    prompt: Playable


@dataclass(frozen=True)
class Stop:
    """Stop a prompt."""

    party: Party
    prompt: Playable


@dataclass(frozen=True)
class PassEarlyMedia:
    """Let A hear B's side before B's answer."""


@dataclass(frozen=True)
class OpenBridge:
    """Let both hear each other."""


@dataclass(frozen=True)
class CloseBridge:
    """Part the parties, early media included."""


@dataclass(frozen=True)
class LowerTalk:
    """Let a party hear the other one only underneath a prompt."""

    party: Party


@dataclass(frozen=True)
class RestoreTalk:
    """End of LowerTalk."""

    party: Party


@dataclass(frozen=True)
class StartRecording:
    """Capture what both parties say."""


@dataclass(frozen=True)
class FinishRecording:
    """End the capture; keep it as a file, or drop it and note why."""

    keep: bool


@dataclass(frozen=True)
class RelayDigit:
    """Send a key on to a party."""

    party: Party
    digit: str = field(repr=False)


@dataclass(frozen=True)
class Collect:
    """Collect up to `length` keys of a party; DigitsCollected comes when they are there, or time is up."""

    party: Party
    length: int


@dataclass(frozen=True)
class StopCollecting:
    """Give a collection up, without an event; fine when there is none."""

    party: Party


@dataclass(frozen=True)
class StartTimer:
    """Ask for TimerExpired after a while of the flow's clock; replaces a running one of that name."""

    timer: Timer
    delay_ms: int


@dataclass(frozen=True)
class CancelTimer:
    """Take a timer back; fine when it is not running."""

    timer: Timer


@dataclass(frozen=True)
class Report:
    """Tell the customer; `party` is None only for the end of the call, `digits` are those of collectInfo."""

    status: Status
    party: Party | None = None
    digits: str = field(default="", repr=False)


@dataclass(frozen=True)
class CloseCall:
    """The end-of-call record is due: exactly one in every call, and the last command of it."""

    verdict: Verdict


Command: TypeAlias = (
    Dial
    | HangUp
    | Play
    | Stop
    | PassEarlyMedia
    | OpenBridge
    | CloseBridge
    | LowerTalk
    | RestoreTalk
    | StartRecording
    | FinishRecording
    | RelayDigit
    | Collect
    | StopCollecting
    | StartTimer
    | CancelTimer
    | Report
    | CloseCall
)
