"""Hands jobs to workers: first come, first served, each to the worker with the most free legs.

Who the workers are is the supervisor's business; this reads its links. What a job comes to is told once:
taken by a worker, or refused.
"""

from collections.abc import Mapping

from twisted.internet.defer import Deferred, fail, succeed

from ivrcore.service.workers.errors import NoWorker, WorkerRefusal
from ivrcore.service.workers.job import Job
from ivrcore.service.workers.link import Link
from ivrcore.service.workers.packing import Waiting, WaitQueue, roomiest
from sip.reactor import ReactorTime


class Dispatch:
    """Of the jobs of one front end."""

    def __init__(self, reactor: ReactorTime, n_jobs: int, wait_s: float, links: Mapping[str, Link]) -> None:
        """At most `n_jobs` wait, each at most `wait_s`; `links` are the supervisor's, as they come and go."""
        self._queue = WaitQueue(reactor, n_jobs, wait_s)
        self._links = links
        self._ended = False

    def __len__(self) -> int:
        """How many jobs wait for legs."""
        return len(self._queue)

    def take(self, job: Job) -> "Deferred[str]":
        """See Supervisor.dispatch."""
        if self._ended:
            return fail(NoWorker("the service is ending"))
        waiting = self._queue.add(job)
        self.serve()
        self._queue.shorten()
        return waiting.done

    def stop(self, session: str) -> "Deferred[bool]":
        """See Supervisor.stop_call."""
        if self._queue.stop(session):
            return succeed(True)
        for link in self._links.values():
            if session in link.sessions:
                return link.stop(session)
        return succeed(False)

    def serve(self) -> None:
        """Somebody may have room: hand over what can be."""
        self._queue.serve(lambda job: self._worker_for(job) is not None, self._hand_over)

    def end(self) -> None:
        """Refuse what waits, and what comes."""
        self._ended = True
        self._queue.clear()

    def _worker_for(self, job: Job) -> str | None:
        return roomiest({link.id: link.free for link in self._links.values()}, job.legs)

    def _hand_over(self, waiting: Waiting) -> None:
        worker = self._worker_for(waiting.job)
        assert worker is not None, "it was looked for just now"

        async def hand_over() -> None:
            try:
                await self._links[worker].start(waiting.job)
            except WorkerRefusal:
                if self._ended:
                    waiting.done.errback(NoWorker("the service is ending"))
                else:
                    self._queue.put_back(waiting)
                    self.serve()
            except Exception as error:  # the caller's to judge
                waiting.done.errback(error)
            else:
                waiting.done.callback(worker)

        Deferred.fromCoroutine(hand_over())
