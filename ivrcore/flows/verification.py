"""The verification code: call A, play preTone, speak the code some times, play posTone.

    start(request)              -> (state, commands)
    step(request, state, event) -> (state, commands)

The rules, their sources and their tolerances are in docs/media-behaviour-notification.md; the state diagram
is drawn from a walk over this function. It never looks at the code: what is spoken is one sound to it.
"""

from dataclasses import dataclass
from typing import TypeAlias

from ivrcore.commands import Command, Play
from ivrcore.events import (
    Event,
    IllegalEventError,
    LegAnswered,
    Party,
    PromptEnded,
    PromptFailed,
    Spoken,
)
from ivrcore.flows import one_leg
from ivrcore.flows.excuses import Excuse, find
from ivrcore.flows.one_leg import ANSWERED, CallingA, Draining
from ivrcore.flows.release import Ended, Releasing
from ivrcore.request import VerificationRequest

A = Party.A


@dataclass(frozen=True)
class PlayingPreTone:
    """A hears what comes before the code."""


@dataclass(frozen=True)
class PlayingCode:
    """A hears the code. `left`: how many times are left, this one included; 0 for no end."""

    left: int


@dataclass(frozen=True)
class PlayingPosTone:
    """A hears what comes after the code."""


State: TypeAlias = CallingA | PlayingPreTone | PlayingCode | PlayingPosTone | Draining | Releasing | Ended
Step: TypeAlias = tuple[State, tuple[Command, ...]]

IGNORED: tuple[Excuse, ...] = one_leg.ignored(playing=("PlayingPreTone", "PlayingCode", "PlayingPosTone"))
"""Which (state, event) pairs change nothing, and why."""


def start(request: VerificationRequest) -> Step:
    """Call A."""
    return one_leg.call(request.ring_timeout_s, _cue(request))


def step(request: VerificationRequest, state: State, event: Event) -> Step:
    """One event.

    Raises:
        IllegalEventError: the pair has neither a rule here, nor one that all calls of one party share, nor
            a reason in IGNORED.
    """
    following = _own(request, state, event) or one_leg.step(state, event, cue=_cue(request))
    if following is not None:
        return following
    if find(IGNORED, state, event) is None:
        raise IllegalEventError(state, event)
    return state, ()


def _cue(request: VerificationRequest) -> Spoken:
    return Spoken.PRE_TONE if request.has_pre_tone else Spoken.CODE


def _own(request: VerificationRequest, state: State, event: Event) -> Step | None:
    match state, event:
        case CallingA(), LegAnswered(Party.A):
            return PlayingPreTone() if request.has_pre_tone else PlayingCode(request.times), ANSWERED
        case PlayingPreTone(), PromptEnded(Party.A, Spoken.PRE_TONE):
            return PlayingCode(request.times), (Play(A, Spoken.CODE),)
        case PlayingCode(1), PromptEnded(Party.A, Spoken.CODE):
            if request.has_pos_tone:
                return PlayingPosTone(), (Play(A, Spoken.POS_TONE),)
            return one_leg.drain()
        case PlayingCode(left), PromptEnded(Party.A, Spoken.CODE):
            return PlayingCode(max(left - 1, 0)), (Play(A, Spoken.CODE),)
        case PlayingPosTone(), PromptEnded(Party.A, Spoken.POS_TONE):
            return one_leg.drain()
        case (
            (PlayingPreTone(), PromptFailed(Party.A, Spoken.PRE_TONE))
            | (PlayingCode(), PromptFailed(Party.A, Spoken.CODE))
            | (PlayingPosTone(), PromptFailed(Party.A, Spoken.POS_TONE))
        ):
            return one_leg.play_failed()
    return None
