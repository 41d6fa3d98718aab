"""What a call is asked to do: plain data, validated once.

Defaults and limits follow the service's parameters: click2Call (FAQ sections 2.4, 6.2, 7.1, 7.5),
callnotify (6.4, 6.6, 6.11, 8.4 to 8.9) and callVerify. What is played is chosen in ivrcore.sounds: here it
only matters that it is.
"""

from dataclasses import dataclass, field, replace
from enum import Enum, IntEnum


class RequestError(ValueError):
    """A request that cannot be carried out; the text is one line that names the parameter."""


class CalleeMedia(Enum):
    """What A hears of B's side before B answers."""

    ALL = "all"
    NONE = "none"
    FAIL = "fail"


class WarnedParty(Enum):
    """Who hears the last-minute warning (lastMinToUE)."""

    A = "toa"
    B = "tob"
    BOTH = "both"


MAX_DURATION_MIN = 1440
"""24 hours (FAQ 2.4)."""

MAX_ELEMENTS = 5
"""Of one notification (FAQ 6.6)."""

MAX_DIGITS = 32
"""Of one collection (FAQ 6.11)."""

MAX_CODE_DIGITS = 8
MAX_TIMES = 9

KEYS = frozenset("0123456789*#ABCD")


@dataclass(frozen=True)
class CallbackRequest:
    """One callback: call A, then B, bridge them.

    Attributes:
        caller, callee: A and B, as numbers or SIP URIs.
        display_caller, display_callee: the number A sees and the number B sees.
        play_pre_voice: play preVoice to A, whole, before B is called.
        wait_voice: loop for A while B is called; without it A hears silence.
        callee_media: what A hears of B's side before the answer.
        record: record the talk; `record_hint` is then played to both parties first.
        max_duration_min: 0 for no limit, else counted from B's answer.
        last_minute_to: who hears the last-minute warning.
        ring_timeout_s: how long each leg may ring.
    """

    caller: str
    callee: str
    display_caller: str
    display_callee: str
    play_pre_voice: bool = False
    wait_voice: bool = False
    callee_media: CalleeMedia = CalleeMedia.ALL
    record: bool = False
    record_hint: bool = False
    max_duration_min: int = 0
    last_minute_to: WarnedParty = WarnedParty.BOTH
    ring_timeout_s: int = 60

    def __post_init__(self) -> None:
        if not 0 <= self.max_duration_min <= MAX_DURATION_MIN:
            raise RequestError(f"maxDuration {self.max_duration_min} is not 0 to {MAX_DURATION_MIN} minutes")
        _check_ring_timeout(self.ring_timeout_s)
        # A hint without a recording has no effect (FAQ 6.2), and the flow need not ask twice.
        if self.record_hint and not self.record:
            object.__setattr__(self, "record_hint", False)

    def without_numbers(self) -> "CallbackRequest":
        """The same rules without the parties: what decides the flow's behaviour."""
        return replace(self, caller="A", callee="B", display_caller="", display_callee="")


@dataclass(frozen=True)
class NotificationElement:
    """One content of a notification, and what is done after it.

    Attributes:
        collect: so many keys are collected after the content, 1 to 32; 0 for none (collectInd).
        replay: play the content again after the collection; without a collection it has no effect.
        trigger: replay only when exactly this was pressed, "" for any input; without `replay` it has no
            effect. A trigger longer than `collect` is never met, as in the service.
    """

    collect: int = 0
    replay: bool = False
    trigger: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.collect <= MAX_DIGITS:
            raise RequestError(f"collectInd {self.collect} is not 0 to {MAX_DIGITS}")
        if len(self.trigger) > MAX_DIGITS or not KEYS.issuperset(self.trigger):
            raise RequestError(
                f"collectContentTriggerReplaying is not up to {MAX_DIGITS} of the keys 0 to 9, *, #, A to D"
            )
        # What has no effect (FAQ 6.11) is not there: the flow need not ask twice.
        if self.replay and not self.collect:
            object.__setattr__(self, "replay", False)
        if self.trigger and not self.replay:
            object.__setattr__(self, "trigger", "")


@dataclass(frozen=True)
class NotificationRequest:
    """One notification: call A, play the elements in order, collect keys where an element asks for them.

    Attributes:
        callee: A, as a number or SIP URI. display: the number A sees.
        elements: 1 to 5.
        ring_timeout_s: how long A may ring.
        max_replays: of an element that any input replays. A trigger needs no such end: A chooses.
        tell_before_replay: report the digits (collectInfo) also when they lead to a replay.
    """

    callee: str
    display: str
    elements: tuple[NotificationElement, ...]
    ring_timeout_s: int = 60
    max_replays: int = 10
    tell_before_replay: bool = True

    def __post_init__(self) -> None:
        if not 1 <= len(self.elements) <= MAX_ELEMENTS:
            raise RequestError(f"playInfoList of {len(self.elements)} elements is not 1 to {MAX_ELEMENTS}")
        if not 0 <= self.max_replays <= 100:
            raise RequestError(f"{self.max_replays} replays are not 0 to 100")
        _check_ring_timeout(self.ring_timeout_s)

    def without_numbers(self) -> "NotificationRequest":
        """The same rules without the party: what decides the flow's behaviour."""
        return replace(self, callee="A", display="")


class Language(IntEnum):
    """Of the spoken digits (languageType). The service publishes no values; these are ours."""

    CHINESE = 1
    ENGLISH = 2


@dataclass(frozen=True)
class VerificationRequest:
    """One verification code: call A and speak the code.

    Attributes:
        callee: A, as a number or SIP URI. display: the number A sees.
        code: 1 to 8 digits.
        language: in which they are spoken.
        has_pre_tone, has_pos_tone: something is played once before the code, or once after it.
        times: how often the code is spoken, 1 to 9; 0: until A hangs up.
        ring_timeout_s: how long A may ring.
    """

    callee: str
    display: str
    code: str = field(repr=False)
    language: Language = Language.CHINESE
    has_pre_tone: bool = False
    has_pos_tone: bool = False
    times: int = 3
    ring_timeout_s: int = 60

    def __post_init__(self) -> None:
        # isdecimal alone would take the digits of other scripts. The text must not quote the code.
        if not 1 <= len(self.code) <= MAX_CODE_DIGITS or not (self.code.isascii() and self.code.isdecimal()):
            raise RequestError(f"verifyCode is not 1 to {MAX_CODE_DIGITS} digits")
        if not 0 <= self.times <= MAX_TIMES:
            raise RequestError(f"times {self.times} is not 0 to {MAX_TIMES}")
        _check_ring_timeout(self.ring_timeout_s)

    def without_numbers(self) -> "VerificationRequest":
        """The same rules without the party and the code: what decides the flow's behaviour."""
        return replace(self, callee="A", display="", code="0")


def _check_ring_timeout(ring_timeout_s: int) -> None:
    if not 1 <= ring_timeout_s <= 600:
        raise RequestError(f"ring timeout {ring_timeout_s} s is not 1 to 600")
