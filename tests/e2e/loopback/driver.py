"""One endpoint in a process of its own, ordered about line by line.

pjsua2 allows one endpoint a process and twisted's reactor starts once, so an endpoint is a program. A start
takes a second and an end takes another: what one test leaves, once it is cleared, serves the next (pool.py).
It knows no scenario: the test gives the orders and reads the events, the program only passes them on.

    lines in    {"do": "dial", "leg": "A", "called": "sip:...", "display": "95588"}, then hang_up, play, stop,
                send_digits, listen_for_digits, start_capture, stop_capture, level, ring, answer, open,
                open_one_way, close, lower, restore, with the arguments of the protocols in sip.leg and
                sip.bridge; "stall" blocks the reactor "for_s", and {"do": "at_once", "orders": [...]} carries
                several out in one turn of it; "clear" hangs up what is left and forgets every name
    lines out   {"event": "ready", "address": ..., "calls": ...} or {"event": "refused", ...}, then every
                event of every leg under its class's name, "incoming", "capture_closed", "level", "error",
                "cleared", "closed"

It lives as long as its standard input. At its end it says how many legs never reported theirs.
"""

import json
import sys
import time
from collections.abc import Callable
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Any, cast

from twisted.internet import reactor as _reactor
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver

from sip.bridge import Bridge
from sip.cause import NORMAL_CLEARING, HangupCause
from sip.endpoint import EndpointSettings, IncomingCall
from sip.errors import SipError
from sip.events import LegEvent, LegHungUp, LegId, PlaybackId
from sip.leg import Cue, Leg, LegListener, Sound
from sip.pjsua.endpoint import PjsuaEndpoint
from sip.pjsua.engine import native_library
from sip.reactor import RunningReactor
from sip.trunk import Trunk

Facts = dict[str, Any]

CLEAR_LOOK_S = 0.005
CLEAR_LOOKS = 100
"""The stack gives a call back some ms after its end; one whose far end is dead waits for its timers."""


class Driver(LineOnlyReceiver):
    """Orders in, events out."""

    delimiter = b"\n"

    def __init__(self, endpoint_of: Callable[[Callable[[IncomingCall], LegListener]], PjsuaEndpoint]) -> None:
        self._legs: dict[str, Leg] = {}
        self._bridges: dict[tuple[str, str], Bridge] = {}
        self._alive = 0
        self.endpoint = endpoint_of(self._on_incoming)
        say(
            "ready",
            address=self.endpoint.address,
            addresses=self.endpoint.addresses,
            tcp_addresses=self.endpoint.tcp_addresses,
            tls_address=self.endpoint.tls_address,
            tls_addresses=self.endpoint.tls_addresses,
            calls=self.endpoint.limits.calls,
        )

    def lineReceived(self, line: bytes) -> None:  # noqa: N802
        """One order."""
        order: Facts = json.loads(line)
        try:
            for one in order["orders"] if order["do"] == "at_once" else [order]:
                self._carry_out(one.pop("do"), one)
        except Exception as error:  # the process boundary: the test decides whether it was meant to fail
            say("error", type=type(error).__name__, text=str(error))

    def _carry_out(self, verb: str, order: Facts) -> None:
        if verb == "stall":
            time.sleep(order["for_s"])
            return
        if verb == "clear":
            self._clear()
            return
        if "a" in order:
            self._order_bridge(verb, order)
            return
        name = order.pop("leg")
        if verb in ("dial", "new_leg"):
            self._legs[name] = self.endpoint.new_leg(name, self._on_event)
            self._alive += 1
        leg = self._legs[name]
        match verb:
            case "new_leg":
                pass
            case "dial" | "dial_again":
                trunk = Trunk(**{**order.get("trunk", {}), "codecs": codecs_of(order.get("trunk", {}))})
                cue = Cue(PlaybackId("cue"), Sound(Path(order["cue"]))) if "cue" in order else None
                leg.dial(trunk, order["called"], display=order["display"], at_answer=cue)
            case "hang_up":
                leg.hang_up(HangupCause(order["q850"], order.get("sip_status", 0)))
            case "play":
                leg.play(PlaybackId(order["playback"]), Sound(Path(order["path"]), order.get("loop", False)))
            case "stop":
                leg.stop(PlaybackId(order["playback"]))
            case "start_capture":
                leg.start_capture(Path(order["path"]))
            case "stop_capture":
                leg.stop_capture().addCallback(lambda _: self._capture_closed(name, leg))
            case "level":
                say("level", leg=name, level_dbm0=leg.received_level_dbm0())
            case "ring":
                early = Sound(Path(order["early_media"])) if "early_media" in order else None
                leg.ring(status=order.get("status", 180), early_media=early)
            case "answer":
                leg.answer()
            case "send_digits":
                leg.send_digits(order["digits"])
            case "listen_for_digits":
                leg.listen_for_digits(order["listen"])
            case _:
                raise ValueError(f"no order '{verb}'")

    def _capture_closed(self, name: str, leg: Leg) -> None:
        if self._legs.get(name) is leg:  # not of a leg that was cleared away
            say("capture_closed", leg=name)

    def _clear(self) -> None:
        for leg in self._legs.values():
            leg.hang_up(NORMAL_CLEARING)
        self._look_whether_clear(CLEAR_LOOKS)

    def _look_whether_clear(self, looks: int) -> None:
        calls = int(native_library().pjsua_call_get_count())
        if self._alive or (calls and looks):
            # A leg that never reports its end is never clear: the test waits in vain, and fails.
            reactor().callLater(CLEAR_LOOK_S, self._look_whether_clear, max(looks - 1, 0))
            return
        self._legs.clear()
        self._bridges.clear()
        say("cleared", calls=calls)

    def _order_bridge(self, verb: str, order: Facts) -> None:
        names = order["a"], order["b"]
        if names not in self._bridges:
            self._bridges[names] = self.endpoint.bridge(self._legs[names[0]], self._legs[names[1]])
        bridge = self._bridges[names]
        match verb:
            case "open":
                bridge.open()
            case "close":
                bridge.close()
            case "open_one_way":
                bridge.open_one_way(LegId(order["talker"]))
            case "lower":
                bridge.lower(LegId(order["listener"]), order["level_db"])
            case "restore":
                bridge.restore(LegId(order["listener"]))
            case _:
                raise ValueError(f"no order '{verb}'")

    def _on_incoming(self, call: IncomingCall) -> LegListener:
        self._legs[call.leg.id] = call.leg
        self._alive += 1
        say(
            "incoming",
            leg=call.leg.id,
            called=call.called,
            calling=call.calling,
            asserted=call.asserted_identity,
        )
        return self._on_event

    def _on_event(self, event: LegEvent) -> None:
        if isinstance(event, LegHungUp):
            self._alive -= 1
        say(type(event).__name__, **plain(asdict(event)))

    def connectionLost(self, reason: object = None) -> None:  # noqa: ARG002, N802
        """The test closed the pipe, or died."""
        self.endpoint.close().addCallback(lambda _: self._closed())

    def _closed(self) -> None:
        say("closed", legs=self._alive)
        reactor().stop()


def codecs_of(trunk: Facts) -> tuple[str, ...]:
    """JSON has no tuples."""
    return tuple(trunk.get("codecs", Trunk.codecs))


def plain(facts: Facts) -> Facts:
    """The fields of an event, as JSON can have them; those of a cause one level up."""
    cause = facts.pop("cause", None) or {}
    values = {**facts, **cause}
    return {name: plain_value(value) for name, value in values.items()}


def plain_value(value: object) -> object:
    """An enumeration by its value, a set as a sorted list."""
    if isinstance(value, frozenset):
        return sorted(map(str, map(plain_value, value)))
    return value.value if isinstance(value, Enum) else value


def say(event: str, **facts: object) -> None:
    """One line to the test."""
    sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
    sys.stdout.flush()


def reactor() -> RunningReactor:
    """The global reactor, as a type: zope interfaces are none."""
    return cast(RunningReactor, _reactor)


def main() -> None:
    """`python -m tests.e2e.loopback.driver SETTINGS`: JSON with the fields of EndpointSettings."""
    raw: Facts = json.loads(sys.argv[1])
    for name, convert in (("cache_dir", Path), ("trace_file", Path), ("codecs", tuple)):
        if name in raw:
            raw[name] = convert(raw[name])
    try:
        settings = EndpointSettings(**raw)
        driver = Driver(lambda incoming: PjsuaEndpoint(settings, reactor(), incoming))
    except SipError as error:
        say("refused", type=type(error).__name__, text=str(error))
        return
    StandardIO(driver)  # type: ignore[no-untyped-call]  # twisted leaves it unannotated
    reactor().run()


if __name__ == "__main__":
    main()
