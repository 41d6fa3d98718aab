"""The coarse search: flattening and proposed offsets."""

import numpy as np
import pytest

from media.fingerprint_search import MOST_PROPOSALS, Float32, Searcher, flatten
from media.testsignal import talk
from media.types import SAMPLE_RATE_HZ

TALK = talk(1, 4.0).astype(np.float32)


def recording(*offsets: int, length: int = 160_000, gain: float = 1.0) -> Float32:
    out = np.zeros(length, dtype=np.float32)
    for offset in offsets:
        first, last = max(0, offset), min(length, offset + TALK.size)
        out[first:last] += gain * TALK[first - offset : last - offset]
    return out


def strongest(x: Float32, n: int = 1) -> set[int]:
    return {offset for offset, _, _ in Searcher(x).proposals(flatten(TALK))[:n]}


def test_flatten_keeps_length_and_silence() -> None:
    for n in (0, 1, 127, 128, 129, 5000):
        assert flatten(np.zeros(n, dtype=np.int16)).shape == (n,)
    assert not flatten(np.zeros(5000, dtype=np.int16)).any()


def test_flatten_brings_loud_and_quiet_bands_together() -> None:
    t = np.arange(16_000) / SAMPLE_RATE_HZ
    x = 8000.0 * np.sin(2 * np.pi * 500.0 * t) + 250.0 * np.sin(2 * np.pi * 2000.0 * t)
    spectrum = np.abs(np.fft.rfft(flatten(x)[4000:12_000]))
    # 30 dB apart before; with 0.7 of it taken away, 9 dB remain.
    before_db, after_db = 20 * np.log10(8000 / 250), 20 * np.log10(spectrum[500] / spectrum[2000])
    assert before_db == pytest.approx(30.1, abs=0.1)
    assert after_db == pytest.approx(9.0, abs=1.5)


def test_flatten_leaves_times_as_they_are() -> None:
    click = np.zeros(4000)
    click[1717] = 20_000.0
    assert int(np.abs(flatten(click)).argmax()) == 1717


@pytest.mark.parametrize("offset", [0, 1, 12_345, 24_575, 24_576, 100_001, 127_999])
def test_signal_is_proposed_where_it_lies(offset: int) -> None:
    assert strongest(recording(offset)) == {offset}


@pytest.mark.parametrize("offset", [-20_000, -5000, 140_000])
def test_signal_cut_by_the_recordings_ends_is_proposed(offset: int) -> None:
    assert strongest(recording(offset)) == {offset}


def test_repeated_signal_is_proposed_each_time() -> None:
    offsets = (0, 40_000, 80_003, 120_000)
    assert set(offsets) <= strongest(recording(*offsets), 16)


def test_quiet_signal_under_noise_is_proposed() -> None:
    rng = np.random.default_rng(3)
    x = recording(50_000, gain=0.1) + rng.standard_normal(160_000).astype(np.float32) * 1000.0
    # Talk at -16 dBm0 has an rms of 2558: at a tenth, it lies 12 dB under this noise.
    assert 50_000 in strongest(x)


def test_proposals_come_best_first_and_are_bounded() -> None:
    hits = Searcher(recording(0, 40_000, 80_000)).proposals(flatten(TALK))
    sigmas = [sigma for _, sigma, _ in hits]
    assert sigmas == sorted(sigmas, reverse=True)
    assert len(hits) <= 4 * MOST_PROPOSALS


def test_silence_and_noise_propose_little() -> None:
    rng = np.random.default_rng(4)
    assert Searcher(np.zeros(80_000, dtype=np.float32)).proposals(flatten(TALK)) == []
    noise = (rng.standard_normal(480_000) * 1000.0).astype(np.float32)
    assert len(Searcher(noise).proposals(flatten(TALK))) <= 2


def test_silent_signal_proposes_nothing() -> None:
    assert Searcher(recording(0)).proposals(np.zeros(8000, dtype=np.float32)) == []


def test_empty_recording_proposes_nothing() -> None:
    assert Searcher(np.zeros(0, dtype=np.float32)).proposals(flatten(TALK)) == []
