"""The front end goes and comes back while calls are up: audio goes on, what happened is told."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ivrcore.service.model import Service
from media.fingerprint import KnownSignal, identify
from media.testsignal import talk
from media.wav import read_info, read_pcm, write_alaw
from sip.engine_choice import chosen_engine
from sip.softphone import Script
from tests.e2e.loopback.parties import Phone
from tests.e2e.service.crowd import Crowd
from tests.e2e.service.customer import Receiver
from tests.e2e.service.house import DISPLAY_A, DISPLAY_B, House
from tests.e2e.service.siege import left_on_disk

pytestmark = pytest.mark.e2e

A, B, C = "+8613800138001", "+8613800138002", "+8613800138003"
CALLBACK_EVENTS = ["callout", "alerting", "answer", "callout", "alerting", "answer", "disconnect"]
TALK = {"a": 1, "b": 2}
"""Seeds of what the parties say."""

SHUTDOWN_S = 5.0
"""As the settings of a House have it."""


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a.wav and b.wav: what the parties say."""
    folder = tmp_path_factory.mktemp("leave")
    for name, seed in TALK.items():
        write_alaw(folder / f"{name}.wav", talk(seed, 20.0))
    return folder


def script(folder: Path, name: str) -> Script:
    return Script(
        ring_after_s=0.05,
        answer_after_s=0.1,
        talk=str(folder / f"{name}.wav"),
        hear=str(folder / f"{name}-heard.wav"),
    )


@pytest.fixture(scope="module")
def phones(folder: Path) -> Iterator[dict[str, Phone]]:
    with Phone(folder, script(folder, "a")) as a, Phone(folder, script(folder, "b")) as b:
        yield {"a": a, "b": b}


@pytest.fixture(scope="module")
def house(folder: Path, phones: dict[str, Phone]) -> Iterator[House]:
    trunks = {A: phones["a"].wait("ready")["address"], B: phones["b"].wait("ready")["address"]}
    with House(folder, trunks) as house:
        yield house


def call_back(house: House, receiver: Receiver, a: str = A, b: str = B, record: str = "true") -> str:
    """The session of a callback in which both have answered."""
    order = {"displayNbr": DISPLAY_A, "callerNbr": a, "displayCalleeNbr": DISPLAY_B, "calleeNbr": b}
    answer = house.customer(Service.CALLBACK).click_to_call(
        **order, recordFlag=record, **house.pushed_to(receiver)
    )
    assert answer.code == "0", answer.body
    session = str(answer.body["sessionId"])
    receiver.wait(lambda: kinds(receiver, session).count("answer") == 2)
    return session


def kinds(receiver: Receiver, session: str) -> list[str]:
    return [str(event["eventType"]) for event in receiver.events(session)]


def test_audio_goes_on_without_a_gap_while_the_front_end_is_away(
    house: House, receiver: Receiver, phones: dict[str, Phone], folder: Path
) -> None:
    session = call_back(house, receiver)
    pids = house.worker_pids()
    time.sleep(1.0)  # of talk
    assert house.stop(signal.SIGHUP) == 0
    assert house.worker_pids() == pids
    time.sleep(1.0)  # with nobody there
    house.start()
    assert house.worker_pids() == pids
    assert house.open_sessions() == {session}
    time.sleep(1.0)
    phones["b"].say("hangup")
    fee = receiver.wait_for_fee(session, 30.0)
    assert kinds(receiver, session) == CALLBACK_EVENTS
    assert (fee["recordFlag"], fee["ulFailReason"]) == (1, 0)
    talked_s = read_info(house.settings.recordings_dir / fee["recordObjectName"]).duration_s
    assert talked_s > 3.0
    for name, other in (("a", "b"), ("b", "a")):
        phones[name].wait("captured")
        known = [KnownSignal(other, talk(TALK[other], 20.0), loop=True)]
        (heard,) = identify(read_pcm(folder / f"{name}-heard.wav"), known)  # in one piece
        assert heard.end_s - heard.start_s > talked_s - 0.5


def test_what_happens_while_the_front_end_is_away_is_told_afterwards(
    house: House, receiver: Receiver, phones: dict[str, Phone], folder: Path
) -> None:
    for name, phone in phones.items():
        phone.load(script(folder, name))
    session = call_back(house, receiver)
    assert house.stop(signal.SIGHUP) == 0
    phones["b"].say("hangup")
    phones["a"].wait("ended")
    assert kinds(receiver, session) == CALLBACK_EVENTS[:-1]
    assert house.open_sessions() == {session}
    house.start()
    receiver.wait_for_fee(session)
    assert kinds(receiver, session) == CALLBACK_EVENTS
    assert house.cdr(session).state_code == 0
    assert house.open_sessions() == set()


@pytest.mark.skipif(chosen_engine() is not None, reason="no job waits for one of a thousand legs")
def test_call_that_waits_for_legs_is_with_a_worker_before_the_front_end_leaves(
    tmp_path: Path, receiver: Receiver
) -> None:
    with (
        Crowd(tmp_path / "a", talk_ms=60_000) as a,
        Crowd(tmp_path / "b", talk_ms=3000) as b,
        House(tmp_path, {A: a.address, B: b.address}, work="queue_wait_s = 20.0") as house,
    ):
        talking = [call_back(house, receiver, record="false") for _ in range(2)]  # the engine's four legs
        order = {"displayNbr": DISPLAY_A, "callerNbr": A, "displayCalleeNbr": DISPLAY_B, "calleeNbr": B}
        answer = house.customer(Service.CALLBACK).click_to_call(**order, **house.pushed_to(receiver))
        assert answer.code == "0", answer.body
        session = str(answer.body["sessionId"])
        assert kinds(receiver, session) == []
        assert house.stop(signal.SIGHUP) == 0
        house.start()
        receiver.wait_for_fee(session, 30.0)
        assert kinds(receiver, session) == CALLBACK_EVENTS
        assert [house.cdr(one).state_code for one in (*talking, session)] == [0, 0, 0]


def test_sigterm_lets_calls_end_until_the_deadline_and_leaves_nothing(
    tmp_path: Path, receiver: Receiver
) -> None:
    with (
        Crowd(tmp_path / "a", talk_ms=60_000) as a,
        Crowd(tmp_path / "b", talk_ms=2500) as b,
        Crowd(tmp_path / "c", talk_ms=60_000) as c,
        House(tmp_path, {A: a.address, B: b.address, C: c.address}) as house,
    ):
        long, short = (call_back(house, receiver, b=number, record="false") for number in (C, B))
        pids = [house.pid, *house.worker_pids()]
        begun_s = time.monotonic()
        os.kill(house.pid, signal.SIGTERM)
        order = house.customer(Service.NOTIFICATION)
        refused = order.notify(displayNbr=DISPLAY_A, calleeNbr=A, playInfoList=[{"notifyVoice": "one.wav"}])
        assert (refused.status, refused.code) == (403, "1010010")
        assert house.wait() == 0
        assert SHUTDOWN_S - 1.0 < time.monotonic() - begun_s < SHUTDOWN_S + 15.0
        states = [house.cdr(session).state_code for session in (long, short)]
        assert states == [8017, 0]
        for session in (long, short):
            assert kinds(receiver, session) == CALLBACK_EVENTS
            assert len(receiver.fees(session)) == 1
        for pid in pids:
            with pytest.raises(ProcessLookupError):
                os.kill(pid, 0)
        assert left_on_disk(house) == []
        assert house.open_sessions() == set()
