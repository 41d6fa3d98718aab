"""The tests of Mitel's tape CM7291 on generated bursts, ours beside spandsp.

Bandwidth, twist, dynamic range, guard time and S/N as the tape's sheet counts them: numbers of responses.
Left out: the tape itself and its talk-off side, which are not to be had (see dtmf_spoken.py).
"""

from collections.abc import Callable, Iterable
from dataclasses import replace

import numpy as np

from benchmarks import dtmf_peer
from media.dtmf import detect
from media.dtmf.testing import Key, Signal, key_signal, noise, silence, through_line
from media.types import Pcm16

Detector = Callable[[Pcm16], int]
DIGITS = "159D"
"""Every row and every column once."""

LEVEL_DBM0 = -17.0
_PAUSE_MS = 50.0
_BURSTS_FOR_NOISE = 1000
MOST_RATIO_DB = 10
"""Where the search for the least S/N begins; spandsp's own test asks for 26 dB."""


def detectors() -> dict[str, Detector]:
    """How many digits each reports in a recording; spandsp where its library is."""
    found: dict[str, Detector] = {"ours": lambda pcm: len(detect(pcm))}
    if dtmf_peer.available():
        found["spandsp"] = lambda pcm: len(dtmf_peer.detect(pcm, False))
    return found


def bursts(keys: Iterable[Key], seed: int = 1) -> Signal:
    """Keys 50 ms apart, in silence."""
    rng = np.random.default_rng(seed)
    parts = [silence(100)]
    for key in keys:
        parts += [key_signal(key, rng), silence(_PAUSE_MS)]
    return np.concatenate([*parts, silence(100)])


def bandwidth(hears: Detector, digit: str, tone: str) -> tuple[float, float]:
    """Test 3: one tone 0.1 to 4 % off in steps of 0.1 %.

    Returns:
        Recognition bandwidth and its centre's offset, in per cent (sums of both sides over 10 and 20).
    """
    sides = []
    for sign in (1, -1):
        keys = []
        for step in range(1, 41):
            plain = Key(digit, low_dbm0=LEVEL_DBM0)
            off = sign * step / 1000
            keys.append(replace(plain, low_offset=off) if tone == "low" else replace(plain, high_offset=off))
        sides.append(hears(through_line(bursts(keys))))
    return (sides[0] + sides[1]) / 10, (sides[0] - sides[1]) / 20


def twist(hears: Detector, digit: str, weaker: str) -> float:
    """Test 4: one tone weaker by 0.1 to 20 dB in steps of 0.1 dB; the dB up to which it is read."""
    keys = []
    for step in range(1, 201):
        fall_db = step / 10
        if weaker == "high":
            keys.append(Key(digit, low_dbm0=-5, twist_db=-fall_db))
        else:
            keys.append(Key(digit, low_dbm0=-5 - fall_db, twist_db=fall_db))
    return hears(through_line(bursts(keys))) / 10


def dynamic_range(hears: Detector) -> float:
    """Test 5 as spandsp plays it: digit 1 from +3 dBm0 down, 1 dB weaker a burst; the dB."""
    return hears(through_line(bursts(Key("1", low_dbm0=3.0 - step) for step in range(54)))) - 1


def guard_time_ms(hears: Detector) -> float:
    """Test 6: 400 bursts of 49.9 ms down to 10 ms; the shortest that is read."""
    keys = (Key("1", on_ms=49.9 - step / 10, low_dbm0=LEVEL_DBM0) for step in range(400))
    return (500 - hears(through_line(bursts(keys)))) / 10


def least_ratio_db(hears: Detector) -> int | None:
    """Test 7: the least S/N per tone (white noise to 4 kHz) at which 1000 of 1000 bursts are read."""
    clean = bursts(Key("1", low_dbm0=LEVEL_DBM0) for _ in range(_BURSTS_FOR_NOISE))
    reached = None
    for ratio_db in range(MOST_RATIO_DB, -1, -1):
        rng = np.random.default_rng(100 + ratio_db)
        if hears(through_line(clean + noise(clean.size, LEVEL_DBM0 - ratio_db, rng))) != _BURSTS_FOR_NOISE:
            break
        reached = ratio_db
    return reached


def markdown() -> str:
    """The figures as a Markdown table."""
    by_name = detectors()
    rows: list[tuple[str, list[str]]] = []
    for tone in ("low", "high"):
        measured = [[bandwidth(hears, digit, tone) for digit in DIGITS] for hears in by_name.values()]
        widths = [" ".join(f"{width:.1f}" for width, _ in each) for each in measured]
        rows.append((f"3 recognition bandwidth, {tone} tone of 1 5 9 D, %", widths))
        worst = [f"{max((offset for _, offset in each), key=abs):+.2f}" for each in measured]
        rows.append((f"3 worst centre offset, {tone} tone, %", worst))
    for weaker, name in (("high", "low tone stronger"), ("low", "high tone stronger")):
        figures = [[twist(hears, digit, weaker) for digit in DIGITS] for hears in by_name.values()]
        rows.append((f"4 twist, {name}, dB", [f"{min(each):.1f} .. {max(each):.1f}" for each in figures]))
    rows.append(("5 dynamic range, dB", [f"{dynamic_range(hears):.0f}" for hears in by_name.values()]))
    rows.append(("6 guard time, ms", [f"{guard_time_ms(hears):.1f}" for hears in by_name.values()]))
    ratios = [least_ratio_db(hears) for hears in by_name.values()]
    rows.append(
        ("7 S/N per tone for 1000 of 1000, dB", ["never" if one is None else f"{one}" for one in ratios])
    )
    lines = ["| test | " + " | ".join(by_name) + " |", "|---|" + "---|" * len(by_name)]
    return "\n".join([*lines, *(f"| {name} | {' | '.join(figures)} |" for name, figures in rows)])
