"""Calls in which nobody could talk: who is told what, how fast, and what the record says."""

from dataclasses import replace

import pytest

from tests.e2e.callback.sounds import HINT, PRE_VOICE, RINGBACK, TALK_A
from tests.e2e.callback.stage import QUICK_A, QUICK_B, FinishedCall, Scenario

pytestmark = pytest.mark.e2e

AT_ONCE_S = 0.1
SHORT = ("--ring-timeout", "1")
HINTED = ("--record", "--record-hint", HINT)


def leg(call: FinishedCall, party: str) -> tuple[int, int]:
    record = call.record["legs"][party]
    return record["q850"], record["sipStatus"]


def refused(call: FinishedCall) -> str:
    """The last line for the user of a call that failed; nothing else in it looks like an error."""
    assert call.finished.status == 1
    assert "Traceback" not in call.finished.stderr
    line = call.finished.lines[-1]
    assert line.startswith("ivrcore: call failed: ")
    return line.removeprefix("ivrcore: call failed: ")


# -- A ------------------------------------------------------------------------------------------------------


@pytest.mark.scenario(Scenario(a=replace(QUICK_A, reject=486, ring_after_s=None)))
def test_busy_a_ends_the_call_before_b_is_called(call: FinishedCall) -> None:
    assert call.verdict == (8102, 519, "platform")
    assert leg(call, "A") == (17, 486)
    assert call.b.reports == ()
    assert call.record["legs"]["B"]["calledAt"] is None
    assert refused(call).endswith("failed: SIP 486, Q.850 17 user busy")


@pytest.mark.scenario(Scenario(a=replace(QUICK_A, reject=486, ring_after_s=None)))
def test_loops_are_on_disk_before_anybody_is_called(call: FinishedCall) -> None:
    """Unrolling ringback at the moment B rings would hold up every leg of the process."""
    assert call.b.reports == ()
    assert len(list(call.data.glob("cache/loop-*.wav"))) == 1


@pytest.mark.scenario(Scenario(a=replace(QUICK_A, reject=603)))
def test_declining_a_ends_the_call_as_refused_after_ringing(call: FinishedCall) -> None:
    assert call.verdict == (8105, 520, "platform")
    assert leg(call, "A") == (21, 603)
    assert call.b.reports == ()


@pytest.mark.scenario(Scenario(a=replace(QUICK_A, answer_after_s=None), options=SHORT))
def test_a_that_never_answers_gets_a_cancel_when_the_ring_timer_ends(call: FinishedCall) -> None:
    assert call.verdict == (8003, 514, "platform")
    assert call.a.events == ["incoming", "ended"]
    assert (call.a.report("ended")["status"], call.a.report("ended")["by_remote"]) == (487, True)
    assert 1.0 <= call.a.at_s("ended") - call.a.at_s("incoming") + 0.02 < 1.2
    assert call.b.reports == ()
    assert "did not answer in time" in refused(call)


@pytest.mark.scenario(Scenario(a=replace(QUICK_A, hang_up_after_s=0.6), options=("--pre-voice", PRE_VOICE)))
def test_a_that_leaves_in_pre_voice_leaves_b_in_peace(call: FinishedCall) -> None:
    assert call.verdict == (8009, 530, "A")
    assert call.ear_a.order() == [PRE_VOICE]
    assert call.b.reports == ()
    assert "A gave up" in refused(call)


@pytest.mark.scenario(
    Scenario(a=replace(QUICK_A, hang_up_after_s=1.0), b=replace(QUICK_B, answer_after_s=None))
)
def test_a_that_leaves_while_b_rings_lets_b_ring_no_longer_than_100_ms(call: FinishedCall) -> None:
    assert call.verdict == (8009, 552, "A")
    assert call.b.events == ["incoming", "ended"]
    assert call.b.report("ended")["by_remote"] is True
    assert 0 <= call.b.at_s("ended") - call.a.at_s("hangup") < AT_ONCE_S
    assert call.ear_a.order() == [RINGBACK]


@pytest.mark.scenario(
    Scenario(
        a=replace(QUICK_A, hang_up_after_s=0.6), b=replace(QUICK_B, ring_after_s=None, answer_after_s=None)
    )
)
def test_a_that_leaves_before_b_rings_is_told_apart_on_record(call: FinishedCall) -> None:
    assert call.verdict == (8009, 553, "A")
    assert 0 <= call.b.at_s("ended") - call.a.at_s("hangup") < AT_ONCE_S


# -- B ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code", "q850"),
    [
        pytest.param(
            status, code, q850, marks=pytest.mark.scenario(Scenario(b=replace(QUICK_B, reject=status)))
        )
        for status, code, q850 in ((486, 8102, 17), (603, 8105, 21), (404, 8100, 1), (480, 8103, 18))
    ],
)
def test_refusing_b_releases_a_at_once_with_the_cause(
    call: FinishedCall, status: int, code: int, q850: int
) -> None:
    assert call.verdict == (code, 518, "platform")
    assert leg(call, "B") == (q850, status)
    assert 0 <= call.a.at_s("ended") - call.b.at_s("hangup") < AT_ONCE_S
    assert (call.a.report("ended")["q850"], call.a.report("ended")["by_remote"]) == (q850, True)
    assert call.record["talkStartedAt"] is None
    assert f"SIP {status}, Q.850 {q850}" in refused(call)


@pytest.mark.scenario(Scenario(b=replace(QUICK_B, answer_after_s=None), options=SHORT))
def test_b_that_never_answers_is_cancelled_and_a_is_released(call: FinishedCall) -> None:
    assert call.verdict == (8101, 514, "platform")
    assert call.b.events == ["incoming", "ended"]
    assert call.b.report("ended")["status"] == 487
    assert 1.0 <= call.b.at_s("ended") - call.b.at_s("incoming") + 0.02 < 1.2
    assert abs(call.a.at_s("ended") - call.b.at_s("ended")) < AT_ONCE_S
    assert call.ear_a.order() == [RINGBACK]
    assert "B (" in refused(call)


# -- in the hint -------------------------------------------------------------------------------------------


@pytest.mark.scenario(Scenario(b=replace(QUICK_B, hang_up_after_s=0.6), options=HINTED))
def test_b_that_leaves_in_the_hint_was_never_heard_nor_recorded(call: FinishedCall) -> None:
    assert call.verdict == (0, 540, "B")
    assert call.ear_a.order() == [RINGBACK, HINT]
    assert call.ear_b.order() == [HINT]
    assert 0 <= call.a.at_s("ended") - call.b.at_s("hangup") < AT_ONCE_S
    assert call.record["recording"] == {
        "path": None,
        "reason": "the call ended before the talk",
        "duration_s": 0.0,
    }
    assert call.finished.status == 1


@pytest.mark.scenario(Scenario(a=replace(QUICK_A, hang_up_after_s=1.2), options=HINTED))
def test_a_that_leaves_in_the_hint_was_never_heard_nor_recorded(call: FinishedCall) -> None:
    assert call.verdict == (0, 539, "A")
    assert call.ear_b.order() == [HINT]
    assert TALK_A not in call.ear_b.order()
    assert 0 <= call.b.at_s("ended") - call.a.at_s("hangup") < AT_ONCE_S
    assert list(call.data.glob("captures/*")) == []
    assert list(call.data.glob("recordings/*")) == []
