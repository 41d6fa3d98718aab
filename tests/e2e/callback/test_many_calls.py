"""A core that lives long: two hundred calls in one process leave nothing behind."""

import numpy as np
import pytest

from tests.e2e.callback.long_run import CALLS, LongRun

pytestmark = [pytest.mark.e2e, pytest.mark.begun_early("long_run")]

WARM_UP = 100
"""Until then the allocator still takes its arenas from the kernel: about 0.7 MB, in steps, once."""
MOST_BYTES_A_CALL = 10_000


def test_two_hundred_calls_in_one_process_all_talk_and_end(long_run: LongRun) -> None:
    held_after = long_run.held_after()
    assert len(held_after) == CALLS
    assert {(held["stateCode"], held["talked"]) for held in held_after} == {(0, True)}
    assert len(long_run.a.all("ended")) == len(long_run.b.all("ended")) == CALLS
    assert list((long_run.data / "captures").iterdir()) == []


@pytest.mark.parametrize("what", ["descriptors", "threads"])
def test_descriptors_and_threads_do_not_grow_after_the_warm_up(long_run: LongRun, what: str) -> None:
    counts = [held[what] for held in long_run.held_after()]
    # A socket, a worker, a stopped player that is yet to be destroyed may be held between two calls; it goes.
    # What leaks stays, so it raises the least that is held.
    quarter = (CALLS - WARM_UP) // 2
    assert min(counts[-quarter:]) <= min(counts[WARM_UP : WARM_UP + quarter]), counts


def test_memory_grows_by_less_than_10_kb_a_call(long_run: LongRun) -> None:
    resident = np.array(
        [held["resident_bytes"] for held in long_run.held_after()[WARM_UP:]], dtype=np.float64
    )
    slope_bytes_a_call = float(np.polyfit(np.arange(resident.size), resident, 1)[0])
    assert slope_bytes_a_call < MOST_BYTES_A_CALL
