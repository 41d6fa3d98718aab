"""Doubles for the unit tests of workers and of what stands on them: no process, no socket, no SIP.

`MemoryWorkers` stands for the processes: real `Worker` objects on scripted calls, reached through pipes that
deliver with the next turn of the test's reactor. Directories, locks and spools are real files.
"""

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any, cast

from twisted.internet.address import UNIXAddress
from twisted.internet.defer import Deferred, fail, maybeDeferred, succeed
from twisted.internet.error import ConnectError, ConnectionDone
from twisted.internet.protocol import Factory, Protocol
from twisted.python.failure import Failure

from ivrcore.cdr import CallRecord, Entry
from ivrcore.codes import StateCode
from ivrcore.commands import Report, Status, Verdict
from ivrcore.events import Party
from ivrcore.preparation import flow_of, record_without_call
from ivrcore.service.model import CallEvent
from ivrcore.service.workers.directory import LOCK, SPOOL, Lock
from ivrcore.service.workers.listener import LostCall
from ivrcore.service.workers.spool import SessionSpool
from ivrcore.service.workers.worker import FrontEnd, Worker
from ivrcore.tasks import Task
from sip.manual_reactor import ManualReactor


def at_once(work: Callable[..., Any], *arguments: object) -> "Deferred[Any]":
    """Instead of a thread."""
    return maybeDeferred(work, *arguments)


class ScriptedCalls:
    """Instead of ivrcore.app.Application: the test says what happens. Implements worker.Calls."""

    def __init__(self, reactor: ManualReactor) -> None:
        self.lingering = 0
        self.placed: list[str] = []
        self.forgotten: list[str] = []
        self._reactor = reactor
        self._up: dict[str, tuple[Task, Callable[[Entry], None], Deferred[CallRecord]]] = {}

    def place(
        self,
        task: Task,
        session: str,
        *,
        recording_name: str = "",  # noqa: ARG002
        observe: Callable[[Entry], None] = lambda _entry: None,
    ) -> "Deferred[CallRecord]":
        """The call is up until the test ends it."""
        self.placed.append(session)
        done: Deferred[CallRecord] = Deferred()
        self._up[session] = task, observe, done
        return done

    def report(self, session: str, status: Status, party: Party = Party.A, digits: str = "") -> None:
        """Something happens in a call."""
        self._up[session][1](Entry(self._reactor.seconds(), Report(status, party, digits)))

    def end(self, session: str, code: StateCode = StateCode.HUNG_UP_AFTER_CONNECT) -> None:
        """A call ends."""
        task, observe, done = self._up.pop(session)
        record = record_without_call(
            session,
            flow_of(task),
            Verdict(code),
            now_s=self._reactor.seconds(),
            utc_offset_s=0.0,
            observe=observe,
        )
        done.callback(record)

    def break_off(self, session: str) -> None:
        """A bug of ours."""
        self._up.pop(session)[2].errback(RuntimeError("a bug"))

    def forget_captures(self, session: str) -> "Deferred[None]":
        """See Application."""
        self.forgotten.append(session)
        return succeed(None)

    def stop_call(self, session: str) -> bool:
        """See Application."""
        if session not in self._up:
            return False
        self.end(session, StateCode.STOP_ORDERED)
        return True

    def stop_calls(self) -> None:
        """See Application."""
        for session in tuple(self._up):
            self.stop_call(session)


class StoredEvents:
    """A listener that stores in memory, and refuses while `refuses` is set."""

    def __init__(self) -> None:
        self.events: list[CallEvent] = []
        self.lost_calls: dict[str, LostCall] = {}
        self.reasons: list[str] = []
        self.refuses = False

    def event(self, event: CallEvent) -> "Deferred[None]":
        """See Listener."""
        if self.refuses:
            return fail(RuntimeError("the database is locked"))
        self.events.append(event)
        return succeed(None)

    def lost(self, sessions: Mapping[str, LostCall], reason: str) -> "Deferred[None]":
        """See Listener."""
        if self.refuses:
            return fail(RuntimeError("the database is locked"))
        self.lost_calls.update(sessions)
        self.reasons.append(reason)
        return succeed(None)

    def of(self, session: str) -> list[tuple[int, str]]:
        """(seq, kind) of what was stored of a session."""
        return [(event.seq, event.kind.value) for event in self.events if event.session == session]


class Pipe:
    """One end of a connection in memory: what is written arrives with the reactor's next turn."""

    def __init__(self, reactor: ManualReactor) -> None:
        self._reactor = reactor
        self._peer: Pipe | None = None
        self._protocol: Protocol | None = None
        self.frozen = False
        """Nothing arrives at this end any more: its process is stopped."""

    @classmethod
    def connect(cls, reactor: ManualReactor, near: Protocol, far: Protocol) -> tuple["Pipe", "Pipe"]:
        """Join two protocols."""
        ends = cls(reactor), cls(reactor)
        for end, other, protocol in zip(ends, reversed(ends), (near, far), strict=True):
            end._peer, end._protocol = other, protocol
        for end in ends:
            assert end._protocol is not None
            cast(Any, end._protocol).makeConnection(end)
        return ends

    def write(self, data: bytes) -> None:
        """See twisted."""
        if self._peer is not None:
            self._reactor.callLater(0, self._peer._arrive, data)

    def writeSequence(self, data: list[bytes]) -> None:  # noqa: N802
        """See twisted."""
        self.write(b"".join(data))

    def abortConnection(self) -> None:  # noqa: N802
        """Both ends are told with the next turn; nothing arrives any more."""
        peer, self._peer = self._peer, None
        if peer is not None:
            peer._peer = None
            for end in (self, peer):
                self._reactor.callLater(0, end._lose)

    loseConnection = abortConnection  # noqa: N815

    def getPeer(self) -> UNIXAddress:  # noqa: N802
        """See twisted."""
        return UNIXAddress(None)

    getHost = getPeer  # noqa: N815

    def _arrive(self, data: bytes) -> None:
        if self._protocol is not None and self._peer is not None and not self.frozen:
            self._protocol.dataReceived(data)

    def _lose(self) -> None:
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            protocol.connectionLost(Failure(ConnectionDone()))  # type: ignore[no-untyped-call]


class MemoryWorker:
    """One process that is none; implements process.Child."""

    def __init__(self, directory: Path, reactor: ManualReactor, pid: int, legs: int = 4) -> None:
        self.directory = directory
        self.pid = pid
        self.calls = ScriptedCalls(reactor)
        self.pipes: list[Pipe] = []
        self.status: int | None = None
        self.reachable = True
        self._reactor = reactor
        self._lock = Lock(directory / LOCK)
        self.worker = Worker(
            self.calls,
            reactor,
            new_spool=partial(SessionSpool, directory / SPOOL),
            in_thread=at_once,
            leave=lambda: self.die(0),
            legs=legs,
            orphan_s=300.0,
            monotonic=reactor.seconds,
            utc=reactor.seconds,
            pid=pid,
        )

    def poll(self) -> int | None:
        """See process.Child."""
        return self.status

    def die(self, status: int = -9) -> None:
        """The process is gone; what it wrote stays."""
        self.status = status
        self.worker.end()
        for pipe in self.pipes:
            pipe.frozen = True
            pipe.abortConnection()
        self._lock.release()

    def freeze(self) -> None:
        """It lives, and does nothing any more."""
        for pipe in self.pipes:
            pipe.frozen = True

    def cut(self) -> None:
        """Its connections end."""
        for pipe in self.pipes:
            pipe.abortConnection()
        self.pipes.clear()

    def connect(self, factory: Factory) -> "Deferred[Any]":
        """See link.Connect."""
        if self.status is not None or not self.reachable:
            return fail(cast(Any, ConnectError)())
        near = factory.buildProtocol(None)
        assert near is not None
        ends = Pipe.connect(self._reactor, cast(Protocol, near), FrontEnd(self.worker))
        self.pipes += ends[1:]
        return succeed(near)


class MemoryWorkers:
    """Starts workers that are none. `fail_next`: so many of the next ones end at once."""

    def __init__(self, reactor: ManualReactor) -> None:
        self.reactor = reactor
        self.all: dict[str, MemoryWorker] = {}
        self.started_at_s: list[float] = []
        self.fail_next = 0

    def spawn(self, directory: Path) -> MemoryWorker:
        """See process.Spawn."""
        self.started_at_s.append(self.reactor.seconds())
        worker = MemoryWorker(directory, self.reactor, pid=1_000_000_000 + len(self.all))
        self.all[directory.name] = worker
        if self.fail_next:
            self.fail_next -= 1
            worker.die(1)
        return worker

    def connector(self, directory: Path) -> Callable[[Factory], "Deferred[Any]"]:
        """See Supervisor's `connect`."""
        return lambda factory: self.all[directory.name].connect(factory)

    def kill(self, pid: int) -> None:
        """SIGKILL."""
        for worker in self.alive:
            if worker.pid == pid:
                worker.die()

    @property
    def alive(self) -> list[MemoryWorker]:
        """Those that live, oldest first."""
        return [worker for worker in self.all.values() if worker.status is None]
