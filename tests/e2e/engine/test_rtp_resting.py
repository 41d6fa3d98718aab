"""RTP ports of our own build: a freed one rests, trunks share one range, and who gets none is told why."""

import re
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack, suppress
from typing import Any, Self

import pytest

from sip.pjsua.rtp import is_ruled
from tests.e2e.engine.rtp_ground import TICK_S, RestingCore, pair_of_sockets
from tests.e2e.loopback.wirephone import SipMessage, WirePhone

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_ruled(), reason="not our own build of pjsua2: make engine, IVRCORE_ENGINE=own"),
]

CALLS = 200
PAIRS = 100
REST_S = 3.0
"""Longer than a hundred calls take: it is not the size of the range that lets a port rest."""
DEADLINE_S = 60.0
BUSY = 486

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


class Refuser:
    """Answers every INVITE of a far end with 486, in a thread; keeps port and moment of each."""

    def __init__(self, wire: WirePhone) -> None:
        self.rests_s: list[float] = []
        self.ports: list[int] = []
        self._freed_at_s: dict[int, float] = {}
        self._wire = wire
        self._open = True
        self._thread = threading.Thread(target=self._answer)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._open = False
        self._thread.join()

    def _answer(self) -> None:
        while self._open:
            with suppress(AssertionError):  # none came meanwhile
                self._take(self._wire.expect("INVITE", deadline_s=0.1))

    def _take(self, invite: SipMessage) -> None:
        port = port_of(invite)
        self.ports.append(port)
        if port in self._freed_at_s:
            self.rests_s.append(invite.at_s - self._freed_at_s[port])
        self._freed_at_s[port] = time.monotonic()  # at the earliest: the far end does not know yet
        self._wire.respond(invite, "486 Busy Here")


def test_no_port_is_handed_out_while_it_rests_in_200_calls(new_core: NewRestingCore, wire: WirePhone) -> None:
    first = free_range(PAIRS)
    core = new_core(REST_S, rtp_first_port=first, rtp_last_port=first + 2 * PAIRS - 1)
    until_s = time.monotonic() + DEADLINE_S
    with Refuser(wire) as far_end:
        number = 0
        while len(far_end.ports) < CALLS:
            assert time.monotonic() < until_s, len(far_end.ports)
            core.dial(f"leg-{number}", wire.uri)
            if core.wait("LegHungUp", leg=f"leg-{number}")["sip_status"] != BUSY:
                time.sleep(TICK_S)  # all of them rest
            number += 1
    assert set(far_end.ports) <= set(range(first, first + 2 * PAIRS, 2))
    assert len(far_end.rests_s) >= CALLS - PAIRS
    assert min(far_end.rests_s) > REST_S


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
