"""A flow bound to its request: all the runner knows of a service.

The flows themselves are functions of (request, state, event) in ivrcore.flows; a new service needs a
function here and nothing in the runner.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Generic, Protocol, TypeVar

from ivrcore.commands import Command
from ivrcore.events import Event, Party
from ivrcore.flows import callback, notification, verification
from ivrcore.request import CallbackRequest, NotificationRequest, VerificationRequest

S = TypeVar("S")


@dataclass(frozen=True)
class Called:
    """Who is dialled, and the number that party sees."""

    number: str
    display: str


class Flow(Protocol):
    """One call's decisions. Its state is nobody else's to read."""

    @property
    def parties(self) -> Mapping[Party, Called]:
        """Everybody the call may dial, A first."""

    def start(self) -> tuple[Command, ...]:
        """The first commands; once."""

    def step(self, event: Event) -> tuple[Command, ...]:
        """What one event makes it order.

        Raises:
            IllegalEventError: our bug.
        """


class BoundFlow(Generic[S]):
    """A pure flow and the state it is in; implements Flow."""

    def __init__(
        self,
        first: Callable[[], tuple[S, tuple[Command, ...]]],
        step: Callable[[S, Event], tuple[S, tuple[Command, ...]]],
        parties: Mapping[Party, Called],
    ) -> None:
        """`first` and `step`: the flow's `start` and `step`, their request bound."""
        self._first = first
        self._step = step
        self._parties = parties
        self._state: S

    @property
    def parties(self) -> Mapping[Party, Called]:
        """See Flow."""
        return self._parties

    def start(self) -> tuple[Command, ...]:
        """See Flow."""
        self._state, commands = self._first()
        return commands

    def step(self, event: Event) -> tuple[Command, ...]:
        """See Flow."""
        self._state, commands = self._step(self._state, event)
        return commands


def callback_flow(request: CallbackRequest) -> Flow:
    """Call A, then B, and let them talk."""
    parties = {
        Party.A: Called(request.caller, request.display_caller),
        Party.B: Called(request.callee, request.display_callee),
    }
    return BoundFlow(partial(callback.start, request), partial(callback.step, request), parties)


def notification_flow(request: NotificationRequest) -> Flow:
    """Call A, play the elements, collect keys."""
    parties = {Party.A: Called(request.callee, request.display)}
    return BoundFlow(partial(notification.start, request), partial(notification.step, request), parties)


def verification_flow(request: VerificationRequest) -> Flow:
    """Call A and speak the code."""
    parties = {Party.A: Called(request.callee, request.display)}
    return BoundFlow(partial(verification.start, request), partial(verification.step, request), parties)
