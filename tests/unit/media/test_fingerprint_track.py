"""Evidence and paths: what speaks for a signal, and where the best path runs."""

import numpy as np
import pytest

from media.fingerprint_track import (
    ENTRY_COST,
    Float32,
    aligned,
    clipped_evidence,
    evidence,
    fine_evidence,
    proof,
    track,
)
from media.testsignal import talk

TALK = talk(1, 4.0).astype(np.float32)
OTHER = talk(2, 4.0).astype(np.float32)
UNITY = np.array([1.0])


def recording(length: int, *parts: tuple[Float32, int, float]) -> Float32:
    """Signals at their first samples and gains, with the noise of a codec."""
    out = np.random.default_rng(0).standard_normal(length).astype(np.float32) * 8.0
    for signal, at, gain in parts:
        part = signal[: length - at]
        out[at : at + part.size] += np.float32(gain) * part
    return out


def test_aligned_signal_is_silent_beyond_its_ends() -> None:
    ramp = np.arange(1, 6, dtype=np.float32)
    assert aligned(ramp, False, 2, 0, 9).tolist() == [0, 0, 1, 2, 3, 4, 5, 0, 0]
    assert aligned(ramp, False, -3, 0, 4).tolist() == [4, 5, 0, 0]
    assert aligned(ramp, False, 20, 0, 3).tolist() == [0, 0, 0]


def test_aligned_loop_goes_round() -> None:
    ramp = np.arange(1, 4, dtype=np.float32)
    assert aligned(ramp, True, 1, 0, 7).tolist() == [3, 1, 2, 3, 1, 2, 3]


def test_presence_is_positive_and_absence_negative_evidence() -> None:
    inner = slice(4, -4)
    assert evidence(recording(16_000, (TALK[:16_000], 0, 1.0)), TALK[:16_000], UNITY)[inner].min() > 0.0
    absent = evidence(recording(16_000, (OTHER[:16_000], 0, 1.0)), TALK[:16_000], UNITY)[inner, 0]
    assert np.median(absent) < -4.0
    assert evidence(recording(16_000), TALK[:16_000], UNITY)[inner].max() < -4.0


def test_pause_of_the_signal_is_no_evidence() -> None:
    silent = np.zeros(8000, dtype=np.float32)
    assert not evidence(recording(8000, (OTHER[:8000], 0, 1.0)), silent, UNITY).any()


@pytest.mark.parametrize("gain", [0.25, 0.5, 1.0, 2.0])
def test_evidence_is_highest_at_the_true_gain(gain: float) -> None:
    gains = np.array([0.125, 0.25, 0.5, 1.0, 2.0, 4.0])
    scores = evidence(recording(16_000, (TALK[:16_000], 0, gain)), TALK[:16_000], gains).sum(axis=0)
    assert gains[scores.argmax()] == gain


def test_no_frame_decides_alone() -> None:
    scores = clipped_evidence(
        recording(16_000, (TALK[:16_000], 0, 1.0)), TALK[:16_000], np.array([0.01, 1.0, 4.0])
    )
    assert np.abs(scores).max() < ENTRY_COST / 5


def test_fine_evidence_turns_within_two_milliseconds_of_an_edge() -> None:
    scores = fine_evidence(recording(8000, (TALK[4000:8000], 4000, 1.0)), TALK[:8000], 1.0)
    running = np.cumsum(scores)
    assert (int(running.argmin()) + 1) * 8 == pytest.approx(4000, abs=16)


def test_proof_grows_with_time_and_is_low_for_strangers() -> None:
    x = recording(32_000, (TALK, 0, 1.0))
    one_s, two_s = proof(x[:8000], TALK[:8000]), proof(x[:16_000], TALK[:16_000])
    assert two_s == pytest.approx(2.0 * one_s, rel=0.3)
    assert one_s > 200.0
    assert proof(x, OTHER) < 0.0


def test_path_finds_begin_end_offset_and_gain() -> None:
    runs = track(recording(64_000, (TALK, 16_000, 0.5)), TALK, False, [16_000, 20_000])
    assert {run.offset for run in runs} == {16_000}
    assert runs[0].start == pytest.approx(16_000, abs=256)
    assert runs[-1].stop == pytest.approx(48_000, abs=256)
    # Gains within a step of the truth take enough away to count alike.
    assert 0.25 < runs[0].gain < 1.0


def test_path_follows_a_slip_without_a_gap() -> None:
    x = recording(48_000, (TALK[:16_000], 8000, 1.0), (TALK[15_840:], 24_000, 1.0))
    runs = track(x, TALK, False, [8000, 8160])
    assert [run.offset for run in runs] == [8000, 8160]
    assert runs[0].stop == runs[1].start
    assert runs[0].stop == pytest.approx(24_000, abs=400)


def test_path_bridges_lost_packets() -> None:
    x = recording(48_000, (TALK, 8000, 1.0))
    x[20_000:20_480] = 0.0
    assert len(track(x, TALK, False, [8000])) == 1


def test_path_leaves_out_a_long_absence() -> None:
    x = recording(48_000, (TALK, 8000, 1.0))
    x[20_000:24_000] = 0.0
    runs = track(x, TALK, False, [8000])
    assert len(runs) == 2
    assert runs[0].stop == pytest.approx(20_000, abs=256)
    assert runs[1].start == pytest.approx(24_000, abs=256)


def test_path_through_strangers_is_empty() -> None:
    assert track(recording(48_000, (OTHER, 4000, 1.0)), TALK, False, [0, 4000, 10_000]) == []
    assert track(recording(48_000), TALK, True, [0, 4000]) == []


def test_no_offsets_give_no_path() -> None:
    assert track(recording(8000), TALK, False, []) == []
