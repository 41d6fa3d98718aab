"""Keys out of INFO bodies, in all the ways user agents write them."""

import pytest

from sip.pjsua.info import DEFAULT_DURATION_MS, InfoKey, key_of, status_for

RELAY, BARE = "application/dtmf-relay", "application/dtmf"


def info(body: str, kind: str = RELAY, *, end: str = "\r\n") -> str:
    lines = [
        "INFO sip:95588@192.0.2.1 SIP/2.0",
        "CSeq: 2 INFO",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "",
        body,
    ]
    return end.join(lines)


@pytest.mark.parametrize("digit", "0123456789*#ABCD")
def test_signal_is_the_digit(digit: str) -> None:
    assert key_of(info(f"Signal={digit}\r\nDuration=160\r\n")) == InfoKey(digit, 160)


@pytest.mark.parametrize("digit", "0123456789*#ABCD")
def test_bare_body_is_the_digit(digit: str) -> None:
    assert key_of(info(digit, BARE)) == InfoKey(digit, DEFAULT_DURATION_MS)


@pytest.mark.parametrize(("number", "digit"), [("10", "*"), ("11", "#"), ("12", "A"), ("15", "D")])
def test_number_is_the_event_of_rfc_4733(number: str, digit: str) -> None:
    assert key_of(info(f"Signal={number}\r\nDuration=100")) == InfoKey(digit, 100)
    assert key_of(info(number, BARE)) == InfoKey(digit)


@pytest.mark.parametrize(
    "body",
    [
        "Signal=5\nDuration=160",
        "Signal= 5 \r\nDuration= 160 \r\n",
        "signal=5\r\nduration=160\r\n",
        "SIGNAL\t=\t5\r\nDURATION =160",
        "Duration=160\r\nSignal=5\r\n",
        "  Signal=5\r\n  Duration=160",
        "Signal=5;\r\nDuration=160",
        "\r\nSignal=5\r\nDuration=160\r\n\r\n",
    ],
)
def test_case_blanks_line_ends_and_order_do_not_matter(body: str) -> None:
    assert key_of(info(body)) == InfoKey("5", 160)


@pytest.mark.parametrize("kind", ["Application/DTMF-Relay", "application/dtmf-relay; charset=utf-8"])
def test_content_type_is_read_in_any_case_and_with_parameters(kind: str) -> None:
    assert key_of(info("Signal=5", kind)) == InfoKey("5")


def test_content_type_is_read_in_its_compact_form() -> None:
    assert key_of(info("Signal=5").replace("Content-Type", "c")) == InfoKey("5")


def test_message_with_bare_line_feeds_is_read() -> None:
    assert key_of(info("Signal=5\nDuration=160", end="\n")) == InfoKey("5", 160)


def test_each_body_is_read_under_the_name_of_the_other() -> None:
    assert key_of(info("5", RELAY)) == InfoKey("5")
    assert key_of(info("Signal=5\r\nDuration=160", BARE)) == InfoKey("5", 160)


def test_small_letters_are_the_keys_of_the_fourth_column() -> None:
    assert key_of(info("Signal=d")) == InfoKey("D")


@pytest.mark.parametrize(("told", "taken_ms"), [("1", 1), ("5000", 5000), ("5001", 5000), ("9" * 9, 5000)])
def test_duration_is_limited(told: str, taken_ms: int) -> None:
    assert key_of(info(f"Signal=5\r\nDuration={told}")) == InfoKey("5", taken_ms)


@pytest.mark.parametrize("told", ["", "x", "-1"])
def test_duration_that_is_no_number_is_the_usual_one(told: str) -> None:
    assert key_of(info(f"Signal=5\r\nDuration={told}")) == InfoKey("5", DEFAULT_DURATION_MS)


@pytest.mark.parametrize("signal", ["E", "55", "17", "٥", "-", "="])
def test_signal_that_is_no_key_is_refused(signal: str) -> None:
    for message in (info(f"Signal={signal}\r\nDuration=100"), info(signal, BARE)):
        assert key_of(message) is None
        assert status_for(message) == 400


@pytest.mark.parametrize("body", ["Signal=\r\nDuration=100", "Duration=100", "5 5", "Signal 5"])
def test_body_without_a_signal_is_refused(body: str) -> None:
    assert key_of(info(body)) is None
    assert status_for(info(body)) == 400


def test_hook_flash_is_no_key_and_accepted() -> None:
    assert key_of(info("Signal=16\r\nDuration=100")) == InfoKey("", 100)
    assert status_for(info("Signal=16\r\nDuration=100")) == 200


@pytest.mark.parametrize("kind", ["application/media_control+xml", "application/sdp", "text/plain"])
def test_other_bodies_are_left_alone(kind: str) -> None:
    assert key_of(info("5", kind)) is None
    assert status_for(info("5", kind)) == 0


@pytest.mark.parametrize("body", ["", "\r\n"])
def test_empty_info_is_accepted_whatever_its_type(body: str) -> None:
    assert status_for(info(body)) == 200
    assert status_for("INFO sip:h SIP/2.0\r\nCSeq: 2 INFO\r\n\r\n") == 200


def test_header_that_reads_like_a_signal_is_none() -> None:
    assert key_of(info("x", BARE).replace("CSeq: 2 INFO", "Signal=5\r\nCSeq: 2 INFO")) is None


def test_repr_hides_the_digit() -> None:
    assert "5" not in repr(InfoKey("5", 100))
