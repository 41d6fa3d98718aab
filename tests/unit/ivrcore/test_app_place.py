"""A call that is prepared in a thread: it begins when it is ready, or it ends with a record that says why."""

import shlex
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from twisted.internet.defer import Deferred

from ivrcore import app, preparation, spoken_code
from ivrcore.app import Application, Settings
from ivrcore.cdr import CallRecord, Entry
from ivrcore.codes import StateCode
from ivrcore.commands import CloseCall, Report, Status
from ivrcore.contents import Text
from ivrcore.program import AppReactor
from ivrcore.request import CallbackRequest, NotificationElement, NotificationRequest, VerificationRequest
from ivrcore.sounds import PromptFiles, ToneFiles
from ivrcore.tasks import CallbackTask, NotificationTask, Task, VerificationTask
from media.speech.choice import SpeechSettings, speech_engine
from media.speech.testing import HumEngine
from media.speech.voice import Voice
from media.wav import write_alaw
from sip.errors import SipConfigError
from sip.manual_reactor import ManualReactor
from sip.routes import Route, Routes
from sip.testing import ScriptedEndpoint, ScriptedLeg
from sip.trunk import Trunk

ELEMENT = NotificationElement()
NOTIFICATION = NotificationRequest("8001", "8100", (ELEMENT,))
CALLBACK = CallbackRequest("8001", "8002", "8100", "8200", record=True)


class Endpoint(ScriptedEndpoint):
    """As sip.pjsua's, for its maker."""

    def host_towards(self, trunk: Trunk, uri: str) -> str:  # noqa: ARG002
        return "127.0.0.1"


class FailingEngine(HumEngine):
    """Speaks nothing."""

    def __init__(self) -> None:
        super().__init__(fails=True)


class SlowEngine(HumEngine):
    """Takes its time, on the clock of the test."""

    clock_s = 0.0

    def synthesize(self, text: str, voice: Voice, target: Path) -> None:
        SlowEngine.clock_s += 1.25
        super().synthesize(text, voice, target)


class Thread:
    """Work waits here until the test lets it be done."""

    def __init__(self) -> None:
        self.waiting: list[Deferred[Any]] = []

    def __call__(self, work: Callable[..., Any], *arguments: object) -> "Deferred[Any]":
        done: Deferred[Any] = Deferred()
        done.addCallback(lambda _: work(*arguments))
        self.waiting.append(done)
        return done

    def run(self) -> None:
        while self.waiting:
            self.waiting.pop(0).callback(None)


class Stage:
    """An application, its thread, and what was told of its calls."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.endpoint = Endpoint(ManualReactor())
        self.thread = Thread()
        self.settings = Settings(
            data_dir=folder / "data", trunk=Trunk(host="127.0.0.1"), recover=False, **settings
        )
        self.observed: list[Entry] = []
        self.records: list[CallRecord] = []

    def open(self) -> "Stage":
        self.application = Application(self.settings, cast(AppReactor, self.endpoint.reactor), self.thread)
        return self

    def place(self, task: Task, **options: Any) -> None:
        self.application.place(task, "s1", observe=self.observed.append, **options).addCallback(
            self.records.append
        )

    def run(self) -> None:
        """Let the thread and the reactor do what is due."""
        for _ in range(5):
            self.thread.run()
            self.endpoint.reactor.advance(0.2)

    def leg(self, party: str = "A") -> ScriptedLeg:
        return self.endpoint.legs[f"s1-{party}"]

    @property
    def record(self) -> CallRecord:
        (record,) = self.records
        return record


@pytest.fixture
def stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    stage = Stage(tmp_path)
    monkeypatch.setattr(app, "PjsuaEndpoint", lambda _settings, _reactor: stage.endpoint)
    monkeypatch.setattr(app, "speech_engine", lambda _settings: HumEngine())
    memory = tmp_path / "memory"
    memory.mkdir()
    monkeypatch.setattr(spoken_code, "_IN_MEMORY", memory)
    return stage


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    path = tmp_path / "prompt.wav"
    write_alaw(path, np.full(8000, 1000, dtype=np.int16))
    return path


def speak(text: str = "再见") -> NotificationTask:
    return NotificationTask(NOTIFICATION, (Text(text),))


def test_nobody_is_called_before_the_sounds_are_there(stage: Stage) -> None:
    stage.open().place(speak())
    assert stage.endpoint.legs == {}
    stage.thread.run()
    assert stage.leg().dialled == "sip:8001@127.0.0.1"


@pytest.mark.parametrize(
    ("failing", "code", "point"),
    [
        ("text", StateCode.TTS_FAILED, 8005),
        ("missing file", StateCode.VOICE_FILE_MISSING, 524),
        ("missing tone", StateCode.VOICE_FILE_MISSING, 524),
        ("missing prompt", StateCode.VOICE_FILE_MISSING, 524),
        ("malformed file", StateCode.PLAY_FAILED, 2837),
        ("cache", StateCode.INTERNAL_ERROR, 8000),
        ("number", StateCode.NOT_REACHED, 8001),
        ("bug", StateCode.INTERNAL_ERROR, 8000),
    ],
)
def test_what_cannot_be_prepared_ends_the_call_with_its_code(
    stage: Stage,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    failing: str,
    code: StateCode,
    point: int,
) -> None:
    absent, malformed = tmp_path / "absent.wav", tmp_path / "malformed.wav"
    malformed.write_bytes(b"RIFF" + bytes(100))
    tasks: dict[str, Task] = {
        "missing file": NotificationTask(NOTIFICATION, (absent,)),
        "malformed file": NotificationTask(NOTIFICATION, (malformed,)),
        "missing tone": VerificationTask(
            VerificationRequest("8001", "8100", "4802", has_pre_tone=True), ToneFiles(pre_tone=absent)
        ),
        "missing prompt": CallbackTask(replace(CALLBACK, play_pre_voice=True), PromptFiles(pre_voice=absent)),
        "number": NotificationTask(replace(NOTIFICATION, callee="not a number"), (Text("x"),)),
    }
    if failing == "text":
        monkeypatch.setattr(app, "speech_engine", lambda _settings: FailingEngine())
    elif failing == "cache":
        stage.settings = replace(stage.settings, cache_dir=malformed / "cache")
    elif failing == "bug":
        monkeypatch.setattr(app, "prepare", lambda *_, **__: 1 / 0)
    stage.open().place(tasks.get(failing, speak()))
    stage.run()
    assert (stage.record.verdict.state_code, stage.record.verdict.release_point) == (code, point)
    assert stage.endpoint.legs == {}
    assert [type(entry.what) for entry in stage.observed] == [Report, CloseCall]
    assert stage.observed[0].what == Report(Status.DISCONNECT)
    assert not stage.record.carried_out
    assert stage.record.as_json()["session"] == "s1"


def test_recording_that_cannot_be_made_is_refused_before_anybody_is_called(
    stage: Stage, tmp_path: Path
) -> None:
    (tmp_path / "rec").mkdir()
    (tmp_path / "rec" / "taken.wav").touch()
    stage.settings = replace(stage.settings, recordings_dir=tmp_path / "rec")
    stage.open().place(CallbackTask(CALLBACK), recording_name="taken.wav")
    stage.run()
    assert stage.record.verdict.state_code == StateCode.RECORDING_FAILED
    assert stage.endpoint.legs == {}


def test_call_that_was_stopped_while_it_was_prepared_calls_nobody(stage: Stage) -> None:
    stage.open().place(CallbackTask(CALLBACK))
    assert stage.application.stop_call("s1")
    assert stage.records == []
    stage.run()
    assert stage.record.verdict.state_code == StateCode.STOP_ORDERED
    assert stage.endpoint.legs == {}
    assert stage.record.recording is not None
    assert stage.record.recording.reason == "the call was not begun"
    assert not stage.application.stop_call("s1")


def test_one_call_is_stopped_by_its_name(stage: Stage) -> None:
    stage.open().place(speak())
    stage.run()
    assert not stage.application.stop_call("s2")
    assert stage.application.stop_call("s1")
    stage.run()
    assert stage.record.verdict.state_code == StateCode.STOP_ORDERED


def test_code_of_a_stopped_verification_is_gone(stage: Stage, tmp_path: Path) -> None:
    stage.open().place(VerificationTask(VerificationRequest("8001", "8100", "4802")))
    stage.application.stop_calls()
    stage.run()
    assert list((tmp_path / "memory").iterdir()) == []
    assert stage.record.verdict.state_code == StateCode.STOP_ORDERED


def test_close_waits_for_a_call_that_is_being_prepared(stage: Stage) -> None:
    stage.open().place(speak())
    closed: list[None] = []
    stage.application.close().addCallback(closed.append)
    stage.endpoint.reactor.advance(1.0)
    assert closed == []
    stage.run()
    assert closed == [None]
    assert stage.record.verdict.state_code == StateCode.STOP_ORDERED


# ---- recordings


def recorded(stage: Stage) -> None:
    """A whole recorded call; nothing is captured, since its legs are scripted."""
    stage.open().place(CallbackTask(CALLBACK), recording_name="260301.wav")
    stage.run()
    for party in ("A", "B"):
        stage.leg(party).emit_answered()
        stage.run()
    stage.endpoint.reactor.advance(5.0)
    stage.leg("B").emit_hung_up()
    stage.run()


def test_captures_go_with_the_record(stage: Stage) -> None:
    recorded(stage)
    assert stage.record.recording is not None
    assert list(stage.settings.captures.glob("*/s1")) == []


def test_captures_stay_until_their_owner_says_so(stage: Stage) -> None:
    stage.settings = replace(stage.settings, forget_captures=False)
    recorded(stage)
    (directory,) = stage.settings.captures.glob("*/s1")
    assert [path.name for path in directory.iterdir()] == ["capture.json"]
    stage.application.forget_captures("s1")
    stage.thread.run()
    assert not directory.exists()
    stage.application.forget_captures("s1")
    assert stage.thread.waiting == []


# ---- speech


def test_record_counts_plays_and_seconds_of_conversion(
    stage: Stage, prompt: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "speech_engine", lambda _settings: SlowEngine())
    monkeypatch.setattr(preparation, "monotonic", lambda: SlowEngine.clock_s)
    request = NotificationRequest("8001", "8100", (ELEMENT, ELEMENT, ELEMENT))
    stage.open().place(NotificationTask(request, (Text("一"), prompt, Text("二"))))
    stage.run()
    stage.leg().emit_answered()
    for element in ("element 1", "element 2", "element 3"):
        stage.leg().emit_playback_ended(element)
    stage.run()
    assert stage.record.carried_out
    assert stage.record.as_json()["tts"] == {"plays": 2, "seconds": 2.5}


def test_text_that_nobody_heard_was_not_played(stage: Stage) -> None:
    stage.open().place(speak())
    stage.run()
    stage.leg().emit_hung_up()
    stage.run()
    assert stage.record.speech.plays == 0


def test_text_that_was_spoken_before_costs_no_conversion(stage: Stage) -> None:
    stage.open()
    for _ in range(2):
        stage.place(speak())
        stage.run()
        stage.leg().emit_answered()
        stage.leg().emit_hung_up()
        stage.run()
    first, second = stage.records
    assert (first.speech.plays, second.speech.plays) == (1, 1)
    assert second.speech.conversion_s == 0.0


# ---- trunks


def test_each_party_goes_out_through_the_trunk_of_its_number(stage: Stage) -> None:
    routes = Routes(Trunk(host="any.example"), (Route("+86", Trunk(host="cn.example")),))
    stage.settings = replace(stage.settings, routes=routes)
    request = replace(CALLBACK, caller="+8613900000001", callee="+442079460000", record=False)
    stage.open().place(CallbackTask(request))
    stage.run()
    stage.leg().emit_answered()
    stage.run()
    assert stage.leg("A").dialled == "sip:+8613900000001@cn.example"
    assert stage.leg("B").dialled == "sip:+442079460000@any.example"


def test_call_that_fails_at_its_first_dial_has_one_record(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dial(*_: object, **__: object) -> None:
        raise SipConfigError("the trunk has no codec of the endpoint")

    monkeypatch.setattr(ScriptedLeg, "dial", dial)
    stage.open().place(speak())
    stage.run()
    assert stage.record.verdict.state_code == StateCode.INTERNAL_ERROR


# ---- who speaks


def test_program_that_hangs_ends_the_call_in_time_with_nobody_called(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    hangs = shlex.join([sys.executable, "-c", "import time; time.sleep(60)"]) + " {wav}"
    stage.settings = replace(stage.settings, speech=SpeechSettings("command", hangs, timeout_s=0.5))
    monkeypatch.setattr(app, "speech_engine", speech_engine)
    begun_s = time.monotonic()
    stage.open().place(speak())
    stage.run()
    assert time.monotonic() - begun_s < 10.0
    verdict = stage.record.verdict
    assert (verdict.state_code, verdict.release_point) == (StateCode.TTS_FAILED, 8005)
    assert stage.endpoint.legs == {}


def test_builtin_prompts_are_spoken_by_the_engine_that_was_set(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = HumEngine()
    monkeypatch.setattr(app, "speech_engine", lambda _settings: engine)
    stage.open().place(CallbackTask(replace(CALLBACK, play_pre_voice=True)))
    stage.run()
    assert [text for text, _ in engine.spoken] == ["正在为您转接中，请稍后"]
