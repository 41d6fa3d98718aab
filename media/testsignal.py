"""The talk of a test party: a whistle that glides from note to note, different for every seed.

It stands in for speech wherever a test must say who was heard, from when to when. What makes it fit:

* One voice only, of constant envelope: at no moment are there two frequencies, so no DTMF receiver can find a
  pair in it, and no pause or breath makes the edge of a stretch a matter of opinion.
* It never rests: each glide covers at least a quarter of its frequency, so it is no call-progress tone
  either, and a few hundred milliseconds of it fit one place of one seed's talk and no other.
* It stays inside the telephone band, so that G.711, filters and resamplers leave it as it is.
* The last sample runs on into the first, so that a looped player makes no click.

Left out: everything that is particular to speech (voicing, pauses, talk-off).
"""

import numpy as np

from media.errors import MediaFormatError
from media.types import SAMPLE_RATE_HZ, Pcm16

LEVEL_DBM0 = -16.0
"""A usual mean level of active speech on a telephone line."""

LOWEST_HZ = 350.0
HIGHEST_HZ = 3200.0
"""The notes keep 50 and 200 Hz from the band's edges: channel filters fall off there (ITU-T G.712)."""

SHORTEST_GLIDE_MS = 60
LONGEST_GLIDE_MS = 120
SMALLEST_STEP = 1.25
"""Least ratio of two notes in sequence: over 120 ms, 20 ms suffice to leave a DTMF tolerance (±1.5 %)."""

# A full-scale sine is +3.14 dBm0 (ITU-T G.711, A-law overload point).
_AMPLITUDE = 32767.0 * 10.0 ** ((LEVEL_DBM0 - 3.14) / 20.0)


def talk(seed: int, duration_s: float) -> Pcm16:
    """One party's own talk: the same for the same arguments, unlike that of any other seed.

    Args:
        seed: which party, >= 0.
        duration_s: length in seconds, > 0; rounded to whole samples. A longer talk of the same seed does not
            begin with the shorter one to the sample, since each closes on itself for looping.

    Returns:
        Mono 8000 Hz samples, int16, shape (round(duration_s * 8000),), at LEVEL_DBM0 throughout.

    Raises:
        MediaFormatError: duration_s is under one sample, or seed is negative.
    """
    n_samples = round(duration_s * SAMPLE_RATE_HZ)
    if n_samples < 1:
        raise MediaFormatError(f"duration_s must be at least one sample, got {duration_s}")
    if seed < 0:
        raise MediaFormatError(f"seed must not be negative, got {seed}")
    times_samples, notes_hz = _melody(np.random.default_rng(seed), n_samples)
    log_hz = np.interp(np.arange(n_samples), times_samples, np.log(notes_hz))
    cycles = np.concatenate(([0.0], np.cumsum(np.exp(log_hz)) / SAMPLE_RATE_HZ))
    # With whole cycles, sample n_samples would be sample 0 again: no click in a loop.
    whole_cycles = max(1.0, np.round(cycles[-1]))
    phase = 2.0 * np.pi * cycles[:-1] * (whole_cycles / cycles[-1])
    pcm: Pcm16 = np.round(_AMPLITUDE * np.sin(phase)).astype(np.int16)
    return pcm


def _melody(rng: np.random.Generator, n_samples: int) -> tuple[list[float], list[float]]:
    """Times and frequencies of the notes that the voice glides through, past the end of n_samples."""
    low, high, step = np.log(LOWEST_HZ), np.log(HIGHEST_HZ), np.log(SMALLEST_STEP)
    times_samples = [0.0]
    log_notes = [float(rng.uniform(low, high))]
    while times_samples[-1] < n_samples:
        # Uniform over the band without the notes too near to the last: first what lies below it, then above.
        below = max(0.0, log_notes[-1] - step - low)
        above = max(0.0, high - step - log_notes[-1])
        draw = float(rng.uniform(0.0, below + above))
        log_notes.append(low + draw if draw < below else log_notes[-1] + step + draw - below)
        glide_ms = rng.uniform(SHORTEST_GLIDE_MS, LONGEST_GLIDE_MS)
        times_samples.append(times_samples[-1] + glide_ms * SAMPLE_RATE_HZ / 1000.0)
    return times_samples, [float(note) for note in np.exp(log_notes)]
