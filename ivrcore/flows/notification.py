"""The notification: call A, play its elements in order, collect keys where an element asks for them.

    start(request)              -> (state, commands)
    step(request, state, event) -> (state, commands)

The rules, their sources and their tolerances are in docs/media-behaviour-notification.md; the state diagram
is drawn from a walk over this function. How keys become digits is in media.collect: here a collection
begins, and its digits come back as an event.
"""

from dataclasses import dataclass
from typing import TypeAlias

from ivrcore.codes import ReleasePoint, StateCode
from ivrcore.commands import Collect, Command, Play, Report, Status, StopCollecting, Verdict
from ivrcore.events import (
    Content,
    DigitsCollected,
    Event,
    IllegalEventError,
    LegAnswered,
    Party,
    PromptEnded,
    PromptFailed,
)
from ivrcore.flows import one_leg
from ivrcore.flows.excuses import Excuse, find
from ivrcore.flows.one_leg import ANSWERED, CallingA, Draining
from ivrcore.flows.release import Ended, Releasing, release
from ivrcore.request import NotificationRequest

A = Party.A


@dataclass(frozen=True)
class PlayingContent:
    """A hears the content of an element. `replays`: how often any input has brought it back so far."""

    element: int
    replays: int = 0


@dataclass(frozen=True)
class Collecting:
    """The content is over; A's keys are collected."""

    element: int
    replays: int = 0


State: TypeAlias = CallingA | PlayingContent | Collecting | Draining | Releasing | Ended
Step: TypeAlias = tuple[State, tuple[Command, ...]]

IGNORED: tuple[Excuse, ...] = one_leg.ignored(playing=("PlayingContent",), collecting=("Collecting",))
"""Which (state, event) pairs change nothing, and why."""


def start(request: NotificationRequest) -> Step:
    """Call A."""
    return one_leg.call(request.ring_timeout_s, Content(0))


def step(request: NotificationRequest, state: State, event: Event) -> Step:
    """One event.

    Raises:
        IllegalEventError: the pair has neither a rule here, nor one that all calls of one party share, nor
            a reason in IGNORED.
    """
    following = _own(request, state, event)
    if following is None:
        before = (StopCollecting(A),) if isinstance(state, Collecting) else ()
        following = one_leg.step(state, event, cue=Content(0), before_release=before)
    if following is not None:
        return following
    if find(IGNORED, state, event) is None:
        raise IllegalEventError(state, event)
    return state, ()


def _own(request: NotificationRequest, state: State, event: Event) -> Step | None:
    match state, event:
        case CallingA(), LegAnswered(Party.A):
            return PlayingContent(0), ANSWERED
        case PlayingContent(element), PromptEnded(Party.A, Content(ended)) if ended == element:
            length = request.elements[element].collect
            if length:
                return Collecting(element, state.replays), (Collect(A, length),)
            return _next(request, element, ())
        case PlayingContent(element), PromptFailed(Party.A, Content(failed)) if failed == element:
            return one_leg.play_failed()
        case Collecting(), DigitsCollected(Party.A, ""):
            return release(Verdict(StateCode.NO_DIGITS, ReleasePoint.NO_DIGITS), (A,))
        case Collecting(), DigitsCollected(Party.A, digits):
            return _collected(request, state, digits)
    return None


def _collected(request: NotificationRequest, state: Collecting, digits: str) -> Step:
    """One collectInfo a collection; before a replay only if the request wants it."""
    told = (Report(Status.COLLECT_INFO, A, digits),)
    element = request.elements[state.element]
    if not element.replay:
        return _next(request, state.element, told)
    if element.trigger:
        # Not counted: A asks for every single one.
        again, replays = digits == element.trigger, 0
    else:
        again, replays = state.replays < request.max_replays, state.replays + 1
    if again:
        before = told if request.tell_before_replay else ()
        return PlayingContent(state.element, replays), (*before, Play(A, Content(state.element)))
    return _next(request, state.element, told)


def _next(request: NotificationRequest, element: int, before: tuple[Command, ...]) -> Step:
    following = element + 1
    if following < len(request.elements):
        return PlayingContent(following), (*before, Play(A, Content(following)))
    draining, commands = one_leg.drain()
    return draining, (*before, *commands)
