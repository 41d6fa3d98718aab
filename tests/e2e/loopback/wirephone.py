"""A far end made of two UDP sockets: it sends exactly what a test says and keeps every packet as it came.

No user agent would cross a 200 with a CANCEL on purpose, or tell which sample the first RTP packet carried.
It knows just enough of RFC 3261 and RFC 3550 for that, and obeys no timer.
"""

import random
import re
import socket
import struct
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from sip.address import host_and_port

DEADLINE_S = 8.0
PCMA, TELEPHONE_EVENT = 8, 101
PACKET_SAMPLES = 160


@dataclass(frozen=True)
class SipMessage:
    """A request or response as it came."""

    text: str
    at_s: float

    @property
    def start_line(self) -> str:
        """Its first line."""
        return self.text.split("\r\n", 1)[0]

    @property
    def method(self) -> str:
        """Of a request; "SIP/2.0" of a response."""
        return self.start_line.split(" ", 1)[0]

    def headers(self, name: str) -> list[str]:
        """Every value of a header, by its full name."""
        return re.findall(rf"(?im)^{name}[ \t]*:[ \t]*(.*?)\r$", self.text.split("\r\n\r\n", 1)[0] + "\r\n")

    def header(self, name: str) -> str:
        """The only value of a header."""
        (value,) = self.headers(name)
        return value

    @property
    def body(self) -> str:
        """What follows the headers."""
        return self.text.split("\r\n\r\n", 1)[1]

    @property
    def payload_types(self) -> list[int]:
        """Of the audio line of its SDP, best first."""
        found = re.search(r"^m=audio \d+ RTP/AVP ([\d ]+)\r$", self.body, re.MULTILINE)
        assert found, f"no audio in {self.body}"
        return [int(number) for number in found.group(1).split()]

    @property
    def event_payload_type(self) -> int:
        """What its SDP calls telephone-event: the number to send events to it with (RFC 3264 section 5.1)."""
        found = re.search(r"^a=rtpmap:(\d+) telephone-event/8000\r$", self.body, re.MULTILINE)
        assert found, f"no telephone-event in {self.body}"
        return int(found.group(1))

    @property
    def rtp_address(self) -> tuple[str, int]:
        """Where it wants RTP."""
        host = re.search(r"^c=IN IP[46] (\S+)\r$", self.body, re.MULTILINE)
        port = re.search(r"^m=audio (\d+) ", self.body, re.MULTILINE)
        assert host
        assert port
        return host.group(1), int(port.group(1))


@dataclass(frozen=True)
class RtpPacket:
    """One packet as it came (RFC 3550 section 5.1)."""

    at_s: float
    marker: bool
    payload_type: int
    sequence: int
    timestamp_ticks: int
    payload: bytes

    @classmethod
    def parse(cls, at_s: float, data: bytes) -> "RtpPacket":
        """Read one; there is no header extension on loopback."""
        _, second, sequence, timestamp_ticks, _ = struct.unpack("!BBHII", data[:12])
        return cls(at_s, bool(second & 0x80), second & 0x7F, sequence, timestamp_ticks, data[12:])


class WirePhone:
    """One SIP peer with one RTP stream."""

    def __init__(self, host: str = "127.0.0.1", media_host: str = "") -> None:
        """`host`: its address, IPv4 or IPv6; `media_host`: that of its RTP, if it is another."""
        self._host, self._media_host = host, media_host or host
        self._sip = _udp_socket(self._host)
        self._rtp = _udp_socket(self._media_host)
        self._seen: set[str] = set()
        self._packets: list[RtpPacket] = []
        self._open = True
        self._requests = 0
        self._sequence, self._timestamp_ticks = random.randrange(2**16), random.randrange(2**32)
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._open = False
        self._listener.join()
        self._sip.close()
        self._rtp.close()

    @property
    def address(self) -> str:
        """`host:port` of its SIP side."""
        return host_and_port(self._host, self._sip.getsockname()[1])

    @property
    def uri(self) -> str:
        """What to dial."""
        return f"sip:100@{self.address}"

    # -- SIP ------------------------------------------------------------------------------------------------

    def expect(self, method: str, *, deadline_s: float = DEADLINE_S) -> SipMessage:
        """The next request of that method, or response whose line holds it; retransmissions are passed over.

        Raises:
            AssertionError: it did not come in time; the text has what did.
        """
        until_s = time.monotonic() + deadline_s
        others: list[str] = []
        while (left_s := until_s - time.monotonic()) > 0:
            self._sip.settimeout(left_s)
            try:
                data, self._peer = self._sip.recvfrom(65536)
            except TimeoutError:
                break
            text = data.decode()
            if text in self._seen:
                continue
            self._seen.add(text)
            message = SipMessage(text, time.monotonic())
            if message.method == method or (message.method == "SIP/2.0" and method in message.start_line):
                return message
            others.append(message.start_line)
        raise AssertionError(f"no {method} in {deadline_s} s, but {others}")

    def respond(self, request: SipMessage, status: str, *extra: str, media: bool = False) -> None:
        """Answer a request: `status` such as "486 Busy Here", `extra` header lines, SDP if asked for."""
        to = request.header("To")
        lines = [
            f"SIP/2.0 {status}",
            *(f"Via: {via}" for via in request.headers("Via")),
            f"From: {request.header('From')}",
            f"To: {to}" + ("" if ";tag=" in to or status.startswith("100") else ";tag=wire"),
            f"Call-ID: {request.header('Call-ID')}",
            f"CSeq: {request.header('CSeq')}",
            f"Contact: <{self.uri}>",
            *extra,
        ]
        self._send(lines, self._sdp() if media else "")

    def invite(self, address: str) -> None:
        """Call somebody at `host:port`, with our SDP."""
        host, _, port = address.rpartition(":")
        self._peer = host.strip("[]"), int(port)
        lines = [
            f"INVITE sip:100@{address} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.address};branch=z9hG4bK{random.randrange(2**40):x}",
            f"From: <sip:wire@{self.address}>;tag=wire",
            f"To: <sip:100@{address}>",
            f"Call-ID: {random.randrange(2**40):x}",
            "CSeq: 1 INVITE",
            f"Contact: <{self.uri}>",
            "Max-Forwards: 70",
        ]
        self._send(lines, self._sdp())

    def bye(self, invite: SipMessage, *extra: str) -> None:
        """End the dialog of an INVITE we answered."""
        self._send([*self._request(invite, "BYE", 90), *extra], "")

    def invite_again(self, invite: SipMessage, direction: str = "sendrecv", host: str = "") -> None:
        """A re-INVITE that changes nothing, as a session timer sends it (RFC 4028), or that puts the call on
        hold: by a `direction` ("sendonly", "recvonly", "inactive"), or by `host` 0.0.0.0 as in RFC 2543;
        acknowledged."""
        self._requests += 1
        number = 4 + self._requests
        contact = f"Contact: <{self.uri}>"
        self._send([*self._request(invite, "INVITE", number), contact], self._sdp(direction, host))
        self.expect("200")
        self._send(self._request(invite, "ACK", number), "")

    def _request(self, invite: SipMessage, method: str, sequence: int) -> list[str]:
        """A request line and its headers, within the dialog of an INVITE we answered."""
        contact = re.search(r"<([^>]+)>", invite.header("Contact"))
        assert contact
        return [
            f"{method} {contact.group(1)} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.address};branch=z9hG4bK{random.randrange(2**40):x}",
            f"From: {invite.header('To')};tag=wire",
            f"To: {invite.header('From')}",
            f"Call-ID: {invite.header('Call-ID')}",
            f"CSeq: {sequence} {method}",
            "Max-Forwards: 70",
        ]

    def _send(self, lines: list[str], body: str) -> None:
        kind = ["Content-Type: application/sdp"] if body else []
        head = [*lines, *kind, f"Content-Length: {len(body)}", "", body]
        self._sip.sendto("\r\n".join(head).encode(), self._peer)

    def _sdp(self, direction: str = "sendrecv", host: str = "") -> str:
        host = host or self._media_host
        where = f"IN {'IP6' if ':' in host else 'IP4'} {host}"
        lines = [
            *("v=0", f"o=wire 1 1 {where}", "s=-", f"c={where}", "t=0 0"),
            f"m=audio {self._rtp.getsockname()[1]} RTP/AVP {PCMA} {TELEPHONE_EVENT}",
            *(f"a=rtpmap:{PCMA} PCMA/8000", f"a=rtpmap:{TELEPHONE_EVENT} telephone-event/8000"),
            *(f"a=fmtp:{TELEPHONE_EVENT} 0-15", f"a={direction}", ""),
        ]
        return "\r\n".join(lines)

    # -- RTP ------------------------------------------------------------------------------------------------

    @property
    def packets(self) -> list[RtpPacket]:
        """What came so far, in order of arrival."""
        return list(self._packets)

    def wait_for_packets(self, count: int, *, deadline_s: float = DEADLINE_S) -> list[RtpPacket]:
        """The packets, once there are so many.

        Raises:
            AssertionError: there are fewer when the time is over.
        """
        until_s = time.monotonic() + deadline_s
        while len(self._packets) < count:
            assert time.monotonic() < until_s, f"{len(self._packets)} packets instead of {count}"
            time.sleep(0.005)
        return self.packets

    def speak(self, invite: SipMessage, codes: bytes) -> None:
        """Send A-law to where the INVITE wants it, a packet every 20 ms."""
        for start in range(0, len(codes), PACKET_SAMPLES):
            self.send_rtp(invite, PCMA, codes[start : start + PACKET_SAMPLES])
            self._timestamp_ticks += PACKET_SAMPLES
            time.sleep(0.02)  # the pace of speech, not a wait for anything

    def send_event(
        self, invite: SipMessage, event: int, duration_ticks: int, *, end: bool = False, marker: bool = False
    ) -> None:
        """One packet of an RFC 4733 event; the timestamp stands still until `next_event`."""
        payload = struct.pack("!BBH", event, (0x80 if end else 0) | 10, duration_ticks)
        self.send_rtp(invite, invite.event_payload_type, payload, marker=marker)

    def next_event(self, ticks: int) -> None:
        """Let RTP time pass between two events."""
        self._timestamp_ticks += ticks

    def send_rtp(
        self, invite: SipMessage, payload_type: int, payload: bytes, *, marker: bool = False
    ) -> None:
        """One packet."""
        second = (0x80 if marker else 0) | payload_type
        header = struct.pack(
            "!BBHII", 0x80, second, self._sequence % 2**16, self._timestamp_ticks % 2**32, 0x1234
        )
        self._sequence += 1
        self._rtp.sendto(header + payload, invite.rtp_address)

    def send_report(self, invite: SipMessage) -> None:
        """An RTCP receiver report on what came (RFC 3550 section 6.4.2), to the port beside that for RTP."""
        host, port = invite.rtp_address
        ours, block = 0x1234, (0x5678, 0, 0, 0, 0, 0)  # source, loss, highest number, jitter, LSR, DLSR
        self._rtp.sendto(struct.pack("!BBH7I", 0x81, 201, 7, ours, *block), (host, port + 1))

    def _listen(self) -> None:
        self._rtp.settimeout(0.05)
        while self._open:
            try:
                data = self._rtp.recv(2048)
            except TimeoutError:
                continue
            self._packets.append(RtpPacket.parse(time.monotonic(), data))


def _udp_socket(host: str) -> socket.socket:
    udp = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_DGRAM)
    udp.bind((host, 0))
    return udp
