"""`ivrcore serve`: puts the parts together, starts them in the order they need each other, and ends them.

start   store -> ports of the open calls -> workers (who lives is adopted, what the dead left is finished)
        -> what nobody has is ended -> pushes -> HTTP
SIGTERM, SIGINT   no more orders; calls may go on until http.shutdown_s, then are ended; pushes are flushed
SIGHUP            go as soon as no accepted call waits for legs, and leave the workers to the next front
                  end: calls that are up go on
"""

import json
import logging
import os
import signal
from collections.abc import Generator
from pathlib import Path
from types import FrameType
from typing import Any, cast

from twisted.internet import ssl
from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks
from twisted.internet.task import LoopingCall, deferLater
from twisted.web.resource import Resource

from ivrcore import __version__
from ivrcore.program import AppReactor, run
from ivrcore.service.api import openapi
from ivrcore.service.api.app import make_site
from ivrcore.service.calls import Calls, Rules
from ivrcore.service.model import PushKind, Service
from ivrcore.service.notify.client import PushResult
from ivrcore.service.notify.pushes import Pushes, own_resolver
from ivrcore.service.ops.health import HealthCheck, WorkersState
from ivrcore.service.ops.logs import bridge_twisted, start_logging
from ivrcore.service.ops.metrics import LoopLag, Metrics, Snapshot
from ivrcore.service.ops.pages import HealthPage, MetricsPage
from ivrcore.service.orders import Desk
from ivrcore.service.rules.numbers import warm_up
from ivrcore.service.rules.quota import DAYS_30, Frequency, Ports, Rate
from ivrcore.service.rules.retention import Sweeper
from ivrcore.service.settings import ServiceSettings
from ivrcore.service.settle import Told
from ivrcore.service.store import calls as stored_calls
from ivrcore.service.store import outbox
from ivrcore.service.store.database import Database
from ivrcore.service.wiring import admin_ports, api_ports, books, supervisor_settings, utc_now
from ivrcore.service.workers.supervisor import Supervisor
from sip.address import host_and_port

log = logging.getLogger("ivrcore.service")

ENDING_S = 5.0
"""How long calls that were told to end, and pushes, may take at the end."""

POLL_S = 0.05
ADDRESS_FILE = "http.json"
"""In run_dir while HTTP is served: where, for those who let the system choose the port."""


class FrontEnd:
    """One running service."""

    def __init__(self, settings: ServiceSettings, reactor: AppReactor) -> None:
        """Open the store, and migrate it; nothing is started.

        Raises:
            StoreError, SipConfigError, ValueError: the settings cannot work; one line.
        """
        self._settings = settings
        self._reactor = cast(Any, reactor)  # Twisted's own, with everything it has
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        self.database = Database(settings.database_url, self._reactor, threads=settings.store.threads)
        self.database.upgrade()
        self._outbox_depth: dict[PushKind, tuple[int, float]] = {}
        self.metrics = Metrics(self._snapshot, version=__version__, paths=openapi.PATHS)
        self._pushes = Pushes(
            settings, reactor, self.database, own_resolver(reactor), observe=self._push_ended, utc=utc_now
        )
        self._ports = Ports()
        self._frequency = Frequency(settings.calls.frequency, utc_now)
        self._books = books(settings)
        rate = Rate(
            reactor,
            queue_length=settings.calls.rate_queue_length,
            queue_wait_s=settings.calls.rate_queue_wait_s,
        )
        self._supervisor = Supervisor(supervisor_settings(settings), reactor, _Later(self))
        self.calls = Calls(
            self.database,
            self._supervisor,
            self._pushes,
            Rules(self._ports, rate, self._frequency),
            Desk(settings.calls, (settings.data_dir / "voices").absolute()),
            self._books,
            clock=reactor,
            observe=self._told,
        )
        self._health = HealthCheck(self.database, self._workers, self._reactor, version=__version__)
        self._lag = LoopLag(reactor, self.metrics.lagged)
        self._sweeper = Sweeper(self.database, settings, utc_now)
        self._chores: list[LoopingCall] = []
        self._listening: list[Any] = []
        self._ended: Deferred[int] = Deferred()
        self._ending = False

    @inlineCallbacks
    def serve(self) -> "Generator[Deferred[Any], Any, int]":
        """Run until `stop` or `leave`; the exit status.

        Errback: AlreadyRunning, WorkerError, OSError, StoreError: it cannot run.
        """
        try:
            self._supervisor.own()  # before the calls are counted: nobody else changes them from here on
            opened = yield self.calls.rebuild()
            called = yield self.database.read(stored_calls.called_since, utc_now() - DAYS_30)
            self._frequency.rebuild(called)
            adopted = yield self._supervisor.start()
            lost = yield self.calls.forsake(opened, adopted.live_sessions)
            if opened:
                log.info("%d calls were open: %d go on", len(opened), len(opened) - lost)
            if not self._books.durable:
                # Left by an earlier run in durable mode: late, and out of order with what is pushed now.
                n_left = yield self.database.run(outbox.abandon, PushKind.STATUS, "the mode is strict now")
                if n_left:
                    log.warning("%d status events of durable mode are given up", n_left)
            self._pushes.start()
            self._lag.start()
            self._start_chores()
            self._listen()
        except BaseException:
            self._supervisor.leave()
            yield self.database.close()
            raise
        status: int = yield self._ended
        return status

    # -- HTTP ---------------------------------------------------------------------------------------------

    def _listen(self) -> None:
        http = self._settings.http
        beside: dict[str, Resource] = {"health": HealthPage(self._health)}
        if self._settings.ops.metrics:
            beside["metrics"] = MetricsPage(self.metrics, self._settings.ops.metrics_from)
        ports = api_ports(self.calls, self.database, self._settings)
        site = make_site(
            ports,
            self._settings.api_settings(),
            self._reactor,
            beside,
            self.metrics.request_answered,
            admin_ports(self.database, self._settings, self._reactor),
        )
        addresses: dict[str, str] = {}
        if http.plain:
            port = self._reactor.listenTCP(http.port, site, interface=http.bind)
            self._listening.append(port)
            addresses["http"] = f"http://{host_and_port(http.bind, port.getHost().port)}"
        if http.certificate is not None and http.key is not None:
            context = ssl.DefaultOpenSSLContextFactory(  # type: ignore[no-untyped-call]
                str(http.key), str(http.certificate)
            )
            port = self._reactor.listenSSL(http.tls_port, site, context, interface=http.bind)
            self._listening.append(port)
            addresses["https"] = f"https://{host_and_port(http.bind, port.getHost().port)}"
        file = self._settings.run_dir / ADDRESS_FILE
        part = file.with_suffix(".part")
        part.write_text(json.dumps({**addresses, "pid": os.getpid()}), encoding="utf-8")
        part.rename(file)
        log.info("serving on %s", ", ".join(addresses.values()))

    def _stop_listening(self) -> None:
        (self._settings.run_dir / ADDRESS_FILE).unlink(missing_ok=True)
        for port in self._listening:
            port.stopListening()
        self._listening.clear()

    # -- the end ------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """End in order: SIGTERM. A second time is too late to hurry; a third signal kills."""
        if not self._ending:
            self._ending = True
            self._stop().addErrback(self._fail).addCallback(self._finish)

    @inlineCallbacks
    def _stop(self) -> "Generator[Deferred[Any], Any, None]":
        log.info("stopping: %d calls are up", self.calls.n_open)
        self._health.stopping = True
        self.calls.stop_accepting()
        yield self._until_idle(self._settings.http.shutdown_s)
        yield self.calls.stop_all()
        yield self._until_idle(ENDING_S)
        yield self._supervisor.close(ENDING_S)
        self._stop_listening()
        self._end_chores()
        yield self._pushes.close(ENDING_S)
        yield self.database.close()

    @inlineCallbacks
    def _until_idle(self, seconds: float) -> "Generator[Deferred[Any], Any, None]":
        deadline_s = self._reactor.seconds() + seconds
        while self.calls.n_open and self._reactor.seconds() < deadline_s:
            yield deferLater(self._reactor, POLL_S, lambda: None)

    def leave(self) -> None:
        """Go soon and let the calls go on: SIGHUP."""
        if not self._ending:
            self._ending = True
            self._leave().addErrback(self._fail).addCallback(self._finish)

    @inlineCallbacks
    def _leave(self) -> "Generator[Deferred[Any], Any, None]":
        log.info("leaving: %d calls go on with their workers", self.calls.n_open)
        self._stop_listening()
        self._end_chores()
        self.calls.stop_accepting()
        # Only this process has the jobs that wait for legs: no store holds what a code or a text says.
        yield self.calls.handed_over()
        self._supervisor.leave()
        yield self.calls.settled()  # the workers will not tell again what is stored: it is to be pushed here
        yield self._pushes.close(1.0)
        yield self.database.close()

    def _fail(self, failure: Any) -> None:
        log.error("the end did not go in order: %s", failure.value, exc_info=failure.value)

    def _finish(self, _: object) -> None:
        self._ended.callback(0)

    # -- chores and figures -------------------------------------------------------------------------------

    def _start_chores(self) -> None:
        # The ranges of numbers take a quarter of a second to load: now, in a thread, not in a request.
        self._reactor.callInThread(warm_up)
        for chore, every_s in (
            (self._sweep, self._settings.retention.sweep_interval_s),
            (self._look_at_outbox, 2.0),
        ):
            loop = LoopingCall(chore)
            loop.clock = self._reactor
            loop.start(every_s).addErrback(self._fail)
            self._chores.append(loop)

    def _end_chores(self) -> None:
        self._lag.stop()
        for loop in self._chores:
            if loop.running:
                loop.stop()

    def _sweep(self) -> "Deferred[Any]":
        self._frequency.forget_old()
        return self._sweeper.sweep().addErrback(lambda failure: log.error("sweep: %s", failure.value))

    def _look_at_outbox(self) -> "Deferred[Any]":
        return gatherResults([self._look_at(kind) for kind in PushKind])

    def _look_at(self, kind: PushKind) -> "Deferred[None]":
        def note(depth: Any) -> None:
            n_pending, oldest = depth
            age_s = 0.0 if oldest is None else (utc_now() - oldest).total_seconds()
            self._outbox_depth[kind] = (n_pending, age_s)

        looked = self.database.read(outbox.depth, kind).addCallback(note)
        return looked.addErrback(lambda failure: log.error("outbox: %s", failure.value))

    def _told(self, told: Told) -> None:
        if told.event.seq == 1:
            self.metrics.call_accepted(told.call.service)
        if told.ended:
            self.metrics.call_ended(told.call.service, told.state_code)

    def _push_ended(self, kind: PushKind, result: PushResult) -> None:
        self.metrics.push_ended(kind, result.latency_s, delivered=result.ok)

    def _workers(self) -> WorkersState:
        up = [worker for worker in self._supervisor.workers() if worker.pid]
        return WorkersState(
            alive=len(up),
            expected=self._settings.workers.count,
            legs_free=self._supervisor.free_legs(),
            legs_total=self._supervisor.total_legs(),
        )

    def _snapshot(self) -> Snapshot:
        workers = self._supervisor.workers()
        opened = self._ports.by_service
        return Snapshot(
            calls={(service, "open"): opened[service] for service in Service},
            legs_free=self._supervisor.free_legs(),
            legs_total=self._supervisor.total_legs(),
            workers=sum(1 for worker in workers if worker.pid),
            worker_restarts=sum(worker.restarts for worker in workers),
            outbox=self._outbox_depth,
        )


class _Later:
    """The supervisor's listener: the calls, which need the supervisor to be made."""

    def __init__(self, front_end: FrontEnd) -> None:
        self._front_end = front_end

    def event(self, event: Any) -> "Deferred[None]":
        """See Listener."""
        return self._front_end.calls.event(event)

    def lost(self, sessions: Any, reason: str) -> "Deferred[None]":
        """See Listener."""
        return self._front_end.calls.lost(sessions, reason)


def run_serve(settings: ServiceSettings) -> int:
    """Serve until a signal; the exit status.

    Raises:
        StoreError, WorkerError, SipConfigError, OSError, ValueError: it cannot run; one line says why.
    """
    start_logging(settings.ops)
    bridge_twisted()
    box: list[FrontEnd] = []

    def task(reactor: AppReactor) -> "Deferred[int]":
        def on_hangup(_number: int, _frame: FrameType | None) -> None:
            cast(Any, reactor).callFromThread(front_end.leave)

        front_end = FrontEnd(settings, reactor)
        box.append(front_end)
        signal.signal(signal.SIGHUP, on_hangup)
        return front_end.serve()

    return run(task, lambda: box[0].stop() if box else None)


def address_of(data_dir: Path) -> str:
    """Where the service of a data directory is served now; "" when it is not."""
    try:
        known: dict[str, Any] = json.loads((data_dir / "run" / ADDRESS_FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return str(known.get("http") or known.get("https") or "")
