"""What the calls of one party share: A is called, hears something, and is hung up.

The flows of notification and verification ask here for every event that none of their own rules took.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias

from ivrcore.codes import ReleasePoint, StateCode
from ivrcore.commands import CancelTimer, Command, Dial, Report, StartTimer, Status, Verdict
from ivrcore.events import (
    CaptureFailed,
    DigitReceived,
    DigitsCollected,
    EarlyMediaStarted,
    Event,
    FailureAnnounced,
    LegAnswered,
    LegHungUp,
    LegRang,
    MediaLost,
    Party,
    Playable,
    PromptEnded,
    PromptFailed,
    StopOrdered,
    Timer,
    TimerExpired,
)
from ivrcore.flows.excuses import Excuse
from ivrcore.flows.release import (
    MEDIA_LOST,
    Q850_MEDIA_LOST,
    Q850_NO_ANSWER,
    RING_TIMED_OUT,
    Ended,
    Releasing,
    first_leg_failed,
    release,
    releasing,
)

A = Party.A

DRAIN_MS = 100
"""Between the last sample leaving and our BYE: five packets. A telephone's jitter buffer holds two or three
back, and drops them when the BYE comes; so the last word is heard whole."""

ANSWERED: tuple[Command, ...] = (CancelTimer(Timer.RING), Report(Status.ANSWER, A))


@dataclass(frozen=True)
class CallingA:
    """A's telephone is called. A hears nothing of ours before its answer.

    `announced`: a response said that the call is failing.
    """

    rang: bool = False
    announced: bool = False


@dataclass(frozen=True)
class Draining:
    """The last sample of everything left; A's telephone still plays it."""


Shared: TypeAlias = CallingA | Draining | Releasing | Ended
Step: TypeAlias = tuple[Shared, tuple[Command, ...]]


def call(ring_timeout_s: int, at_answer: Playable) -> Step:
    """Call A; what A hears first starts with its answer."""
    return CallingA(), (
        StartTimer(Timer.RING, ring_timeout_s * 1000),
        Dial(A, at_answer=at_answer),
        Report(Status.CALLOUT, A),
    )


def drain() -> Step:
    """Everything has been played: let A's telephone finish it."""
    return Draining(), (StartTimer(Timer.DRAIN, DRAIN_MS),)


def play_failed() -> Step:
    """End the call: what is played is what the customer ordered."""
    return release(Verdict(StateCode.PLAY_FAILED, ReleasePoint.PLAY_FAILED), (A,))


def step(
    state: object, event: Event, *, cue: Playable, before_release: tuple[Command, ...] = ()
) -> Step | None:
    """One event in any state of a call to A alone, None when it changes nothing.

    Args:
        cue: what starts with the answer.
        before_release: what has to be ended before the leg.
    """
    match state, event:
        case Ended(), _:
            return None
        case Releasing(), _:
            return releasing(state, event)
        case _, StopOrdered():
            return release(Verdict(StateCode.STOP_ORDERED), (A,), before=before_release)
        case CallingA(), _:
            return _calling(state, event, cue)
        case _, LegHungUp(Party.A):
            return release(Verdict(StateCode.HUNG_UP_AFTER_CONNECT, ended_by=A), (), before=before_release)
        case _, MediaLost(Party.A):
            return release(MEDIA_LOST, (A,), before=before_release, q850=Q850_MEDIA_LOST)
        case Draining(), TimerExpired(Timer.DRAIN):
            return release(Verdict(StateCode.HUNG_UP_AFTER_CONNECT), (A,))
    return None


def _calling(state: CallingA, event: Event, cue: Playable) -> Step | None:
    match event:
        case LegRang(Party.A) if not state.rang:
            return replace(state, rang=True), (Report(Status.ALERTING, A),)
        case EarlyMediaStarted(Party.A) if not state.rang and not state.announced:
            # A gateway may send ringing as early media alone; an announcement is no ringing.
            return replace(state, rang=True), (Report(Status.ALERTING, A),)
        case FailureAnnounced(Party.A) if not state.announced:
            return replace(state, announced=True), ()
        case PromptFailed(Party.A, prompt) if prompt == cue:
            return play_failed()
        case LegHungUp(Party.A, cause):
            return release(first_leg_failed(cause, rang=state.rang), ())
        case TimerExpired(Timer.RING):
            return release(RING_TIMED_OUT, (A,), q850=Q850_NO_ANSWER)
    return None


OVER = ("Releasing", "Ended")


def ignored(playing: tuple[str, ...], collecting: tuple[str, ...] = ()) -> tuple[Excuse, ...]:
    """The excuses of a flow of one party, whose own states are these.

    Args:
        playing: states in which something of the flow's own is played.
        collecting: states in which it waits for keys.
    """
    on_line = (*playing, *collecting, "Draining")
    alive = ("CallingA", *on_line)
    return (
        Excuse(alive, LegRang, "ringing repeats, and a party that answered rings no more"),
        Excuse(alive, FailureAnnounced, "an announcement repeats, and matters only while A is called"),
        Excuse(alive, EarlyMediaStarted, "ringing was noted, and early media reaches nobody"),
        Excuse(alive, LegAnswered, "a retransmitted 200, or a leg that was never dialled"),
        Excuse(alive, LegHungUp, "there is no second party"),
        Excuse(alive, MediaLost, "nobody answered yet, and there is no second party"),
        Excuse(alive, PromptEnded, "not what A hears now"),
        Excuse(alive, PromptFailed, "not what A hears now, or the end of what was heard"),
        Excuse(alive, CaptureFailed, "nothing is captured"),
        Excuse(alive, DigitReceived, "keys count in a collection alone, which hears them itself (FAQ 6.11)"),
        Excuse(alive, DigitsCollected, "the collection was given up, or there was none"),
        Excuse(alive, TimerExpired, "the timer was taken back while its expiry was on its way"),
        Excuse(OVER, LegRang, "the leg has been told to end"),
        Excuse(OVER, FailureAnnounced, "the leg has been told to end"),
        Excuse(OVER, EarlyMediaStarted, "the leg has been told to end"),
        Excuse(OVER, LegAnswered, "a 200 that crossed our CANCEL: the stack sends ACK and BYE"),
        Excuse(OVER, LegHungUp, "a second report, or one after the guard"),
        Excuse(OVER, MediaLost, "the leg has been told to end"),
        Excuse(OVER, PromptEnded, "the prompt ended with its leg"),
        Excuse(OVER, PromptFailed, "the prompt ended with its leg"),
        Excuse(OVER, CaptureFailed, "nothing is captured"),
        Excuse(OVER, DigitReceived, "the leg has been told to end"),
        Excuse(OVER, DigitsCollected, "the collection was given up with its leg"),
        Excuse(OVER, StopOrdered, "the call is ending already"),
        Excuse(OVER, TimerExpired, "the timer was taken back while its expiry was on its way"),
    )
