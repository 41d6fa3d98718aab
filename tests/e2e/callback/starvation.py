"""How long the processes of a call waited for a CPU: what they cannot help, and no test of them should judge.

Linux counts for each thread the time it was ready to run and did not: the second field of
/proc/<pid>/task/<tid>/schedstat (Documentation/scheduler/sched-stats.rst). That is not the time a thread
blocks by its own doing: a core that reads a disk on its reactor's thread is late without starving, and fails.

A virtual machine is starved itself, and its kernel counts that apart: the eighth figure of a cpu line in
/proc/stat, "steal" (proc_stat(5)). When it stands still as a whole not even that grows: then this watch,
which does nothing but sleep, wakes late.
"""

import os
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

LOOK_EVERY_S = 0.1
STARVED_S = 0.03
"""A third of the shortest interval that is promised (100 ms)."""


class StarvationWatch:
    """Looks at processes and their children while it is entered."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._pids = pids
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.longest_s = 0.0
        """The most that a thread, a processor or the watch itself waited between two looks."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        before, slept_at_s = self._waited_s(), time.monotonic()
        while not self._over.wait(LOOK_EVERY_S):
            self.longest_s = max(self.longest_s, time.monotonic() - slept_at_s - LOOK_EVERY_S)
            now = self._waited_s()
            for who, waited_s in now.items():
                self.longest_s = max(self.longest_s, waited_s - before.get(who, waited_s))
            before, slept_at_s = now, time.monotonic()

    def _waited_s(self) -> dict[str, float]:
        waited_s = _stolen_s()
        for pid in (*self._pids, *(child for parent in self._pids for child in _children(parent))):
            for task in Path(f"/proc/{pid}/task").glob("*"):
                with suppress(OSError):  # it ended; and where the kernel does not count, nobody starves
                    waited_s[str(task)] = int((task / "schedstat").read_text().split()[1]) / 1e9
        return waited_s


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []


def _stolen_s() -> dict[str, float]:
    """What the host gave to others, by processor; nothing where the kernel does not tell."""
    with suppress(OSError):
        lines = (line.split() for line in Path("/proc/stat").read_text().splitlines())
        ticks_a_second = os.sysconf("SC_CLK_TCK")
        return {
            name: int(figures[7]) / ticks_a_second
            for name, *figures in lines
            if name[:3] == "cpu" and name != "cpu" and len(figures) > 7
        }
    return {}
