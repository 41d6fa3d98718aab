"""What sip needs of a reactor, as types.

Twisted declares its reactor by zope interfaces, which a type checker does not take for types; these protocols
say the same in its own words. The module object `twisted.internet.reactor` fits all of them, and sip.testing
has one whose time a test moves.
"""

from collections.abc import Callable
from typing import Protocol


class DelayedCall(Protocol):
    """A call that is due later."""

    def active(self) -> bool:
        """Whether it is still due: neither made nor cancelled."""

    def cancel(self) -> None:
        """Do not make it; only while it is active."""


class ReactorTime(Protocol):
    """The clock of the reactor."""

    def seconds(self) -> float:
        """Now, on a scale of its own."""

    def callLater(  # noqa: N802
        self,
        delay: float,
        callable: Callable[..., object],  # noqa: A002
        /,
        *args: object,
        **kwargs: object,
    ) -> DelayedCall:
        """Call `callable` on the reactor's thread after `delay` seconds."""


class ReactorThread(Protocol):
    """The way back to the reactor's thread."""

    def callFromThread(  # noqa: N802
        self,
        callable: Callable[..., object],  # noqa: A002
        /,
        *args: object,
        **kwargs: object,
    ) -> None:
        """Call `callable` on the reactor's thread, in the order of the orders; from any thread."""


class Reactor(ReactorTime, ReactorThread, Protocol):
    """Both: what a stack lives on."""


class RunningReactor(Reactor, Protocol):
    """What a program needs besides: to start it and to end it."""

    def run(self) -> None:
        """Serve until `stop`."""

    def stop(self) -> None:
        """Let `run` return."""
