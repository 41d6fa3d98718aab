"""What A and B hear from the first INVITE to the last BYE, prompt by prompt."""

from dataclasses import replace

import pytest

from sip.softphone import Script
from tests.e2e.callback.ear import DELAY_S, EAR_S, EDGE_S, PAUSE_S, SLIP_S, Ear
from tests.e2e.callback.sounds import HINT, HINT_LEAD_S, PRE_VOICE, RINGBACK, TALK_A, TALK_B, WAIT_VOICE
from tests.e2e.callback.stage import QUICK_A, QUICK_B, FinishedCall, Scenario

pytestmark = pytest.mark.e2e

NORMAL = (0, 0, "B")
ALL_PROMPTS = (
    *("--pre-voice", PRE_VOICE),
    *("--wait-voice", WAIT_VOICE),
    *("--record", "--record-hint", HINT),
)
B_RINGS_LATE = Script(ring_after_s=1.0, answer_after_s=3.5, talk=TALK_B, hang_up_after_s=2.5)
"""Time enough for waitVoice, and for a burst and a half of ringback."""


def said_s(ear: Ear, talk: str, spoken_since_s: float) -> float:
    """How long what is heard first was under way, from mouth to ear."""
    one = ear.first(talk)
    return one.start_s - (spoken_since_s + one.signal_start_s)


@pytest.mark.scenario(Scenario(options=("--display-a", "+8675528000001", "--display-b", "+8675528000002")))
def test_plain_callback_calls_a_then_b_and_bridges_them(call: FinishedCall) -> None:
    assert call.finished.status == 0
    assert call.verdict == NORMAL
    assert call.a.events == ["incoming", "answered", "ended"]
    assert call.b.events == ["incoming", "answered", "hangup", "ended"]
    assert call.a.report("incoming")["calling"] == "+8675528000001"
    assert call.a.report("incoming")["asserted"] == "+8675528000001"
    assert call.b.report("incoming")["calling"] == "+8675528000002"
    # The ACK to A and the INVITE to B leave together: either telephone may be the first to tell of its own.
    assert abs(call.b.at_s("incoming") - call.a.at_s("answered")) < 0.1
    assert call.record["legs"]["A"]["answeredAt"] <= call.record["legs"]["B"]["calledAt"]
    assert call.ear_a.order() == [RINGBACK, TALK_B]
    assert call.ear_b.order() == [TALK_A]
    assert (call.ear_a.unexplained(), call.ear_b.unexplained()) == ([], [])


@pytest.mark.scenario(Scenario())
def test_record_of_a_plain_callback_has_every_moment_in_order(call: FinishedCall) -> None:
    record, legs = call.record, call.record["legs"]
    moments = [
        record["startedAt"],
        legs["A"]["rangAt"],
        legs["A"]["answeredAt"],
        legs["B"]["calledAt"],
        legs["B"]["rangAt"],
        legs["B"]["answeredAt"],
        record["talkStartedAt"],
        legs["B"]["endedAt"],
        legs["A"]["endedAt"],
        record["endedAt"],
    ]
    assert moments == sorted(moments)
    assert [(leg["q850"], leg["sipStatus"]) for leg in legs.values()] == [(16, 0), (16, 0)]
    assert record["recording"] is None
    assert call.moment_s(legs["B"]["answeredAt"]) == pytest.approx(call.b.at_s("answered"), abs=0.1)


@pytest.mark.scenario(Scenario())
def test_bridge_opens_both_ways_at_once_and_carries_what_is_said_now(call: FinishedCall) -> None:
    a, b = call.ear_a.first(TALK_B), call.ear_b.first(TALK_A)
    assert abs(a.start_s - b.start_s) < EAR_S
    assert b.start_s - call.b.at_s("answered") < EAR_S + 0.1
    # Not what A said before, stored somewhere on the way.
    assert said_s(call.ear_b, TALK_A, call.a.at_s("answered")) < DELAY_S
    assert said_s(call.ear_a, TALK_B, call.b.at_s("answered")) < DELAY_S
    for heard in (a, b):
        assert all(abs(slip.shift_s) <= SLIP_S for slip in heard.slips)
        assert abs(heard.level_db) < 1.0


@pytest.mark.scenario(Scenario())
def test_hang_up_of_b_ends_a_within_100_ms(call: FinishedCall) -> None:
    assert 0 <= call.a.at_s("ended") - call.b.at_s("hangup") < 0.1
    assert call.a.report("ended")["by_remote"] is True


@pytest.mark.scenario(
    Scenario(a=replace(QUICK_A, hang_up_after_s=2.2), b=replace(QUICK_B, hang_up_after_s=None))
)
def test_hang_up_of_a_ends_b_within_100_ms(call: FinishedCall) -> None:
    assert call.verdict == (0, 0, "A")
    assert 0 <= call.b.at_s("ended") - call.a.at_s("hangup") < 0.1
    assert call.b.report("ended") | {"at_s": 0} == {
        "event": "ended",
        "at_s": 0,
        "q850": 16,
        "status": 0,
        "by_remote": True,
    }
    assert call.ear_b.order() == [TALK_A]


@pytest.mark.scenario(Scenario(options=("--pre-voice", PRE_VOICE)))
def test_pre_voice_is_heard_whole_before_b_is_called(call: FinishedCall) -> None:
    assert call.verdict == NORMAL
    pre_voice = call.ear_a.first(PRE_VOICE)
    assert call.ear_a.heard_whole(PRE_VOICE)
    assert 0 <= pre_voice.start_s - call.a.at_s("answered") < EAR_S
    assert pre_voice.end_s < call.b.at_s("incoming") < pre_voice.end_s + 0.4
    assert call.ear_a.order() == [PRE_VOICE, RINGBACK, TALK_B]
    assert call.ear_b.order() == [TALK_A]


@pytest.mark.scenario(Scenario(b=B_RINGS_LATE, options=("--wait-voice", WAIT_VOICE)))
def test_wait_voice_gives_way_to_ringback_and_ringback_to_the_talk(call: FinishedCall) -> None:
    assert call.verdict == NORMAL
    ear = call.ear_a
    assert ear.order() == [WAIT_VOICE, RINGBACK, TALK_B]
    wait, ringback, talk = ear.last(WAIT_VOICE), ear.last(RINGBACK), ear.first(TALK_B)
    assert ear.first(WAIT_VOICE).start_s - call.a.at_s("answered") < EAR_S
    rang_s = call.moment_s(call.record["legs"]["B"]["rangAt"])
    assert abs(wait.end_s - rang_s - EAR_S / 2) < EAR_S / 2 + EDGE_S
    assert -EDGE_S <= ringback.start_s - wait.end_s < PAUSE_S
    assert ringback.end_s <= talk.start_s + EDGE_S
    assert ear.unexplained() == []
    assert call.ear_b.order() == [TALK_A]


@pytest.mark.scenario(
    Scenario(b=replace(B_RINGS_LATE, ring_after_s=None), options=("--wait-voice", WAIT_VOICE))
)
def test_wait_voice_goes_on_until_the_answer_of_a_b_that_never_rings(call: FinishedCall) -> None:
    assert call.ear_a.order() == [WAIT_VOICE, TALK_B]
    wait = call.ear_a.last(WAIT_VOICE)
    assert wait.end_s > call.b.at_s("answered") - EDGE_S
    assert wait.end_s <= call.ear_a.first(TALK_B).start_s + EDGE_S
    assert call.record["legs"]["B"]["rangAt"] is None


@pytest.mark.scenario(Scenario(b=B_RINGS_LATE, options=ALL_PROMPTS))
def test_all_prompts_follow_one_another_without_overlap(call: FinishedCall) -> None:
    assert call.verdict == NORMAL
    assert call.ear_a.order() == [PRE_VOICE, WAIT_VOICE, RINGBACK, HINT, TALK_B]
    assert call.ear_b.order() == [HINT, TALK_A]
    for before, after in zip(call.ear_a.order(), call.ear_a.order()[1:], strict=False):
        assert call.ear_a.last(before).end_s <= call.ear_a.first(after).start_s + EDGE_S, before
    assert call.ear_a.unexplained() == []


@pytest.mark.scenario(Scenario(b=B_RINGS_LATE, options=ALL_PROMPTS))
def test_hint_is_heard_whole_by_both_before_either_hears_the_other(call: FinishedCall) -> None:
    for ear, talk in ((call.ear_a, TALK_B), (call.ear_b, TALK_A)):
        hint = ear.first(HINT)
        assert ear.heard_whole(HINT)
        assert ear.first(talk).start_s > hint.end_s - EDGE_S
        assert 0 <= hint.start_s - HINT_LEAD_S - call.b.at_s("answered") < EAR_S
    assert abs(call.ear_a.first(TALK_B).start_s - call.ear_b.first(TALK_A).start_s) < EAR_S
