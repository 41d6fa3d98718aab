"""Calls over IPv6, and between IPv4 and IPv6: signalling, what is heard, what is refused."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from media.fingerprint import KnownSignal, identify
from media.g711 import alaw_encode
from media.types import SAMPLE_RATE_HZ
from media.wav import read_pcm
from sip.pjsua.ports import has_ipv6
from sip.rtp_ports import FIRST_PORT, LAST_PORT
from sip.softphone import Script
from tests.e2e.loopback.addresses import needs_ipv6, needs_ipv6_loopback
from tests.e2e.loopback.parties import ROOT, Core, Phone
from tests.e2e.loopback.wirephone import PACKET_SAMPLES, SipMessage, WirePhone

NewCore = Callable[..., Core]
NewPhone = Callable[..., Phone]

TALK_S = 1.2
"""How long two parties listen to each other."""

STRANGE_PACKETS = 10
"""RTP from somebody who is not in the call."""


pytestmark = [pytest.mark.e2e, needs_ipv6_loopback]


@pytest.fixture
def new_core(parties: ExitStack, cache_dir: Path) -> NewCore:
    """Starts a core with these settings; it is up, or has refused them."""

    def start(**settings: object) -> Core:
        core = parties.enter_context(Core(cache_dir, **settings))
        core.wait("ready", "refused")
        return core

    return start


@pytest.fixture
def new_phone_6(parties: ExitStack, cache_dir: Path) -> NewPhone:
    """Makes softphones on ::1."""

    def make(**script: object) -> Phone:
        return parties.enter_context(Phone(cache_dir, Script(**script), "--bind", "::1"))  # type: ignore[arg-type]

    return make


@pytest.fixture
def wire_6(parties: ExitStack) -> WirePhone:
    """A far end of two sockets on ::1."""
    return parties.enter_context(WirePhone("::1"))


def sdp_hosts(message: SipMessage) -> set[str]:
    """Every address of its SDP, with its family."""
    return set(re.findall(r"IN (IP[46] \S+)\r", message.body))


# -- one leg ------------------------------------------------------------------------------------------------


@needs_ipv6
def test_everything_that_an_ipv6_call_says_of_addresses_is_ipv6(
    new_core: NewCore, parties: ExitStack, wire_6: WirePhone, talks: dict[str, Path], tmp_path: Path
) -> None:
    stranger = parties.enter_context(WirePhone("::1"))
    core, capture = new_core(bind="[::1]"), tmp_path / "a.wav"
    assert re.fullmatch(r"\[::1\]:\d+", core.address)
    core.dial("A", wire_6.uri, display="+8695588")
    core.order("start_capture", leg="A", path=str(capture))
    invite = wire_6.expect("INVITE")
    assert invite.start_line == f"INVITE {wire_6.uri} SIP/2.0"
    assert f"SIP/2.0/UDP {core.address};" in invite.header("Via")
    assert invite.header("Contact").startswith(f"<sip:ivrcore@{core.address}")
    assert invite.header("From").startswith("<sip:+8695588@[::1]>;tag=")
    assert invite.header("P-Asserted-Identity") == "<sip:+8695588@[::1]>"
    assert sdp_hosts(invite) == {"IP6 ::1"}
    host, port = invite.rtp_address
    assert host == "::1"
    assert FIRST_PORT <= port <= LAST_PORT
    wire_6.respond(invite, "200 OK", media=True)
    wire_6.expect("ACK")
    core.wait("LegAnswered", leg="A")
    core.order("play", leg="A", playback="talk", path=str(talks["prompt"]))
    said = read_pcm(talks["b"])[: int(TALK_S * SAMPLE_RATE_HZ)]
    wire_6.speak(invite, alaw_encode(said).tobytes())
    stranger.speak(invite, alaw_encode(read_pcm(talks["a"])[: STRANGE_PACKETS * PACKET_SAMPLES]).tobytes())
    core.wait("PlaybackEnded", leg="A")
    assert len(wire_6.packets) >= 50  # the prompt's second
    core.hang_up("A")
    wire_6.respond(wire_6.expect("BYE"), "200 OK")
    assert core.wait("LegHungUp", leg="A")["rejected_packets"] == STRANGE_PACKETS
    (heard,) = identify(read_pcm(capture), [KnownSignal("b", read_pcm(talks["b"]), loop=True)])
    assert heard.end_s - heard.start_s > TALK_S - 0.3


@needs_ipv6
def test_ipv6_trunk_gets_numbers_with_digest_and_callers_identity(
    new_core: NewCore, wire_6: WirePhone
) -> None:
    core = new_core(bind="::1")
    core.dial("A", "*21#", trunk={"host": wire_6.address, "user": "lab", "password": "right"})
    first = wire_6.expect("INVITE")
    assert first.start_line == f"INVITE sip:*21%23@{wire_6.address} SIP/2.0"
    assert first.header("P-Asserted-Identity") == f"<sip:95588@{wire_6.address}>"
    wire_6.respond(
        first, "401 Unauthorized", 'WWW-Authenticate: Digest realm="lab", nonce="8f1a", qop="auth"'
    )
    wire_6.expect("ACK")
    second = wire_6.expect("INVITE")
    assert f'uri="sip:*21%23@{wire_6.address}"' in second.header("Authorization")
    wire_6.respond(second, "486 Busy Here")
    assert core.wait("LegHungUp", leg="A")["q850"] == 17


@needs_ipv6
def test_outbound_proxy_on_ipv6_takes_a_call_to_a_name(new_core: NewCore, wire_6: WirePhone) -> None:
    core = new_core(also_bind="::1")
    core.dial("A", "sip:100@nowhere.invalid", trunk={"proxy": f"sip:{wire_6.address}"})
    invite = wire_6.expect("INVITE")
    assert invite.header("Route") == f"<sip:{wire_6.address};lr>"
    assert sdp_hosts(invite) == {"IP6 ::1"}
    wire_6.respond(invite, "486 Busy Here")
    core.wait("LegHungUp", leg="A")


@needs_ipv6
def test_answer_with_media_of_the_other_family_ends_the_call(new_core: NewCore, parties: ExitStack) -> None:
    core = new_core(bind="::1", also_bind="127.0.0.1")
    wire = parties.enter_context(WirePhone("::1", media_host="127.0.0.1"))
    core.dial("A", wire.uri)
    wire.respond(wire.expect("INVITE"), "200 OK", media=True)
    bye = wire.expect("BYE")  # before the ACK
    assert "cause=488" in bye.header("Reason")
    wire.respond(bye, "200 OK")
    assert core.wait("LegHungUp", leg="A")["by_remote"] is True
    core.dial("B", wire.uri)  # and the stack serves on
    wire.respond(wire.expect("INVITE"), "486 Busy Here")
    assert core.wait("LegHungUp", leg="B")["q850"] == 17


@needs_ipv6
def test_invite_with_media_of_the_other_family_is_refused(new_core: NewCore, parties: ExitStack) -> None:
    core = new_core(bind="::1", also_bind="127.0.0.1")
    wire = parties.enter_context(WirePhone("::1", media_host="127.0.0.1"))
    wire.invite(core.address)
    wire.expect("500")
    assert core.all("incoming") == []


# -- two families -------------------------------------------------------------------------------------------


@needs_ipv6
def test_parties_on_ipv4_and_ipv6_hear_each_other_and_are_captured(
    new_core: NewCore,
    new_phone: NewPhone,
    new_phone_6: NewPhone,
    talks: dict[str, Path],
    tmp_path: Path,
) -> None:
    core = new_core(also_bind="::1")
    ears = {name: tmp_path / f"ear-{name}.wav" for name in "ab"}
    captures = {name: tmp_path / f"capture-{name}.wav" for name in "ab"}
    phones = {
        name: make(answer_after_s=0.0, talk=str(talks[name]), hear=str(ears[name]))
        for name, make in (("a", new_phone), ("b", new_phone_6))
    }
    for leg, phone in phones.items():
        core.dial(leg, phone.uri, display="95588")
        core.order("start_capture", leg=leg, path=str(captures[leg]))
        call = phone.wait("incoming")
        assert (call["called"], call["calling"], call["asserted"]) == ("100", "95588", "95588")
        core.wait("LegAnswered", leg=leg)
    core.order("open", a="a", b="b")
    time.sleep(TALK_S)  # the talk itself
    for leg in phones:
        core.hang_up(leg)
        core.wait("LegHungUp", leg=leg)
    known = [KnownSignal(name, read_pcm(talks[name]), loop=True) for name in "ab"]
    for name, other in (("a", "b"), ("b", "a")):
        phones[name].wait("captured")
        (heard,) = identify(read_pcm(ears[name]), known)
        assert heard.name == other
        assert heard.end_s - heard.start_s > TALK_S - 0.4
        (said,) = identify(read_pcm(captures[name]), known)
        assert said.name == name


@needs_ipv6
def test_calls_come_in_on_both_addresses(
    new_core: NewCore, core: Core, talks: dict[str, Path], tmp_path: Path
) -> None:
    house, caller_6 = new_core(also_bind="::1"), new_core(bind="::1")
    for one in (house, caller_6, core):
        one.wait("ready")
    for n, nobody in enumerate(("127.0.0.1:9", "[::1]:9")):
        # A trunk of each family that would refuse them: what comes in is none of its business.
        house.dial(f"T{n}", "100", trunk={"host": nobody, "transport": "tls", "srtp": "required"})
        house.wait("LegHungUp", leg=f"T{n}")
    callers = (("4", core), ("6", caller_6))
    for (name, caller), address in zip(callers, house.wait("ready")["addresses"], strict=True):
        caller.dial("A", f"sip:100@{address}", display=name)
        leg = house.wait("incoming", calling=name)["leg"]
        ear = tmp_path / "ear.wav"
        house.order("start_capture", leg=leg, path=str(ear))
        house.order("answer", leg=leg)
        house.wait("LegAnswered", leg=leg)
        caller.wait("LegAnswered", leg="A")
        caller.order("play", leg="A", playback="talk", path=str(talks["prompt"]))
        caller.wait("PlaybackEnded", leg="A")
        caller.hang_up("A")
        assert house.wait("LegHungUp", leg=leg)["by_remote"] is True
        caller.wait("LegHungUp", leg="A")
        house.order("stop_capture", leg=leg)
        house.wait("capture_closed", leg=leg)
        (heard,) = identify(read_pcm(ear), [KnownSignal("prompt", read_pcm(talks["prompt"]))])
        assert heard.end_s - heard.start_s > 0.8


# -- the command line ---------------------------------------------------------------------------------------


def ivrcore(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ivrcore", *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )


@needs_ipv6
def test_ivrcore_calls_a_number_through_an_ipv6_trunk(
    new_phone_6: NewPhone, talks: dict[str, Path], tmp_path: Path
) -> None:
    ear = tmp_path / "ear.wav"
    phone = new_phone_6(ring_after_s=None, answer_after_s=0.0, hear=str(ear))
    trunk = phone.uri.removeprefix("sip:100@")
    done = ivrcore(
        *("notify", "8001", "--file", str(talks["prompt"]), "--trunk", trunk, "--bind", "::1"), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "SIP on [::1]:" in done.stderr
    assert phone.wait("incoming")["called"] == "8001"
    phone.wait("captured")
    (heard,) = identify(read_pcm(ear), [KnownSignal("prompt", read_pcm(talks["prompt"]))])
    assert heard.end_s - heard.start_s > 0.8


@needs_ipv6
def test_endpoint_on_every_address_names_none_of_them_all(
    new_core: NewCore, wire: WirePhone, wire_6: WirePhone
) -> None:
    core = new_core(bind="0.0.0.0", also_bind="::")
    for leg, far, address in zip("46", (wire, wire_6), core.wait("ready")["addresses"], strict=True):
        host = address.rpartition(":")[0]
        assert host not in ("0.0.0.0", "[::]")
        core.dial(leg, far.uri)
        invite = far.expect("INVITE")
        assert invite.header("P-Asserted-Identity") == f"<sip:95588@{host}>"
        assert invite.header("Contact").startswith(f"<sip:ivrcore@{address}")
        assert {hosts.split()[1] for hosts in sdp_hosts(invite)} == {host.strip("[]")}
        far.respond(invite, "486 Busy Here")
        core.wait("LegHungUp", leg=leg)


# -- what is refused ----------------------------------------------------------------------------------------


@pytest.mark.skipif(has_ipv6(), reason="this pjsua2 build has IPv6")
def test_build_without_ipv6_refuses_its_addresses_in_one_line(new_core: NewCore) -> None:
    for settings in ({"bind": "::1"}, {"also_bind": "[::1]"}):
        refused = new_core(**settings).wait("refused")
        assert refused["type"] == "SipConfigError"
        assert refused["text"] == (
            "address ::1: this pjsua2 build has no IPv6; the one that 'make engine' builds has"
        )


def test_ipv6_destination_of_an_ipv4_endpoint_is_refused_in_one_line(core: Core) -> None:
    core.dial("A", "sip:100@[::1]:5060")
    error = core.wait("error")
    assert error["type"] == "SipConfigError"
    assert error["text"] == "[::1] cannot be reached from 127.0.0.1: bind an IPv6 address as well"
    core.hang_up("A")
    core.wait("LegHungUp", leg="A")


@needs_ipv6
def test_foreign_ipv6_address_is_refused_by_name(new_core: NewCore) -> None:
    refused = new_core(bind="2001:db8::5").wait("refused")  # RFC 3849: nobody's address
    assert refused["text"] == "address 2001:db8::5 is not one of this machine's"


@needs_ipv6
def test_busy_ipv6_port_is_refused_by_name(new_core: NewCore) -> None:
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as taken:
        taken.bind(("::1", 0))
        port = taken.getsockname()[1]
        refused = new_core(bind="::1", sip_port=port).wait("refused")
    assert refused["text"] == (
        f"UDP port {port} on ::1 is in use: choose another SIP port, or 0 for a free one"
    )
