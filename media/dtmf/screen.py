"""The first look at every tick of every leg: could two DTMF tones be in it?

One matrix product for all legs; it may be wrong in favour of a digit (the fine stage decides), never against
one.
Left out: what a tone is and where it begins and ends (envelope.py).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

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
    return np.ascontiguousarray(lines, dtype=np.float32)


_LOW_LINES: Final[Floats] = _low_lines()


def _low_sums() -> Floats:
    """What adds up the squares of _LOW_LINES: those of hum and dial tones, and all."""
    line = np.array([*range(1, _LOW_BIN)] * 2)
    steady = (line >= _HUM.start) & (line < _HUM.stop) | (line >= _DIAL.start) & (line < _DIAL.stop)
    return np.stack([steady, np.ones(line.size)], axis=1).astype(np.float32)


_LOW_SUMS: Final[Floats] = _low_sums()

_NEAR: Final[Ints] = np.arange(-2, 3)
"""The five lines around a tone: Hann-windowed and up to 2 % off it is inside."""

_HALF_RING: Final = RING // 2
_SINCE_MIDDLE: Final[Doubles] = np.arange(RING, dtype=np.float64) - (RING - 1) / 2
"""Over a time that runs from the middle, a cosine's second half mirrors its first, and a sine's negates it:
sums and differences of the halves are all that is to be multiplied."""

_STEADY_HZ: Final[Doubles] = np.array(
    [0.0, 4.0, 50.0, 60.0, 347.0, 353.0, *range(394, 459, SAMPLE_RATE_HZ // RING)]
)
"""Offset, mains hum, and dial tones (ITU-T E.180: 350, 440 and 400 to 450 Hz) a little off."""

_LOW_HZ: Final[Doubles] = np.arange(round(565.0 * RING / SAMPLE_RATE_HZ)) * SAMPLE_RATE_HZ / RING
"""Whole periods in a ring up to 565 Hz: they span all of the low band and are orthogonal already."""


def _halves(wave: Callable[[Doubles], Doubles]) -> tuple[Floats, int]:
    """First halves of orthonormal columns over a ring: those that span _STEADY_HZ, then those of _LOW_HZ.

    Args:
        wave: np.cos or np.sin.

    Returns:
        Shape (_HALF_RING, n), and how many of them are of _STEADY_HZ.
    """
    parts = []
    for frequencies_hz in (_STEADY_HZ, _LOW_HZ):
        used = frequencies_hz if wave is np.cos else frequencies_hz[frequencies_hz > 0]
        columns, _ = np.linalg.qr(wave(2 * np.pi * used / SAMPLE_RATE_HZ * _SINCE_MIDDLE[:, None]))
        parts.append(columns[:_HALF_RING])
    return np.ascontiguousarray(np.concatenate(parts, axis=1), dtype=np.float32), parts[0].shape[1]


_EVEN, _N_EVEN_STEADY = _halves(np.cos)
_ODD, _N_ODD_STEADY = _halves(np.sin)


_CORRELATORS: Final[Floats] = np.concatenate([SCREEN_TAIL, SCREEN_BLOCK])

_AT_ONCE: Final = 250
"""Ticks multiplied in one go: as floating-point numbers they do not leave the processor's cache."""

Samples: TypeAlias = npt.NDArray[np.int16] | Floats


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


def screen(before: Samples, now: Samples) -> Screened:
    """Pick the ticks that may hold a digit.

    Args:
        before: the ticks before, shape (n, BLOCK), int16 or float32.
        now: the ticks, likewise; the correlators look at the 20 ms that end 5 ms before their end.
    """
    # Tones in rows, legs in columns: every step that follows then runs over long contiguous rows.
    squares = _products(before, now)
    squares *= squares
    powers = squares[:8] + squares[8:]
    low, high = powers[:4], powers[4:]
    best_low, best_high = low.max(axis=0), high.max(axis=0)
    passed = np.minimum(best_low, best_high) > MIN_TONE_ENERGY
    passed &= (best_high > MIN_TWIST * best_low) & (best_high < MAX_TWIST * best_low)
    passed &= best_low > MIN_DOMINANCE * low.sum(axis=0)
    passed &= best_high > MIN_DOMINANCE * high.sum(axis=0)
    where = np.flatnonzero(passed)
    if not where.size:
        return _NOTHING
    powers = powers[:, where]
    digit = 4 * powers[:4].argmax(axis=0) + powers[4:].argmax(axis=0)
    return _by_energy(before, now, where, digit, (best_low + best_high)[where])


def _products(before: Samples, now: Samples) -> Floats:
    """The ticks by the correlators, cosines then sines, shape (16, n)."""
    tail, n_rows = SCREEN_TAIL.shape[0], now.shape[0]
    products = np.empty((_CORRELATORS.shape[1], n_rows), dtype=np.float32)
    seen = np.empty((min(n_rows, _AT_ONCE), tail + BLOCK), dtype=np.float32)
    for begin in range(0, n_rows, _AT_ONCE):
        part = slice(begin, begin + _AT_ONCE)
        heard = seen[: n_rows - begin]
        heard[:, :tail] = before[part, BLOCK - tail :]
        heard[:, tail:] = now[part]
        products[:, part] = (heard @ _CORRELATORS).T
    return products


def _by_energy(before: Samples, now: Samples, where: Ints, digit: Ints, tones: Floats) -> Screened:
    """Keep the rows whose tones hold enough of the energy, of all of it or of what lies above 565 Hz."""
    # The correlators' middle 160 samples of energy: from 199 to 39 samples before the end.
    energy = _energies(before[where, BLOCK - 39 :]) + _energies(now[where, : BLOCK - 39])
    enough = tones > MIN_SHARE * energy
    doubtful, low_band = np.zeros((2, where.size), dtype=np.bool_)
    rest = np.flatnonzero(tones <= CLEAR_SHARE * energy)
    if rest.size:
        audio = np.empty((rest.size, _FFT), dtype=np.float32)
        audio[:, _FFT - BLOCK :] = now[where[rest]]
        audio[:, : _FFT - BLOCK] = before[where[rest], 2 * BLOCK - _FFT :]
        enough[rest], doubtful[rest], low_band[rest] = _by_spectrum(audio, digit[rest], enough[rest])
    kept = np.flatnonzero(enough | doubtful)
    return Screened(where[kept], digit[kept], low_band[kept], doubtful[kept])


def _energies(samples: Samples) -> Floats:
    audio = samples.astype(np.float32)
    energies: Floats = np.einsum("ij,ij->i", audio, audio)
    return energies


def _by_spectrum(audio: Floats, digit: Ints, enough: Bools) -> tuple[Bools, Bools, Bools]:
    """Look at what there is besides the two tones.

    Args:
        audio: the end of each row, shape (n, _FFT).
        digit: index into KEYS, one for each.
        enough: whether the tones hold enough of the energy.

    Returns:
        Whether the row passes, else whether it may be a key over a dial tone, and low_band, as in Screened.
    """
    squares = audio @ _LOW_LINES
    squares *= squares
    steady, low = (squares @ _LOW_SUMS).T
    dial_tone = steady > MIN_STEADY_SHARE * low
    passes, low_band = np.zeros((2, digit.size), dtype=np.bool_)
    rows = np.flatnonzero(enough | dial_tone)
    if rows.size:
        pair, above, strongest = _beside(audio[rows], digit[rows])
        passes[rows] = enough[rows] & (strongest < MAX_LINE * pair)
        dial_tone[rows] &= pair > MIN_SHARE * above
        low_band[rows] = low[rows] > 0.3 * pair
    return passes, dial_tone & ~passes, low_band


def _near(digit: Ints) -> Ints:
    """The ten lines around a key's tones, shape (n, 10)."""
    row, column = np.divmod(digit, 4)
    return np.concatenate([_TONE_BINS[row, None] + _NEAR, _TONE_BINS[4 + column, None] + _NEAR], axis=1)


def _beside(audio: Floats, digit: Ints) -> tuple[Floats, Floats, Floats]:
    """Energy of the two tones, of all above 565 Hz, and of the strongest line besides the tones, in the
    spectrum of the Hann-windowed audio.

    Args:
        audio: shape (n, _FFT).
        digit: index into KEYS, one for each.
    """
    spectrum = np.fft.rfft(audio * _HANN, axis=1)
    power = np.asarray(spectrum.real**2 + spectrum.imag**2, dtype=np.float32)
    power[:, 0] = 0.0
    rows, near = np.arange(digit.size)[:, None], _near(digit)
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
    first, second = audio[:, :_HALF_RING], audio[:, : _HALF_RING - 1 : -1]
    even, odd = (first + second) @ _EVEN, (first - second) @ _ODD
    even *= even
    odd *= odd
    steady = even[:, :_N_EVEN_STEADY].sum(axis=1) + odd[:, :_N_ODD_STEADY].sum(axis=1)
    low = even[:, _N_EVEN_STEADY:].sum(axis=1) + odd[:, _N_ODD_STEADY:].sum(axis=1)
    held: Bools = steady > MIN_LASTING_SHARE * low
    return held


_NO_ROWS: Final[Ints] = np.zeros(0, dtype=np.int64)
_NOTHING: Final = Screened(_NO_ROWS, _NO_ROWS, _NO_ROWS > 0, _NO_ROWS > 0)
