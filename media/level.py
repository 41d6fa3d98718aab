"""How loud audio is, in dBm0, and the arithmetic that makes it louder or adds it up.

0 dBm0 is fixed by the overload point of A-law: a sine that just reaches full scale has +3.14 dBm0 (ITU-T
G.711). The mu-law figure, +3.17, is left out; 0.03 dB matter to nobody who measures speech.
"""

import math

import numpy as np
import numpy.typing as npt

from media.errors import MediaFormatError
from media.types import SAMPLE_RATE_HZ, Pcm16

FULL_SCALE = 32768
"""Amplitude of the A-law overload point in int16 (4096 in the 13-bit numbers of G.711, times 8)."""

FULL_SCALE_SINE_DBM0 = 3.14

_INT16 = np.iinfo(np.int16)

# ITU-T P.56, clause 7 (method B).
_ENVELOPE_TIME_CONSTANT_S = 0.03
_HANGOVER_SAMPLES = SAMPLE_RATE_HZ // 5  # 200 ms
_MARGIN_DB = 15.9
_N_THRESHOLDS = 15  # each twice the one before, from 1 to 16384 in int16


def rms_of(dbm0: float) -> float:
    """Root mean square, in int16 units, of a signal of this level; the inverse of `level_dbm0`."""
    full_scale_sine_rms = FULL_SCALE / math.sqrt(2.0)
    return float(full_scale_sine_rms * 10.0 ** ((dbm0 - FULL_SCALE_SINE_DBM0) / 20.0))


def level_dbm0(pcm: Pcm16) -> float:
    """Mean level of linear PCM over all its samples, pauses included.

    Args:
        pcm: mono samples, int16, shape (n_samples,), n_samples > 0; not modified.

    Returns:
        Level in dBm0, -inf for digital silence. A full-scale sine gives +3.14, a square wave +6.15.

    Raises:
        MediaFormatError: wrong dtype, wrong shape, or no samples.

    Source: ITU-T G.711, tables 1a and 5 (overload point and 0 dBm0 of A-law).
    """
    samples = _checked(pcm).astype(np.float64)
    return _dbm0_of_power(float(np.mean(samples * samples)))


def peak_dbm0(pcm: Pcm16) -> float:
    """Level of the sine that has the same peak as the audio.

    Args:
        pcm: mono samples, int16, shape (n_samples,), n_samples > 0; not modified.

    Returns:
        Level in dBm0, +3.14 at full scale, -inf for digital silence.

    Raises:
        MediaFormatError: wrong dtype, wrong shape, or no samples.
    """
    # Widened first: the magnitude of -32768 does not fit int16.
    peak = int(np.abs(_checked(pcm).astype(np.int32)).max())
    return _dbm0_of_power(peak * peak / 2.0)


def active_level_dbm0(pcm: Pcm16) -> float:
    """Level of speech while it is spoken: the pauses do not count, however long they are.

    The magnitude is smoothed twice (30 ms); a sample is active for a threshold if the envelope reached it
    within the last 200 ms. The energy of all samples divided by the active ones is a level for each of 15
    thresholds; the right one is where that level stands 15.9 dB over its own threshold, interpolated between
    neighbours. Band filters are left out: the input is telephone band already.

    Args:
        pcm: mono samples at 8000 Hz, int16, shape (n_samples,), n_samples > 0; not modified.

    Returns:
        Active level in dBm0; -inf for silence, also if the envelope never reaches one int16 step. Audio of
        up to 200 ms cannot hold a pause and has the level of `level_dbm0`.

    Raises:
        MediaFormatError: wrong dtype, wrong shape, or no samples.

    Source: ITU-T P.56 (2011), clause 7, method B.
    """
    samples = _checked(pcm).astype(np.float64)
    if samples.size <= _HANGOVER_SAMPLES:
        return level_dbm0(pcm)
    energy = float(np.sum(samples * samples))
    thresholds = np.exp2(np.arange(_N_THRESHOLDS, dtype=np.float64))
    active_samples = _active_samples(samples, thresholds)
    # Counts fall as thresholds rise, so those that were reached come first.
    reached = int(np.count_nonzero(active_samples))
    if reached == 0:
        return -math.inf
    levels_db = 10.0 * np.log10(energy / active_samples[:reached])
    margins_db = levels_db - 20.0 * np.log10(thresholds[:reached])
    return _dbm0_of_power(10.0 ** (_level_at_margin(levels_db, margins_db) / 10.0))


def apply_gain(pcm: Pcm16, gain_db: float) -> Pcm16:
    """The audio made louder or softer, rounded to the nearest sample and held at full scale.

    Args:
        pcm: mono samples, int16, shape (n_samples,), n_samples may be 0; not modified.
        gain_db: gain in dB; -inf mutes.

    Returns:
        int16, same shape, a new array.

    Raises:
        MediaFormatError: wrong dtype or shape, or a gain that is no number or infinitely large.
    """
    _check_samples(pcm)
    if math.isnan(gain_db) or gain_db == math.inf:
        raise MediaFormatError(f"gain is {gain_db} dB, must be finite or -inf")
    # Anything over 200 dB saturates all but silence; without the limit the power itself would overflow.
    factor = 10.0 ** (min(gain_db, 200.0) / 20.0)
    return _narrowed(np.rint(pcm.astype(np.float64) * factor))


def mix(a: Pcm16, b: Pcm16) -> Pcm16:
    """Sum of two signals of equal length, held at full scale.

    Args:
        a, b: mono samples, int16, shape (n_samples,), n_samples may be 0; not modified.

    Returns:
        int16, same shape, a new array.

    Raises:
        MediaFormatError: wrong dtype or shape, or lengths that differ.
    """
    _check_samples(a)
    _check_samples(b)
    if a.shape != b.shape:
        raise MediaFormatError(f"lengths are {a.size} and {b.size} samples, must be equal")
    return _narrowed(a.astype(np.int32) + b)


def _dbm0_of_power(mean_square: float) -> float:
    if mean_square == 0.0:
        return -math.inf
    return 10.0 * math.log10(2.0 * mean_square / FULL_SCALE**2) + FULL_SCALE_SINE_DBM0


def _active_samples(
    samples: npt.NDArray[np.float64], thresholds: npt.NDArray[np.float64]
) -> npt.NDArray[np.int64]:
    """How many samples are active for each of the rising thresholds."""
    # Here, because scipy takes half a second to load, and most processes measure no level.
    from scipy.ndimage import maximum_filter1d
    from scipy.signal import lfilter

    memory = math.exp(-1.0 / (SAMPLE_RATE_HZ * _ENVELOPE_TIME_CONSTANT_S))
    # Two equal one-pole filters in a row are one of second order.
    envelope = lfilter([(1.0 - memory) ** 2], [1.0, -2.0 * memory, memory**2], np.abs(samples))
    # The largest envelope of a sample and the 200 ms before it decides at once for every threshold: the
    # hangover of P.56 keeps a sample active while the last crossing is no further back.
    window_samples = _HANGOVER_SAMPLES + 1
    held = maximum_filter1d(envelope, window_samples, mode="constant", origin=window_samples // 2)
    return samples.size - np.searchsorted(np.sort(held), thresholds, side="left")


def _level_at_margin(levels_db: npt.NDArray[np.float64], margins_db: npt.NDArray[np.float64]) -> float:
    """Active level between the two thresholds whose margins enclose 15.9 dB."""
    below = np.flatnonzero(margins_db <= _MARGIN_DB)
    if below.size == 0:
        # A click: all its energy in a moment too short for the envelope. The highest threshold comes closest.
        return float(levels_db[-1])
    upper = int(below[0])
    if upper == 0:
        return float(levels_db[0])
    step = (margins_db[upper - 1] - _MARGIN_DB) / (margins_db[upper - 1] - margins_db[upper])
    return float(levels_db[upper - 1] + step * (levels_db[upper] - levels_db[upper - 1]))


def _narrowed(wide: npt.NDArray[np.int32] | npt.NDArray[np.float64]) -> Pcm16:
    return np.clip(wide, _INT16.min, _INT16.max).astype(np.int16)


def _checked(pcm: Pcm16) -> Pcm16:
    _check_samples(pcm)
    if pcm.size == 0:
        raise MediaFormatError("audio is 0 samples long, must be at least 1")
    return pcm


def _check_samples(pcm: Pcm16) -> None:
    if pcm.dtype != np.int16:
        raise MediaFormatError(f"sample type is {pcm.dtype}, must be int16")
    if pcm.ndim != 1:
        raise MediaFormatError(f"array of samples has {pcm.ndim} dimensions, must have 1")
