"""A far end that falls silent on RTP, its SIP alive or gone as well, is told to the owner of its leg."""

import math
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.loopback.parties import Core
from tests.e2e.loopback.wirephone import PCMA, SipMessage, WirePhone

pytestmark = pytest.mark.e2e

LIMIT_S, HOLD_LIMIT_S = 1.0, 3.0
LOOKS_S = 0.25
"""Two looks (a tenth of the limit each), and how late a loaded machine may be with them."""

QUIET_S = 1.6
"""Long enough for a far end that is gone to be told, for a test that it is not."""

COMFORT_NOISE = 13


@pytest.fixture(scope="module")
def process(cache_dir: Path) -> Iterator[Core]:
    """A stack with short limits, for all of these tests."""
    with Core(cache_dir, rtp_timeout_s=LIMIT_S, rtp_hold_timeout_s=HOLD_LIMIT_S) as process:
        process.wait("ready")
        yield process


@pytest.fixture
def core(process: Core) -> Iterator[Core]:
    """The same, with no legs."""
    process.forget()
    yield process
    process.clear()


def answered(core: Core, wire: WirePhone) -> SipMessage:
    """Leg A is up; the far end has sent nothing yet."""
    core.dial("A", wire.uri)
    invite = wire.expect("INVITE")
    wire.respond(invite, "200 OK", media=True)
    wire.expect("ACK")
    core.wait("LegAnswered")
    return invite


def released(core: Core, wire: WirePhone) -> SipMessage:
    """The owner hangs the leg up, as a flow does; the BYE it sent."""
    core.hang_up("A", 44)
    bye = wire.expect("BYE")
    wire.respond(bye, "200 OK")
    core.wait("LegHungUp")
    return bye


@contextmanager
def speaking(
    wire: WirePhone, invite: SipMessage, payload_type: int = PCMA, every_s: float = 0.02
) -> Iterator[None]:
    """The far end sends a packet every so often."""
    over = threading.Event()

    def speak() -> None:
        while not over.wait(every_s):
            wire.send_rtp(invite, payload_type, b"\xd5" * (160 if payload_type == PCMA else 1))

    speaker = threading.Thread(target=speak)
    speaker.start()
    try:
        yield
    finally:
        over.set()
        speaker.join()


def test_far_end_that_falls_silent_is_told_while_its_sip_lives(core: Core, wire: WirePhone) -> None:
    invite = answered(core, wire)
    with speaking(wire, invite):
        time.sleep(QUIET_S)
        assert core.all("LegMediaLost") == []
    silent_s = time.monotonic()
    lost = core.wait("LegMediaLost")
    assert LIMIT_S <= lost["quiet_s"] <= LIMIT_S + LOOKS_S
    assert LIMIT_S - 0.1 <= lost["at_s"] - silent_s <= LIMIT_S + 2 * LOOKS_S
    assert core.all("LegHungUp") == []  # the owner decides
    bye = released(core, wire)
    assert bye.header("Reason") == 'Q.850;cause=44;text="requested channel not available"'


def test_session_timer_is_offered_besides(core: Core, wire: WirePhone) -> None:
    # RFC 4028: it sees a dialog that is dead, where the far end takes part, and not within a minute.
    core.dial("A", wire.uri)
    invite = wire.expect("INVITE")
    assert "timer" in invite.header("Supported").replace(" ", "").split(",")
    assert invite.header("Session-Expires") == "1800"
    wire.respond(invite, "486 Busy Here")
    core.wait("LegHungUp")


def test_far_end_that_never_sent_anything_is_told_after_its_answer(core: Core, wire: WirePhone) -> None:
    core.dial("A", wire.uri)
    invite = wire.expect("INVITE")
    wire.respond(invite, "180 Ringing")
    core.wait("LegRang")
    time.sleep(QUIET_S)  # ringing owes no audio
    wire.respond(invite, "200 OK", media=True)
    wire.expect("ACK")
    up_s = core.wait("LegAnswered")["at_s"]
    assert LIMIT_S <= core.wait("LegMediaLost")["at_s"] - up_s <= LIMIT_S + 2 * LOOKS_S
    released(core, wire)


def test_leg_whose_far_end_is_gone_altogether_ends_at_once_when_it_is_hung_up(
    core: Core, wire: WirePhone
) -> None:
    answered(core, wire)
    core.wait("LegMediaLost")
    hung_up_s = time.monotonic()
    core.hang_up("A", 44)  # nobody answers the BYE
    ended = core.wait("LegHungUp")
    assert ended["at_s"] - hung_up_s < 0.5
    assert ended["by_remote"] is False
    wire.respond(wire.expect("BYE"), "200 OK")  # for the next test: else the stack waits for 32 s


def test_pauses_with_comfort_noise_are_life(core: Core, wire: WirePhone) -> None:
    invite = answered(core, wire)
    with speaking(wire, invite, COMFORT_NOISE, every_s=0.4):
        time.sleep(2 * QUIET_S)
    assert core.all("LegMediaLost") == []
    released(core, wire)


def test_muted_telephone_that_reports_what_it_hears_is_alive(core: Core, wire: WirePhone) -> None:
    invite = answered(core, wire)
    for _ in range(math.ceil(2 * QUIET_S / 0.5)):
        wire.send_report(invite)
        time.sleep(0.5)
    assert core.all("LegMediaLost") == []
    core.wait("LegMediaLost")  # it reports no more
    released(core, wire)


@pytest.mark.parametrize(
    ("direction", "host"), [("sendonly", ""), ("recvonly", ""), ("inactive", ""), ("sendrecv", "0.0.0.0")]
)
def test_on_hold_the_longer_limit_counts(core: Core, wire: WirePhone, direction: str, host: str) -> None:
    invite = answered(core, wire)
    with speaking(wire, invite):
        wire.invite_again(invite, direction, host)
    held_s = time.monotonic()
    lost = core.wait("LegMediaLost")
    assert HOLD_LIMIT_S - 0.2 <= lost["at_s"] - held_s <= HOLD_LIMIT_S + 2 * LOOKS_S
    released(core, wire)


def test_resumed_call_has_the_shorter_limit_again(core: Core, wire: WirePhone) -> None:
    invite = answered(core, wire)
    wire.invite_again(invite, "sendonly")
    time.sleep(QUIET_S)
    assert core.all("LegMediaLost") == []
    wire.invite_again(invite)
    resumed_s = time.monotonic()
    lost = core.wait("LegMediaLost")
    assert LIMIT_S - 0.2 <= lost["at_s"] - resumed_s <= LIMIT_S + 2 * LOOKS_S
    released(core, wire)


def test_one_far_end_of_two_that_is_gone_is_told_alone(core: Core, wire: WirePhone) -> None:
    invite = answered(core, wire)
    with WirePhone() as other, speaking(wire, invite):
        core.dial("B", other.uri)
        invite_b = other.expect("INVITE")
        other.respond(invite_b, "200 OK", media=True)
        other.expect("ACK")
        assert core.wait("LegMediaLost")["leg"] == "B"
        core.hang_up("B", 44)
        other.respond(other.expect("BYE"), "200 OK")
        core.wait("LegHungUp", leg="B")
        assert core.all("LegMediaLost", leg="A") == []
    released(core, wire)


def test_stalled_reactor_accuses_nobody(core: Core, wire: WirePhone) -> None:
    invite = answered(core, wire)
    with speaking(wire, invite):
        core.order("stall", for_s=2 * LIMIT_S)
        time.sleep(2 * LIMIT_S + 0.5)
    assert core.all("LegMediaLost") == []
    released(core, wire)
