"""The numbers of the service's records: hang-up causes (stateCode) and release points (ulFailReason).

Source: the service's appendices of hang-up causes and release points. sip.cause holds the part that
follows from how a single leg failed.
"""

from enum import IntEnum


class StateCode(IntEnum):
    """Why a call ended."""

    HUNG_UP_AFTER_CONNECT = 0
    NO_PORTS = 7109
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


class ReleasePoint(IntEnum):
    """Where a call ended."""

    NORMAL = 0
    NO_DIGITS = 100
    RECORDING_START_FAILED = 507
    HINT_FAILED = 509
    RING_TIMEOUT = 514
    SECOND_LEG_FAILED = 518
    FIRST_LEG_FAILED = 519
    FIRST_LEG_FAILED_RINGING = 520
    NO_PORTS = 522
    VOICE_FILE_MISSING = 524
    FIRST_PARTY_LEFT = 530
    FIRST_PARTY_LEFT_IN_HINT = 539
    SECOND_PARTY_LEFT_IN_HINT = 540
    FIRST_PARTY_LEFT_WHILE_RINGING = 552
    FIRST_PARTY_LEFT_BEFORE_RINGING = 553
    PLAY_FAILED = 2837
    INTERNAL_ERROR = 8000
    NOT_REACHED = 8001
    TTS_FAILED = 8005
