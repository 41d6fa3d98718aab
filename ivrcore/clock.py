"""The flow's clock: the reactor's, possibly faster.

A scale of 10 lets a minute of the customer's time (ring timer, maxDuration, its last minute, the waits of a
collection) pass in 6 s, for demos and tests. What is bound to real audio is never scaled: the drain after a
prompt, the least talk worth recording, and the guard of a release.
"""

import time
from collections.abc import Callable

from ivrcore.events import Timer
from sip.reactor import DelayedCall, ReactorTime

REAL_TIME = frozenset({Timer.DRAIN, Timer.MINIMUM_TALK, Timer.RELEASE})


class FlowClock:
    """Timers of a flow on a reactor, and the two readings of time a record needs."""

    def __init__(
        self,
        reactor: ReactorTime,
        scale: float = 1.0,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        utc: Callable[[], float] = time.time,
    ) -> None:
        """`scale`: seconds of the customer's time that pass in one second of the reactor's; over 0."""
        if scale <= 0:
            raise ValueError(f"a clock scale of {scale} does not move forward")
        self._reactor = reactor
        self.scale = scale
        self.monotonic = monotonic
        self.utc = utc

    def after(self, timer: Timer, delay_ms: int, act: Callable[[], None]) -> DelayedCall:
        """Call `act` once, `delay_ms` of the timer's time from now."""
        scale = 1.0 if timer in REAL_TIME else self.scale
        return self._reactor.callLater(delay_ms / 1000 / scale, act)

    def wait(self, delay_ms: int, act: Callable[[], None]) -> DelayedCall:
        """Call `act` once, `delay_ms` of the customer's time from now: waits that are no timer of a flow."""
        return self._reactor.callLater(delay_ms / 1000 / self.scale, act)

    def soon(self, act: Callable[[], None]) -> None:
        """Call `act` in the reactor's next turn."""
        self._reactor.callLater(0, act)
