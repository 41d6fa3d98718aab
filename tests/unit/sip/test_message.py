"""Reading headers, numbers and announced failures out of messages as the wire has them."""

import pytest

from sip.cause import HangupCause
from sip.pjsua.message import failure_announced, header, uri_user


def message(*lines: str, body: str = "", end: str = "\r\n") -> str:
    return end.join(["SIP/2.0 183 Session Progress", *lines, "", body])


def test_header_has_its_value_without_blanks_around_it() -> None:
    assert header(message("Via: SIP/2.0/UDP h", "Reason:   Q.850;cause=17  "), "Reason") == "Q.850;cause=17"


@pytest.mark.parametrize("line", ["reason: x", "REASON: x", "Reason : x", "Reason\t:x", "rEaSoN:x"])
def test_header_is_found_in_any_case_and_with_blanks_before_the_colon(line: str) -> None:
    assert header(message(line), "Reason") == "x"


@pytest.mark.parametrize(
    ("line", "name"),
    [("f: <sip:1@h>", "From"), ("F: <sip:1@h>", "from"), ("t: <sip:1@h>", "To"), ("i: <sip:1@h>", "Call-ID")],
)
def test_header_is_found_by_its_compact_form(line: str, name: str) -> None:
    assert header(message(line), name) == "<sip:1@h>"


def test_compact_form_of_another_header_is_not_taken() -> None:
    assert header(message("f: <sip:1@h>"), "To") == ""


def test_name_that_only_begins_alike_is_another_header() -> None:
    assert header(message("From-Where: x", "XFrom: y"), "From") == ""


def test_missing_header_is_empty() -> None:
    assert header(message("Via: x"), "Reason") == ""


def test_empty_header_is_empty() -> None:
    assert header(message("Reason:", "Via: x"), "Reason") == ""


@pytest.mark.parametrize("fold", [" ", "\t", "   "])
def test_folded_value_is_one_line(fold: str) -> None:
    folded = message("Reason: Q.850", f"{fold};cause=17", f'{fold};text="busy"', "Via: x")
    assert header(folded, "Reason") == 'Q.850 ;cause=17 ;text="busy"'


def test_value_that_begins_on_the_next_line_is_found() -> None:
    assert header(message("Reason:", " Q.850;cause=17"), "Reason") == "Q.850;cause=17"


def test_fold_of_another_header_is_not_taken() -> None:
    assert header(message("Reason: a", "Via: b", " c"), "Reason") == "a"


def test_folded_line_that_looks_like_a_header_is_none() -> None:
    assert header(message("Subject: x", " Reason: Q.850;cause=17"), "Reason") == ""


def test_repeated_headers_are_joined_in_order() -> None:
    twice = message("Reason: SIP;cause=480", "Via: x", "Reason: Q.850;cause=20")
    assert header(twice, "Reason") == "SIP;cause=480, Q.850;cause=20"


def test_body_has_no_headers() -> None:
    assert header(message("Via: x", body="Reason: Q.850;cause=17"), "Reason") == ""


def test_start_line_is_no_header() -> None:
    assert header("Reason: x\r\n\r\n", "Reason") == ""


def test_bare_line_feeds_end_lines_too() -> None:
    assert header(message("Reason: x", "Via: y", end="\n"), "Reason") == "x"


def test_exotic_line_ends_inside_a_display_name_cut_nothing() -> None:
    assert header(message('From: "a\u2028Reason: b\u0085c" <sip:1@h>'), "Reason") == ""
    assert header(message('From: "a\u2028b" <sip:1@h>'), "From").endswith("<sip:1@h>")


def test_no_message_has_no_header() -> None:
    assert header("", "Reason") == ""


@pytest.mark.parametrize(
    ("value", "user"),
    [
        ("<sip:95588@host>;tag=1", "95588"),
        ('"Bank" <sip:95588@host:5060;transport=udp>', "95588"),
        ("sip:95588@host;tag=1", "95588"),
        ("<sips:95588@host>", "95588"),
        ("<SIP:95588@host>", "95588"),
        ("<sip:+8695588@host>", "+8695588"),
        ("<sip:*21%23@host>", "*21#"),
        ("<sip:%2B86@host>", "+86"),
        ("<sip:alice:secret@host>", "alice"),
        ("<sip:+86138;phone-context=cn@host>", "+86138"),
        ("<tel:+8613800138000>", "+8613800138000"),
        ("<tel:95588;phone-context=cn>", "95588"),
        ("<tel:95588>, <sip:95588@host>", "95588"),
        ("<tel:1>, <sip:2@host>", "2"),
        ('"sip:1@evil" <sip:2@host>', "2"),
        ('"<sip:1@evil>" <sip:2@host>', "2"),
        ('"say \\"<sip:1@evil>" <sip:2@host>', "2"),
        ("<sip:95588@[2001:db8::1]:5060>;tag=1", "95588"),
        ("<sip:[2001:db8::1]:5060>", ""),
        ("<sip:[::1];user=phone>, <sip:2@[::1]>", "2"),
        ("<sip:host>", ""),
        ("<sip:host;user=phone>, <sip:2@host>", "2"),
        ("anonymous", ""),
        ("", ""),
    ],
)
def test_value_names_its_user(value: str, user: str) -> None:
    assert uri_user(value) == user


@pytest.mark.parametrize(
    ("reason", "cause"),
    [
        ('Q.850;cause=1;text="Unallocated"', HangupCause(1)),
        ("Q.850;cause=17", HangupCause(17)),
        ("SIP;cause=404", HangupCause(1)),
        ("SIP;cause=503, Q.850;cause=34", HangupCause(34)),
    ],
)
def test_reason_in_a_provisional_response_announces_the_failure(reason: str, cause: HangupCause) -> None:
    assert failure_announced(message(f"Reason: {reason}")) == cause


@pytest.mark.parametrize("reason", ["Q.850;cause=16", "Q.850;cause=31", "Q.850", "preemption;cause=2"])
def test_normal_or_unusable_reason_announces_nothing(reason: str) -> None:
    assert failure_announced(message(f"Reason: {reason}")) is None


def test_ordinary_progress_announces_nothing() -> None:
    assert failure_announced(message("Via: x", body="v=0")) is None
