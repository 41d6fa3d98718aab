"""Calls a second of a one-leg IVR: answered, half a second of prompt, hung up by the program.

    python benchmarks/rate.py [--quick] [--who ours asterisk]

Question: the highest rate of new calls that one core carries, in calls/s: the last step of a rising ramp
before the first one with a fault. A step is in order when every call was set up and heard its whole prompt,
when 95 of 100 INVITEs were acknowledged within 50 ms (the telephones answer at once) and 95 of 100 prompts
began within 60 ms of the 200, and when the calls really came at the rate. A call is ordered as each program
takes it: ours by `Application.notify`, Asterisk by Originate of its manager interface and Playback.

The subject alone on core 0, the telephones on core 1; they talk from their answer on. Steps rise by a tenth
(a half in the short form); the figure is the mean of the repeats. A step that failed while the telephones
were late themselves is said to be their limit. Budget: 0.6 × Asterisk. CI only checks that it still runs.
"""

import argparse
import json
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.calls_load import LOAD_CORE, SUBJECT_CORE  # noqa: E402
from benchmarks.calls_subjects import Asterisk, Job  # noqa: E402
from benchmarks.far_end import Call, Line, Wire, on_core, own_engine, payload_of  # noqa: E402
from benchmarks.rate_steps import TELEPHONES_LATE, Seen, Step, faults, moments_s, ramp  # noqa: E402
from benchmarks.results import Row, table_of  # noqa: E402
from media.g711 import alaw_encode  # noqa: E402
from media.testsignal import talk  # noqa: E402
from media.wav import write_alaw  # noqa: E402

PROMPT_S = 0.5
PROMPT_PACKETS = 25
CALL_S = 1.5
"""From the begin of a call until it must be over."""
NO_SOUND = b"\x55\xd5"
START_S = 10.0
BUDGET = "≥ 0.6 × Asterisk"


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    steps: tuple[Step, ...]
    repeat: int
    who: tuple[str, ...] = ("ours", "asterisk")

    @classmethod
    def of(cls, quick: bool) -> "Plan":
        """Coarse and once, or fine and twice."""
        return cls(ramp(60, 1.5, 400, 1.0), 1) if quick else cls(ramp(50, 1.1, 450, 2.5), 2)


@dataclass(frozen=True)
class Reached:
    """What a ramp ended with.

    Attributes:
        rate: calls/s of the last step in order, 0 for none. why: what ended it.
        version: of the subject.
    """

    rate: float
    why: str
    version: str = field(default="", compare=False)


class Subject(Protocol):
    """What is measured."""

    version: str

    def begin(self) -> None:
        """Begin calls until the ramp is over or `stop`."""

    def stop(self) -> None:
        """Begin no more; from any thread."""

    def end(self) -> None:
        """End the program."""


class Ours:
    """benchmarks.rate_core."""

    def __init__(self, folder: Path, a: str, prompt: Path, steps: Sequence[Step]) -> None:
        folder.mkdir(parents=True)
        job = {
            "kind": "prompt",
            "a": a,
            "data": str(folder / "data"),
            "prompt": str(prompt),
            "steps": [[step.rate, step.seconds] for step in steps],
        }
        command = [sys.executable, "-m", "benchmarks.rate_core", json.dumps(job)]
        with own_engine():
            self._process = subprocess.Popen(
                ["taskset", "-c", str(SUBJECT_CORE), *command],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        self.pid = self._process.pid  # taskset becomes what it starts
        assert self._process.stdout is not None
        told = self._process.stdout.readline()
        if not told:
            raise RuntimeError("the core ended before its time (make engine?)")
        self.version = str(json.loads(told)["limits"])

    def begin(self) -> None:
        self._tell()

    def stop(self) -> None:
        self._tell()

    def _tell(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def end(self) -> None:
        self._process.kill()
        self._process.communicate()


class AsteriskAtRate(Asterisk):
    """Asterisk, with calls at moments of ours."""

    def __init__(self, folder: Path, a: str, prompt: Path, steps: Sequence[Step]) -> None:
        super().__init__(folder, Job("prompt", a, a, prompt, 1, 0.0))
        self._steps = steps
        self._stopped = False

    def begin(self) -> None:
        began_s = time.monotonic()
        for moment_s in moments_s(self._steps):
            time.sleep(max(0.0, began_s + moment_s - time.monotonic()))
            if self._stopped:
                return
            self.more(1)

    def stop(self) -> None:
        """See Subject."""
        self._stopped = True


SUBJECTS: dict[str, Callable[[Path, str, Path, Sequence[Step]], Subject]] = {
    "ours": Ours,
    "asterisk": AsteriskAtRate,
}


class Crowd(Line):
    """Telephones that answer at once and count the packets of the prompt."""

    def __init__(self, wire: Wire, prompt: bytes) -> None:
        super().__init__(wire)
        self._prompt = prompt
        self._first_s: dict[Call, float] = {}
        self._packets: dict[Call, int] = {}

    def on_packet(self, call: Call, at_s: float, data: bytes) -> None:
        payload = payload_of(data)
        if payload.strip(NO_SOUND) and payload in self._prompt:
            self._first_s.setdefault(call, at_s)
            self._packets[call] = self._packets.get(call, 0) + 1

    def seen(self, first: int, beyond: int) -> list[Seen]:
        """The calls from one number up to another, by the order in which they came."""
        return [
            Seen(
                call.invite.at_s,
                call.answered_s,
                call.acked_s,
                self._first_s.get(call),
                self._packets.get(call, 0),
            )
            for call in self.calls[first:beyond]
        ]


class Judge:
    """Looks at each step when its calls must be over, and stops the subject at the first one with a fault."""

    def __init__(
        self, crowd: Crowd, subject: Subject, steps: Sequence[Step], tell: Callable[[str], None]
    ) -> None:
        self._crowd = crowd
        self._subject = subject
        self._steps = steps
        self._tell = tell
        self._next = self._n_before = self._acts_before = self._late_before = 0
        self._end_s = 0.0
        self._began_s: float | None = None
        self.reached: Reached | None = None

    def over(self) -> bool:
        """Whether there is a result; asked all the time."""
        if self._began_s is None and self._crowd.calls:
            self._began_s = self._crowd.calls[0].invite.at_s
            self._end_s = self._began_s + self._steps[0].seconds
        if self._began_s is not None and self.reached is None and time.monotonic() > self._end_s + CALL_S:
            self._judge(self._steps[self._next])
        return self.reached is not None

    def _judge(self, step: Step) -> None:
        calls = self._crowd.seen(self._n_before, self._n_before + step.calls)
        found = faults(step, calls, PROMPT_PACKETS)
        wire = self._crowd.wire
        late = (wire.n_late - self._late_before) / max(1, wire.n_acts - self._acts_before)
        self._late_before, self._acts_before = wire.n_late, wire.n_acts
        self._tell(f"{step.rate:.0f} calls/s: {', '.join(found) or 'in order'}")
        before = self._steps[self._next - 1].rate if self._next else 0.0
        if found:
            limit = " (the telephones' own limit)" if late > TELEPHONES_LATE else ""
            self.reached = Reached(before, f"at {step.rate:.0f}: {', '.join(found)}{limit}")
            self._subject.stop()
            return
        self._next += 1
        self._n_before += step.calls
        if self._next == len(self._steps):
            self.reached = Reached(step.rate, "the ramp ended first")
            return
        self._end_s += self._steps[self._next].seconds


def highest_rate(folder: Path, who: str, steps: Sequence[Step], tell: Callable[[str], None]) -> Reached:
    """One ramp.

    Raises:
        RuntimeError: no call came.
    """
    folder.mkdir(parents=True)
    pcm = talk(2, PROMPT_S)
    prompt = folder / "prompt.wav"
    write_alaw(prompt, pcm)
    with Wire() as wire, on_core(LOAD_CORE):
        crowd = Crowd(wire, alaw_encode(pcm).tobytes())
        subject = SUBJECTS[who](folder / who, crowd.uri, prompt, steps)
        judge = Judge(crowd, subject, steps, lambda text: tell(f"{who}: {text}"))
        try:
            wire.serve(subject.begin, judge.over, START_S + sum(step.seconds for step in steps) + CALL_S)
        finally:
            subject.end()
    if judge.reached is None:
        raise RuntimeError(f"{who}: {len(crowd.calls)} calls came, and no result")
    return replace(judge.reached, version=subject.version)


def measure(
    quick: bool,
    tell: Callable[[str], None],
    plan: Plan | None = None,
    versions: dict[str, str] | None = None,
) -> list[Row]:
    """Ours and Asterisk in turn; `versions` learns who was measured."""
    plan = plan or Plan.of(quick)
    reached: dict[str, list[Reached]] = {who: [] for who in plan.who}
    with tempfile.TemporaryDirectory(prefix="bench-rate-") as name:
        for repeat in range(plan.repeat):
            for who in plan.who:
                reached[who].append(highest_rate(Path(name) / f"{repeat}-{who}", who, plan.steps, tell))
    if versions is not None:
        versions.update({who: each[0].version for who, each in reached.items()})
    means = {who: statistics.fmean(one.rate for one in each) for who, each in reached.items()}
    note = "; ".join(f"{who} ended {' and '.join(one.why for one in each)}" for who, each in reached.items())
    what = "calls a second of a one-leg IVR"
    return [Row(what, "calls/s", means.get("ours"), means.get("asterisk"), BUDGET, note)]


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description="Calls a second of a one-leg IVR.")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--who", nargs="+", choices=SUBJECTS, default=list(SUBJECTS))
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # a container must not be left behind
    print(table_of(measure(options.quick, print, replace(Plan.of(options.quick), who=tuple(options.who)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
