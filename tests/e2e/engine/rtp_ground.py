"""What the tests of RTP on our own build share: the endpoint, strangers, far ends not where they say."""

import json
import random
import re
import socket
import struct
import time
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

from media.fingerprint import Heard, KnownSignal, identify
from media.g711 import alaw_encode
from media.testsignal import talk
from media.wav import read_pcm
from tests.e2e.loopback.parties import Core, Party
from tests.e2e.loopback.wirephone import PACKET_SAMPLES, PCMA, SipMessage, WirePhone

TALK_S = 1.5
TICK_S = 0.02


class RestingCore(Core):
    """Our stack, whose freed RTP ports rest so long."""

    def __init__(self, cache_dir: Path, quarantine_s: float, **settings: object) -> None:
        self._trunks: set[str] = set()
        facts = json.dumps({"cache_dir": str(cache_dir), **settings})
        Party.__init__(self, "-m", "tests.e2e.engine.rtp_driver", facts, str(quarantine_s))


class Stranger:
    """A port on loopback, with its RTCP port above it, that sends where nobody asked it to."""

    def __init__(self, ssrc: int = 0x5EED) -> None:
        self.rtp, self.rtcp = pair_of_sockets()
        self._ssrc = ssrc
        self._sequence = random.randrange(2**16)
        self._timestamp_ticks = random.randrange(2**32)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.rtp.close()
        self.rtcp.close()

    @property
    def port(self) -> int:
        """Of its RTP."""
        return int(self.rtp.getsockname()[1])

    def send(self, to: tuple[str, int], codes: bytes) -> None:
        """One packet of A-law."""
        self._sequence += 1
        self._timestamp_ticks += PACKET_SAMPLES
        header = struct.pack(
            "!BBHII", 0x80, PCMA, self._sequence % 2**16, self._timestamp_ticks % 2**32, self._ssrc
        )
        self.rtp.sendto(header + codes, to)

    def report(self, to: tuple[str, int]) -> None:
        """An empty receiver report (RFC 3550 section 6.4.2), to the RTCP port above an RTP port."""
        self.rtcp.sendto(struct.pack("!BBHI", 0x80, 201, 1, self._ssrc), (to[0], to[1] + 1))

    def heard(self) -> int:
        """How many packets came to its RTP port so far."""
        return drain(self.rtp)

    def heard_reports(self) -> int:
        """How many packets came to its RTCP port so far."""
        return drain(self.rtcp)


class ElsewherePhone(WirePhone):
    """A far end behind a NAT: its SDP names another port than the one it sends from and listens at."""

    def __init__(self, signalled: int) -> None:
        self.signalled = signalled
        super().__init__()

    def _send(self, lines: list[str], body: str) -> None:
        super()._send(lines, re.sub(r"m=audio \d+", f"m=audio {self.signalled}", body))


def pair_of_sockets() -> tuple[socket.socket, socket.socket]:
    """RTP on an even port, RTCP on the next (RFC 3550 section 11)."""
    for port in random.sample(range(10000, 16000, 2), k=50):
        first, second = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
        with suppress(OSError):
            first.bind(("127.0.0.1", port))
            second.bind(("127.0.0.1", port + 1))
            return first, second
        first.close()
        second.close()
    raise AssertionError("no free pair of ports")


def drain(udp: socket.socket) -> int:
    """How many packets waited."""
    udp.setblocking(False)
    count = 0
    with suppress(BlockingIOError):
        while True:
            udp.recv(2048)
            count += 1
    return count


def packets_of(seed: int, duration_s: float = TALK_S) -> list[bytes]:
    """A talk in A-law, cut for the wire."""
    codes = alaw_encode(talk(seed, duration_s)).tobytes()
    return [codes[start : start + PACKET_SAMPLES] for start in range(0, len(codes), PACKET_SAMPLES)]


def answered(core: Core, wire: WirePhone) -> SipMessage:
    """A call to the far end, answered."""
    core.dial("A", wire.uri)
    invite = wire.expect("INVITE")
    wire.respond(invite, "200 OK", media=True)
    wire.expect("ACK")
    core.wait("LegAnswered")
    return invite


def rejected_of(core: Core, wire: WirePhone) -> int:
    """End the call; how many packets its leg rejected."""
    core.hang_up("A")
    wire.respond(wire.expect("BYE"), "200 OK")
    count = core.wait("LegHungUp", leg="A")["rejected_packets"]
    assert isinstance(count, int)
    return count


def say(wire: WirePhone, invite: SipMessage, *beside: Stranger, seed: int = 0) -> int:
    """The far end talks, and strangers beside it, packet by packet; how many each of them sent."""
    theirs = packets_of(seed=9)
    for tick, codes in enumerate(packets_of(seed)):
        for stranger in beside:
            stranger.send(invite.rtp_address, theirs[tick])
        wire.speak(invite, codes)
    return len(theirs)


def heard_in(path: Path) -> list[Heard]:
    """Who is in a capture: `far end` or `stranger`."""
    known = [
        KnownSignal(name, talk(seed, TALK_S), loop=True) for seed, name in ((0, "far end"), (9, "stranger"))
    ]
    return identify(read_pcm(path), known)


def seconds_of(heard: list[Heard], name: str) -> float:
    """How long somebody was heard."""
    return sum(one.end_s - one.start_s for one in heard if one.name == name)


def stop_capture(core: Core) -> None:
    """End the capture of leg A, and see its file closed."""
    time.sleep(0.1)  # what waits in the jitter buffer is heard as well
    core.order("stop_capture", leg="A")
    core.wait("capture_closed", leg="A")
