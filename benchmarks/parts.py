"""The parts of `make bench`: each bench's figures as rows of the page, with its budgets.

Every part takes (quick, tell) and gives rows. Parts are imported when they run: one that cannot even be
imported fails by itself and takes no other along.
"""

import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeAlias

from benchmarks.far_end import own_engine
from benchmarks.results import Row

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "bench"
"""On the disk that would hold a service's data: what is measured of the store is that disk's fsync."""

Tell: TypeAlias = Callable[[str], None]

MS_A_CALL_MINUTE = 600.0
"""One per cent of a core for a minute."""


@dataclass(frozen=True)
class Bench:
    """One part.

    Attributes:
        command: what measures the same by itself. short_form: it knows --quick.
        in_quick: the short form of all has it, too.
    """

    name: str
    title: str
    command: str
    measure: Callable[[bool, Tell], list[Row]]
    short_form: bool = True
    in_quick: bool = True


RECORDED, CALL_MINUTE = "recorded two-leg call", "ms of a core a call-minute"
QUICK_WINDOW_S = 4.5
"""Asterisk writes a recording every four seconds: a shorter one would see some that do not grow."""
LEAST_CALLS = 25

VERSIONS: dict[str, str] = {}
"""Who was measured, as the parts find out."""


def calls(quick: bool, tell: Tell) -> list[Row]:
    """What a call costs."""
    from benchmarks.bench_calls import Figure, Plan, measure

    plan = Plan(30, 5.0, 1) if quick else Plan(100, 12.0, 3)
    with tempfile.TemporaryDirectory(prefix="bench-calls-") as folder:
        figures, versions = measure(Path(folder), plan)
    VERSIONS.update(versions)
    tell(f"{len(figures)} figures of {plan.calls} calls at once")

    def note(figure: Figure) -> str:
        whole = f", recordings whole: {figure.whole}" if figure.whole else ""
        return (
            f"{figure.who} {figure.sent_a_call:.0f} packets/s a call, {figure.heard_a_call:.0f} heard{whole}"
        )

    def row(what: str, figure: str, unit: str, budget: str, factor: float = 1.0) -> Row:
        of = {
            who: [f.value * factor for f in figures if (f.what, f.who) == (figure, who)]
            for who in ("ours", "asterisk")
        }
        median = {who: statistics.median(values) if values else None for who, values in of.items()}
        notes = [note(f) for f in figures if f.what == figure and (f.whole or f.heard_a_call)]
        return Row(what, unit, median["ours"], median["asterisk"], budget, "; ".join(dict.fromkeys(notes)))

    return [
        row(RECORDED, "recorded call", CALL_MINUTE, "≤ 0.35 × Asterisk", MS_A_CALL_MINUTE),
        row("memory of a recorded call", "memory", "KiB", "≤ 1.0 × Asterisk"),
        row("one-leg call with a prompt", "prompt", "% of a core", "≤ 0.67 × Asterisk"),
        row("one-leg call of half a second, whole", "short call", "ms of a core", "≤ 1.67 × Asterisk"),
    ]


def knee(quick: bool, tell: Tell) -> list[Row]:
    """How many calls at once; in the short form coarsely, and what a call costs there."""
    from benchmarks import knee

    if not quick:
        return knee.measure(False, tell)
    knees = {}
    for who, start, step in (("ours", 600, 200), ("asterisk", 250, 50)):
        found = knee.Knee(0)
        while not found.calls and start >= LEAST_CALLS:  # a slow machine may not carry the first step
            plan = replace(knee.quick_plan(who, "record"), start=start, step=step, window_s=QUICK_WINDOW_S)
            found = knee.find(plan, tell)
            start //= 2
        knees[who] = found
    cost = {
        who: MS_A_CALL_MINUTE * one.good.core_percent / one.calls if one.good is not None else None
        for who, one in knees.items()
    }
    at_the_knee = Row(f"{RECORDED}, at the knee", CALL_MINUTE, cost["ours"], cost["asterisk"])
    return [*knee.rows_of("record", knees), at_the_knee]


def rate(quick: bool, tell: Tell) -> list[Row]:
    """Calls a second."""
    from benchmarks.rate import measure

    return measure(quick, tell, versions=VERSIONS)


def latency(quick: bool, tell: Tell) -> list[Row]:
    """How soon prompts, bridged sound and keys are there."""
    from benchmarks.latency import measure

    return measure(quick, tell)


def workers(quick: bool, tell: Tell) -> list[Row]:
    """Two workers on two cores."""
    from benchmarks.workers import measure

    return measure(quick, tell)


def service(quick: bool, tell: Tell) -> list[Row]:
    """The API's delays at 20 requests a second."""
    from benchmarks.bench_service import run

    with own_engine():
        spreads, answers = run(20.0, 4.0 if quick else 15.0, 2)
    tell(f"answers by code: {answers}")
    budgets = {"request → INVITE": "≤ 20", "event → POST": "≤ 50"}
    rows = []
    for spread in spreads:
        if spread.what in budgets:
            note = f"{spread.n} of them at 20 requests/s, two workers; most {spread.most_ms:.1f} ms"
            rows.append(Row(f"{spread.what}, p50", "ms", spread.p50_ms, None, "", note))
            rows.append(Row(f"{spread.what}, p95", "ms", spread.p95_ms, None, budgets[spread.what]))
    if set(answers) != {"0"}:
        rows = [replace(row, note=f"{row.note}; refused: {answers}") for row in rows]
    return rows


def store(quick: bool, tell: Tell) -> list[Row]:
    """The store with fsync."""
    from benchmarks.bench_store import fsync_latency, measure
    from tests.unit.ivrcore.service.store.stage import Stage

    BUILD.mkdir(parents=True, exist_ok=True)
    seconds = 0.3 if quick else 3.0
    with tempfile.TemporaryDirectory(prefix="store-", dir=BUILD) as name:
        fsync = fsync_latency(Path(name), seconds)
        tell(f"fsync of 4 KB: p50 {fsync.p50_ms:.2f} ms")
        stage = Stage(f"sqlite:///{Path(name) / 'store.db'}")
        try:
            latencies, throughputs = measure(stage, seconds)
        finally:
            stage.close()
    accept = next(one for one in latencies if one.what == "accept a call")
    (kept,) = (one for one in throughputs if one.at_once == 64)
    disk = f"SQLite; fsync of 4 KB: p50 {fsync.p50_ms:.2f}, p95 {fsync.p95_ms:.2f} ms"
    cost = f"{kept.cpu_ms_per_event:.2f} ms of a core an event"
    return [
        Row("events kept with their push, 64 waiting", "events/s", kept.events_per_s, None, "≥ 1000", cost),
        Row("a call accepted, p95", "ms", accept.p95_ms, None, "≤ 5", disk),
    ]


BANK_BUDGETS = {"prompts": "≥ 1.0", "unbroken speech": "≥ 0.7", "all dialling without pause": "≥ 0.1"}
BANK_LEGS = 4000


def dtmf(quick: bool, tell: Tell) -> list[Row]:
    """The bank of DTMF detectors."""
    from benchmarks.bank_speed import Speed

    program = [sys.executable, str(Path(__file__).with_name("bank_speed.py")), "--legs", str(BANK_LEGS)]
    rows = []
    with subprocess.Popen(
        [*program, "--ticks", "40" if quick else "150"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for line in process.stdout:
            speed = Speed.of(line)
            tell(f"{speed.load}: {speed.ours:,.0f} legs in real time")
            heard = f"keys looked for in {BANK_LEGS:,} legs: {speed.load}"
            rows.append(Row(heard, "legs in real time a core", speed.ours, None))
            if speed.spandsp is not None:
                budget = BANK_BUDGETS.get(speed.load, "")
                note = f"spandsp's C on single legs: {speed.spandsp:,.0f}"
                ratio = speed.ours / speed.spandsp
                rows.append(Row(f"{heard}, to spandsp", "×", ratio, None, budget, note))
    if process.returncode:
        raise RuntimeError(f"bank_speed.py ended with {process.returncode}")
    return rows


BENCHES = (
    Bench("calls", "What a call costs", "python benchmarks/bench_calls.py", calls, in_quick=False),
    Bench("knee", "How many calls at once", "python benchmarks/knee.py", knee),
    Bench("rate", "Calls a second", "python benchmarks/rate.py", rate),
    Bench("latency", "How soon it is heard and reported", "python benchmarks/latency.py", latency),
    Bench("service", "How soon the API acts and tells", "python benchmarks/bench_service.py", service, False),
    Bench("store", "The store", "python benchmarks/bench_store.py", store, False),
    Bench("dtmf", "The DTMF detector", "OMP_NUM_THREADS=1 python benchmarks/bank_speed.py", dtmf, False),
    Bench("workers", "Two workers on two cores", "python benchmarks/workers.py", workers),
)
