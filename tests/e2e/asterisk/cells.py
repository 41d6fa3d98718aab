"""The matrix: every callback that is tried over Asterisk, as one table.

A cell says what both robots do and what the customer ordered. What must come of it is nowhere written down
here: rules.py derives it from docs/media-behaviour.md. Times are as short as their rule allows.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

from tests.e2e.asterisk.robots import (
    ABSENT,
    BUSY,
    CONGESTION,
    DECLINED,
    INVALID_NUMBER,
    NETWORK_DOWN,
    NO_ANSWER,
    NO_RESPONSE,
    NOT_ACCEPTABLE,
    NUMBER_CHANGED,
    OUT_OF_ORDER,
    REJECTED,
    UNALLOCATED,
    Refusal,
    Robot,
)

MINUTE_S = 3.0
"""How long a minute of the limit lasts in a cell that has one."""

A = Robot(ring_s=0.2)
B = Robot(ring_s=0.15, stays_s=1.5)
"""The ordinary parties: both talk, and B ends the call after a second and a half."""


@dataclass(frozen=True)
class Cell:
    """One callback.

    Attributes:
        group, name: together its identity.
        a, b: what the parties do.
        media: calleeMedia.
        pre_voice, record, hint: preVoice is ordered, recordFlag, recordHintTone.
        limit_min, warned: maxDuration in minutes of MINUTE_S, 0 for none; lastMinToUE.
        ring_timeout_s: of each leg.
    """

    group: str
    name: str
    a: Robot = A
    b: Robot = B
    media: str = "all"
    pre_voice: bool = False
    record: bool = False
    hint: bool = False
    limit_min: int = 0
    warned: str = "both"
    ring_timeout_s: int = 60

    @property
    def id(self) -> str:
        """For pytest."""
        return f"{self.group}: {self.name}"


def cells() -> Iterator[Cell]:
    """The whole table."""
    yield from b_answers()
    yield from b_does_not_answer()
    yield from b_refuses()
    yield from a_answers()
    yield from a_does_not_answer()
    yield from a_leaves()
    yield from talks()
    yield from recordings()
    yield from limits()
    yield from keys()


def b_answers() -> Iterator[Cell]:
    """What A hears until B answers: calleeMedia against everything that may precede an answer."""
    for media in ("all", "none", "fail"):
        for progress in ("trying", "ringing", "mute", "tone", "music", "ringing+music", "mute+music"):
            b = replace(B, progress=progress, ring_s=1.2)
            yield Cell("B answers", f"{progress}, {media}", b=b, media=media)
        b = replace(B, ring_s=1.2)
        yield Cell("B answers", f"ringing after preVoice, {media}", b=b, media=media, pre_voice=True)
        b = replace(B, progress="music", ring_s=1.2)
        yield Cell("B answers", f"music after preVoice, {media}", b=b, media=media, pre_voice=True)
    for progress in ("trying", "ringing", "mute", "tone", "music", "ringing+music", "mute+music"):
        b = replace(B, progress=progress, ring_s=1.2, stays_s=3.0)
        name = f"{progress} between preVoice and hint"
        yield Cell("B answers", name, b=b, pre_voice=True, record=True, hint=True)


def b_does_not_answer() -> Iterator[Cell]:
    """B's ring timer, and the network's own."""
    for progress in ("trying", "ringing", "mute", "tone"):
        b = Robot(progress, ring_s=inf)
        yield Cell("B never answers", progress, b=b, ring_timeout_s=2)
    # Each second of the music is one chord; two of them with a jump between are too little to know it by.
    for progress in ("music", "ringing+music"):
        b = Robot(progress, ring_s=inf)
        yield Cell("B never answers", progress, b=b, ring_timeout_s=3)
    for media in ("none", "fail"):
        yield Cell("B never answers", f"ringing, {media}", b=Robot(ring_s=inf), media=media, ring_timeout_s=2)
        b = Robot("music", ring_s=inf)
        yield Cell("B never answers", f"music, {media}", b=b, media=media, ring_timeout_s=2)
    b = Robot(ring_s=inf)
    yield Cell("B never answers", "ringing after preVoice", b=b, pre_voice=True, ring_timeout_s=2)
    yield Cell("B never answers", "the network gives up", b=Robot(ring_s=1.5, refuses=NO_ANSWER))


def b_refuses() -> Iterator[Cell]:
    """B is refused: at once, after ringing, and by an announcement."""
    for name, refusal in REFUSALS.items():
        yield Cell("B is refused", name, b=Robot("trying", ring_s=0.0, refuses=refusal))
    yield Cell("B is refused", "declined after ringing", b=Robot(ring_s=1.0, refuses=DECLINED))
    yield Cell("B is refused", "busy after music", b=Robot("music", ring_s=1.5, refuses=BUSY))
    yield Cell(
        "B is refused", "busy after preVoice", b=Robot("trying", 0.0, BUSY), pre_voice=True, record=True
    )
    for media in ("all", "none", "fail"):
        b = Robot("announcement", ring_s=0.0, refuses=ABSENT)
        yield Cell("B is refused", f"absent by announcement, {media}", b=b, media=media)
    b = Robot("ringing+announcement", ring_s=0.0, refuses=UNALLOCATED)
    yield Cell("B is refused", "unallocated by announcement after ringing", b=b)


REFUSALS: dict[str, Refusal] = {
    "unallocated": UNALLOCATED,
    "busy": BUSY,
    "no response": NO_RESPONSE,
    "absent": ABSENT,
    "rejected": REJECTED,
    "number changed": NUMBER_CHANGED,
    "out of order": OUT_OF_ORDER,
    "invalid number": INVALID_NUMBER,
    "congestion": CONGESTION,
    "network down": NETWORK_DOWN,
    "not acceptable": NOT_ACCEPTABLE,
    "declined": DECLINED,
}


def a_answers() -> Iterator[Cell]:
    """What precedes A's answer changes nothing that A hears after it, preVoice from its first sample on."""
    for progress in ("trying", "ringing", "mute", "tone", "music", "ringing+music"):
        a, b = Robot(progress, ring_s=1.0), replace(B, stays_s=3.0)
        name = f"{progress}, then preVoice and hint"
        yield Cell("A answers", name, a=a, b=b, pre_voice=True, record=True, hint=True)
    for progress in ("ringing", "tone"):
        yield Cell(
            "A answers",
            f"{progress}, then waitVoice",
            a=Robot(progress),
            b=replace(B, ring_s=1.0),
            media="none",
        )


def a_does_not_answer() -> Iterator[Cell]:
    """B is never called."""
    for progress in ("trying", "ringing", "mute", "tone"):
        yield Cell(
            "A never answers", progress, a=Robot(progress, ring_s=inf), pre_voice=True, ring_timeout_s=2
        )
    for name in ("unallocated", "busy", "rejected", "network down"):
        yield Cell("A is refused", name, a=Robot("trying", ring_s=0.0, refuses=REFUSALS[name]), record=True)
    yield Cell("A is refused", "declined after ringing", a=Robot(ring_s=1.0, refuses=DECLINED))
    yield Cell("A is refused", "absent by announcement", a=Robot("announcement", 0.0, ABSENT))


def a_leaves() -> Iterator[Cell]:
    """A hangs up before it could talk."""
    rings = Robot(ring_s=inf)
    yield Cell("A leaves", "in preVoice", a=replace(A, stays_s=0.8), pre_voice=True)
    yield Cell("A leaves", "before B rings", a=replace(A, stays_s=1.0), b=replace(rings, progress="trying"))
    yield Cell("A leaves", "while B rings", a=replace(A, stays_s=1.5), b=rings)
    yield Cell("A leaves", "while B rings, none", a=replace(A, stays_s=1.5), b=rings, media="none")
    yield Cell("A leaves", "in B's music", a=replace(A, stays_s=1.5), b=replace(rings, progress="music"))
    yield Cell(
        "A leaves", "while B's 183 is silent", a=replace(A, stays_s=1.0), b=replace(rings, progress="mute")
    )
    yield Cell("A leaves", "while B rings after preVoice", a=replace(A, stays_s=3.0), b=rings, pre_voice=True)
    yield Cell("A leaves", "in the hint", a=replace(A, stays_s=1.2), record=True, hint=True)
    yield Cell("A leaves", "in the talk", a=replace(A, stays_s=2.5), b=replace(B, stays_s=inf))


def talks() -> Iterator[Cell]:
    """Whatever a party says or does not say, the other hears that and nothing else."""
    for says in ("silence", "nothing", "echo"):
        yield Cell("talk", f"A: {says}", a=replace(A, says=says), b=replace(B, stays_s=2.5))
        yield Cell("talk", f"B: {says}", b=replace(B, says=says, stays_s=2.5))
    yield Cell("talk", "both dead lines", a=replace(A, says="nothing"), b=replace(B, says="nothing"))
    yield Cell("talk", "ten seconds", b=replace(B, stays_s=10.0))
    yield Cell(
        "talk", "everything ordered", b=replace(B, stays_s=3.0), pre_voice=True, record=True, hint=True
    )


def recordings() -> Iterator[Cell]:
    """The 3.000 s below which a talk is not kept, who hangs up, and a hint before."""
    for talk_s in (2.7, 3.3):
        yield Cell("recording", f"B leaves after {talk_s} s", b=replace(B, stays_s=talk_s), record=True)
        a = replace(A, stays_s=B.ring_s + talk_s)
        yield Cell("recording", f"A leaves after {talk_s} s", a=a, b=replace(B, stays_s=inf), record=True)
        b = replace(B, stays_s=1.5 + talk_s)
        yield Cell("recording", f"hint and {talk_s} s", b=b, record=True, hint=True)
    yield Cell("recording", "B leaves in the hint", b=replace(B, stays_s=0.8), record=True, hint=True)
    b = replace(B, says="silence", stays_s=3.5)
    yield Cell("recording", "A talks to a silent B", b=b, record=True)
    b = replace(B, says="nothing", stays_s=3.5)
    yield Cell("recording", "A talks to a dead line", b=b, record=True)


def limits() -> Iterator[Cell]:
    """maxDuration and the last minute's warning, on a clock whose minutes are short."""
    stays = replace(B, stays_s=inf)
    for warned in ("toa", "tob", "both"):
        yield Cell("limit", f"two minutes, warned {warned}", b=stays, limit_min=2, warned=warned)
    yield Cell("limit", "two minutes, recorded after the hint", b=stays, limit_min=2, record=True, hint=True)
    yield Cell("limit", "one minute, warned as the talk begins", b=stays, limit_min=1, hint=True, record=True)
    yield Cell("limit", "B leaves before it", b=replace(B, stays_s=2.0), limit_min=2)


def keys() -> Iterator[Cell]:
    """Keys cross the bridge, by every way they may come and go, and only while it is open."""
    b = replace(B, stays_s=4.0)
    for mode, digits in (("rfc4733", "15#"), ("info", "90*"), ("inband", "37")):
        a = replace(A, keys=digits, mode=mode, after_s=1.5)
        yield Cell("keys", f"A by {mode}", a=a, b=b)
        yield Cell("keys", f"B by {mode}", b=replace(b, keys=digits, mode=mode))
    pressing_a = replace(A, keys="24", after_s=1.5)
    for mode in ("info", "inband"):
        yield Cell("keys", f"A by rfc4733 to a B of {mode}", a=pressing_a, b=replace(b, mode=mode))
    yield Cell("keys", "B by rfc4733 to an A of inband", a=replace(A, mode="inband"), b=replace(b, keys="68"))
    yield Cell("keys", "A while B rings", a=replace(A, keys="5", after_s=0.5), b=replace(B, ring_s=1.5))
    yield Cell("keys", "B in the hint", b=replace(b, keys="5", after_s=0.5), record=True, hint=True)


CELLS = tuple(cells())
