"""How soon a key is reported, by RFC 4733 and in band: from the wire to a line of the core's, see latency.py.

Left out: percentiles and budgets, and whether keys are reported rightly (tests/e2e/loopback/test_digits.py).
"""

import json
import random
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from benchmarks.calls_load import LOAD_CORE, SUBJECT_CORE
from benchmarks.far_end import Call, Line, Wire, on_core, own_engine, pin
from tests.e2e.loopback.keyphone import Packet, Press, audio_packets, event_packets, tones_of
from tests.e2e.loopback.parties import Core

TICK_S = 0.02
KEYS = "159*7#02468ABCD3"
KEY_S, KEY_EVERY_S = 0.06, 0.15
FIRST_KEY_S = 0.5
GRACE_S = 8.0
TRIES = 3


class StampedCore(Core):
    """A core whose reports carry the moment they arrived here, `read_s`."""

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                now_s = time.monotonic()
                with self._news:
                    self.reports.append({**json.loads(line), "read_s": now_s})
                    self._news.notify_all()


class Keypad(Line):
    """Presses keys when its call is up, as events or as tones; `left_s` has when each packet really left."""

    def __init__(self, wire: Wire, keys: Sequence[Press], *, in_band: bool) -> None:
        super().__init__(wire)
        self._keys = keys
        self._in_band = in_band
        self._n_planned = -1
        self._left_s: dict[int, float] = {}
        self._bounds: list[tuple[int, int]] = []

    def on_ack(self, call: Call) -> None:
        plan, self._bounds = self._plan(call)
        self._n_planned = len(plan)
        began_s = time.monotonic() + TICK_S
        for n, packet in enumerate(plan):
            self.wire.at(began_s + packet.at_s, partial(self._send, call, n, packet))

    def _plan(self, call: Call) -> tuple[list[Packet], list[tuple[int, int]]]:
        """The packets in order of time, and for each key the places of its first packet and of its end."""
        if self._in_band:  # a packet leaves at the moment of its first sample
            packets = audio_packets(tones_of(self._keys, self._keys[-1].ends_s + 0.5))
            return packets, [(int(key.at_s / TICK_S), int(key.ends_s / TICK_S)) for key in self._keys]
        each = [event_packets(key, call.invite.event_payload_type) for key in self._keys]
        packets = sorted((packet for one in each for packet in one), key=lambda packet: packet.at_s)
        place = {id(packet): n for n, packet in enumerate(packets)}
        # The end is sent three times.
        return packets, [(place[id(one[0])], place[id(one[-3])]) for one in each]

    def _send(self, call: Call, n: int, packet: Packet) -> None:
        self._left_s[n] = time.monotonic()
        self.send_rtp(
            call, packet.payload_type, n, packet.timestamp_ticks, packet.payload, marker=packet.marker
        )

    @property
    def sent(self) -> bool:
        """Whether everything has left."""
        return len(self._left_s) == self._n_planned

    def bounds_s(self) -> list[tuple[float, float]]:
        """For each key when its first packet left, and its end."""
        return [(self._left_s[first], self._left_s[end]) for first, end in self._bounds]


def presses(seed: int) -> list[Press]:
    """Keys that begin anywhere in a packet."""
    rng = random.Random(seed)
    return [
        Press(key, FIRST_KEY_S + n * KEY_EVERY_S + rng.uniform(0.0, TICK_S), KEY_S)
        for n, key in enumerate(KEYS)
    ]


def digit_reports(folder: Path, calls: int) -> tuple[list[float], list[float], list[float]]:
    """Delays in seconds: after an event's first packet, after its end, after a tone's first packet."""
    folder.mkdir(parents=True)
    with on_core(LOAD_CORE), own_engine():
        core = StampedCore(folder / "cache")  # its reports are read on the load's core
    first: list[float] = []
    end: list[float] = []
    tone: list[float] = []
    with core, on_core(LOAD_CORE):
        core.wait("ready")
        pin(core.process.pid, SUBJECT_CORE)
        for n in range(calls):
            by_event = _keyed(core, n, in_band=False)
            first += [read_s - first_s for read_s, first_s, _ in by_event]
            end += [read_s - end_s for read_s, _, end_s in by_event]
            tone += [read_s - first_s for read_s, first_s, _ in _keyed(core, n, in_band=True)]
    return first, end, tone


def _keyed(core: StampedCore, seed: int, *, in_band: bool) -> list[tuple[float, float, float]]:
    """One call, and another where keys were lost: a processor that is taken away makes holes in tones.

    Raises:
        RuntimeError: other keys were reported than pressed, time and again.
    """
    for _ in range(TRIES - 1):
        try:
            return _call(core, seed, in_band=in_band)
        except RuntimeError:
            continue
    return _call(core, seed, in_band=in_band)


def _call(core: StampedCore, seed: int, *, in_band: bool) -> list[tuple[float, float, float]]:
    """One call: of each key when it was reported, when its first packet and when its end left.

    Raises:
        RuntimeError: other keys were reported than pressed.
    """
    core.forget()
    keys = presses(seed)
    with Wire() as wire:
        pad = Keypad(wire, keys, in_band=in_band)
        core.order("new_leg", leg="A")
        core.order("listen_for_digits", leg="A", listen=in_band)
        core.order("dial_again", leg="A", called=pad.uri, display="95588")
        wire.run(lambda: pad.sent and len(core.all("DigitEnded")) >= len(keys), GRACE_S)
        for call in pad.calls:
            pad.bye(call)
        wire.run(lambda: bool(core.all("LegHungUp")), GRACE_S)
    reports = core.all("DigitReceived")
    if [report["digit"] for report in reports] != [key.digit for key in keys]:
        raise RuntimeError(f"{len(reports)} keys were reported rightly or wrongly, {len(keys)} pressed")
    return [
        (report["read_s"], first_s, end_s)
        for report, (first_s, end_s) in zip(reports, pad.bounds_s(), strict=True)
    ]
