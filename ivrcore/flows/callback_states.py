"""The states of a callback, and what they alone tell."""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from ivrcore.events import Party

# These two are states of this flow as of every other one.
from ivrcore.flows.release import Ended as Ended
from ivrcore.flows.release import Releasing as Releasing

A, B = Party.A, Party.B


class Hears(Enum):
    """What A hears while B is called."""

    SILENCE = "silence"
    WAIT_VOICE = "waitVoice"
    RINGBACK = "ringback"
    EARLY_MEDIA = "early media"


@dataclass(frozen=True)
class CallingA:
    """A's telephone is called. A hears nothing of ours before its answer.

    `announced`: a response said that the call is failing. `cue_failed`: nothing will start with the answer.
    """

    rang: bool = False
    announced: bool = False
    cue_failed: bool = False


@dataclass(frozen=True)
class PlayingPreVoice:
    """A answered and hears preVoice; B is not called yet."""


@dataclass(frozen=True)
class DrainingPreVoice:
    """The last sample of preVoice left; A's telephone still plays it out."""


@dataclass(frozen=True)
class CallingB:
    """B's telephone is called; A waits.

    `announced`: a response said that the call is failing. `media`: audio of B's side arrives.
    """

    hears: Hears
    rang: bool = False
    announced: bool = False
    media: bool = False


@dataclass(frozen=True)
class PlayingHint:
    """B answered; both hear that the talk will be recorded, and not yet each other."""

    waiting: frozenset[Party] = frozenset({A, B})
    warning_due: bool = False


@dataclass(frozen=True)
class Talking:
    """The bridge is open. `warned`: who hears the last-minute warning now; `long_enough` to be recorded."""

    warned: frozenset[Party] = frozenset()
    long_enough: bool = False


State: TypeAlias = (
    CallingA | PlayingPreVoice | DrainingPreVoice | CallingB | PlayingHint | Talking | Releasing | Ended
)


def answered(state: State) -> tuple[Party, ...]:
    """Whose telephones are up, and not told to end."""
    match state:
        case PlayingPreVoice() | DrainingPreVoice() | CallingB():
            return (A,)
        case PlayingHint() | Talking():
            return (A, B)
    return ()
