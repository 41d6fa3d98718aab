"""The score of a candidate: figures that tell keys from voices and music, weighed by a trained network.

Left out: the limits of the standards (decide.py); the weights' origin (scripts/train_dtmf.py).
"""

from typing import Final

import numpy as np

from media.dtmf.envelope import CENTRES, Run
from media.dtmf.fit import Fit, Material, stretches
from media.dtmf.tables import HOP, SPAN, WINDOW, Doubles, Floats, Ints
from media.dtmf.weights import CENTRE, HIDDEN, HIDDEN_BIAS, OUTPUT, OUTPUT_BIAS, SCALE

N_FEATURES: Final = 23
WOBBLE: Final = slice(12, 14)
"""Which of them tell how steady the low and the high tone are: mean squares of their power, log10."""

MAX_DEVIATION: Final = 6.0
"""Where the score's features are clipped, in standard deviations: nothing is said beyond what was trained."""

UNKNOWN_CREEP: Final = 0.03
"""For onsets before the ring: between what keys and what voices show."""

_AHEAD: Final = 200
_EDGE: Final = 12
"""The 25 ms before an onset, less 1.5 ms in which its edge may lie."""

_PIECES: Final = 5


def measure(material: Material, rows: Ints, run: Run, fitted: Fit, wobble: Doubles) -> Doubles:
    """The score's features, mostly logarithms of energy relative to the tones'.

    Args:
        material, rows: the audio, and which of it.
        run, fitted: where the tones are and what they are, n of them.
        wobble: what unsteadiness returned.

    Returns:
        Shape (N_FEATURES, n).
    """
    levels = np.abs(fitted.amplitudes)
    power = (levels**2).sum(axis=0) / 2
    levels = np.maximum(levels, 1e-3)
    twist_db = 20 * np.log10(levels[1] / levels[0])
    features = np.empty((N_FEATURES, rows.size))
    fitted.bands.sum(axis=0, out=features[0])
    features[1:11] = fitted.bands
    features[11] = fitted.line
    features[WOBBLE] = wobble
    features[14:16] = np.abs(fitted.slopes.real)
    features[16:18] = fitted.offsets(material.digit[rows]) * 100
    np.maximum(twist_db, 0.0, out=features[18])
    np.maximum(-twist_db, 0.0, out=features[19])
    features[20] = _before(material.raw, rows, run) / np.maximum(power, 1e-3)
    features[21] = _creep(run)
    features[22] = fitted.length
    features[_RATIOS] = np.log10(features[_RATIOS] + _FLOORS)
    return features


_RATIOS: Final[Ints] = np.array([*range(14), 20, 21, 22])
"""Features whose logarithm counts: ratios of energies, and the length."""

_FLOORS: Final[Doubles] = np.where(_RATIOS < 22, 1e-4, 0.0)[:, None]


def _before(raw: Floats, rows: Ints, run: Run) -> Doubles:
    """Least mean square of any 5 ms in the 25 ms before the onset: a voice leads into its vowel, a key does
    not."""
    place = np.round(run.start).astype(np.int64) - (_AHEAD + _EDGE)
    pieces = stretches(raw, rows, place, slice(SPAN // 2, SPAN // 2 + _AHEAD)).reshape(rows.size, _PIECES, -1)
    mean = np.einsum("ijk,ijk->ji", pieces, pieces) / np.float32(_AHEAD // _PIECES)
    mean[place + _PIECE_STARTS < 0] = np.inf
    least = mean.min(axis=0)
    power = (run.plateau**2).sum(axis=0) / 2
    # An onset before the ring says nothing: take what keys and voices have in between.
    quiet: Doubles = np.where(np.isfinite(least), least, power * 0.05)
    return quiet


_PIECE_STARTS: Final[Ints] = np.arange(0, _AHEAD, _AHEAD // _PIECES)[:, None]


def _creep(run: Run) -> Doubles:
    """Power of the tones 9 to 20 ms before the onset, relative to the plateau: a key is switched on, a glide
    creeps in."""
    lead = run.start - CENTRES[:, None]
    ahead = (lead > WINDOW / 2 + HOP / 4) & (lead < WINDOW / 2 + 2.25 * HOP)
    least = np.where(ahead, run.presence, np.inf).min(axis=0)
    power: Doubles = np.where(np.isfinite(least), np.minimum(least, 1.0) ** 2, UNKNOWN_CREEP)
    return power


def score(features: Doubles) -> Doubles:
    """Over 0 for a digit; the level is no feature, as a weak digit is as good as a strong one.

    Args:
        features: shape (N_FEATURES, n).
    """
    centred = np.clip((features.T - CENTRE) * SCALE, -MAX_DEVIATION, MAX_DEVIATION)
    total: Doubles = np.tanh(centred @ HIDDEN + HIDDEN_BIAS) @ OUTPUT + OUTPUT_BIAS
    return total
