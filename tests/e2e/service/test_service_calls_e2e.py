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
    assert (answer.status, answer.body) == (200, answer.body | {"resultcode": "0", "idlePort": 9})
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


def test_notification_reads_a_template_and_tells_the_digits(
    house: House, receiver: Receiver, phones: dict[str, Phone], tmp_path: Path
) -> None:
    heard = tmp_path / "heard.wav"
    phones["a"].load(
        Script(answer_after_s=0.2, hear=str(heard), digits="4", digits_after_s=6.0, digits_by="rfc4733")
    )
    answer = house.customer(Service.NOTIFICATION).notify(
        displayNbr=DISPLAY_A,
        calleeNbr=A,
        playInfoList=[
            {"notifyVoice": "one.wav"},
            {"templateId": "t1", "templateParas": ["二号门", "3"], "collectInd": 1},
        ],
        userData="parcel-88",
        **house.pushed_to(receiver),
    )
    assert answer.code == "0", answer.body
    session = answer.body["sessionId"]
    fee = receiver.wait_for_fee(session, 30.0)
    events = receiver.events(session)
    assert [event["eventType"] for event in events] == [
        "callout",
        "alerting",
        "answer",
        "collectInfo",
        "disconnect",
    ]
    assert events[3]["digitInfo"] == "4"
    assert (fee["serviceType"], fee["ttsPlayTimes"], fee["userData"]) == ("001", 1, "parcel-88")
    known = [KnownSignal("one", talk(40, 1.0))]
    phones["a"].wait("captured")
    (stretch,) = identify(read_pcm(heard), known)
    assert stretch.whole


def test_verification_code_is_spoken_and_stored_nowhere(
    house: House, receiver: Receiver, phones: dict[str, Phone]
) -> None:
    phones["a"].load(Script(answer_after_s=0.2))
    code = "90817263"
    answer = house.customer(Service.VERIFICATION).verify(
        displayNbr=DISPLAY_A,
        calleeNbr=A,
        languageType=1,
        preTone="one.wav",
        verifyCode=code,
        times=1,
        **house.pushed_to(receiver),
    )
    assert answer.code == "0", answer.body
    session = answer.body["sessionId"]
    fee = receiver.wait_for_fee(session, 40.0)
    assert fee["ulFailReason"] == 0
    assert receiver.events(session)[-1]["stateCode"] == 0
    holders = [
        path
        for path in house.data.rglob("*")
        if path.is_file() and path.suffix != ".wav" and code.encode() in path.read_bytes()
    ]
    assert holders == []
    assert code not in house.log()


def test_stop_ends_a_ringing_call_with_8017(
    house: House, receiver: Receiver, phones: dict[str, Phone]
) -> None:
    phones["a"].load(Script(answer_after_s=None))
    customer = house.customer(Service.CALLBACK)
    order = {"displayNbr": DISPLAY_A, "callerNbr": A, "displayCalleeNbr": DISPLAY_B, "calleeNbr": B}
    session = customer.click_to_call(**order, **house.pushed_to(receiver)).body["sessionId"]
    receiver.wait(lambda: [e for e in receiver.events(session) if e["eventType"] == "alerting"])
    assert customer.stop(session).code == "0"
    fee = receiver.wait_for_fee(session)
    assert receiver.events(session)[-1]["stateCode"] == 8017
    assert fee["recordFlag"] == 0
    assert customer.stop(session).code == "1020152"


def test_same_idempotency_key_makes_one_call(
    house: House, receiver: Receiver, phones: dict[str, Phone]
) -> None:
    phones["a"].load(Script(answer_after_s=0.1, reject=486))
    order = {"displayNbr": DISPLAY_A, "callerNbr": A, "displayCalleeNbr": DISPLAY_B, "calleeNbr": B}
    customer = house.customer(Service.CALLBACK)
    path, key = "/rest/httpsessions/click2Call/v2.0", {"Idempotency-Key": "order-4711"}
    body = {**order, **house.pushed_to(receiver)}
    first, second = (customer.post(path, body, **key) for _ in range(2))
    assert first.body == second.body
    fee = receiver.wait_for_fee(first.body["sessionId"])
    assert (fee["callOutUnaswRsn"], fee["sipStatusCode"]) == (17, 486)
    assert receiver.events(first.body["sessionId"])[-1]["stateCode"] == 8102
