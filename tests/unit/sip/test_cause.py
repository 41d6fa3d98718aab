"""Causes: every row of every table, and whatever a Reason header may look like."""

import pytest

from sip.cause import (
    NO_ANSWER,
    NO_RESOURCE,
    NORMAL_CLEARING,
    Q850_MEANING,
    HangupCause,
    StateCode,
    hangup_cause,
    q850_from_reason,
    q850_from_status,
    state_code,
    status_from_q850,
)

# RFC 3398 section 8.2.6.1, in the order of its table; below the line what it leaves to the implementation.
STATUS_TO_Q850 = {
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
    480: 18,
    481: 41,
    482: 25,
    483: 25,
    484: 28,
    485: 1,
    486: 17,
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
    # not in the table: anonymity disallowed (RFC 5079), our own CANCEL, media refused, glare
    433: 21,
    487: 16,
    488: 65,
    491: 41,
    606: 58,
}

# RFC 3398 section 7.2.4.1; 16 is a CANCEL there, which the caller sees as 487.
Q850_TO_STATUS = {
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

Q850_TO_STATE = {
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
    34: StateCode.NO_PORTS,
    47: StateCode.NO_PORTS,
    55: StateCode.REFUSED,
}

# The service's appendix of hang-up causes.
STATE_NUMBERS = {
    "HUNG_UP_AFTER_CONNECT": 0,
    "INTERNAL_ERROR": 8000,
    "NOT_REACHED": 8001,
    "FAILURE_ANNOUNCEMENT": 8002,
    "RING_TIMEOUT": 8003,
    "TTS_FAILED": 8005,
    "VOICE_FILE_MISSING": 8006,
    "PLAY_FAILED": 8007,
    "NO_DIGITS": 8008,
    "FIRST_PARTY_GAVE_UP": 8009,
    "MAX_DURATION": 8010,
    "RECORDING_FAILED": 8015,
    "STOP_ORDERED": 8017,
    "NO_SUCH_NUMBER": 8100,
    "NO_ANSWER": 8101,
    "BUSY": 8102,
    "UNREACHABLE": 8103,
    "REFUSED": 8105,
    "NO_PORTS": 7109,
}


@pytest.mark.parametrize(("status", "q850"), STATUS_TO_Q850.items())
def test_status_has_the_cause_of_rfc_3398(status: int, q850: int) -> None:
    assert q850_from_status(status) == q850


@pytest.mark.parametrize(
    ("status", "q850"),
    [
        *((200, 16), (202, 16), (299, 16)),
        *((300, 23), (302, 23), (399, 23)),
        *((409, 31), (499, 31)),
        *((510, 41), (580, 41), (599, 41), (607, 41), (699, 41)),
    ],
)
def test_status_outside_the_table_takes_the_cause_of_its_class(status: int, q850: int) -> None:
    assert q850_from_status(status) == q850


@pytest.mark.parametrize(("q850", "status"), Q850_TO_STATUS.items())
def test_cause_has_the_status_of_rfc_3398(q850: int, status: int) -> None:
    assert status_from_q850(q850) == status


def test_cause_outside_the_table_is_temporarily_unavailable() -> None:
    outside = set(range(1, 128)) - set(Q850_TO_STATUS)
    assert {status_from_q850(q850) for q850 in outside} == {480}


def test_every_status_ends_in_a_cause_q850_allows() -> None:
    assert all(1 <= q850_from_status(status) <= 127 for status in range(200, 700))


def test_every_cause_the_tables_name_has_a_meaning() -> None:
    named = set(STATUS_TO_Q850.values()) | set(Q850_TO_STATUS) | set(Q850_TO_STATE)
    assert named <= set(Q850_MEANING)


def test_meaning_is_a_few_words_fit_for_a_quoted_string() -> None:
    assert all(text and text.isascii() and '"' not in text for text in Q850_MEANING.values())


def test_unnamed_cause_is_told_by_its_number() -> None:
    assert HangupCause(99).meaning == "cause 99"


def test_busy_is_told_in_words() -> None:
    assert HangupCause(17, 486).meaning == "user busy"


@pytest.mark.parametrize(
    ("value", "q850"),
    [
        ("Q.850;cause=17", 17),
        ('Q.850;cause=16;text="Normal call clearing"', 16),
        ('Q.850 ;cause=1 ;text="Unallocated"', 1),  # RFC 3326 section 2 writes it with blanks
        ("q.850; CAUSE = 21", 21),
        ('Q.850;text="user busy";cause=17', 17),
        ('Q.850;text="busy, really; busy";cause=17', 17),
        ('Q.850;text="say \\"no\\", or cause=3";cause=17', 17),
        ("Q.850;cause=127", 127),
        ("Q.850;cause=1", 1),
        ("Q.850;location=LN;cause=34", 34),
        ("SIP;cause=486", 17),
        ('SIP;cause=600;text="Busy Everywhere"', 17),
        ('SIP;cause=200;text="Call completed elsewhere"', 16),
        ('SIP;cause=480;text="gone", Q.850;cause=20', 20),
        ("Q.850;cause=20, SIP;cause=480", 20),
        ("preemption;cause=1, Q.850;cause=34", 34),
        ("Q.850;cause=0, SIP;cause=404", 1),
    ],
)
def test_reason_names_its_cause(value: str, q850: int) -> None:
    assert q850_from_reason(value) == q850


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Q.850",
        'Q.850;text="no cause"',
        "Q.850;cause=",
        "Q.850;cause=0",
        "Q.850;cause=128",
        "Q.850;cause=1700",
        "Q.850;cause=x17",
        "Q.850;cause=-17",
        "Q.850;cause=17x",
        "Q.850;cause=²",
        "SIP;cause=180",
        "SIP;cause=700",
        "preemption;cause=1",
        'preemption;cause=1;text="Q.850;cause=17"',
        "XQ.850;cause=17",
        "cause=17",
        ";;;,,,",
    ],
)
def test_reason_without_a_usable_cause_names_none(value: str) -> None:
    assert q850_from_reason(value) is None


def test_reason_wins_over_the_status_it_came_with() -> None:
    assert hangup_cause(480, "Q.850;cause=1", "Temporarily Unavailable") == HangupCause(
        1, 480, "Temporarily Unavailable"
    )


def test_status_decides_when_the_reason_is_unusable() -> None:
    assert hangup_cause(486, "preemption;cause=1") == HangupCause(17, 486)


def test_bye_without_reason_is_normal_clearing_without_status() -> None:
    assert hangup_cause(200) == HangupCause(16, 0)


def test_bye_with_reason_keeps_its_cause_and_has_no_status() -> None:
    assert hangup_cause(200, "Q.850;cause=102") == HangupCause(102, 0)


def test_redirection_keeps_its_status() -> None:
    assert hangup_cause(302, text="Moved") == HangupCause(23, 302, "Moved")


@pytest.mark.parametrize(("q850", "state"), Q850_TO_STATE.items())
def test_cause_has_the_state_code_of_the_service(q850: int, state: StateCode) -> None:
    assert state_code(HangupCause(q850)) is state


def test_cause_outside_the_table_is_not_reached() -> None:
    outside = set(range(1, 128)) - set(Q850_TO_STATE)
    assert {state_code(HangupCause(q850)) for q850 in outside} == {StateCode.NOT_REACHED}


def test_decline_is_a_refusal_whatever_the_exchange_adds() -> None:
    assert state_code(hangup_cause(603, "Q.850;cause=17")) is StateCode.REFUSED


@pytest.mark.parametrize(
    ("status", "state"),
    [
        (486, StateCode.BUSY),
        (600, StateCode.BUSY),
        (404, StateCode.NO_SUCH_NUMBER),
        (484, StateCode.NO_SUCH_NUMBER),
        (410, StateCode.NO_SUCH_NUMBER),
        (480, StateCode.UNREACHABLE),
        (403, StateCode.REFUSED),
        (603, StateCode.REFUSED),
        (503, StateCode.NOT_REACHED),
        (408, StateCode.NOT_REACHED),
    ],
)
def test_final_status_leads_to_the_state_code_a_person_would_name(status: int, state: StateCode) -> None:
    assert state_code(hangup_cause(status)) is state


def test_state_codes_are_the_numbers_of_the_service() -> None:
    assert {code.name: int(code) for code in StateCode} == STATE_NUMBERS


def test_our_own_causes_say_what_they_are() -> None:
    assert (NORMAL_CLEARING.q850, NORMAL_CLEARING.sip_status) == (16, 0)
    assert state_code(NO_ANSWER) is StateCode.NO_ANSWER
    assert state_code(NO_RESOURCE) is StateCode.NO_PORTS
