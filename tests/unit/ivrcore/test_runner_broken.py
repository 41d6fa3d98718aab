"""When something fails inside a call: it is ended and recorded, not left to run with nobody at the helm."""

import logging
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred, succeed

from ivrcore.cdr import CallRecord, Entry, RecordingRecord
from ivrcore.clock import FlowClock
from ivrcore.codes import StateCode
from ivrcore.events import Event, IllegalEventError
from ivrcore.flow import Flow, callback_flow
from ivrcore.recorder import Recorder
from ivrcore.request import CallbackRequest
from ivrcore.runner import CallRunner
from sip.errors import SipConfigError
from sip.leg import Leg
from sip.manual_reactor import ManualReactor
from sip.testing import ScriptedEndpoint, ScriptedLeg
from sip.trunk import Trunk

A, B = "call-A", "call-B"


class NotedRecorder(Recorder):
    """Keeps what it is told; nothing is captured."""

    def __init__(self) -> None:
        self.ended: list[tuple[bool, str]] = []

    def start(self, a: Leg, b: Leg) -> None:
        """See Recorder."""

    def end(self, *, keep: bool, reason: str = "") -> "Deferred[RecordingRecord]":
        """See Recorder."""
        self.ended.append((keep, reason))
        return succeed(RecordingRecord(Path("kept.wav") if keep else None, reason, 0.0))


class Stage:
    """One callback on scripted legs."""

    def __init__(
        self, *, trunk: Trunk | None = None, record: bool = False, watch_fails: bool = False
    ) -> None:
        self.reactor = ManualReactor()
        self.endpoint = ScriptedEndpoint(self.reactor)
        self.observed: list[Entry] = []
        self.records: list[CallRecord] = []
        self.recorder = NotedRecorder() if record else None
        self._watch_fails = watch_fails
        self.flow: Flow = callback_flow(CallbackRequest("8001", "8002", "8100", "8200", record=record))
        self.runner = CallRunner(
            "call",
            self.flow,
            endpoint=self.endpoint,
            trunk=trunk or Trunk(host="pbx.example"),
            sounds={},
            clock=FlowClock(self.reactor, monotonic=self.reactor.seconds, utc=lambda: 1e9),
            recorder=self.recorder,
            observe=self._observe,
        )

    def _observe(self, entry: Entry) -> None:
        self.observed.append(entry)
        if self._watch_fails:
            raise RuntimeError("the screen is gone")

    def start(self) -> None:
        self.runner.start().addCallback(self.records.append)

    def talk(self) -> None:
        """Both answer."""
        for name in (A, B):
            self.leg(name).emit_answered()
            self.reactor.advance()

    def leg(self, name: str) -> ScriptedLeg:
        return self.endpoint.legs[name]

    @property
    def record(self) -> CallRecord:
        (record,) = self.records
        return record


def break_step(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the flow knows no answer."""

    def step(event: Event) -> tuple[()]:
        raise IllegalEventError("any", event)

    monkeypatch.setattr(stage.flow, "step", step)


def test_flow_that_fails_ends_both_legs_and_the_record(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage()
    stage.start()
    stage.talk()
    break_step(stage, monkeypatch)
    with caplog.at_level(logging.ERROR):
        stage.leg(A).emit_rang()
        stage.reactor.advance()
    assert stage.record.verdict.state_code == StateCode.INTERNAL_ERROR
    for name in (A, B):
        hung_up_with = stage.leg(name).hung_up_with
        assert hung_up_with is not None
        assert hung_up_with.q850 == 41
    assert "IllegalEventError" in caplog.text
    assert stage.reactor.pending() == 0


def test_broken_call_takes_no_more_events(monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage()
    stage.start()
    break_step(stage, monkeypatch)
    stage.leg(A).emit_rang()
    stage.reactor.advance()
    seen = len(stage.observed)
    stage.runner.stop()
    stage.reactor.advance(60)
    assert len(stage.observed) == seen
    assert len(stage.records) == 1


@pytest.mark.parametrize(("talk_s", "kept"), [(2.9, False), (3.1, True)])
def test_recording_of_a_broken_call_is_kept_when_the_talk_was_long_enough(
    talk_s: float, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(record=True)
    stage.start()
    stage.talk()
    stage.reactor.advance(talk_s)
    break_step(stage, monkeypatch)
    stage.runner.stop()
    stage.reactor.advance()
    assert stage.recorder is not None
    ((keep, reason),) = stage.recorder.ended
    assert (keep, reason) == (kept, "the call was broken off before 3.000 s of talk")
    assert stage.record.recording is not None


def test_leg_that_cannot_be_hung_up_does_not_keep_the_other_one(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    stage = Stage()
    stage.start()
    stage.talk()
    break_step(stage, monkeypatch)

    def hang_up(_cause: object) -> None:
        raise RuntimeError("the stack is gone")

    monkeypatch.setattr(stage.leg(A), "hang_up", hang_up)
    with caplog.at_level(logging.ERROR):
        stage.runner.stop()
        stage.reactor.advance()
    assert stage.leg(B).hung_up_with is not None
    assert "A cannot be hung up" in caplog.text
    assert stage.record.verdict.state_code == StateCode.INTERNAL_ERROR


def test_first_leg_that_cannot_be_dialled_is_told_and_leaves_nothing() -> None:
    stage = Stage(trunk=Trunk(), record=True)  # a number needs a host
    with pytest.raises(SipConfigError):
        stage.start()
    stage.reactor.advance(120)
    assert stage.reactor.pending() == 0
    assert stage.recorder is not None
    assert [keep for keep, _ in stage.recorder.ended] == [False]


def test_observer_that_fails_is_told_no_more_and_the_call_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    stage = Stage(watch_fails=True)
    with caplog.at_level(logging.ERROR):
        stage.start()
        stage.talk()
        stage.leg(B).emit_hung_up()
        stage.reactor.advance()
    assert len(stage.observed) == 1
    assert caplog.text.count("the observer failed") == 1
    assert stage.record.verdict.state_code == StateCode.HUNG_UP_AFTER_CONNECT
    assert stage.record.talk_started_at_s is not None
