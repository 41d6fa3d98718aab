"""Prompts that end together, while pjmedia's thread is still telling the end of the one before."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from media.testsignal import talk
from media.wav import write_alaw

pytestmark = pytest.mark.e2e

ROUNDS = 10
DEADLINE_S = 60.0
"""A second or two of prompts and callbacks, and the start of an interpreter on a busy machine."""

ROOT = Path(__file__).resolve().parents[3]


def run_program(name: str, folder: Path, **job: object) -> tuple[str, str, int]:
    """Standard output, standard error and status of a program of this folder.

    "stood still" stands at the end of its standard error when it had to be killed.
    """
    # Two frames: a player is at its end as soon as it is connected.
    write_alaw(folder / "prompt.wav", talk(0, 0.04))
    job = {"prompt": str(folder / "prompt.wav"), "cache": str(folder), **job}
    program = subprocess.Popen(
        [sys.executable, "-m", f"tests.e2e.loopback.{name}", json.dumps(job)],
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
    return said, complaints, program.returncode


def test_prompts_of_two_legs_end_in_one_tick_and_the_stack_goes_on(tmp_path: Path) -> None:
    said, complaints, status = run_program("ending_players", tmp_path, rounds=ROUNDS)
    assert complaints == ""
    assert said.split() == [*(str(number) for number in range(1, ROUNDS + 1)), "closed"]
    assert status == 0


def test_process_whose_conference_stands_still_does_not_answer_for_its_engine(tmp_path: Path) -> None:
    # A supervisor's ping is answered with what the program asks for: silence is what gets a worker killed.
    assert run_program("standing_still", tmp_path) == ("no answer\n", "", 0)
