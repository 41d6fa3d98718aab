"""Keys by SIP INFO: reading the bodies in use, and answering those that pjsua leaves unanswered.

pjsua reads application/dtmf-relay alone, takes the first character of the signal (10, which is *, for 1),
refuses `signal=5` in small letters, and lets application/dtmf and an empty INFO end in 500. So this reads
every body itself. INFO packages (RFC 6086) are not for keys and stay with pjsua.
"""

import ctypes
import re
from dataclasses import dataclass, field

import pjsua2 as pj

from sip.pjsua.engine import native_library
from sip.pjsua.message import header

DEFAULT_DURATION_MS = 100
"""For a body that tells none, or none that is a number."""

_MAX_DURATION_MS = 5000
_SIGNAL = re.compile(r"^[ \t]*signal[ \t]*=[ \t]*([^\s;]+)", re.IGNORECASE | re.MULTILINE)
_DURATION = re.compile(r"^[ \t]*duration[ \t]*=[ \t]*(\d{1,9})", re.IGNORECASE | re.MULTILINE)
_BODY = re.compile(r"\r?\n\r?\n(.*)\Z", re.DOTALL)
_KEYS = "0123456789*#ABCD"
_FLASH = "16"


@dataclass(frozen=True)
class InfoKey:
    """What an INFO tells of a key; `digit` is "" for a hook flash, which is none. Secret: not in the repr."""

    digit: str = field(repr=False)
    duration_ms: int = DEFAULT_DURATION_MS


def status_for(message: str) -> int:
    """What to answer an INFO request with, 0 to leave it to pjsua.

    An empty INFO only asks whether the call is alive.
    """
    if not _body(message).strip():
        return 200
    if not _is_dtmf(message):
        return 0
    return 400 if key_of(message) is None else 200


def key_of(message: str) -> InfoKey | None:
    """The key in an INFO request, None without one.

    Both bodies are read in both ways: application/dtmf-relay has `Signal=5` and `Duration=160` in lines,
    application/dtmf the bare digit, and there are user agents that send the one under the name of the other.
    Numbers are events of RFC 4733: 10 is *, 11 is #, 12 to 15 are A to D, 16 is a hook flash.
    """
    if not _is_dtmf(message):
        return None
    body = _body(message)
    found = _SIGNAL.search(body)
    signal = found.group(1) if found else body.strip()
    lasting = _DURATION.search(body)
    duration_ms = min(int(lasting.group(1)), _MAX_DURATION_MS) if lasting else DEFAULT_DURATION_MS
    if signal == _FLASH:
        return InfoKey("", duration_ms)
    if signal in ("10", "11", "12", "13", "14", "15"):
        return InfoKey(_KEYS[int(signal)], duration_ms)
    signal = signal.upper()
    return InfoKey(signal, duration_ms) if len(signal) == 1 and signal in _KEYS else None


def respond(request: pj.SipRxData, status: int) -> None:
    """Answer a request within its dialog, from inside the callback that reported it.

    pjsua2 has no call for this. pjsua answers a request only while its transaction waits for an answer, so
    it leaves alone what was answered here.
    """
    library = native_library()
    library.pjsip_rdata_get_dlg.restype = ctypes.c_void_p
    rdata = ctypes.c_void_p(int(request.pjRxData))
    dialog = ctypes.c_void_p(library.pjsip_rdata_get_dlg(rdata))
    if dialog:
        library.pjsip_dlg_respond(dialog, rdata, status, None, None, None)


def _is_dtmf(message: str) -> bool:
    kind = header(message, "Content-Type").partition(";")[0].strip().lower()
    return kind in ("application/dtmf-relay", "application/dtmf")


def _body(message: str) -> str:
    found = _BODY.search(message)
    return found.group(1) if found else ""
