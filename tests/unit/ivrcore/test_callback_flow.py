"""The callback flow against its rules, one by one, each test in the words of the rule.

How a call ends is in test_callback_ends.py, the product of all states and events in
test_callback_walk.py, and histories nobody would write down in tests/property/test_callback_histories.py.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ivrcore.codes import ReleasePoint, StateCode
from ivrcore.commands import (
    CancelTimer,
    CloseBridge,
    Command,
    Dial,
    FinishRecording,
    HangUp,
    LowerTalk,
    OpenBridge,
    PassEarlyMedia,
    Play,
    RelayDigit,
    Report,
    RestoreTalk,
    StartRecording,
    StartTimer,
    Status,
    Stop,
    Verdict,
)
from ivrcore.events import (
    DigitReceived,
    EarlyMediaStarted,
    Event,
    FailureAnnounced,
    LegAnswered,
    LegHungUp,
    LegRang,
    Party,
    Prompt,
    PromptEnded,
    PromptFailed,
    StopOrdered,
    Timer,
    TimerExpired,
)
from ivrcore.flows.testing import (
    BUSY,
    DRAINED,
    HINT_OF_A_ENDED,
    HINT_OF_B_ENDED,
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
from ivrcore.request import CallbackRequest, CalleeMedia, WarnedParty

WAITING = replace(PLAIN, wait_voice=True)
GREETED = replace(PLAIN, play_pre_voice=True, wait_voice=True)
RECORDED = replace(PLAIN, record=True)
HINTED = replace(PLAIN, record=True, record_hint=True)
LIMITED = replace(PLAIN, max_duration_min=3)

RANG, MEDIA, ANNOUNCED = LegRang(B), EarlyMediaStarted(B), FailureAnnounced(B)
WARNING = TimerExpired(Timer.WARNING)
LONG_ENOUGH = TimerExpired(Timer.MINIMUM_TALK)

Where = Callable[[CallbackRequest], Call]


# ---- A is called


def test_call_starts_with_a_and_a_ring_timer() -> None:
    assert Call(replace(PLAIN, ring_timeout_s=45)).last == (
        StartTimer(Timer.RING, 45_000),
        Dial(A),
        Report(Status.CALLOUT, A),
    )


@pytest.mark.parametrize(
    ("pre_voice", "wait_voice", "cue"),
    [
        (False, False, None),
        (False, True, Prompt.WAIT_VOICE),
        (True, False, Prompt.PRE_VOICE),
        (True, True, Prompt.PRE_VOICE),
    ],
)
def test_first_prompt_of_a_starts_with_the_answer_itself(
    pre_voice: bool, wait_voice: bool, cue: Prompt | None
) -> None:
    call = Call(replace(PLAIN, play_pre_voice=pre_voice, wait_voice=wait_voice))
    assert Dial(A, at_answer=cue) in call.last


@pytest.mark.parametrize("early", [LegRang(A), EarlyMediaStarted(A), FailureAnnounced(A)])
def test_nothing_is_played_before_a_answers(early: Event) -> None:
    call = Call(GREETED).after(early, early)
    assert not [command for command in call.ordered if isinstance(command, Play | PassEarlyMedia)]


@pytest.mark.parametrize("ringing", [LegRang(A), EarlyMediaStarted(A)])
def test_a_alerts_once_however_its_ringing_is_told(ringing: Event) -> None:
    call = Call(PLAIN).after(ringing, LegRang(A), EarlyMediaStarted(A), LegRang(A))
    assert call.ordered.count(Report(Status.ALERTING, A)) == 1


def test_failure_announcement_of_a_is_no_ringing() -> None:
    call = Call(PLAIN).after(FailureAnnounced(A), EarlyMediaStarted(A))
    assert Report(Status.ALERTING, A) not in call.ordered
    assert call.after(LegHungUp(A, BUSY)).verdict.release_point == ReleasePoint.FIRST_LEG_FAILED


def test_a_that_rings_after_an_announcement_alerts_all_the_same() -> None:
    call = Call(PLAIN).after(FailureAnnounced(A), EarlyMediaStarted(A), LegRang(A))
    assert call.last == (Report(Status.ALERTING, A),)


# ---- preVoice


def test_answer_of_a_without_pre_voice_dials_b_at_once() -> None:
    assert Call(replace(PLAIN, ring_timeout_s=45)).after(LegAnswered(A)).last == (
        CancelTimer(Timer.RING),
        Report(Status.ANSWER, A),
        StartTimer(Timer.RING, 45_000),
        Dial(B),
        Report(Status.CALLOUT, B),
    )


def test_b_is_not_dialled_while_pre_voice_plays() -> None:
    call = playing_pre_voice(GREETED)
    assert call.last == (CancelTimer(Timer.RING), Report(Status.ANSWER, A))
    for event in (LegRang(A), LegAnswered(A), DigitReceived(A, "5"), PromptEnded(A, Prompt.WAIT_VOICE)):
        assert call.after(event).idle()


def test_pre_voice_drains_three_packets_before_b_is_dialled() -> None:
    call = playing_pre_voice(PLAIN).after(PRE_VOICE_ENDED)
    assert call.last == (StartTimer(Timer.DRAIN, 60),)
    assert call.after(PRE_VOICE_ENDED).idle()
    assert Dial(B) in call.after(DRAINED).last


def test_wait_voice_follows_the_drained_pre_voice_and_precedes_the_dialling() -> None:
    call = draining_pre_voice(GREETED).after(DRAINED)
    assert call.last[0] == Play(A, Prompt.WAIT_VOICE)
    assert Dial(B) in call.last


def test_prompts_come_in_the_order_of_the_service() -> None:
    call = talking(replace(GREETED, record=True, record_hint=True, max_duration_min=3)).after(WARNING)
    order: list[Command] = [
        Dial(A, at_answer=Prompt.PRE_VOICE),
        Play(A, Prompt.WAIT_VOICE),
        Dial(B),
        Stop(A, Prompt.WAIT_VOICE),
        Play(A, Prompt.RECORD_HINT),
        Play(B, Prompt.RECORD_HINT),
        OpenBridge(),
        StartRecording(),
        Play(A, Prompt.LAST_MINUTE),
        Play(B, Prompt.LAST_MINUTE),
    ]
    places = [call.index(command) for command in order]
    assert places == sorted(places)


# ---- what A hears while B is called


ALL, NONE, FAIL = CalleeMedia.ALL, CalleeMedia.NONE, CalleeMedia.FAIL
MUSIC, TONE, EARLY = "waitVoice", "ringback", "early media"


@pytest.mark.parametrize(
    ("events", "with_all", "with_none", "with_fail"),
    [
        ((), MUSIC, MUSIC, MUSIC),
        ((RANG,), TONE, MUSIC, MUSIC),
        ((MEDIA,), EARLY, MUSIC, MUSIC),
        ((RANG, MEDIA), EARLY, MUSIC, MUSIC),
        ((MEDIA, RANG), EARLY, MUSIC, MUSIC),
        ((RANG, RANG), TONE, MUSIC, MUSIC),
        ((RANG, MEDIA, RANG), EARLY, MUSIC, MUSIC),
        # A 183 that promises an announcement is not yet audio.
        ((ANNOUNCED,), MUSIC, MUSIC, MUSIC),
        ((ANNOUNCED, MEDIA), EARLY, MUSIC, EARLY),
        ((MEDIA, ANNOUNCED), EARLY, MUSIC, EARLY),
        ((RANG, ANNOUNCED), TONE, MUSIC, MUSIC),
        ((RANG, ANNOUNCED, MEDIA), EARLY, MUSIC, EARLY),
        ((RANG, MEDIA, ANNOUNCED), EARLY, MUSIC, EARLY),
        ((ANNOUNCED, RANG), TONE, MUSIC, MUSIC),
        ((ANNOUNCED, MEDIA, RANG), EARLY, MUSIC, EARLY),
        ((MEDIA, ANNOUNCED, RANG), EARLY, MUSIC, EARLY),
    ],
    ids=lambda value: (
        "+".join(type(event).__name__ for event in value) if isinstance(value, tuple) else value
    ),
)
@pytest.mark.parametrize("wait_voice", [True, False], ids=["waitVoice", "no waitVoice"])
def test_callee_media_decides_what_a_hears(
    events: tuple[Event, ...], with_all: str, with_none: str, with_fail: str, wait_voice: bool
) -> None:
    for callee_media, heard in ((ALL, with_all), (NONE, with_none), (FAIL, with_fail)):
        call = calling_b(replace(PLAIN, wait_voice=wait_voice, callee_media=callee_media)).after(*events)
        expected = "silence" if heard == MUSIC and not wait_voice else heard
        assert call.a_hears() == expected, callee_media


@pytest.mark.parametrize("callee_media", CalleeMedia)
@pytest.mark.parametrize(
    "events", [(RANG, MEDIA, RANG), (MEDIA, RANG), (MEDIA, ANNOUNCED, RANG), (ANNOUNCED, MEDIA, RANG, RANG)]
)
def test_b_alerts_once_however_its_ringing_is_told(
    callee_media: CalleeMedia, events: tuple[Event, ...]
) -> None:
    call = calling_b(replace(WAITING, callee_media=callee_media)).after(*events)
    assert call.ordered.count(Report(Status.ALERTING, B)) == 1


@pytest.mark.parametrize("callee_media", CalleeMedia)
def test_failure_announcement_of_b_is_no_ringing(callee_media: CalleeMedia) -> None:
    call = calling_b(replace(WAITING, callee_media=callee_media)).after(ANNOUNCED, MEDIA)
    assert Report(Status.ALERTING, B) not in call.ordered


def test_ringback_stops_the_moment_early_media_is_passed() -> None:
    call = calling_b(WAITING).after(RANG)
    assert call.last == (
        Report(Status.ALERTING, B),
        Stop(A, Prompt.WAIT_VOICE),
        Play(A, Prompt.RINGBACK),
    )
    assert call.after(MEDIA).last == (Stop(A, Prompt.RINGBACK), PassEarlyMedia())


@pytest.mark.parametrize("events", [(), (RANG,), (MEDIA,), (RANG, MEDIA), (ANNOUNCED, MEDIA)])
@pytest.mark.parametrize("callee_media", CalleeMedia)
@pytest.mark.parametrize("request_", [WAITING, HINTED, GREETED], ids=["waiting", "hinted", "greeted"])
def test_answer_of_b_ends_all_a_heard_till_then(
    request_: CallbackRequest, callee_media: CalleeMedia, events: tuple[Event, ...]
) -> None:
    call = calling_b(replace(request_, callee_media=callee_media)).after(*events, LegAnswered(B))
    kept = [*call.ordered]
    # An open bridge takes early media over; only a hint has to part the two first.
    expected = EARLY if kept[-1] == OpenBridge() and PassEarlyMedia() in kept else "silence"
    call.ordered = [command for command in kept if command != Play(A, Prompt.RECORD_HINT)]
    assert call.a_hears() == expected


# ---- hint, bridge, recording


def test_answer_of_b_opens_the_bridge_at_once_without_a_hint() -> None:
    assert calling_b(PLAIN).after(LegAnswered(B)).last == (
        CancelTimer(Timer.RING),
        Report(Status.ANSWER, B),
        OpenBridge(),
    )


def test_recording_starts_in_the_step_that_opens_the_bridge() -> None:
    assert talking(RECORDED).last[-3:] == (
        OpenBridge(),
        StartRecording(),
        StartTimer(Timer.MINIMUM_TALK, 3000),
    )


def test_nothing_is_captured_without_the_record_flag() -> None:
    call = talking(LIMITED).after(LONG_ENOUGH, WARNING, LegHungUp(A, NORMAL), LegHungUp(B, NORMAL))
    assert not [c for c in call.ordered if isinstance(c, StartRecording | FinishRecording)]


def test_hint_plays_to_both_before_they_hear_each_other() -> None:
    call = playing_hint(PLAIN)
    assert call.last[-2:] == (Play(A, Prompt.RECORD_HINT), Play(B, Prompt.RECORD_HINT))
    assert OpenBridge() not in call.ordered
    assert StartRecording() not in call.ordered


@pytest.mark.parametrize("first", Party)
def test_bridge_waits_for_the_slower_hint(first: Party) -> None:
    call = playing_hint(PLAIN).after(PromptEnded(first, Prompt.RECORD_HINT))
    assert call.idle()
    # The same report once more is not the other party's.
    assert call.after(PromptEnded(first, Prompt.RECORD_HINT)).idle()
    call.after(PromptEnded(first.other, Prompt.RECORD_HINT))
    assert call.last == (OpenBridge(), StartRecording(), StartTimer(Timer.MINIMUM_TALK, 3000))


def test_early_media_is_cut_before_the_hint() -> None:
    call = calling_b(HINTED).after(MEDIA, LegAnswered(B))
    assert CloseBridge() in call.last
    assert call.last.index(CloseBridge()) < call.last.index(Play(A, Prompt.RECORD_HINT))


def test_hint_without_recording_is_no_hint() -> None:
    assert OpenBridge() in talking(replace(PLAIN, record_hint=True)).last


@pytest.mark.parametrize(("events", "keep"), [((), False), ((LONG_ENOUGH,), True)])
@pytest.mark.parametrize(
    "end", [LegHungUp(A, NORMAL), LegHungUp(B, NORMAL), StopOrdered(), TimerExpired(Timer.LIMIT)]
)
def test_recording_is_kept_only_after_the_minimum_talk(
    events: tuple[Event, ...], keep: bool, end: Event
) -> None:
    call = talking(RECORDED).after(*events, end)
    assert [c for c in call.ordered if isinstance(c, FinishRecording)] == [FinishRecording(keep)]


@pytest.mark.parametrize("between", [WARNING, PromptEnded(A, Prompt.LAST_MINUTE), DigitReceived(B, "1")])
def test_nothing_that_happens_in_the_talk_forgets_its_length(between: Event) -> None:
    call = talking(RECORDED).after(LONG_ENOUGH, WARNING, between, LegHungUp(A, NORMAL))
    assert FinishRecording(keep=True) in call.last


def test_recording_is_finished_before_the_bridge_closes() -> None:
    call = talking(RECORDED).after(LegHungUp(B, NORMAL))
    assert call.last[:2] == (FinishRecording(keep=False), CloseBridge())


# ---- the limit


def test_maximum_duration_counts_from_the_answer_of_b() -> None:
    call = calling_b(LIMITED)
    assert not [c for c in call.ordered if isinstance(c, StartTimer) and c.timer is Timer.LIMIT]
    call.after(LegAnswered(B))
    assert StartTimer(Timer.LIMIT, 180_000) in call.last
    assert StartTimer(Timer.WARNING, 120_000) in call.last


def test_maximum_duration_counts_the_hint_too() -> None:
    call = playing_hint(LIMITED)
    assert StartTimer(Timer.LIMIT, 180_000) in call.last
    call.after(HINT_OF_A_ENDED, HINT_OF_B_ENDED)
    assert not [c for c in call.last if isinstance(c, StartTimer) and c.timer is not Timer.MINIMUM_TALK]


@pytest.mark.parametrize(("minutes", "warning_ms"), [(1, 0), (2, 60_000), (1440, 86_340_000)])
def test_warning_comes_one_minute_before_the_end(minutes: int, warning_ms: int) -> None:
    call = talking(replace(PLAIN, max_duration_min=minutes))
    assert StartTimer(Timer.WARNING, warning_ms) in call.last
    assert StartTimer(Timer.LIMIT, warning_ms + 60_000) in call.last


def test_call_without_a_limit_has_no_timer_of_one() -> None:
    call = talking(HINTED)
    started = {command.timer for command in call.ordered if isinstance(command, StartTimer)}
    assert started == {Timer.RING, Timer.MINIMUM_TALK}


@pytest.mark.parametrize(
    ("warned", "parties"), [(WarnedParty.A, [A]), (WarnedParty.B, [B]), (WarnedParty.BOTH, [A, B])]
)
def test_warning_goes_to_the_chosen_parties_over_a_lowered_talk(
    warned: WarnedParty, parties: list[Party]
) -> None:
    call = talking(replace(LIMITED, last_minute_to=warned)).after(WARNING)
    expected: list[Command] = []
    for party in parties:
        expected += [LowerTalk(party), Play(party, Prompt.LAST_MINUTE)]
    assert list(call.last) == expected


@pytest.mark.parametrize("first", Party)
@pytest.mark.parametrize("over", [PromptEnded, PromptFailed])
def test_talk_comes_back_for_each_party_as_its_warning_is_over(
    first: Party, over: Callable[[Party, Prompt], Event]
) -> None:
    call = talking(LIMITED).after(WARNING, over(first, Prompt.LAST_MINUTE))
    assert call.last == (RestoreTalk(first),)
    assert call.after(over(first, Prompt.LAST_MINUTE)).idle()
    assert call.after(over(first.other, Prompt.LAST_MINUTE)).last == (RestoreTalk(first.other),)


def test_warning_due_in_the_hint_waits_for_the_bridge() -> None:
    call = playing_hint(replace(PLAIN, max_duration_min=1)).after(WARNING)
    assert call.idle()
    call.after(HINT_OF_A_ENDED, HINT_OF_B_ENDED)
    assert call.last[0] == OpenBridge()
    assert call.last[-4:] == (
        LowerTalk(A),
        Play(A, Prompt.LAST_MINUTE),
        LowerTalk(B),
        Play(B, Prompt.LAST_MINUTE),
    )


def test_warning_due_between_the_two_hint_ends_is_not_lost() -> None:
    call = playing_hint(replace(PLAIN, max_duration_min=1, last_minute_to=WarnedParty.B))
    call.after(HINT_OF_B_ENDED, WARNING, HINT_OF_A_ENDED)
    assert call.last[-2:] == (LowerTalk(B), Play(B, Prompt.LAST_MINUTE))


@pytest.mark.parametrize("where", [talking, playing_hint])
def test_limit_ends_both_legs(where: Where) -> None:
    call = where(LIMITED).after(TimerExpired(Timer.LIMIT))
    assert call.hangups() == [HangUp(A), HangUp(B)]
    assert call.verdict == Verdict(StateCode.MAX_DURATION)


# ---- keys


@pytest.mark.parametrize("digit", list("0123456789*#ABCD"))
@pytest.mark.parametrize("party", Party)
def test_key_reaches_the_other_party_across_the_bridge(party: Party, digit: str) -> None:
    assert talking(PLAIN).after(DigitReceived(party, digit)).last == (RelayDigit(party.other, digit),)


@pytest.mark.parametrize("where", [calling_a, playing_pre_voice, draining_pre_voice, calling_b, playing_hint])
def test_key_before_the_talk_goes_nowhere(where: Where) -> None:
    assert where(PLAIN).after(DigitReceived(A, "1")).idle()
