"""Callbacks of the service over TLS and SRTP, and over IPv6, by settings alone; on our own engine."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from ivrcore.service.model import Service
from media.fingerprint import KnownSignal, identify
from media.testsignal import talk
from media.wav import read_pcm, write_alaw
from sip.engine_choice import chosen_engine
from sip.softphone import Script
from tests.e2e.loopback.addresses import needs_ipv6
from tests.e2e.loopback.papers import Papers, papers
from tests.e2e.loopback.parties import Phone
from tests.e2e.service.customer import Receiver
from tests.e2e.service.house import DISPLAY_A, DISPLAY_B, House

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(
        chosen_engine() is None, reason="TLS and IPv6 are promised on our own build: IVRCORE_ENGINE=own"
    ),
    needs_ipv6,
]

SECURE_4, SECURE_6, PLAIN_6 = "+8613800138001", "+8613800138002", "+8613800138003"
WHERE = {SECURE_4: "127.0.0.1", SECURE_6: "::1", PLAIN_6: "::1"}
SEEDS = {SECURE_4: 1, SECURE_6: 2, PLAIN_6: 3}
TALK_S = 20.0


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    """That of the telephones."""
    return papers(tmp_path_factory.mktemp("papers") / "theirs")


@pytest.fixture(scope="module")
def talks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """What each telephone says."""
    folder = tmp_path_factory.mktemp("talks")
    files = {number: folder / f"{seed}.wav" for number, seed in SEEDS.items()}
    for number, file in files.items():
        write_alaw(file, talk(SEEDS[number], TALK_S))
    return files


@pytest.fixture(scope="module")
def phones(certificate: Papers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Phone]]:
    """The secure ones take no call without SRTP."""
    folder = tmp_path_factory.mktemp("cache")
    secure = (
        *("--tls-certificate", certificate.certificate, "--tls-key", certificate.key),
        *("--srtp", "required"),
    )
    with ExitStack() as stack:
        found = {}
        for number, host in WHERE.items():
            options = ("--bind", host, *(() if number == PLAIN_6 else secure))
            found[number] = stack.enter_context(Phone(folder, Script(), *options))
        yield found


@pytest.fixture(scope="module")
def house(
    tmp_path_factory: pytest.TempPathFactory, phones: dict[str, Phone], certificate: Papers
) -> Iterator[House]:
    """A service with a trunk for each telephone, and an address of each family."""
    trunks = ""
    for n, (number, phone) in enumerate(phones.items()):
        ready = phone.wait("ready")
        secure = number != PLAIN_6
        trunks += (
            f'[[trunks]]\nname = "t{n}"\nprefixes = ["{number}"]\n'
            f'host = "{ready["tls_address" if secure else "address"]}"\n'
        )
        trunks += 'transport = "tls"\nsrtp = "required"\n' if secure else ""
    work = f'bind = "127.0.0.1"\nalso_bind = "::1"\ntls_authorities = "{certificate.certificate}"'
    with House(tmp_path_factory.mktemp("house"), {}, work=work, more=trunks) as house:
        yield house


@pytest.mark.parametrize(("caller", "callee"), [(SECURE_4, SECURE_6), (PLAIN_6, SECURE_4)])
def test_callback_is_made_and_recorded_over_its_trunks(
    house: House,
    receiver: Receiver,
    phones: dict[str, Phone],
    talks: dict[str, Path],
    caller: str,
    callee: str,
) -> None:
    for number, hang_up_after_s in ((caller, 7.0), (callee, None)):
        script = Script(answer_after_s=0.3, talk=str(talks[number]), hang_up_after_s=hang_up_after_s)
        phones[number].load(script)
        phones[number].wait("script")
    customer = house.customer(Service.CALLBACK)
    answer = customer.click_to_call(
        displayNbr=DISPLAY_A,
        callerNbr=caller,
        displayCalleeNbr=DISPLAY_B,
        calleeNbr=callee,
        recordFlag="true",
        recordHintTone="one.wav",
        **house.pushed_to(receiver),
    )
    assert answer.code == "0", answer.body
    session = answer.body["sessionId"]
    for number, display in ((caller, DISPLAY_A), (callee, DISPLAY_B)):
        call = phones[number].wait("incoming", deadline_s=20.0)
        assert (call["called"], call["calling"], call["asserted"]) == (number, display, display)
    fee = receiver.wait_for_fee(session, 30.0)
    assert receiver.events(session)[-1]["stateCode"] == 0
    recording = house.settings.recordings_dir / fee["recordObjectName"]
    known = [KnownSignal(number, talk(seed, TALK_S), loop=True) for number, seed in SEEDS.items()]
    assert {stretch.name for stretch in identify(read_pcm(recording), known)} == {caller, callee}
