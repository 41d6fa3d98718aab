"""media.music: the waiting loop is steady, seamless, and nothing that a detector could take for a signal."""

import numpy as np
import numpy.typing as npt
import pytest

from media import level, music
from media.g711 import alaw_decode, alaw_encode

DTMF_LOW_HZ = (697, 770, 852, 941)  # ITU-T Q.23
DTMF_HIGH_HZ = (1209, 1336, 1477, 1633)
FRAME_SAMPLES = 320  # 40 ms, the shortest digit of ITU-T Q.24


@pytest.fixture(scope="module")
def heard() -> npt.NDArray[np.float64]:
    """Two turns of the loop, as a caller hears them through A-law."""
    pcm = alaw_decode(alaw_encode(music.waiting_loop())).astype(np.float64)
    return np.concatenate([pcm, pcm])


def _frames(audio: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.lib.stride_tricks.sliding_window_view(audio, FRAME_SAMPLES)[::80]


def _power(frames: npt.NDArray[np.float64], frequency_hz: float) -> npt.NDArray[np.float64]:
    """Power of a frequency in each frame, in the unit of the mean square, through a Hann window."""
    window = np.hanning(FRAME_SAMPLES)
    phase = np.exp(-2j * np.pi * frequency_hz * np.arange(FRAME_SAMPLES) / 8000) * window
    return np.asarray(np.abs(frames @ phase) ** 2 * 2 / window.sum() ** 2, dtype=np.float64)


def test_loop_lasts_12_s_at_its_level() -> None:
    pcm = music.waiting_loop()
    assert pcm.size == 96_000
    assert level.level_dbm0(pcm) == pytest.approx(-20.0, abs=0.05)
    assert level.peak_dbm0(pcm) < 0.0


def test_loop_is_the_same_every_time() -> None:
    assert np.array_equal(music.waiting_loop(), music.waiting_loop())


def test_end_runs_into_the_beginning(heard: npt.NDArray[np.float64]) -> None:
    seam = heard.size // 2
    steps = np.abs(np.diff(heard))
    assert steps[seam - 1] <= np.percentile(steps, 99)
    # A click is wide-band: the energy above 2 kHz at the seam is no more than at any other stroke of a note.
    spectra = np.abs(np.fft.rfft(_frames(heard) * np.hanning(FRAME_SAMPLES), axis=1)) ** 2
    high = spectra[:, FRAME_SAMPLES * 2000 // 8000 :].sum(axis=1)
    across = high[(seam - FRAME_SAMPLES) // 80 : seam // 80]
    assert across.max() <= np.percentile(high, 99)


def test_notes_ring_across_the_seam(heard: npt.NDArray[np.float64]) -> None:
    seam = heard.size // 2
    before, after = (np.mean(heard[at : at + 400] ** 2) for at in (seam - 400, seam))
    assert abs(10 * np.log10(after / before)) < 12, "no fade-out and no gap"


def test_music_never_falls_silent(heard: npt.NDArray[np.float64]) -> None:
    power = (_frames(heard) ** 2).mean(axis=1)
    assert 10 * np.log10(power.min() / power.mean()) > -10


def test_no_moment_could_be_a_dtmf_digit(heard: npt.NDArray[np.float64]) -> None:
    frames = _frames(heard)
    total = (frames**2).mean(axis=1)
    low = np.max([_power(frames, frequency) for frequency in DTMF_LOW_HZ], axis=0)
    high = np.max([_power(frames, frequency) for frequency in DTMF_HIGH_HZ], axis=0)
    weaker = np.minimum(low, high) / total
    # Of a digit with the twist Q.24 allows (8 dB), the weaker tone has 14 % of the power: -8.6 dB.
    assert 10 * np.log10(weaker.max()) < -25


def test_450_hz_is_left_to_the_network(heard: npt.NDArray[np.float64]) -> None:
    one_turn = heard[: heard.size // 2]
    spectrum = np.abs(np.fft.rfft(one_turn)) ** 2
    frequency_hz = np.fft.rfftfreq(one_turn.size, 1 / 8000)
    band = spectrum[(frequency_hz >= 425) & (frequency_hz <= 475)].sum()
    assert 10 * np.log10(band / spectrum.sum()) < -30


def test_most_of_the_music_fits_the_telephone_band(heard: npt.NDArray[np.float64]) -> None:
    one_turn = heard[: heard.size // 2]
    spectrum = np.abs(np.fft.rfft(one_turn)) ** 2
    frequency_hz = np.fft.rfftfreq(one_turn.size, 1 / 8000)
    band = spectrum[(frequency_hz >= 300) & (frequency_hz <= 3400)].sum()
    assert band / spectrum.sum() > 0.8
