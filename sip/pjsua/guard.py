"""Looks every few seconds whether anything still comes from the far ends of all legs that are up.

One timer on the reactor's thread for the whole endpoint, and two counters a leg that pjmedia keeps anyway: no
work a packet. What the counters mean is decided in sip.inactivity.
"""

from collections.abc import Callable, Iterable
from typing import Protocol

from sip.inactivity import InactivityLimits, Quiet, Signs, look
from sip.reactor import DelayedCall, ReactorTime


class GuardedLeg(Protocol):
    """What the guard needs of a leg."""

    def signs(self) -> Signs | None:
        """What came from the far end so far; None while the leg is not up."""

    def report_media_lost(self, quiet_s: float) -> None:
        """Nothing has come for so long; told again after as long once more."""


class InactivityGuard:
    """Of one endpoint."""

    def __init__(
        self, limits: InactivityLimits, reactor: ReactorTime, legs: Callable[[], Iterable[GuardedLeg]]
    ) -> None:
        """Prepare; `begin` looks, unless both limits are off."""
        self._limits = limits
        self._reactor = reactor
        self._legs = legs
        self._quiet: dict[GuardedLeg, Quiet] = {}
        self._looked_at_s = 0.0
        self._next: DelayedCall | None = None

    def begin(self) -> None:
        """Look from now on."""
        if self._limits.look_s:
            self._looked_at_s = self._reactor.seconds()
            self._next = self._reactor.callLater(self._limits.look_s, self._look)

    def end(self) -> None:
        """Look no more."""
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None
        self._quiet.clear()

    def _look(self) -> None:
        now_s = self._reactor.seconds()
        # A look that comes late proves nothing: the process may have stood still, and its sockets be full.
        elapsed_s = min(now_s - self._looked_at_s, 2 * self._limits.look_s)
        self._looked_at_s = now_s
        self._next = self._reactor.callLater(self._limits.look_s, self._look)
        seen: dict[GuardedLeg, Quiet] = {}
        lost: list[tuple[GuardedLeg, float]] = []
        for leg in self._legs():
            signs = leg.signs()
            if signs is None:
                continue
            quiet = look(self._quiet.get(leg), signs, elapsed_s)
            if self._limits.exceeded_by(quiet):
                lost.append((leg, quiet.for_s))
                quiet = Quiet(signs)
            seen[leg] = quiet
        self._quiet = seen
        for leg, quiet_s in lost:  # at last: what it causes may end any leg
            leg.report_media_lost(quiet_s)
