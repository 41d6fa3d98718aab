"""Puts the parts together: one endpoint, its prompts, its recordings, and the calls on it."""

import itertools
import logging
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol, TypeVar

from twisted.internet.defer import Deferred, succeed
from twisted.internet.threads import deferToThreadPool

from ivrcore.captures import CaptureRoom, finish_interrupted
from ivrcore.cdr import CallRecord, Entry, RecordingRecord
from ivrcore.clock import FlowClock
from ivrcore.codes import StateCode
from ivrcore.commands import Verdict
from ivrcore.contents import ContentSource
from ivrcore.flow import Flow
from ivrcore.preparation import (
    Prepared,
    RecordingRefusedError,
    flow_of,
    prepare,
    record_without_call,
    verdict_of,
)
from ivrcore.program import AppReactor
from ivrcore.recorder import Recorder, RecordingPlace, record_of
from ivrcore.request import CallbackRequest, NotificationRequest, VerificationRequest
from ivrcore.runner import CallRunner
from ivrcore.sounds import PromptFiles, ToneFiles
from ivrcore.tasks import CallbackTask, NotificationTask, Task, VerificationTask
from media.errors import MediaError
from media.speech.choice import SpeechSettings, speech_engine
from sip.endpoint import EndpointSettings, EngineLimits
from sip.pjsua.endpoint import PjsuaEndpoint
from sip.routes import Routes
from sip.trunk import Trunk

log = logging.getLogger("ivrcore.app")


Result = TypeVar("Result")


class InThread(Protocol):
    """Runs blocking work off the reactor's thread."""

    def __call__(self, work: Callable[..., Result], *arguments: object) -> "Deferred[Result]": ...


@dataclass(frozen=True)
class Settings:
    """What the application needs to start.

    Attributes:
        data_dir: captures, recordings and rendered prompts live below it.
        clock_scale: see ivrcore.clock.
        ringback_country: whose ringback A hears (media.tone).
        speech: who speaks texts and built-in prompts.
        routes: trunks by the called number; None sends everything through `trunk`.
        recordings_dir, captures_dir, cache_dir: None for places below `data_dir`.
        recover: finish what killed processes left in `captures`; or somebody else does.
        forget_captures: a recording's journal goes with the call's record; or somebody says so later.
    """

    data_dir: Path
    endpoint: EndpointSettings = field(default_factory=EndpointSettings)
    trunk: Trunk = field(default_factory=Trunk)
    clock_scale: float = 1.0
    ringback_country: str = "CN"
    speech: SpeechSettings = field(default_factory=SpeechSettings)
    recordings_dir: Path | None = None
    captures_dir: Path | None = None
    cache_dir: Path | None = None
    routes: Routes | None = None
    recover: bool = True
    forget_captures: bool = True

    @property
    def captures(self) -> Path:
        """Where recordings are made; other processes may make theirs there too."""
        return self.captures_dir or self.data_dir / "captures"

    @property
    def cache(self) -> Path:
        """Where rendered speech and tones are."""
        return self.cache_dir or self.data_dir / "cache"

    @property
    def finished(self) -> Path:
        """Where finished recordings go."""
        return self.recordings_dir or self.data_dir / "recordings"


class Application:
    """A running core: take calls with `call`, end with `close`."""

    def __init__(self, settings: Settings, reactor: AppReactor, in_thread: "InThread | None" = None) -> None:
        """Finish what a crash left, if the settings say so, then start the endpoint.

        Args:
            in_thread: runs blocking work; None for the reactor's pool.

        Raises:
            SipConfigError: the endpoint cannot start.
        """
        self.settings = settings
        self.recovered: list[tuple[str, RecordingRecord]] = []
        if settings.recover:
            self.recovered += (
                (found.session, record_of(found.result))
                for found in finish_interrupted(settings.captures, settings.finished)
            )
        self._routes = settings.routes or Routes(settings.trunk)
        self._reactor = reactor
        self._in_thread: InThread = in_thread or self._to_pool
        self._endpoint = PjsuaEndpoint(settings.endpoint, reactor)
        self._room: CaptureRoom | None = None
        self._clock = FlowClock(reactor, settings.clock_scale)
        self._counter = itertools.count(1)
        self._engine = speech_engine(settings.speech)
        self._runners: dict[str, CallRunner] = {}
        self._preparing: dict[str, bool] = {}
        """Sessions that are being prepared, and whether they were stopped meanwhile."""
        self._unforgotten: dict[str, Recorder] = {}
        self._idle: Deferred[None] | None = None

    @property
    def limits(self) -> EngineLimits:
        """What the engine was compiled for."""
        return self._endpoint.limits

    @property
    def address(self) -> str:
        """Where SIP listens: one place, or one of each family."""
        return ", ".join(self._endpoint.addresses)

    def scale_clock(self, scale: float) -> None:
        """From now on calls begin with a clock of this scale, see ivrcore.clock."""
        self._clock = FlowClock(self._reactor, scale)

    def call(
        self,
        request: CallbackRequest,
        files: PromptFiles | None = None,
        observe: Callable[[Entry], None] = lambda _entry: None,
    ) -> "Deferred[CallRecord]":
        """Make a callback; fires with its record. Blocks until its prompts are ready.

        Raises:
            SipConfigError, MediaError, SpeechError: the request cannot be carried out; no call was made.
        """
        return self._call_now(CallbackTask(request, files or PromptFiles()), observe)

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
        return self._call_now(NotificationTask(request, tuple(contents)), observe)

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
        return self._call_now(VerificationTask(request, files or ToneFiles()), observe)

    def place(
        self,
        task: Task,
        session: str,
        *,
        recording_name: str = "",
        observe: Callable[[Entry], None] = lambda _entry: None,
    ) -> "Deferred[CallRecord]":
        """Prepare a call in a thread, then make it; fires with its record, and never fails.

        What cannot be prepared ends the call before anybody is called: its record says why.

        Args:
            session: its name, of no other call that is up.
            recording_name: file name of its recording; "" takes `<session>.wav`.
        """
        return Deferred.fromCoroutine(self._place(task, session, recording_name, observe))

    async def _place(
        self, task: Task, session: str, recording_name: str, observe: Callable[[Entry], None]
    ) -> CallRecord:
        flow = flow_of(task)
        self._preparing[session] = False
        prepared = recorder = None
        begun = False
        try:
            self._check_parties(flow)
            recorder = self._new_recorder(task, session, recording_name)
            prepared = await self._in_thread(self._prepare, task, recorder)
            stopped = self._preparing.pop(session)
            if not stopped:
                begun = True
                calling = self._run(session, flow, prepared, observe, recorder)
                if recorder is not None:
                    recorder.make_durable()
                return await calling
            verdict = Verdict(StateCode.STOP_ORDERED)
        except Exception as error:
            # Which text or code it was is nobody's business: the errors do not say.
            log.error("%s: cannot be called: %s: %s", session, type(error).__name__, error)
            verdict = Verdict(StateCode.INTERNAL_ERROR) if begun else verdict_of(error)
        self._preparing.pop(session, None)
        if prepared is not None:
            prepared.forget()
        recording = None
        if recorder is not None and recorder.prepared:
            recording = await recorder.end(keep=False, reason="the call was not begun")
            await self._made(session, recorder)
        record = record_without_call(
            session,
            flow,
            verdict,
            now_s=self._clock.monotonic(),
            utc_offset_s=self._clock.utc() - self._clock.monotonic(),
            observe=observe,
        )
        self._look_whether_idle()
        return replace(record, recording=recording)

    def _call_now(self, task: Task, observe: Callable[[Entry], None]) -> "Deferred[CallRecord]":
        flow = flow_of(task)
        self._check_parties(flow)
        session = self._new_session()
        prepared = prepare(
            task,
            self._engine,
            self.settings.cache,
            self.settings.endpoint.cache_dir,
            ringback_country=self.settings.ringback_country,
        )
        recorder = self._new_recorder(task, session, "")
        if recorder is not None:
            recorder.prepare()
        try:
            return self._run(session, flow, prepared, observe, recorder)
        except Exception:
            prepared.forget()
            raise

    def _prepare(self, task: Task, recorder: Recorder | None) -> Prepared:
        """In a thread."""
        settings = self.settings
        prepared = prepare(
            task,
            self._engine,
            settings.cache,
            settings.endpoint.cache_dir,
            ringback_country=settings.ringback_country,
        )
        if recorder is not None:
            try:
                recorder.prepare(durable=False)  # nobody is called later because a disk is slow
            except MediaError as error:
                raise RecordingRefusedError(str(error)) from error
        return prepared

    def _new_recorder(self, task: Task, session: str, name: str) -> Recorder | None:
        if not (isinstance(task, CallbackTask) and task.request.record):
            return None
        self._room = self._room or CaptureRoom(self.settings.captures)
        place = RecordingPlace(self._room.directory, self.settings.finished)
        return Recorder(session, place, self._in_thread, name=name)

    def _new_session(self) -> str:
        return f"{datetime.now(UTC):%Y%m%d%H%M%S}-{os.getpid()}-{next(self._counter)}"

    def _check_parties(self, flow: Flow) -> None:
        for called in flow.parties.values():
            trunk = self._routes.trunk_for(called.number)
            ours = self._endpoint.host_towards(trunk, trunk.uri_of(called.number))
            trunk.identity_of(called.display, ours)

    def _run(
        self,
        session: str,
        flow: Flow,
        prepared: Prepared,
        observe: Callable[[Entry], None],
        recorder: Recorder | None = None,
    ) -> "Deferred[CallRecord]":
        runner = CallRunner(
            session,
            flow,
            endpoint=self._endpoint,
            trunk=self._routes,
            sounds=prepared.sounds,
            clock=self._clock,
            recorder=recorder,
            observe=observe,
        )
        self._runners[session] = runner

        try:
            calling = runner.start()
        except Exception:
            del self._runners[session]
            raise
        return Deferred.fromCoroutine(self._finish(runner, calling, prepared, recorder))

    async def _finish(
        self,
        runner: CallRunner,
        calling: "Deferred[CallRecord]",
        prepared: Prepared,
        recorder: Recorder | None,
    ) -> CallRecord:
        record = await calling
        prepared.forget()
        if recorder is not None:
            await self._made(record.session, recorder)
        del self._runners[record.session]
        self._look_whether_idle()
        return replace(record, speech=prepared.speech(runner.history))

    def _made(self, session: str, recorder: Recorder) -> "Deferred[None]":
        """The record of a recorded call is made."""
        if self.settings.forget_captures:
            return recorder.forget()
        self._unforgotten[session] = recorder
        return succeed(None)

    def forget_captures(self, session: str) -> "Deferred[None]":
        """The record of a call is stored: what is left of the making of its recording can go."""
        recorder = self._unforgotten.pop(session, None)
        return succeed(None) if recorder is None else recorder.forget()

    @property
    def lingering(self) -> int:
        """How many of the engine's calls are over and not yet released."""
        return self._endpoint.lingering

    def stop_call(self, session: str) -> bool:
        """End one call as callStop would; False when there is none of that name."""
        if session in self._preparing:
            self._preparing[session] = True
            return True
        runner = self._runners.get(session)
        if runner is not None:
            runner.stop()
        return runner is not None

    def stop_calls(self) -> None:
        """End every call as callStop would; their records follow."""
        for session in (*self._preparing, *self._runners):
            self.stop_call(session)

    def close(self) -> "Deferred[None]":
        """End what is up, finish its recordings and records, and stop the endpoint."""
        self.stop_calls()
        return self._endpoint.close().addCallback(lambda _: self._when_idle()).addCallback(self._leave)

    def _when_idle(self) -> "Deferred[None]":
        self._idle = Deferred()
        idle = self._idle
        self._look_whether_idle()
        return idle

    def _look_whether_idle(self) -> None:
        if self._idle is not None and not self._runners and not self._preparing:
            idle, self._idle = self._idle, None
            idle.callback(None)

    def _leave(self, _: object) -> None:
        if self._room is not None:
            self._room.close()
            self._room = None

    def _to_pool(self, work: Callable[..., Result], *arguments: object) -> "Deferred[Result]":
        pool = self._reactor.getThreadPool()
        return deferToThreadPool(self._reactor, pool, work, *arguments)  # type: ignore[arg-type]  # zope
