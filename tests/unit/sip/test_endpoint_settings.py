"""Settings of an endpoint: what is refused before any stack is started."""

from collections.abc import Callable
from dataclasses import FrozenInstanceError

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
