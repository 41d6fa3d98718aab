"""Where the cost of a recorded call goes: threads, system calls, memory. docs/engine.md reads it.

    IVRCORE_ENGINE=own python benchmarks/call_costs.py [--calls N] [--window S] [--strace]

Recorded two-leg callbacks: the core alone on core 0, telephones that count (benchmarks/rtp_load.py) on
core 1. Processor time and wake-ups of every thread over a window of steady calls; memory that a call takes,
by kind. With --strace the system calls of every thread, counted in a second window and told per packet that
is sent (as many are received): strace slows the core down, so nothing else is measured there, and 50 calls
are enough.
"""

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.calls_load import Usage  # noqa: E402
from benchmarks.calls_run import Run  # noqa: E402

EVERY_S = 0.05
STRACE_S = 3.0
LEAST_CALLS_A_PACKET = 0.005
"""What is rarer is not printed."""

SENDING = "clock"
"""pjmedia's name for the thread that ticks the conference and sends RTP; `media` receives it."""

_SYSTEM_CALL = re.compile(r"^(\d+) +(\w+)\(")


@dataclass(frozen=True)
class Work:
    """What a thread has done since it began: processor time, times it slept and was woken."""

    cpu_s: float
    wakeups: int

    def since(self, before: "Work") -> "Work":
        """The difference."""
        return Work(self.cpu_s - before.cpu_s, self.wakeups - before.wakeups)


def threads_of(pid: int) -> dict[str, str]:
    """Names of the threads by their number."""
    return {task.name: (task / "comm").read_text().strip() for task in Path(f"/proc/{pid}/task").iterdir()}


def work_of(pid: int) -> dict[str, Work]:
    """By thread name; threads of one name are added up. Source: proc(5), schedstat and status."""
    found: dict[str, Work] = {}
    for task in Path(f"/proc/{pid}/task").iterdir():
        name = (task / "comm").read_text().strip()
        status = dict(
            line.split(":\t", 1) for line in (task / "status").read_text().splitlines() if ":\t" in line
        )
        before = found.get(name, Work(0.0, 0))
        found[name] = Work(
            before.cpu_s + int((task / "schedstat").read_text().split()[0]) / 1e9,
            before.wakeups + int(status["voluntary_ctxt_switches"]),
        )
    return found


def memory_of(pid: int) -> Counter[str]:
    """Proportional set size in KiB of the heap, of other anonymous memory, of the engine, of all else."""
    found: Counter[str] = Counter()
    kind = ""
    for line in Path(f"/proc/{pid}/smaps").read_text().splitlines():
        fields = line.split()
        if "-" in fields[0] and not fields[0].endswith(":"):
            path = fields[5] if len(fields) > 5 else ""
            kind = "heap" if path == "[heap]" else "other anonymous" if not path else "files"
            kind = "engine" if "_pjsua2" in path else kind
        elif fields[0] == "Pss:":
            found[kind] += int(fields[1])
    return found


def system_calls(text: str, names: Mapping[str, str]) -> Counter[tuple[str, str]]:
    """What strace -f wrote, counted by thread name and system call; those that found nothing apart."""
    found: Counter[tuple[str, str]] = Counter()
    for line in text.splitlines():
        if (match := _SYSTEM_CALL.match(line)) is not None:
            call = match[2] + (" in vain" if "EAGAIN" in line else "")
            found[names.get(match[1], "?"), call] += 1
    return found


def trace(pid: int, folder: Path) -> Counter[tuple[str, str]]:
    """Count system calls for a while.

    Raises:
        RuntimeError: strace is missing.
    """
    strace = shutil.which("strace")
    if strace is None:
        raise RuntimeError("strace is not installed (Debian package strace)")
    names, output = threads_of(pid), folder / "strace.txt"
    process = subprocess.Popen([strace, "-f", "-q", "-o", output, "-p", str(pid)], stderr=subprocess.DEVNULL)
    time.sleep(STRACE_S)
    process.terminate()
    process.wait()
    return system_calls(output.read_text(), names)


def measure(folder: Path, calls: int, window_s: float, *, with_strace: bool) -> list[str]:
    """The lines to print."""
    with Run(folder / "run", "ours", "record", most=calls, every_s=EVERY_S, prompt_s=1.0) as run:
        pid = run.subject.pids[0]
        idle, idle_memory = Usage.of(pid), memory_of(pid)
        run.more(calls)
        busy, memory = Usage.of(pid), memory_of(pid)
        before, began_s = work_of(pid), time.monotonic()
        step = run.step(window_s)
        took_s, after = time.monotonic() - began_s, work_of(pid)
        lines = [str(step), f"load average {step.load_average:.1f}", *step.generator_faults]
        lines += [
            f"memory: {(busy.pss_kib - idle.pss_kib) / calls:.0f} KiB a call, {idle.pss_kib} KiB without"
        ]
        lines += [
            f"    {kind:16}{(memory[kind] - idle_memory[kind]) / calls:8.1f} KiB a call" for kind in memory
        ]
        lines += ["thread             % of a core a call    wake-ups a second"]
        done = {name: work.since(before.get(name, Work(0.0, 0))) for name, work in after.items()}
        for name, work in sorted(done.items(), key=lambda item: -item[1].cpu_s):
            if work.wakeups:
                share = 100 * work.cpu_s / took_s / calls
                lines.append(f"    {name:16}{share:12.4f}{work.wakeups / took_s:22.0f}")
        if with_strace:
            counted = trace(pid, folder)
            packets = max(1, counted[SENDING, "sendto"])
            lines += [f"system calls a packet ({packets} packets each way, {calls * 2} legs)"]
            lines += [
                f"    {name:16}{call:24}{n / packets:8.2f}"
                for (name, call), n in counted.most_common()
                if n / packets >= LEAST_CALLS_A_PACKET
            ]
            lines += [f"    all{sum(counted.values()) / packets:45.2f}"]
    return lines


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--calls", type=int, default=100)
    parser.add_argument("--window", type=float, default=10.0, help="seconds of steady calls")
    parser.add_argument("--strace", action="store_true", help="count system calls, too")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="call-costs-") as folder:
        print("\n".join(measure(Path(folder), options.calls, options.window, with_strace=options.strace)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
