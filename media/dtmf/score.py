"""The score of a candidate: figures that tell keys from voices and music, weighed by a trained network.

Left out: the limits of the standards (decide.py); the weights' origin (scripts/train_dtmf.py).
"""

from typing import Final

import numpy as np

from media.dtmf.envelope import CENTRES, Run
from media.dtmf.fit import Fit, band_shares
from media.dtmf.tables import HOP, OMEGAS, WINDOW, Doubles, Floats, Ints
from media.dtmf.weights import CENTRE, HIDDEN, HIDDEN_BIAS, OUTPUT, OUTPUT_BIAS, SCALE

N_FEATURES: Final = 23
WOBBLE: Final = slice(12, 14)
"""Which of them tell how steady the low and the high tone are: mean squares of their power, log10."""

MAX_DEVIATION: Final = 6.0
"""Where the score's features are clipped, in standard deviations: nothing is said beyond what was trained."""

UNKNOWN_CREEP: Final = 0.03
"""For onsets before the ring: between what keys and what voices show."""

_AHEAD: Final[Ints] = np.arange(-200, 0) - 12
"""The 25 ms before an onset, less 1.5 ms in which its edge may lie."""


def measure(raw: Floats, run: Run, fitted: Fit, wobble: Doubles, digit: Ints) -> Doubles:
    """The score's features, mostly logarithms of energy relative to the tones'.

    Returns:
        Shape (n, N_FEATURES).
    """
    bands, line = band_shares(fitted)
    power = np.abs(fitted.low) ** 2 / 2 + np.abs(fitted.high) ** 2 / 2
    low_offset = np.abs(fitted.low_omega / OMEGAS[digit // 4] - 1) * 100
    high_offset = np.abs(fitted.high_omega / OMEGAS[4 + digit % 4] - 1) * 100
    twist_db = 20 * np.log10(np.maximum(np.abs(fitted.high), 1e-3) / np.maximum(np.abs(fitted.low), 1e-3))
    features = np.empty((digit.size, N_FEATURES))
    features[:, 0] = bands.sum(axis=1)
    features[:, 1:11] = bands
    features[:, 11] = line
    features[:, WOBBLE] = wobble
    features[:, 14] = np.abs(fitted.low_slope.real)
    features[:, 15] = np.abs(fitted.high_slope.real)
    features[:, 16] = low_offset
    features[:, 17] = high_offset
    features[:, 18] = np.maximum(twist_db, 0.0)
    features[:, 19] = np.maximum(-twist_db, 0.0)
    features[:, 20] = _before(raw, run) / np.maximum(power, 1e-3)
    features[:, 21] = _creep(run)
    features[:, 22] = np.log10(np.maximum(fitted.length, 1.0))
    features[:, _RATIOS] = np.log10(features[:, _RATIOS] + 1e-4)
    return features


_RATIOS: Final[Ints] = np.array([*range(14), 20, 21])
"""Features that are ratios of energies: their logarithm counts."""


def _before(raw: Floats, run: Run) -> Doubles:
    """Least mean square of any 5 ms in the 25 ms before the onset: a voice leads into its vowel, a key does
    not."""
    place = np.round(run.start).astype(np.int64)[:, None] + _AHEAD
    rows = np.arange(place.shape[0])[:, None]
    pieces = raw[rows, np.maximum(place, 0)].reshape(place.shape[0], 5, 40)
    mean = np.einsum("ijk,ijk->ij", pieces, pieces).astype(np.float64) / 40
    mean = np.where(place[:, ::40] >= 0, mean, np.inf).min(axis=1)
    power = run.low**2 / 2 + run.high**2 / 2
    # An onset before the ring says nothing: take what keys and voices have in between.
    quiet: Doubles = np.where(np.isfinite(mean), mean, power * 0.05)
    return quiet


def _creep(run: Run) -> Doubles:
    """Power of the tones 9 to 20 ms before the onset, relative to the plateau: a key is switched on, a glide
    creeps in."""
    lead = run.start[:, None] - CENTRES
    ahead = (lead > WINDOW / 2 + HOP / 4) & (lead < WINDOW / 2 + 2.25 * HOP)
    least = np.where(ahead, run.presence, np.inf).min(axis=1)
    power: Doubles = np.where(np.isfinite(least), np.minimum(least, 1.0) ** 2, UNKNOWN_CREEP)
    return power


def score(features: Doubles) -> Doubles:
    """Over 0 for a digit; the level is no feature, as a weak digit is as good as a strong one."""
    centred = np.clip((features - CENTRE) * SCALE, -MAX_DEVIATION, MAX_DEVIATION)
    total: Doubles = np.tanh(centred @ HIDDEN + HIDDEN_BIAS) @ OUTPUT + OUTPUT_BIAS
    return total
