"""The verification flow against its rules, one by one; test_one_leg_walk.py walks over everything."""

from collections.abc import Callable

import pytest

from ivrcore.codes import StateCode
from ivrcore.commands import CloseCall, Dial, HangUp, Play, Report, StartTimer, Status, Verdict
from ivrcore.events import (
    DigitReceived,
    Event,
    LegHungUp,
    LegRang,
    Playable,
    Spoken,
    StopOrdered,
    Timer,
    TimerExpired,
)
from ivrcore.flows.one_leg import Draining
from ivrcore.flows.one_leg_testing import (
    ANSWERED,
    BUSY,
    DRAINED,
    NO_PORTS,
    NORMAL,
    A,
    Verification,
    ended,
    failed,
    verified,
)
from ivrcore.flows.release import Ended
from ivrcore.flows.verification import PlayingCode

PRE, CODE, POS = Spoken.PRE_TONE, Spoken.CODE, Spoken.POS_TONE


def calling() -> Verification:
    return verified(has_pre_tone=True, has_pos_tone=True)


def pre_tone() -> Verification:
    return calling().after(ANSWERED)


def code() -> Verification:
    return pre_tone().after(ended(PRE))


def pos_tone() -> Verification:
    return code().after(*[ended(CODE)] * 3)


def draining() -> Verification:
    return pos_tone().after(ended(POS))


EVERYWHERE = [calling, pre_tone, code, pos_tone, draining]


# ---- calling A


@pytest.mark.parametrize(("has_pre_tone", "cue"), [(True, PRE), (False, CODE)])
def test_first_sound_is_the_cue_of_the_answer(has_pre_tone: bool, cue: Spoken) -> None:
    call = verified(has_pre_tone=has_pre_tone, ring_timeout_s=20)
    assert call.last == (
        StartTimer(Timer.RING, 20_000),
        Dial(A, at_answer=cue),
        Report(Status.CALLOUT, A),
    )
    assert not [c for c in call.after(LegRang(A), ANSWERED).ordered if isinstance(c, Play)]


@pytest.mark.parametrize(
    ("events", "verdict"),
    [
        ((LegHungUp(A, BUSY),), Verdict(StateCode.BUSY, 519, cause=BUSY)),
        ((LegRang(A), LegHungUp(A, BUSY)), Verdict(StateCode.BUSY, 520, cause=BUSY)),
        ((LegHungUp(A, NO_PORTS),), Verdict(StateCode.NO_PORTS, 522, cause=NO_PORTS)),
        ((TimerExpired(Timer.RING),), Verdict(8003, 514)),
    ],
)
def test_failure_before_the_answer_has_the_code_of_its_cause(
    events: tuple[Event, ...], verdict: Verdict
) -> None:
    assert verified().after(*events).verdict == verdict


# ---- what is spoken


@pytest.mark.parametrize("times", range(1, 10))
@pytest.mark.parametrize("has_pos_tone", [True, False])
@pytest.mark.parametrize("has_pre_tone", [True, False])
def test_code_is_spoken_so_many_times_between_its_tones(
    times: int, has_pre_tone: bool, has_pos_tone: bool
) -> None:
    call = verified(times, has_pre_tone=has_pre_tone, has_pos_tone=has_pos_tone).after(ANSWERED)
    expected: list[Playable] = [*[PRE] * has_pre_tone, *[CODE] * times, *[POS] * has_pos_tone]
    for sound in expected:
        assert not isinstance(call.state, Draining)
        call.after(ended(sound))
    assert call.played() == expected
    assert call.last == (StartTimer(Timer.DRAIN, 100),)


def test_code_without_a_number_of_times_is_spoken_until_the_hangup() -> None:
    call = verified(0, has_pos_tone=True).after(ANSWERED)
    for _ in range(500):
        assert call.after(ended(CODE)).last == (Play(A, CODE),)
    assert call.state == PlayingCode(0)
    assert call.after(LegHungUp(A, NORMAL)).state == Ended(Verdict(0, ended_by=A))


def test_next_sound_starts_in_the_step_that_ends_the_one_before() -> None:
    call = pre_tone()
    assert call.after(ended(PRE)).last == (Play(A, CODE),)
    assert call.after(ended(CODE)).last == (Play(A, CODE),)


@pytest.mark.parametrize(("where", "stray"), [(pre_tone, CODE), (code, PRE), (code, POS), (pos_tone, CODE)])
def test_sound_that_is_not_heard_now_ends_nothing(where: Callable[[], Verification], stray: Spoken) -> None:
    call = where()
    state = call.state
    assert call.after(ended(stray), failed(stray)).idle()
    assert call.state == state


# ---- the end


def test_call_that_ran_to_its_end_was_ended_by_the_platform() -> None:
    call = draining().after(DRAINED)
    assert call.hangups() == [HangUp(A)]
    assert call.after(LegHungUp(A, NORMAL, by_remote=False)).last[-1] == CloseCall(Verdict(0))


@pytest.mark.parametrize("where", [pre_tone, code, pos_tone, draining])
def test_callee_that_hangs_up_ended_the_call(where: Callable[[], Verification]) -> None:
    assert where().after(LegHungUp(A, NORMAL)).state == Ended(Verdict(0, ended_by=A))


@pytest.mark.parametrize("where", EVERYWHERE)
def test_stop_from_outside_ends_the_call_anywhere(where: Callable[[], Verification]) -> None:
    call = where().after(StopOrdered())
    assert call.hangups() == [HangUp(A)]
    assert call.verdict == Verdict(8017)


@pytest.mark.parametrize(
    ("where", "sound"), [(calling, PRE), (pre_tone, PRE), (code, CODE), (pos_tone, POS), (verified, CODE)]
)
def test_sound_that_cannot_be_played_ends_the_call(where: Callable[[], Verification], sound: Spoken) -> None:
    call = where().after(failed(sound))
    assert call.hangups() == [HangUp(A)]
    assert call.verdict == Verdict(8007, 2837)


@pytest.mark.parametrize("where", EVERYWHERE)
def test_keys_mean_nothing(where: Callable[[], Verification]) -> None:
    call = where()
    state = call.state
    assert call.after(DigitReceived(A, "1")).idle()
    assert call.state == state
