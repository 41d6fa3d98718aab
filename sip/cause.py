"""Why a leg ended: one table that joins SIP status, Q.850 cause and the service's stateCode.

Sources: RFC 3398 section 7.2.4.1 and 8.2.6.1 (SIP status to Q.850 and back), RFC 3326 (Reason header),
ITU-T Q.850 table 1 (meanings), the service's appendix of hang-up causes (stateCode).
A Reason header is the far exchange's own word and wins over the status it came with.
"""

import re
from dataclasses import dataclass
from enum import IntEnum


class StateCode(IntEnum):
    """The service's hang-up causes that a call of ours can end with."""

    HUNG_UP_AFTER_CONNECT = 0
    INTERNAL_ERROR = 8000
    NOT_REACHED = 8001
    FAILURE_ANNOUNCEMENT = 8002
    RING_TIMEOUT = 8003
    TTS_FAILED = 8005
    VOICE_FILE_MISSING = 8006
    PLAY_FAILED = 8007
    NO_DIGITS = 8008
    FIRST_PARTY_GAVE_UP = 8009
    MAX_DURATION = 8010
    RECORDING_FAILED = 8015
    STOP_ORDERED = 8017
    NO_SUCH_NUMBER = 8100
    NO_ANSWER = 8101
    BUSY = 8102
    UNREACHABLE = 8103
    REFUSED = 8105
    NO_PORTS = 7109


@dataclass(frozen=True)
class HangupCause:
    """Why one leg ended.

    Attributes:
        q850: ITU-T Q.850 cause value, 1..127.
        sip_status: the final SIP status of the leg, 0 when it ended by BYE after its answer.
        text: the far end's words, for people and logs only.
    """

    q850: int
    sip_status: int = 0
    text: str = ""

    @property
    def meaning(self) -> str:
        """The Q.850 meaning in a few words."""
        return Q850_MEANING.get(self.q850, f"cause {self.q850}")


Q850_MEANING: dict[int, str] = {
    1: "unallocated number",
    2: "no route to network",
    3: "no route to destination",
    16: "normal clearing",
    17: "user busy",
    18: "no user responding",
    19: "no answer",
    20: "subscriber absent",
    21: "call rejected",
    22: "number changed",
    23: "redirected",
    25: "exchange routing error",
    26: "non-selected user clearing",
    27: "destination out of order",
    28: "invalid number format",
    29: "facility rejected",
    31: "normal, unspecified",
    34: "no circuit available",
    38: "network out of order",
    41: "temporary failure",
    42: "equipment congestion",
    44: "requested channel not available",
    47: "resource unavailable",
    50: "facility not subscribed",
    55: "incoming calls barred",
    57: "bearer capability not authorised",
    58: "bearer capability not available",
    63: "service unavailable",
    65: "bearer capability not implemented",
    70: "restricted digital information only",
    79: "service not implemented",
    87: "not member of closed group",
    88: "incompatible destination",
    95: "invalid message",
    102: "timer expired",
    111: "protocol error",
    127: "interworking",
}

# RFC 3398 section 8.2.6.1; 407/401 after failed credentials, 488 and 606 as commonly extended.
_Q850_OF_STATUS: dict[int, int] = {
    400: 41,
    401: 21,
    402: 21,
    403: 21,
    404: 1,
    405: 63,
    406: 79,
    407: 21,
    408: 102,
    410: 22,
    413: 127,
    414: 127,
    415: 79,
    416: 127,
    420: 127,
    421: 127,
    423: 127,
    433: 21,
    480: 18,
    481: 41,
    482: 25,
    483: 25,
    484: 28,
    485: 1,
    486: 17,
    487: 16,
    488: 65,
    491: 41,
    500: 41,
    501: 79,
    502: 38,
    503: 41,
    504: 102,
    505: 127,
    513: 127,
    600: 17,
    603: 21,
    604: 1,
    606: 58,
}

# RFC 3398 section 7.2.4.1.
_STATUS_OF_Q850: dict[int, int] = {
    1: 404,
    2: 404,
    3: 404,
    16: 487,
    17: 486,
    18: 408,
    19: 480,
    20: 480,
    21: 403,
    22: 410,
    23: 410,
    26: 404,
    27: 502,
    28: 484,
    29: 501,
    31: 480,
    34: 503,
    38: 503,
    41: 503,
    42: 503,
    47: 503,
    55: 403,
    57: 403,
    58: 503,
    65: 488,
    70: 488,
    79: 501,
    87: 403,
    88: 503,
    102: 504,
    111: 500,
    127: 500,
}

# The service has codes for what a person would say; causes not listed here are NOT_REACHED.
_STATE_OF_Q850: dict[int, StateCode] = {
    1: StateCode.NO_SUCH_NUMBER,
    3: StateCode.NO_SUCH_NUMBER,
    17: StateCode.BUSY,
    18: StateCode.UNREACHABLE,
    19: StateCode.NO_ANSWER,
    20: StateCode.UNREACHABLE,
    21: StateCode.REFUSED,
    22: StateCode.NO_SUCH_NUMBER,
    27: StateCode.UNREACHABLE,
    28: StateCode.NO_SUCH_NUMBER,
    # Locally raised when the engine or the trunk has no free leg.
    34: StateCode.NO_PORTS,
    47: StateCode.NO_PORTS,
    55: StateCode.REFUSED,
}

NORMAL_CLEARING = HangupCause(16)
NO_ANSWER = HangupCause(19, 480, "ringing timed out")
NO_RESOURCE = HangupCause(47, 503, "the engine has no free call")

MEDIA_LOST = HangupCause(44, 0, "neither RTP nor RTCP came any more")
"""What a leg that is up is ended with when its far end is gone without a BYE (sip.inactivity)."""

_QUOTED = re.compile(r'"(?:\\.|[^"\\])*"')
_CAUSE = re.compile(r"cause\s*=\s*([0-9]{1,3})", re.IGNORECASE)


def q850_from_reason(value: str) -> int | None:
    """The Q.850 cause named by the value of a Reason header, None where it names none.

    A `Q.850` value wins over a `SIP` one, which is translated; their order means nothing. Source: RFC 3326
    section 2 (several values, parameters in any order, quoted texts with commas and semicolons in them).
    """
    causes: dict[str, int] = {}
    for reason in _QUOTED.sub('""', value).split(","):
        protocol, *params = (part.strip() for part in reason.split(";"))
        for param in params:
            if found := _CAUSE.fullmatch(param):
                causes.setdefault(protocol.upper(), int(found.group(1)))
    if 1 <= causes.get("Q.850", 0) <= 127:
        return causes["Q.850"]
    if 200 <= causes.get("SIP", 0) <= 699:
        return q850_from_status(causes["SIP"])
    return None


def q850_from_status(status: int) -> int:
    """Q.850 cause of a final SIP status (RFC 3398); by class where the table is silent."""
    if status in _Q850_OF_STATUS:
        return _Q850_OF_STATUS[status]
    if 200 <= status < 300:
        return 16
    if 300 <= status < 400:
        return 23
    return 31 if 400 <= status < 500 else 41


def status_from_q850(q850: int) -> int:
    """SIP status that carries a Q.850 cause towards a caller (RFC 3398); 480 where the table is silent."""
    return _STATUS_OF_Q850.get(q850, 480)


def hangup_cause(status: int, reason: str = "", text: str = "") -> HangupCause:
    """The cause of a leg from what the wire said.

    Args:
        status: final status of the INVITE, or 200 for a BYE after the answer.
        reason: value of the Reason header, "" without one.
        text: the reason phrase.
    """
    q850 = q850_from_reason(reason)
    return HangupCause(
        q850=q850 if q850 is not None else q850_from_status(status),
        sip_status=status if status >= 300 else 0,
        text=text,
    )


def state_code(cause: HangupCause) -> StateCode:
    """The service's stateCode of a leg that ended before its answer."""
    if cause.sip_status == 603:  # "Decline" is a person's no, whatever an exchange adds
        return StateCode.REFUSED
    return _STATE_OF_Q850.get(cause.q850, StateCode.NOT_REACHED)
