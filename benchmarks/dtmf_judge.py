"""Runs detectors over recordings of known truth and counts what each read: ours as a bank, spandsp beside it.

Left out: the recordings (dtmf_battery.py) and what is printed (bench_dtmf.py).
"""

from dataclasses import dataclass

import numpy as np

from benchmarks import dtmf_peer
from benchmarks.dtmf_points import Point
from media.dtmf import DtmfBank, DtmfDigit, DtmfOnset

TICK = 160


@dataclass(frozen=True)
class Heard:
    """One report: which digit, the sample it is assigned to a press by, and when it was known."""

    digit: str
    at: int
    known: int
    start_s: float = 0.0
    end_s: float = 0.0


@dataclass(frozen=True)
class Score:
    """Of one detector at one point: presses read exactly once, digits too many, presses."""

    read: int
    false: int
    presses: int

    @property
    def percent(self) -> float:
        """Read, 0 to 100."""
        return 100.0 * self.read / self.presses if self.presses else 0.0


def run_ours(points: list[Point], at_once: int = 64) -> list[list[Heard]]:
    """Every point a leg of a bank; legs of like length together."""
    results: list[list[Heard]] = [[] for _ in points]
    order = sorted(range(len(points)), key=lambda index: points[index].audio.size)
    for first in range(0, len(order), at_once):
        group = order[first : first + at_once]
        ticks = max(points[index].audio.size for index in group) // TICK + 10
        audio = np.zeros((len(group), ticks * TICK), dtype=np.int16)
        lost = np.zeros((len(group), ticks), dtype=bool)
        for row, index in enumerate(group):
            audio[row, : points[index].audio.size] = points[index].audio
            lost[row, : len(points[index].lost)] = points[index].lost
        bank = DtmfBank(len(group))
        open_at: dict[int, int] = {}
        for tick in range(ticks):
            flags = lost[:, tick] if lost[:, tick].any() else None
            for leg, event in bank.listen(audio[:, tick * TICK : (tick + 1) * TICK], flags):
                if isinstance(event, DtmfOnset):
                    open_at[leg] = (tick + 1) * TICK
                elif isinstance(event, DtmfDigit):
                    at = round(event.start_s * 8000)
                    heard = Heard(event.digit, at, open_at[leg], event.start_s, event.end_s)
                    results[group[leg]].append(heard)
    return results


def run_spandsp(points: list[Point], dial_tone_filter: bool) -> list[list[Heard]]:
    """spandsp on every point; a report belongs to the press that began at least 20 ms before."""
    return [
        [
            Heard(report.digit, report.known - TICK, report.known)
            for report in dtmf_peer.detect(point.audio, dial_tone_filter)
        ]
        for point in points
    ]


def judge(point: Point, heard: list[Heard], slack: int = 60) -> Score:
    """Assign every report to the latest press that had begun by then; a press is read if it got its digit
    alone."""
    got: list[list[str]] = [[] for _ in point.presses]
    starts = np.array([press.start for press in point.presses], dtype=np.int64)
    false = 0
    for report in heard:
        index = int(np.searchsorted(starts, report.at + slack, side="right")) - 1
        if index < 0:
            false += 1
        else:
            got[index].append(report.digit)
    read = sum(digits == [press.digit] for digits, press in zip(got, point.presses, strict=True))
    for digits, press in zip(got, point.presses, strict=True):
        false += max(0, len(digits) - (press.digit in digits))
    return Score(read, false, len(point.presses))


def meets(point: Point, score: Score) -> bool:
    """Whether the point's rule is met; sweeps have none."""
    if point.rule == "take":
        return score.percent >= 99.0 and score.false <= 0.01 * score.presses
    if point.rule == "refuse":
        return score.percent <= 1.0
    return point.rule == "sweep" or score.false == 0


def worse(point: Point, mine: Score, other: Score) -> bool:
    """Whether mine is worse beyond chance: more than 1 % fewer read (or more where it must refuse), or more
    false."""
    if point.rule == "quiet":
        return mine.false > other.false
    if point.rule == "refuse":
        return mine.percent > other.percent + 1.0
    return mine.percent < other.percent - 1.0 or mine.false > other.false + max(1, 0.01 * mine.presses)


def beyond(point: Point) -> bool:
    """Sweep points outside every standard's limits, where reading more is no merit."""
    if point.rule != "sweep":
        return False
    number = float(point.label.split()[0]) if point.label[0] in "+-0123456789" else 0.0
    if point.family.startswith("frequency"):
        return abs(number) > 2.0
    if point.family.startswith("twist"):
        return not -9 <= number <= 6
    if point.family.startswith("level"):
        return number < -44 or number > 3
    return point.family == "length" and number < 33


def timing(points: list[Point], heard: list[list[Heard]]) -> None:
    """Print errors of the edges and the delay to certainty over all presses that were read, ms."""
    rows = []
    for point, got in zip(points, heard, strict=True):
        if point.rule != "take":
            continue
        at = {report.at: report for report in got}
        keys = np.array(sorted(at), dtype=np.int64)
        for press in point.presses:
            near = keys[np.abs(keys - press.start) < 100] if keys.size else keys
            if near.size == 1 and at[int(near[0])].digit == press.digit:
                report = at[int(near[0])]
                rows.append(
                    (
                        report.start_s * 1000 - press.start / 8,
                        report.end_s * 1000 - press.end / 8,
                        (report.known - press.start) / 8,
                    )
                )
    if rows:
        errors = np.array(rows)
        low, middle, high = np.percentile(errors, [2.5, 50, 97.5], axis=0)
        for index, name in enumerate(("start error", "end error", "known after onset")):
            print(f"{name:18} {low[index]:6.2f} {middle[index]:6.2f} {high[index]:6.2f} ms (2.5, 50, 97.5 %)")
        for index, name in enumerate(("starts", "ends")):
            print(f"{name} within 1.5 ms {100 * np.mean(np.abs(errors[:, index]) <= 1.5):.1f} %")
