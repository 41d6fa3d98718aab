"""RTP as our own build has it: ports that rest after a call, and packets refused for where they came from.

Both are decided natively (scripts/engine/ivrcore_rtp.c), in the threads that make calls and receive RTP;
this asks and tells. The stock wheel has neither. There a port rests as long as the circle of its account
takes (sip.rtp_ports), and a leg follows whoever sent ten packets while the far end sent none.
"""

import ctypes
import random

import pjsua2 as pj

from sip.pjsua.engine import native_library
from sip.rtp_ports import RtpPorts

NO_RTP_PORT = 1_170_000
"""Status of a call that got no port, with the reason in its text; IVRCORE_ENORTPPORT in ivrcore_rtp.h."""


def account_ports(ports: RtpPorts, chance: random.Random) -> tuple[int, int]:
    """First port and extent that an account is given: all of them where one allocator serves all accounts."""
    return (ports.first, ports.last - ports.first - 1) if is_ruled() else ports.window(chance)


def is_ruled() -> bool:
    """Whether this build of pjsua2 has the rules."""
    return hasattr(native_library(), "ivrcore_rtp_rejected")


def set_quarantine(rest_s: float) -> None:
    """How long a freed port rests from now on; sip.rtp_ports.QUARANTINE_S if nobody says so."""
    if is_ruled():
        native_library().ivrcore_rtp_set_quarantine_ms(round(rest_s * 1000))


def rejected_in_all() -> int | None:
    """Packets from strangers that all legs refused, None where nobody counts them."""
    if not is_ruled():
        return None
    ask = native_library().ivrcore_rtp_rejected_total
    ask.restype = ctypes.c_ulonglong
    return int(ask())


class RejectedPackets:
    """How many packets from strangers one leg refused."""

    def __init__(self) -> None:
        self._port = 0

    def follow(self, call: pj.Call) -> None:
        """Note which RTP port is the leg's; its media has started."""
        if not is_ruled():
            return
        try:
            name: str = call.getMedTransportInfo(0).localRtpName
        except pj.Error:
            return  # the media went with the call, whose end is on its way
        self._port = int(name.rpartition(":")[2] or 0)

    def count(self) -> int | None:
        """Until now, None where nobody counts them; also after the leg has ended, while its port rests."""
        if not is_ruled():
            return None
        if not self._port:
            return 0
        ask = native_library().ivrcore_rtp_rejected
        ask.restype = ctypes.c_uint
        return int(ask(self._port))
