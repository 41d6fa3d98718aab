"""Calls over TLS with SRTP: who gets through, who does not, and that the audio arrives."""

import socket
import ssl
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from media.fingerprint import KnownSignal, identify
from media.wav import read_pcm
from sip.engine_choice import chosen_engine
from tests.e2e.loopback.addresses import needs_ipv6_loopback
from tests.e2e.loopback.papers import Papers, papers
from tests.e2e.loopback.parties import Core

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        chosen_engine() is None, reason="TLS is promised on our own build: IVRCORE_ENGINE=own"
    ),
]

NewCore = Callable[..., Core]


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """The callee's."""
    return papers(tmp_path_factory.mktemp("papers") / "ours")


@pytest.fixture
def new_core(parties: ExitStack, cache_dir: Path) -> NewCore:
    """Starts a core with these settings."""
    return lambda **settings: parties.enter_context(Core(cache_dir, **settings))


def callee(new_core: NewCore, ours: Papers, srtp: str = "off", also_bind: str = "") -> Core:
    """A core that takes calls over TLS."""
    return new_core(
        also_bind=also_bind,
        tls_port=0,
        tls_certificate=ours.certificate,
        tls_key=ours.key,
        srtp=srtp,
    )


def dial(caller: Core, callee: Core, srtp: str) -> None:
    """Leg A, by a trunk, to the last address of the other core."""
    trunk = {"host": callee.wait("ready")["tls_addresses"][-1], "transport": "tls", "srtp": srtp}
    caller.wait("ready")
    caller.dial("A", "100", trunk=trunk)


@pytest.mark.parametrize(
    ("offered", "accepted", "also_bind"),
    [
        ("off", "off", ""),
        ("required", "required", ""),
        ("optional", "off", ""),
        pytest.param("required", "required", "::1", marks=needs_ipv6_loopback),
    ],
)
def test_call_over_tls_is_answered_and_heard(
    new_core: NewCore,
    ours: Papers,
    talks: dict[str, Path],
    tmp_path: Path,
    offered: str,
    accepted: str,
    also_bind: str,
) -> None:
    caller = new_core(also_bind=also_bind, tls_authorities=ours.certificate)
    far = callee(new_core, ours, accepted, also_bind)
    dial(caller, far, offered)
    leg = far.wait("incoming")["leg"]
    far.order("answer", leg=leg)
    caller.wait("LegAnswered", leg="A")
    far.wait("LegAnswered", leg=leg)
    capture = tmp_path / "capture.wav"
    caller.order("start_capture", leg="A", path=str(capture))
    caller.wait("CaptureStarted", leg="A")
    far.order("play", leg=leg, playback="talk", path=str(talks["prompt"]))
    far.wait("PlaybackEnded", leg=leg)
    caller.order("stop_capture", leg="A")
    caller.wait("capture_closed", leg="A")
    caller.hang_up("A")
    assert far.wait("LegHungUp", leg=leg)["by_remote"] is True
    caller.wait("LegHungUp", leg="A")
    (heard,) = identify(read_pcm(capture), [KnownSignal("prompt", read_pcm(talks["prompt"]))])
    assert heard.end_s - heard.start_s > 0.8


def test_far_end_of_an_unknown_authority_gets_no_call(
    new_core: NewCore, ours: Papers, tmp_path: Path
) -> None:
    caller = new_core(tls_authorities=papers(tmp_path / "others").certificate)
    far = callee(new_core, ours)
    dial(caller, far, "off")
    assert caller.wait("LegHungUp", leg="A")["sip_status"] >= 500
    assert far.all("incoming") == []


def test_far_end_without_srtp_refuses_a_call_that_requires_it(new_core: NewCore, ours: Papers) -> None:
    caller = new_core(tls_authorities=ours.certificate)
    far = callee(new_core, ours)
    dial(caller, far, "required")
    assert caller.wait("LegHungUp", leg="A")["sip_status"] == 488


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_tls_1_2_and_1_3_are_spoken(new_core: NewCore, ours: Papers, version: ssl.TLSVersion) -> None:
    host, _, port = callee(new_core, ours).wait("ready")["tls_address"].partition(":")
    context = ssl.create_default_context(cafile=ours.certificate)
    context.minimum_version = context.maximum_version = version
    with (
        socket.create_connection((host, int(port)), 5) as plain,
        context.wrap_socket(plain, server_hostname=host) as secure,
    ):
        assert secure.version() == version.name.replace("_", ".")


def test_missing_certificate_is_refused_by_name(new_core: NewCore) -> None:
    refused = new_core(tls_port=0, tls_certificate="/nowhere/c.pem", tls_key="/nowhere/k.pem").wait("refused")
    assert refused["text"] == "TLS certificate: there is no file /nowhere/c.pem"
