"""A locked database, a full disk, receivers that do not answer, clients that do not end: nothing is lost."""

import os
import socket
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from ivrcore.service.model import PushKind, PushState, Service
from ivrcore.service.store import outbox
from tests.e2e.service.crowd import Crowd
from tests.e2e.service.customer import Answer, Receiver
from tests.e2e.service.house import DISPLAY_A, DISPLAY_B, House
from tests.e2e.service.siege import gauges

pytestmark = pytest.mark.e2e

A, B = "+8613800138001", "+8613800138002"
CALLBACK_EVENTS = ["callout", "alerting", "answer", "callout", "alerting", "answer", "disconnect"]
NOTIFICATION_EVENTS = ["callout", "alerting", "answer", "disconnect"]
TALK_MS = 2500

LOCK_S = 5.0
"""How long the store waits for a lock before it refuses."""

PROMPT_S = 6.0
"""For an order or a push that nothing delays, on a busy machine; time-outs are longer."""

ENDING_S = 15.0
"""Three times the 5 s that calls, workers and pushes are given at the end."""

DISK_MB = 48
REFUSED_BY_STORE = (500, "1020002")


@pytest.fixture(scope="module")
def trunks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    folder = tmp_path_factory.mktemp("crowds")
    with Crowd(folder / "a", talk_ms=60_000) as a, Crowd(folder / "b", talk_ms=TALK_MS) as b:
        yield {A: a.address, B: b.address}


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory, trunks: dict[str, str]) -> Iterator[House]:
    with House(tmp_path_factory.mktemp("troubles"), trunks, concurrency=2) as house:
        yield house


@pytest.fixture(scope="module")
def slow_client(house: House) -> Iterator[socket.socket]:
    """Sends the beginning of a request, and no more; from the first test on."""
    address = urlsplit(house.base)
    assert address.hostname is not None
    with socket.create_connection((address.hostname, address.port or 80)) as client:
        client.sendall(b"POST /rest/httpsessions/callnotify/v2.0 HTTP/1.1\r\nHost: x\r\nContent-Le")
        yield client


def call_back(house: House, receiver: Receiver) -> Answer:
    order = {"displayNbr": DISPLAY_A, "callerNbr": A, "displayCalleeNbr": DISPLAY_B, "calleeNbr": B}
    return house.customer(Service.CALLBACK).click_to_call(
        **order, recordFlag="true", **house.pushed_to(receiver)
    )


def notify(house: House, status_and_fee: dict[str, str]) -> Answer:
    return house.customer(Service.NOTIFICATION).notify(
        displayNbr=DISPLAY_A, calleeNbr=A, playInfoList=[{"notifyVoice": "one.wav"}], **status_and_fee
    )


def kinds(receiver: Receiver, session: str) -> list[str]:
    return [str(event["eventType"]) for event in receiver.events(session)]


def until_both_talk(house: House, receiver: Receiver) -> str:
    """The session of a callback."""
    answer = call_back(house, receiver)
    assert answer.code == "0", answer.body
    session = str(answer.body["sessionId"])
    receiver.wait(lambda: kinds(receiver, session).count("answer") == 2)
    return session


def opened(house: House) -> float:
    """Calls that hold a port, as /metrics tells."""
    return sum(value for name, value in gauges(house).items() if name.startswith("ivrcore_calls{"))


def test_locked_database_refuses_orders_and_delays_what_runs(
    house: House, slow_client: socket.socket, receiver: Receiver
) -> None:
    assert slow_client
    session = until_both_talk(house, receiver)
    lock = sqlite3.connect(house.settings.database_url.removeprefix("sqlite:///"), isolation_level=None)
    try:
        lock.execute("BEGIN IMMEDIATE")
        begun_s = time.monotonic()
        refused = notify(house, house.pushed_to(receiver))
        assert (refused.status, refused.code) == REFUSED_BY_STORE
        assert time.monotonic() - begun_s < LOCK_S + PROMPT_S
        assert kinds(receiver, session) == CALLBACK_EVENTS[:-1]  # B has hung up, and it cannot be stored
    finally:
        lock.execute("ROLLBACK")
        lock.close()
    fee = receiver.wait_for_fee(session, 40.0)
    assert kinds(receiver, session) == CALLBACK_EVENTS
    assert fee["ulFailReason"] == 0
    assert opened(house) == 0
    accepted = notify(house, house.pushed_to(receiver))
    receiver.wait_for_fee(accepted.body["sessionId"])


def test_receiver_that_is_away_costs_nothing_but_its_own_pushes(
    house: House, slow_client: socket.socket, receiver: Receiver
) -> None:
    assert slow_client
    with Receiver() as away, Receiver() as asleep:
        nowhere = house.pushed_to(away)
        asleep.delay_s = 8.0
        nobody_s = house.pushed_to(asleep)
        slow = str(notify(house, nobody_s).body["sessionId"])
        asleep.wait(lambda: kinds(asleep, slow))
        begun_s = time.monotonic()
        prompt = str(notify(house, house.pushed_to(receiver)).body["sessionId"])
        receiver.wait(lambda: kinds(receiver, prompt))
        assert time.monotonic() - begun_s < PROMPT_S
        receiver.wait_for_fee(prompt)
        assert kinds(receiver, prompt) == NOTIFICATION_EVENTS
        asleep.wait(lambda: asleep.fees(slow))
        asleep.delay_s = 0.0
    lost = str(notify(house, nowhere).body["sessionId"])
    end_s = time.monotonic() + 20.0
    while house.cdr(lost).ended_at is None and time.monotonic() < end_s:
        time.sleep(0.1)
    while not (waiting := house.ask(outbox.pending_of_session, lost, PushKind.FEE))[0].attempts:
        assert time.monotonic() < end_s
        time.sleep(0.1)
    (push,) = waiting
    assert (push.state, push.attempts, push.last_error) == (PushState.PENDING, 1, "connection refused")
    assert opened(house) == 0


def test_client_that_does_not_finish_is_sent_away_and_delays_nobody(
    house: House, slow_client: socket.socket, receiver: Receiver
) -> None:
    begun_s = time.monotonic()
    answer = notify(house, house.pushed_to(receiver))
    assert answer.code == "0"
    assert time.monotonic() - begun_s < PROMPT_S
    slow_client.settimeout(20.0)
    said = b"".join(iter(lambda: slow_client.recv(4096), b""))
    assert said == b"" or said.startswith(b"HTTP/1.1 4")
    receiver.wait_for_fee(answer.body["sessionId"])


def test_service_ends_in_time_while_a_receiver_sleeps(tmp_path: Path, trunks: dict[str, str]) -> None:
    with Receiver() as asleep:
        asleep.delay_s = 20.0
        with House(tmp_path, trunks) as house:
            for _ in range(3):
                assert notify(house, house.pushed_to(asleep)).code == "0"
            asleep.wait(lambda: len(asleep.pushes) == 3)
            begun_s = time.monotonic()
            assert house.stop() == 0
            assert time.monotonic() - begun_s < ENDING_S + PROMPT_S
            assert house.open_sessions() == set()
            n_pending, _ = house.ask(outbox.depth, PushKind.FEE)
            assert n_pending == 3  # for the next start
        asleep.delay_s = 0.0


# -- a disk of its own --------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of DISK_MB."""
    if os.geteuid() != 0:
        pytest.skip("a small disk is mounted by root only")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={DISK_MB}m", "ivrcore-test", str(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"no small disk can be mounted here: {mounted.stderr.strip()}")
    try:
        yield disk
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)


def fill(ballast: Path) -> None:
    """Take what room there is, to the last byte."""
    with ballast.open("wb", buffering=0) as file:
        for size in (1 << 20, 1 << 12, 1):
            try:
                while file.write(b"x" * size) == size:
                    pass
            except OSError:
                continue


def test_full_disk_refuses_orders_and_loses_no_call(
    small_disk: Path, trunks: dict[str, str], receiver: Receiver
) -> None:
    ballast = small_disk / "ballast"
    with House(small_disk, trunks, concurrency=20, work="queue_wait_s = 1.0") as house:
        running = until_both_talk(house, receiver)
        fill(ballast)
        accepted = []
        for _ in range(20):
            answer = notify(house, house.pushed_to(receiver))
            if answer.code != "0":
                break
            accepted.append(str(answer.body["sessionId"]))
        assert (answer.status, answer.code) == REFUSED_BY_STORE
        time.sleep(TALK_MS / 1000)  # the running call ends on a full disk
        ballast.unlink()
        for session in (running, *accepted):
            receiver.wait_for_fee(session, 60.0)
        assert kinds(receiver, running) == CALLBACK_EVENTS
        assert house.cdr(running).state_code == 0
        assert opened(house) == 0
        after = notify(house, house.pushed_to(receiver))
        assert receiver.wait_for_fee(after.body["sessionId"])["ulFailReason"] == 0
        assert house.stop() == 0
        assert house.worker_pids() == []
