"""The first look at every tick of every leg: could two DTMF tones be in it?

One matrix product for all legs; it may be wrong in favour of a digit (the fine stage decides), never against
one.
Left out: what a tone is and where it begins and ends (envelope.py).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from media.dtmf.tables import (
    BLOCK,
    OMEGAS,
    RING,
    SCREEN_BLOCK,
    SCREEN_TAIL,
    Bools,
    Doubles,
    Floats,
    Ints,
    energy_of,
)
from media.types import SAMPLE_RATE_HZ

MIN_TONE_ENERGY: Final = energy_of(-53.0)
"""A -48 dBm0 tone 2.4 % off its frequency, seen through the correlator's skirt."""

MIN_SHARE: Final = 0.30
"""Least part of the energy in the two tones: S/N 4 dB, both tones 2 % off, a quarter of the tick missing."""

CLEAR_SHARE: Final = 0.55
"""From here on the low band cannot disturb the fine stage, so no high-pass is needed."""

MIN_TWIST: Final = 10 ** (-16 / 10)
MAX_TWIST: Final = 10 ** (16 / 10)
MIN_DOMINANCE: Final = 0.62
"""Least part of its group's energy in the strongest tone; the sum counts a tone's skirt more than once."""

MAX_LINE: Final = 0.40
"""Of the tones' energy in the strongest other line, unless that is a dial tone or hum: 0.25 for a third tone
6 dB under the pair, 0.16 for noise at S/N 0 dB; half of what else passes of a voice has more in its pitch."""

MIN_STEADY_SHARE: Final = 0.85
"""Least part of the low band in the bins of hum and dial tones; a voice has its pitch elsewhere."""

MIN_LASTING_SHARE: Final = 0.72
"""Least part of 120 ms of low band in the bands of hum and dial tones: those reach 0.75 to 0.98, and of the
ticks of a voice that look like one only a tenth."""

_FFT: Final = 256
_HUM: Final = slice(1, 4)
_DIAL: Final = slice(9, 17)
_HANN: Final[Floats] = np.hanning(_FFT + 1)[:-1].astype(np.float32)
_LOW_BIN: Final = 18  # 562 Hz: the middle of the high-pass's slope
_TONE_BINS: Final[Ints] = np.round(OMEGAS / (2 * np.pi) * _FFT).astype(np.int64)


def _low_lines() -> Floats:
    """The spectrum's lines under _LOW_BIN behind the Hann window, shape (_FFT, 2 * (_LOW_BIN - 1))."""
    phase = 2 * np.pi * np.arange(1, _LOW_BIN) / _FFT * np.arange(_FFT)[:, None]
    lines = np.concatenate([np.cos(phase), np.sin(phase)], axis=1) * _HANN[:, None]
    return lines.astype(np.float32)


_LOW_LINES: Final[Floats] = _low_lines()


def _columns(frequencies_hz: Doubles) -> Floats:
    """Orthonormal columns that span steady tones over a ring."""
    phase = 2 * np.pi * frequencies_hz / SAMPLE_RATE_HZ * np.arange(RING)[:, None]
    sines = np.sin(phase[:, frequencies_hz > 0])
    basis, _ = np.linalg.qr(np.concatenate([np.cos(phase), sines], axis=1))
    return np.ascontiguousarray(basis, dtype=np.float32)


_STEADY: Final[Floats] = _columns(
    np.array([0.0, 4.0, 50.0, 60.0, 347.0, 353.0, *range(394, 459, SAMPLE_RATE_HZ // RING)])
)
"""Offset, mains hum, and dial tones (ITU-T E.180: 350, 440 and 400 to 450 Hz) a little off."""


def _low_band() -> Floats:
    """Orthonormal columns that span all under 565 Hz: whole periods in a ring are orthogonal already."""
    phase = 2 * np.pi / RING * np.arange(1, round(565.0 * RING / SAMPLE_RATE_HZ)) * np.arange(RING)[:, None]
    lines = np.concatenate([np.cos(phase), np.sin(phase)], axis=1) * np.sqrt(2.0)
    basis = np.concatenate([np.ones((RING, 1)), lines], axis=1) / np.sqrt(RING)
    return np.ascontiguousarray(basis, dtype=np.float32)


_ALL_LOW: Final[Floats] = _low_band()


@dataclass(frozen=True)
class Screened:
    """The ticks that passed.

    Attributes:
        where: indices of the rows that passed, ascending.
        digit: index into KEYS, one for each.
        low_band: whether the band under 565 Hz is strong enough to be filtered away.
        doubtful: whether it passed only because the low band looks like a dial tone or hum; lasting_dial_tone
            tells.
    """

    where: Ints
    digit: Ints
    low_band: Bools
    doubtful: Bools


def screen(before: Floats, now: Floats) -> Screened:
    """Pick the ticks that may hold a digit.

    Args:
        before: the ticks before, shape (n, BLOCK).
        now: the ticks, shape (n, BLOCK); the correlators look at the 20 ms that end 5 ms before their end.
    """
    tail = before[:, BLOCK - SCREEN_TAIL.shape[0] :]
    products = now @ SCREEN_BLOCK
    products += tail @ SCREEN_TAIL
    # Tones in rows, legs in columns: every step that follows then runs over long contiguous rows.
    squares = np.ascontiguousarray(products.T)
    squares *= squares
    powers = squares[:8] + squares[8:]
    low, high = powers[:4], powers[4:]
    best_low, best_high = low.max(axis=0), high.max(axis=0)
    passed = np.minimum(best_low, best_high) > MIN_TONE_ENERGY
    passed &= (best_high > MIN_TWIST * best_low) & (best_high < MAX_TWIST * best_low)
    passed &= best_low > MIN_DOMINANCE * low.sum(axis=0)
    passed &= best_high > MIN_DOMINANCE * high.sum(axis=0)
    where = np.flatnonzero(passed)
    low, high = low[:, where], high[:, where]
    digit = 4 * low.argmax(axis=0) + high.argmax(axis=0)
    return _by_energy(before, now, where, digit, low.max(axis=0) + high.max(axis=0))


def _by_energy(before: Floats, now: Floats, where: Ints, digit: Ints, tones: Floats) -> Screened:
    """Keep the rows whose tones hold enough of the energy, of all of it or of what lies above 565 Hz."""
    # The correlators' middle 160 samples of energy: from 199 to 39 samples before the end.
    energy = np.einsum("ij,ij->i", now[where, :121], now[where, :121])
    ahead = before[where, BLOCK - 39 :]
    energy += np.einsum("ij,ij->i", ahead, ahead)
    clear = tones > CLEAR_SHARE * energy
    enough = tones > MIN_SHARE * energy
    doubtful = np.zeros(where.size, dtype=np.bool_)
    low_band = np.zeros(where.size, dtype=np.bool_)
    rest = np.flatnonzero(~clear)
    if rest.size:
        audio = np.concatenate([before[where[rest], BLOCK - 96 :], now[where[rest]]], axis=1)
        enough[rest], doubtful[rest], low_band[rest] = _by_spectrum(audio, digit[rest], enough[rest])
    kept = np.flatnonzero(enough | doubtful)
    return Screened(where[kept], digit[kept], low_band[kept], doubtful[kept])


def _by_spectrum(audio: Floats, digit: Ints, enough: Bools) -> tuple[Bools, Bools, Bools]:
    """Look at what there is besides the two tones.

    Args:
        audio: the end of each row, shape (n, _FFT).
        digit: index into KEYS, one for each.
        enough: whether the tones hold enough of the energy.

    Returns:
        Whether the row passes, else whether it may be a key over a dial tone, and low_band, as in Screened.
    """
    lines = audio @ _LOW_LINES
    lines *= lines
    below = lines[:, : _LOW_BIN - 1] + lines[:, _LOW_BIN - 1 :]  # lines 1, 2, ... of the spectrum
    steady = below[:, _HUM.start - 1 : _HUM.stop - 1].sum(axis=1)
    steady += below[:, _DIAL.start - 1 : _DIAL.stop - 1].sum(axis=1)
    low_energy = below.sum(axis=1)
    dial_tone = steady > MIN_STEADY_SHARE * low_energy
    passes, low_band = np.zeros((2, digit.size), dtype=np.bool_)
    rows = np.flatnonzero(enough | dial_tone)
    pair, above, strongest = _beside(audio[rows], digit[rows])
    passes[rows] = enough[rows] & (strongest < MAX_LINE * pair)
    dial_tone[rows] &= pair > MIN_SHARE * above
    low_band[rows] = low_energy[rows] > 0.3 * pair
    return passes, dial_tone & ~passes, low_band


def _beside(part: Floats, digit: Ints) -> tuple[Floats, Floats, Floats]:
    """Energy of the two tones, of all above 565 Hz, and of the strongest line besides the tones, in the
    Hann-windowed end of the audio.

    Args:
        part: shape (n, _FFT).
        digit: index into KEYS, one for each.
    """
    spectrum = np.fft.rfft(part * _HANN, axis=1)
    power = np.asarray(spectrum.real**2 + spectrum.imag**2, dtype=np.float32)
    power[:, 0] = 0.0
    row, column = np.divmod(digit, 4)
    # The five lines around a tone: Hann-windowed and up to 2 % off it is inside.
    around = np.arange(-2, 3)
    near = np.concatenate([_TONE_BINS[row, None] + around, _TONE_BINS[4 + column, None] + around], axis=1)
    rows = np.arange(digit.size)[:, None]
    pair = power[rows, near].sum(axis=1)
    above = power[:, _LOW_BIN:].sum(axis=1)
    power[rows, near] = 0.0
    threes = power[:, :-2] + power[:, 1:-1]
    threes += power[:, 2:]
    return pair, above, threes.max(axis=1)


def lasting_dial_tone(audio: Floats) -> Bools:
    """Whether the low band has held a dial tone, hum or an offset for the whole ring; a voice has its pitch
    and first formant there one moment and elsewhere the next.

    Args:
        audio: shape (n, RING).
    """
    steady, low = audio @ _STEADY, audio @ _ALL_LOW
    held: Bools = np.einsum("ij,ij->i", steady, steady) > MIN_LASTING_SHARE * np.einsum("ij,ij->i", low, low)
    return held
