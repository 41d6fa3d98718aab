"""Telephones for the benches: answer every call at once, send a packet every 20 ms, note when what came.

One thread serves any number of calls. What arrives is stamped by the kernel when it was handed to the
interface, so that a busy far end makes nothing look slower; what it sends too late itself is counted, because
a late telephone must not be blamed on the subject. It runs before ordinary work where the system permits it.

Left out: what a telephone does and no bench asks for (ringing for a while, re-INVITE, reports by RTCP).
"""

import itertools
import os
import re
import select
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from heapq import heappop, heappush
from pathlib import Path
from types import TracebackType
from typing import Self, TypeAlias

from benchmarks.calls_load import LOAD_CORE, SUBJECT_CORE
from sip.engine_choice import VARIABLE
from tests.e2e.loopback.keyphone import realtime_sender
from tests.e2e.loopback.wirephone import PACKET_SAMPLES, PCMA, TELEPHONE_EVENT, SipMessage

Address: TypeAlias = tuple[str, int]

PACKET_S = 0.02
SILENCE = b"\xd5" * PACKET_SAMPLES
"""A-law of +0 (ITU-T G.711)."""
LATE_S = 0.005
"""A packet that leaves later than this after its moment counts as late."""

_RTP_HEADER_BYTES = 12
_SO_TIMESTAMPNS = 35
_SO_RCVBUFFORCE = 33
_RECEIVE_BUFFER_BYTES = 16 << 20
_AT_ONCE = 64
_PAIR_TRIES = 100


@contextmanager
def on_core(core: int) -> Iterator[None]:
    """This thread, and what it starts meanwhile, on one core.

    Raises:
        RuntimeError: the machine has no such core for us.
    """
    before = os.sched_getaffinity(0)
    if not {SUBJECT_CORE, LOAD_CORE} <= before:
        raise RuntimeError(f"this needs the cores {SUBJECT_CORE} and {LOAD_CORE}, and has {sorted(before)}")
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def pin(pid: int, core: int) -> None:
    """All threads of a process to one core; those that it starts later follow."""
    for task in Path(f"/proc/{pid}/task").iterdir():
        os.sched_setaffinity(int(task.name), {core})


@contextmanager
def own_engine() -> Iterator[None]:
    """What starts meanwhile takes our own engine, unless IVRCORE_ENGINE names another."""
    named = os.environ.get(VARIABLE)
    os.environ[VARIABLE] = named or "own"
    try:
        yield
    finally:
        if named is None:
            del os.environ[VARIABLE]
        else:
            os.environ[VARIABLE] = named


@dataclass(eq=False)
class Call:
    """One call as the far end sees it; moments are `time.monotonic()`, None for what did not happen.

    Attributes:
        number: counts the calls of its line.
        answered_s: just before the 200 was handed to the kernel.
        sent_packets: of its stream, so far.
    """

    number: int
    invite: SipMessage
    peer: Address
    rtp: Address
    answered_s: float | None = None
    acked_s: float | None = None
    ended_s: float | None = None
    n_received: int = 0
    sent_packets: int = 0
    response: bytes = b""


class Wire:
    """The thread's clock, and the lines it serves."""

    def __init__(self) -> None:
        self._acts: list[tuple[float, int, Callable[[], None]]] = []
        self._count = itertools.count()
        self._hearers: dict[socket.socket, Callable[[float, bytes, Address], None]] = {}
        self.n_acts = 0
        self.n_late = 0
        """Acts that came more than LATE_S after their moment."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for udp in self._hearers:
            udp.close()

    def udp_pair(self, hear: Callable[[float, bytes, Address], None]) -> socket.socket:
        """A socket for RTP on an even port; one for RTCP on the port above takes what comes and is silent.

        A telephone has both. Without the second, each RTCP packet to it comes back as an ICMP error.

        Raises:
            RuntimeError: no such pair is free.
        """
        for _ in range(_PAIR_TRIES):
            rtp = self.udp(hear)
            port = rtp.getsockname()[1]
            try:
                if port % 2 == 0:
                    self.udp(lambda *_: None, port + 1)
                    return rtp
            except OSError:
                pass  # somebody has it
            del self._hearers[rtp]
            rtp.close()
        raise RuntimeError("no pair of UDP ports is free")

    def udp(self, hear: Callable[[float, bytes, Address], None], port: int = 0) -> socket.socket:
        """A socket of loopback whose packets are given to `hear` with the moment they came.

        Raises:
            OSError: somebody has the port.
        """
        udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            udp.bind(("127.0.0.1", port))
        except OSError:
            udp.close()
            raise
        udp.setblocking(False)
        udp.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        try:
            udp.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, _RECEIVE_BUFFER_BYTES)
        except PermissionError:
            udp.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER_BYTES)
        self._hearers[udp] = hear
        return udp

    def at(self, at_s: float, act: Callable[[], None]) -> None:
        """Do it at that moment; for the thread that runs the wire."""
        heappush(self._acts, (at_s, next(self._count), act))

    def run(self, done: Callable[[], bool], limit_s: float) -> bool:
        """Serve until `done`; False when the time is over before."""
        end_s = time.monotonic() + limit_s
        # Not a monotonic clock's: the kernel stamps with the time of day.
        self._offset_s = time.monotonic() - time.time()
        with realtime_sender():
            while not done():
                now_s = time.monotonic()
                if now_s > end_s:
                    return False
                while self._acts and self._acts[0][0] <= now_s:
                    at_s, _, act = heappop(self._acts)
                    self.n_acts += 1
                    self.n_late += now_s - at_s > LATE_S
                    act()
                next_s = min(end_s, self._acts[0][0]) if self._acts else end_s
                # select, because epoll as Python calls it rounds up to whole milliseconds.
                ready, _, _ = select.select([*self._hearers], [], [], min(0.05, max(0.0, next_s - now_s)))
                for udp in ready:
                    self._drain(udp)
        return True

    def serve(self, work: Callable[[], object], done: Callable[[], bool], limit_s: float) -> bool:
        """Do blocking work in another thread, serve until `done`; see `run`.

        Raises:
            Exception: whatever the work failed with.
        """
        failed: list[BaseException] = []

        def carry_out() -> None:
            try:
                work()
            except BaseException as error:  # a thread boundary: raised again below
                failed.append(error)

        thread = threading.Thread(target=carry_out)
        thread.start()
        in_time = self.run(lambda: bool(failed) or (done() and not thread.is_alive()), limit_s)
        if failed:
            raise failed[0]
        thread.join(limit_s)
        return in_time

    def _drain(self, udp: socket.socket) -> None:
        hear = self._hearers[udp]
        for _ in range(_AT_ONCE):
            try:
                data, ancillary, _, address = udp.recvmsg(4096, 64)
            except BlockingIOError:
                return
            seconds, nanoseconds = struct.unpack("qq", ancillary[0][2])
            hear(seconds + nanoseconds / 1e9 + self._offset_s, data, address)


class Line:
    """Telephones behind one SIP port and one RTP port. Subclasses say what they send and listen for."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.calls: list[Call] = []
        self._by_id: dict[str, Call] = {}
        self._by_rtp: dict[Address, Call] = {}
        self._sip = wire.udp(self._hear_sip)
        self._rtp = wire.udp_pair(self._hear_rtp)

    @property
    def address(self) -> str:
        """`host:port` of its SIP side."""
        return f"127.0.0.1:{self._sip.getsockname()[1]}"

    @property
    def uri(self) -> str:
        """What to dial."""
        return f"sip:100@{self.address}"

    # -- for subclasses -------------------------------------------------------------------------------------

    def answer_after_s(self, call: Call) -> float:  # noqa: ARG002
        """How long after its INVITE a call is answered."""
        return 0.0

    def on_ack(self, call: Call) -> None:
        """The call is up; by default its stream begins."""
        self.stream(call)

    def on_bye(self, call: Call) -> None:
        """The subject hung up."""

    def codes(self, call: Call, n: int) -> bytes:  # noqa: ARG002
        """The A-law codes of packet n of a call's stream."""
        return SILENCE

    def on_packet(self, call: Call, at_s: float, data: bytes) -> None:
        """A packet of RTP came, its header included."""

    # -- what it does ---------------------------------------------------------------------------------------

    def stream(self, call: Call) -> None:
        """Send a packet every 20 ms from now until the call ends."""
        began_s = time.monotonic()

        def send() -> None:
            if call.ended_s is not None:
                return
            n = call.sent_packets
            self.send_rtp(call, PCMA, n, n * PACKET_SAMPLES, self.codes(call, n))
            call.sent_packets = n + 1
            self.wire.at(began_s + (n + 1) * PACKET_S, send)

        send()

    def send_rtp(
        self,
        call: Call,
        payload_type: int,
        sequence: int,
        ticks: int,
        payload: bytes,
        *,
        marker: bool = False,
    ) -> None:
        """One packet (RFC 3550 section 5.1)."""
        second = (0x80 if marker else 0) | payload_type
        header = struct.pack("!BBHII", 0x80, second, sequence & 0xFFFF, ticks & 0xFFFFFFFF, call.number + 1)
        self._rtp.sendto(header + payload, call.rtp)

    def bye(self, call: Call) -> None:
        """Hang up, unless the call is over."""
        if call.ended_s is not None:
            return
        call.ended_s = time.monotonic()
        contact = re.search(r"<([^>]+)>", call.invite.header("Contact"))
        assert contact
        lines = [
            f"BYE {contact.group(1)} SIP/2.0",
            f"Via: SIP/2.0/UDP {self.address};branch=z9hG4bKbye{call.number}-{id(self):x}",
            f"From: {call.invite.header('To')};tag={call.number}",
            f"To: {call.invite.header('From')}",
            f"Call-ID: {call.invite.header('Call-ID')}",
            "CSeq: 7 BYE",
            "Max-Forwards: 70",
        ]
        self._sip.sendto(_message(lines), call.peer)

    # -- SIP and RTP ----------------------------------------------------------------------------------------

    def _hear_sip(self, at_s: float, data: bytes, peer: Address) -> None:
        if not data.strip():
            return  # it keeps a binding alive
        message = SipMessage(data.decode(), at_s)
        call = self._by_id.get(message.header("Call-ID"))
        match message.method:
            case "INVITE" if call is None:
                self._invited(message, peer)
            case "INVITE" if call is not None and call.response:
                self._sip.sendto(call.response, peer)  # it was retransmitted
            case "ACK" if call is not None and call.acked_s is None:
                call.acked_s = at_s
                self.on_ack(call)
            case "SIP/2.0" | "ACK" | "INVITE":
                pass
            case method:
                self._sip.sendto(self._response(message, "200 OK"), peer)
                if method == "BYE" and call is not None and call.ended_s is None:
                    call.ended_s = at_s
                    self.on_bye(call)

    def _invited(self, invite: SipMessage, peer: Address) -> None:
        call = Call(len(self.calls), invite, peer, invite.rtp_address)
        self.calls.append(call)
        self._by_id[invite.header("Call-ID")] = call
        self._by_rtp[call.rtp] = call
        ringing = self._response(invite, "180 Ringing", call)
        self._sip.sendto(ringing, peer)
        call.response = ringing
        self.wire.at(time.monotonic() + self.answer_after_s(call), lambda: self._answer(call))

    def _answer(self, call: Call) -> None:
        call.response = self._response(call.invite, "200 OK", call, self._sdp())
        call.answered_s = time.monotonic()
        self._sip.sendto(call.response, call.peer)

    def _response(self, request: SipMessage, status: str, call: Call | None = None, body: str = "") -> bytes:
        to = request.header("To")
        lines = [
            f"SIP/2.0 {status}",
            *(f"Via: {via}" for via in request.headers("Via")),
            *(f"Record-Route: {route}" for route in request.headers("Record-Route")),
            f"From: {request.header('From')}",
            f"To: {to}" + ("" if ";tag=" in to or call is None else f";tag={call.number}"),
            f"Call-ID: {request.header('Call-ID')}",
            f"CSeq: {request.header('CSeq')}",
            f"Contact: <{self.uri}>",
        ]
        return _message(lines, body)

    def _sdp(self) -> str:
        lines = [
            *("v=0", "o=bench 1 1 IN IP4 127.0.0.1", "s=-", "c=IN IP4 127.0.0.1", "t=0 0"),
            f"m=audio {self._rtp.getsockname()[1]} RTP/AVP {PCMA} {TELEPHONE_EVENT}",
            *(f"a=rtpmap:{PCMA} PCMA/8000", f"a=rtpmap:{TELEPHONE_EVENT} telephone-event/8000"),
            *(f"a=fmtp:{TELEPHONE_EVENT} 0-15", "a=sendrecv", ""),
        ]
        return "\r\n".join(lines)

    def _hear_rtp(self, at_s: float, data: bytes, source: Address) -> None:
        call = self._by_rtp.get(source)
        if call is not None and len(data) > _RTP_HEADER_BYTES:
            call.n_received += 1
            self.on_packet(call, at_s, data)


def payload_of(data: bytes) -> bytes:
    """Of an RTP packet of A-law; nothing of any other."""
    return data[_RTP_HEADER_BYTES:] if data[1] & 0x7F == PCMA else b""


def _message(lines: list[str], body: str = "") -> bytes:
    kind = ["Content-Type: application/sdp"] if body else []
    return "\r\n".join([*lines, *kind, f"Content-Length: {len(body)}", "", body]).encode()
