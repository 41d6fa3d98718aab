"""The worker's program: what `ivrcore worker DIRECTORY` runs."""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol, cast

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory
from twisted.internet.threads import deferToThreadPool

from ivrcore.app import Application, Settings
from ivrcore.program import AppReactor, run
from ivrcore.service.ops.logs import bridge_twisted, start_logging
from ivrcore.service.sections import LogFormat, OpsSettings
from ivrcore.service.workers.directory import CAPTURES, LOCK, SETTINGS, SOCKET, SPOOL, TRACE, Lock
from ivrcore.service.workers.settings import WorkerSettings
from ivrcore.service.workers.spool import SessionSpool
from ivrcore.service.workers.worker import FrontEnd, Worker

log = logging.getLogger("ivrcore.worker")


class _Listening(Protocol):
    """What the program uses of the global reactor besides."""

    def listenUNIX(self, address: str, factory: object, *, mode: int) -> object: ...  # noqa: N802


class _NameCalls(logging.Filter):
    """Gives a log line the session and leg that its message begins with, as the core's do."""

    def __init__(self, worker: Worker) -> None:
        super().__init__()
        self._worker = worker

    def filter(self, record: logging.LogRecord) -> bool:
        """Passes everything."""
        first = str(record.args[0]) if isinstance(record.args, tuple) and record.args else ""
        session, _, leg = first.rpartition("-")
        if first in self._worker.sessions:
            record.session = first
        elif leg in ("A", "B") and session in self._worker.sessions:
            record.session, record.leg = session, leg
        return True


def run_worker(directory: Path, settings: WorkerSettings | None = None) -> int:
    """Make calls until told to go; returns the exit status.

    Args:
        settings: None reads those in the directory.

    Raises:
        WorkerError: no settings, or somebody works in the directory.
        SipError: the endpoint cannot start.
    """
    directory = directory.absolute()
    settings = settings or WorkerSettings.load(directory / SETTINGS)
    lock = Lock(directory / LOCK)
    lock.sign()
    handler = start_logging(OpsSettings(log_format=LogFormat.JSON))
    bridge_twisted()
    os.chdir(directory)  # a Unix socket's path is short: it is named from here
    endpoint = settings.endpoint
    if endpoint.trace_file is not None:  # of its own: two stacks cannot write one file
        endpoint = replace(endpoint, trace_file=directory / TRACE)
    application_settings = Settings(
        data_dir=directory,
        endpoint=endpoint,
        clock_scale=settings.clock_scale,
        ringback_country=settings.ringback_country,
        speech=settings.speech,
        recordings_dir=settings.recordings_dir,
        captures_dir=directory / CAPTURES,
        cache_dir=settings.cache_dir,
        routes=settings.routes,
        recover=False,
        forget_captures=False,
    )
    workers: list[Worker] = []

    def task(reactor: AppReactor) -> "Deferred[int]":
        application = Application(application_settings, reactor)
        over: Deferred[int] = Deferred()

        def leave() -> None:
            application.close().addCallbacks(lambda _: over.callback(0), over.errback)

        def in_thread(work: Callable[..., Any], *arguments: object) -> "Deferred[Any]":
            return deferToThreadPool(reactor, reactor.getThreadPool(), work, *arguments)  # type: ignore[arg-type]

        worker = Worker(
            application,
            reactor,
            new_spool=partial(SessionSpool, directory / SPOOL),
            in_thread=in_thread,
            leave=leave,
            legs=application.limits.calls,
            orphan_s=settings.orphan_s,
            monotonic=time.monotonic,
            utc=time.time,
            pid=os.getpid(),
        )
        workers.append(worker)
        handler.addFilter(_NameCalls(worker))
        Path(SOCKET).unlink(missing_ok=True)
        factory = Factory.forProtocol(lambda: FrontEnd(worker))
        cast(_Listening, reactor).listenUNIX(SOCKET, factory, mode=0o600)
        log.info("SIP on %s, %s", application.address, application.limits)
        return over

    try:
        return run(task, lambda: workers[0].close(settings.stop_s) if workers else None)
    finally:
        lock.release()
