"""Is it a digit? Standards' limits first, then a score trained to tell keys from voices and music.

Left out: when to look (bank.py) and how the figures are measured (envelope.py, fit.py).
"""

from dataclasses import dataclass, fields, replace
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
from media.dtmf.fit import Fit, Material, fit, unsteadiness
from media.dtmf.score import N_FEATURES, measure, score
from media.dtmf.tables import (
    BLOCK,
    DIAL_TONES,
    HIGH_PASS_DELAY,
    PAIR_OMEGAS,
    PAIR_TONES,
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
    ring_of,
)

MIN_SAMPLES: Final = 236
"""29.5 ms: the middle of 26 ms (refused for certain) and 33 ms (taken for certain); Q.24 asks for 23 and 40
ms."""

MIN_LASTING_SAMPLES: Final = 244
"""30.5 ms of a tone that still sounds; with ticks of 20 ms it is known at the latest 51 ms after its
onset."""

MAX_OFFSET: Final = 0.0240
"""The middle of NTT's 1.8 % (take) and 3.0 % (refuse), Q.24 annex A."""

MAX_COARSE_OFFSET: Final = MAX_OFFSET + 0.008
"""Of the first estimates, which the fit corrects."""

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
        audio: the last 120 ms with PAD zeros before and after, shape (n, PAD + RING + PAD), substitutes for
            lost frames set to 0.
        lost: which samples those are, shape (n, RING); None if none are.
        digit: index into KEYS.
        low_band: whether to filter the band under 565 Hz away first.
        earliest: nothing before this counts, samples since the ring's first.
    """

    audio: Floats
    lost: Bools | None
    digit: Ints
    low_band: Bools
    earliest: Doubles


@dataclass(frozen=True)
class Verdict:
    """One candidate that has the frequencies and the length of a digit, n of them.

    Attributes:
        row: which candidate.
        within: whether it is inside the standards' limits.
        accepted: whether it is a digit: within the limits and of enough score.
        start, end: samples since the ring's first.
        omegas: frequencies of the low and the high tone, radians a sample, shape (2, n).
        plateau: their amplitudes by the correlators, shape (2, n).
        figures: what the score was computed from, shape (N_FEATURES, n).
    """

    row: Ints
    within: Bools
    accepted: Bools
    start: Doubles
    end: Doubles
    omegas: Doubles
    plateau: Floats
    figures: Doubles

    @property
    def features(self) -> Doubles:
        """The figures, a row for each, shape (n, N_FEATURES)."""
        return self.figures.T


def usable_windows(lost: Bools | None, low_band: Bools) -> Bools | None:
    """Windows to be believed: at least two thirds received, and clear of the high-pass's unfinished end.

    Returns:
        Shape (N_WINDOWS, n); None if all are.
    """
    if lost is None:
        return _FINISHED | ~low_band if low_band.any() else None
    usable: Bools = (lost_windows(lost) > 0.6) & (_FINISHED | ~low_band)
    return usable


_FINISHED: Final[Bools] = (CENTRES + WINDOW / 2 <= RING - HIGH_PASS_DELAY + 1)[:, None]


def filtered_where(audio: Floats, low_band: Bools) -> Floats:
    """The rings behind the high-pass in the rows that need it; the audio itself if none does."""
    rows = np.flatnonzero(low_band)
    if not rows.size:
        return audio
    filtered = audio.copy()
    filtered[rows] = high_passed(audio[rows])
    return filtered


def _in_two_bands(audio: Floats, low_band: Bools) -> tuple[Floats, Floats]:
    """What of some padded rings the tones are to be looked for in, and what the residual is to be taken from.

    The first is the audio behind the high-pass, in the rows that need it. The second is the audio less a
    steady dial tone: what the low band holds besides is evidence of a voice. That is only taken away when the
    tones of DIAL_TONES_HZ, steady over the whole ring, make up nearly all of the low band; a voice's
    harmonics do not.
    """
    rows = np.flatnonzero(low_band)
    if not rows.size:
        return audio, audio
    heard = ring_of(audio)[rows]
    high = high_passed(heard)
    filtered = audio.copy()
    ring_of(filtered)[rows] = high
    steady = (heard @ DIAL_TONES) @ DIAL_TONES.T
    low = np.subtract(heard, high, out=high)
    rest = low - steady
    mostly = np.einsum("ij,ij->i", rest, rest) < MAX_BESIDES_DIAL_TONE * np.einsum("ij,ij->i", low, low)
    if not mostly.any():
        return filtered, audio
    cleaned = audio.copy()
    ring_of(cleaned)[rows[mostly]] -= steady[mostly]
    return filtered, cleaned


def examine(candidates: Candidates, limits: Limits) -> Verdict:
    """Decide every candidate.

    Returns:
        One for each candidate that reached the score; the others are not DTMF by length, frequency, level
        or twist.
    """
    low_band = candidates.low_band
    filtered, raw = _in_two_bands(candidates.audio, low_band)
    material = Material(
        raw,
        filtered,
        candidates.lost,
        usable_windows(candidates.lost, low_band),
        candidates.digit,
        candidates.earliest,
    )
    omegas, rows = _coarse(material)
    if not rows.size:
        return _NOTHING
    verdict = _attempt(material.take(rows), omegas, limits)
    return replace(verdict, row=rows[verdict.row])


def _coarse(material: Material) -> tuple[Doubles, Ints]:
    """Frequencies by the nominal correlators, shape (2, n), and the n rows worth a closer look."""
    digit = material.digit
    tones = envelope(ring_of(material.filtered), NOMINAL.take(digit))
    run = locate(tones, material.usable, material.earliest, MAX_BRIDGED_WINDOWS)
    omegas = offsets(tones, run, digit, material.usable)
    near = (np.abs(omegas / PAIR_OMEGAS[:, digit] - 1) < MAX_COARSE_OFFSET).all(axis=0)
    rows = np.flatnonzero(near & (run.seen > MIN_SAMPLES - 40))
    return omegas[:, rows], rows


@dataclass(frozen=True)
class _Look:
    """Stretches worth fitting, n of them.

    Attributes:
        row: which row of the material.
        tones, run: its envelope and where in it the tones are.
        whole: whether this is the whole run or only the latest part of a long one, for tones whose phase
            jumped on the way (a repeated frame).
        begin: where the span to be fitted begins.
    """

    row: Ints
    whole: Bools
    tones: Envelope
    run: Run
    begin: Doubles

    def take(self, kept: Ints) -> "_Look":
        """Some of them."""
        return _Look(
            self.row[kept],
            self.whole[kept],
            Envelope(self.tones.values[:, :, kept]),
            Run(**{field.name: getattr(self.run, field.name)[..., kept] for field in fields(Run)}),
            self.begin[kept],
        )


def _attempt(material: Material, omegas: Doubles, limits: Limits) -> Verdict:
    """Locate, fit and score; where the whole of a long run is no digit its latest part may be one.

    Args:
        material: candidates at about the right frequencies.
        omegas: first estimates of those, shape (2, n).
        limits: of the twist and the score.
    """
    tones = PAIR_TONES[:, material.digit]
    index = grid_index(tones, omegas)
    envelopes = envelope(ring_of(material.filtered), correlators(index, tones))
    every = np.arange(material.digit.size)
    if every.size > _TOGETHER:
        whole = _look(material, envelopes, every, limits, np.full(every.size, True))
        long = whole.run.end - whole.run.start > SHORT_SPAN + MIN_SHORTENED
        first = _judge(material, omegas, whole, limits)
        again = whole.row[long & ~first.accepted]
        if not again.size:
            return first
        rest = _look(material, envelopes, again, limits, np.full(again.size, False))
        return _joined(first, _judge(material, omegas, rest, limits)) if rest.row.size else first
    # A few candidates cost little more than one: both parts in one go.
    is_whole = np.arange(2 * every.size) < every.size
    return _both(
        material, omegas, _look(material, envelopes, np.concatenate([every, every]), limits, is_whole), limits
    )


def _both(material: Material, omegas: Doubles, looks: _Look, limits: Limits) -> Verdict:
    """Judge whole runs, and beside them the latest parts of the long ones, which count where those do not."""
    span = looks.run.end - looks.run.start
    long, settled = np.zeros((2, material.digit.size), dtype=np.bool_)
    long[looks.row[looks.whole & (span > SHORT_SPAN + MIN_SHORTENED)]] = True
    wanted = np.flatnonzero(looks.whole | long[looks.row])
    if not wanted.size:
        return _NOTHING
    if wanted.size < looks.row.size:
        looks = looks.take(wanted)
    verdict = _judge(material, omegas, looks, limits)
    settled[verdict.row[verdict.accepted & looks.whole]] = True
    return replace(verdict, accepted=verdict.accepted & (looks.whole | ~settled[verdict.row]))


def _look(material: Material, tones: Envelope, rows: Ints, limits: Limits, whole: Bools) -> _Look:
    """Locate the tones and keep what may come within the limits: the fit costs most.

    Args:
        material, tones: all candidates and their envelopes.
        rows: of those, n of them.
        limits: of the twist.
        whole: whether to look for the whole run, or only for its latest part, for each of n.
    """
    usable, earliest = material.usable, material.earliest
    if rows.size != material.digit.size:
        tones = Envelope(tones.values[:, :, rows])
        usable, earliest = None if usable is None else usable[:, rows], earliest[rows]
    run = locate(tones, usable, earliest, np.where(whole, MAX_BRIDGED_WINDOWS, 1))
    twist_db = run.twist_db
    worth = run.seen >= np.where(run.lasting, MIN_LASTING_SAMPLES, MIN_SAMPLES)
    worth &= run.plateau.min(axis=0) > 0.5 * MIN_AMPLITUDE
    worth &= (twist_db > limits.min_twist_db - 2.0) & (twist_db < limits.max_twist_db + 2.0)
    longest = np.where(whole, SPAN, SHORT_SPAN)
    look = _Look(rows, whole, tones, run, np.maximum(run.start, run.end - longest))
    return look if worth.all() else look.take(np.flatnonzero(worth))


def _judge(material: Material, omegas: Doubles, look: _Look, limits: Limits) -> Verdict:
    """Fit and score."""
    rows, run = look.row, look.run
    digit, omegas = material.digit[rows], omegas[:, rows]
    fitted = fit(material, rows, run, look.begin, omegas)
    figures = measure(material, rows, run, fitted, unsteadiness(look.tones, run, look.begin, fitted))
    within = _within(fitted, digit, limits)
    # A fit that runs away from the frequency the phases advance with has fitted something else.
    within &= (np.abs(fitted.omegas / omegas - 1) < MAX_DISAGREEMENT).all(axis=0)
    accepted = within & (score(figures) > limits.min_score)
    return Verdict(rows, within, accepted, run.start, run.end, fitted.omegas, run.plateau, figures)


def _within(fitted: Fit, digit: Ints, limits: Limits) -> Bools:
    """The limits of the standards: frequency, level, twist, steadiness."""
    level = np.abs(fitted.amplitudes)
    twist_db = 20 * np.log10(np.maximum(level[1], 1e-3) / np.maximum(level[0], 1e-3))
    within = (fitted.offsets(digit) < MAX_OFFSET).all(axis=0)
    within &= (level > MIN_AMPLITUDE).all(axis=0)
    within &= (np.abs(fitted.slopes.real) < MAX_SLOPE).all(axis=0)
    within &= (twist_db > limits.min_twist_db) & (twist_db < limits.max_twist_db)
    return np.asarray(within)


def _joined(first: Verdict, second: Verdict) -> Verdict:
    """Both, field by field."""
    pairs = {field.name: (getattr(first, field.name), getattr(second, field.name)) for field in fields(first)}
    return Verdict(**{name: np.concatenate(pair, axis=-1) for name, pair in pairs.items()})


_NONE: Final[Doubles] = np.zeros(0)
_NOTHING: Final = Verdict(
    _NONE.astype(np.int64),
    _NONE > 0,
    _NONE > 0,
    _NONE,
    _NONE,
    np.zeros((2, 0)),
    np.zeros((2, 0), dtype=np.float32),
    np.zeros((N_FEATURES, 0)),
)
