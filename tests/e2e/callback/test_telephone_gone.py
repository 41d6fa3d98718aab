"""A telephone that is gone without a BYE: the other party is released, and all that was said is kept."""

import json
import threading
from pathlib import Path

import pytest

from media.wav import read_info
from sip.softphone import Script
from tests.e2e.callback.conftest import NewPhone
from tests.e2e.callback.core import Core
from tests.e2e.callback.sounds import TALK_A
from tests.e2e.loopback.wirephone import SipMessage, WirePhone

pytestmark = pytest.mark.e2e

LIMIT_S = 1.0
TALK_S = 3.5
"""Long enough for a recording."""


def answered(wire: WirePhone) -> SipMessage:
    """B answers the core's INVITE."""
    invite = wire.expect("INVITE", deadline_s=30.0)
    wire.respond(invite, "200 OK", media=True)
    wire.expect("ACK")
    return invite


@pytest.mark.parametrize("sip_lives", [True, False])
def test_party_that_falls_silent_ends_the_recorded_call_for_both(
    new_phone: NewPhone, tmp_path: Path, sip_lives: bool
) -> None:
    a = new_phone(Script(ring_after_s=0.05, answer_after_s=0.1, talk=TALK_A))
    with WirePhone() as wire:
        options = ("--record", "--json", "--data", str(tmp_path / "data"), "--rtp-timeout", str(LIMIT_S))
        with Core(a.uri, wire.uri, *options) as core:
            invite = answered(wire)
            wire.speak(invite, b"\xd5\x55" * round(TALK_S * 4000))
            core.wait_for("nothing comes from B any more")
            bye = wire.expect("BYE")
            if sip_lives:
                wire.respond(bye, "200 OK")
            finished = core.finish()
    assert bye.header("Reason").startswith("Q.850;cause=44;")
    assert a.wait("ended")["by_remote"] is True
    record = finished.record
    assert (record["stateCode"], record["releasePoint"], record["endedBy"]) == (8001, 8001, "platform")
    assert [record["legs"][party]["q850"] for party in "AB"] == [16, 44]
    assert finished.status == 0  # they could talk
    recording = read_info(Path(record["recording"]["path"]))
    assert TALK_S + LIMIT_S - 0.5 < recording.duration_s < TALK_S + LIMIT_S + 1.0


def test_party_that_keeps_talking_is_not_given_up_and_its_keys_count_as_talk(
    new_phone: NewPhone, tmp_path: Path
) -> None:
    a = new_phone(Script(ring_after_s=0.05, answer_after_s=0.1, talk=TALK_A))
    with WirePhone() as wire:
        options = ("--json", "--data", str(tmp_path / "data"), "--rtp-timeout", str(LIMIT_S))
        with Core(a.uri, wire.uri, *options) as core:
            invite = answered(wire)
            over = threading.Event()
            for _ in range(6):  # a key every 0.4 s, and no audio at all
                wire.send_event(invite, 5, 400, marker=True)
                wire.send_event(invite, 5, 800, end=True)
                wire.next_event(3200)
                over.wait(0.4)
            assert not core.has_told("nothing comes from B")
            wire.bye(invite)
            finished = core.finish()
    assert json.loads(finished.stdout)["stateCode"] == 0
    assert finished.record["endedBy"] == "B"
