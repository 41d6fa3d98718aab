"""The process behind rtp_party.py: two RTP ports that speak and listen, in step whatever the tests compute.

    python rtp_mouth.py SIPP_LOG HEARD [FIRST.pcma FIRST.pcmu SECOND.pcma SECOND.pcmu]

Prints both ports. Speaks, from the first packet that comes and to where it came from, the first port's codes;
once SIPp's log holds an SDP of the second port, that one speaks and the first is silent. When standard input
closes, it writes what it heard to HEARD, a line a packet: port, moment, packet in hex. Standard library only,
since it is started for every call.
"""

import contextlib
import os
import select
import socket
import struct
import sys
import time
from pathlib import Path

PCMU, PCMA = 0, 8
PACKET_SAMPLES = 160
TICK_S = 0.02


class Mouth:
    """Two sockets on loopback; at most one of them speaks at a time."""

    def __init__(self, log: Path, codes: list[bytes]) -> None:
        self.sockets = [socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2)]
        for udp in self.sockets:
            udp.bind(("127.0.0.1", 0))
        self.heard: list[str] = []
        self._log = log
        self._codes = [dict(zip((PCMA, PCMU), pair, strict=True)) for pair in (codes[:2], codes[2:]) if pair]
        self._speaker = 0
        self._peer: tuple[str, int] | None = None
        self._kind = PCMA

    def live(self) -> None:
        """Until standard input closes."""
        began_s = time.monotonic()
        ticks = 0
        while True:
            wait_s = max(0.0, began_s + ticks * TICK_S - time.monotonic())
            ready = select.select([sys.stdin, *self.sockets], [], [], wait_s)[0]
            if sys.stdin in ready:
                return
            for port, udp in enumerate(self.sockets):
                if udp in ready:
                    self._hear(port)
            if time.monotonic() >= began_s + ticks * TICK_S:
                self._say(ticks)
                ticks += 1

    def _hear(self, port: int) -> None:
        data, self._peer = self.sockets[port].recvfrom(2048)
        kind = data[1] & 0x7F
        if kind in (PCMA, PCMU):
            self._kind = kind
            self.heard.append(f"{port} {time.monotonic():.6f} {data.hex()}")

    def _say(self, tick: int) -> None:
        if self._speaker == 0 and self._has_moved():
            self._speaker = 1
        if self._peer is None or not self._codes:
            return
        codes = self._codes[self._speaker][self._kind]
        first = tick * PACKET_SAMPLES % (len(codes) - PACKET_SAMPLES)
        stream = (tick % 2**16, tick * PACKET_SAMPLES % 2**32, 0x4711 + self._speaker)
        packet = struct.pack("!BBHII", 0x80, self._kind, *stream) + codes[first : first + PACKET_SAMPLES]
        self.sockets[self._speaker].sendto(packet, self._peer)

    def _has_moved(self) -> bool:
        port = self.sockets[1].getsockname()[1]
        return self._log.exists() and f"m=audio {port} " in self._log.read_text(errors="replace")


def main() -> None:
    """See the module."""
    log, heard, *files = (Path(argument) for argument in sys.argv[1:])
    with contextlib.suppress(PermissionError):  # a talk without gaps, where the system permits it
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    mouth = Mouth(log, [file.read_bytes() for file in files])
    sys.stdout.write(" ".join(str(udp.getsockname()[1]) for udp in mouth.sockets) + "\n")
    sys.stdout.flush()
    mouth.live()
    heard.write_text("\n".join(mouth.heard))


if __name__ == "__main__":
    main()
