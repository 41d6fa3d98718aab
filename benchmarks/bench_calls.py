"""What a call costs: ours and Asterisk 22 in turn on one core, the load on the other.

    python benchmarks/bench_calls.py [--quick] [--calls N] [--window S] [--repeat N] [--output FILE]

Questions, each for n calls that are up at once:

    recorded call   processor time of a two-leg call that is recorded as A-law, in per cent of one core
                    (ours: callback with two captures; Asterisk: Dial and MixMonitor), over a steady window
    memory          growth of the proportional set size from no call to n recorded calls, KiB a call
    prompt          processor time of a one-leg call that hears a prompt, in per cent of one core
    short call      processor time of a whole one-leg call that plays half a second, ms; its inverse is what
                    one core could begin a second if nothing else limited it, which is no measured rate

Medians over the repeats; ratio: ours to Asterisk's. The subject is pinned to core 0; SIPp and rtp_load, which
speaks, listens and counts on every telephone (benchmarks/rtp_load.c), to core 1; subjects take turns. The
page says how many packets a call really sent and heard: a program whose work follows the packets looks
cheaper than it is when they do not come. benchmarks/second_opinion.py asks another generator. The load
average stands beside every figure: a machine that does other work gives noisy ones. Budgets: recorded call
0.35 × Asterisk, memory 1 ×, prompt 1 / 1.5 ×, short call 1 / 0.6 ×.
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

from benchmarks.calls_load import Usage  # noqa: E402
from benchmarks.calls_run import SETTLE_S, SUBJECTS, Run, Step  # noqa: E402

BUDGETS = {"recorded call": 0.35, "memory": 1.0, "prompt": 1 / 1.5, "short call": 1 / 0.6}
UNITS = {"recorded call": "% of a core", "memory": "KiB", "prompt": "% of a core", "short call": "ms"}
EVERY_S = 0.05
SHORT_PROMPT_S = 0.5


@dataclass(frozen=True)
class Figure:
    """One measured value. `whole`: recordings that grew as fast as time, of those that there should be.

    `sent_a_call`, `heard_a_call`: packets a second at its telephones, 0.0 where nobody counted.
    """

    what: str
    who: str
    value: float
    calls: int
    load_average: float
    whole: str = ""
    sent_a_call: float = 0.0
    heard_a_call: float = 0.0


@dataclass(frozen=True)
class Plan:
    """How much is measured."""

    calls: int
    window_s: float
    repeat: int
    who: tuple[str, ...] = tuple(SUBJECTS)
    what: tuple[str, ...] = ("record", "prompt", "short")


def steady(run: Run, plan: Plan) -> list[Figure]:
    """Figures of calls that stay up."""
    before = Usage.of(run.subject.pid)
    run.more(plan.calls)
    step = run.step(plan.window_s)
    sent, heard = packets_a_call(step)
    kind, load = step.kind, step.load_average
    what = "recorded call" if kind == "record" else "prompt"
    cost = step.core_percent / plan.calls
    figures = [Figure(what, step.who, cost, plan.calls, load, step.whole, sent, heard)]
    if kind == "record":
        grown_kib = (Usage.of(run.subject.pid).pss_kib - before.pss_kib) / plan.calls
        figures.append(Figure("memory", step.who, grown_kib, plan.calls, load))
    return figures


def packets_a_call(step: Step) -> tuple[float, float]:
    """Packets a second that the telephones of one call sent, and that they heard."""
    if step.counts is None:
        return 0.0, 0.0
    share = step.calls * step.counts.window_s
    parties = step.counts.parties
    return sum(party.sent for party in parties) / share, sum(party.received for party in parties) / share


def short(run: Run, plan: Plan, who: str) -> list[Figure]:
    """Figure of calls that begin and end."""
    before = Usage.of(run.subject.pid)
    run.more(plan.calls)
    time.sleep(SHORT_PROMPT_S)
    cost_ms = 1000 * (Usage.of(run.subject.pid).cpu_s - before.cpu_s) / plan.calls
    return [Figure("short call", who, cost_ms, plan.calls, os.getloadavg()[0])]


def measure(folder: Path, plan: Plan) -> tuple[list[Figure], dict[str, str]]:
    """All figures, and who was measured; says each figure as it comes."""
    figures: list[Figure] = []
    versions: dict[str, str] = {}
    long_s = plan.calls * EVERY_S + plan.window_s + SETTLE_S + 15.0
    for repeat in range(plan.repeat):
        for what in plan.what:
            for who in plan.who:
                place = folder / f"{repeat}-{what}-{who}"
                with Run(
                    place,
                    who,
                    "record" if what == "record" else "prompt",
                    most=plan.calls,
                    every_s=EVERY_S,
                    prompt_s=SHORT_PROMPT_S if what == "short" else long_s,
                ) as run:
                    versions[who] = run.subject.version
                    found = short(run, plan, who) if what == "short" else steady(run, plan)
                shutil.rmtree(place, ignore_errors=True)
                figures += found
                for figure in found:
                    print(f"{repeat + 1}/{plan.repeat}  {line_of(figure)}", flush=True)
    return figures, versions


def line_of(figure: Figure) -> str:
    """For the screen."""
    whole = f"  recordings whole: {figure.whole}" if figure.whole else ""
    value = f"{figure.value:8.3f} {UNITS[figure.what]}"
    packets = f"  packets/s a call: {figure.sent_a_call:.1f} sent, {figure.heard_a_call:.1f} heard"
    counted = packets if figure.sent_a_call else ""
    return f"{figure.what:14}{figure.who:10}{value:22}load {figure.load_average:.1f}{counted}{whole}"


def report(figures: list[Figure], versions: dict[str, str], plan: Plan, command: str) -> str:
    """A page of its own, with packets and load averages."""
    lines = [
        "# What a call costs, beside Asterisk",
        "",
        f"Made by `{command}`: {plan.calls} calls, window {plan.window_s:.0f} s, repeats: {plan.repeat}.",
        "Method: the subject alone on core 0, the telephones on core 1 (SIPp, and rtp_load for RTP), in",
        "turn; processor time and proportional set size from /proc. Definitions stand at the top of",
        "`benchmarks/bench_calls.py`.",
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
        *(
            f"Packets a second and call at its telephones, {who}, {what}: {sent:.2f} sent, {heard:.2f} heard."
            for who, what, sent, heard in packets(figures)
        ),
        "",
        "A load average well over 2 says that the machine did other work meanwhile: take such figures for an",
        "order of magnitude. Lower is better; a ratio's inverse is that of calls a core.",
        "",
    ]
    return "\n".join(lines)


def packets(figures: list[Figure]) -> list[tuple[str, str, float, float]]:
    """Who, what, and medians of what its telephones sent and heard; nothing where nobody counted."""
    counted = [figure for figure in figures if figure.sent_a_call]
    return [
        (
            who,
            what,
            statistics.median(f.sent_a_call for f in counted if (f.who, f.what) == (who, what)),
            statistics.median(f.heard_a_call for f in counted if (f.who, f.what) == (who, what)),
        )
        for who, what in sorted({(figure.who, figure.what) for figure in counted})
    ]


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
    parser.add_argument("--who", choices=tuple(SUBJECTS), help="one of them alone")
    parser.add_argument("--what", choices=("record", "prompt", "short"), help="one question alone")
    parser.add_argument("--output", type=Path, default=ROOT / "build/bench/calls.md")
    options = parser.parse_args()
    # A bench that is stopped still takes its container and its telephones with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    calls, window_s, repeat = (30, 10.0, 1) if options.quick else (100, 20.0, 3)
    plan = Plan(
        options.calls or calls,
        options.window or window_s,
        options.repeat or repeat,
        who=(options.who,) if options.who else tuple(SUBJECTS),
        what=(options.what,) if options.what else ("record", "prompt", "short"),
    )
    with tempfile.TemporaryDirectory(prefix="bench-calls-") as folder:
        figures, versions = measure(Path(folder), plan)
    command = " ".join(("python benchmarks/bench_calls.py", *sys.argv[1:]))
    page = report(figures, versions, plan, command)
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(page)
    print(page)
    return 0


if __name__ == "__main__":
    sys.exit(main())
