"""Is it the subject that was measured, or the generator? The same load by rtp_load and by robots of Asterisk.

    python benchmarks/second_opinion.py [--who ours|asterisk] [--calls N] [--window S] [--repeat N]

Question: by how much do the costs of a recorded call differ, as each of the two generators finds them? Unit:
% of the larger one. Budget: 15 %. At a number of calls that the robots (benchmarks/robots.py) still carry on
the load's core; the knee of ours is beyond them. The generators take turns, so that a machine that slowly
becomes busy disturbs both alike; medians over the repeats.
"""

import argparse
import signal
import statistics
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.calls_run import SUBJECTS, Run  # noqa: E402
from benchmarks.results import Row  # noqa: E402

TITLE = "cost of a recorded call by another generator"
BUDGET = "≤ 15"
EVERY_S = 0.05

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Opinions:
    """Cost of a recorded call in per cent of a core, as each generator finds it."""

    rtp_load: float
    robots: float
    calls: int

    @property
    def apart_percent(self) -> float:
        """By how much they differ, in per cent of the larger one."""
        most = max(self.rtp_load, self.robots)
        return 100.0 * abs(self.rtp_load - self.robots) / most if most else 0.0

    def __str__(self) -> str:
        return f"{self.calls} calls: {self.rtp_load:.3f} % by rtp_load, {self.robots:.3f} % by robots"


def opinions(who: str, calls: int, window_s: float, repeat: int, tell: Tell) -> Opinions:
    """Both, in turn."""
    costs: dict[bool, list[float]] = {True: [], False: []}
    for number in range(repeat):
        for counted in costs:
            with (
                tempfile.TemporaryDirectory(prefix="second-opinion-") as folder,
                Run(
                    Path(folder) / "run",
                    who,
                    "record",
                    most=calls,
                    every_s=EVERY_S,
                    prompt_s=calls * EVERY_S + window_s + 15.0,
                    counted=counted,
                ) as run,
            ):
                run.more(calls)
                step = run.step(window_s)
            costs[counted].append(step.core_percent / calls)
            tell(f"{number + 1}/{repeat} {'rtp_load' if counted else 'robots':9}{step}")
    return Opinions(statistics.median(costs[True]), statistics.median(costs[False]), calls)


def measure(
    tell: Tell,
    *,
    who: tuple[str, ...] = tuple(SUBJECTS),
    calls: int = 100,
    window_s: float = 10.0,
    repeat: int = 3,
) -> list[Row]:
    """One row."""
    found = {name: opinions(name, calls, window_s, repeat, tell) for name in who}
    apart = {name: one.apart_percent for name, one in found.items()}
    note = "; ".join(f"{name}, {one}" for name, one in found.items())
    return [Row(TITLE, "% apart", apart.get("ours"), apart.get("asterisk"), BUDGET, note)]


def main() -> int:
    """Measure, say."""
    parser = argparse.ArgumentParser(description="The cost of a recorded call by two generators.")
    parser.add_argument("--who", choices=tuple(SUBJECTS), help="one of them alone")
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--window", type=float, default=10.0, help="seconds of steady calls")
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    rows = measure(
        lambda line: print(line, flush=True),
        who=(options.who,) if options.who else tuple(SUBJECTS),
        calls=options.calls,
        window_s=options.window,
        repeat=options.repeat,
    )
    for row in rows:
        print(f"{row.what}: ours {row.ours}, asterisk {row.asterisk} {row.unit} ({row.note})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
