"""The last-minute warning and the limit, on a clock on which a minute takes two seconds."""

from dataclasses import replace

import pytest

from tests.e2e.callback.ear import EAR_S, EDGE_S, Ear
from tests.e2e.callback.sounds import RINGBACK, TALK_A, TALK_B, WARNING
from tests.e2e.callback.stage import QUICK_B, FinishedCall, Scenario

pytestmark = pytest.mark.e2e

MINUTE_S = 2.0
STAYS = replace(QUICK_B, hang_up_after_s=None)


def two_minutes(to: str) -> tuple[str, ...]:
    return (
        *("--max-duration", "2", "--clock-scale", str(60.0 / MINUTE_S)),
        *("--last-minute", WARNING, "--last-minute-to", to),
    )


def level_db(ear: Ear, talk: str, at_s: float) -> float:
    """How loud the other party is at a moment."""
    found = [one for one in ear.stretches if one.name == talk and one.start_s < at_s < one.end_s]
    assert found, f"{talk} is not heard at {at_s:.3f}, but {ear.story()}"
    return found[0].level_db


@pytest.mark.scenario(Scenario(b=STAYS, options=two_minutes("both")))
def test_both_are_hung_up_at_the_limit_counted_from_the_answer_of_b(call: FinishedCall) -> None:
    assert call.verdict == (8010, 0, "platform")
    assert call.finished.status == 0
    for telephone in (call.a, call.b):
        assert telephone.at_s("ended") - call.b.at_s("answered") == pytest.approx(2 * MINUTE_S, abs=0.1)
        ended = telephone.report("ended")
        assert (ended["q850"], ended["by_remote"]) == (16, True)


@pytest.mark.scenario(Scenario(b=STAYS, options=two_minutes("both")))
def test_warning_is_heard_whole_by_both_one_minute_before_the_end(call: FinishedCall) -> None:
    due_s = call.b.at_s("answered") + MINUTE_S
    for ear in (call.ear_a, call.ear_b):
        assert ear.heard_whole(WARNING)
        assert due_s - EDGE_S <= ear.first(WARNING).start_s < due_s + EAR_S + EDGE_S
    assert call.ear_a.order() == [RINGBACK, TALK_B, WARNING]
    assert call.ear_b.order() == [TALK_A, WARNING]


@pytest.mark.scenario(Scenario(b=STAYS, options=two_minutes("both")))
def test_other_party_stays_audible_15_db_down_underneath_the_warning(call: FinishedCall) -> None:
    for ear, talk in ((call.ear_a, TALK_B), (call.ear_b, TALK_A)):
        warning = ear.first(WARNING)
        middle_s = (warning.start_s + warning.end_s) / 2
        assert level_db(ear, talk, warning.start_s - 0.4) == pytest.approx(0.0, abs=1.0)
        assert level_db(ear, talk, middle_s) == pytest.approx(-15.0, abs=2.0)
        assert level_db(ear, talk, warning.end_s + 0.3) == pytest.approx(0.0, abs=1.0)


@pytest.mark.parametrize(
    ("to", "warned"),
    [
        pytest.param(to, warned, marks=pytest.mark.scenario(Scenario(b=STAYS, options=two_minutes(to))))
        for to, warned in (("toa", "A"), ("tob", "B"))
    ],
)
def test_only_the_named_party_is_warned(call: FinishedCall, to: str, warned: str) -> None:
    ears = {"A": (call.ear_a, TALK_B), "B": (call.ear_b, TALK_A)}
    ear, _ = ears.pop(warned)
    assert ear.heard_whole(WARNING)
    ((other, talk),) = ears.values()
    assert WARNING not in other.order()
    assert level_db(other, talk, ear.first(WARNING).start_s + 0.5) == pytest.approx(0.0, abs=1.0)
