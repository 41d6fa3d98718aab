"""A telephone that is gone in mid-talk: the customer is told, billed, and has the recording all the same."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ivrcore.service.model import Service
from media.testsignal import talk
from media.wav import read_info, write_alaw
from sip.softphone import Script
from tests.e2e.loopback.parties import Phone
from tests.e2e.loopback.wirephone import WirePhone
from tests.e2e.service.customer import Receiver
from tests.e2e.service.house import DISPLAY_A, DISPLAY_B, House

pytestmark = pytest.mark.e2e

A, B = "+8613800138001", "+8613800138002"
TALK_S = 3.5


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture
def phone(tmp_path: Path) -> Iterator[Phone]:
    """A's, which talks to the end."""
    write_alaw(tmp_path / "a.wav", talk(1, 20.0))
    with Phone(tmp_path, Script(answer_after_s=0.1, talk=str(tmp_path / "a.wav"))) as phone:
        yield phone


def test_customer_learns_that_a_telephone_is_gone(receiver: Receiver, phone: Phone, tmp_path: Path) -> None:
    with WirePhone() as wire:
        trunks = {A: phone.wait("ready")["address"], B: wire.address}
        with House(tmp_path, trunks, work="rtp_timeout_s = 1.0") as house:
            answer = house.customer(Service.CALLBACK).click_to_call(
                displayNbr=DISPLAY_A,
                callerNbr=A,
                displayCalleeNbr=DISPLAY_B,
                calleeNbr=B,
                recordFlag="true",
                partyTypeRequiredInDisconnect="true",
                **house.pushed_to(receiver),
            )
            session = answer.body["sessionId"]
            invite = wire.expect("INVITE", deadline_s=30.0)
            wire.respond(invite, "200 OK", media=True)
            wire.expect("ACK")
            wire.speak(invite, b"\xd5\x55" * round(TALK_S * 4000))
            # Nobody answers the BYE: the telephone has no more SIP than RTP.
            fee = receiver.wait_for_fee(session, 30.0)
            assert phone.wait("ended")["by_remote"] is True
            last = receiver.events(session)[-1]
            assert (last["eventType"], last["stateCode"], last["partyType"]) == (
                "disconnect",
                8001,
                "platform",
            )
            causes = ("ulFailReason", "sipStatusCode", "callOutUnaswRsn", "fwdUnaswRsn")
            assert tuple(fee[cause] for cause in causes) == (8001, 0, 0, 0)
            assert fee["recordFlag"] == 1
            cdr = house.cdr(session)
            assert (cdr.state_code, cdr.billed_minutes_a, cdr.billed_minutes_b) == (8001, 1, 1)
            recording = read_info(house.settings.recordings_dir / fee["recordObjectName"])
            assert recording.duration_s > TALK_S
            assert house.open_sessions() == set()
            wire.respond(wire.expect("BYE"), "200 OK")
