"""Whose packets a leg hears on our own build: the signalled source's, else those of the first that sent."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sip.pjsua.rtp import is_ruled
from tests.e2e.engine.rtp_ground import (
    TALK_S,
    TICK_S,
    ElsewherePhone,
    RestingCore,
    Stranger,
    answered,
    heard_in,
    packets_of,
    rejected_of,
    say,
    seconds_of,
    stop_capture,
)
from tests.e2e.loopback.wirephone import WirePhone

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_ruled(), reason="not our own build of pjsua2: make engine, IVRCORE_ENGINE=own"),
]

LOST_S = 0.3
"""Of a talk, at the most: its edges, and what a busy machine stumbles over."""


@pytest.fixture(scope="module")
def core(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RestingCore]:
    """One stack for all tests; each has a leg A that it ends."""
    with RestingCore(tmp_path_factory.mktemp("sources"), quarantine_s=0.0) as core:
        core.wait("ready")
        yield core


@pytest.fixture(autouse=True)
def cleared(core: RestingCore) -> Iterator[None]:
    """Nothing is left of a test's call."""
    yield
    core.clear()


@pytest.fixture
def stranger(parties: ExitStack) -> Stranger:
    return parties.enter_context(Stranger())


@pytest.fixture
def wire(parties: ExitStack) -> WirePhone:
    """A far end that is where it says."""
    return parties.enter_context(WirePhone())


NewElsewhere = Callable[[int], ElsewherePhone]


@pytest.fixture
def new_elsewhere(parties: ExitStack) -> NewElsewhere:
    """Makes a far end that names this port, and is not there."""
    return lambda signalled: parties.enter_context(ElsewherePhone(signalled))


def test_stranger_is_not_heard_and_every_packet_of_it_is_counted(
    core: RestingCore, wire: WirePhone, stranger: Stranger, tmp_path: Path
) -> None:
    invite = answered(core, wire)
    wire.speak(invite, packets_of(0)[0])
    core.order("start_capture", leg="A", path=str(tmp_path / "a.wav"))
    core.wait("CaptureStarted")
    sent = say(wire, invite, stranger)
    stop_capture(core)
    heard = heard_in(tmp_path / "a.wav")
    assert seconds_of(heard, "stranger") == 0.0
    assert seconds_of(heard, "far end") > TALK_S - LOST_S
    assert rejected_of(core, wire) == sent


def test_stranger_alone_stays_unheard_however_long_the_far_end_is_silent(
    core: RestingCore, wire: WirePhone, stranger: Stranger, tmp_path: Path
) -> None:
    invite = answered(core, wire)
    wire.speak(invite, packets_of(0)[0])
    core.order("start_capture", leg="A", path=str(tmp_path / "a.wav"))
    core.wait("CaptureStarted")
    packets = packets_of(9)
    for codes in packets:
        stranger.send(invite.rtp_address, codes)
        time.sleep(TICK_S)
    before = len(wire.packets)
    say(wire, invite)  # the far end comes back
    stop_capture(core)
    heard = heard_in(tmp_path / "a.wav")
    assert seconds_of(heard, "stranger") == 0.0
    assert seconds_of(heard, "far end") > TALK_S - LOST_S
    assert len(wire.packets) - before > TALK_S / TICK_S / 2
    assert stranger.heard() == 0
    assert rejected_of(core, wire) == len(packets)


def test_reports_of_a_stranger_are_counted_and_draw_none_of_ours(
    core: RestingCore, wire: WirePhone, stranger: Stranger
) -> None:
    invite = answered(core, wire)
    say(wire, invite)
    for _ in range(10):
        stranger.report(invite.rtp_address)
    say(wire, invite)
    assert rejected_of(core, wire) == 10
    assert (stranger.heard(), stranger.heard_reports()) == (0, 0)


def test_far_end_behind_a_nat_is_found_by_its_first_packet(
    core: RestingCore, new_elsewhere: NewElsewhere, stranger: Stranger, tmp_path: Path
) -> None:
    with Stranger() as nobody:
        wire = new_elsewhere(nobody.port)
        invite = answered(core, wire)
        core.order("start_capture", leg="A", path=str(tmp_path / "a.wav"))
        core.wait("CaptureStarted")
        wire.speak(invite, packets_of(0)[0])
        ours = len(wire.wait_for_packets(10))
        nobody.heard()
        sent = say(wire, invite, stranger)
        stop_capture(core)
        heard = heard_in(tmp_path / "a.wav")
        assert seconds_of(heard, "stranger") == 0.0
        assert seconds_of(heard, "far end") > TALK_S - LOST_S
        assert len(wire.packets) - ours > TALK_S / TICK_S / 2
        assert nobody.heard() == 0
        assert rejected_of(core, wire) == sent


def test_signalled_source_comes_first_even_when_a_stranger_was_quicker(
    core: RestingCore, wire: WirePhone, stranger: Stranger, tmp_path: Path
) -> None:
    invite = answered(core, wire)
    for codes in packets_of(9)[:20]:
        stranger.send(invite.rtp_address, codes)
        time.sleep(TICK_S)
    wire.speak(invite, packets_of(0)[0])
    stranger.heard()
    core.order("start_capture", leg="A", path=str(tmp_path / "a.wav"))
    core.wait("CaptureStarted")
    sent = say(wire, invite, stranger)
    stop_capture(core)
    heard = heard_in(tmp_path / "a.wav")
    assert seconds_of(heard, "far end") > TALK_S - LOST_S
    assert stranger.heard() <= 2  # on its way when the far end spoke
    assert rejected_of(core, wire) == sent


def test_re_invite_that_changes_nothing_keeps_the_far_end_behind_its_nat(
    core: RestingCore, new_elsewhere: NewElsewhere, stranger: Stranger
) -> None:
    with Stranger() as nobody:
        wire = new_elsewhere(nobody.port)
        invite = answered(core, wire)
        wire.speak(invite, packets_of(0)[0])
        wire.wait_for_packets(10)
        nobody.heard()
        wire.invite_again(invite)
        sent = say(wire, invite, stranger)
        assert nobody.heard() == 0
        assert rejected_of(core, wire) == sent


def test_re_invite_with_another_port_moves_the_far_end(
    core: RestingCore, new_elsewhere: NewElsewhere, stranger: Stranger, tmp_path: Path
) -> None:
    with Stranger() as nobody:
        wire = new_elsewhere(nobody.port)
        invite = answered(core, wire)
        wire.speak(invite, packets_of(0)[0])
        wire.wait_for_packets(10)
        wire.signalled = stranger.port
        wire.invite_again(invite)
        core.order("start_capture", leg="A", path=str(tmp_path / "a.wav"))
        core.wait("CaptureStarted")
        stranger.heard()
        before = len(wire.packets)
        sent = say(wire, invite, stranger)  # now the stranger is the far end, and the other one the stranger
        stop_capture(core)
        heard = heard_in(tmp_path / "a.wav")
        assert seconds_of(heard, "stranger") > TALK_S - LOST_S
        assert seconds_of(heard, "far end") == 0.0
        assert stranger.heard() > TALK_S / TICK_S / 2
        assert len(wire.packets) - before <= 2
        assert rejected_of(core, wire) == sent


def test_next_call_counts_from_nothing(core: RestingCore, wire: WirePhone, stranger: Stranger) -> None:
    invite = answered(core, wire)
    say(wire, invite, stranger)
    assert rejected_of(core, wire) > 0
    core.clear()
    invite = answered(core, wire)
    say(wire, invite)
    assert rejected_of(core, wire) == 0
