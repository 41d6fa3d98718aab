"""Whoever started the core stops looking: the call goes on, or ends for both parties, but never half."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from media.wav import read_info
from sip.softphone import Script
from tests.e2e.callback.conftest import NewPhone
from tests.e2e.callback.core import DEADLINE_S, ROOT, Core
from tests.e2e.callback.sounds import TALK_A, TALK_B

pytestmark = pytest.mark.e2e

TALK_S = 3.4


def test_reader_of_the_timeline_that_leaves_in_mid_call_changes_nothing(
    new_phone: NewPhone, tmp_path: Path
) -> None:
    a = new_phone(Script(ring_after_s=0.05, answer_after_s=0.2, talk=TALK_A))
    b = new_phone(Script(ring_after_s=0.05, answer_after_s=0.2, talk=TALK_B, hang_up_after_s=TALK_S))
    arguments = ("call", a.uri, b.uri, "--record", "--data", str(tmp_path))
    with subprocess.Popen(
        [sys.executable, "-m", "ivrcore", *arguments], stderr=subprocess.PIPE, text=True, cwd=ROOT
    ) as core:
        assert core.stderr is not None
        assert "SIP on" in core.stderr.readline()
        assert "A is called" in core.stderr.readline()
        core.stderr.close()
        assert core.wait(DEADLINE_S) == 0
    for phone in (a, b):
        assert phone.wait("ended")["q850"] == 16
    (recording,) = (tmp_path / "recordings").iterdir()
    assert read_info(recording).duration_s == pytest.approx(TALK_S, abs=0.3)


def test_record_that_cannot_be_printed_is_told_with_status_2(new_phone: NewPhone, tmp_path: Path) -> None:
    busy = new_phone(Script(ring_after_s=None, answer_after_s=0.0, reject=486))
    arguments = ("call", busy.uri, busy.uri, "--json", "--data", str(tmp_path))
    with Path("/dev/full").open("w") as full:
        finished = subprocess.run(
            [sys.executable, "-m", "ivrcore", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            timeout=DEADLINE_S,
            check=False,
        )
    assert finished.returncode == 2
    told = "ivrcore: the record could not be written to standard output: No space left on device"
    assert finished.stderr.splitlines()[-1] == told


def test_terminal_that_is_hung_up_ends_both_legs(new_phone: NewPhone, tmp_path: Path) -> None:
    a = new_phone(Script(ring_after_s=0.05, answer_after_s=0.2, talk=TALK_A))
    b = new_phone(Script(ring_after_s=0.05, answer_after_s=0.2, talk=TALK_B))
    with Core(a.uri, b.uri, "--json", "--data", str(tmp_path)) as core:
        core.wait_for("A and B hear each other")
        os.kill(core.process.pid, signal.SIGHUP)
        finished = core.finish()
    assert (finished.status, finished.record["stateCode"]) == (0, 8017)
    for phone in (a, b):
        assert phone.wait("ended")["by_remote"]
