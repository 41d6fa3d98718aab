"""RTP inactivity: what two looks at a far end's counters come to."""

import math

import pytest

from sip.cause import MEDIA_LOST, StateCode, state_code
from sip.errors import SipConfigError
from sip.inactivity import InactivityLimits, Quiet, Signs, look

MINUTE = InactivityLimits(60.0, 1800.0)


def quiet_after(looks: list[Signs], every_s: float = 5.0) -> Quiet:
    """What a row of looks comes to."""
    quiet: Quiet | None = None
    for signs in looks:
        quiet = look(quiet, signs, every_s)
    assert quiet is not None
    return quiet


def test_first_look_begins_the_count() -> None:
    # Ringing may have taken longer than the limit: no time passes before the leg is seen up.
    assert look(None, Signs(0, 0), 300.0) == Quiet(Signs(0, 0), 0.0)


def test_far_end_that_never_sent_anything_is_quiet_from_the_first_look() -> None:
    assert quiet_after([Signs(0, 0)] * 4).for_s == 15.0


@pytest.mark.parametrize(
    "now",
    [
        Signs(101, 7),  # one packet, of whatever kind: speech, comfort noise, a key
        Signs(100, 8),  # a report and no audio: muted, or a pause without comfort noise (DTX)
        Signs(0, 0),  # a re-INVITE made a new stream, whose counters begin anew
        Signs(100, 7, on_hold=True),
    ],
)
def test_any_change_is_life(now: Signs) -> None:
    before = Quiet(Signs(100, 7), 55.0)
    assert look(before, now, 5.0) == Quiet(now, 0.0)


def test_resumed_call_has_the_whole_limit_again() -> None:
    # Twenty minutes of hold are no silence of the minute after them.
    held = Quiet(Signs(100, 7, on_hold=True), 1200.0)
    assert not MINUTE.exceeded_by(held)
    resumed = look(held, Signs(100, 7), 5.0)
    assert resumed.for_s == 0.0
    assert not MINUTE.exceeded_by(resumed)


def test_limit_is_exceeded_when_it_is_reached() -> None:
    # 60 / 5 = 12 looks after the first
    assert not MINUTE.exceeded_by(quiet_after([Signs(1, 0)] * 12))
    assert MINUTE.exceeded_by(quiet_after([Signs(1, 0)] * 13))


def test_on_hold_the_longer_limit_counts() -> None:
    held = Signs(1, 0, on_hold=True)
    assert not MINUTE.exceeded_by(Quiet(held, 1799.9))
    assert MINUTE.exceeded_by(Quiet(held, 1800.0))


@pytest.mark.parametrize("on_hold", [False, True])
def test_limit_of_zero_is_never_exceeded(on_hold: bool) -> None:
    assert not InactivityLimits().exceeded_by(Quiet(Signs(0, 0, on_hold), 1e9))


def test_each_limit_can_be_off_alone() -> None:
    only_hold, only_talk = InactivityLimits(0.0, 60.0), InactivityLimits(60.0, 0.0)
    talking, held = Quiet(Signs(0, 0), 61.0), Quiet(Signs(0, 0, on_hold=True), 61.0)
    assert (only_hold.exceeded_by(talking), only_hold.exceeded_by(held)) == (False, True)
    assert (only_talk.exceeded_by(talking), only_talk.exceeded_by(held)) == (True, False)


@pytest.mark.parametrize(
    ("limits", "look_s"),
    [
        (InactivityLimits(), 0.0),
        (MINUTE, 5.0),  # 60 / 10 = 6, and 5 s at the most
        (InactivityLimits(20.0, 600.0), 2.0),  # 20 / 10
        (InactivityLimits(0.0, 30.0), 3.0),
        (InactivityLimits(0.5, 0.0), 0.1),  # 0.05 would be too often for many legs
    ],
)
def test_looks_are_as_rare_as_the_shorter_limit_allows(limits: InactivityLimits, look_s: float) -> None:
    assert limits.look_s == look_s


@pytest.mark.parametrize("wrong", [-1.0, math.nan, math.inf])
def test_impossible_limit_is_refused_by_name(wrong: float) -> None:
    with pytest.raises(SipConfigError, match=r"^RTP timeout of .* s: must be 0 \(none\) or more$"):
        InactivityLimits(wrong, 60.0)
    with pytest.raises(SipConfigError, match=r"^RTP hold timeout of .* s: must be 0 \(none\) or more$"):
        InactivityLimits(60.0, wrong)


def test_lost_media_has_a_cause_of_its_own_and_counts_as_not_reached() -> None:
    # Q.850 44, which no answer of a SIP far end is translated to (RFC 3398).
    assert (MEDIA_LOST.q850, MEDIA_LOST.sip_status) == (44, 0)
    assert state_code(MEDIA_LOST) is StateCode.NOT_REACHED
