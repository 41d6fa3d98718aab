"""What of IPv6 this machine and this build of pjsua2 have."""

import socket

import pytest

from sip.pjsua.ports import has_ipv6


def machine_has_ipv6() -> bool:
    """Whether the machine has ::1."""
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


needs_ipv6_loopback = pytest.mark.skipif(not machine_has_ipv6(), reason="this machine has no ::1")

needs_ipv6 = pytest.mark.skipif(
    not (has_ipv6() and machine_has_ipv6()),
    reason="this machine has no ::1"
    if has_ipv6()
    else "this pjsua2 build was compiled without IPv6: IVRCORE_ENGINE=own",
)
