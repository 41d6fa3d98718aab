"""Is it a digit? Standards' limits first, then a score trained to tell keys from voices and music.

Left out: when to look (bank.py) and how the figures are measured (envelope.py, fit.py).
"""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from media.dtmf.envelope import (
    CENTRES,
    MAX_BRIDGED_WINDOWS,
    NOMINAL,
    Envelope,
    Run,
    correlators,
    envelope,
    locate,
    lost_windows,
    offsets,
)
from media.dtmf.fit import Fit, band_shares, fit, unsteadiness
from media.dtmf.tables import (
    BLOCK,
    DIAL_TONES,
    HIGH_PASS_DELAY,
    HOP,
    N_WINDOWS,
    OMEGAS,
    RING,
    SPAN,
    WINDOW,
    Bools,
    Doubles,
    Floats,
    Ints,
    energy_of,
    grid_index,
    high_passed,
)
from media.dtmf.weights import CENTRE, HIDDEN, HIDDEN_BIAS, OUTPUT, OUTPUT_BIAS, SCALE

MIN_SAMPLES: Final = 236
"""29.5 ms: the middle of 26 ms (refused for certain) and 33 ms (taken for certain); Q.24 asks for 23 and 40
ms."""

MIN_LASTING_SAMPLES: Final = 244
"""30.5 ms of a tone that still sounds; with ticks of 20 ms it is known at the latest 51 ms after its
onset."""

MAX_OFFSET: Final = 0.0240
"""The middle of NTT's 1.8 % (take) and 3.0 % (refuse), Q.24 annex A."""

MAX_DISAGREEMENT: Final = 0.015
"""Between two ways to measure one frequency; at S/N 4 dB they differ by 0.4 % (standard deviation)."""

MIN_TWIST_DB: Final = -9.8
MAX_TWIST_DB: Final = 6.8
"""High tone over low tone: Q.24 asks for -8 to +4 dB; what exceeds it lets voices in."""

MIN_AMPLITUDE: Final = float(np.sqrt(2 * energy_of(-48.0) / BLOCK))
MAX_SLOPE: Final = 0.45
"""Relative change of either tone from the span's middle to its end: about 8 dB over the span."""

SHORT_SPAN: Final = 264
"""33 ms: the second try looks only at the latest part, for tones whose phase jumped (a repeated frame)."""


UNKNOWN_CREEP: Final = 0.03
"""For onsets before the ring: between what keys and what voices show."""

N_FEATURES: Final = 23
MAX_DEVIATION: Final = 6.0
"""Where the score's features are clipped, in standard deviations: nothing is said beyond what was trained."""

MAX_BESIDES_DIAL_TONE: Final = 0.25
"""Least steadiness of a dial tone: what is left of the low band without it."""


MIN_SHORTENED: Final = 40
"""Shorter spans by less than this see the same again."""


@dataclass(frozen=True)
class Limits:
    """What of the detector can be set, for administrations that ask for more than AT&T's column of Q.24.

    Attributes:
        min_twist_db, max_twist_db: high tone's level less the low tone's (Australia: -10 and 10).
        min_score: of the trained score; higher refuses more.
    """

    min_twist_db: float = MIN_TWIST_DB
    max_twist_db: float = MAX_TWIST_DB
    min_score: float = 0.0


@dataclass(frozen=True)
class Candidates:
    """What is to be examined, n rows.

    Attributes:
        audio: the last 120 ms, shape (n, RING), substitutes for lost frames set to 0.
        lost: which samples those are, same shape.
        digit: index into KEYS.
        low_band: whether to filter the band under 565 Hz away first.
        earliest: nothing before this counts, samples since the ring's first.
    """

    audio: Floats
    lost: Bools
    digit: Ints
    low_band: Bools
    earliest: Doubles

    def take(self, rows: Ints) -> "Candidates":
        """Some of the rows."""
        return Candidates(
            self.audio[rows], self.lost[rows], self.digit[rows], self.low_band[rows], self.earliest[rows]
        )


@dataclass(frozen=True)
class Verdict:
    """One candidate that has the frequencies and the length of a digit, n rows.

    Attributes:
        row: which candidate.
        within: whether it is inside the standards' limits.
        accepted: whether it is a digit: within the limits and of enough score.
        start, end: samples since the ring's first.
        low_omega, high_omega: frequencies, radians a sample.
        low, high: plateau amplitudes by the correlators.
        features: what the score was computed from, shape (n, N_FEATURES).
    """

    row: Ints
    within: Bools
    accepted: Bools
    start: Doubles
    end: Doubles
    low_omega: Doubles
    high_omega: Doubles
    low: Doubles
    high: Doubles
    features: Doubles


def usable_windows(lost: Bools, low_band: Bools) -> Bools:
    """Windows to be believed: at least two thirds received, and clear of the high-pass's unfinished end."""
    usable = lost_windows(lost) > 0.6
    filtered = np.ones(N_WINDOWS, dtype=np.bool_)
    filtered[CENTRES + WINDOW / 2 > RING - HIGH_PASS_DELAY + 1] = False
    return usable & (filtered | ~low_band[:, None])


def filtered_where(audio: Floats, low_band: Bools) -> Floats:
    """The audio, behind the high-pass in the rows that need it."""
    if not low_band.any():
        return audio
    filtered = audio.copy()
    filtered[low_band] = high_passed(audio[low_band])
    return filtered


def without_dial_tone(raw: Floats, filtered: Floats, low_band: Bools) -> Floats:
    """The audio less a steady dial tone: what the low band holds besides is evidence of a voice.

    Only when the tones of DIAL_TONES_HZ, steady over the whole ring, make up nearly all of the low band; a
    voice's harmonics do not.
    """
    rows = np.flatnonzero(low_band)
    if not rows.size:
        return raw
    steady = (raw[rows] @ DIAL_TONES) @ DIAL_TONES.T
    low = raw[rows] - filtered[rows]
    rest = low - steady
    mostly = np.einsum("ij,ij->i", rest, rest) < MAX_BESIDES_DIAL_TONE * np.einsum("ij,ij->i", low, low)
    cleaned = raw.copy()
    cleaned[rows[mostly]] -= steady[mostly]
    return cleaned


def examine(candidates: Candidates, limits: Limits) -> Verdict:
    """Decide every candidate.

    Returns:
        A row for each candidate that reached the score; the others are not DTMF by length, frequency, level
        or twist.
    """
    audio = filtered_where(candidates.audio, candidates.low_band)
    candidates = replace(candidates, audio=without_dial_tone(candidates.audio, audio, candidates.low_band))
    usable = usable_windows(candidates.lost, candidates.low_band)
    low_omega, high_omega, rows = _coarse(candidates, audio, usable)
    narrowed = candidates.take(rows)
    first = _attempt(
        narrowed, audio[rows], usable[rows], (low_omega, high_omega), limits, MAX_BRIDGED_WINDOWS, SPAN
    )
    # A second, shorter look only where it differs from the first: the phase may have jumped on the way.
    left = first.row[~first.accepted & (first.end - first.start > SHORT_SPAN + MIN_SHORTENED)]
    second = _attempt(
        narrowed.take(left),
        audio[rows[left]],
        usable[rows[left]],
        (low_omega[left], high_omega[left]),
        limits,
        1,
        SHORT_SPAN,
    )
    return _joined(first, second, rows, left)


def _coarse(candidates: Candidates, audio: Floats, usable: Bools) -> tuple[Doubles, Doubles, Ints]:
    """Frequencies by the nominal correlators, and the rows worth a closer look."""
    tones = envelope(audio, NOMINAL[candidates.digit])
    run = locate(tones, usable, candidates.earliest, MAX_BRIDGED_WINDOWS)
    low_omega, high_omega = offsets(tones, run, candidates.digit, usable)
    near = np.abs(low_omega / OMEGAS[candidates.digit // 4] - 1) < MAX_OFFSET + 0.012
    near &= np.abs(high_omega / OMEGAS[4 + candidates.digit % 4] - 1) < MAX_OFFSET + 0.012
    rows = np.flatnonzero(near & (run.seen > MIN_SAMPLES - 40))
    return low_omega[rows], high_omega[rows], rows


def _attempt(
    candidates: Candidates,
    audio: Floats,
    usable: Bools,
    omegas: tuple[Doubles, Doubles],
    limits: Limits,
    bridged_windows: int,
    longest: int,
) -> Verdict:
    """Locate, fit and score at the frequencies found."""
    digit = candidates.digit
    low_index, high_index = grid_index(digit // 4, omegas[0]), grid_index(4 + digit % 4, omegas[1])
    tones = envelope(audio, correlators(low_index, digit // 4, high_index, 4 + digit % 4))
    run = locate(tones, usable, candidates.earliest, bridged_windows)
    required = np.where(run.lasting, MIN_LASTING_SAMPLES, MIN_SAMPLES)
    # The fit costs most, so what cannot come within the limits any more is dropped before it.
    twist_db = 20 * np.log10(run.high / run.low)
    worth = (run.seen >= required) & (run.low > 0.5 * MIN_AMPLITUDE) & (run.high > 0.5 * MIN_AMPLITUDE)
    worth &= (twist_db > limits.min_twist_db - 2.0) & (twist_db < limits.max_twist_db + 2.0)
    worth &= np.abs(omegas[0] / OMEGAS[digit // 4] - 1) < MAX_OFFSET + 0.008
    worth &= np.abs(omegas[1] / OMEGAS[4 + digit % 4] - 1) < MAX_OFFSET + 0.008
    rows = np.flatnonzero(worth)
    tones, run = _rows_of(tones, run, rows)
    candidates, audio = candidates.take(rows), audio[rows]
    digit = candidates.digit
    begin = np.maximum(run.start, run.end - longest)
    fitted = fit(
        audio, candidates.audio, run, begin, digit, (omegas[0][rows], omegas[1][rows]), candidates.lost
    )
    wobble = unsteadiness(tones, run, begin, fitted)
    features = measure(candidates.audio, run, fitted, wobble, digit)
    within = _within(fitted, digit, limits)
    # A fit that runs away from the frequency the phases advance with has fitted something else.
    within &= np.abs(fitted.low_omega / omegas[0][rows] - 1) < MAX_DISAGREEMENT
    within &= np.abs(fitted.high_omega / omegas[1][rows] - 1) < MAX_DISAGREEMENT
    accepted = within & (score(features) > limits.min_score)
    return Verdict(
        rows,
        within,
        accepted,
        run.start,
        run.end,
        fitted.low_omega,
        fitted.high_omega,
        run.low,
        run.high,
        features,
    )


def _rows_of(tones: Envelope, run: Run, rows: Ints) -> tuple[Envelope, Run]:
    return Envelope(tones.low[rows], tones.high[rows]), Run(
        run.start[rows],
        run.end[rows],
        run.low[rows],
        run.high[rows],
        run.presence[rows],
        run.lasting[rows],
        run.seen[rows],
    )


def _within(fitted: Fit, digit: Ints, limits: Limits) -> Bools:
    """The limits of the standards: frequency, level, twist, steadiness."""
    low, high = np.abs(fitted.low), np.abs(fitted.high)
    twist_db = 20 * np.log10(np.maximum(high, 1e-3) / np.maximum(low, 1e-3))
    within = np.abs(fitted.low_omega / OMEGAS[digit // 4] - 1) < MAX_OFFSET
    within &= np.abs(fitted.high_omega / OMEGAS[4 + digit % 4] - 1) < MAX_OFFSET
    within &= (twist_db > limits.min_twist_db) & (twist_db < limits.max_twist_db)
    within &= (low > MIN_AMPLITUDE) & (high > MIN_AMPLITUDE)
    within &= (np.abs(fitted.low_slope.real) < MAX_SLOPE) & (np.abs(fitted.high_slope.real) < MAX_SLOPE)
    return within


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
    columns = [
        _log(bands.sum(axis=1)),
        *(_log(bands[:, band]) for band in range(bands.shape[1])),
        _log(line),
        _log(wobble[:, 0]),
        _log(wobble[:, 1]),
        np.abs(fitted.low_slope.real),
        np.abs(fitted.high_slope.real),
        low_offset,
        high_offset,
        np.maximum(twist_db, 0.0),
        np.maximum(-twist_db, 0.0),
        _log(_before(raw, run) / np.maximum(power, 1e-3)),
        _log(_creep(run)),
        np.log10(np.maximum(fitted.length, 1.0)),
    ]
    return np.stack(columns, axis=1)


def _log(ratio: Doubles) -> Doubles:
    logarithm: Doubles = np.log10(ratio + 1e-4)
    return logarithm


def _before(raw: Floats, run: Run) -> Doubles:
    """Least mean square of any 5 ms in the 25 ms before the onset: a voice leads into its vowel, a key does
    not."""
    squares = np.concatenate(
        [np.zeros((raw.shape[0], 1)), np.cumsum(raw.astype(np.float64) ** 2, axis=1)], axis=1
    )
    ends = np.clip(np.round(run.start).astype(np.int64) - 12, 0, RING)[:, None] - np.arange(0, 200, 40)
    begins = ends - 40
    mean = np.take_along_axis(squares, np.maximum(ends, 0), axis=1)
    mean -= np.take_along_axis(squares, np.maximum(begins, 0), axis=1)
    mean = np.where(begins >= 0, mean / 40, np.inf).min(axis=1)
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


def _joined(first: Verdict, second: Verdict, rows: Ints, left: Ints) -> Verdict:
    """Both attempts with rows counted as the caller does."""
    return Verdict(
        np.concatenate([rows[first.row], rows[left[second.row]]]),
        np.concatenate([first.within, second.within]),
        np.concatenate([first.accepted, second.accepted]),
        np.concatenate([first.start, second.start]),
        np.concatenate([first.end, second.end]),
        np.concatenate([first.low_omega, second.low_omega]),
        np.concatenate([first.high_omega, second.high_omega]),
        np.concatenate([first.low, second.low]),
        np.concatenate([first.high, second.high]),
        np.concatenate([first.features, second.features]),
    )
