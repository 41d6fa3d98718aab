"""Collecting keys: when it begins, when it ends, and what it brings.

    begin(rules)       -> (state, outputs)
    step(state, input) -> (state, outputs)

Pure: keys and expired waits come in, waits and the collected digits go out. Whoever drives it keeps the
time, and drops the state when the collection is given up: nothing of it lives on into the next one.
How a key is detected is not decided here (RFC 4733, INFO, `media.dtmf`).

Source: the service's notification (FAQ 6.11): a key counts that comes within 5 s after the content.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

MAX_LENGTH = 32
"""Digits of one collection (FAQ 6.11)."""

FIRST_DIGIT_MS = 5000
"""From the end of the content to the first key (FAQ 6.11)."""

INTER_DIGIT_MS = 5000
"""From one key to the next; the service publishes none, this is what its first wait suggests."""

KEYS = frozenset("0123456789*#ABCD")
"""The sixteen keys of ITU-T Q.23."""


@dataclass(frozen=True)
class Rules:
    """What is collected and how long it is waited for.

    Attributes:
        length: the collection ends with this many digits, 1 to 32.
        first_digit_ms: wait for the first key, from the end of the content.
        inter_digit_ms: wait for each further key.
        terminator: a key that ends the collection and is no part of it; "" for none, so that '#' is a digit.
        during_content: keys count while the content still plays; else they are ignored (FAQ 6.11).

    Raises:
        ValueError: a rule is out of its range; the text names it.
    """

    length: int
    first_digit_ms: int = FIRST_DIGIT_MS
    inter_digit_ms: int = INTER_DIGIT_MS
    terminator: str = ""
    during_content: bool = False

    def __post_init__(self) -> None:
        if not 1 <= self.length <= MAX_LENGTH:
            raise ValueError(f"a collection of {self.length} digits is not 1 to {MAX_LENGTH}")
        if self.first_digit_ms <= 0 or self.inter_digit_ms <= 0:
            raise ValueError("a collection waits longer than 0 ms for a key")
        if self.terminator and self.terminator not in KEYS:
            raise ValueError("the terminator of a collection is no key")


# ---- inputs


@dataclass(frozen=True)
class KeyPressed:
    """A key, once for each press.

    Raises:
        ValueError: no key of a telephone; the text does not quote it.
    """

    key: str = field(repr=False)

    def __post_init__(self) -> None:
        if self.key not in KEYS:
            raise ValueError("not a key of a telephone")


@dataclass(frozen=True)
class ContentEnded:
    """The last sample of the content left."""


@dataclass(frozen=True)
class WaitExpired:
    """The wait that was last asked for is over."""


Input: TypeAlias = KeyPressed | ContentEnded | WaitExpired


# ---- outputs


@dataclass(frozen=True)
class StartWait:
    """Wait so long; replaces a wait that is running."""

    delay_ms: int


@dataclass(frozen=True)
class StopWait:
    """Take the running wait back."""


@dataclass(frozen=True)
class Collected:
    """The collection is over; no digits: nobody pressed a key in time."""

    digits: str = field(repr=False)


Output: TypeAlias = StartWait | StopWait | Collected


# ---- states


@dataclass(frozen=True)
class HearingContent:
    """The content plays. `digits`: pressed already, where the rules let them count."""

    rules: Rules
    digits: str = field(default="", repr=False)


@dataclass(frozen=True)
class Waiting:
    """The content is over and a wait runs."""

    rules: Rules
    digits: str = field(default="", repr=False)


@dataclass(frozen=True)
class Finished:
    """The digits have been told. Nothing changes any more."""

    digits: str = field(repr=False)


State: TypeAlias = HearingContent | Waiting | Finished
Step: TypeAlias = tuple[State, tuple[Output, ...]]


def begin(rules: Rules, *, content_plays: bool = False) -> Step:
    """A collection of its own, empty whatever was pressed before.

    Args:
        content_plays: the content still plays, ContentEnded will follow; else it has just ended.
    """
    if content_plays:
        return HearingContent(rules), ()
    return Waiting(rules), (StartWait(rules.first_digit_ms),)


def step(state: State, event: Input) -> Step:
    """One input; what does not fit the state changes nothing (an expiry that crossed a key, say)."""
    match state, event:
        case HearingContent(rules, digits), ContentEnded():
            return Waiting(rules, digits), (
                StartWait(rules.inter_digit_ms if digits else rules.first_digit_ms),
            )
        case HearingContent(rules), KeyPressed(key) if rules.during_content:
            return _pressed(state, key)
        case Waiting(), KeyPressed(key):
            return _pressed(state, key)
        case Waiting(_, digits), WaitExpired():
            return Finished(digits), (Collected(digits),)
    return state, ()


def _pressed(state: HearingContent | Waiting, key: str) -> Step:
    rules = state.rules
    ends = key == rules.terminator
    digits = state.digits if ends else state.digits + key
    waits = isinstance(state, Waiting)
    if ends or len(digits) == rules.length:
        return Finished(digits), ((StopWait(),) if waits else ()) + (Collected(digits),)
    if waits:
        return Waiting(rules, digits), (StartWait(rules.inter_digit_ms),)
    return HearingContent(rules, digits), ()
