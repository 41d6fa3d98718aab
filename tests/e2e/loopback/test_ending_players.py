"""Prompts that end together, while pjmedia's thread is still telling the end of the one before."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from media.testsignal import talk
from media.wav import write_alaw

pytestmark = pytest.mark.e2e

ROUNDS = 20
DEADLINE_S = 60.0
"""Two seconds of prompts and callbacks, and the start of an interpreter on a busy machine."""

ROOT = Path(__file__).resolve().parents[3]


def test_prompts_of_two_legs_end_in_one_tick_and_the_stack_goes_on(tmp_path: Path) -> None:
    # Two frames: both players are at their end as soon as both are connected.
    write_alaw(tmp_path / "prompt.wav", talk(0, 0.04))
    job = {"prompt": str(tmp_path / "prompt.wav"), "cache": str(tmp_path), "rounds": ROUNDS}
    program = subprocess.Popen(
        [sys.executable, "-m", "tests.e2e.loopback.ending_players", json.dumps(job)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    try:
        said, complaints = program.communicate(timeout=DEADLINE_S)
    except subprocess.TimeoutExpired:
        program.kill()
        said, complaints = program.communicate()
        complaints += "stood still"
    assert complaints == ""
    assert said.split() == [*(str(number) for number in range(1, ROUNDS + 1)), "closed"]
    assert program.returncode == 0
