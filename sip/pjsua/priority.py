"""Audio first: the threads that move it run before anything else on a busy machine.

A packet leaves every 20 ms, and a conference tick that comes 40 ms late empties the far end's jitter
buffer: an audible hole. On a shared machine that takes no more than a compiler beside us. So the threads
in which only native code runs (pjmedia's clock and its RTP receiver) ask for round-robin real-time
scheduling. Those that call back into Python do not, above all pjsua's worker: it does not sleep while another
thread holds what it wants. At real-time priority it kept the reactor's thread from ever letting go; the
workers of two processes in one call then spun on both processors, until the kernel stepped in after 0.85 s in
which nothing else ran (measured, a few times a minute on a busy machine).

Needs root or CAP_SYS_NICE; without it nothing changes, and the log says so once.
"""

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

log = logging.getLogger("ivrcore.sip")

PRIORITY = 10
"""Low among the real-time priorities (1 to 99): before all ordinary work, behind the kernel's own threads."""

AUDIO_THREADS = frozenset({"media", "clock"})
"""The names that pjmedia gives to its RTP receiver and to the clock of the null device."""

_NAMING_TRIES = 100
_NAMING_PAUSE_S = 0.001


@contextmanager
def realtime_for_new_threads(wanted: bool) -> Iterator[None]:
    """Give real-time scheduling to the audio threads that are created inside the block."""
    before = _threads()
    yield
    if not wanted or not hasattr(os, "sched_setscheduler"):
        return
    for thread in _threads() - before:
        if _name(thread) not in AUDIO_THREADS:
            continue
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


def _name(thread: int) -> str:
    """Its name, once it has one of its own; "" when it has ended or keeps the process's."""
    names = Path("/proc/self/task")
    try:
        common = (names / str(os.getpid()) / "comm").read_text()
        for _ in range(_NAMING_TRIES):
            # A new thread has its creator's name until it runs and takes its own.
            if (name := (names / str(thread) / "comm").read_text()) != common:
                return name.strip()
            time.sleep(_NAMING_PAUSE_S)
    except OSError:
        pass
    return ""
