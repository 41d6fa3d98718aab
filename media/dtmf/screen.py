"""The first look at every tick of every leg: could two DTMF tones be in it?

One matrix product for all legs; it may be wrong in favour of a digit (the fine stage decides), never against
one.
Left out: anything that needs more than the tick and the tail of the one before.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from media.dtmf.tables import BLOCK, OMEGAS, SCREEN_BLOCK, SCREEN_TAIL, Bools, Floats, Ints, energy_of

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

MIN_STEADY_SHARE: Final = 0.85
"""Least part of the low band in the bins of hum and dial tones; a voice has its pitch elsewhere."""

_FFT: Final = 256
_HUM: Final = slice(1, 4)
_DIAL: Final = slice(9, 17)
_HANN: Final[Floats] = np.hanning(_FFT + 1)[:-1].astype(np.float32)
_LOW_BIN: Final = 18  # 562 Hz: the middle of the high-pass's slope
_TONE_BINS: Final[Ints] = np.round(OMEGAS / (2 * np.pi) * _FFT).astype(np.int64)


@dataclass(frozen=True)
class Screened:
    """The ticks that passed.

    Attributes:
        where: indices of the rows that passed, ascending.
        digit: index into KEYS, one for each.
        low_band: whether the band under 565 Hz is strong enough to be filtered away.
    """

    where: Ints
    digit: Ints
    low_band: Bools


def screen(before: Floats, now: Floats) -> Screened:
    """Pick the ticks that may hold a digit.

    Args:
        before: the ticks before, shape (n, BLOCK).
        now: the ticks, shape (n, BLOCK); the correlators look at the 20 ms that end 5 ms before their end.
    """
    tail = before[:, BLOCK - SCREEN_TAIL.shape[0] :]
    products = now @ SCREEN_BLOCK
    products += tail @ SCREEN_TAIL
    products *= products
    powers = products[:, :8] + products[:, 8:]
    low, high = powers[:, :4], powers[:, 4:]
    best_low, best_high = low.max(axis=1), high.max(axis=1)
    passed = (best_low > MIN_TONE_ENERGY) & (best_high > MIN_TONE_ENERGY)
    passed &= (best_high > MIN_TWIST * best_low) & (best_high < MAX_TWIST * best_low)
    where = np.flatnonzero(passed)
    low, high = low[where], high[where]
    best_low, best_high = best_low[where], best_high[where]
    kept = (best_low > MIN_DOMINANCE * low.sum(axis=1)) & (best_high > MIN_DOMINANCE * high.sum(axis=1))
    where, low, high = where[kept], low[kept], high[kept]
    tones = best_low[kept] + best_high[kept]
    digit = 4 * low.argmax(axis=1) + high.argmax(axis=1)
    return _by_energy(before, now, where, digit, tones)


def _by_energy(before: Floats, now: Floats, where: Ints, digit: Ints, tones: Floats) -> Screened:
    """Keep the rows whose tones hold enough of the energy, of all of it or of what lies above 565 Hz."""
    part = np.concatenate([before[where, BLOCK - 96 :], now[where]], axis=1)
    # The correlators' middle 160 samples of energy: from 199 to 39 samples before the end.
    middle = part[:, 57:217]
    energy = np.einsum("ij,ij->i", middle, middle)
    clear = tones > CLEAR_SHARE * energy
    possible = clear.copy()
    doubtful = np.flatnonzero(~clear)
    low_band = np.zeros(where.size, dtype=np.bool_)
    if doubtful.size:
        spectrum = np.fft.rfft(part[doubtful] * _HANN, axis=1)
        power: Floats = (spectrum.real**2 + spectrum.imag**2).astype(np.float32)
        above = power[:, _LOW_BIN:].sum(axis=1)
        below = power[:, 1:_LOW_BIN].sum(axis=1)
        row, column = np.divmod(digit[doubtful], 4)
        lines = _around(power, _TONE_BINS[row]) + _around(power, _TONE_BINS[4 + column])
        steady = power[:, _HUM].sum(axis=1) + power[:, _DIAL].sum(axis=1)
        over_dial_tone = (lines > MIN_SHARE * above) & (steady > MIN_STEADY_SHARE * below)
        possible[doubtful] = over_dial_tone | (tones[doubtful] > MIN_SHARE * energy[doubtful])
        low_band[doubtful] = below > 0.3 * lines
    kept = np.flatnonzero(possible)
    return Screened(where[kept], digit[kept], low_band[kept])


def _around(power: Floats, bins: Ints) -> Floats:
    """Power of the five lines around one line of each row: a Hann-windowed tone up to 2 % off is inside."""
    columns = bins[:, None] + np.arange(-2, 3)
    total: Floats = np.take_along_axis(power, columns, axis=1).sum(axis=1)
    return total
