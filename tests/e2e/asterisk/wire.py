"""What went over loopback between the core and Asterisk, with the kernel's own times.

`Capture` runs this module as a child process that writes every UDP packet of loopback with one of the
testbed's ports to a pcap file, which any network analyser reads. `read_legs` sorts the file into SIP dialogs
and the core's RTP. A raw packet socket needs CAP_NET_RAW, that is root in the usual case: `Capture.possible`
says. The times are the kernel's, taken when a packet was handed to the interface: a busy machine may let the
capture fall behind, but changes none of them.
"""

import re
import signal
import socket
import struct
import subprocess
import sys
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

ETH_P_ALL = 0x0003
PACKET_OUTGOING = 4
"""Loopback shows each packet twice, as sent and as received (packet(7)); one is enough."""
SO_TIMESTAMPNS = 35
SO_RCVBUFFORCE = 33
RECEIVE_BUFFER_BYTES = 64 << 20
ETHERNET_BYTES = 14
UDP = 17
RTP_HEADER_BYTES = 12
PCMA = 8

_FILE_HEADER = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)  # pcap, nanoseconds, Ethernet
_PACKET_HEADER = struct.Struct("<IIII")


class Capture:
    """A capture under way; `stop` ends it."""

    def __init__(self, path: Path, sip_port: int, rtp_ports: tuple[int, int]) -> None:
        ports = [str(port) for port in (sip_port, *rtp_ports)]
        self._process = subprocess.Popen(
            [sys.executable, __file__, str(path), *ports],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "capturing\n"

    @staticmethod
    def possible() -> bool:
        """Whether this process may listen to the wire."""
        try:
            socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0).close()
        except PermissionError:
            return False
        return True

    def stop(self) -> None:
        """End it; the file is whole."""
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(10.0)
        assert self._process.stdout is not None
        self._process.stdout.close()


@dataclass(frozen=True)
class SipMessage:
    """One SIP message."""

    at_s: float
    from_core: bool
    start: str
    text: str

    @property
    def method(self) -> str:
        """Of a request; "" for a response."""
        word = self.start.split(" ", 1)[0]
        return "" if word == "SIP/2.0" else word

    @property
    def status(self) -> int:
        """Of a response; 0 for a request."""
        return 0 if self.method else int(self.start.split(" ", 2)[1])

    def header(self, name: str) -> str:
        """Its value, "" where there is none."""
        found = re.search(rf"^{name}\s*: *(.*?)\r?$", self.text, re.MULTILINE | re.IGNORECASE)
        return found[1] if found else ""


@dataclass(frozen=True)
class Leg:
    """One dialog of the core, and the RTP that the core sent in it as (time, payload type, payload)."""

    messages: list[SipMessage] = field(default_factory=list)
    sent: list[tuple[float, int, bytes]] = field(default_factory=list)

    def request(self, method: str) -> SipMessage | None:
        """The first of its kind, whoever sent it."""
        return next((message for message in self.messages if message.method == method), None)

    def final(self) -> SipMessage | None:
        """The first final response to the INVITE."""
        for message in self.messages:
            if message.status >= 200 and message.header("CSeq").endswith("INVITE"):
                return message
        return None

    def sent_after(self, at_s: float, codes: bytes) -> float | None:
        """When the first packet with these A-law codes left after a moment; None if none did."""
        for sent_s, payload_type, payload in self.sent[bisect_left(self.sent, (at_s,)) :]:
            if payload_type == PCMA and payload == codes:
                return sent_s
        return None


def read_legs(path: Path, sip_port: int) -> dict[str, Leg]:
    """The core's dialogs, by the number dialled; a number is dialled once in a capture."""
    legs: dict[str, Leg] = {}
    by_call_id: dict[str, Leg] = {}
    by_port: dict[int, Leg] = {}
    for at_s, source, target, data in _packets(path):
        if sip_port not in (source, target):
            # The port that the core's latest INVITE from there offered; it is free again only after the call.
            if len(data) > RTP_HEADER_BYTES and source in by_port:
                by_port[source].sent.append((at_s, data[1] & 0x7F, data[RTP_HEADER_BYTES:]))
            continue
        text = data.decode("utf-8", "replace")
        start, _, _ = text.partition("\r\n")
        message = SipMessage(at_s, target == sip_port, start, text)
        call_id = message.header("Call-ID")
        if message.method == "INVITE" and call_id not in by_call_id:
            number = re.match(r"INVITE sip:([^@;>]+)@", start)
            assert number is not None, start
            legs[number[1]] = by_call_id[call_id] = Leg()
            if offered := re.search(r"^m=audio (\d+)", text, re.MULTILINE):
                by_port[int(offered[1])] = by_call_id[call_id]
        if call_id in by_call_id:
            by_call_id[call_id].messages.append(message)
    return legs


def _packets(path: Path) -> Iterator[tuple[float, int, int, bytes]]:
    """(time, source port, target port, UDP payload) of a pcap file written here."""
    data = path.read_bytes()
    at = len(_FILE_HEADER)
    while at + _PACKET_HEADER.size <= len(data):
        seconds, nanoseconds, length, _ = _PACKET_HEADER.unpack_from(data, at)
        at += _PACKET_HEADER.size
        packet = data[at : at + length]
        at += length
        udp = ETHERNET_BYTES + 4 * (packet[ETHERNET_BYTES] & 0x0F)
        source, target = struct.unpack_from(">HH", packet, udp)
        yield seconds + nanoseconds / 1e9, source, target, packet[udp + 8 :]


def capture(path: Path, sip_port: int, rtp_first: int, rtp_last: int) -> None:
    """Write packets until SIGTERM."""
    raw = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    raw.bind(("lo", 0))
    raw.setsockopt(socket.SOL_SOCKET, SO_TIMESTAMPNS, 1)
    raw.setsockopt(socket.SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER_BYTES)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    with path.open("wb") as file:
        file.write(_FILE_HEADER)
        sys.stdout.write("capturing\n")
        sys.stdout.flush()
        while True:
            packet, ancillary, _, address = raw.recvmsg(65535, 64)
            if address[2] != PACKET_OUTGOING or packet[12:14] != b"\x08\x00" or packet[23] != UDP:
                continue
            udp = ETHERNET_BYTES + 4 * (packet[ETHERNET_BYTES] & 0x0F)
            ports = struct.unpack_from(">HH", packet, udp)
            if any(port == sip_port or rtp_first <= port <= rtp_last for port in ports):
                seconds, nanoseconds = struct.unpack_from("qq", ancillary[0][2])
                file.write(_PACKET_HEADER.pack(seconds, nanoseconds, len(packet), len(packet)) + packet)


if __name__ == "__main__":
    capture(Path(sys.argv[1]), *(int(argument) for argument in sys.argv[2:5]))
