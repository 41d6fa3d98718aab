"""What is asked of the native rules of RTP, and what a build without them answers."""

import random
import re
from types import SimpleNamespace

import pjsua2 as pj
import pytest

from scripts.engine.corrections import OUR_HEADER, OUR_SOURCE
from sip.pjsua import rtp
from sip.rtp_ports import QUARANTINE_S, RtpPorts

PORTS = RtpPorts(20000, 20399)


class Rules:
    """The native side: counts by port, and what it was told."""

    def __init__(self, **rejected: int) -> None:
        self.rejected = {int(port[1:]): count for port, count in rejected.items()}
        self.quarantine_ms: list[int] = []
        self.library = SimpleNamespace(
            ivrcore_rtp_rejected=lambda port: self.rejected.get(port, 0),
            ivrcore_rtp_rejected_total=lambda: sum(self.rejected.values()),
            ivrcore_rtp_set_quarantine_ms=self.quarantine_ms.append,
        )


@pytest.fixture
def rules(monkeypatch: pytest.MonkeyPatch) -> Rules:
    """Our own build, with two legs that were disturbed."""
    rules = Rules(p20000=7, p20002=2**32 - 1)
    monkeypatch.setattr(rtp, "native_library", lambda: rules.library)
    return rules


@pytest.fixture
def wheel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A build without the rules."""
    monkeypatch.setattr(rtp, "native_library", SimpleNamespace)


class Call:
    """A native call whose media has this address, or is gone."""

    def __init__(self, local: str | None) -> None:
        self._local = local

    def getMedTransportInfo(self, index: int) -> SimpleNamespace:  # noqa: N802
        assert index == 0
        if self._local is None:
            raise pj.Error
        return SimpleNamespace(localRtpName=self._local)


def counted(*locals_: str | None) -> int | None:
    packets = rtp.RejectedPackets()
    for local in locals_:
        packets.follow(Call(local))  # type: ignore[arg-type]
    return packets.count()


@pytest.mark.usefixtures("rules")
@pytest.mark.parametrize("local", ["127.0.0.1:20000", "[::1]:20000"])
def test_leg_is_known_by_its_rtp_port_in_both_families(local: str) -> None:
    assert counted(local) == 7


@pytest.mark.usefixtures("rules")
def test_leg_without_media_has_rejected_nothing() -> None:
    assert counted() == 0
    assert counted("") == 0


@pytest.mark.usefixtures("rules")
def test_end_of_the_media_leaves_the_port_known() -> None:
    assert counted("127.0.0.1:20000", None) == 7


@pytest.mark.usefixtures("rules")
def test_media_that_moved_is_counted_where_it_is() -> None:
    assert counted("127.0.0.1:20000", "127.0.0.1:20004") == 0


@pytest.mark.usefixtures("rules")
def test_total_is_of_all_legs_and_wider_than_32_bits() -> None:
    assert rtp.rejected_in_all() == 7 + 2**32 - 1


def test_quarantine_is_told_in_milliseconds(rules: Rules) -> None:
    rtp.set_quarantine(0.25)
    rtp.set_quarantine(QUARANTINE_S)
    assert rules.quarantine_ms == [250, 30000]


@pytest.mark.usefixtures("rules")
def test_account_of_our_build_has_the_whole_range() -> None:
    first, extent = rtp.account_ports(PORTS, random.Random(1))
    assert (first, extent) == (20000, 398)
    # The last RTP port and its RTCP.
    assert first + extent + 1 == PORTS.last


@pytest.mark.usefixtures("wheel")
def test_account_of_the_wheel_has_half_of_the_range() -> None:
    assert rtp.account_ports(PORTS, random.Random(1)) == PORTS.window(random.Random(1))


@pytest.mark.usefixtures("wheel")
def test_wheel_counts_nothing_and_says_so() -> None:
    assert rtp.rejected_in_all() is None
    assert counted("127.0.0.1:20000") is None
    assert counted() is None
    rtp.set_quarantine(1.0)  # there is nobody to tell


def test_native_quarantine_is_the_documented_one() -> None:
    told = re.search(r"^#define QUARANTINE_MS +(\d+)u", OUR_SOURCE.read_text(), re.MULTILINE)
    assert told is not None
    assert int(told[1]) == QUARANTINE_S * 1000


def test_status_of_a_call_without_a_port_is_the_native_one() -> None:
    # pjlib's errno.h: a space of 50000 a library, those of users from the fourth on.
    start_user, space = 20000 + 3 * 50000, 50000
    told = re.search(
        r"IVRCORE_ENORTPPORT +\(PJ_ERRNO_START_USER \+ PJ_ERRNO_SPACE_SIZE \* (\d+)\)", OUR_HEADER.read_text()
    )
    assert told is not None
    assert start_user + space * int(told[1]) == rtp.NO_RTP_PORT
