"""Carries one collection of keys out: media.collect decides, the flow's clock waits."""

from collections.abc import Callable

from ivrcore.clock import FlowClock
from media.collect import (
    Collected,
    Input,
    KeyPressed,
    Output,
    Rules,
    StartWait,
    StopWait,
    WaitExpired,
    begin,
    step,
)
from sip.reactor import DelayedCall


class Collection:
    """One party's keys, from the moment of its making until they are told or given up."""

    def __init__(self, rules: Rules, clock: FlowClock, collected: Callable[[str], None]) -> None:
        """Begin: the first wait runs.

        Args:
            collected: told the digits once, "" when no key came in time; never after `give_up`.
        """
        self._clock = clock
        self._collected = collected
        self._wait: DelayedCall | None = None
        self._state, outputs = begin(rules)
        self._carry_out(outputs)

    def press(self, key: str) -> None:
        """A key of the party."""
        self._take(KeyPressed(key))

    def give_up(self) -> None:
        """Drop what was pressed; nothing is told any more."""
        self._stop_wait()

    def _take(self, what: Input) -> None:
        self._state, outputs = step(self._state, what)
        self._carry_out(outputs)

    def _carry_out(self, outputs: tuple[Output, ...]) -> None:
        for output in outputs:
            match output:
                case StartWait(delay_ms):
                    self._stop_wait()
                    self._wait = self._clock.wait(delay_ms, self._expired)
                case StopWait():
                    self._stop_wait()
                case Collected(digits):
                    self._collected(digits)

    def _expired(self) -> None:
        self._wait = None
        self._take(WaitExpired())

    def _stop_wait(self) -> None:
        if self._wait is not None and self._wait.active():
            self._wait.cancel()
        self._wait = None
