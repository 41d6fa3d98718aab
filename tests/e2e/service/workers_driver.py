"""A front end with nothing but a supervisor: orders come as lines of JSON, what it is told leaves as such.

    lines in    {"do": "dispatch", "job": Job.to_json()}, "stop" with "session", "workers", "leave", "close"
                with "deadline_s", "refuse" with "n": so many events are not stored at first
    lines out   started, told (an event), lost, taken, not_taken, stopped, workers, closed

Its death is that of a front end: its workers go on. It lives as long as its standard input.
"""

import json
import logging
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as _reactor
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver

from ivrcore.service.model import CallEvent
from ivrcore.service.workers.encoding import event_to_json
from ivrcore.service.workers.job import Job
from ivrcore.service.workers.listener import LostCall, SupervisorSettings
from ivrcore.service.workers.settings import WorkerSettings
from ivrcore.service.workers.supervisor import Supervisor, SupervisorReactor
from sip.endpoint import EndpointSettings


def say(event: str, **facts: object) -> None:
    """One line to the test."""
    sys.stdout.write(json.dumps({"event": event, "at_s": time.monotonic(), **facts}) + "\n")
    sys.stdout.flush()


class Told:
    """The supervisor's listener: what it is told is stored with the test."""

    def __init__(self) -> None:
        self.refuse = 0

    def event(self, event: CallEvent) -> "Deferred[None]":
        """See Listener."""
        if self.refuse > 0:
            self.refuse -= 1
            say("refused", session=event.session, seq=event.seq)
            return fail(RuntimeError("the database is locked"))
        say("told", session=event.session, **event_to_json(event))
        return succeed(None)

    def lost(self, sessions: Mapping[str, LostCall], reason: str) -> "Deferred[None]":
        """See Listener."""
        for session, lost in sessions.items():
            recording = lost.recording
            say(
                "lost",
                session=session,
                reason=reason,
                last_seq=lost.last_seq,
                path=None if recording is None or recording.path is None else str(recording.path),
                duration_s=None if recording is None else recording.duration_s,
            )
        return succeed(None)


class Driver(LineOnlyReceiver):
    """Orders in."""

    delimiter = b"\n"

    def __init__(self, settings: SupervisorSettings) -> None:
        self._listener = Told()
        self._supervisor = Supervisor(settings, cast(SupervisorReactor, _reactor), self._listener)
        Deferred.fromCoroutine(self._start()).addErrback(self._failed)

    async def _start(self) -> None:
        adopted = await self._supervisor.start()
        say("started", live=sorted(adopted.live_sessions), legs=self._supervisor.total_legs())

    def lineReceived(self, line: bytes) -> None:  # noqa: N802
        """One order."""
        Deferred.fromCoroutine(self._carry_out(json.loads(line))).addErrback(self._failed)

    async def _carry_out(self, order: dict[str, Any]) -> None:
        supervisor = self._supervisor
        match order["do"]:
            case "dispatch":
                job = Job.from_json(order["job"])
                begun_s = time.monotonic()
                try:
                    worker = await supervisor.dispatch(job)
                except Exception as error:  # the test decides whether it was meant to fail
                    say("not_taken", session=job.session, error=type(error).__name__)
                else:
                    say("taken", session=job.session, worker=worker, begun_s=begun_s)
            case "stop":
                had = await supervisor.stop_call(order["session"])
                say("stopped", session=order["session"], had=had)
            case "workers":
                say(
                    "workers",
                    workers={
                        one.id: {"pid": one.pid, "free": one.free, "restarts": one.restarts}
                        for one in supervisor.workers()
                    },
                    free=supervisor.free_legs(),
                )
            case "refuse":
                self._listener.refuse = order["n"]
            case "close":
                await supervisor.close(order["deadline_s"])
                say("closed")

    def _failed(self, failure: object) -> None:
        say("failed", text=str(failure))

    def connectionLost(self, reason: object = None) -> None:  # noqa: ARG002, N802
        """The test closed the pipe: leave, and let the workers be."""
        self._supervisor.leave()
        cast(Any, _reactor).stop()


def main() -> None:
    """`python -m tests.e2e.service.workers_driver FOLDER WORKERS ORPHAN_S`."""
    logging.basicConfig(handlers=[logging.NullHandler()])
    folder, n_workers, orphan_s = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    cache = folder.parent / "cache"
    worker = WorkerSettings(
        recordings_dir=folder / "rec",
        cache_dir=cache,
        endpoint=EndpointSettings(cache_dir=cache),
        orphan_s=orphan_s,
    )
    settings = SupervisorSettings(folder / "run", worker, workers=n_workers, ping_s=0.5, restart_first_s=0.2)
    StandardIO(Driver(settings))  # type: ignore[no-untyped-call]  # twisted leaves it unannotated
    cast(Any, _reactor).run()


if __name__ == "__main__":
    main()
