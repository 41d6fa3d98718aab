"""Waiting music computed from a score of our own: a loop of 12 s that nobody has to license.

Made for the telephone: fundamentals between 240 and 680 Hz, so that handset and codec leave them alone,
clear of 440 to 480 Hz, where call progress tones live, and never as strong as DTMF needs in its two bands
at once.
"""

import numpy as np
import numpy.typing as npt

from media import level
from media.types import SAMPLE_RATE_HZ, Pcm16

VERSION = 1
"""Counted up with every change of the sound: caches keep what they have rendered."""

LEVEL_DBM0 = -20.0

_BEAT_SAMPLES = SAMPLE_RATE_HZ * 3 // 4  # 80 beats a minute
_EIGHTH_SAMPLES = _BEAT_SAMPLES // 2
_N_SAMPLES = 16 * _BEAT_SAMPLES  # four bars of four: 12 s, 96,000 samples
_DECAY_S = 0.55
_ATTACK_S = 0.012  # a mallet, not a click

# MIDI notes, an eighth each, one bar a line. No A and no B flat of that
# octave (440, 466 Hz): too near the Chinese 450 Hz.
_SCORE = (
    (60, 64, 67, 72, 76, 72, 67, 64),  # C
    (59, 64, 67, 71, 74, 71, 67, 64),  # E minor 7
    (60, 65, 67, 72, 76, 72, 67, 65),  # F over C, without its third
    (62, 67, 71, 74, 71, 67, 74, 71),  # G
)


def waiting_loop() -> Pcm16:
    """One turn of the loop.

    Returns:
        int16, shape (96000,), at 8000 Hz and -20 dBm0. Its end runs into its beginning: notes ring across
        the seam.
    """
    loop = np.zeros(_N_SAMPLES)
    notes = [note for bar in _SCORE for note in bar]
    for index, note in enumerate(notes):
        on_beat = 1.0 if index % 2 == 0 else 0.75
        _strike(loop, index * _EIGHTH_SAMPLES, note, on_beat)
    pcm = np.rint(loop * (8000 / np.abs(loop).max())).astype(np.int16)
    return level.apply_gain(pcm, LEVEL_DBM0 - level.level_dbm0(pcm))


def _strike(loop: npt.NDArray[np.float64], at_sample: int, note: int, strength: float) -> None:
    """Add a note to the loop, wrapping around its end as often as it rings."""
    ring = _ring(440.0 * 2 ** ((note - 69) / 12)) * strength
    places = (at_sample + np.arange(ring.size)) % loop.size
    np.add.at(loop, places, ring)


def _ring(frequency_hz: float) -> npt.NDArray[np.float64]:
    """A wooden bar tuned like a marimba's: the fundamental, and a short partial two octaves above it."""
    t_s = np.arange(int(6 * _DECAY_S * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    attack = np.minimum(t_s / _ATTACK_S, 1.0)
    tone = np.sin(2 * np.pi * frequency_hz * t_s) * np.exp(-t_s / _DECAY_S)
    partial = 0.06 * np.sin(2 * np.pi * 4 * frequency_hz * t_s) * np.exp(-t_s / 0.08)
    return attack * (tone + partial)
