"""Settings of an endpoint: what is refused before any stack is started."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError
from ipaddress import ip_address
from pathlib import Path

import pytest

from sip.bridge import Bridge
from sip.endpoint import Endpoint, EndpointSettings, EngineLimits, IncomingCall
from sip.errors import SipConfigError
from sip.leg import Leg
from sip.pjsua.bridge import PjsuaBridge
from sip.pjsua.endpoint import PjsuaEndpoint
from sip.pjsua.leg import PjsuaLeg
from sip.testing import ScriptedLeg
from sip.trunk import DEFAULT_CODECS


def test_defaults_stay_on_loopback_and_take_a_free_port() -> None:
    settings = EndpointSettings()
    assert (settings.bind, settings.sip_port, settings.codecs) == ("127.0.0.1", 0, DEFAULT_CODECS)
    assert settings.trace_file is None


@pytest.mark.parametrize("sip_port", [0, 1, 5060, 65535])
def test_udp_port_is_accepted(sip_port: int) -> None:
    assert EndpointSettings(sip_port=sip_port).sip_port == sip_port


@pytest.mark.parametrize("sip_port", [-1, 65536, 506000])
def test_impossible_port_is_refused_by_name(sip_port: int) -> None:
    with pytest.raises(SipConfigError) as error:
        EndpointSettings(sip_port=sip_port)
    assert str(error.value) == f"SIP port {sip_port} is not 0 to 65535"


def test_bound_addresses_are_read_in_their_order() -> None:
    assert EndpointSettings(bind="[::1]").addresses == (ip_address("::1"),)
    both = EndpointSettings(bind="192.0.2.5", also_bind="2001:db8::5")
    assert both.addresses == (ip_address("192.0.2.5"), ip_address("2001:db8::5"))


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"bind": "localhost"}, "address 'localhost' is not an IP address such as 192.0.2.5 or 2001:db8::5"),
        ({"bind": ""}, "address '' is not an IP address such as 192.0.2.5 or 2001:db8::5"),
        ({"also_bind": "fe80::1"}, "address fe80::1 is of one link, which SIP cannot name: choose another"),
        (
            {"bind": "::1", "also_bind": "2001:db8::5"},
            "addresses ::1 and 2001:db8::5 are both IPv6: name one of each family",
        ),
        (
            {"bind": "127.0.0.1", "also_bind": "127.0.0.1"},
            "addresses 127.0.0.1 and 127.0.0.1 are both IPv4: name one of each family",
        ),
    ],
)
def test_addresses_that_cannot_work_are_refused_by_name(settings: dict[str, str], says: str) -> None:
    with pytest.raises(SipConfigError) as error:
        EndpointSettings(**settings)  # type: ignore[arg-type]  # all of them are texts
    assert str(error.value) == says


def test_missing_file_of_tls_is_named(tmp_path: Path) -> None:
    there = tmp_path / "there.pem"
    there.touch()
    settings = EndpointSettings(
        tls_certificate=str(there), tls_key=str(there), tls_authorities="/nowhere.pem"
    )
    with pytest.raises(SipConfigError) as error:
        settings.check_tls_files()
    assert str(error.value) == "TLS authorities: there is no file /nowhere.pem"


@pytest.mark.parametrize("jitter_buffer_ms", range(0, 201, 20))
def test_whole_packets_of_jitter_buffer_are_accepted(jitter_buffer_ms: int) -> None:
    assert EndpointSettings(jitter_buffer_ms=jitter_buffer_ms).jitter_buffer_ms == jitter_buffer_ms


@pytest.mark.parametrize("jitter_buffer_ms", [-20, 10, 30, 199, 220, 2000])
def test_other_jitter_buffers_are_refused_by_name(jitter_buffer_ms: int) -> None:
    with pytest.raises(SipConfigError) as error:
        EndpointSettings(jitter_buffer_ms=jitter_buffer_ms)
    text = f"jitter buffer of {jitter_buffer_ms} ms: must be 0 to 200 in steps of 20"
    assert str(error.value) == text


@pytest.mark.parametrize("codecs", [(), ("GSM",), ("PCMA", "PCMA"), ("pcma",)])
def test_codecs_that_cannot_work_are_refused(codecs: tuple[str, ...]) -> None:
    with pytest.raises(SipConfigError, match="codec"):
        EndpointSettings(codecs=codecs)


def test_settings_do_not_change() -> None:
    with pytest.raises(FrozenInstanceError):
        EndpointSettings().sip_port = 5060  # type: ignore[misc]  # this is what is tested


def test_limits_and_incoming_calls_compare_by_value() -> None:
    assert EngineLimits("2.15", 4, 254) == EngineLimits("2.15", 4, 254)
    leg = ScriptedLeg.alone("in-1")
    assert IncomingCall(leg, "100", "200", "") == IncomingCall(leg, "100", "200", "")
    assert IncomingCall(leg, "100", "200", "") != IncomingCall(leg, "100", "201", "")


def test_the_stack_has_the_shapes_the_protocols_promise() -> None:
    # The annotations are the test: the type checker refuses them when a signature drifts from its protocol.
    endpoint: type[Endpoint] = PjsuaEndpoint
    leg: type[Leg] = PjsuaLeg
    bridge: Callable[[PjsuaLeg, PjsuaLeg], Bridge] = PjsuaBridge
    for protocol, real in ((Endpoint, endpoint), (Leg, leg), (Bridge, bridge)):
        promised = {name for name in vars(protocol) if not name.startswith("_")}
        assert promised
        assert {name for name in promised if not hasattr(real, name)} == set()
