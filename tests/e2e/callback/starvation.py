"""How long the processes of a call waited for a CPU: what they cannot help, and no test of them should judge.

Linux counts for each thread the time it was ready to run and did not: the second field of
/proc/<pid>/task/<tid>/schedstat (Documentation/scheduler/sched-stats.rst). That is not the time a thread
blocks by its own doing: a core that reads a disk on its reactor's thread is late without starving, and fails.
"""

import threading
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
        """The most that a thread waited between two looks."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        before = self._waited_s()
        while not self._over.wait(LOOK_EVERY_S):
            now = self._waited_s()
            for thread, waited_s in now.items():
                self.longest_s = max(self.longest_s, waited_s - before.get(thread, waited_s))
            before = now

    def _waited_s(self) -> dict[Path, float]:
        waited_s = {}
        for pid in (*self._pids, *(child for parent in self._pids for child in _children(parent))):
            for task in Path(f"/proc/{pid}/task").glob("*"):
                with suppress(OSError):  # it ended; and where the kernel does not count, nobody starves
                    waited_s[task] = int((task / "schedstat").read_text().split()[1]) / 1e9
        return waited_s


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    return []
