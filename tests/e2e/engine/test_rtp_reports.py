"""Whose RTCP is taken on our own build, asked of the native rule itself with made-up addresses."""

import ctypes
import socket
import struct

import pytest

from sip.pjsua.engine import native_library
from sip.pjsua.rtp import is_ruled, rejected_in_all

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_ruled(), reason="not our own build of pjsua2: make engine, IVRCORE_ENGINE=own"),
]

SOURCE_BYTES = 512
"""More than an ivrcore_source."""

RTP = b"\x80\x08" + bytes(10)
RTCP = b"\x80\xc9\x00\x01" + bytes(4)
KEEP_ALIVE = b"\r\n"

FAR_END, ITS_RTCP = ("192.0.2.1", 4000), ("192.0.2.1", 4001)
BEHIND_NAT, ITS_RTCP_BEHIND_NAT = ("198.51.100.7", 6000), ("198.51.100.7", 6543)
STRANGER, SAME_HOST = ("203.0.113.9", 4001), ("198.51.100.7", 7777)

Address = tuple[str, int]


def native(address: Address) -> ctypes.Array[ctypes.c_char]:
    """A pj_sockaddr, which begins as a sockaddr_in and has room for an IPv6 one."""
    packed = struct.pack("=H", socket.AF_INET) + struct.pack("!H", address[1]) + socket.inet_aton(address[0])
    return ctypes.create_string_buffer(packed, 28)


class Source:
    """One transport's, whose SDP named the far end."""

    def __init__(self) -> None:
        self._source = ctypes.create_string_buffer(SOURCE_BYTES)
        self.signal(FAR_END, ITS_RTCP)

    def signal(self, rtp: Address, rtcp: Address) -> tuple[Address, Address]:
        """SDP names these; where packets go then."""
        told = native(rtp), native(rtcp)
        native_library().ivrcore_source_signalled(self._source, *told)
        return address_in(told[0]), address_in(told[1])

    def takes_rtp(self, address: Address, packet: bytes = RTP) -> bool:
        return self._takes("rtp", address, packet)

    def takes_rtcp(self, address: Address, packet: bytes = RTCP) -> bool:
        return self._takes("rtcp", address, packet)

    def latch(self, address: Address) -> None:
        native_library().ivrcore_source_latch(self._source, native(address))

    def _takes(self, kind: str, address: Address, packet: bytes) -> bool:
        ask = getattr(native_library(), f"ivrcore_source_takes_{kind}")
        return bool(ask(self._source, native(address), packet, ctypes.c_ssize_t(len(packet))))


def address_in(native_address: ctypes.Array[ctypes.c_char]) -> Address:
    raw = bytes(native_address)
    return socket.inet_ntoa(raw[4:8]), int.from_bytes(raw[2:4], "big")


@pytest.fixture
def source() -> Source:
    return Source()


@pytest.fixture
def latched(source: Source) -> Source:
    """The far end is behind a NAT, and was heard from there."""
    assert source.takes_rtp(BEHIND_NAT)
    source.latch(BEHIND_NAT)
    return source


def test_rejected_packet_is_counted_and_a_taken_one_is_not(source: Source) -> None:
    before = rejected_in_all()
    assert before is not None
    assert source.takes_rtp(FAR_END)
    assert not source.takes_rtp(STRANGER)
    assert not source.takes_rtcp(STRANGER)
    assert source.takes_rtcp(ITS_RTCP)
    assert rejected_in_all() == before + 2


def test_once_the_far_end_was_heard_only_its_own_reports_are_taken(source: Source) -> None:
    assert source.takes_rtp(FAR_END)
    assert source.takes_rtcp(ITS_RTCP)
    assert not source.takes_rtcp((FAR_END[0], ITS_RTCP[1] + 2))
    assert not source.takes_rtcp(STRANGER)


def test_before_any_rtp_all_reports_are_read(source: Source) -> None:
    assert source.takes_rtcp(STRANGER)
    assert source.takes_rtcp(ITS_RTCP)
    assert source.takes_rtp(FAR_END)
    assert not source.takes_rtcp(STRANGER)


def test_reports_follow_rtp_through_a_nat_to_its_host_and_one_port(latched: Source) -> None:
    assert not latched.takes_rtcp(STRANGER)
    assert latched.takes_rtcp(ITS_RTCP_BEHIND_NAT)
    assert not latched.takes_rtcp(SAME_HOST)
    assert latched.takes_rtcp(ITS_RTCP_BEHIND_NAT)


def test_signalled_reports_come_first_behind_a_nat_too(latched: Source) -> None:
    assert latched.takes_rtcp(ITS_RTCP_BEHIND_NAT)
    assert latched.takes_rtcp(ITS_RTCP)
    assert not latched.takes_rtcp(ITS_RTCP_BEHIND_NAT)


@pytest.mark.parametrize("packet", [KEEP_ALIVE, b"", b"\x00" * 20, RTP[:11]])
def test_what_is_no_rtp_fixes_no_source(source: Source, packet: bytes) -> None:
    assert source.takes_rtp(FAR_END, packet)
    assert source.takes_rtp(BEHIND_NAT)
    source.latch(BEHIND_NAT)
    assert not source.takes_rtp(STRANGER)
    assert source.takes_rtp(BEHIND_NAT)


def test_signalled_source_ends_a_latch_for_good(latched: Source) -> None:
    assert latched.takes_rtp(FAR_END)
    assert not latched.takes_rtp(BEHIND_NAT)


def test_same_sdp_again_keeps_the_latch_and_sends_there(latched: Source) -> None:
    assert latched.takes_rtcp(ITS_RTCP_BEHIND_NAT)
    assert latched.signal(FAR_END, ITS_RTCP) == (BEHIND_NAT, ITS_RTCP_BEHIND_NAT)
    assert not latched.takes_rtp(STRANGER)
    assert latched.takes_rtp(BEHIND_NAT)


def test_other_sdp_begins_anew(latched: Source) -> None:
    elsewhere, its_rtcp = ("192.0.2.8", 4000), ("192.0.2.8", 4001)
    assert latched.signal(elsewhere, its_rtcp) == (elsewhere, its_rtcp)
    assert latched.takes_rtp(elsewhere)
    assert not latched.takes_rtp(BEHIND_NAT)
    assert not latched.takes_rtp(FAR_END)


def test_far_ends_of_one_host_are_told_apart_by_their_ports(source: Source) -> None:
    assert source.takes_rtp(FAR_END)
    assert not source.takes_rtp((FAR_END[0], FAR_END[1] + 2))
