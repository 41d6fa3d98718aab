"""RTP ports of our own build: a freed one rests, trunks share one range, and who gets none is told why."""

import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Any

import pytest

from sip.pjsua.rtp import is_ruled
from tests.e2e.engine.rtp_ground import RestingCore, pair_of_sockets
from tests.e2e.loopback.wirephone import SipMessage, WirePhone

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_ruled(), reason="not our own build of pjsua2: make engine, IVRCORE_ENGINE=own"),
]

CALLS = 200
PAIRS = 64
REST_S = 0.2
PAUSE_S = 1.5 * REST_S / PAIRS
"""Between two calls: else the range would be used up before its first port has rested."""

NewRestingCore = Callable[..., RestingCore]


@pytest.fixture
def wire(parties: ExitStack) -> WirePhone:
    return parties.enter_context(WirePhone())


def refused(core: RestingCore, wire: WirePhone, leg: str, **more: Any) -> tuple[SipMessage, float]:
    """A call that the far end refuses: its INVITE, and the moment before its port could be freed."""
    core.dial(leg, wire.uri, **more)
    invite = wire.expect("INVITE")
    at_s = time.monotonic()
    wire.respond(invite, "486 Busy Here")
    wire.expect("ACK")
    core.wait("LegHungUp", leg=leg)
    return invite, at_s


def port_of(invite: SipMessage) -> int:
    return invite.rtp_address[1]


def free_range(pairs: int) -> int:
    """Where so many pairs begin, below the ranges of others; one or the other may be taken."""
    first, second = pair_of_sockets()
    port = int(first.getsockname()[1])
    first.close()
    second.close()
    return min(port, 16000 - 2 * pairs)


def test_no_port_is_handed_out_while_it_rests_in_200_calls(new_core: NewRestingCore, wire: WirePhone) -> None:
    first = free_range(PAIRS)
    core = new_core(REST_S, rtp_first_port=first, rtp_last_port=first + 2 * PAIRS - 1)
    freed_at_s: dict[int, float] = {}
    rests_s: list[float] = []
    for number in range(CALLS):
        invite, at_s = refused(core, wire, f"leg-{number}")
        port = port_of(invite)
        assert port % 2 == 0
        assert first <= port < first + 2 * PAIRS
        if port in freed_at_s:
            rests_s.append(invite.at_s - freed_at_s[port])
        freed_at_s[port] = at_s
        time.sleep(PAUSE_S)
    assert len(rests_s) >= CALLS - PAIRS
    assert min(rests_s) > REST_S


def test_all_ports_of_the_range_are_used_in_turn(new_core: NewRestingCore, wire: WirePhone) -> None:
    first = free_range(8)
    core = new_core(0.0, rtp_first_port=first, rtp_last_port=first + 15)
    ports = [port_of(refused(core, wire, f"leg-{number}")[0]) for number in range(16)]
    assert ports[:8] == ports[8:]
    assert sorted(ports[:8]) == list(range(first, first + 16, 2))


def test_trunks_share_one_range(new_core: NewRestingCore, wire: WirePhone) -> None:
    first = free_range(8)
    core = new_core(60.0, rtp_first_port=first, rtp_last_port=first + 15)
    trunks: list[dict[str, Any]] = [{}, {"trunk": {"user": "u", "password": "p"}}]
    ports = [port_of(refused(core, wire, f"leg-{number}", **trunks[number % 2])[0]) for number in range(8)]
    assert sorted(ports) == list(range(first, first + 16, 2))


def test_port_of_another_program_is_passed_over(new_core: NewRestingCore, wire: WirePhone) -> None:
    first, second = pair_of_sockets()
    with first, second:
        port = int(first.getsockname()[1])
        core = new_core(0.0, rtp_first_port=port - 2, rtp_last_port=port + 1)
        ports = {port_of(refused(core, wire, f"leg-{number}")[0]) for number in range(4)}
    assert ports == {port - 2}


def test_call_that_finds_all_ports_resting_is_not_sent_and_says_why(
    new_core: NewRestingCore, wire: WirePhone
) -> None:
    first = free_range(2)
    core = new_core(1.0, rtp_first_port=first, rtp_last_port=first + 3)
    (one, freed_at_s), (other, _) = (refused(core, wire, name) for name in ("A", "B"))
    core.dial("C", wire.uri)
    hung_up = core.wait("LegHungUp", leg="C")
    assert (hung_up["q850"], hung_up["sip_status"]) == (47, 503)
    assert re.fullmatch(
        rf"not sent: no RTP port: 2 from {first}: 0 in use, 0 busy, 2 rest, next in [01]\.\d s",
        hung_up["text"],
    )
    assert {port_of(one), port_of(other)} == {first, first + 2}
    time.sleep(max(0.0, freed_at_s + 1.05 - time.monotonic()))
    again, _ = refused(core, wire, "D")
    assert port_of(again) == port_of(one)
