"""How everything around one call will behave, for tests: what flows.world lets happen to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from ivrcore.codes import StateCode
from ivrcore.events import Cause, EarlyMediaStarted, FailureAnnounced, LegRang, Party, Playable

CLEARED = Cause(16, 0, StateCode.HUNG_UP_AFTER_CONNECT)


class Early(Enum):
    """What a telephone may do before it answers."""

    RINGS = LegRang
    ANNOUNCES_FAILURE = FailureAnnounced
    SENDS_MEDIA = EarlyMediaStarted


@dataclass(frozen=True)
class Telephone:
    """How a party's leg behaves. Times in ms; None: never.

    Attributes:
        early: acts before the answer, each so long after the INVITE.
        answers_ms, refuses_ms: after the INVITE.
        hangs_up_ms: after its answer.
        keys_ms: key presses, after its answer.
        falls_silent_ms: after its answer; then it is noticed that nothing comes from it any more.
        refusal: the cause of a refusal.
        late_ms: how late the flow hears of its signalling; audio is noticed at once.
        release_ms: how long it goes on after a HangUp. None: it is never heard of again.
        echo_ms: everything it signals is reported again so much later.
    """

    early: tuple[tuple[int, Early], ...] = ()
    answers_ms: int | None = 0
    refuses_ms: int | None = None
    hangs_up_ms: int | None = None
    keys_ms: tuple[int, ...] = ()
    falls_silent_ms: int | None = None
    refusal: Cause = CLEARED
    late_ms: int = 0
    release_ms: int | None = 0
    echo_ms: int | None = None


@dataclass(frozen=True)
class Fate:
    """What becomes of a prompt.

    Attributes:
        length_ms: until its end; waitVoice and ringback loop.
        fails_ms: until its failure, None if it plays; 0 fails while it is prepared.
        echo_ms: its end is reported again so much later.
        crosses: a Stop of it crosses the report of its end.
    """

    length_ms: int = 1500
    fails_ms: int | None = None
    echo_ms: int | None = None
    crosses: bool = False


@dataclass(frozen=True)
class Pressed:
    """What one collection will bring.

    Attributes:
        digits: cut to the length that is asked for.
        after_ms: when it ends, from its beginning.
        crosses: its end is told even when the collection was given up meanwhile.
    """

    digits: str = ""
    after_ms: int = 5000
    crosses: bool = False


@dataclass(frozen=True, kw_only=True)
class Circumstances:
    """Everything that will happen to one call of its own accord. Further collections bring nothing."""

    telephones: Mapping[Party, Telephone]
    prompts: Mapping[tuple[Party, Playable], Fate] = field(default_factory=dict)
    collections: tuple[Pressed, ...] = ()
    stop_ms: int | None = None
    capture_fails_ms: int | None = None
    stale_timers: bool = False
