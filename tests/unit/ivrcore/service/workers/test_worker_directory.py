"""A worker's directory: one holder, a reachable socket, settings and the language of its socket."""

import os
import random
import socket
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from ivrcore.service.workers.directory import Lock, holder_of, reachable, remove_directory
from ivrcore.service.workers.errors import AlreadyRunning, WorkerError
from ivrcore.service.workers.process import kill, make_directory
from ivrcore.service.workers.protocol import Json
from ivrcore.service.workers.settings import WorkerSettings
from media.speech.choice import SpeechSettings
from sip.endpoint import EndpointSettings
from sip.routes import Route, Routes
from sip.trunk import Trunk

PASSWORD = "trunk-secret-7"


def test_lock_has_one_holder_at_a_time(tmp_path: Path) -> None:
    lock = Lock(tmp_path / "lock")
    lock.sign()
    with pytest.raises(AlreadyRunning, match=f"process {os.getpid()}"):
        Lock(tmp_path / "lock")
    lock.release()
    lock.release()
    Lock(tmp_path / "lock").release()


def test_holder_is_the_one_that_signed(tmp_path: Path) -> None:
    assert holder_of(tmp_path / "lock") == 0
    lock = Lock(tmp_path / "lock")
    assert holder_of(tmp_path / "lock") == 0
    lock.sign()
    assert holder_of(tmp_path / "lock") == os.getpid()
    lock.release()


def test_lock_in_no_directory_is_an_error_of_ours(tmp_path: Path) -> None:
    with pytest.raises(WorkerError, match="No such file"):
        Lock(tmp_path / "absent" / "lock")


@pytest.mark.parametrize("depth", [0, 4])
def test_socket_is_reached_however_deep_it_lies(tmp_path: Path, depth: int) -> None:
    directory = tmp_path.joinpath(*["d" * 40] * depth)
    directory.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as server, socket.socket(socket.AF_UNIX) as client:
        with reachable(directory / "socket") as path:
            assert len(os.fsencode(path)) <= 100
            server.bind(path)
            server.listen()
        with reachable(directory / "socket") as path:
            client.connect(path)
        assert (directory / "socket").is_socket()
        assert not Path(path).exists() or depth == 0  # the way there is gone


def test_log_outlives_its_directory_and_the_oldest_logs_go(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    for number in range(25):
        (logs / f"old-{number}.log").write_text("")
        os.utime(logs / f"old-{number}.log", (number, number))
    directory = tmp_path / "workers" / "w1"
    (directory / "spool").mkdir(parents=True)
    (directory / "log").write_text("last words")
    remove_directory(directory)
    assert not directory.exists()
    assert (logs / "w1.log").read_text() == "last words"
    assert len(list(logs.iterdir())) == 20
    assert not (logs / "old-5.log").exists()


@pytest.fixture
def settings(tmp_path: Path) -> WorkerSettings:
    trunk = Trunk(host="sbc.example:5070", user="lab", password=PASSWORD, codecs=("PCMA",))
    return WorkerSettings(
        recordings_dir=tmp_path / "rec",
        cache_dir=tmp_path / "cache",
        endpoint=EndpointSettings(
            cache_dir=tmp_path / "loops", codecs=("PCMA", "PCMU"), trace_file=tmp_path / "sip.log"
        ),
        routes=Routes(trunk, (Route("+8621", Trunk(host="sh.example")),)),
        clock_scale=2.0,
        speech=SpeechSettings(engine="command", command="say {wav}", voice="x", rate_percent=90, pitch=40),
        orphan_s=17.0,
    )


def test_settings_come_back_from_their_file_for_this_user_alone(
    settings: WorkerSettings, tmp_path: Path
) -> None:
    make_directory(tmp_path / "w1", settings)
    path = tmp_path / "w1" / "settings.json"
    assert WorkerSettings.load(path) == settings
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


def test_password_is_not_in_a_repr(settings: WorkerSettings) -> None:
    assert PASSWORD not in repr(settings)


@pytest.mark.parametrize("text", ["", "[]", "{}", f'{{"endpoint": "{PASSWORD}"}}', '{"endpoint": {}}'])
def test_file_that_holds_no_settings_is_told_without_quoting_it(tmp_path: Path, text: str) -> None:
    (tmp_path / "settings.json").write_text(text)
    with pytest.raises(WorkerError, match="no settings of a worker") as refusal:
        WorkerSettings.load(tmp_path / "settings.json")
    assert PASSWORD not in str(refusal.value)


def test_next_worker_has_the_next_port(settings: WorkerSettings) -> None:
    first = replace(settings, endpoint=replace(settings.endpoint, sip_port=5063))
    assert first.numbered(1).endpoint.sip_port == 5064


@pytest.mark.parametrize("pid", [0, 1, -1])
def test_nobody_else_is_killed(pid: int, monkeypatch: pytest.MonkeyPatch) -> None:
    killed: list[int] = []
    monkeypatch.setattr(os, "kill", lambda pid, _signal: killed.append(pid))
    kill(pid)
    assert killed == []


def json_argument() -> Json:
    return cast(Any, Json)()  # type: ignore[no-any-return]


def test_long_record_travels_deflated() -> None:
    record = {"collected": [{"digits": f"{number % 10000:04}", "element": 1} for number in range(8000)]}
    packed = json_argument().toString(record)
    assert len(packed) < 0xFFFF
    assert json_argument().fromString(packed) == record


def test_short_record_travels_as_it_is() -> None:
    assert json_argument().toString({"名": 1}) == 'j{"名":1}'.encode()
    assert json_argument().fromString('j{"名":1}'.encode()) == {"名": 1}


def test_what_no_message_can_carry_is_refused() -> None:
    noise = random.Random(1).randbytes(100_000).hex()
    with pytest.raises(ValueError, match="do not fit"):
        json_argument().toString(noise)
