"""What a battery is made of: recordings with a known truth, and trains of keys.

Where a standard gives a rule, the point carries it.
Left out: running detectors on it (bench_dtmf.py) and real speech (dtmf_speech.py).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np

from media.dtmf import KEYS
from media.dtmf.testing import (
    Key,
    Law,
    Signal,
    key_signal,
    silence,
    through_line,
)
from media.types import Pcm16

Rule: TypeAlias = Literal["take", "refuse", "quiet", "sweep"]


@dataclass(frozen=True)
class Press:
    """A key in a recording, in samples."""

    digit: str
    start: int
    end: int


@dataclass(frozen=True)
class Point:
    """One point of a sweep.

    Attributes:
        family: what is swept.
        label: where on the sweep.
        audio: what the detector hears.
        presses: the truth.
        rule: take: a standard wants >= 99 % read; refuse: <= 1 %; quiet: no digit at all; sweep: no rule.
        lost: for each 20 ms frame whether it is a substitute, where that is known; else empty.
    """

    family: str
    label: str
    audio: Pcm16
    presses: tuple[Press, ...]
    rule: Rule
    lost: tuple[bool, ...] = ()


Draw: TypeAlias = Callable[[np.random.Generator, str], Key]
Alter: TypeAlias = Callable[[Signal, np.random.Generator], Signal]


def train(
    rng: np.random.Generator,
    draw: Draw,
    pause_ms: float = 50.0,
    n_keys: int = 96,
    same_pairs: bool | None = None,
    each: Alter | None = None,
) -> tuple[Signal, tuple[Press, ...]]:
    """A train of keys.

    Args:
        rng: source of order, phases and alignment.
        draw: makes the key of a digit.
        pause_ms: between keys; under 5 ms jitter of its own so that all alignments with the ticks occur.
        n_keys: how many.
        same_pairs: True: each digit twice running; False: never; None: as it comes, each digit as often.
        each: done to each key's signal (its length stays or the press's end moves with it).
    """
    digits = [KEYS[index % 16] for index in range(n_keys)]
    rng.shuffle(digits)
    if same_pairs:
        digits = [digit for digit in digits[: n_keys // 2] for _ in range(2)]
    elif same_pairs is False:
        for index in range(1, len(digits)):
            while digits[index] == digits[index - 1]:
                digits[index] = KEYS[int(rng.integers(16))]
    parts: list[Signal] = [silence(200 + rng.uniform(0, 20))]
    presses = []
    position = parts[0].size
    for index, digit in enumerate(digits):
        signal = key_signal(draw(rng, digit), rng)
        if each is not None:
            signal = each(signal, rng)
        presses.append(Press(digit, position, position + signal.size))
        # Only the pause that is not under test wanders; a swept pause (pairs) is exact.
        exact = same_pairs is False or (same_pairs and index % 2 == 0)
        gap = silence(pause_ms) if exact else silence(max(pause_ms, 50.0) + rng.uniform(0, 20))
        parts += [signal, gap]
        position += signal.size + gap.size
    parts.append(silence(200))
    return np.concatenate(parts), tuple(presses)


def plain(**changes: float) -> Draw:
    """Keys that differ from the default only in these fields."""

    def draw(_rng: np.random.Generator, digit: str) -> Key:
        return replace(Key(digit), **changes)  # type: ignore[arg-type]  # every field but digit is a float

    return draw


def corner(rng: np.random.Generator, digit: str) -> Key:
    """Anywhere within AT&T's column of Q.24, all limits at once."""
    twist_db = rng.uniform(-8, 4)
    low_dbm0 = rng.uniform(-25, -5) - min(twist_db, 0)
    return Key(
        digit,
        on_ms=40,
        low_dbm0=min(low_dbm0, -3.0),
        twist_db=twist_db,
        low_offset=rng.uniform(-0.015, 0.015),
        high_offset=rng.uniform(-0.015, 0.015),
    )


def make_point(
    family: str,
    label: str,
    made: tuple[Signal, tuple[Press, ...]],
    rule: Rule,
    law: Law = "alaw",
    over: Alter | None = None,
    rng: np.random.Generator | None = None,
) -> Point:
    signal, presses = made
    if over is not None and rng is not None:
        signal = over(signal, rng)
    return Point(family, label, through_line(signal, law), presses, rule)
