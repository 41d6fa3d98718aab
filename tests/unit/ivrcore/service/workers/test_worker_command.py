"""`ivrcore worker`: what it refuses in one line, before anything is begun."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from ivrcore.cli import app
from ivrcore.service.workers.directory import Lock
from ivrcore.service.workers.process import make_directory, refusal
from ivrcore.service.workers.settings import WorkerSettings


def run(*arguments: str) -> tuple[int, list[str]]:
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, result.stderr.splitlines()


def test_directory_without_settings_is_refused(tmp_path: Path) -> None:
    status, lines = run("worker", str(tmp_path))
    assert (status, lines) == (2, [f"ivrcore: {tmp_path / 'settings.json'}: No such file or directory"])


def test_settings_that_are_none_are_refused(tmp_path: Path) -> None:
    (tmp_path / "settings.json").write_text("{}")
    status, lines = run("worker", str(tmp_path))
    assert (status, lines) == (2, [f"ivrcore: {tmp_path / 'settings.json'}: no settings of a worker"])


def test_directory_of_another_worker_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    directory = tmp_path / "w1"
    make_directory(directory, WorkerSettings(tmp_path / "rec", tmp_path / "cache"))
    lock = Lock(directory / "lock")
    here = Path.cwd()
    status, lines = run("worker", str(directory))
    lock.release()
    assert (status, len(lines)) == (2, 1)
    assert lines[0].startswith(f"ivrcore: {directory} is in use")
    assert Path.cwd() == here


@pytest.mark.parametrize(
    ("log", "status", "says"),
    [
        ("ivrcore: UDP port 5060 on ::1 is in use\n", 2, "UDP port 5060 on ::1 is in use"),
        ('{"message": "SIP on …"}\nivrcore: no room\n', 2, "no room"),
        ("ivrcore: no room\n", 1, ""),
        ("ivrcore: no room\n", -9, ""),
        ("ivrcore: no room\n", None, ""),
        ("", 2, ""),
        (None, 2, ""),
    ],
)
def test_line_of_a_refusal_is_read_from_the_worker_s_log(
    tmp_path: Path, log: str | None, status: int | None, says: str
) -> None:
    if log is not None:
        (tmp_path / "log").write_text(log, encoding="utf-8")
    assert refusal(tmp_path, status) == says


def test_help_does_not_offer_it() -> None:
    result = CliRunner().invoke(app, ["--help"])
    assert "worker" not in result.stdout
    assert "callback" in result.stdout or "call" in result.stdout
