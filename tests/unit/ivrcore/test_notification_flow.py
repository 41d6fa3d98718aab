"""The notification flow against its rules, one by one, each test in the words of the rule.

The product of all states and events is in test_one_leg_walk.py, and histories nobody would write down in
tests/property/test_notification_histories.py.
"""

from collections.abc import Callable
from functools import partial

import pytest

from ivrcore.codes import ReleasePoint, StateCode
from ivrcore.commands import (
    CancelTimer,
    CloseCall,
    Collect,
    Dial,
    HangUp,
    Play,
    Report,
    StartTimer,
    Status,
    StopCollecting,
    Verdict,
)
from ivrcore.events import (
    Cause,
    Content,
    DigitReceived,
    DigitsCollected,
    EarlyMediaStarted,
    Event,
    FailureAnnounced,
    LegHungUp,
    LegRang,
    StopOrdered,
    Timer,
    TimerExpired,
)
from ivrcore.flows import notification
from ivrcore.flows.notification import Collecting, PlayingContent
from ivrcore.flows.one_leg import Draining
from ivrcore.flows.one_leg_testing import (
    ANSWERED,
    BUSY,
    DRAINED,
    NO_PORTS,
    NORMAL,
    A,
    B,
    Notification,
    OneLegCall,
    ended,
    failed,
    notified,
    pressed,
)
from ivrcore.flows.release import Ended, Releasing
from ivrcore.request import NotificationElement, NotificationRequest

SPOKEN = NotificationElement()
MENU = NotificationElement(collect=1)
REPLAYED = NotificationElement(collect=1, replay=True, trigger="1")
REPLAYED_BY_ANY = NotificationElement(collect=1, replay=True)
COLLECT_INFO = Status.COLLECT_INFO


def playing(*elements: NotificationElement) -> Notification:
    return notified(*elements).after(ANSWERED)


def collecting(*elements: NotificationElement) -> Notification:
    return playing(*(elements or (MENU,))).after(ended(0))


def draining(*_: NotificationElement) -> Notification:
    return playing(SPOKEN).after(ended(0))


# ---- calling A


def test_call_starts_with_a_and_the_first_content_is_its_cue() -> None:
    request = NotificationRequest("8001", "8100", (SPOKEN,), ring_timeout_s=45)
    call: Notification = OneLegCall(notification.start(request), partial(notification.step, request))
    assert call.last == (
        StartTimer(Timer.RING, 45_000),
        Dial(A, at_answer=Content(0)),
        Report(Status.CALLOUT, A),
    )


def test_answer_plays_nothing_more_than_the_cue() -> None:
    call = playing(SPOKEN)
    assert call.last == (CancelTimer(Timer.RING), Report(Status.ANSWER, A))
    assert call.played() == [Content(0)]


@pytest.mark.parametrize("early", [LegRang(A), EarlyMediaStarted(A), FailureAnnounced(A)])
def test_nothing_is_played_before_a_answers(early: Event) -> None:
    call = notified(MENU).after(early, early)
    assert not [command for command in call.ordered if isinstance(command, Play)]


@pytest.mark.parametrize("ringing", [LegRang(A), EarlyMediaStarted(A)])
def test_a_alerts_once_however_its_ringing_is_told(ringing: Event) -> None:
    call = notified(SPOKEN).after(ringing, LegRang(A), EarlyMediaStarted(A), LegRang(A))
    assert call.ordered.count(Report(Status.ALERTING, A)) == 1


def test_failure_announcement_is_no_ringing() -> None:
    call = notified(SPOKEN).after(FailureAnnounced(A), EarlyMediaStarted(A))
    assert Report(Status.ALERTING, A) not in call.ordered
    assert call.after(LegHungUp(A, BUSY)).verdict.release_point == ReleasePoint.FIRST_LEG_FAILED


@pytest.mark.parametrize(
    ("events", "cause", "verdict"),
    [
        ((), BUSY, Verdict(StateCode.BUSY, 519, cause=BUSY)),
        ((LegRang(A),), BUSY, Verdict(StateCode.BUSY, 520, cause=BUSY)),
        ((), NO_PORTS, Verdict(StateCode.NO_PORTS, 522, cause=NO_PORTS)),
    ],
)
def test_failure_before_the_answer_ends_the_call_with_its_cause(
    events: tuple[Event, ...], cause: Cause, verdict: Verdict
) -> None:
    call = notified(SPOKEN).after(*events, LegHungUp(A, cause))
    assert call.state == Ended(verdict)
    assert call.hangups() == []


def test_ringing_too_long_is_cancelled() -> None:
    call = notified(SPOKEN).after(LegRang(A), TimerExpired(Timer.RING))
    assert call.hangups() == [HangUp(A, 19)]
    assert call.verdict == Verdict(8003, 514)


# ---- the elements


def test_elements_are_played_in_order_without_a_pause() -> None:
    call = playing(*[SPOKEN] * 5)
    for element in range(4):
        assert call.after(ended(element)).last == (Play(A, Content(element + 1)),)
    assert call.after(ended(4)).last == (StartTimer(Timer.DRAIN, 100),)
    assert call.played() == [Content(element) for element in range(5)]


def test_last_element_drains_before_the_hangup() -> None:
    call = playing(SPOKEN).after(ended(0))
    assert call.last == (StartTimer(Timer.DRAIN, 100),)
    assert call.after(DRAINED).hangups() == [HangUp(A)]


def test_notification_that_ran_to_its_end_was_ended_by_the_platform() -> None:
    call = draining().after(DRAINED, LegHungUp(A, NORMAL, by_remote=False))
    assert call.state == Ended(Verdict(0))
    assert call.last[-2:] == (Report(Status.DISCONNECT), CloseCall(Verdict(0)))


def test_content_that_is_not_heard_now_ends_nothing() -> None:
    call = playing(SPOKEN, SPOKEN).after(ended(0))
    assert call.after(ended(0)).idle()
    assert call.after(failed(0)).idle()
    assert call.state == PlayingContent(1)


@pytest.mark.parametrize("element", [0, 1])
def test_content_that_cannot_be_played_ends_the_call(element: int) -> None:
    call = playing(SPOKEN, SPOKEN).after(*[ended(n) for n in range(element)], failed(element))
    assert call.hangups() == [HangUp(A)]
    assert call.verdict == Verdict(8007, 2837)


def test_first_content_that_cannot_be_prepared_ends_the_call_unanswered() -> None:
    call = notified(SPOKEN).after(failed(0))
    assert call.hangups() == [HangUp(A)]
    assert call.verdict == Verdict(8007, 2837)


# ---- collecting


def test_collection_begins_when_the_content_ended() -> None:
    call = playing(NotificationElement(collect=6))
    assert call.collections() == []
    assert call.after(ended(0)).last == (Collect(A, 6),)


@pytest.mark.parametrize("where", [playing, draining])
def test_keys_outside_a_collection_are_ignored(where: Callable[..., Notification]) -> None:
    call = where(MENU)
    state = call.state
    assert call.after(*[DigitReceived(A, digit) for digit in "19#"]).idle()
    assert call.state == state


def test_digits_are_reported_and_the_call_goes_on() -> None:
    call = collecting(MENU, SPOKEN).after(pressed("7"))
    assert call.last == (Report(COLLECT_INFO, A, "7"), Play(A, Content(1)))


def test_digits_after_the_last_element_drain_the_call() -> None:
    call = collecting().after(pressed("7"))
    assert call.last == (Report(COLLECT_INFO, A, "7"), StartTimer(Timer.DRAIN, 100))
    assert call.after(DRAINED).verdict == Verdict(0)


def test_fewer_digits_than_asked_for_count() -> None:
    call = collecting(NotificationElement(collect=4)).after(pressed("12"))
    assert call.last[0] == Report(COLLECT_INFO, A, "12")


@pytest.mark.parametrize("element", [MENU, REPLAYED, REPLAYED_BY_ANY])
def test_no_digits_end_the_call_without_collect_info(element: NotificationElement) -> None:
    call = collecting(element, SPOKEN).after(pressed(""))
    assert call.hangups() == [HangUp(A)]
    assert call.verdict == Verdict(8008, 100)
    assert not [c for c in call.ordered if isinstance(c, Report) and c.status is COLLECT_INFO]


def test_collection_of_a_party_that_is_not_there_changes_nothing() -> None:
    assert collecting().after(DigitsCollected(B, "1")).idle()


def test_every_element_collects_for_itself() -> None:
    call = collecting(MENU, NotificationElement(collect=2)).after(pressed("1"), ended(1), pressed("34"))
    assert call.collections() == [1, 2]
    told = [c.digits for c in call.ordered if isinstance(c, Report) and c.status is COLLECT_INFO]
    assert told == ["1", "34"]


# ---- replaying


def test_trigger_replays_the_element() -> None:
    call = collecting(REPLAYED, SPOKEN).after(pressed("1"))
    assert call.last == (Report(COLLECT_INFO, A, "1"), Play(A, Content(0)))
    assert call.after(ended(0)).last == (Collect(A, 1),)


def test_digits_before_a_replay_can_be_kept_to_ourselves() -> None:
    call = notified(REPLAYED, SPOKEN, tell_before_replay=False).after(ANSWERED, ended(0))
    assert call.after(pressed("1")).last == (Play(A, Content(0)),)
    assert call.after(ended(0), pressed("2")).last == (Report(COLLECT_INFO, A, "2"), Play(A, Content(1)))


@pytest.mark.parametrize("digits", ["2", "#", "11"])
def test_other_digits_than_the_trigger_go_on(digits: str) -> None:
    call = collecting(REPLAYED, SPOKEN).after(pressed(digits))
    assert call.last == (Report(COLLECT_INFO, A, digits), Play(A, Content(1)))


def test_trigger_of_a_later_element_replays_that_element_only() -> None:
    call = playing(SPOKEN, REPLAYED).after(ended(0), ended(1), pressed("1"))
    assert call.last[-1] == Play(A, Content(1))


def test_longer_input_that_begins_like_the_trigger_is_none() -> None:
    element = NotificationElement(collect=2, replay=True, trigger="1")
    assert Play(A, Content(0)) in collecting(element).after(pressed("1")).last
    assert Play(A, Content(0)) not in collecting(element).after(pressed("12")).last


def test_trigger_replays_as_often_as_a_wishes() -> None:
    call = collecting(REPLAYED)
    for _ in range(200):
        call.after(pressed("1"), ended(0))
    assert call.state == Collecting(0)
    assert len(call.played()) == 201


def test_any_input_replays_ten_times_and_no_more() -> None:
    call = collecting(REPLAYED_BY_ANY, SPOKEN)
    for digit in "1234567890":
        call.after(pressed(digit))
        assert call.last[-1] == Play(A, Content(0))
        call.after(ended(0))
    assert call.after(pressed("1")).last == (Report(COLLECT_INFO, A, "1"), Play(A, Content(1)))
    told = [c for c in call.ordered if isinstance(c, Report) and c.status is COLLECT_INFO]
    assert len(told) == 11


@pytest.mark.parametrize("max_replays", [0, 1, 3])
def test_number_of_replays_is_a_setting(max_replays: int) -> None:
    call = notified(REPLAYED_BY_ANY, max_replays=max_replays).after(ANSWERED)
    for _ in range(max_replays + 1):
        call.after(ended(0), pressed("5"))
    assert call.state == Draining()
    assert len(call.played()) == max_replays + 1


def test_each_element_has_its_own_replays() -> None:
    call = notified(REPLAYED_BY_ANY, REPLAYED_BY_ANY, max_replays=1).after(ANSWERED)
    call.after(ended(0), pressed("5"), ended(0), pressed("5"), ended(1), pressed("5"))
    assert call.state == PlayingContent(1, replays=1)
    assert call.played() == [Content(0), Content(0), Content(1), Content(1)]


# ---- the end


@pytest.mark.parametrize("where", [playing, draining])
def test_callee_that_hangs_up_ended_the_call(where: Callable[..., Notification]) -> None:
    call = where(SPOKEN).after(LegHungUp(A, NORMAL))
    assert call.state == Ended(Verdict(0, ended_by=A))
    assert call.hangups() == []


def test_hangup_in_a_collection_gives_it_up_without_collect_info() -> None:
    call = collecting().after(LegHungUp(A, NORMAL))
    assert call.last[0] == StopCollecting(A)
    assert call.state == Ended(Verdict(0, ended_by=A))
    assert call.after(pressed("1")).idle()
    assert not [c for c in call.ordered if isinstance(c, Report) and c.status is COLLECT_INFO]


@pytest.mark.parametrize("where", [notified, playing, collecting, draining])
def test_stop_from_outside_ends_the_call_anywhere(where: Callable[..., Notification]) -> None:
    call = where(MENU).after(StopOrdered())
    assert call.hangups() == [HangUp(A)]
    assert call.verdict == Verdict(8017)
    assert (StopCollecting(A) in call.last) == (where is collecting)
    assert call.after(StopOrdered()).idle()


def test_record_waits_for_the_leg_and_at_most_for_the_guard() -> None:
    call = draining().after(DRAINED)
    assert call.state == Releasing(Verdict(0), frozenset({A}))
    assert StartTimer(Timer.RELEASE, 5000) in call.last
    assert call.after(TimerExpired(Timer.RELEASE)).state == Ended(Verdict(0))


def test_hangup_that_crosses_the_drain_is_a_hangup_of_the_callee() -> None:
    call = draining().after(LegHungUp(A, NORMAL), DRAINED)
    assert call.state == Ended(Verdict(0, ended_by=A))
    assert [c for c in call.ordered if isinstance(c, CloseCall)] == [CloseCall(Verdict(0, ended_by=A))]


# ---- secrets


def test_neither_trigger_nor_digits_are_in_a_repr() -> None:
    element = NotificationElement(collect=4, replay=True, trigger="7391")
    call = collecting(element)
    told = [repr(element), repr(NotificationRequest("A", "", (element,)))]
    call.after(pressed("7391"))
    told += [repr(call.state), repr(call.last), repr(pressed("7391"))]
    assert not [text for text in told if "7391" in text]
