"""The tests' own PostgreSQL: gone afterwards, and never silently missing."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import postgres

ROOT = Path(__file__).resolve().parents[5]

DIES = """
import os, signal
from tests.postgres import Cluster
cluster = Cluster()
print(cluster.server_pid, cluster.home, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def is_running(pid: int) -> bool:
    """Whether the process is there and no zombie."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


@pytest.fixture
def _installed() -> None:
    try:
        postgres.find_binaries()
    except postgres.NoPostgresqlError as error:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(error))


@pytest.mark.usefixtures("_installed")
def test_stopped_cluster_leaves_no_process_and_no_directory() -> None:
    cluster = postgres.Cluster()
    pid = cluster.server_pid
    assert is_running(pid)
    cluster.stop()
    cluster.stop()
    assert not is_running(pid)
    assert not cluster.home.exists()


@pytest.mark.usefixtures("_installed")
def test_server_ends_when_whoever_started_it_is_killed() -> None:
    killed = subprocess.run(
        [sys.executable, "-c", DIES], cwd=ROOT, capture_output=True, text=True, check=False
    )
    pid, home = killed.stdout.split()
    deadline = time.monotonic() + postgres.STOP_TIMEOUT_S
    while is_running(int(pid)) and time.monotonic() < deadline:
        time.sleep(0.02)
    shutil.rmtree(home)  # a killed process cannot
    assert not is_running(int(pid))


@pytest.mark.parametrize(("ci", "outcome"), [("true", pytest.fail.Exception), ("", pytest.skip.Exception)])
def test_missing_postgresql_fails_in_ci_and_is_skipped_by_name_elsewhere(
    monkeypatch: pytest.MonkeyPatch, ci: str, outcome: type[BaseException]
) -> None:
    def missing() -> Path:
        raise postgres.NoPostgresqlError("PostgreSQL is not installed")

    monkeypatch.setattr(postgres, "_running", None)
    monkeypatch.setattr(postgres, "_n_users", 0)
    monkeypatch.setattr(postgres, "find_binaries", missing)
    monkeypatch.setenv("CI", ci)
    with pytest.raises(outcome, match="PostgreSQL is not installed"), postgres.shared():
        pass
