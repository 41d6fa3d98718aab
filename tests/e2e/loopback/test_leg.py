"""One leg on the wire: what is sent, what is reported, and how it ends, by either side and in any order."""

import hashlib
import re
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.loopback.parties import Core, Phone
from tests.e2e.loopback.wirephone import SipMessage, WirePhone

pytestmark = pytest.mark.e2e

AT_ONCE_S = 0.1
"""Either side hangs up: it is known within 100 ms."""


def dialled(core: Core, wire: WirePhone, **more: Any) -> SipMessage:
    core.dial("A", wire.uri, **more)
    return wire.expect("INVITE")


def answered(core: Core, wire: WirePhone, **more: Any) -> SipMessage:
    invite = dialled(core, wire, **more)
    wire.respond(invite, "200 OK", media=True)
    wire.expect("ACK")
    core.wait("LegAnswered")
    return invite


def no_call_left(core: Core) -> bool:
    return len(core.all("LegHungUp")) == len({report["leg"] for report in core.all("LegHungUp")})


# -- answer and refusal -------------------------------------------------------------------------------------


def test_call_rings_is_answered_and_is_hung_up_by_us(core: Core, new_phone: Callable[..., Phone]) -> None:
    phone = new_phone(ring_after_s=0.0, answer_after_s=0.2)
    core.dial("A", phone.uri)
    rang = core.wait("LegRang", leg="A")
    got = core.wait("LegAnswered", leg="A")
    assert 0.1 < got["at_s"] - rang["at_s"] < 1.0
    core.hang_up("A")
    ended = core.wait("LegHungUp", leg="A")
    assert (ended["q850"], ended["sip_status"], ended["by_remote"]) == (16, 0, False)
    heard = phone.wait("ended")
    assert (heard["q850"], heard["by_remote"]) == (16, True)
    assert [report["event"] for report in core.reports[1:]] == ["LegRang", "LegAnswered", "LegHungUp"]


@pytest.mark.parametrize(("status", "q850"), [(486, 17), (603, 21), (404, 1), (480, 18), (503, 41)])
def test_refusal_ends_the_leg_with_its_cause(
    core: Core, new_phone: Callable[..., Phone], status: int, q850: int
) -> None:
    phone = new_phone(ring_after_s=0.0, reject=status, answer_after_s=0.05)
    core.dial("A", phone.uri)
    ended = core.wait("LegHungUp", leg="A")
    assert (ended["q850"], ended["sip_status"], ended["by_remote"]) == (q850, status, True)
    assert core.all("LegAnswered") == []


def test_reason_of_a_refusal_wins_over_its_status(core: Core, wire: WirePhone) -> None:
    invite = dialled(core, wire)
    wire.respond(invite, "480 Temporarily Unavailable", 'Reason: Q.850;text="a, b";cause=1')
    wire.expect("ACK")
    ended = core.wait("LegHungUp")
    assert (ended["q850"], ended["sip_status"], ended["text"]) == (1, 480, "Temporarily Unavailable")


def test_redirection_is_not_followed(core: Core, wire: WirePhone) -> None:
    invite = dialled(core, wire)
    wire.respond(invite, "302 Moved Temporarily")
    wire.expect("ACK")
    ended = core.wait("LegHungUp")
    assert (ended["q850"], ended["sip_status"], ended["by_remote"]) == (23, 302, True)


def test_ringing_and_progress_are_reported_each_time_in_any_order(core: Core, wire: WirePhone) -> None:
    invite = dialled(core, wire)
    for status in ("100 Trying", "183 Session Progress", "180 Ringing", "182 Queued", "180 Ringing"):
        wire.respond(invite, status)
    core.wait("LegProgressed", status=182)
    wire.respond(invite, "486 Busy Here")
    core.wait("LegHungUp")
    reports = [(report["event"], report.get("status")) for report in core.reports[1:]]
    assert reports == [
        ("LegProgressed", 183),
        ("LegRang", None),
        ("LegProgressed", 182),
        ("LegRang", None),
        ("LegHungUp", None),
    ]


def test_progress_with_a_reason_announces_the_failure(core: Core, wire: WirePhone) -> None:
    invite = dialled(core, wire)
    wire.respond(invite, "183 Session Progress", "Reason: Q.850;cause=1", media=True)
    assert core.wait("LegProgressed")["failure"]["q850"] == 1
    wire.respond(invite, "404 Not Found")
    assert core.wait("LegHungUp")["q850"] == 1


# -- who calls ----------------------------------------------------------------------------------------------


def test_display_number_is_in_from_and_asserted_identity(core: Core, wire: WirePhone) -> None:
    invite = dialled(core, wire, display="+8695588")
    host = wire.address.split(":")[0]
    assert re.search(rf"<sip:\+8695588@{host}>;tag=", invite.header("From"))
    assert invite.header("P-Asserted-Identity") == f"<sip:+8695588@{host}>"
    wire.respond(invite, "486 Busy Here")
    core.wait("LegHungUp")


def test_softphone_reads_called_calling_and_asserted_number(
    core: Core, new_phone: Callable[..., Phone]
) -> None:
    phone = new_phone(answer_after_s=None)
    core.dial("A", phone.uri, display="95588")
    call = phone.wait("incoming")
    assert (call["called"], call["calling"], call["asserted"]) == ("100", "95588", "95588")
    core.hang_up("A")
    core.wait("LegHungUp")


def test_number_goes_to_the_trunk_with_the_trunks_identity(core: Core, wire: WirePhone) -> None:
    trunk = {"host": wire.address, "identity_host": "ours.example"}
    core.dial("A", "*21#", trunk=trunk)
    invite = wire.expect("INVITE")
    assert invite.start_line == f"INVITE sip:*21%23@{wire.address} SIP/2.0"
    assert invite.header("P-Asserted-Identity") == "<sip:95588@ours.example>"
    wire.respond(invite, "486 Busy Here")
    core.wait("LegHungUp")


def test_outbound_proxy_gets_the_invite_of_another_destination(core: Core, wire: WirePhone) -> None:
    core.dial("A", "sip:100@nowhere.invalid", trunk={"proxy": f"sip:{wire.address}"})
    invite = wire.expect("INVITE")
    assert invite.start_line == "INVITE sip:100@nowhere.invalid SIP/2.0"
    assert invite.header("Route") == f"<sip:{wire.address};lr>"
    wire.respond(invite, "486 Busy Here")
    core.wait("LegHungUp")


def test_offer_has_the_codecs_in_order_and_telephone_events(core: Core, wire: WirePhone) -> None:
    invite = dialled(core, wire)
    assert invite.payload_types[:3] == [8, 0, 9]  # PCMA, PCMU, G722 (RFC 3551 table 4)
    assert "telephone-event/8000" in invite.body
    wire.respond(invite, "486 Busy Here")
    core.wait("LegHungUp")


def test_trunk_narrows_and_orders_the_offer(core: Core, wire: WirePhone) -> None:
    invite = dialled(core, wire, trunk={"codecs": ["PCMU", "PCMA"]})
    assert [number for number in invite.payload_types if number < 96] == [0, 8]
    wire.respond(invite, "486 Busy Here")
    core.wait("LegHungUp")
    core.dial("B", wire.uri)
    invite = wire.expect("INVITE")
    assert invite.payload_types[:3] == [8, 0, 9]
    wire.respond(invite, "486 Busy Here")
    core.wait("LegHungUp", leg="B")


# -- credentials --------------------------------------------------------------------------------------------

REALM, NONCE = "lab", "8f1a"


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def proves(request: SipMessage, password: str) -> bool:
    """Whether the Authorization is that of user "lab" with this password (RFC 2617 section 3.2.2)."""
    fields = dict(re.findall(r'(\w+)="?([^",]+)"?', request.header("Authorization")))
    uri = request.start_line.split(" ")[1]
    secret, what = md5(f"lab:{REALM}:{password}"), md5(f"INVITE:{uri}")
    wanted = md5(f"{secret}:{NONCE}:{fields['nc']}:{fields['cnonce']}:auth:{what}")
    return bool(fields["response"] == wanted and fields["username"] == "lab")


def challenged(core: Core, wire: WirePhone, password: str) -> SipMessage:
    """The INVITE that answers our challenge."""
    first = dialled(core, wire, trunk={"host": wire.address, "user": "lab", "password": password})
    assert first.headers("Authorization") == []
    challenge = f'Digest realm="{REALM}", nonce="{NONCE}", algorithm=MD5, qop="auth"'
    wire.respond(first, "401 Unauthorized", f"WWW-Authenticate: {challenge}")
    wire.expect("ACK")
    return wire.expect("INVITE")


def test_challenged_call_proves_the_trunks_password(core: Core, wire: WirePhone) -> None:
    invite = challenged(core, wire, "right")
    assert proves(invite, "right")
    wire.respond(invite, "200 OK", media=True)
    wire.expect("ACK")
    core.wait("LegAnswered")
    core.hang_up("A")
    wire.respond(wire.expect("BYE"), "200 OK")
    core.wait("LegHungUp")


def test_wrong_password_ends_as_call_rejected(core: Core, wire: WirePhone) -> None:
    invite = challenged(core, wire, "wrong")
    assert not proves(invite, "right")
    wire.respond(invite, "403 Forbidden")
    ended = core.wait("LegHungUp")
    assert (ended["q850"], ended["sip_status"]) == (21, 403)


def test_second_challenge_with_the_same_nonce_ends_the_call(core: Core, wire: WirePhone) -> None:
    invite = challenged(core, wire, "wrong")
    challenge = f'Digest realm="{REALM}", nonce="{NONCE}", algorithm=MD5, qop="auth"'
    wire.respond(invite, "401 Unauthorized", f"WWW-Authenticate: {challenge}")
    ended = core.wait("LegHungUp")
    assert (ended["q850"], ended["sip_status"]) == (21, 401)


# -- the end ------------------------------------------------------------------------------------------------


def test_remote_bye_ends_the_leg_at_once(core: Core, wire: WirePhone) -> None:
    invite = answered(core, wire)
    wire.bye(invite)
    answer = wire.expect("200")
    ended = core.wait("LegHungUp")
    assert (ended["q850"], ended["sip_status"], ended["by_remote"]) == (16, 0, True)
    assert abs(ended["at_s"] - answer.at_s) < AT_ONCE_S


def test_reason_of_a_bye_is_the_cause(core: Core, wire: WirePhone) -> None:
    invite = answered(core, wire)
    wire.bye(invite, "Reason: SIP;cause=480", "Reason: Q.850;cause=102")
    ended = core.wait("LegHungUp")
    assert (ended["q850"], ended["sip_status"], ended["by_remote"]) == (102, 0, True)


@pytest.mark.parametrize(("q850", "meaning"), [(16, "normal clearing"), (31, "normal, unspecified")])
def test_our_bye_says_why(core: Core, wire: WirePhone, q850: int, meaning: str) -> None:
    answered(core, wire)
    core.hang_up("A", q850)
    bye = wire.expect("BYE")
    assert bye.header("Reason") == f'Q.850;cause={q850};text="{meaning}"'
    wire.respond(bye, "200 OK")
    assert core.wait("LegHungUp")["by_remote"] is False


def test_call_that_is_never_answered_is_cancelled_with_the_reason(core: Core, wire: WirePhone) -> None:
    invite = dialled(core, wire)
    wire.respond(invite, "180 Ringing")
    core.wait("LegRang")
    core.hang_up("A", 19)
    cancel = wire.expect("CANCEL")
    assert cancel.header("Reason") == 'Q.850;cause=19;text="no answer"'
    wire.respond(cancel, "200 OK")
    wire.respond(invite, "487 Request Terminated")
    wire.expect("ACK")
    ended = core.wait("LegHungUp")
    # 480 stands for 18, 19 and 20: the cause on record is the one we gave up with.
    assert (ended["q850"], ended["sip_status"], ended["by_remote"]) == (19, 480, False)


def test_cancelled_softphone_stops_ringing(core: Core, new_phone: Callable[..., Phone]) -> None:
    phone = new_phone(ring_after_s=0.0, answer_after_s=None)
    core.dial("A", phone.uri)
    core.wait("LegRang")
    core.hang_up("A", 19)
    assert core.wait("LegHungUp")["by_remote"] is False
    assert phone.wait("ended")["by_remote"] is True
    assert phone.all("answered") == []


def test_answer_that_crosses_our_cancel_is_acknowledged_and_hung_up(core: Core, wire: WirePhone) -> None:
    invite = dialled(core, wire)
    wire.respond(invite, "180 Ringing")
    core.wait("LegRang")
    core.hang_up("A", 19)
    cancel = wire.expect("CANCEL")
    wire.respond(invite, "200 OK", media=True)
    wire.respond(cancel, "200 OK")
    wire.expect("ACK")
    bye = wire.expect("BYE")
    wire.respond(bye, "200 OK")
    ended = core.wait("LegHungUp")
    assert ended["by_remote"] is False
    assert no_call_left(core)


def test_hang_up_before_any_response_cancels_with_the_first_one(core: Core, wire: WirePhone) -> None:
    invite = dialled(core, wire)
    core.hang_up("A")
    wire.respond(invite, "180 Ringing")
    cancel = wire.expect("CANCEL")
    wire.respond(cancel, "200 OK")
    wire.respond(invite, "487 Request Terminated")
    assert core.wait("LegHungUp")["by_remote"] is False


def test_hang_up_before_any_response_ends_an_answered_call(core: Core, wire: WirePhone) -> None:
    invite = dialled(core, wire)
    core.hang_up("A")
    wire.respond(invite, "200 OK", media=True)
    wire.expect("ACK")
    wire.respond(wire.expect("BYE"), "200 OK")
    assert core.wait("LegHungUp")["by_remote"] is False
    assert no_call_left(core)


def test_bye_that_crosses_ours_ends_the_leg_once(core: Core, wire: WirePhone) -> None:
    invite = answered(core, wire)
    core.hang_up("A")
    bye = wire.expect("BYE")
    wire.bye(invite)
    wire.respond(bye, "481 Call/Transaction Does Not Exist")
    core.wait("LegHungUp")
    assert no_call_left(core)


def test_hang_up_twice_sends_one_bye(core: Core, wire: WirePhone) -> None:
    answered(core, wire)
    core.hang_up("A")
    core.hang_up("A", 31)
    bye = wire.expect("BYE")
    wire.respond(bye, "200 OK")
    core.wait("LegHungUp")
    with pytest.raises(AssertionError, match="no BYE"):
        wire.expect("BYE", deadline_s=0.3)


def test_leg_that_was_never_dialled_ends_when_hung_up(core: Core) -> None:
    core.order("new_leg", leg="A")
    core.hang_up("A", 31)
    ended = core.wait("LegHungUp", leg="A")
    assert (ended["q850"], ended["by_remote"]) == (31, False)


def test_unanswered_bye_ends_the_leg_at_once(core: Core, new_phone: Callable[..., Phone]) -> None:
    phones = [new_phone(answer_after_s=0.0), new_phone(answer_after_s=0.0)]
    for leg, phone in zip("AB", phones, strict=True):
        core.dial(leg, phone.uri)
    for leg in "AB":
        core.wait("LegAnswered", leg=leg)
    for phone in phones:
        phone.kill()
    for leg in "AB":
        core.hang_up(leg)
    for leg in "AB":
        ended = core.wait("LegHungUp", leg=leg, deadline_s=2.0)
        assert (ended["q850"], ended["by_remote"]) == (16, False)


def test_hang_up_towards_a_dead_host_ends_the_leg_at_once(core: Core, wire: WirePhone) -> None:
    dialled(core, wire)  # and no word from there, ever
    core.hang_up("A", 19)
    assert core.wait("LegHungUp", deadline_s=2.0)["by_remote"] is False


# -- orders that cannot be carried out ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("called", "display", "text"),
    [
        ("12 34", "95588", "destination '12 34'"),
        ("100", "95588", "needs a trunk"),
        ("sip:a@b", "9 5", "display"),
    ],
)
def test_malformed_dial_is_refused_and_leaves_an_idle_leg(
    core: Core, called: str, display: str, text: str
) -> None:
    core.dial("A", called, display=display)
    error = core.wait("error")
    assert error["type"] == "SipConfigError"
    assert text in error["text"]
    core.hang_up("A")
    assert core.wait("LegHungUp")["by_remote"] is False


def test_second_dial_of_a_leg_is_refused(core: Core, wire: WirePhone) -> None:
    invite = dialled(core, wire)
    core.order("dial_again", leg="A", called=wire.uri, display="95588")
    assert core.wait("error")["type"] == "LegStateError"
    wire.respond(invite, "486 Busy Here")
    assert core.wait("LegHungUp")["q850"] == 17


def test_fifth_call_of_the_engine_ends_for_want_of_resources(core: Core, wire: WirePhone) -> None:
    n_calls = core.wait("ready")["calls"]
    if n_calls > 8:
        pytest.skip(f"this build of pjsua2 has {n_calls} calls: too many to fill in a test")
    invites = []
    for number in range(n_calls):
        core.dial(f"L{number}", wire.uri)
        invites.append(wire.expect("INVITE"))
    core.dial("beyond", wire.uri)
    ended = core.wait("LegHungUp", leg="beyond")
    assert (ended["q850"], ended["sip_status"]) == (47, 503)
    wire.respond(invites[0], "486 Busy Here")
    core.wait("LegHungUp", leg="L0")
    core.dial("again", wire.uri)  # at once: an ended leg has given its call back
    invites[0] = wire.expect("INVITE")
    for invite in invites:
        wire.respond(invite, "486 Busy Here")
    for leg in [*(f"L{number}" for number in range(1, n_calls)), "again"]:
        assert core.wait("LegHungUp", leg=leg)["q850"] == 17
