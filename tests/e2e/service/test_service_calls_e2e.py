"""One request of each service, from the API to the telephone and back to the customer's server."""

import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivrcore.service.model import Service
from media.fingerprint import KnownSignal, identify
from media.testsignal import talk
from media.wav import read_pcm, write_alaw
from sip.softphone import Script
from tests.e2e.loopback.parties import Phone
from tests.e2e.service.customer import Receiver
from tests.e2e.service.house import DISPLAY_A, DISPLAY_B, House

A, B = "+8613800138001", "+8613800138002"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """a.wav and b.wav: what the parties say."""
    directory = tmp_path_factory.mktemp("talks")
    for name, seed in (("a", 1), ("b", 2)):
        write_alaw(directory / f"{name}.wav", talk(seed, 20.0))
    return directory


@pytest.fixture(scope="module")
def phones(talks: Path) -> Iterator[dict[str, Phone]]:
    with (
        Phone(talks, Script(answer_after_s=0.4, talk=str(talks / "a.wav"))) as a,
        Phone(talks, Script(answer_after_s=0.4, talk=str(talks / "b.wav"))) as b,
    ):
        yield {"a": a, "b": b}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, phones: dict[str, Phone]) -> Iterator[House]:
    trunks = {A: phones["a"].wait("ready")["address"], B: phones["b"].wait("ready")["address"]}
    with House(tmp_path_factory.mktemp("house"), trunks) as house:
        yield house


def test_callback_is_made_told_recorded_and_downloaded(
    house: House, receiver: Receiver, phones: dict[str, Phone], talks: Path, tmp_path: Path
) -> None:
    phones["a"].load(Script(answer_after_s=0.4, talk=str(talks / "a.wav"), hang_up_after_s=6.0))
    customer = house.customer(Service.CALLBACK)
    answer = customer.click_to_call(
        displayNbr=DISPLAY_A,
        callerNbr=A,
        displayCalleeNbr=DISPLAY_B,
        calleeNbr=B,
        recordFlag="true",
        recordHintTone="hint.wav",
        partyTypeRequiredInDisconnect="true",
        returnIdlePort="true",
        userData="order-7",
        **house.pushed_to(receiver),
    )
    assert (answer.status, answer.code, answer.body["idlePort"]) == (200, "0", 9)
    session = answer.body["sessionId"]
    fee = receiver.wait_for_fee(session, 30.0)
    events = receiver.events(session)
    assert [event["eventType"] for event in events] == [
        "callout",
        "alerting",
        "answer",
        "callout",
        "alerting",
        "answer",
        "disconnect",
    ]
    assert (events[-1]["partyType"], events[-1]["stateCode"]) == ("caller", 0)
    assert fee["recordFlag"] == 1
    location = customer.get(
        "/rest/provision/voice/record/v1.0"
        f"?fileName={fee['recordObjectName']}&recordDomain={fee['recordDomain']}"
    )
    assert location.status == 301
    recording = tmp_path / "recording.wav"
    with urllib.request.urlopen(location.headers["Location"]) as download:
        recording.write_bytes(download.read())
    known = [KnownSignal(name, talk(seed, 20.0), loop=True) for name, seed in (("A", 1), ("B", 2))]
    assert {stretch.name for stretch in identify(read_pcm(recording), known)} == {"A", "B"}
