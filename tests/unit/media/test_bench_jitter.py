"""The judge of the jitter benchmark, on captures whose slips are known."""

from math import inf

import numpy as np
import pytest

from benchmarks.bench_jitter import CASES, FIRST_DISTURBED, hole, loss, repeated_stalls, slips, stall
from media.types import SAMPLE_RATE_HZ, Pcm16

DISTURBED_S = 4.0


@pytest.fixture(scope="module")
def spoken() -> Pcm16:
    return np.random.default_rng(3).normal(0, 2000, 16 * SAMPLE_RATE_HZ).astype(np.int16)


def late(spoken: Pcm16, at_s: float, until_s: float, late_ms: float) -> Pcm16:
    """A capture that lies late between two moments: a pause first, a jump at the end."""
    n_late = round(late_ms * SAMPLE_RATE_HZ / 1000)
    at, until = round(at_s * SAMPLE_RATE_HZ), round(until_s * SAMPLE_RATE_HZ)
    pause = np.zeros(n_late, dtype=np.int16)
    return np.concatenate([spoken[:at], pause, spoken[at : until - n_late], spoken[until:]])


def test_capture_in_its_place_has_no_slip(spoken: Pcm16) -> None:
    found = slips(spoken, spoken, DISTURBED_S)
    assert (found.largest_ms, found.back_s, found.last_ms, found.unknown_s) == (0, 0, 0, 0)


def test_constant_delay_of_the_buffer_is_no_slip(spoken: Pcm16) -> None:
    capture = np.concatenate([np.zeros(800, dtype=np.int16), spoken])
    assert slips(capture, spoken, DISTURBED_S).largest_ms == 0


def test_slip_and_the_time_until_it_is_back_are_measured(spoken: Pcm16) -> None:
    found = slips(late(spoken, 5.0, 9.0, 120.0), spoken, DISTURBED_S)
    assert found.largest_ms == 120
    assert found.back_s == pytest.approx(5.0, abs=0.26)
    assert found.last_ms == 0


def test_slip_that_stays_is_never_back(spoken: Pcm16) -> None:
    found = slips(late(spoken, 5.0, 16.0, 80.0), spoken, DISTURBED_S)
    assert (found.largest_ms, found.back_s, found.last_ms) == (80, inf, 80)


def test_capture_that_runs_early_slips_below_zero(spoken: Pcm16) -> None:
    capture = np.concatenate([spoken[: 5 * SAMPLE_RATE_HZ], spoken[5 * SAMPLE_RATE_HZ + 400 :]])
    assert slips(capture, spoken, DISTURBED_S).largest_ms == -50


def test_what_was_never_spoken_is_not_recognised(spoken: Pcm16) -> None:
    capture = spoken.copy()
    foreign = np.random.default_rng(4).normal(0, 2000, 2 * SAMPLE_RATE_HZ)
    capture[6 * SAMPLE_RATE_HZ : 8 * SAMPLE_RATE_HZ] = foreign.astype(np.int16)
    assert slips(capture, spoken, DISTURBED_S).unknown_s == pytest.approx(2.0, abs=0.25)


def test_no_case_disturbs_the_first_four_seconds_but_by_repeating() -> None:
    for delay in CASES.values():
        assert all(set(delay(number)) <= {0.0, 0.005} for number in range(FIRST_DISTURBED))


def test_stall_delivers_everything_at_its_end() -> None:
    delay = stall(0.1)
    arrivals = [(number - FIRST_DISTURBED) * 0.02 + delay(number)[0] for number in range(200, 207)]
    assert arrivals == pytest.approx([0.1, 0.1, 0.1, 0.1, 0.1, 0.1, 0.12])


def test_repeated_stalls_come_back_every_period() -> None:
    delay = repeated_stalls(0.3, 5.0)
    assert [delay(number) for number in (200, 450, 700)] == [(0.3,)] * 3
    assert delay(300) == (0.0,)


def test_hole_and_loss_drop_packets_and_delay_none() -> None:
    gone = [number for number in range(400) if not hole(0.2)(number)]
    assert gone == list(range(200, 210))
    delay = loss(0.05)
    dropped = sum(not delay(number) for number in range(200, 10200))
    assert 400 < dropped < 600
