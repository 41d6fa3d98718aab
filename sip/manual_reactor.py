"""A reactor for unit tests: its time moves when the test says so, and only then."""

from collections.abc import Callable
from typing import cast

from twisted.internet.task import Clock

from sip.reactor import DelayedCall


class ManualReactor:
    """A reactor whose time stands still until the test moves it; implements sip.reactor.Reactor."""

    def __init__(self) -> None:
        self.clock = Clock()

    def seconds(self) -> float:
        """Now; 0.0 at first."""
        return self.clock.seconds()

    def callLater(  # noqa: N802
        self,
        delay: float,
        callable: Callable[..., object],  # noqa: A002
        /,
        *args: object,
        **kwargs: object,
    ) -> DelayedCall:
        """See sip.reactor.ReactorTime."""
        return cast(DelayedCall, self.clock.callLater(delay, callable, *args, **kwargs))

    def callFromThread(  # noqa: N802
        self,
        callable: Callable[..., object],  # noqa: A002
        /,
        *args: object,
        **kwargs: object,
    ) -> None:
        """See sip.reactor.ReactorThread; carried out by the next `advance`."""
        self.clock.callLater(0, callable, *args, **kwargs)

    def advance(self, seconds: float = 0.0) -> None:
        """Let time pass; whatever falls due happens at its own moment, also what is ordered meanwhile.

        A plain Clock jumps first and calls afterwards, so that a chain of timers would see one late hour.
        0.0 does what is due now.
        """
        until_s = self.clock.seconds() + seconds
        while (due_s := self._next_due_s()) is not None and due_s <= until_s:
            self.clock.advance(max(0.0, due_s - self.clock.seconds()))
        self.clock.advance(max(0.0, until_s - self.clock.seconds()))

    def pending(self) -> int:
        """How many calls are due now or later: 0 when a test has left nothing behind."""
        return len(self.clock.calls)

    def _next_due_s(self) -> float | None:
        return min((call.getTime() for call in self.clock.calls), default=None)
