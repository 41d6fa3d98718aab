"""The mouth and the ear of a SIPp: RTP ports that speak known talks and keep what they are told.

SIPp judges signalling and streams files, but nobody can ask it what it heard. So most scenarios put a port of
this party into their SDP, and some move from the first to the second one. It speaks to where packets come
from, in the codec they come in (PCMA or PCMU).
"""

import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from media.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from media.types import SAMPLE_RATE_HZ, Pcm16
from media.wav import write_alaw
from tests.e2e.loopback.wirephone import RtpPacket

PCMU, PCMA = 0, 8
PACKET_SAMPLES = 160
TICK_S = 0.02
REALIGN_S = 0.2
"""A jump of the timestamp by more than this, against the clock, is a new stream and not a loss."""


class RtpParty:
    """Two sockets on loopback, one voice each; at most one of them speaks at a time."""

    def __init__(self, talks: tuple[Pcm16, Pcm16] | None, moved: Callable[[int], bool]) -> None:
        """Open the sockets.

        Args:
            talks: what each port says in a loop, from the first packet that comes; None only listens.
            moved: whether the SDP has named this port, asked of the second one: from then on it speaks.
        """
        self._sockets = tuple(_udp_socket() for _ in range(2))
        self._packets: tuple[list[RtpPacket], ...] = ([], [])
        self._talks = [{PCMA: alaw_encode(talk), PCMU: ulaw_encode(talk)} for talk in talks or ()]
        self._moved = moved
        self._speaker = 0
        self._peer: tuple[str, int] | None = None
        self._open = True
        self._thread = threading.Thread(target=self._live)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        self._thread.join()
        for udp in self._sockets:
            udp.close()

    @property
    def ports(self) -> tuple[int, int]:
        """For the SDP."""
        first, second = (int(udp.getsockname()[1]) for udp in self._sockets)
        return first, second

    @property
    def packets(self) -> tuple[tuple[RtpPacket, ...], tuple[RtpPacket, ...]]:
        """What came to each port so far, in order of arrival."""
        first, second = self._packets
        return tuple(first), tuple(second)

    def _live(self) -> None:
        began_s = time.monotonic()
        ticks = 0
        while self._open:
            wait_s = max(0.0, began_s + ticks * TICK_S - time.monotonic())
            for udp in select.select(self._sockets, [], [], wait_s)[0]:
                self._hear(self._sockets.index(udp))
            if time.monotonic() >= began_s + ticks * TICK_S:
                self._say(ticks)
                ticks += 1

    def _hear(self, port: int) -> None:
        data, peer = self._sockets[port].recvfrom(2048)
        packet = RtpPacket.parse(time.monotonic(), data)
        if packet.payload_type in (PCMA, PCMU):
            self._packets[port].append(packet)
            self._peer = peer

    def _say(self, tick: int) -> None:
        if self._speaker == 0 and self._moved(self.ports[1]):
            self._speaker = 1
        if self._peer is None or not self._talks:
            return
        last = max((packets[-1] for packets in self._packets if packets), key=lambda packet: packet.at_s)
        codes = self._talks[self._speaker][last.payload_type]
        first = tick * PACKET_SAMPLES % (codes.size - PACKET_SAMPLES)
        source = 0x4711 + self._speaker
        head = struct.pack(
            "!BBHII", 0x80, last.payload_type, tick % 2**16, tick * PACKET_SAMPLES % 2**32, source
        )
        payload = codes[first : first + PACKET_SAMPLES].tobytes()
        self._sockets[self._speaker].sendto(head + payload, self._peer)


def write_heard(packets: Sequence[RtpPacket], path: Path) -> float:
    """Write what was told as a WAV file; returns the monotonic second at which it begins.

    Packets stand where their timestamps say; each new stream begins where its first packet arrived.
    """
    began_s = packets[0].at_s
    origin_s, origin_ticks = began_s, packets[0].timestamp_ticks
    places: list[tuple[int, Pcm16]] = []
    for packet in packets:
        at_s = origin_s + ((packet.timestamp_ticks - origin_ticks) % 2**32) / SAMPLE_RATE_HZ
        if abs(at_s - packet.at_s) > REALIGN_S:
            origin_s, origin_ticks = packet.at_s, packet.timestamp_ticks
            at_s = origin_s
        codes = np.frombuffer(packet.payload, np.uint8)
        pcm = alaw_decode(codes) if packet.payload_type == PCMA else ulaw_decode(codes)
        places.append((max(0, round((at_s - began_s) * SAMPLE_RATE_HZ)), pcm))
    heard = np.zeros(max(start + pcm.size for start, pcm in places), np.int16)
    for start, pcm in places:
        heard[start : start + pcm.size] = pcm
    write_alaw(path, heard)
    return began_s


def _udp_socket() -> socket.socket:
    udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind(("127.0.0.1", 0))
    return udp
