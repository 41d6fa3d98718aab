"""How many calls at once one core carries: ours and Asterisk 22 on the same core, until a step fails.

    python benchmarks/knee.py [--who ours|asterisk] [--kind record|prompt] [--quick]
                              [--start N] [--step N] [--window S] [--listen N]

Question: the largest number of concurrent recorded callbacks (two legs each), and of one-leg calls that hear
a prompt, with every call set up, no packet lost, 99.9 % of the gaps between two packets of a telephone at
40 ms or less, 99 % of the packets bit by bit as they were said, and every recording growing as fast as time.
Unit: calls on one core. Budget: 2.5 × Asterisk recorded, 1.5 × Asterisk prompts.

Calls are added to those that are up already, in steps that become smaller as the processor's time runs out,
and looked at for a window each; after the step that fails, the room between it and the last good one is
halved, each time from no call on. At last the knee is run once more from no call on, and what 20 calls'
telephones hear is identified by fingerprint: the other party from the first to the last second, with no gap
of 40 ms or more. Frames that a jitter buffer put in or left out are no gap; they are counted and said.

A step in which the generator itself was late (it counts that, see rtp_load.c) is looked at again, and proves
nothing if it stays so; one that failed is looked at once more. A process of ours has room for 500 callbacks
(1024 legs are compiled in); beyond, a second one on the same core takes the rest.
"""

import argparse
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import second_opinion  # noqa: E402
from benchmarks.calls_run import (  # noqa: E402
    SETTLE_S,
    SUBJECTS,
    VOICE_A,
    VOICE_B,
    VOICE_PROMPT,
    Run,
    Step,
)
from benchmarks.knee_ears import Ear, listened  # noqa: E402
from benchmarks.results import Row  # noqa: E402

TITLES = {"record": "concurrent recorded callbacks", "prompt": "concurrent prompt playback"}
BUDGETS = {"record": "≥ 2.5 × Asterisk", "prompt": "≥ 1.5 × Asterisk"}
MOST = {"ours": 1500, "asterisk": 800}
"""Calls: as far as there are ports for the telephones and the subject."""

EVERY_S = 0.04
SAMPLED = 20
REPEATS = 5
"""Tries of the knee from no call on."""

FULL_PERCENT = 95.0
"""Of one core: what real-time threads get on Linux by default (sched_rt_runtime_us)."""

Tell = Callable[[str], None]


@dataclass(frozen=True)
class Plan:
    """How one knee is looked for.

    Attributes:
        start: calls of the first step; `step`: the smallest step.
        window_s: of each step.
        share: the last good and the first bad step may be so far apart, in parts of the good one.
        listen: sampled calls whose audio is identified at the knee; 0: none, and the knee is not run again.
        looks: at a step that goes wrong.
    """

    who: str
    kind: str
    start: int = 100
    step: int = 20
    window_s: float = 10.0
    share: float = 0.04
    every_s: float = EVERY_S
    listen: int = SAMPLED
    looks: int = 3


@dataclass(frozen=True)
class Knee:
    """What was found.

    Attributes:
        calls: that were carried; 0 when not even the first step was.
        good: the step that carried them; `bad`: the first that failed, None when there was no room for more.
        ears: sampled telephones that were listened to.
        processes: of the subject, at the knee.
    """

    calls: int
    good: Step | None = None
    bad: Step | None = None
    ears: tuple[Ear, ...] = ()
    processes: int = 1

    @property
    def whole(self) -> int:
        """Sampled telephones that heard everything."""
        return sum(not ear.wrong for ear in self.ears)

    @property
    def note(self) -> str:
        """For the page."""
        said = []
        if self.good is not None and self.good.counts is not None:
            parties = self.good.counts.parties
            received = sum(party.received for party in parties)
            unlike = received - sum(party.known for party in parties)
            said.append(f"{self.good.core_percent:.0f} % of the core, {self.processes} process(es)")
            said.append(f"gap p99.9 {max(party.gap_p999_ms for party in parties):.0f} ms")
            said.append(f"{unlike} of {received} packets unlike what was said")
        if self.bad is None:
            said.append("no room for more telephones")
        else:
            said.append(f"{self.bad.calls} failed: {', '.join(self.bad.faults or self.bad.generator_faults)}")
        if self.ears:
            heard = f"{self.whole} of {len(self.ears)} sampled ears heard everything"
            said.append(f"fingerprints: {heard}, {slips_of(self)} slips of a jitter buffer")
        return "; ".join(said)


def next_step(calls: int, core_percent: float, step: int) -> int:
    """How many calls to look at after so many were carried at this cost: half of the way to a full core.

    Whole steps, one at the least.
    """
    room = calls * (FULL_PERCENT - core_percent) / max(core_percent, 0.1)
    return calls + max(step, int(room / 2) // step * step)


def narrow(good: int, bad: int, share: float, carries: Callable[[int], bool]) -> int:
    """The largest number known to be carried, when the first that is not is within this share of it."""
    while bad - good > max(1.0, share * good):
        middle = (good + bad) // 2
        if carries(middle):
            good = middle
        else:
            bad = middle
    return good


def carried(step: Step) -> bool:
    """Whether the subject was seen to carry these calls."""
    return not step.faults and not step.generator_faults


def look(step: Callable[[], Step], looks: int, tell: Tell) -> Step:
    """A step; again when the generator was late, and once more when it failed: a hiccup is no knee.

    Args:
        step: looks for a window.
        looks: at the most.
    """
    failed = False
    for _ in range(looks):
        found = step()
        void = found.generator_faults
        tell(f"{found}: {'void: ' if void else ''}{', '.join(void or found.faults) or 'carried'}")
        if not void and (failed or not found.faults):
            break
        failed = failed or not void
    return found


class Search:
    """Looks for one subject's knee."""

    def __init__(self, folder: Path, plan: Plan, tell: Tell) -> None:
        self._folder, self._plan, self._tell = folder, plan, tell
        self._runs = 0
        self._good: Step | None = None
        self._bad: Step | None = None
        self._processes = 1
        self.version = ""

    def find(self) -> Knee:
        """The knee; takes minutes."""
        plan = self._plan
        good, bad = self._climb()
        if bad:
            good = narrow(good, bad, plan.share, self._carries)
        knee = Knee(good, self._good, self._bad, processes=self._processes)
        if not good or not plan.listen:
            return knee
        for _ in range(REPEATS):
            step, ears = self._listen(good)
            if carried(step):
                return Knee(good, step, self._bad, ears, self._processes)
            self._bad = step
            good -= max(1, round(plan.share * good))
        return Knee(0, self._good, self._bad)

    def _run(self, calls: int) -> Run:
        plan = self._plan
        self._runs += 1
        # A search climbs for a dozen windows at the most; the files of a service end at 2 MB, which is 250 s.
        long_s = min(240.0, calls * plan.every_s + 12 * (plan.window_s + SETTLE_S) + 30.0)
        return Run(
            self._folder / f"{plan.kind}-{plan.who}-{self._runs}",
            plan.who,
            plan.kind,
            most=calls,
            every_s=plan.every_s,
            prompt_s=long_s,
        )

    def _look(self, run: Run) -> Step:
        step = look(lambda: run.step(self._plan.window_s), self._plan.looks, self._tell)
        self._note(step, run)
        return step

    def _note(self, step: Step, run: Run) -> None:
        if not carried(step):
            if self._bad is None or step.calls <= self._bad.calls:
                self._bad = step
        elif self._good is None or step.calls >= self._good.calls:
            self._good, self._processes = step, len(run.subject.pids)

    def _climb(self) -> tuple[int, int]:
        """The last good and the first bad number of calls of one run, 0 for none."""
        plan, most = self._plan, MOST[self._plan.who]
        good, calls = 0, min(plan.start, most)
        with self._run(most) as run:
            self.version = run.subject.version
            while True:
                run.more(calls - good)
                step = self._look(run)
                if not carried(step):
                    break
                if calls >= most:
                    good, calls = calls, 0
                    break
                good, calls = calls, min(most, next_step(calls, step.core_percent, plan.step))
        shutil.rmtree(self._folder, ignore_errors=True)
        return good, calls

    def _carries(self, calls: int) -> bool:
        """From no call on."""
        with self._run(calls) as run:
            run.more(calls)
            step = self._look(run)
        shutil.rmtree(self._folder, ignore_errors=True)
        return carried(step)

    def _listen(self, calls: int) -> tuple[Step, tuple[Ear, ...]]:
        """The knee again, from no call on: its step, and what sampled telephones heard."""
        plan = self._plan
        voices = (VOICE_PROMPT,) if plan.kind == "prompt" else (VOICE_B, VOICE_A)
        with self._run(calls) as run:
            run.more(calls)
            assert run.phones is not None
            rtp = run.phones.rtp
            sampled = sorted({number * calls // plan.listen for number in range(plan.listen)})
            files = [(voice, rtp.keep(party, call)) for party, voice in enumerate(voices) for call in sampled]
            step = self._look(run)
            rtp.end()
        ears = tuple(listened(file, voice) for voice, file in files) if carried(step) else ()
        shutil.rmtree(self._folder, ignore_errors=True)
        for ear in ears:
            if ear.wrong:
                self._tell(f"{ear.name}: {ear.wrong}")
        return step, ears


def measure(quick: bool, tell: Tell, kinds: tuple[str, ...] = ("record", "prompt")) -> list[Row]:
    """Knees of both subjects as rows of the page, and how far another generator agrees with this one.

    quick: recorded callbacks only, coarsely, by this generator alone.
    """
    rows = []
    for kind in kinds[:1] if quick else kinds:
        knees = {}
        for who in SUBJECTS:
            knees[who] = find(quick_plan(who, kind) if quick else Plan(who, kind), tell)
        rows += rows_of(kind, knees)
    if not quick:
        rows += second_opinion.measure(tell, repeat=2)
    return rows


def quick_plan(who: str, kind: str) -> Plan:
    """In less than a minute."""
    start = 400 if who == "ours" else 160
    return Plan(who, kind, start=start, step=40, window_s=4.5, share=1.0, every_s=0.02, listen=0, looks=2)


def find(plan: Plan, tell: Tell) -> Knee:
    """One knee, in a folder of its own."""
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="knee-"))
        knee = Search(Path(folder) / "runs", plan, tell).find()
    tell(f"{TITLES[plan.kind]}, {plan.who}: {knee.calls} ({knee.note})")
    return knee


def rows_of(kind: str, knees: dict[str, Knee]) -> list[Row]:
    """The knee, and the ears at it if there were any."""
    ours, theirs = knees["ours"], knees["asterisk"]
    rows = [
        Row(
            TITLES[kind],
            "calls on one core",
            float(ours.calls) or None,
            float(theirs.calls) or None,
            BUDGETS[kind],
            f"ours: {ours.note}. Asterisk: {theirs.note}",
        )
    ]
    if ours.ears:
        rows.append(
            Row(
                f"{TITLES[kind]}: sampled ears that heard all at the knee",
                "%",
                100.0 * ours.whole / len(ours.ears),
                100.0 * theirs.whole / len(theirs.ears) if theirs.ears else None,
                "≥ 100",
                "; ".join(f"{ear.name}: {ear.wrong}" for ear in ours.ears if ear.wrong)
                or f"no gap, no other voice; slips: ours {slips_of(ours)}, Asterisk {slips_of(theirs)}",
            )
        )
    return rows


def slips_of(knee: Knee) -> int:
    """Of all sampled ears."""
    return sum(ear.slips for ear in knee.ears)


def main() -> int:
    """Search, say."""
    parser = argparse.ArgumentParser(description="How many calls at once one core carries.")
    parser.add_argument("--who", choices=tuple(SUBJECTS), help="one of them alone")
    parser.add_argument("--kind", choices=tuple(TITLES), default="record")
    parser.add_argument("--quick", action="store_true", help="coarsely, in about a minute")
    parser.add_argument("--start", type=int, help="calls of the first step")
    parser.add_argument("--step", type=int, help="calls of the smallest step")
    parser.add_argument("--window", type=float, help="seconds of each step")
    parser.add_argument("--listen", type=int, help="calls to listen to at the knee")
    options = parser.parse_args()
    # A search that is stopped still takes its container and its telephones with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    for who in (options.who,) if options.who else SUBJECTS:
        base = quick_plan(who, options.kind) if options.quick else Plan(who, options.kind)
        plan = replace(
            base,
            start=options.start or base.start,
            step=options.step or base.step,
            window_s=options.window or base.window_s,
            listen=base.listen if options.listen is None else options.listen,
        )
        find(plan, lambda line: print(line, flush=True))
    return 0


if __name__ == "__main__":
    sys.exit(main())
