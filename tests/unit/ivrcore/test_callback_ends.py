"""How a callback ends: who hung up when, callStop, what fails, what crosses, and the codes of each."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ivrcore.codes import StateCode
from ivrcore.commands import (
    CancelTimer,
    CloseBridge,
    CloseCall,
    Dial,
    FinishRecording,
    HangUp,
    PassEarlyMedia,
    Play,
    Report,
    StartRecording,
    StartTimer,
    Status,
    Stop,
    Verdict,
)
from ivrcore.events import (
    CaptureFailed,
    Cause,
    DigitReceived,
    EarlyMediaStarted,
    Event,
    FailureAnnounced,
    LegAnswered,
    LegHungUp,
    LegRang,
    Party,
    Prompt,
    PromptFailed,
    StopOrdered,
    Timer,
    TimerExpired,
)
from ivrcore.flows.callback_states import Ended, Talking
from ivrcore.flows.testing import (
    BUSY,
    DRAINED,
    HINT_OF_A_ENDED,
    HINT_OF_B_ENDED,
    NO_PORTS,
    NORMAL,
    PLAIN,
    PRE_VOICE_ENDED,
    A,
    B,
    Call,
    calling_a,
    calling_b,
    draining_pre_voice,
    playing_hint,
    playing_pre_voice,
    talking,
)
from ivrcore.request import CallbackRequest, CalleeMedia

WAITING = replace(PLAIN, wait_voice=True)
GREETED = replace(PLAIN, play_pre_voice=True, wait_voice=True)
RECORDED = replace(PLAIN, record=True)
LIMITED = replace(PLAIN, max_duration_min=3)

RANG, MEDIA, ANNOUNCED = LegRang(B), EarlyMediaStarted(B), FailureAnnounced(B)
WARNING = TimerExpired(Timer.WARNING)
LONG_ENOUGH = TimerExpired(Timer.MINIMUM_TALK)

Where = Callable[[CallbackRequest], Call]


# ---- who hangs up when


@pytest.mark.parametrize(
    ("where", "gone", "left", "verdict"),
    [
        (playing_pre_voice, A, [], Verdict(StateCode.FIRST_PARTY_GAVE_UP, 530, ended_by=A)),
        (draining_pre_voice, A, [], Verdict(StateCode.FIRST_PARTY_GAVE_UP, 530, ended_by=A)),
        (calling_b, A, [B], Verdict(StateCode.FIRST_PARTY_GAVE_UP, 553, ended_by=A)),
        (playing_hint, A, [B], Verdict(StateCode.HUNG_UP_AFTER_CONNECT, 539, ended_by=A)),
        (playing_hint, B, [A], Verdict(StateCode.HUNG_UP_AFTER_CONNECT, 540, ended_by=B)),
        (talking, A, [B], Verdict(StateCode.HUNG_UP_AFTER_CONNECT, 0, ended_by=A)),
        (talking, B, [A], Verdict(StateCode.HUNG_UP_AFTER_CONNECT, 0, ended_by=B)),
    ],
)
def test_hangup_of_one_party_ends_the_other_in_the_same_step(
    where: Where, gone: Party, left: list[Party], verdict: Verdict
) -> None:
    call = where(PLAIN).after(LegHungUp(gone, NORMAL))
    assert call.hangups() == [HangUp(party) for party in left]
    assert call.verdict == verdict


@pytest.mark.parametrize("ringing", [RANG, MEDIA])
@pytest.mark.parametrize("callee_media", CalleeMedia)
def test_a_that_leaves_while_b_rings_is_told_apart(ringing: Event, callee_media: CalleeMedia) -> None:
    call = calling_b(replace(PLAIN, callee_media=callee_media)).after(ringing, LegHungUp(A, NORMAL))
    assert call.verdict == Verdict(StateCode.FIRST_PARTY_GAVE_UP, 552, ended_by=A)


@pytest.mark.parametrize(
    ("events", "cause", "verdict"),
    [
        ((), BUSY, Verdict(StateCode.BUSY, 519, cause=BUSY)),
        ((LegRang(A),), BUSY, Verdict(StateCode.BUSY, 520, cause=BUSY)),
        ((), NO_PORTS, Verdict(StateCode.NO_PORTS, 522, cause=NO_PORTS)),
        ((LegRang(A),), NO_PORTS, Verdict(StateCode.NO_PORTS, 522, cause=NO_PORTS)),
    ],
)
def test_failure_of_a_ends_the_call_with_its_cause(
    events: tuple[Event, ...], cause: Cause, verdict: Verdict
) -> None:
    call = calling_a(PLAIN).after(*events, LegHungUp(A, cause))
    assert call.state == Ended(verdict)
    assert call.hangups() == []


@pytest.mark.parametrize(
    ("events", "cause", "verdict"),
    [
        ((), BUSY, Verdict(StateCode.BUSY, 518, cause=BUSY)),
        ((RANG,), BUSY, Verdict(StateCode.BUSY, 518, cause=BUSY)),
        ((), NO_PORTS, Verdict(StateCode.NO_PORTS, 522, cause=NO_PORTS)),
        ((ANNOUNCED,), BUSY, Verdict(StateCode.FAILURE_ANNOUNCEMENT, 518, cause=BUSY)),
        ((MEDIA, ANNOUNCED), BUSY, Verdict(StateCode.FAILURE_ANNOUNCEMENT, 518, cause=BUSY)),
    ],
)
def test_failure_of_b_ends_a_with_the_cause_of_b(
    events: tuple[Event, ...], cause: Cause, verdict: Verdict
) -> None:
    call = calling_b(WAITING).after(*events, LegHungUp(B, cause))
    assert call.verdict == verdict
    assert call.hangups() == [HangUp(A, cause.q850)]


def test_ringing_of_a_times_out() -> None:
    call = calling_a(PLAIN).after(LegRang(A), TimerExpired(Timer.RING))
    assert call.hangups() == [HangUp(A, q850=19)]
    assert call.verdict == Verdict(StateCode.RING_TIMEOUT, 514)


def test_ringing_of_b_times_out() -> None:
    call = calling_b(PLAIN).after(RANG, TimerExpired(Timer.RING))
    assert call.hangups() == [HangUp(A, q850=19), HangUp(B, q850=19)]
    assert call.verdict == Verdict(StateCode.NO_ANSWER, 514)


@pytest.mark.parametrize("where", [playing_pre_voice, playing_hint, talking])
def test_ring_timer_does_not_outlive_the_answer(where: Where) -> None:
    call = where(PLAIN)
    last = [c for c in call.ordered if isinstance(c, StartTimer | CancelTimer) and c.timer is Timer.RING][-1]
    assert last == CancelTimer(Timer.RING)
    # Should its expiry be on its way already, the call goes on.
    assert call.after(TimerExpired(Timer.RING)).idle()


def test_early_media_is_parted_when_the_call_ends_before_the_answer() -> None:
    for end in (LegHungUp(A, NORMAL), LegHungUp(B, BUSY), StopOrdered(), TimerExpired(Timer.RING)):
        call = calling_b(PLAIN).after(MEDIA, end)
        assert call.last.count(CloseBridge()) == 1, end


# ---- callStop


@pytest.mark.parametrize(
    ("where", "ended"),
    [
        (calling_a, [A]),
        (playing_pre_voice, [A]),
        (draining_pre_voice, [A]),
        (calling_b, [A, B]),
        (playing_hint, [A, B]),
        (talking, [A, B]),
    ],
)
def test_stop_ends_every_dialled_leg_in_every_state(where: Where, ended: list[Party]) -> None:
    call = where(RECORDED).after(StopOrdered())
    assert call.hangups() == [HangUp(party) for party in ended]
    assert call.verdict == Verdict(StateCode.STOP_ORDERED)
    assert (FinishRecording(keep=False) in call.last) == (where is talking)
    # A second order changes nothing, neither while the legs end nor after.
    assert call.after(StopOrdered()).idle()
    call.after(*[LegHungUp(party, NORMAL, by_remote=False) for party in ended])
    assert call.last[-1] == CloseCall(Verdict(StateCode.STOP_ORDERED))
    assert call.after(StopOrdered()).idle()


# ---- what fails on our side


@pytest.mark.parametrize("where", [calling_a, playing_pre_voice])
def test_pre_voice_that_cannot_be_played_ends_the_call(where: Where) -> None:
    call = where(GREETED).after(PromptFailed(A, Prompt.PRE_VOICE))
    assert call.hangups() == [HangUp(A)]
    assert call.verdict == Verdict(StateCode.PLAY_FAILED, 2837)


def test_wait_voice_that_fails_before_the_answer_leaves_silence() -> None:
    call = calling_a(WAITING).after(PromptFailed(A, Prompt.WAIT_VOICE), LegRang(A), LegAnswered(A))
    assert Dial(B) in call.last
    # Nothing plays, so there is nothing to stop.
    assert Stop(A, Prompt.WAIT_VOICE) not in call.after(LegAnswered(B)).ordered


def test_wait_voice_that_fails_leaves_silence_until_b_rings() -> None:
    call = calling_b(WAITING).after(PromptFailed(A, Prompt.WAIT_VOICE))
    assert call.idle()
    assert call.after(RANG).last == (Report(Status.ALERTING, B), Play(A, Prompt.RINGBACK))


@pytest.mark.parametrize("again", [RANG, ANNOUNCED])
def test_ringback_that_fails_is_not_tried_again(again: Event) -> None:
    call = calling_b(WAITING).after(RANG, PromptFailed(A, Prompt.RINGBACK), again)
    assert call.idle()
    assert call.after(MEDIA).last == (PassEarlyMedia(),)


def test_failure_of_a_prompt_stopped_already_silences_nothing() -> None:
    call = calling_b(WAITING).after(RANG, PromptFailed(A, Prompt.WAIT_VOICE), LegAnswered(B))
    assert Stop(A, Prompt.RINGBACK) in call.last


@pytest.mark.parametrize(
    ("before", "party"), [((), A), ((), B), ((HINT_OF_A_ENDED,), B), ((HINT_OF_B_ENDED,), A)]
)
def test_nobody_is_recorded_without_having_been_told(before: tuple[Event, ...], party: Party) -> None:
    call = playing_hint(PLAIN).after(*before, PromptFailed(party, Prompt.RECORD_HINT))
    assert call.hangups() == [HangUp(A), HangUp(B)]
    assert call.verdict == Verdict(StateCode.PLAY_FAILED, 509)
    assert StartRecording() not in call.ordered


@pytest.mark.parametrize("before", [(), (LONG_ENOUGH,)])
def test_capture_that_fails_ends_the_call_without_a_file(before: tuple[Event, ...]) -> None:
    call = talking(RECORDED).after(*before, CaptureFailed())
    assert call.last[0] == FinishRecording(keep=False)
    assert call.hangups() == [HangUp(A), HangUp(B)]
    assert call.verdict == Verdict(StateCode.RECORDING_FAILED, 507)


# ---- the end


def test_call_closes_only_when_both_legs_have_reported() -> None:
    call = talking(PLAIN).after(StopOrdered(), LegHungUp(B, NORMAL, by_remote=False))
    assert call.idle()
    assert call.after(LegHungUp(B, NORMAL, by_remote=False)).idle()
    call.after(LegHungUp(A, NORMAL, by_remote=False))
    assert call.last == (
        CancelTimer(Timer.RELEASE),
        Report(Status.DISCONNECT),
        CloseCall(Verdict(StateCode.STOP_ORDERED)),
    )


def test_call_does_not_wait_for_a_silent_leg_for_ever() -> None:
    call = talking(PLAIN).after(LegHungUp(A, NORMAL))
    assert call.last[-1] == StartTimer(Timer.RELEASE, 5000)
    call.after(TimerExpired(Timer.RELEASE))
    assert call.last == (Report(Status.DISCONNECT), CloseCall(call.verdict))
    assert call.after(LegHungUp(B, NORMAL)).idle()


@pytest.mark.parametrize(
    ("where", "end", "crossing"),
    [
        # CANCEL against 200: the stack answers with ACK and BYE, and reports the end.
        (calling_a, StopOrdered(), LegAnswered(A)),
        (calling_a, TimerExpired(Timer.RING), LegAnswered(A)),
        (calling_b, LegHungUp(A, NORMAL), LegAnswered(B)),
        (calling_b, TimerExpired(Timer.RING), LegAnswered(B)),
        (calling_b, StopOrdered(), RANG),
        (calling_b, StopOrdered(), MEDIA),
        (playing_pre_voice, StopOrdered(), PRE_VOICE_ENDED),
        (draining_pre_voice, StopOrdered(), DRAINED),
        (playing_hint, LegHungUp(A, NORMAL), HINT_OF_B_ENDED),
        (playing_hint, StopOrdered(), PromptFailed(A, Prompt.RECORD_HINT)),
        (talking, LegHungUp(B, NORMAL), DigitReceived(A, "1")),
        (talking, LegHungUp(B, NORMAL), TimerExpired(Timer.LIMIT)),
        (talking, TimerExpired(Timer.LIMIT), CaptureFailed()),
        (talking, StopOrdered(), WARNING),
    ],
)
def test_event_that_crosses_the_end_changes_nothing(where: Where, end: Event, crossing: Event) -> None:
    call = where(PLAIN).after(end)
    verdict = call.verdict
    assert call.after(crossing).idle()
    call.after(LegHungUp(A, NORMAL), LegHungUp(B, NORMAL))
    assert call.state == Ended(verdict)
    assert call.after(crossing).idle()


@pytest.mark.parametrize("first", Party)
def test_first_of_two_hangups_at_once_decides(first: Party) -> None:
    call = talking(PLAIN).after(LegHungUp(first, NORMAL), LegHungUp(first.other, NORMAL))
    assert call.state == Ended(Verdict(StateCode.HUNG_UP_AFTER_CONNECT, ended_by=first))
    assert [c for c in call.ordered if isinstance(c, CloseCall)] == [call.ordered[-1]]


@pytest.mark.parametrize("where", [calling_a, calling_b, playing_hint, talking])
def test_every_timer_is_taken_back_when_the_call_ends(where: Where) -> None:
    call = where(replace(LIMITED, record=True)).after(StopOrdered())
    cancelled = {command.timer for command in call.last if isinstance(command, CancelTimer)}
    assert cancelled == set(Timer) - {Timer.RELEASE}


@pytest.mark.parametrize("again", [LegAnswered(A), LegAnswered(B), RANG, MEDIA])
def test_repeated_report_of_an_answered_leg_changes_nothing(again: Event) -> None:
    call = talking(RECORDED).after(again)
    assert isinstance(call.state, Talking)
    assert call.idle()


def test_hangup_of_a_leg_never_dialled_changes_nothing() -> None:
    for where in (calling_a, playing_pre_voice, draining_pre_voice):
        assert where(PLAIN).after(LegHungUp(B, NORMAL)).idle()


def test_status_reports_come_in_the_order_of_the_service() -> None:
    call = calling_a(PLAIN).after(LegRang(A), LegAnswered(A), RANG, LegAnswered(B), LegHungUp(A, NORMAL))
    call.after(LegHungUp(B, NORMAL))
    assert [(c.status.value, c.party) for c in call.ordered if isinstance(c, Report)] == [
        ("callout", A),
        ("alerting", A),
        ("answer", A),
        ("callout", B),
        ("alerting", B),
        ("answer", B),
        ("disconnect", None),
    ]
