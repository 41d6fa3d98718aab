"""A core that lives long: two hundred calls in one process leave nothing behind."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from media.testsignal import talk
from media.wav import write_alaw
from sip.softphone import Script
from tests.e2e.callback.conftest import NewPhone
from tests.e2e.callback.core import ROOT

pytestmark = pytest.mark.e2e

CALLS = 200
WARM_UP = 100
"""Until then the allocator still takes its arenas from the kernel: about 0.7 MB, in steps, once."""
DEADLINE_S = 240.0
MOST_BYTES_A_CALL = 10_000


@pytest.fixture(scope="module")
def held_after(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """What the core held after each call; made by the first test, which needs the telephones."""
    return []


def test_two_hundred_calls_in_one_process_all_talk_and_end(
    new_phone: NewPhone, tmp_path: Path, held_after: list[dict[str, Any]]
) -> None:
    prompt = tmp_path / "prompt.wav"
    write_alaw(prompt, talk(0, 0.04))
    a = new_phone(Script(ring_after_s=None, answer_after_s=0.0))
    b = new_phone(Script(ring_after_s=0.0, answer_after_s=0.02, hang_up_after_s=0.12))
    job = {"a": a.uri, "b": b.uri, "data": str(tmp_path / "data"), "prompt": str(prompt), "calls": CALLS}
    run = subprocess.run(
        [sys.executable, "-m", "tests.e2e.callback.many_calls", json.dumps(job)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=DEADLINE_S,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    held_after += [json.loads(line) for line in run.stdout.splitlines()]
    assert len(held_after) == CALLS
    assert {(held["stateCode"], held["talked"]) for held in held_after} == {(0, True)}
    assert len(a.all("ended")) == len(b.all("ended")) == CALLS
    assert list((tmp_path / "data" / "captures").iterdir()) == []


@pytest.mark.parametrize("what", ["descriptors", "threads"])
def test_descriptors_and_threads_do_not_grow_after_the_warm_up(
    held_after: list[dict[str, Any]], what: str
) -> None:
    counts = [held[what] for held in held_after]
    assert len(counts) == CALLS, "the calls were not made"
    # A socket or a worker may be between two calls; it comes back, and the level does not rise.
    quarter = (CALLS - WARM_UP) // 2
    assert max(counts[-quarter:]) <= max(counts[WARM_UP : WARM_UP + quarter]), counts


def test_memory_grows_by_less_than_10_kb_a_call(held_after: list[dict[str, Any]]) -> None:
    resident = np.array([held["resident_bytes"] for held in held_after[WARM_UP:]], dtype=np.float64)
    assert resident.size == CALLS - WARM_UP, "the calls were not made"
    slope_bytes_a_call = float(np.polyfit(np.arange(resident.size), resident, 1)[0])
    assert slope_bytes_a_call < MOST_BYTES_A_CALL
