"""The requirements one a line: what each detector reaches on the battery, as a Markdown table.

Left out: the battery itself and the judging of single points.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from benchmarks.dtmf_judge import Score
from benchmarks.dtmf_points import Point

Reading: TypeAlias = Sequence[tuple[float, Score]]
"""A family's points as (place on the sweep, score), ascending."""


@dataclass(frozen=True)
class Row:
    """One requirement.

    Attributes:
        requirement: what is asked, with its source.
        family: which family answers it.
        figure: how the answer is read off the family's points.
    """

    requirement: str
    family: str
    figure: Callable[[Reading], str]


def number_of(label: str) -> float:
    """The first number of a label; 0 without one."""
    found = re.findall(r"[+-]?\d+\.?\d*", label)
    return float(found[0]) if found else 0.0


def reading(points: list[Point], scores: list[Score], family: str) -> Reading:
    """The points of a family in the order of the sweep."""
    pairs = [
        (number_of(point.label), score)
        for point, score in zip(points, scores, strict=True)
        if point.family == family
    ]
    return sorted(pairs, key=lambda pair: pair[0])


def span_around(centre: float) -> Callable[[Reading], str]:
    """The range around a harmless place over which at least 99 % are read."""

    def figure(points: Reading) -> str:
        places = [place for place, _ in points]
        good = [score.percent >= 99.0 for _, score in points]
        middle = min(range(len(places)), key=lambda index: abs(places[index] - centre))
        if not good[middle]:
            return "never"
        low = high = middle
        while low > 0 and good[low - 1]:
            low -= 1
        while high < len(places) - 1 and good[high + 1]:
            high += 1
        return f"{places[low]:g} .. {places[high]:g}"

    return figure


def from_on(points: Reading) -> str:
    """The least place from which on at least 99 % are read."""
    reached = "never"
    for place, score in reversed(points):
        if score.percent < 99.0:
            break
        reached = f"{place:g}"
    return reached


def up_to(points: Reading) -> str:
    """The greatest place up to which at least 99 % are read."""
    reached = "never"
    for place, score in points:
        if score.percent < 99.0:
            break
        reached = f"{place:g}"
    return reached


def none_outside(points: Reading) -> str:
    """The places nearest to the middle from which on outward at most 1 % are read."""
    below = above = "never"
    for place, score in points:
        if score.percent > 1.0:
            break
        below = f"{place:g}"
    for place, score in reversed(points):
        if score.percent > 1.0:
            break
        above = f"{place:g}"
    return f"{below} / {above}"


def none_up_to(points: Reading) -> str:
    """The greatest place up to which at most 1 % are read."""
    reached = "never"
    for place, score in points:
        if score.percent > 1.0:
            break
        reached = f"{place:g}"
    return reached


def worst(points: Reading) -> str:
    """The least percentage of the family, and digits too many."""
    return f"{min(score.percent for _, score in points):.1f} % ({sum(score.false for _, score in points)})"


def every(points: Reading) -> str:
    """All percentages in the order of the sweep."""
    return ", ".join(f"{score.percent:.0f}" for _, score in points)


def false(points: Reading) -> str:
    """Digits reported where there is none."""
    return str(sum(score.false for _, score in points))


def _dial(frequencies: str) -> Row:
    name = f"dial tone {frequencies} Hz over 60 ms digits: least DTMF/dial tone, dB (goal -18)"
    return Row(name, f"dial tone {frequencies}", from_on)


ROWS = (
    Row("low tone off frequency, % (Q.24: ±1.5)", "frequency low off", span_around(0)),
    Row("high tone off frequency, % (Q.24: ±1.5)", "frequency high off", span_around(0)),
    Row("both off frequency, % (goal ±2.0)", "frequency both off", span_around(0)),
    Row("both off frequency, none read from, % (Q.24: 3.5)", "frequency both off", none_outside),
    Row("low tone off, none read from, % (goal 2.75)", "frequency low off", none_outside),
    Row("high tone off, none read from, % (goal 2.75)", "frequency high off", none_outside),
    Row("±1.5 % and 2 Hz, 4 Hz on top, least read (ETSI; goal)", "frequency plus", worst),
    Row("twist, A-law, dB (Q.24: -8 .. +4)", "twist alaw", span_around(0)),
    Row("twist, mu-law, dB", "twist ulaw", span_around(0)),
    Row("level per tone, A-law, dBm0 (Q.24 0 .. -25, RFC 4733 -36)", "level alaw", span_around(-10)),
    Row("level per tone, mu-law, dBm0", "level ulaw", span_around(-10)),
    Row("level, none read up to, dBm0 (-55)", "level alaw", none_up_to),
    Row("tone length, all from, ms (Q.24: 40; goal 33)", "length", from_on),
    Row("tone length, none up to, ms (Q.24: 23; goal 26)", "length", none_up_to),
    Row("pause, same key, all from, ms (Q.24: 40; goal 28)", "pause, same key, 50 ms", from_on),
    Row("pause, other key, all from, ms (goal 5)", "pause, other key, 50 ms", from_on),
    Row("break bridged up to, ms (Q.24: 10; goal 20)", "interruption in 120 ms", up_to),
    Row("velocity, ms a digit (Q.24: 93; goal 65)", "velocity, 40 ms on", from_on),
    Row("S/N for 40 ms tones, dB (AT&T: 15; goal 6)", "noise, 40 ms", from_on),
    Row("S/N for 50 ms tones, dB (goal 6)", "noise, 50 ms", from_on),
    Row("S/N for 100 ms tones, dB (goal 4)", "noise, 100 ms", from_on),
    Row("corners, A-law, % read at S/N 12, 15, 20, 25, 40 dB", "corners alaw", every),
    Row("corners, mu-law, same", "corners ulaw", every),
    _dial("350+440"),
    _dial("425"),
    _dial("350+450"),
    _dial("400"),
    _dial("440"),
    Row("echo 10 dB down, 2..20 ms late, least read (Q.24)", "echo -10 dB", worst),
    Row("echo 8 dB down, least read", "echo -8 dB", worst),
    Row("echo 6 dB down, least read", "echo -6 dB", worst),
    Row("one frame zeroed in 60, 80, 100, 200 ms, % read", "one frame zeroed", every),
    Row("the same, loss known", "one frame zeroed, known", every),
    Row("one frame repeated in 60, 80, 100, 200 ms, % read", "one frame repeated", every),
    Row("the same, loss known", "one frame repeated, known", every),
    Row("2, 5, 10 % of frames zeroed, 100 ms digits, % read", "frames zeroed at random", every),
    Row("2, 5, 10 % of frames repeated, 100 ms digits, % read", "frames repeated at random", every),
    Row("slips of -80 .. 80 samples in 100 ms, least read", "slip in 100 ms", worst),
    Row("hum 50 Hz, dB under a tone", "hum 50 Hz", from_on),
    Row("hum 60 Hz, dB under a tone", "hum 60 Hz", from_on),
    Row("constant offset 500, 2000, least read", "constant offset", worst),
    Row("third tone, dB under the pair (goal 6)", "third tone", from_on),
    Row("clicks, 20 a second, % read", "clicks", worst),
    Row("clipped by 3, 6, 9 dB, least read", "clipped", worst),
    Row("edges softened over 1, 3, 5 ms, least read", "soft edges", worst),
    Row("talker under 60 ms digits, dB (goal 12, stretch 9)", "talker, 60 ms", from_on),
    Row("talker under 100 ms digits, dB", "talker, 100 ms", from_on),
    Row("false digits: 20 minutes of synthetic talker", "false: synthetic talker", false),
    Row("false digits: 5 minutes of glides", "false: glides", false),
    Row("false digits: 10 minutes of chords", "false: sustained notes", false),
    Row("false digits: white noise, 2 minutes", "false: white noise", false),
    Row("false digits: half digits", "false: half digits", false),
    Row("false digits: progress tones", "false: progress tones", false),
    Row("false digits: pairs 4.5 to 6.8 % off", "false: other tone pairs", false),
)


def markdown(points: list[Point], scores: Sequence[list[Score]], names: Sequence[str]) -> str:
    """The table; figures in brackets are digits too many."""
    lines = ["| requirement | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for row in ROWS:
        read = [reading(points, each, row.family) for each in scores]
        figures = [row.figure(one) if one else "not run" for one in read]
        lines.append(f"| {row.requirement} | " + " | ".join(figures) + " |")
    return "\n".join(lines)
