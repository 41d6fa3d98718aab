"""What the supervisor of the workers tells its owner, and what it is told: plain data and one protocol."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from twisted.internet.defer import Deferred

from ivrcore.cdr import RecordingRecord
from ivrcore.service.model import CallEvent
from ivrcore.service.workers.settings import WorkerSettings


@dataclass(frozen=True)
class SupervisorSettings:
    """How many workers there are, and how long anything may take.

    Attributes:
        run_dir: below it every worker has a directory; of this user alone. One front end at a time.
        worker: for each of them. A SIP port other than 0 is the first one's, the next has the next.
        workers: how many. 0 runs none and still finishes what others left.
        queue_jobs, queue_s: how many jobs wait for legs, and how long each.
        ping_s, ping_timeout_s: how often a worker is asked whether it lives, and when it is
            killed for silence.
        start_timeout_s: how long a worker may take until it answers.
        restart_first_s, restart_most_s, healthy_s: the pause before a restart doubles from the first to the
            most, and begins anew after so long in health.
        command: what starts a worker, its directory appended; None for this interpreter's `ivrcore worker`.
    """

    run_dir: Path
    worker: WorkerSettings
    workers: int = 2
    queue_jobs: int = 100
    queue_s: float = 5.0
    ping_s: float = 2.0
    ping_timeout_s: float = 10.0
    start_timeout_s: float = 30.0
    restart_first_s: float = 0.5
    restart_most_s: float = 30.0
    healthy_s: float = 60.0
    command: tuple[str, ...] | None = None


@dataclass(frozen=True)
class WorkerInfo:
    """One worker as it is now. `pid` 0: it is being started. `alive_since`: UTC seconds, 0.0 likewise."""

    id: str
    pid: int
    version: str
    legs: int
    free: int
    alive_since: float
    restarts: int
    draining: bool = False
    """It takes no more jobs: it is of another version, or one too many."""


@dataclass(frozen=True)
class Adopted:
    """What was found running. `live_sessions`: they go on, and their events come."""

    live_sessions: frozenset[str] = frozenset()


@dataclass(frozen=True)
class LostCall:
    """What is left of a call whose worker died.

    Attributes:
        last_seq: of its last event, which has been delivered; 0 when there was none.
        recording: what could be made of its captures; None when it was not recorded.
    """

    last_seq: int = 0
    recording: RecordingRecord | None = field(default=None)


class Listener(Protocol):
    """The supervisor's owner. Both may be told of what it knows already; a failure is told again later."""

    def event(self, event: CallEvent) -> "Deferred[None]":
        """One event, in the order of its session; fires when it is stored: then the worker may forget it."""

    def lost(self, sessions: Mapping[str, LostCall], reason: str) -> "Deferred[None]":
        """These calls are over, and no event of theirs follows; fires when that is stored.

        A session whose record has been delivered long ago may be among them: its recording could be
        finished only now.
        """
