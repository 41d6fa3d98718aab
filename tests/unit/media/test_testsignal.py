"""The talk of a test party: level, band, continuity, distinctness, and nothing like DTMF."""

import numpy as np
import numpy.typing as npt
import pytest

from media.errors import MediaFormatError
from media.testsignal import HIGHEST_HZ, LEVEL_DBM0, LOWEST_HZ, talk
from media.types import SAMPLE_RATE_HZ, Pcm16

DTMF_LOW_HZ = (697.0, 770.0, 852.0, 941.0)
DTMF_HIGH_HZ = (1209.0, 1336.0, 1477.0, 1633.0)


def power_at(frames: npt.NDArray[np.float64], frequency_hz: float) -> npt.NDArray[np.float64]:
    """Share of each row's power that is at one frequency, 1.0 for a sine that fills the row."""
    n = frames.shape[1]
    probe = np.exp(-2j * np.pi * frequency_hz * np.arange(n) / SAMPLE_RATE_HZ)
    total = np.maximum((frames**2).sum(axis=1), 1e-9)
    return np.asarray(2.0 * np.abs(frames @ probe) ** 2 / n / total, dtype=np.float64)


def rows(pcm: Pcm16, length: int, hop: int) -> npt.NDArray[np.float64]:
    return np.lib.stride_tricks.sliding_window_view(pcm.astype(np.float64), length)[::hop]


def best_match(a: Pcm16, b: Pcm16) -> float:
    """Largest normalised correlation of a's samples with any place of b."""
    x = a.astype(np.float64)
    y = b.astype(np.float64)
    n_lags = y.size - x.size + 1
    product = np.fft.rfft(y) * np.conj(np.fft.rfft(x, y.size))
    running = np.cumsum(np.append(0.0, y**2))
    energy = running[x.size :] - running[:n_lags]
    correlation = np.fft.irfft(product, y.size)[:n_lags]
    return float(np.max(np.abs(correlation) / (np.linalg.norm(x) * np.sqrt(energy))))


def test_talk_has_the_length_asked_for() -> None:
    assert talk(1, 2.5).shape == (20_000,)
    assert talk(1, 2.5).dtype == np.int16
    assert talk(3, 1 / SAMPLE_RATE_HZ).shape == (1,)


def test_talk_of_one_seed_is_always_the_same() -> None:
    assert np.array_equal(talk(7, 3.0), talk(7, 3.0))


@pytest.mark.parametrize("seed", range(5))
def test_talk_is_at_its_level_in_every_tenth_of_a_second(seed: int) -> None:
    power = (rows(talk(seed, 6.0), 800, 400) ** 2).mean(axis=1)
    # A full-scale sine (mean square 32767² / 2) is +3.14 dBm0.
    levels_dbm0 = 10.0 * np.log10(power / (32767.0**2 / 2.0)) + 3.14
    assert np.all(np.abs(levels_dbm0 - LEVEL_DBM0) < 0.5)


@pytest.mark.parametrize("seed", range(5))
def test_talk_has_no_pause(seed: int) -> None:
    # 350 Hz is the slowest it gets: a half wave is 11.4 samples, so 20 samples always hold a crest.
    assert rows(talk(seed, 6.0), 20, 1).max(axis=1).min() > 0.0
    assert np.abs(rows(talk(seed, 6.0), 20, 1)).max(axis=1).min() > 2000.0


@pytest.mark.parametrize("seed", range(5))
def test_talk_keeps_to_the_telephone_band(seed: int) -> None:
    pcm = talk(seed, 10.0).astype(np.float64)
    power = np.abs(np.fft.rfft(pcm)) ** 2
    hz = np.fft.rfftfreq(pcm.size, 1 / SAMPLE_RATE_HZ)
    inside = power[(hz >= 300.0) & (hz <= 3400.0)].sum()
    assert inside / power.sum() > 0.999
    assert 300.0 < LOWEST_HZ < HIGHEST_HZ < 3400.0


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("window_ms", [20, 40])
def test_talk_holds_nothing_like_a_dtmf_pair(seed: int, window_ms: int) -> None:
    """No window has the two halves of its power at one low-group and one high-group frequency."""
    length = window_ms * SAMPLE_RATE_HZ // 1000
    frames = rows(talk(seed, 20.0), length, length // 4)
    low = np.max([power_at(frames, hz) for hz in DTMF_LOW_HZ], axis=0)
    high = np.max([power_at(frames, hz) for hz in DTMF_HIGH_HZ], axis=0)
    # With 8 dB of twist, the most that Q.24 allows, the weaker tone of a true pair has 0.14 of the power.
    pair = (np.minimum(low, high) > 0.1) & (low + high > 0.7)
    assert not np.any(pair)


def test_dtmf_pair_would_be_noticed() -> None:
    n = np.arange(SAMPLE_RATE_HZ // 10)
    pair = sum(4000 * np.sin(2 * np.pi * hz * n / SAMPLE_RATE_HZ) for hz in (770.0, 1336.0))
    frames = rows(np.asarray(pair).astype(np.int16), 320, 80)
    assert np.all(power_at(frames, 770.0) + power_at(frames, 1336.0) > 0.7)
    assert np.all(power_at(frames, 1336.0) > 0.1)


def test_talk_rests_on_no_frequency() -> None:
    """No 100 ms have most of their power within a band as narrow as a call-progress tone."""
    frames = rows(talk(2, 20.0), 800, 400) * np.hanning(800)
    power = np.abs(np.fft.rfft(frames, axis=1)) ** 2
    strongest = power.max(axis=1) / power.sum(axis=1)
    # A steady tone has two thirds of its power in the strongest of the bins a Hann window spreads it over.
    assert strongest.max() < 0.5


def test_talk_of_different_seeds_does_not_correlate() -> None:
    for seed in range(6):
        piece = talk(seed, 4.0)[8000:12_000]
        for other in range(6):
            peak = best_match(piece, talk(other, 4.0))
            assert peak > 0.999 if seed == other else peak < 0.35


def test_talk_resembles_no_other_place_of_itself() -> None:
    whole = talk(4, 8.0)
    piece = whole[16_000:20_000]
    assert best_match(piece, whole[:16_000]) < 0.35
    assert best_match(piece, whole[20_000:]) < 0.35


@pytest.mark.parametrize("duration_s", [0.7, 5.0, 12.345])
def test_talk_runs_on_without_click_when_looped(duration_s: float) -> None:
    pcm = talk(9, duration_s).astype(np.float64)
    looped = np.concatenate((pcm, pcm))
    seam = np.abs(np.diff(looped))[pcm.size - 2 : pcm.size + 1]
    # Steepest slope of the highest note: 2 sin(pi f / fs) times the amplitude.
    steepest = 2.0 * np.sin(np.pi * HIGHEST_HZ / SAMPLE_RATE_HZ) * np.abs(pcm).max()
    assert seam.max() <= steepest * 1.01


@pytest.mark.parametrize("duration_s", [0.0, -1.0, 1e-6])
def test_talk_of_no_length_is_refused(duration_s: float) -> None:
    with pytest.raises(MediaFormatError, match="duration_s"):
        talk(0, duration_s)


def test_negative_seed_is_refused() -> None:
    with pytest.raises(MediaFormatError, match="seed"):
        talk(-1, 1.0)
