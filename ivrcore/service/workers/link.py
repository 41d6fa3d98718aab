"""The front end's side of one worker: a connection that comes back, a book of its legs, a look at its health.

The worker's process may outlive the link, and the link outlives a connection. What a worker had taken when a
connection was lost is asked of it in the next Hello; if there is none, its spool tells.
"""

import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, cast

from twisted.internet.defer import Deferred
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectionClosed, ConnectionDone
from twisted.internet.protocol import Factory
from twisted.protocols import amp
from twisted.python.failure import Failure

from ivrcore.service.model import CallEvent, EventKind
from ivrcore.service.workers.directory import LOCK, SOCKET, holder_of, reachable
from ivrcore.service.workers.encoding import event_from_json
from ivrcore.service.workers.errors import NotStored, WorkerRefusal
from ivrcore.service.workers.job import Job
from ivrcore.service.workers.protocol import (
    PROTOCOL,
    CloseWorker,
    Event,
    Hello,
    Ping,
    Room,
    StartCall,
    StopCall,
)
from sip.reactor import DelayedCall, ReactorTime

log = logging.getLogger("ivrcore.workers")

RETRY_S = 0.1
"""Between two attempts to reach a worker, which is there as a rule."""

_DONE = Failure(ConnectionDone())  # type: ignore[no-untyped-call]

_AGES_S = 1e6
"""The deadline of a worker that may take its time."""


class Owner(Protocol):
    """Who has the links: the supervisor."""

    def on_event(self, event: CallEvent) -> "Deferred[None]": ...
    def on_up(self, link: "Link") -> None: ...
    def on_room(self) -> None: ...
    def is_dead(self, link: "Link") -> bool: ...
    def on_dead(self, link: "Link", reason: str) -> None: ...
    def kill(self, link: "Link", reason: str) -> None: ...


class Connection(amp.AMP):
    """One connection to a worker."""

    def __init__(self, link: "Link") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._link = link

    @Event.responder
    def _event(self, session: str, event: Mapping[str, Any]) -> "Deferred[dict[str, object]]":
        return self._link.take_event(event_from_json(session, event))

    @Room.responder
    def _room(self, lingering: int) -> dict[str, object]:
        self._link.take_room(lingering)
        return {}

    def ask(self, command: type[amp.Command], **arguments: object) -> "Deferred[dict[str, Any]]":
        """One command."""
        return cast("Deferred[dict[str, Any]]", self.callRemote(command, **arguments))  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure = _DONE) -> None:  # noqa: N802
        """See twisted."""
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        self._link.on_lost(self)

    def drop(self) -> None:
        """Close it now."""
        if self.transport is not None:
            self.transport.abortConnection()


Connect = Callable[[Factory], "Deferred[Any]"]


class Link:
    """One worker, from its first Hello to its death."""

    def __init__(
        self,
        worker_id: str,
        directory: Path,
        reactor: ReactorTime,
        owner: Owner,
        *,
        ping_s: float,
        ping_timeout_s: float,
        start_timeout_s: float,
        connect: Connect | None = None,
    ) -> None:
        """`connect`: reaches the worker; None for its socket."""
        self.id = worker_id
        self.directory = directory
        self.pid = 0
        self.version = ""
        self.legs = 0
        self.started_at_s = 0.0
        """The reactor's time at which the worker began."""
        self.draining = False
        self._reactor = reactor
        self._owner = owner
        self._ping_s = ping_s
        self._ping_timeout_s = ping_timeout_s
        self._connect = connect or self._to_socket
        self._connection: Connection | None = None
        self._up = False
        self._over = False
        self._lingering = 0
        self._full = False
        self._book: dict[str, int] = {}
        self._unsettled: dict[str, Deferred[None]] = {}
        self._stopping: set[str] = set()
        self._timer: DelayedCall | None = None
        self._give_up_at_s = reactor.seconds() + start_timeout_s
        self._asked_at_s: float | None = None

    # -- what it has ------------------------------------------------------------------------------------

    @property
    def is_up(self) -> bool:
        """Whether it can be asked."""
        return self._up and self._connection is not None

    @property
    def sessions(self) -> frozenset[str]:
        """Whose calls it has, as far as known; records may be on their way."""
        return frozenset(self._book)

    @property
    def free(self) -> int:
        """Legs that can be taken now."""
        if not self.is_up or self.draining or self._full:
            return 0
        return max(0, self.legs - self._lingering - sum(self._book.values()))

    # -- orders -----------------------------------------------------------------------------------------

    def open(self) -> None:
        """Reach the worker, again and again until it is up or dead."""
        self._after(0, self._attempt)

    def start(self, job: Job) -> "Deferred[None]":
        """Hand a call over; fires when the worker has it.

        Errback:
            WorkerRefusal: it has not, and never will.
            JobError: it is none.
        """
        return Deferred.fromCoroutine(self._start(job))

    async def _start(self, job: Job) -> None:
        if self._connection is None or not self.is_up:
            raise WorkerRefusal(f"worker {self.id} is away")
        self._book[job.session] = job.legs
        try:
            await self._connection.ask(StartCall, job=job.to_json())
        except ConnectionClosed:
            if self._over:
                raise WorkerRefusal(f"worker {self.id} died before it had {job.session}") from None
            # It may have it or not: the next Hello knows, or its spool.
            await self._unsettled.setdefault(job.session, Deferred())
        except Exception as error:
            self._book.pop(job.session, None)
            if isinstance(error, WorkerRefusal):
                self._full = True  # until it says otherwise
            raise

    def stop(self, session: str) -> "Deferred[bool]":
        """End a call; fires with whether there was one to end. Told again after a lost connection."""
        return Deferred.fromCoroutine(self._stop(session))

    async def _stop(self, session: str) -> bool:
        if session not in self._book:
            return False
        self._stopping.add(session)
        if self._connection is None or not self.is_up:
            return True
        try:
            answer = await self._connection.ask(StopCall, session=session)
        except ConnectionClosed:
            return True
        self._stopping.discard(session)
        return bool(answer["running"])

    def close_worker(self, deadline_s: float | None) -> None:
        """No more jobs; None lets its calls end by themselves. Its death is the answer."""
        self.draining = True
        if self._connection is not None and self.is_up:
            deadline_s = _AGES_S if deadline_s is None else float(deadline_s)
            self._connection.ask(CloseWorker, deadline_s=deadline_s).addErrback(lambda _: None)

    def leave(self) -> None:
        """Let the worker be: no connection, no looks any more."""
        self._over = True
        self._cancel()
        if self._connection is not None:
            self._connection.drop()

    def settle(self, known: frozenset[str]) -> None:
        """It is dead, and these sessions are in its spool."""
        self.leave()
        for session, waiting in tuple(self._unsettled.items()):
            del self._unsettled[session]
            if session in known:
                waiting.callback(None)
            else:
                waiting.errback(WorkerRefusal(f"worker {self.id} died before it had {session}"))

    # -- reports of a connection ----------------------------------------------------------------------

    def take_event(self, event: CallEvent) -> "Deferred[dict[str, object]]":
        """See protocol.Event."""
        return Deferred.fromCoroutine(self._take_event(event))

    async def _take_event(self, event: CallEvent) -> dict[str, object]:
        if self._over:
            # One more may have come in the same read as what let us leave. It would be stored, and its push
            # dropped; the worker has it, and tells it to the next front end.
            raise NotStored("the front end has left")
        if event.kind is EventKind.RECORD and self._book.pop(event.session, None) is not None:
            self._stopping.discard(event.session)
            self._owner.on_room()
        try:
            await self._owner.on_event(event)
        except Exception as error:  # whatever the store has, the worker keeps the event and sends it again
            log.error("%s: event %d is not stored: %s", event.session, event.seq, error)
            raise NotStored(type(error).__name__) from error
        return {}

    def take_room(self, lingering: int) -> None:
        """See protocol.Room."""
        self._lingering = lingering
        self._full = False
        self._owner.on_room()

    def on_lost(self, connection: Connection) -> None:
        """A connection is gone."""
        if connection is not self._connection:
            return
        self._connection = None
        self._asked_at_s = None
        if not self._over:
            self._give_up_at_s = self._reactor.seconds() + self._ping_timeout_s
            self._after(0, self._attempt)

    # -- the connection ---------------------------------------------------------------------------------

    def _attempt(self) -> None:
        if self._owner.is_dead(self):
            self._end("its process ended")
            return
        if self._reactor.seconds() > self._give_up_at_s:
            self._owner.kill(self, "it cannot be reached")
            self._after(RETRY_S, self._attempt)  # until it is seen dead
            return
        self._connect(Factory.forProtocol(lambda: Connection(self))).addCallbacks(
            self._greet, lambda _: None if self._over else self._after(RETRY_S, self._attempt)
        )

    def _to_socket(self, factory: Factory) -> "Deferred[Any]":
        stack = ExitStack()
        path = stack.enter_context(reachable(self.directory / SOCKET))
        endpoint = cast(Any, UNIXClientEndpoint)(self._reactor, path, timeout=self._ping_timeout_s)

        def done(result: object) -> object:
            stack.close()
            return result

        return cast("Deferred[Any]", endpoint.connect(factory)).addBoth(done)

    def _greet(self, connection: Connection) -> None:
        if self._over:
            connection.drop()
            return
        self._connection = connection
        self._asked_at_s = self._reactor.seconds()
        self._after(self._ping_s, self._look)
        connection.ask(Hello, protocol=PROTOCOL).addCallbacks(self._welcome, self._unanswered)

    def _welcome(self, facts: Mapping[str, Any]) -> None:
        self._asked_at_s = None
        self.pid, self.version, self.legs = facts["pid"], facts["version"], facts["legs"]
        self.started_at_s = self._reactor.seconds() - facts["uptime_s"]
        self.draining = self.draining or facts["closing"] or facts["protocol"] != PROTOCOL
        self._lingering = facts["lingering"]
        self._book = dict(facts["sessions"])
        self._up, self._full = True, False
        for session, waiting in tuple(self._unsettled.items()):
            del self._unsettled[session]
            if session in self._book:
                waiting.callback(None)
            else:
                waiting.errback(WorkerRefusal(f"worker {self.id} never had {session}"))
        self._stopping.intersection_update(self._book)
        for session in tuple(self._stopping):
            self.stop(session)
        self._owner.on_up(self)

    def _unanswered(self, failure: Failure) -> None:
        if not isinstance(failure.value, ConnectionClosed):
            log.error("worker %s: %s", self.id, failure.getErrorMessage())

    # -- health -----------------------------------------------------------------------------------------

    def _look(self) -> None:
        now_s = self._reactor.seconds()
        if self._asked_at_s is not None:
            if now_s - self._asked_at_s > self._ping_timeout_s:
                self._owner.kill(self, f"no answer in {now_s - self._asked_at_s:.1f} s")
        elif self._connection is not None:
            self._asked_at_s = now_s
            self._connection.ask(Ping).addCallbacks(self._answered, self._unanswered)
        self._after(self._ping_s, self._look)

    def _answered(self, facts: Mapping[str, Any]) -> None:
        self._asked_at_s = None
        self.take_room(facts["lingering"])

    def _end(self, reason: str) -> None:
        self.leave()
        self.pid = self.pid or holder_of(self.directory / LOCK)
        self._owner.on_dead(self, reason)

    def _after(self, delay_s: float, act: Callable[[], None]) -> None:
        self._cancel()
        self._timer = self._reactor.callLater(delay_s, act)

    def _cancel(self) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
