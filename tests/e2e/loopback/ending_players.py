"""A program: two legs whose prompts end in the same tick, while telling of an end takes long.

    python -m tests.e2e.loopback.ending_players '{"prompt": FILE, "cache": DIR, "rounds": 20}'

The endpoint calls itself: its outgoing leg is A, its incoming one B. Each round plays the prompt to both, and
is over when both ends were reported. pjmedia's thread stays 50 ms in each callback, as it may on a machine
that is busy: until then the reactor has long stopped the player. Prints the number of every finished round,
and "closed" when the stack is gone.
"""

import json
import sys
import time
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as _reactor

from sip.endpoint import EndpointSettings, IncomingCall
from sip.events import LegAnswered, LegEvent, LegId, PlaybackEnded, PlaybackId
from sip.leg import Leg, LegListener, Sound
from sip.pjsua.endpoint import PjsuaEndpoint
from sip.pjsua.sound import Player
from sip.reactor import RunningReactor
from sip.trunk import Trunk

IN_THE_CALLBACK_S = 0.05

tell_end = Player.onEof2


def tell_end_slowly(player: Player) -> None:
    """As on a machine that takes its processor away from the thread that tells."""
    tell_end(player)
    time.sleep(IN_THE_CALLBACK_S)


class Rounds:
    """Plays to both legs of one call, again and again."""

    def __init__(self, job: dict[str, Any], reactor: RunningReactor) -> None:
        self._prompt = Sound(Path(job["prompt"]))
        self._left = int(job["rounds"])
        self._finished = 0
        self._reactor = reactor
        self._answered: set[LegId] = set()
        self._ended: set[LegId] = set()
        settings = EndpointSettings(cache_dir=Path(job["cache"]))
        self._endpoint = PjsuaEndpoint(settings, reactor, self._on_incoming)
        self._legs: list[Leg] = [self._endpoint.new_leg("A", self._on_event)]
        self._legs[0].dial(Trunk(), f"sip:b@{self._endpoint.address}", display="1000")

    def _on_incoming(self, call: IncomingCall) -> LegListener:
        self._legs.append(call.leg)
        call.leg.answer()
        return self._on_event

    def _on_event(self, event: LegEvent) -> None:
        match event:
            case LegAnswered():
                self._answered.add(event.leg)
                if len(self._answered) == 2:
                    self._play()
            case PlaybackEnded():
                self._ended.add(event.leg)
                if len(self._ended) == 2:
                    self._finish()
            case _:
                pass

    def _play(self) -> None:
        self._ended.clear()
        for leg in self._legs:
            leg.play(PlaybackId("prompt"), self._prompt)

    def _finish(self) -> None:
        self._finished += 1
        print(self._finished, flush=True)  # noqa: T201
        if self._finished < self._left:
            self._play()
        else:
            self._endpoint.close().addCallback(self._on_closed)

    def _on_closed(self, _: object) -> None:
        print("closed", flush=True)  # noqa: T201
        self._reactor.stop()


if __name__ == "__main__":
    setattr(Player, "onEof2", tell_end_slowly)  # noqa: B010  # the binding looks it up by its name
    the_reactor = cast(RunningReactor, _reactor)
    rounds = Rounds(json.loads(sys.argv[1]), the_reactor)
    the_reactor.run()
