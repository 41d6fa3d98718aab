"""Is it a digit? Standards' limits first, then a score trained to tell keys from voices and music.

Left out: when to look (bank.py) and how the figures are measured (envelope.py, fit.py).
"""

from dataclasses import dataclass, fields, replace
from typing import Final, TypeVar

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
from media.dtmf.fit import Fit, fit, unsteadiness
from media.dtmf.score import N_FEATURES, measure, score
from media.dtmf.tables import (
    BLOCK,
    DIAL_TONES,
    HIGH_PASS_DELAY,
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


MAX_BESIDES_DIAL_TONE: Final = 0.25
"""Least steadiness of a dial tone: what is left of the low band without it."""


_TOGETHER: Final = 32
"""Up to so many candidates the second try is made beside the first: calls cost more than their work."""

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
    if not rows.size:
        return _NOTHING
    narrowed = _Narrowed(candidates.take(rows), audio[rows], usable[rows], low_omega, high_omega)
    verdict = _attempt(narrowed, limits)
    return replace(verdict, row=rows[verdict.row])


def _coarse(candidates: Candidates, audio: Floats, usable: Bools) -> tuple[Doubles, Doubles, Ints]:
    """Frequencies by the nominal correlators, and the rows worth a closer look."""
    tones = envelope(audio, NOMINAL[candidates.digit])
    run = locate(tones, usable, candidates.earliest, MAX_BRIDGED_WINDOWS)
    low_omega, high_omega = offsets(tones, run, candidates.digit, usable)
    near = np.abs(low_omega / OMEGAS[candidates.digit // 4] - 1) < MAX_OFFSET + 0.012
    near &= np.abs(high_omega / OMEGAS[4 + candidates.digit % 4] - 1) < MAX_OFFSET + 0.012
    rows = np.flatnonzero(near & (run.seen > MIN_SAMPLES - 40))
    return low_omega[rows], high_omega[rows], rows


@dataclass(frozen=True)
class _Narrowed:
    """Candidates at about the right frequencies.

    Attributes:
        candidates: their audio less a dial tone.
        audio: the same behind the high-pass, where it is needed.
        usable: windows to be believed.
        low_omega, high_omega: first estimates, radians a sample.
    """

    candidates: Candidates
    audio: Floats
    usable: Bools
    low_omega: Doubles
    high_omega: Doubles


@dataclass(frozen=True)
class _Look:
    """Stretches worth fitting.

    Attributes:
        row: which of the narrowed candidates.
        tones, run: its envelope and where in it the tones are.
        begin: where the span to be fitted begins.
    """

    row: Ints
    tones: Envelope
    run: Run
    begin: Doubles

    def joined(self, other: "_Look") -> "_Look":
        """The rows of both."""
        return _Look(
            np.concatenate([self.row, other.row]),
            _joined(self.tones, other.tones),
            _joined(self.run, other.run),
            np.concatenate([self.begin, other.begin]),
        )


def _attempt(narrowed: _Narrowed, limits: Limits) -> Verdict:
    """Locate, fit and score; where the whole of a long run is no digit its latest part may be one, as the
    phase may have jumped on the way (a repeated frame)."""
    digit = narrowed.candidates.digit
    low_index, high_index = (
        grid_index(digit // 4, narrowed.low_omega),
        grid_index(4 + digit % 4, narrowed.high_omega),
    )
    tones = envelope(narrowed.audio, correlators(low_index, digit // 4, high_index, 4 + digit % 4))
    whole = _look(narrowed, tones, np.arange(digit.size), MAX_BRIDGED_WINDOWS, SPAN, limits)
    n_whole = whole.row.size
    if not n_whole:
        return _NOTHING
    long = whole.run.end - whole.run.start > SHORT_SPAN + MIN_SHORTENED
    if n_whole > _TOGETHER:
        first = _judge(narrowed, whole, limits)
        rest = _look(narrowed, tones, whole.row[long & ~first.accepted], 1, SHORT_SPAN, limits)
        return _joined(first, _judge(narrowed, rest, limits)) if rest.row.size else first
    # A few candidates cost little more than one: both parts in one go.
    latest = _look(narrowed, tones, whole.row[long], 1, SHORT_SPAN, limits)
    both = _judge(narrowed, whole.joined(latest) if latest.row.size else whole, limits)
    settled = np.isin(both.row, both.row[:n_whole][both.accepted[:n_whole]])
    settled[:n_whole] = False
    return replace(both, accepted=both.accepted & ~settled)


def _look(
    narrowed: _Narrowed, tones: Envelope, rows: Ints, bridged_windows: int, longest: int, limits: Limits
) -> _Look:
    """Locate the tones and keep what may come within the limits: the fit costs most."""
    tones = _taken(tones, rows)
    run = locate(tones, narrowed.usable[rows], narrowed.candidates.earliest[rows], bridged_windows)
    digit = narrowed.candidates.digit[rows]
    required = np.where(run.lasting, MIN_LASTING_SAMPLES, MIN_SAMPLES)
    twist_db = 20 * np.log10(run.high / run.low)
    worth = (run.seen >= required) & (np.minimum(run.low, run.high) > 0.5 * MIN_AMPLITUDE)
    worth &= (twist_db > limits.min_twist_db - 2.0) & (twist_db < limits.max_twist_db + 2.0)
    worth &= np.abs(narrowed.low_omega[rows] / OMEGAS[digit // 4] - 1) < MAX_OFFSET + 0.008
    worth &= np.abs(narrowed.high_omega[rows] / OMEGAS[4 + digit % 4] - 1) < MAX_OFFSET + 0.008
    kept = np.flatnonzero(worth)
    run = _taken(run, kept)
    return _Look(rows[kept], _taken(tones, kept), run, np.maximum(run.start, run.end - longest))


def _judge(narrowed: _Narrowed, look: _Look, limits: Limits) -> Verdict:
    """Fit and score."""
    rows, run = look.row, look.run
    raw, digit = narrowed.candidates.audio[rows], narrowed.candidates.digit[rows]
    omegas = narrowed.low_omega[rows], narrowed.high_omega[rows]
    fitted = fit(narrowed.audio[rows], raw, run, look.begin, digit, omegas, narrowed.candidates.lost[rows])
    wobble = unsteadiness(look.tones, run, look.begin, fitted)
    features = measure(raw, run, fitted, wobble, digit)
    within = _within(fitted, digit, limits)
    # A fit that runs away from the frequency the phases advance with has fitted something else.
    within &= np.abs(fitted.low_omega / omegas[0] - 1) < MAX_DISAGREEMENT
    within &= np.abs(fitted.high_omega / omegas[1] - 1) < MAX_DISAGREEMENT
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


_Rows = TypeVar("_Rows", Envelope, Run, Verdict)
"""Dataclasses whose every field is an array with a row for each candidate."""


def _taken(of: _Rows, rows: Ints) -> _Rows:
    """Some rows of every field."""
    return type(of)(**{field.name: getattr(of, field.name)[rows] for field in fields(of)})


def _joined(first: _Rows, second: _Rows) -> _Rows:
    """The rows of both, field by field."""
    pairs = {field.name: (getattr(first, field.name), getattr(second, field.name)) for field in fields(first)}
    return type(first)(**{name: np.concatenate(pair) for name, pair in pairs.items()})


_NONE: Final[Doubles] = np.zeros(0)
_NOTHING: Final = Verdict(
    _NONE.astype(np.int64),
    _NONE > 0,
    _NONE > 0,
    _NONE,
    _NONE,
    _NONE,
    _NONE,
    _NONE,
    _NONE,
    np.zeros((0, N_FEATURES)),
)
