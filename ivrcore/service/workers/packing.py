"""Which worker takes a job, and in which order jobs wait for one."""

from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from twisted.internet.defer import Deferred

from ivrcore.service.workers.errors import NoWorker, Stopped
from ivrcore.service.workers.job import Job
from sip.reactor import DelayedCall, ReactorTime


def roomiest(free: Mapping[str, int], legs: int) -> str | None:
    """The worker with the most free legs, if it has enough; of equals the first by name.

    Calls are spread: a worker that dies takes few of them along, and a callback finds its two legs in one
    worker for longer.
    """
    fitting = [worker for worker, n in free.items() if n >= legs]
    return min(fitting, key=lambda worker: (-free[worker], worker), default=None)


@dataclass(eq=False)
class Waiting:
    """A job that no worker has yet. `until_s`: the reactor's time at which it waits no longer."""

    job: Job
    until_s: float
    done: "Deferred[str]" = field(default_factory=Deferred)
    """Fires with the worker that took it."""

    timer: DelayedCall | None = None


class WaitQueue:
    """First come, first served: a callback that needs two legs is not overtaken by calls of one."""

    def __init__(self, reactor: ReactorTime, n_jobs: int, wait_s: float) -> None:
        """At most `n_jobs` wait, each at most `wait_s`."""
        self._reactor = reactor
        self._n_jobs = n_jobs
        self._wait_s = wait_s
        self._jobs: deque[Waiting] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    def add(self, job: Job) -> Waiting:
        """Let a job wait. Its Deferred fails with NoWorker when the time is over."""
        waiting = Waiting(job, self._reactor.seconds() + self._wait_s)
        self._jobs.append(waiting)
        self._watch(waiting)
        return waiting

    def put_back(self, waiting: Waiting) -> None:
        """A worker did not take it after all: it was first, and is again."""
        self._jobs.appendleft(waiting)
        self._watch(waiting)

    def shorten(self) -> None:
        """Refuse the last ones, if there are more than may wait."""
        while len(self._jobs) > self._n_jobs:
            self._drop(self._jobs[-1], NoWorker(f"{self._n_jobs} jobs wait for a leg already"))

    def serve(self, take: Callable[[Job], bool], hand_over: Callable[[Waiting], None]) -> None:
        """Hand jobs over from the first on, as long as there is somebody to take them."""
        while self._jobs and take(self._jobs[0].job):
            waiting = self._jobs.popleft()
            self._unwatch(waiting)
            hand_over(waiting)

    def stop(self, session: str) -> bool:
        """Give a job up; False when it does not wait."""
        for waiting in self._of(session):
            self._drop(waiting, Stopped(f"{session} was stopped before it was begun"))
            return True
        return False

    def clear(self) -> None:
        """Nobody will take them any more."""
        while self._jobs:
            self._drop(self._jobs[0], NoWorker("the service is ending"))

    def _of(self, session: str) -> Iterable[Waiting]:
        return [waiting for waiting in self._jobs if waiting.job.session == session]

    def _watch(self, waiting: Waiting) -> None:
        delay_s = max(0.0, waiting.until_s - self._reactor.seconds())
        waiting.timer = self._reactor.callLater(delay_s, self._too_late, waiting)

    def _unwatch(self, waiting: Waiting) -> None:
        if waiting.timer is not None and waiting.timer.active():
            waiting.timer.cancel()
        waiting.timer = None

    def _too_late(self, waiting: Waiting) -> None:
        self._drop(waiting, NoWorker(f"no leg was free within {self._wait_s:g} s"))

    def _drop(self, waiting: Waiting, error: Exception) -> None:
        self._jobs.remove(waiting)
        self._unwatch(waiting)
        waiting.done.errback(error)
