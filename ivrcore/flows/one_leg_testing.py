"""A call of one party driven by hand, for tests: event by event, with what A hears at the end of it."""

from collections.abc import Callable
from functools import partial
from typing import Generic, TypeVar

from ivrcore.codes import StateCode
from ivrcore.commands import Collect, Command, Dial, HangUp, Play, Verdict
from ivrcore.events import (
    Cause,
    Content,
    DigitsCollected,
    Event,
    LegAnswered,
    Party,
    Playable,
    PromptEnded,
    PromptFailed,
    Timer,
    TimerExpired,
)
from ivrcore.flows import notification, verification
from ivrcore.flows.release import Ended, Releasing
from ivrcore.request import NotificationElement, NotificationRequest, VerificationRequest

S = TypeVar("S")

A, B = Party.A, Party.B

NORMAL = Cause(16, 0, StateCode.HUNG_UP_AFTER_CONNECT)
BUSY = Cause(17, 486, StateCode.BUSY)
NO_PORTS = Cause(47, 503, StateCode.NO_PORTS)

ANSWERED = LegAnswered(A)
DRAINED = TimerExpired(Timer.DRAIN)


class OneLegCall(Generic[S]):
    """A call to A, driven event by event.

    Attributes:
        state: where it stands.
        last: what the last event made it order.
        ordered: all it ever ordered, in order.
    """

    def __init__(
        self,
        first: tuple[S, tuple[Command, ...]],
        step: Callable[[S, Event], tuple[S, tuple[Command, ...]]],
    ) -> None:
        self._step = step
        self.state, self.last = first
        self.ordered: list[Command] = [*self.last]

    def after(self, *events: Event) -> "OneLegCall[S]":
        """The same call, some events later."""
        for event in events:
            self.state, self.last = self._step(self.state, event)
            self.ordered += self.last
        return self

    def idle(self) -> bool:
        """Whether the last event made it order nothing."""
        return not self.last

    @property
    def verdict(self) -> Verdict:
        """How it ended, or is about to."""
        assert isinstance(self.state, Releasing | Ended)
        return self.state.verdict

    def hangups(self) -> list[HangUp]:
        """The hang-ups the last event made it order."""
        return [command for command in self.last if isinstance(command, HangUp)]

    def played(self) -> list[Playable]:
        """What A was given to hear, in order, once A answered."""
        played: list[Playable] = []
        for command in self.ordered:
            match command:
                case Dial(_, at_answer) if at_answer is not None:
                    played.append(at_answer)
                case Play(_, prompt):
                    played.append(prompt)
        return played

    def collections(self) -> list[int]:
        """The lengths of all collections, in order."""
        return [command.length for command in self.ordered if isinstance(command, Collect)]


Notification = OneLegCall[notification.State]
Verification = OneLegCall[verification.State]


def notified(
    *elements: NotificationElement, max_replays: int = 10, tell_before_replay: bool = True
) -> Notification:
    """A notification that has just begun."""
    request = NotificationRequest(
        "8001", "8100", elements, max_replays=max_replays, tell_before_replay=tell_before_replay
    )
    return OneLegCall(notification.start(request), partial(notification.step, request))


def verified(
    times: int = 3, *, has_pre_tone: bool = False, has_pos_tone: bool = False, ring_timeout_s: int = 60
) -> Verification:
    """A verification call that has just begun."""
    request = VerificationRequest(
        "8001",
        "8100",
        "480213",
        has_pre_tone=has_pre_tone,
        has_pos_tone=has_pos_tone,
        times=times,
        ring_timeout_s=ring_timeout_s,
    )
    return OneLegCall(verification.start(request), partial(verification.step, request))


def ended(prompt: Playable | int) -> PromptEnded:
    """A has been sent all of a prompt, or of the content of an element."""
    return PromptEnded(A, Content(prompt) if isinstance(prompt, int) else prompt)


def failed(prompt: Playable | int) -> PromptFailed:
    """A prompt, or the content of an element, cannot be played to A."""
    return PromptFailed(A, Content(prompt) if isinstance(prompt, int) else prompt)


def pressed(digits: str) -> DigitsCollected:
    """The collection ended with these digits."""
    return DigitsCollected(A, digits)
