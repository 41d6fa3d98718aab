"""A program: an endpoint whose conference is made to stand still, and a watch on whether it still answers.

    python -m tests.e2e.loopback.standing_still '{"prompt": FILE, "cache": DIR}'

The endpoint calls itself and plays to both legs, once. What must not be done is done: each player is
destroyed in the callback that tells its end, so that a tick of the conference and pjmedia's thread wait for
each other. The reactor asks the endpoint fifty times a second what a worker asks it for each ping. Prints
"no answer" when the reactor was kept for two seconds, "answers" when it never was in twenty.
"""

import json
import os
import sys
import threading
import time
from pathlib import Path
from typing import cast

from twisted.internet import reactor as _reactor

from sip.endpoint import EndpointSettings, IncomingCall
from sip.events import LegAnswered, LegEvent, PlaybackId
from sip.leg import Leg, LegListener, Sound
from sip.pjsua.endpoint import PjsuaEndpoint
from sip.pjsua.sound import Player
from sip.reactor import RunningReactor
from sip.trunk import Trunk

ASK_S = 0.02
SILENCE_S = 2.0
WATCH_S = 20.0
IN_THE_CALLBACK_S = 0.05
PROMPTS = 4
"""On each leg, all at once: one end is told while a tick destroys the player of another."""


def destroy_at_once(player: Player) -> None:
    """What a last reference did that went with the callback."""
    player.destroy()
    time.sleep(IN_THE_CALLBACK_S)


class Asked:
    """An endpoint that plays until it stands still, and is asked all the while."""

    def __init__(self, prompt: Path, cache_dir: Path, reactor: RunningReactor) -> None:
        self._prompt = prompt
        self._reactor = reactor
        self._answered = 0
        self.answered_s = time.monotonic()
        self._endpoint = PjsuaEndpoint(EndpointSettings(cache_dir=cache_dir), reactor, self._on_incoming)
        self._legs: list[Leg] = [self._endpoint.new_leg("A", self._on_event)]
        self._legs[0].dial(Trunk(), f"sip:b@{self._endpoint.address}", display="1000")
        self._ask()

    def _ask(self) -> None:
        assert self._endpoint.lingering >= 0
        self.answered_s = time.monotonic()
        self._reactor.callLater(ASK_S, self._ask)

    def _on_incoming(self, call: IncomingCall) -> LegListener:
        self._legs.append(call.leg)
        call.leg.answer()
        return self._on_event

    def _on_event(self, event: LegEvent) -> None:
        self._answered += isinstance(event, LegAnswered)
        if self._answered == 2 and isinstance(event, LegAnswered):
            for leg in self._legs:
                for number in range(PROMPTS):
                    leg.play(PlaybackId(f"prompt-{number}"), Sound(self._prompt))


def watch(asked: Asked) -> None:
    """Tell whether it still answers, and end the process: nothing in it can be relied on."""
    until_s = time.monotonic() + WATCH_S
    while (now_s := time.monotonic()) < until_s and now_s - asked.answered_s < SILENCE_S:
        time.sleep(ASK_S)
    print("answers" if now_s >= until_s else "no answer", flush=True)  # noqa: T201
    os._exit(0)


if __name__ == "__main__":
    setattr(Player, "onEof2", destroy_at_once)  # noqa: B010  # the binding looks it up by its name
    job = json.loads(sys.argv[1])
    the_reactor = cast(RunningReactor, _reactor)
    the_endpoint = Asked(Path(job["prompt"]), Path(job["cache"]), the_reactor)
    threading.Thread(target=watch, args=(the_endpoint,), daemon=True).start()
    the_reactor.run()
