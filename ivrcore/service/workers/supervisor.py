"""Keeps workers alive, and has what dead ones left finished.

A worker is started so that it outlives the front end, and found again by its directory (directory.py). The
supervisor decides when a worker is started and when it is given up; who gets a job is `dispatch.py`, how a
worker is talked to `link.py`, what becomes of a dead one's calls `recovery.py`.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Protocol, TypeVar
from uuid import uuid4

from twisted.internet.defer import Deferred, DeferredList, fail
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from ivrcore import __version__
from ivrcore.service.model import CallEvent
from ivrcore.service.workers.backoff import Backoff
from ivrcore.service.workers.directory import LOCK, Lock, holder_of
from ivrcore.service.workers.dispatch import Dispatch
from ivrcore.service.workers.errors import AlreadyRunning, WorkerError
from ivrcore.service.workers.job import Job
from ivrcore.service.workers.link import Connect, Link
from ivrcore.service.workers.listener import Adopted, Listener, LostCall, SupervisorSettings, WorkerInfo
from ivrcore.service.workers.post import Post
from ivrcore.service.workers.process import Spawn, kill, make_directory, refusal, spawn
from ivrcore.service.workers.recovery import Recovery
from sip.reactor import ReactorTime

__all__ = ["Adopted", "Listener", "LostCall", "Supervisor", "SupervisorSettings", "WorkerInfo"]

log = logging.getLogger("ivrcore.workers")

Result = TypeVar("Result")

KILL_AFTER_S = 10.0
"""What a worker may take beyond the deadline of its end."""


class SupervisorReactor(ReactorTime, Protocol):
    """What the supervisor uses of the reactor."""

    def getThreadPool(self) -> ThreadPool:  # noqa: N802
        """The pool for work that waits for the disk."""


class Supervisor:
    """Of the workers of one front end."""

    def __init__(
        self,
        settings: SupervisorSettings,
        reactor: SupervisorReactor,
        listener: Listener,
        *,
        spawn_worker: Spawn | None = None,
        connect: Callable[[Path], Connect] | None = None,
        in_thread: "Callable[..., Deferred[object]] | None" = None,
        kill_process: Callable[[int], None] = kill,
        utc: Callable[[], float] = time.time,
    ) -> None:
        """Prepare; `start` begins. The last arguments stand for the world outside, in unit tests."""
        self.settings = settings
        self._reactor = reactor
        self._listener = listener
        self._spawn = spawn_worker or partial(spawn, command=settings.command)
        self._connect = connect
        self._in_thread = in_thread or self._to_pool
        self._kill_process = kill_process
        self._utc = utc
        self._root = settings.run_dir / "workers"
        self._lock: Lock | None = None
        self._posts = [
            Post(number, Backoff(settings.restart_first_s, settings.restart_most_s))
            for number in range(settings.workers)
        ]
        self._links: dict[str, Link] = {}
        self._recoveries: dict[Recovery, Deferred[None]] = {}
        self._dispatch = Dispatch(reactor, settings.queue_jobs, settings.queue_s, self._links)
        self._starting: dict[str, Deferred[None]] = {}
        """Of each adopted worker, until it is up or dead."""
        self._closing = False
        self._left = False
        self._empty: list[Deferred[None]] = []

    # -- start and end ----------------------------------------------------------------------------------

    def own(self) -> None:
        """Take the directory; `start` does it otherwise. `leave` gives it back.

        Raises:
            AlreadyRunning: another front end has it.
            WorkerError: it cannot be written.
        """
        if self._lock is not None:
            return
        try:
            self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise WorkerError(f"{self._root}: {error.strerror}") from error
        self._lock = Lock(self.settings.run_dir / LOCK)
        self._lock.sign()

    def start(self) -> "Deferred[Adopted]":
        """Adopt who lives, finish what the dead left, start who is missing; fires when all of it is done.

        The listener is told of events before this fires. A worker that cannot be started delays it no
        longer than its first attempt.

        Errback:
            AlreadyRunning: another front end has the directory.
            WorkerError: it cannot be written.
        """
        try:
            self.own()
            found = sorted(path for path in self._root.iterdir() if path.is_dir())
        except OSError as error:
            return fail(WorkerError(f"{self._root}: {error.strerror}"))
        except WorkerError as error:
            return fail(error)
        for directory in found:
            try:
                lock = Lock(directory / LOCK)
            except AlreadyRunning:
                self._starting[directory.name] = Deferred()
                self._watch(directory)
            except WorkerError as error:
                log.error("worker %s: %s", directory.name, error)
            else:
                self._recover(directory, lock, "it was found dead")
        return Deferred.fromCoroutine(self._adopt())

    async def _adopt(self) -> Adopted:
        await DeferredList(list(self._starting.values()))
        live = frozenset(session for link in self._links.values() for session in link.sessions)
        first = [post.first for post in self._posts if post.first is not None]
        self._man_posts()
        await DeferredList([*first, *self._recoveries.values()])
        return Adopted(live)

    def leave(self) -> None:
        """Go, and let the workers be: they go on, and the next front end adopts them."""
        self._left = True
        self._dispatch.end()
        for link in self._links.values():
            link.leave()
        for recovery in self._recoveries:
            recovery.give_up()
        self._end_posts()
        if self._lock is not None:
            self._lock.release()

    def close(self, deadline_s: float) -> "Deferred[None]":
        """Take no more jobs, let calls end until the deadline, then end them; fires when all is stored."""
        self._closing = True
        self._dispatch.end()
        self._end_posts()
        for link in tuple(self._links.values()):
            link.close_worker(deadline_s)
        guard = self._reactor.callLater(deadline_s + KILL_AFTER_S, self._kill_all)
        empty: Deferred[None] = Deferred()
        self._empty.append(empty)

        def done(_: object) -> None:
            if guard.active():
                guard.cancel()
            self.leave()

        self._look_whether_empty()
        return empty.addCallback(done)

    def _end_posts(self) -> None:
        for post in self._posts:
            post.end()

    def _kill_all(self) -> None:
        for link in tuple(self._links.values()):
            self.kill(link, "it did not end in time")

    def _look_whether_empty(self) -> None:
        if not self._links and not self._recoveries:
            for empty in self._empty:
                empty.callback(None)
            self._empty.clear()

    # -- calls --------------------------------------------------------------------------------------------

    def dispatch(self, job: Job) -> "Deferred[str]":
        """Hand a call to the worker with the most free legs; fires with its id when the worker has it.

        Errback:
            NoWorker: every leg is taken, and stayed so; or too many wait.
            Stopped: it was stopped while it waited.
            JobError: it is none.
        """
        return self._dispatch.take(job)

    def stop_call(self, session: str) -> "Deferred[bool]":
        """End a call; fires with whether anybody had it."""
        return self._dispatch.stop(session)

    def free_legs(self) -> int:
        """Over all workers, now."""
        return sum(link.free for link in self._links.values())

    def total_legs(self) -> int:
        """Over all workers that take jobs."""
        return sum(link.legs for link in self._links.values() if link.is_up and not link.draining)

    def queued(self) -> int:
        """How many jobs wait for legs."""
        return len(self._dispatch)

    def workers(self) -> list[WorkerInfo]:
        """Everyone, by id."""
        restarts = {post.link.id: post.restarts for post in self._posts if post.link is not None}
        offset_s = self._utc() - self._reactor.seconds()
        return [
            WorkerInfo(
                id=link.id,
                pid=link.pid,
                version=link.version,
                legs=link.legs,
                free=link.free,
                alive_since=link.started_at_s + offset_s if link.pid else 0.0,
                restarts=restarts.get(link.id, 0),
                draining=link.draining,
            )
            for link in sorted(self._links.values(), key=lambda link: link.id)
        ]

    # -- workers ------------------------------------------------------------------------------------------

    def _man_posts(self) -> None:
        """Give the adopted ones posts, and start who is missing."""
        usable = [link for link in self._links.values() if link.is_up and not link.draining]
        for post in self._posts:
            if post.link is None and usable:
                post.link = usable.pop(0)
                post.settled()
            elif post.link is None:
                self._start_worker(post)
        for link in usable:  # one too many
            link.close_worker(None)

    def _start_worker(self, post: Post) -> None:
        if self._closing or self._left:
            return
        directory = self._root / f"w{post.number + 1}-{uuid4().hex[:6]}"
        settings = self.settings.worker.numbered(post.number)
        try:
            make_directory(directory, settings)
            post.child = self._spawn(directory)
        except WorkerError as error:
            log.error("worker %s: %s", directory.name, error)
            self._restart(post)
            return
        post.link = self._watch(directory)

    def _watch(self, directory: Path) -> Link:
        settings = self.settings
        link = Link(
            directory.name,
            directory,
            self._reactor,
            self,
            ping_s=settings.ping_s,
            ping_timeout_s=settings.ping_timeout_s,
            start_timeout_s=settings.start_timeout_s,
            connect=None if self._connect is None else self._connect(directory),
        )
        self._links[link.id] = link
        link.open()
        return link

    def _restart(self, post: Post) -> None:
        post.link = post.child = None
        post.settled()
        if self._closing or self._left:
            return
        post.restarts += 1
        post.again = self._reactor.callLater(post.backoff.next_s(), self._start_worker, post)

    def _post_of(self, link: Link) -> Post | None:
        return next((post for post in self._posts if post.link is link), None)

    def _recover(
        self,
        directory: Path,
        lock: Lock,
        reason: str,
        known: Callable[[frozenset[str]], None] = lambda _sessions: None,
    ) -> None:
        recovery = Recovery(
            directory,
            lock,
            reason,
            finished=self.settings.worker.recordings_dir,
            listener=self._listener,
            reactor=self._reactor,
            in_thread=self._in_thread,  # type: ignore[arg-type]  # generic over its result
            known=known,
        )

        def done(result: object) -> None:
            if isinstance(result, Failure):
                log.error("recovery of worker %s: %s", directory.name, result.getErrorMessage())
            del self._recoveries[recovery]
            self._look_whether_empty()

        finished: Deferred[None] = Deferred()
        self._recoveries[recovery] = finished
        recovery.run().addBoth(done).addCallback(finished.callback)

    # -- what links report --------------------------------------------------------------------------------

    def on_event(self, event: CallEvent) -> "Deferred[None]":
        """See link.Owner."""
        return self._listener.event(event)

    def on_up(self, link: Link) -> None:
        """See link.Owner."""
        # Our own child may be newer than we are, when the package was replaced: it is what there is.
        if link.id in self._starting and link.version != __version__ and not link.draining:
            log.warning("worker %s is of version %s: it takes no more calls", link.id, link.version)
            link.close_worker(None)
        if self._closing:
            link.close_worker(0.0)
        post = self._post_of(link)
        if post is not None:
            post.settled()
        self._adoption_settled(link)
        self._dispatch.serve()

    def on_room(self) -> None:
        """See link.Owner."""
        self._dispatch.serve()

    def is_dead(self, link: Link) -> bool:
        """See link.Owner: a child of ours that ended, or a lock that nobody holds."""
        post = self._post_of(link)
        if post is not None and post.child is not None:
            return post.exit_status() is not None
        try:
            Lock(link.directory / LOCK).release()
        except AlreadyRunning:
            return False
        except WorkerError:
            pass  # the directory is gone, and with it the worker
        return True

    def kill(self, link: Link, reason: str) -> None:
        """See link.Owner."""
        log.error("worker %s is killed: %s", link.id, reason)
        post = self._post_of(link)
        child = post.child if post is not None else None
        self._kill_process(child.pid if child is not None else link.pid or holder_of(link.directory / LOCK))

    def on_dead(self, link: Link, reason: str) -> None:
        """See link.Owner."""
        post = self._post_of(link)
        if post is not None and (status := post.exit_status()) is not None:
            said = refusal(link.directory, status)
            reason = f"{reason}, exit status {status}" + (f": {said}" if said else "")
        level = logging.INFO if self._closing or link.draining else logging.ERROR
        log.log(level, "worker %s: %s", link.id, reason)
        del self._links[link.id]
        try:
            lock = Lock(link.directory / LOCK)
        except WorkerError as error:
            log.error("worker %s: %s", link.id, error)
            link.settle(frozenset())
        else:
            self._recover(link.directory, lock, reason, link.settle)
        if post is not None:
            if self._reactor.seconds() - link.started_at_s >= self.settings.healthy_s and link.pid:
                post.backoff.reset()
            self._restart(post)
        self._adoption_settled(link)
        self._look_whether_empty()

    def _adoption_settled(self, link: Link) -> None:
        waiting = self._starting.pop(link.id, None)
        if waiting is not None:
            waiting.callback(None)

    def _to_pool(self, work: Callable[..., Result], *arguments: object) -> "Deferred[Result]":
        pool = self._reactor.getThreadPool()
        return deferToThreadPool(self._reactor, pool, work, *arguments)  # type: ignore[arg-type]  # zope
