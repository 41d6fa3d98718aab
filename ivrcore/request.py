"""What a callback is asked to do: plain data, validated once.

Defaults and limits follow the service's click2Call parameters (FAQ sections 2.4, 6.2, 7.1, 7.5).
"""

from dataclasses import dataclass, replace
from enum import Enum


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
        if not 1 <= self.ring_timeout_s <= 600:
            raise RequestError(f"ring timeout {self.ring_timeout_s} s is not 1 to 600")
        # A hint without a recording has no effect (FAQ 6.2), and the flow need not ask twice.
        if self.record_hint and not self.record:
            object.__setattr__(self, "record_hint", False)

    def without_numbers(self) -> "CallbackRequest":
        """The same rules without the parties: what decides the flow's behaviour."""
        return replace(self, caller="A", callee="B", display_caller="", display_callee="")
