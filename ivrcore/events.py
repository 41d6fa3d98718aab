"""What a flow is told: past tense, frozen, without time. The runner keeps the times."""

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias


class Party(Enum):
    """The two ends of a callback: A is called first, B second."""

    A = "A"
    B = "B"

    @property
    def other(self) -> "Party":
        """The other end."""
        return Party.B if self is Party.A else Party.A


class Prompt(Enum):
    """What the platform plays in a callback (FAQ 6.2)."""

    PRE_VOICE = "preVoice"
    WAIT_VOICE = "waitVoice"
    RINGBACK = "ringback"
    RECORD_HINT = "recordHintTone"
    LAST_MINUTE = "lastMinVoice"


class Spoken(Enum):
    """What the platform plays in a verification call (FAQ 6.2)."""

    PRE_TONE = "preTone"
    CODE = "code"
    POS_TONE = "posTone"


@dataclass(frozen=True)
class Content:
    """The content of one element of a notification; elements count from 0."""

    element: int

    @property
    def value(self) -> str:
        """Its name in histories and in what was heard."""
        return f"element {self.element + 1}"


Playable: TypeAlias = Prompt | Spoken | Content
"""Whatever a flow can have played; each has a `value`, its name."""


class Timer(Enum):
    """The timers of the flows."""

    RING = "ring"
    DRAIN = "drain"
    WARNING = "warning"
    LIMIT = "limit"
    MINIMUM_TALK = "minimum talk"
    RELEASE = "release"


@dataclass(frozen=True)
class Cause:
    """Why a leg ended, as far as a flow needs it."""

    q850: int
    sip_status: int
    state_code: int


@dataclass(frozen=True)
class LegRang:
    """The party's telephone rings (180)."""

    party: Party


@dataclass(frozen=True)
class FailureAnnounced:
    """A provisional response said that the call is failing; what follows in band announces it."""

    party: Party


@dataclass(frozen=True)
class EarlyMediaStarted:
    """Audio of the party's side really arrives before its answer."""

    party: Party


@dataclass(frozen=True)
class LegAnswered:
    """The party answered."""

    party: Party


@dataclass(frozen=True)
class LegHungUp:
    """The leg is over, by whomever."""

    party: Party
    cause: Cause
    by_remote: bool = True


@dataclass(frozen=True)
class MediaLost:
    """The party answered, and nothing comes from its telephone any more: neither audio nor reports (RTCP)."""

    party: Party


@dataclass(frozen=True)
class PromptEnded:
    """The last sample of a prompt left for the party."""

    party: Party
    prompt: Playable


@dataclass(frozen=True)
class PromptFailed:
    """A prompt could not be played to the party."""

    party: Party
    prompt: Playable


@dataclass(frozen=True)
class CaptureFailed:
    """The recording could not be started."""


class KeyTransport(Enum):
    """By what a key was told first."""

    RFC4733 = "rfc4733"
    INFO = "info"
    IN_BAND = "in-band"


@dataclass(frozen=True)
class DigitReceived:
    """The party pressed a key. No flow decides by `transport`; records tell it."""

    party: Party
    digit: str = field(repr=False)
    transport: KeyTransport = KeyTransport.RFC4733


@dataclass(frozen=True)
class DigitsCollected:
    """A collection ended: with its digits, or with none when no key came in time."""

    party: Party
    digits: str = field(repr=False)


@dataclass(frozen=True)
class StopOrdered:
    """The customer ended the call from outside (callStop)."""


@dataclass(frozen=True)
class TimerExpired:
    """A timer of the flow ran out."""

    timer: Timer


Event: TypeAlias = (
    LegRang
    | FailureAnnounced
    | EarlyMediaStarted
    | LegAnswered
    | LegHungUp
    | MediaLost
    | PromptEnded
    | PromptFailed
    | CaptureFailed
    | DigitReceived
    | DigitsCollected
    | StopOrdered
    | TimerExpired
)


class IllegalEventError(RuntimeError):
    """An event the flow has neither a rule nor an excuse for: our bug."""

    def __init__(self, state: object, event: object) -> None:
        super().__init__(f"{type(state).__name__} has no rule for {event!r}")
