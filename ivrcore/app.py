"""Puts the parts together: one endpoint, its prompts, its recordings, and the calls on it.

The only module, besides the softphone program, that imports the global reactor.
"""

import itertools
import logging
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from types import FrameType
from typing import Protocol, cast

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from ivrcore.captures import CaptureRoom, finish_interrupted
from ivrcore.cdr import CallRecord, Entry, RecordingRecord
from ivrcore.clock import FlowClock
from ivrcore.contents import ContentSource
from ivrcore.events import Playable
from ivrcore.flow import Flow, callback_flow, notification_flow, verification_flow
from ivrcore.recorder import Recorder, RecordingPlace, record_of
from ivrcore.request import CallbackRequest, NotificationRequest, RequestError, VerificationRequest
from ivrcore.runner import CallRunner
from ivrcore.sounds import (
    PromptFiles,
    ToneFiles,
    sounds_for,
    sounds_for_notification,
    sounds_for_verification,
)
from media.loop import unrolled
from media.speech.espeak import EspeakEngine
from sip.endpoint import EndpointSettings, EngineLimits
from sip.leg import Sound
from sip.pjsua.endpoint import PjsuaEndpoint
from sip.reactor import RunningReactor
from sip.trunk import Trunk

log = logging.getLogger("ivrcore.app")


class AppReactor(RunningReactor, Protocol):
    """What the application uses of the global reactor."""

    def callWhenRunning(self, callable: Callable[..., object], /) -> object:  # noqa: A002, N802
        """Call it as soon as the reactor runs."""

    def getThreadPool(self) -> ThreadPool:  # noqa: N802
        """The pool for work that waits for the disk."""

    def spawnProcess(self, *arguments: object, **options: object) -> object:  # noqa: N802
        """Start a child process."""


@dataclass(frozen=True)
class Settings:
    """What the application needs to start.

    Attributes:
        data_dir: captures, recordings and rendered prompts live below it.
        clock_scale: see ivrcore.clock.
        ringback_country: whose ringback A hears (media.tone).
    """

    data_dir: Path
    endpoint: EndpointSettings = field(default_factory=EndpointSettings)
    trunk: Trunk = field(default_factory=Trunk)
    clock_scale: float = 1.0
    ringback_country: str = "CN"
    recordings_dir: Path | None = None

    @property
    def captures(self) -> Path:
        """Where recordings are made; other processes may make theirs there too."""
        return self.data_dir / "captures"

    @property
    def finished(self) -> Path:
        """Where finished recordings go."""
        return self.recordings_dir or self.data_dir / "recordings"


class Application:
    """A running core: take calls with `call`, end with `close`."""

    def __init__(self, settings: Settings, reactor: AppReactor) -> None:
        """Finish what a crash left, then start the endpoint.

        Raises:
            SipConfigError: the endpoint cannot start.
        """
        self.settings = settings
        self.recovered: list[tuple[str, RecordingRecord]] = [
            (found.session, record_of(found.result))
            for found in finish_interrupted(settings.captures, settings.finished)
        ]
        self._reactor = reactor
        self._endpoint = PjsuaEndpoint(settings.endpoint, reactor)
        self._room: CaptureRoom | None = None
        self._clock = FlowClock(reactor, settings.clock_scale)
        self._counter = itertools.count(1)
        self._runners: set[CallRunner] = set()
        self._idle: Deferred[None] | None = None

    @property
    def limits(self) -> EngineLimits:
        """What the engine was compiled for."""
        return self._endpoint.limits

    @property
    def address(self) -> str:
        """Where SIP listens."""
        return self._endpoint.address

    def scale_clock(self, scale: float) -> None:
        """From now on calls begin with a clock of this scale, see ivrcore.clock."""
        self._clock = FlowClock(self._reactor, scale)

    def call(
        self,
        request: CallbackRequest,
        files: PromptFiles | None = None,
        observe: Callable[[Entry], None] = lambda _entry: None,
    ) -> "Deferred[CallRecord]":
        """Make a callback; fires with its record.

        Raises:
            SipConfigError, MediaError, SpeechError: the request cannot be carried out; no call was made.
        """
        flow = callback_flow(request)
        self._check_parties(flow)
        sounds = sounds_for(
            request,
            files or PromptFiles(),
            self._cache_dir,
            ringback_country=self.settings.ringback_country,
        )
        for sound in sounds.values():
            if sound.loop:
                # Made now, while nobody waits: minutes of A-law and an fsync, which would hold every leg
                # of this process up at the moment B rings.
                unrolled(sound.path, self.settings.endpoint.cache_dir)
        session = self._new_session()
        recorder = None
        if request.record:
            self._room = self._room or CaptureRoom(self.settings.captures)
            place = RecordingPlace(self._room.directory, self.settings.finished)
            recorder = Recorder(session, place, self._in_thread)
            recorder.prepare()
        return self._run(session, flow, sounds, observe, recorder)

    def notify(
        self,
        request: NotificationRequest,
        contents: Sequence[ContentSource],
        observe: Callable[[Entry], None] = lambda _entry: None,
    ) -> "Deferred[CallRecord]":
        """Make a notification; fires with its record. `contents`: one for each element of the request.

        Raises:
            RequestError, SipConfigError, MediaError: the request cannot be carried out; no call was made.
        """
        if len(contents) != len(request.elements):
            raise RequestError(f"{len(request.elements)} elements have {len(contents)} contents")
        flow = notification_flow(request)
        self._check_parties(flow)
        sounds = sounds_for_notification(contents, self._cache_dir, EspeakEngine())
        return self._run(self._new_session(), flow, sounds, observe)

    def verify(
        self,
        request: VerificationRequest,
        files: ToneFiles | None = None,
        observe: Callable[[Entry], None] = lambda _entry: None,
    ) -> "Deferred[CallRecord]":
        """Speak a verification code; fires with its record, which does not hold the code.

        Raises:
            SipConfigError, MediaError: the request cannot be carried out; no call was made.
        """
        flow = verification_flow(request)
        self._check_parties(flow)
        spoken = sounds_for_verification(request, files or ToneFiles(), self._cache_dir, EspeakEngine())

        def forget(record: CallRecord) -> CallRecord:
            spoken.code.forget()
            return record

        try:
            calling = self._run(self._new_session(), flow, spoken.sounds, observe)
        except Exception:
            spoken.code.forget()
            raise
        return calling.addCallback(forget)

    @property
    def _cache_dir(self) -> Path:
        return self.settings.data_dir / "cache"

    def _new_session(self) -> str:
        return f"{datetime.now(UTC):%Y%m%d%H%M%S}-{os.getpid()}-{next(self._counter)}"

    def _check_parties(self, flow: Flow) -> None:
        for called in flow.parties.values():
            self.settings.trunk.uri_of(called.number)
            self.settings.trunk.identity_of(called.display, self._endpoint.host())

    def _run(
        self,
        session: str,
        flow: Flow,
        sounds: Mapping[Playable, Sound],
        observe: Callable[[Entry], None],
        recorder: Recorder | None = None,
    ) -> "Deferred[CallRecord]":
        runner = CallRunner(
            session,
            flow,
            endpoint=self._endpoint,
            trunk=self.settings.trunk,
            sounds=sounds,
            clock=self._clock,
            recorder=recorder,
            observe=observe,
        )
        self._runners.add(runner)

        def finished(record: CallRecord) -> CallRecord:
            self._runners.discard(runner)
            if self._idle is not None and not self._runners:
                self._idle.callback(None)
            return record

        try:
            return runner.start().addCallback(finished)
        except Exception:
            self._runners.discard(runner)
            raise

    def stop_calls(self) -> None:
        """End every call as callStop would; their records follow."""
        for runner in tuple(self._runners):
            runner.stop()

    def close(self) -> "Deferred[None]":
        """End what is up, finish its recordings and records, and stop the endpoint."""
        self.stop_calls()
        return self._endpoint.close().addCallback(lambda _: self._when_idle()).addCallback(self._leave)

    def _when_idle(self) -> "Deferred[None]":
        self._idle = Deferred()
        if not self._runners:
            self._idle.callback(None)
        return self._idle

    def _leave(self, _: object) -> None:
        if self._room is not None:
            self._room.close()
            self._room = None

    def _in_thread(self, work: Callable[..., object], *arguments: object) -> "Deferred[object]":
        pool = self._reactor.getThreadPool()
        return deferToThreadPool(self._reactor, pool, work, *arguments)  # type: ignore[arg-type]  # zope


def run(task: Callable[[AppReactor], "Deferred[int]"], interrupted: Callable[[], None]) -> int:
    """Run a task on the global reactor and return its exit status.

    Args:
        task: started when the reactor runs; its Deferred fires with the exit status.
        interrupted: called on the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once.

    Raises:
        Exception: whatever the task failed with.
    """
    reactor = cast(AppReactor, global_reactor)
    outcome: list[int | Failure] = []

    def done(result: int | Failure) -> None:
        outcome.append(result)
        reactor.stop()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        for number in heeded:
            signal.signal(number, signal.SIG_DFL)
        reactor.callFromThread(interrupted)

    heeded = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup means it
        heeded.append(signal.SIGHUP)

    def begin() -> None:
        for number in heeded:
            signal.signal(number, on_signal)
        maybeDeferred(task, reactor).addBoth(done)

    reactor.callWhenRunning(begin)
    reactor.run()  # its own handlers stay for SIGCHLD; ours replace those of SIGINT and SIGTERM
    result = outcome[0] if outcome else 1
    if isinstance(result, Failure):
        result.raiseException()
    assert isinstance(result, int)
    return result
