"""A runner on scripted legs and a clock the test moves, for the unit tests of what stands on it."""

from collections.abc import Mapping
from pathlib import Path

from ivrcore.cdr import CallRecord, Entry
from ivrcore.clock import FlowClock
from ivrcore.events import Playable
from ivrcore.flow import Flow
from ivrcore.runner import CallRunner
from sip.cause import HangupCause
from sip.events import DigitTransport
from sip.leg import Sound
from sip.testing import ScriptedEndpoint, ScriptedLeg
from sip.trunk import Trunk


class Stage:
    """One call; the test speaks for the network through `leg`."""

    def __init__(self, flow: Flow, playables: Mapping[Playable, Path], scale: float = 1.0) -> None:
        self.endpoint = ScriptedEndpoint()
        self.reactor = self.endpoint.reactor
        self.observed: list[Entry] = []
        self.records: list[CallRecord] = []
        clock = FlowClock(
            self.reactor, scale, monotonic=self.reactor.seconds, utc=lambda: self.reactor.seconds() + 1000.0
        )
        self.runner = CallRunner(
            "session",
            flow,
            endpoint=self.endpoint,
            trunk=Trunk(host="127.0.0.1"),
            sounds={playable: Sound(path) for playable, path in playables.items()},
            clock=clock,
            observe=self.observed.append,
        )
        self.runner.start().addCallback(self.records.append)

    @property
    def leg(self) -> ScriptedLeg:
        """The leg of A."""
        return self.endpoint.legs["session-A"]

    @property
    def record(self) -> CallRecord:
        """Of the finished call."""
        (record,) = self.records
        return record

    def pass_s(self, seconds: float = 0.0) -> None:
        """Let time pass."""
        self.reactor.advance(seconds)

    def answer(self, at_s: float = 2.0) -> None:
        """A rings, and answers then."""
        self.leg.emit_rang()
        self.pass_s(at_s)
        self.leg.emit_answered()

    def end_sound(self, name: str) -> None:
        """The last sample of a sound left."""
        self.leg.emit_playback_ended(name)
        self.pass_s()

    def press(self, digits: str, transport: DigitTransport = DigitTransport.RFC4733) -> None:
        """A presses keys, one at once after the other."""
        for digit in digits:
            self.leg.emit_digit(digit, transport=transport)
        self.pass_s()

    def hung_up_with(self) -> HangupCause | None:
        """What the leg was told at our hang-up, None before it."""
        return self.leg.hung_up_with

    @property
    def playing(self) -> list[str]:
        """What A hears now."""
        return [str(playback) for playback in self.leg.playing]
