"""Calls over TCP: both ends can be heard, and either can hang up."""

import socket
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from media.fingerprint import KnownSignal, identify
from media.wav import read_pcm
from tests.e2e.loopback.addresses import needs_ipv6
from tests.e2e.loopback.parties import Core
from tests.e2e.loopback.wirephone import WirePhone

pytestmark = pytest.mark.e2e

NewCore = Callable[..., Core]


@pytest.fixture
def new_core(parties: ExitStack, cache_dir: Path) -> NewCore:
    """Starts a core with these settings; it is up, or has refused them."""

    def start(**settings: object) -> Core:
        core = parties.enter_context(Core(cache_dir, **settings))
        core.wait("ready", "refused")
        return core

    return start


@pytest.mark.parametrize("also_bind", ["", pytest.param("::1", marks=needs_ipv6)])
def test_call_over_tcp_is_answered_heard_and_hung_up_by_the_far_end(
    new_core: NewCore, talks: dict[str, Path], tmp_path: Path, also_bind: str
) -> None:
    caller, far = new_core(also_bind=also_bind), new_core(also_bind=also_bind, tcp=True)
    caller.wait("ready")
    trunk = {"host": far.wait("ready")["tcp_addresses"][-1], "transport": "tcp"}
    caller.dial("A", "100", trunk=trunk)
    leg = far.wait("incoming")["leg"]
    capture = tmp_path / "capture.wav"
    caller.order("start_capture", leg="A", path=str(capture))
    far.order("answer", leg=leg)
    caller.wait("LegAnswered", leg="A")
    far.wait("LegAnswered", leg=leg)
    far.order("play", leg=leg, playback="talk", path=str(talks["prompt"]))
    far.wait("PlaybackEnded", leg=leg)
    caller.order("stop_capture", leg="A")
    caller.wait("capture_closed", leg="A")
    far.hang_up(leg, 31)
    ended = caller.wait("LegHungUp", leg="A")
    assert (ended["q850"], ended["by_remote"]) == (31, True)
    far.wait("LegHungUp", leg=leg)
    (heard,) = identify(read_pcm(capture), [KnownSignal("prompt", read_pcm(talks["prompt"]))])
    assert heard.end_s - heard.start_s > 0.8


def test_far_end_without_tcp_ends_the_call(new_core: NewCore) -> None:
    caller = new_core()
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as nobody:
        nobody.bind(("127.0.0.1", 0))  # and does not listen
        host = f"127.0.0.1:{nobody.getsockname()[1]}"
        caller.wait("ready")
        caller.dial("A", "100", trunk={"host": host, "transport": "tcp"})
        assert caller.wait("LegHungUp", leg="A")["sip_status"] >= 500


def test_busy_tcp_port_is_refused_by_name(new_core: NewCore) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        refused = new_core(sip_port=port, tcp=True).wait("refused")
    assert refused["text"] == (
        f"TCP port {port} on 127.0.0.1 is in use: choose another SIP port, or 0 for a free one"
    )


def test_long_invite_reaches_a_far_end_without_tcp_by_udp(new_core: NewCore, wire: WirePhone) -> None:
    core, user = new_core(tcp=True), "1" * 400
    core.dial("A", f"sip:{user}@{wire.address}")
    invite = wire.expect("INVITE")
    assert len(invite.text) > 1300  # RFC 3261 section 18.1.1
    assert invite.header("Via").startswith("SIP/2.0/UDP ")
    wire.respond(invite, "486 Busy Here")
    assert core.wait("LegHungUp", leg="A")["q850"] == 17
