"""How a call ends, in every flow alike: its legs are told, then they report, then the record is due."""

from dataclasses import dataclass
from typing import TypeAlias

from ivrcore.codes import ReleasePoint, StateCode
from ivrcore.commands import (
    CancelTimer,
    CloseCall,
    Command,
    HangUp,
    Report,
    StartTimer,
    Status,
    Verdict,
)
from ivrcore.events import Cause, Event, LegHungUp, Party, Timer, TimerExpired

RELEASE_GUARD_MS = 5000
"""How long a call waits for its legs to report their end. The stack reports at once; this is for the day
it does not."""

Q850_NO_ANSWER = 19

Q850_MEDIA_LOST = 44
"""Channel not available: what Cisco's gateways and Asterisk end a call with that no RTP comes for."""

RING_TIMED_OUT = Verdict(StateCode.RING_TIMEOUT, ReleasePoint.RING_TIMEOUT)
"""The first party did not answer in time."""

MEDIA_LOST = Verdict(StateCode.NOT_REACHED, ReleasePoint.NOT_REACHED)
"""A party's telephone is gone without a word. Nobody hung up, so it is not 0; of the service's codes 8001 is
the one that names faults of the line."""


@dataclass(frozen=True)
class Releasing:
    """Every open leg has been told to end; waiting for their reports."""

    verdict: Verdict
    waiting: frozenset[Party]


@dataclass(frozen=True)
class Ended:
    """The end-of-call record is written."""

    verdict: Verdict


Over: TypeAlias = Releasing | Ended
Step: TypeAlias = tuple[Over, tuple[Command, ...]]


def first_leg_failed(cause: Cause, *, rang: bool) -> Verdict:
    """The leg of the first party ended before its answer."""
    point = ReleasePoint.FIRST_LEG_FAILED_RINGING if rang else ReleasePoint.FIRST_LEG_FAILED
    if cause.state_code == StateCode.NO_PORTS:
        point = ReleasePoint.NO_PORTS
    return Verdict(cause.state_code, point, cause=cause)


def release(
    verdict: Verdict, open_legs: tuple[Party, ...], *, before: tuple[Command, ...] = (), q850: int = 16
) -> Step:
    """End the open legs, A first (the service's own order), and wait for their reports.

    Args:
        open_legs: dialled, and not known to be over. None of them: the call is closed at once.
        before: what has to be ended before the legs.
        q850: the cause they are told.
    """
    commands = [*before, *(CancelTimer(timer) for timer in Timer if timer is not Timer.RELEASE)]
    commands += [HangUp(party, q850) for party in open_legs]
    if not open_legs:
        return _close(verdict, commands)
    commands.append(StartTimer(Timer.RELEASE, RELEASE_GUARD_MS))
    return Releasing(verdict, frozenset(open_legs)), tuple(commands)


def releasing(state: Releasing, event: Event) -> Step | None:
    """One event while the legs are being released, None when it changes nothing."""
    match event:
        case LegHungUp(party) if party in state.waiting:
            waiting = state.waiting - {party}
            if waiting:
                return Releasing(state.verdict, waiting), ()
            return _close(state.verdict, [CancelTimer(Timer.RELEASE)])
        case TimerExpired(Timer.RELEASE):
            return _close(state.verdict, [])
    return None


def _close(verdict: Verdict, commands: list[Command]) -> Step:
    return Ended(verdict), (*commands, Report(Status.DISCONNECT), CloseCall(verdict))
