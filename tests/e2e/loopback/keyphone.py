"""A far end that presses keys: as RFC 4733 events, as tones in its audio, by INFO, or all at once.

Every packet is planned beforehand, with what the network does to it, and sent at its moment; so a test knows
when each key began and ended on the wire.
"""

import os
import random
import re
import struct
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import numpy as np

from media.dtmf.testing import Key, Signal, key_signal, samples_of
from media.g711 import alaw_encode
from sip.pjsua.priority import PRIORITY
from tests.e2e.loopback.wirephone import PACKET_SAMPLES, PCMA, TELEPHONE_EVENT, SipMessage, WirePhone

EVENTS = "0123456789*#ABCD"
"""The digit of each event (RFC 4733 table 3)."""

PACKET_S = 0.02


@dataclass(frozen=True)
class Press:
    """A key: when it goes down, counted from the start of the stream, and how long it is held."""

    digit: str = field(repr=False)
    at_s: float
    lasts_s: float = 0.05

    @property
    def ends_s(self) -> float:
        return self.at_s + self.lasts_s


def typed(digits: str, *, on_s: float = 0.05, off_s: float = 0.05, lead_s: float = 0.3) -> list[Press]:
    """These keys one after the other."""
    return [Press(digit, lead_s + (on_s + off_s) * index, on_s) for index, digit in enumerate(digits)]


@dataclass(frozen=True)
class Network:
    """What happens to a press's event packets on the way; the same for every press unless it is drawn."""

    loss: float = 0.0
    doubled: float = 0.0
    late: float = 0.0
    """Share of packets that come 30 ms late, so behind the one or two after them."""
    marker: bool = True
    lost: str = ""
    """Of each press: an x for each packet that is lost, in the order they are sent."""
    first: str = ""
    """The same for the first press, where it differs."""


@dataclass(frozen=True)
class Packet:
    """One RTP packet and its moment, counted from the start of the stream."""

    at_s: float
    payload_type: int
    timestamp_ticks: int
    payload: bytes
    marker: bool = False


def audio_packets(signal: Signal) -> list[Packet]:
    """A-law packets of 20 ms."""
    whole = signal.size // PACKET_SAMPLES * PACKET_SAMPLES
    codes = alaw_encode(np.clip(np.round(signal[:whole]), -32768, 32767).astype(np.int16)).tobytes()
    return [
        Packet(start / 8000, PCMA, start, codes[start : start + PACKET_SAMPLES])
        for start in range(0, whole, PACKET_SAMPLES)
    ]


def tones_of(presses: Iterable[Press], seconds: float, seed: int = 1) -> Signal:
    """Silence with the tones of these keys, each beginning at its sample."""
    rng = np.random.default_rng(seed)
    signal = np.zeros(samples_of(1000 * seconds))
    for press in presses:
        tone = key_signal(Key(press.digit, on_ms=1000 * press.lasts_s), rng)
        start = samples_of(1000 * press.at_s)
        signal[start : start + tone.size] = tone
    return signal


def event_packets(press: Press, payload_type: int) -> list[Packet]:
    """RFC 4733: an update every 20 ms, segments of 0xFFFF ticks, the end three times, 20 ms apart."""
    total = samples_of(1000 * press.lasts_s)
    begin = samples_of(1000 * press.at_s)
    durations = [*range(PACKET_SAMPLES, total, PACKET_SAMPLES), total, total, total]
    packets = []
    for index, duration in enumerate(durations):
        segment = (duration - 1) // 0xFFFF
        ended = index >= len(durations) - 3
        payload = struct.pack(
            "!BBH", EVENTS.index(press.digit), (0x80 if ended else 0) | 10, duration - segment * 0xFFFF
        )
        packets.append(
            Packet(
                press.at_s + PACKET_S * (index + 1),
                payload_type,
                begin + segment * 0xFFFF,
                payload,
                marker=index == 0,
            )
        )
    return packets


def through(
    packets: list[Packet], network: Network, rng: random.Random, lost: str
) -> list[tuple[float, int]]:
    """When each packet arrives, by its index; what is lost is not in it."""
    arrivals = []
    for index, packet in enumerate(packets):
        if lost[index : index + 1] == "x" or rng.random() < network.loss:
            continue
        at_s = packet.at_s + (0.03 if rng.random() < network.late else 0.0)
        arrivals += [(at_s, index)] * (2 if rng.random() < network.doubled else 1)
    return arrivals


@contextmanager
def realtime_sender() -> Iterator[None]:
    """This thread before all ordinary work, where the system lets us: a telephone has a clock of its own.

    A hole of 25 ms in a tone makes two keys of it, rightly; see sip/pjsua/priority.py.
    """
    before = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    except PermissionError:
        yield
        return
    try:
        yield
    finally:
        os.sched_setscheduler(0, *before)


class KeyPhone(WirePhone):
    """A WirePhone with a keypad."""

    def __init__(self) -> None:
        super().__init__()
        self.latest_s = 0.0
        """By how much the latest packet of the last stream missed its moment."""
        self._cseq = 100
        self._sdp_version = 1

    def stream(
        self,
        invite: SipMessage,
        audio: Signal | None,
        presses: Sequence[Press] = (),
        network: Network | None = None,
        *,
        seed: int = 1,
        meanwhile: Sequence[tuple[float, Callable[[], object]]] = (),
    ) -> float:
        """Send a stream, in real time; returns the moment it started, on the monotonic clock.

        Args:
            invite: whose SDP says where to, and what it calls events; an answer will do.
            audio: sent beside the events; None for events alone.
            presses: sent as events.
            network: what happens to the events; nothing by default.
            meanwhile: what else to do, and when.
        """
        network, rng = network or Network(), random.Random(seed)
        packets = [] if audio is None else audio_packets(audio)
        events: list[Packet] = []
        arrivals: list[tuple[float, Packet]] = []
        for number, press in enumerate(presses):
            own = event_packets(press, invite.event_payload_type)
            lost = network.first if number == 0 and network.first else network.lost
            arrivals += [(at_s, own[index]) for at_s, index in through(own, network, rng, lost)]
            events += own
        sequence = {id(packet): n for n, packet in enumerate(sorted(packets + events, key=lambda p: p.at_s))}
        arrivals += [(packet.at_s, packet) for packet in packets]
        planned = [(at_s, packet, sequence[id(packet)]) for at_s, packet in arrivals]
        acts: list[tuple[float, Callable[[], object]]] = [
            (at_s, partial(self._send_planned, invite, packet, n, network.marker))
            for at_s, packet, n in planned
        ]
        self.latest_s = 0.0
        with realtime_sender():
            started_s = time.monotonic() + 0.02
            for at_s, act in sorted([*acts, *meanwhile], key=lambda one: one[0]):
                time.sleep(max(0.0, started_s + at_s - time.monotonic()))  # the pace of the stream
                self.latest_s = max(self.latest_s, time.monotonic() - started_s - at_s)
                act()
        self._sequence += len(sequence)
        self._timestamp_ticks += samples_of(1000 * (time.monotonic() - started_s)) + 8000
        return started_s

    def _send_planned(self, invite: SipMessage, packet: Packet, number: int, marker: bool) -> None:
        second = (0x80 if marker and packet.marker else 0) | packet.payload_type
        header = struct.pack(
            "!BBHII",
            0x80,
            second,
            (self._sequence + number) % 2**16,
            (self._timestamp_ticks + packet.timestamp_ticks) % 2**32,
            0x1234,
        )
        self._rtp.sendto(header + packet.payload, invite.rtp_address)

    def info(self, invite: SipMessage, body: str, kind: str = "application/dtmf-relay") -> None:
        """Send an INFO in the dialog of an INVITE we answered; `expect("INFO")` has the response."""
        self._cseq += 1
        lines = [
            *self._request(invite, "INFO", self._cseq),
            *([f"Content-Type: {kind}"] if body else []),
            f"Content-Length: {len(body)}",
            "",
            body,
        ]
        self._sip.sendto("\r\n".join(lines).encode(), self._peer)

    def info_answered(self, invite: SipMessage, body: str, kind: str = "application/dtmf-relay") -> int:
        """Send an INFO and wait for its response's status."""
        self.info(invite, body, kind)
        return int(self._response("INFO").start_line.split()[1])

    def renegotiate(self, invite: SipMessage, *, events: bool) -> SipMessage:
        """Send a re-INVITE whose offer has telephone-event or not; returns the answer, for `stream`."""
        self._sdp_version += 1
        offer = self._sdp().replace("o=wire 1 1", f"o=wire 1 {self._sdp_version}")
        if not events:
            offer = re.sub(rf"(m=audio .*) {TELEPHONE_EVENT}\r", r"\1\r", offer)
            offer = re.sub(rf"a=(rtpmap|fmtp):{TELEPHONE_EVENT} .*\r\n", "", offer)
        self._cseq += 1
        self._send([*self._request(invite, "INVITE", self._cseq), f"Contact: <{self.uri}>"], offer)
        answer = self._response("INVITE", final=True)
        assert answer.start_line.startswith("SIP/2.0 200")
        self._send(self._request(invite, "ACK", self._cseq), "")
        return answer

    def _response(self, method: str, *, final: bool = False) -> SipMessage:
        while True:
            response = self.expect("SIP/2.0")
            provisional = response.start_line.startswith("SIP/2.0 1")
            if response.header("CSeq") == f"{self._cseq} {method}" and not (final and provisional):
                return response
