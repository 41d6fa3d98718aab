"""A party's telephone is gone without a BYE: the call is ended for both, with a cause that blames nobody."""

import logging
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred, succeed

from ivrcore.cdr import CallRecord, Entry, RecordingRecord
from ivrcore.clock import FlowClock
from ivrcore.codes import ReleasePoint, StateCode
from ivrcore.commands import (
    CancelTimer,
    CloseBridge,
    CloseCall,
    FinishRecording,
    HangUp,
    StopCollecting,
    Verdict,
)
from ivrcore.events import Content, LegAnswered, LegHungUp, MediaLost, Party, PromptEnded, Timer, TimerExpired
from ivrcore.flow import callback_flow, notification_flow
from ivrcore.flows.release import MEDIA_LOST, Q850_MEDIA_LOST, Ended
from ivrcore.flows.testing import (
    NORMAL,
    PLAIN,
    Call,
    calling_a,
    calling_b,
    draining_pre_voice,
    playing_hint,
    playing_pre_voice,
    talking,
)
from ivrcore.recorder import Recorder
from ivrcore.request import CallbackRequest, NotificationElement, NotificationRequest
from ivrcore.runner import CallRunner
from ivrcore.service.notify.causes import fee_causes
from ivrcore.timeline import describe, explain_failure
from sip import cause
from sip.leg import Leg
from sip.manual_reactor import ManualReactor
from sip.testing import ScriptedEndpoint
from sip.trunk import Trunk

A, B = Party.A, Party.B
RECORDED = CallbackRequest("8001", "8002", "8100", "8200", record=True)
Where = Callable[[CallbackRequest], Call]

# ---- the flows


@pytest.mark.parametrize(
    ("where", "lost", "ended"),
    [
        (playing_pre_voice, A, [A]),
        (draining_pre_voice, A, [A]),
        (calling_b, A, [A, B]),
        (playing_hint, A, [A, B]),
        (playing_hint, B, [A, B]),
        (talking, A, [A, B]),
        (talking, B, [A, B]),
    ],
)
def test_party_that_is_gone_ends_the_call_for_both(where: Where, lost: Party, ended: list[Party]) -> None:
    call = where(PLAIN).after(MediaLost(lost))
    assert call.hangups() == [HangUp(party, q850=44) for party in ended]
    assert call.verdict == Verdict(StateCode.NOT_REACHED, ReleasePoint.NOT_REACHED, ended_by=None)
    # Nobody waits for the telephone that is gone: the stack reports the end of its leg at once.
    call.after(*[LegHungUp(party, NORMAL, by_remote=False) for party in ended])
    assert call.state == Ended(MEDIA_LOST)
    assert call.last[-1] == CloseCall(MEDIA_LOST)


@pytest.mark.parametrize(
    ("where", "party"),
    [(calling_a, A), (calling_a, B), (playing_pre_voice, B), (draining_pre_voice, B), (calling_b, B)],
)
def test_party_that_has_not_answered_owes_no_audio(where: Where, party: Party) -> None:
    assert where(PLAIN).after(MediaLost(party)).idle()


@pytest.mark.parametrize(("long_enough", "keep"), [(False, False), (True, True)])
def test_recording_of_the_talk_is_finished_as_at_any_end(long_enough: bool, keep: bool) -> None:
    call = talking(RECORDED)
    if long_enough:
        call.after(TimerExpired(Timer.MINIMUM_TALK))
    call.after(MediaLost(B))
    assert call.last[:2] == (FinishRecording(keep=keep), CloseBridge())
    assert CancelTimer(Timer.LIMIT) in call.last


def test_second_telephone_that_is_gone_too_changes_nothing() -> None:
    call = talking(PLAIN).after(MediaLost(A))
    assert call.after(MediaLost(B)).idle()
    call.after(LegHungUp(A, NORMAL, by_remote=False), LegHungUp(B, NORMAL, by_remote=False))
    assert call.after(MediaLost(A)).idle()


def test_cause_is_the_one_that_sip_has_for_it() -> None:
    # The flows do not import sip: the number stands in both, once each.
    assert cause.MEDIA_LOST.q850 == Q850_MEDIA_LOST
    assert int(cause.state_code(cause.MEDIA_LOST)) == MEDIA_LOST.state_code


def test_one_party_is_ended_while_it_hears_something_and_while_keys_are_collected() -> None:
    flow = notification_flow(NotificationRequest("8001", "8100", (NotificationElement(collect=4),)))
    flow.start()
    assert flow.step(MediaLost(A)) == ()  # it rings
    flow.step(LegAnswered(A))
    flow.step(PromptEnded(A, Content(0)))
    commands = flow.step(MediaLost(A))
    assert commands[0] == StopCollecting(A)
    assert HangUp(A, q850=44) in commands
    assert flow.step(LegHungUp(A, NORMAL, by_remote=False))[-1] == CloseCall(MEDIA_LOST)


# ---- the runner and the record


class NotedRecorder(Recorder):
    """Keeps what it is told; nothing is captured."""

    def __init__(self) -> None:
        self.ended: list[bool] = []

    def start(self, a: Leg, b: Leg) -> None:
        """See Recorder."""

    def end(self, *, keep: bool, reason: str = "") -> "Deferred[RecordingRecord]":
        """See Recorder."""
        self.ended.append(keep)
        return succeed(RecordingRecord(Path("kept.wav") if keep else None, reason, 0.0))


class Stage:
    """One recorded callback on scripted legs, both answered."""

    def __init__(self) -> None:
        self.reactor = ManualReactor()
        self.endpoint = ScriptedEndpoint(self.reactor)
        self.recorder = NotedRecorder()
        self.observed: list[Entry] = []
        self.records: list[CallRecord] = []
        self.runner = CallRunner(
            "call",
            callback_flow(RECORDED),
            endpoint=self.endpoint,
            trunk=Trunk(host="pbx.example"),
            sounds={},
            clock=FlowClock(self.reactor, monotonic=self.reactor.seconds, utc=lambda: 1e9),
            recorder=self.recorder,
            observe=self.observed.append,
        )
        self.runner.start().addCallback(self.records.append)

    def answer(self, *names: str) -> None:
        for name in names:
            self.endpoint.legs[name].emit_answered()
            self.reactor.advance()

    @property
    def record(self) -> CallRecord:
        (record,) = self.records
        return record


def test_record_tells_whose_telephone_is_gone_and_keeps_the_recording(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stage = Stage()
    stage.answer("call-A", "call-B")
    stage.reactor.advance(30.0)
    for leg in stage.endpoint.legs.values():
        leg.ends_when_hung_up = False
    with caplog.at_level(logging.WARNING):
        stage.endpoint.legs["call-B"].emit_media_lost(60.0)
    for leg in stage.endpoint.legs.values():  # what the stack tells of a leg that we hung up, whyever
        leg.emit_hung_up(cause.NORMAL_CLEARING)
    stage.reactor.advance()
    record = stage.record
    assert record.verdict == MEDIA_LOST
    assert record.connected
    assert record.b is not None
    assert (record.a.q850, record.b.q850) == (16, 44)
    assert stage.recorder.ended == [True]
    assert record.as_json()["endedBy"] == "platform"
    assert "call: nothing has come from B for 60 s" in caplog.text
    told = [text for entry in stage.observed if (text := describe(entry)) is not None]
    assert "nothing comes from B any more" in told
    assert stage.reactor.pending() == 0


def test_cdr_counts_it_as_a_failure_after_the_answers() -> None:
    stage = Stage()
    stage.answer("call-A", "call-B")
    stage.endpoint.legs["call-B"].emit_media_lost()
    stage.reactor.advance()
    causes = fee_causes(stage.record.as_json())
    # An answered leg has no cause of its own in a CDR, however it ended.
    assert (causes.first_leg_q850, causes.second_leg_q850, causes.sip_status) == (0, 0, 0)
    assert (causes.release_point, causes.failed) == (8001, True)


def test_both_telephones_are_told_the_cause() -> None:
    stage = Stage()
    stage.answer("call-A", "call-B")
    stage.endpoint.legs["call-A"].emit_media_lost()
    hung_up_with = [stage.endpoint.legs[name].hung_up_with for name in ("call-A", "call-B")]
    assert hung_up_with == [cause.HangupCause(44), cause.HangupCause(44)]


def test_failure_names_the_party_that_is_gone() -> None:
    stage = Stage()
    stage.answer("call-A")
    stage.endpoint.legs["call-A"].emit_media_lost()
    stage.reactor.advance()
    assert not stage.record.connected
    assert explain_failure(stage.record) == "nothing came from A (8001) any more, neither RTP nor RTCP"
