"""Audio first: the threads that move it run before anything else on a busy machine.

A packet leaves every 20 ms, and a conference tick that comes 40 ms late empties the far end's jitter
buffer: an audible hole. On a shared machine that takes no more than a compiler beside us. So the threads
in which only native code runs (pjmedia's clock and its RTP receiver) ask for round-robin real-time
scheduling. Those that call back into Python do not: they would wait for the interpreter's lock anyway.

Needs root or CAP_SYS_NICE; without it nothing changes, and the log says so once.
"""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger("ivrcore.sip")

PRIORITY = 10
"""Low among the real-time priorities (1 to 99): before all ordinary work, behind the kernel's own threads."""


@contextmanager
def realtime_for_new_threads(wanted: bool) -> Iterator[None]:
    """Give real-time scheduling to the threads that are created inside the block."""
    before = _threads()
    yield
    if not wanted or not hasattr(os, "sched_setscheduler"):
        return
    for thread in _threads() - before:
        try:
            # On Linux the first argument is a thread id as well.
            os.sched_setscheduler(thread, os.SCHED_RR, os.sched_param(PRIORITY))
        except PermissionError:
            log.info("audio threads run at ordinary priority: no permission for real-time scheduling")
            return
        except ProcessLookupError:
            continue  # it has ended already


def _threads() -> set[int]:
    task = Path("/proc/self/task")
    return {int(entry.name) for entry in task.iterdir()} if task.exists() else set()
