"""A number of the stack may belong to a new call before the old one has told its end through the queue."""

import pytest

from tests.e2e.loopback.parties import Core
from tests.e2e.loopback.wirephone import WirePhone

pytestmark = pytest.mark.e2e


def test_call_that_takes_the_number_of_an_ended_one_is_left_alone(core: Core, wire: WirePhone) -> None:
    for leg in "ABCD":
        core.dial(leg, wire.uri)
        wire.respond(wire.expect("INVITE"), "200 OK", media=True)
        wire.expect("ACK")
        core.wait("LegAnswered", leg=leg)
    # B's end waits in the queue while the stack gives its number to E, the only one that is free.
    core.order(
        "at_once",
        orders=[
            {"do": "hang_up", "leg": "B", "q850": 16},
            {"do": "stall", "for_s": 0.5},
            {"do": "dial", "leg": "E", "called": wire.uri, "display": "95588"},
        ],
    )
    wire.respond(wire.expect("BYE"), "200 OK")
    invite = wire.expect("INVITE")
    core.wait("LegHungUp", leg="B")
    wire.respond(invite, "200 OK", media=True)
    wire.expect("ACK")
    core.wait("LegAnswered", leg="E")
    for leg in "ACDE":
        core.hang_up(leg)
        wire.respond(wire.expect("BYE"), "200 OK")
        core.wait("LegHungUp", leg=leg)
