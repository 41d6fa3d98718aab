"""The mouth and the ear of a SIPp: RTP ports that speak known talks and keep what they are told.

SIPp judges signalling and streams files, but nobody can ask it what it heard. So most scenarios put a port of
this party into their SDP, and some move from the first to the second one. The ports live in a process of
their own (rtp_mouth.py), because a test that computes would make their talk stumble.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from media.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from media.types import SAMPLE_RATE_HZ, Pcm16
from media.wav import write_alaw
from tests.e2e.loopback.wirephone import RtpPacket

PCMU, PCMA = 0, 8
DEADLINE_S = 10.0
REALIGN_S = 0.2
"""A jump of the timestamp by more than this, against the clock, is a new stream and not a loss."""

_PROGRAM = Path(__file__).with_name("rtp_mouth.py")


class RtpParty:
    """Two RTP ports on loopback, one voice each; at most one of them speaks at a time."""

    def __init__(self, folder: Path, log: Path, talks: tuple[Pcm16, Pcm16] | None) -> None:
        """Open the ports.

        Args:
            folder: for its files.
            log: SIPp's message log; the second port speaks once an SDP there has named it.
            talks: what each port says in a loop, from the first packet that comes; None only listens.
        """
        files = []
        for name, talk in zip(("first", "second"), talks or (), strict=False):
            for law, encode in (("pcma", alaw_encode), ("pcmu", ulaw_encode)):
                files.append(folder / f"{name}.{law}")
                files[-1].write_bytes(encode(talk).tobytes())
        self._heard = folder / "rtp.txt"
        self._process = subprocess.Popen(
            [sys.executable, "-S", str(_PROGRAM), str(log), str(self._heard), *map(str, files)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        first, second = self._process.stdout.readline().split()
        self.ports = int(first), int(second)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    def packets(self) -> tuple[tuple[RtpPacket, ...], tuple[RtpPacket, ...]]:
        """End it; what came to each port, in order of arrival."""
        self._end()
        ports: tuple[list[RtpPacket], list[RtpPacket]] = ([], [])
        for line in self._heard.read_text().splitlines():
            port, at_s, data = line.split()
            ports[int(port)].append(RtpPacket.parse(float(at_s), bytes.fromhex(data)))
        return tuple(ports[0]), tuple(ports[1])

    def _end(self) -> None:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


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
