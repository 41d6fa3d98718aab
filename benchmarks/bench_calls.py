"""What a call costs: ours and Asterisk 22 in turn on one core, the load on the other.

    python benchmarks/bench_calls.py [--quick] [--calls N] [--window S] [--repeat N] [--output FILE]

Questions, each for n calls that are up at once:

    recorded call   processor time of a two-leg call that is recorded as A-law, in per cent of one core
                    (ours: callback with two captures; Asterisk: Dial and MixMonitor), over a steady window
    memory          growth of the proportional set size from no call to n recorded calls, KiB a call
    prompt          processor time of a one-leg call that hears a prompt, in per cent of one core
    short call      processor time of a whole one-leg call that plays half a second, ms; its inverse is what
                    one core could begin a second if nothing else limited it, which is no measured rate

Medians over the repeats; ratio: ours to Asterisk's. The subject is pinned to core 0, SIPp with its RTP
streams to core 1; subjects take turns. The load average stands beside every figure: a machine that does
other work gives noisy ones. Budgets: recorded call 0.35 × Asterisk, memory 1 ×, prompt 1 / 1.5 ×, short
call 1 / 0.6 ×.
CI only checks that it still runs.
"""

import argparse
import os
import platform
import shutil
import signal
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.calls_load import Usage, recorded_bytes, telephones  # noqa: E402
from benchmarks.calls_subjects import Asterisk, Job, Ours, Subject  # noqa: E402
from media.testsignal import talk  # noqa: E402
from media.wav import write_alaw  # noqa: E402

SUBJECTS: dict[str, type[Ours] | type[Asterisk]] = {"ours": Ours, "asterisk": Asterisk}
BUDGETS = {"recorded call": 0.35, "memory": 1.0, "prompt": 1 / 1.5, "short call": 1 / 0.6}
UNITS = {"recorded call": "% of a core", "memory": "KiB", "prompt": "% of a core", "short call": "ms"}
EVERY_S = 0.05
SETTLE_S = 2.0
SHORT_PROMPT_S = 0.5
ALAW_BYTES_S = 8000
WRITTEN_AT_ONCE_BYTES = 32768
"""By Asterisk: four seconds of a recording."""
NOT_MEASURED = (
    "knee of concurrent recorded callbacks, RTP loss and gaps",
    "prompt start after the answer",
    "delay that the bridge adds",
    "digit report latency",
    "two workers on two cores",
)


@dataclass(frozen=True)
class Figure:
    """One measured value. `whole`: recordings that grew as fast as time, of those that there should be."""

    what: str
    who: str
    value: float
    calls: int
    load_average: float
    whole: str = ""


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    calls: int
    window_s: float
    repeat: int
    who: tuple[str, ...] = tuple(SUBJECTS)


def steady(subject: Subject, job: Job, who: str, window_s: float) -> list[Figure]:
    """Figures of calls that stay up."""
    before = Usage.of(subject.pid)
    subject.begin()
    time.sleep(SETTLE_S)
    began_s, first, lengths = time.monotonic(), Usage.of(subject.pid), recorded_bytes(subject.recordings)
    time.sleep(window_s)
    last, took_s = Usage.of(subject.pid), time.monotonic() - began_s
    now = recorded_bytes(subject.recordings)
    cost = 100 * (last.cpu_s - first.cpu_s) / took_s / job.calls
    load = os.getloadavg()[0]
    if job.kind == "prompt":
        return [Figure("prompt", who, cost, job.calls, load)]
    # All but the last block is in sight of a whole one; a call that is not up, or is silent, writes nothing.
    least = max(1.0, 0.98 * ALAW_BYTES_S * took_s - WRITTEN_AT_ONCE_BYTES)
    grown = sum(now.get(path, 0) - length >= least for path, length in lengths.items())
    whole = f"{grown} of {job.calls * (2 if who == 'ours' else 1)}"
    memory = (last.pss_kib - before.pss_kib) / job.calls
    return [
        Figure("recorded call", who, cost, job.calls, load, whole),
        Figure("memory", who, memory, job.calls, load),
    ]


def short(subject: Subject, job: Job, who: str) -> list[Figure]:
    """Figure of calls that begin and end."""
    before = Usage.of(subject.pid)
    subject.begin()
    time.sleep(SHORT_PROMPT_S + SETTLE_S)
    cost_ms = 1000 * (Usage.of(subject.pid).cpu_s - before.cpu_s) / job.calls
    return [Figure("short call", who, cost_ms, job.calls, os.getloadavg()[0])]


def measure(folder: Path, plan: Plan) -> tuple[list[Figure], dict[str, str]]:
    """All figures, and who was measured; says each figure as it comes."""
    figures: list[Figure] = []
    versions: dict[str, str] = {}
    long_s = plan.calls * EVERY_S + plan.window_s + 15.0
    prompts = {"steady": folder / "steady.wav", "short": folder / "short.wav"}
    write_alaw(prompts["steady"], talk(2, long_s))
    write_alaw(prompts["short"], talk(2, SHORT_PROMPT_S))
    for repeat in range(plan.repeat):
        for what in ("record", "prompt", "short"):
            for who in plan.who:
                place = folder / f"{repeat}-{what}-{who}"
                kind = "record" if what == "record" else "prompt"
                prompt = prompts["short" if what == "short" else "steady"]
                with telephones(place / "a", 0) as a, telephones(place / "b", 1) as b:
                    job = Job(kind, a, b, prompt, plan.calls, EVERY_S)
                    subject = SUBJECTS[who](place / who, job)
                    versions[who] = subject.version
                    try:
                        found = (
                            short(subject, job, who)
                            if what == "short"
                            else steady(subject, job, who, plan.window_s)
                        )
                    finally:
                        subject.end()
                shutil.rmtree(place, ignore_errors=True)
                figures += found
                for figure in found:
                    print(f"{repeat + 1}/{plan.repeat}  {line_of(figure)}", flush=True)
    return figures, versions


def line_of(figure: Figure) -> str:
    """For the screen."""
    whole = f"  recordings whole: {figure.whole}" if figure.whole else ""
    value = f"{figure.value:8.3f} {UNITS[figure.what]}"
    return f"{figure.what:14}{figure.who:10}{value:22}load {figure.load_average:.1f}{whole}"


def report(figures: list[Figure], versions: dict[str, str], plan: Plan, command: str) -> str:
    """The page: RESULTS.md."""
    lines = [
        "# What a call costs, beside Asterisk",
        "",
        f"Made by `{command}`: {plan.calls} calls, window {plan.window_s:.0f} s, repeats: {plan.repeat}.",
        "Method: the subject alone on core 0, SIPp with its RTP streams on core 1, in turn; processor time",
        "and proportional set size from /proc. Definitions stand at the top of `benchmarks/bench_calls.py`.",
        "",
        f"- Machine: {machine()}",
        *(f"- {who}: {version}" for who, version in versions.items()),
        "",
        "| figure | unit | ours | Asterisk | ratio | budget | load average |",
        "|---|---|---|---|---|---|---|",
    ]
    for what, budget in BUDGETS.items():
        of = {who: [f.value for f in figures if (f.what, f.who) == (what, who)] for who in SUBJECTS}
        if not all(of.values()):
            continue
        ours, theirs = (statistics.median(of[who]) for who in SUBJECTS)
        loads = [f.load_average for f in figures if f.what == what]
        ratio = f"{ours / theirs:.2f}" if theirs > 0 else "—"
        lines.append(
            f"| {what} | {UNITS[what]} | {ours:.3f} | {theirs:.3f} | {ratio} | ≤ {budget:.2f} "
            f"| {min(loads):.1f} to {max(loads):.1f} |"
        )
    whole = {who: [f.whole for f in figures if f.who == who and f.whole] for who in versions}
    lines += [
        "",
        *(
            f"Recordings that grew in step with time, {who}: {', '.join(each)}."
            for who, each in whole.items()
        ),
        "",
        "A load average well over 2 says that the machine did other work meanwhile: take such figures for an",
        "order of magnitude. Lower is better; a ratio's inverse is that of calls a core.",
        "What the telephones really sent is not counted: on a busy machine SIPp falls behind, and a program",
        "whose work follows the packets, as Asterisk's does, then looks cheaper than it is.",
        "",
        f"Not measured here: {'; '.join(NOT_MEASURED)}.",
        "",
    ]
    return "\n".join(lines)


def machine() -> str:
    """Processor, cores, kernel, Python."""
    models = [x for x in Path("/proc/cpuinfo").read_text().splitlines() if x.startswith("model name")]
    model = models[0].partition(": ")[2] if models else platform.machine()
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"


def main() -> int:
    """Measure, say, write down."""
    parser = argparse.ArgumentParser(description="What a call costs, beside Asterisk 22.")
    parser.add_argument("--quick", action="store_true", help="once, 30 calls, 10 s: under three minutes")
    parser.add_argument("--calls", type=int)
    parser.add_argument("--window", type=float, help="seconds of steady calls")
    parser.add_argument("--repeat", type=int)
    parser.add_argument("--output", type=Path, default=ROOT / "benchmarks/RESULTS.md")
    options = parser.parse_args()
    # A bench that is stopped still takes its container and its telephones with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    calls, window_s, repeat = (30, 10.0, 1) if options.quick else (100, 20.0, 3)
    plan = Plan(options.calls or calls, options.window or window_s, options.repeat or repeat)
    with tempfile.TemporaryDirectory(prefix="bench-calls-") as folder:
        figures, versions = measure(Path(folder), plan)
    overridden = any((options.calls, options.window, options.repeat))
    command = "make bench-quick" if options.quick else "make bench"
    if overridden:
        command = " ".join(("python benchmarks/bench_calls.py", *sys.argv[1:]))
    page = report(figures, versions, plan, command)
    options.output.write_text(page)
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
