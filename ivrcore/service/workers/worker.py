"""A worker: one SIP endpoint in a process of its own, which makes calls for whichever front end is there.

It goes on with its calls when the front end goes, and keeps what it has to tell in its spool. Without calls
and without a front end it ends after a while.
"""

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from twisted.internet.defer import Deferred
from twisted.protocols import amp
from twisted.python.failure import Failure

from ivrcore import __version__
from ivrcore.cdr import CallRecord, Entry
from ivrcore.codes import ReleasePoint, StateCode
from ivrcore.commands import Verdict
from ivrcore.preparation import flow_of, record_without_call
from ivrcore.service.model import CallEvent
from ivrcore.service.workers.encoding import event_to_json
from ivrcore.service.workers.errors import SpoolError, WorkerRefusal
from ivrcore.service.workers.job import Job
from ivrcore.service.workers.outgoing import Outgoing, Send
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
from ivrcore.service.workers.spool import SessionSpool
from ivrcore.service.workers.status import StatusEvents
from ivrcore.tasks import Task
from sip.reactor import DelayedCall, ReactorTime

log = logging.getLogger("ivrcore.worker")

LINGER_S = 5.0
"""How long a worker that is to end waits for the last acknowledgement; its spool keeps the rest."""

ROOM_LOOKS_S = (0.02, 0.1, 0.25)
"""How soon to look whether the engine has released a call that is over; the last one goes on."""


class Calls(Protocol):
    """What a worker uses of ivrcore.app.Application."""

    @property
    def lingering(self) -> int: ...

    def place(
        self, task: Task, session: str, *, recording_name: str, observe: Callable[[Entry], None]
    ) -> "Deferred[CallRecord]": ...

    def forget_captures(self, session: str) -> "Deferred[None]": ...

    def stop_call(self, session: str) -> bool: ...

    def stop_calls(self) -> None: ...


class FrontEnd(amp.AMP):
    """A connection of a front end."""

    def __init__(self, worker: "Worker") -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._worker = worker

    @Hello.responder
    def _hello(self, protocol: int) -> dict[str, object]:
        if protocol != PROTOCOL:
            log.warning("a front end of protocol %d", protocol)
        return self._worker.greet(self)

    @StartCall.responder
    def _start(self, job: Mapping[str, Any]) -> dict[str, object]:
        return {"known": self._worker.take(Job.from_json(job))}

    @StopCall.responder
    def _stop(self, session: str) -> dict[str, object]:
        return {"running": self._worker.stop_call(session)}

    @Ping.responder
    def _ping(self) -> dict[str, object]:
        return {"lingering": self._worker.lingering}

    @CloseWorker.responder
    def _close(self, deadline_s: float) -> dict[str, object]:
        self._worker.close(deadline_s)
        return {}

    def ask(self, command: type[amp.Command], **arguments: object) -> "Deferred[Any]":
        """One command."""
        return cast("Deferred[Any]", self.callRemote(command, **arguments))  # type: ignore[no-untyped-call]

    def connectionLost(self, reason: Failure | None = None) -> None:  # noqa: N802
        """See twisted."""
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        self._worker.on_lost(self)

    def drop(self) -> None:
        """Close it now: what it sent and we have not read is not read any more."""
        if self.transport is not None:
            self.transport.abortConnection()


@dataclass
class _Session:
    outgoing: Outgoing
    legs: int
    """In use; 0 when the call is over."""


class Worker:
    """Takes jobs, tells what becomes of them."""

    def __init__(
        self,
        calls: Calls,
        reactor: ReactorTime,
        *,
        new_spool: Callable[[str, Mapping[str, Any]], SessionSpool],
        in_thread: "Callable[..., Deferred[Any]]",
        leave: Callable[[], None],
        legs: int,
        orphan_s: float,
        monotonic: Callable[[], float],
        utc: Callable[[], float],
        pid: int,
    ) -> None:
        """Take jobs from now on.

        Args:
            new_spool: makes a session's file, see SessionSpool.
            in_thread: runs blocking work.
            leave: called once, when nothing is to be done here any more.
            legs: what the engine was compiled for.
            orphan_s: see WorkerSettings.
        """
        self._calls = calls
        self._reactor = reactor
        self._new_spool = new_spool
        self._in_thread = in_thread
        self._leave: Callable[[], None] | None = leave
        self._legs = legs
        self._orphan_s = orphan_s
        self._monotonic = monotonic
        self._utc = utc
        self._pid = pid
        self._started_s = reactor.seconds()
        self._sessions: dict[str, _Session] = {}
        self._front_end: FrontEnd | None = None
        self._closing = False
        self._lingered = False
        self._timers: dict[str, DelayedCall] = {}
        self._told_lingering = 0
        self._look_whether_alone()

    @property
    def sessions(self) -> Collection[str]:
        """Whatever is not settled."""
        return self._sessions.keys()

    @property
    def lingering(self) -> int:
        """Legs of calls that are over and not yet released."""
        return self._calls.lingering

    # -- orders of the front end ----------------------------------------------------------------------

    def greet(self, front_end: FrontEnd) -> dict[str, object]:
        """Hello: from now on events go there, and there alone."""
        former, self._front_end = self._front_end, front_end
        if former is not None and former is not front_end:
            former.drop()
        self._after("orphan", None)
        self._after("flush", 0.0, self._flush)  # behind the answer
        self._told_lingering = self.lingering
        return {
            "protocol": PROTOCOL,
            "version": __version__,
            "pid": self._pid,
            "legs": self._legs,
            "lingering": self._told_lingering,
            "closing": self._closing,
            "uptime_s": self._reactor.seconds() - self._started_s,
            "sessions": {name: session.legs for name, session in self._sessions.items()},
        }

    def take(self, job: Job) -> bool:
        """Begin a call. What is on disk when this returns is in spool.py.

        Returns:
            Whether the session was taken before; then nothing is begun.

        Raises:
            WorkerRefusal: no leg is free, the worker is about to end, or its disk is full.
        """
        if job.session in self._sessions:
            return True
        if self._closing:
            raise WorkerRefusal("the worker is ending")
        if self._legs - self.lingering - self._legs_in_use < job.legs:
            self._after("room", 0.0, self._tell_room)
            raise WorkerRefusal("no leg is free")
        try:
            spool = self._new_spool(job.session, {"service": job.service.value, "legs": job.legs})
        except SpoolError as error:
            log.error("%s", error)
            raise WorkerRefusal("its spool cannot be written") from error
        outgoing = Outgoing(
            job.session,
            spool,
            self._reactor,
            self._in_thread,
            forget=self._calls.forget_captures,
            settled=self._settled,
        )
        self._sessions[job.session] = _Session(outgoing, job.legs)
        self._after("orphan", None)
        outgoing.connect(self._sender())
        # In a turn of its own: the answer is on its way first.
        self._reactor.callLater(0, self._begin, job, outgoing)
        return False

    def stop_call(self, session: str) -> bool:
        """End a call; False when it is not up."""
        return self._calls.stop_call(session)

    def close(self, deadline_s: float) -> None:
        """Take no more jobs, end what is up when the time is over, tell what there is to tell, and go."""
        log.info("ending: %d calls are up", sum(session.legs > 0 for session in self._sessions.values()))
        self._closing = True
        self._after("deadline", deadline_s, self._calls.stop_calls)
        self._look_whether_done()

    def on_lost(self, front_end: FrontEnd) -> None:
        """A connection is gone."""
        if front_end is not self._front_end:
            return
        self._front_end = None
        for session in self._sessions.values():
            session.outgoing.connect(None)
        self._look_whether_alone()
        self._look_whether_done()

    # -- calls ----------------------------------------------------------------------------------------------

    @property
    def _legs_in_use(self) -> int:
        return sum(session.legs for session in self._sessions.values())

    def _begin(self, job: Job, outgoing: Outgoing) -> None:
        offset_s = self._utc() - self._monotonic()
        status = StatusEvents(job.session, offset_s, outgoing.tell)
        log.info("%s: %s", job.session, job.service.value)
        Deferred.fromCoroutine(self._call(job, status, offset_s))

    async def _call(self, job: Job, status: StatusEvents, offset_s: float) -> None:
        try:
            record = await self._calls.place(
                job.task, job.session, recording_name=job.recording_name, observe=status.observe
            )
        except Exception:  # the boundary: whatever broke, the call has a record
            log.exception("%s: broke off", job.session)
            record = record_without_call(
                job.session,
                flow_of(job.task),
                Verdict(StateCode.INTERNAL_ERROR, ReleasePoint.INTERNAL_ERROR),
                now_s=self._monotonic(),
                utc_offset_s=offset_s,
                observe=status.observe,
            )
        log.info("%s: ended with %d", job.session, record.verdict.state_code)
        self._sessions[job.session].legs = 0
        status.record(record)
        self._watch_room(0)
        self._look_whether_alone()
        self._look_whether_done()

    def _settled(self, session: str) -> None:
        del self._sessions[session]
        self._look_whether_done()

    # -- events ---------------------------------------------------------------------------------------------

    def _flush(self) -> None:
        sender = self._sender()
        for session in tuple(self._sessions.values()):
            session.outgoing.connect(sender)

    def _sender(self) -> Send | None:
        front_end = self._front_end
        if front_end is None:
            return None

        def send(event: CallEvent) -> "Deferred[Any]":
            return front_end.ask(Event, session=event.session, event=event_to_json(event))

        return send

    def _tell_room(self) -> None:
        self._told_lingering = self.lingering
        if self._front_end is not None:
            self._front_end.ask(Room, lingering=self._told_lingering)

    def _watch_room(self, looks: int) -> None:
        """Until the engine has released what is over."""
        if self.lingering != self._told_lingering:
            self._tell_room()
        if looks == 0 or self._told_lingering:
            delay_s = ROOM_LOOKS_S[min(looks, len(ROOM_LOOKS_S) - 1)]
            self._after("watch", delay_s, self._watch_room, looks + 1)

    # -- the end --------------------------------------------------------------------------------------------

    def _look_whether_alone(self) -> None:
        if self._front_end is None and not self._legs_in_use:
            self._after("orphan", self._orphan_s, self._abandoned)

    def _abandoned(self) -> None:
        log.warning("no front end for %g s, and no calls: ending", self._orphan_s)
        self.close(0.0)

    def _look_whether_done(self) -> None:
        if not self._closing or self._leave is None or self._legs_in_use:
            return
        if self._sessions and self._front_end is not None and not self._lingered:
            if "linger" not in self._timers:
                self._after("linger", LINGER_S, self._waited)
            return
        leave = self._leave
        self.end()
        leave()

    def end(self) -> None:
        """Nothing is begun any more."""
        self._leave = None
        for name in tuple(self._timers):
            self._after(name, None)

    def _waited(self) -> None:
        self._lingered = True
        self._look_whether_done()

    def _after(
        self, name: str, delay_s: float | None, act: Callable[..., object] | None = None, *arguments: object
    ) -> None:
        """One timer of each name; None takes it back."""
        timer = self._timers.pop(name, None)
        if timer is not None and timer.active():
            timer.cancel()
        if delay_s is not None and act is not None and self._leave is not None:
            self._timers[name] = self._reactor.callLater(delay_s, act, *arguments)
