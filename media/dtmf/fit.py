"""Two tones fitted to a span of audio, and what is left of the audio after them.

Left out: where the span is (envelope.py) and what the figures mean (decide.py).
"""

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
import numpy.typing as npt

from media.dtmf.envelope import CENTRES, Envelope, Run
from media.dtmf.tables import (
    GRID,
    GRID_OMEGAS,
    HOP,
    N_WINDOWS,
    PAD,
    PAIR_OMEGAS,
    PAIR_TONES,
    RING,
    SPAN,
    WINDOW,
    Bools,
    Doubles,
    Floats,
    Ints,
    grid_index,
    ring_of,
)
from media.types import SAMPLE_RATE_HZ

GUARD: Final = 8
"""Samples left out at either edge of the span: the edges are known to a millisecond."""

_FFT: Final = 512
MIN_FITTED_PRESENCE: Final = 0.6
"""Of the plateau, in the window nearest to a sample: breaks are not fitted."""

_AT_ONCE: Final = 64
"""Candidates fitted in one go: their waves, some 10 kB each, stay in the processor's cache."""

_HALF: Final = SPAN // 2
_TIME: Final[Floats] = np.arange(-_HALF, _HALF).astype(np.float32)

UNKNOWN_SPREAD: Final = 0.02
"""Between what keys and what voices show."""

BAND_EDGES_HZ: Final = (0, 60, 250, 340, 490, 640, 1040, 1150, 1700, 2300, 4000)
"""Bands of the residual: hum, pitch, first formant, dial tones, first formant, both groups and what lies
between."""

_BAND_BINS: Final = [round(edge * _FFT / SAMPLE_RATE_HZ) for edge in BAND_EDGES_HZ]
N_BANDS: Final = len(_BAND_BINS) - 1

Phasors = npt.NDArray[np.complex128]


@dataclass(frozen=True)
class Fit:
    """Two tones whose amplitudes change linearly over the span, for each of n candidates.

    Attributes:
        omegas: frequencies of the low and the high tone, radians a sample, shape (2, n).
        amplitudes: complex, at the span's middle, int16 units, shape (2, n).
        slopes: relative change from the middle to the end; the imaginary part is left-over frequency, shape
            (2, n).
        length: of the span, in samples.
        middle: of the span, samples since the ring's first.
        bands: the residual's energy by bands, relative to the tones', shape (N_BANDS, n).
        line: the residual's strongest line, relative to the tones' energy.
    """

    omegas: Doubles
    amplitudes: Phasors
    slopes: Phasors
    length: Doubles
    middle: Ints
    bands: Doubles
    line: Doubles

    def offsets(self, digit: Ints) -> Doubles:
        """Of both frequencies from a key's, relative and without sign, shape (2, n)."""
        relative: Doubles = np.abs(self.omegas / PAIR_OMEGAS[:, digit] - 1)
        return relative


@dataclass(frozen=True)
class Material:
    """Audio of candidates, n rows, each with PAD zeros before and after.

    Attributes:
        raw: what the residual is taken from, shape (n, PAD + RING + PAD).
        filtered: what the tones are fitted to, same shape: raw itself where no high-pass is needed at all.
        lost: samples that are substitutes, shape (n, RING); None if none are.
        usable: windows to be believed, shape (N_WINDOWS, n); None if all are.
        digit: index into KEYS.
        earliest: nothing before this counts, samples since the ring's first.
    """

    raw: Floats
    filtered: Floats
    lost: Bools | None
    usable: Bools | None
    digit: Ints
    earliest: Doubles

    def take(self, rows: Ints) -> "Material":
        """Some of the rows, ascending."""
        if rows.size == self.digit.size:
            return self
        raw = self.raw[rows]
        return Material(
            raw,
            raw if self.filtered is self.raw else self.filtered[rows],
            None if self.lost is None else self.lost[rows],
            None if self.usable is None else self.usable[:, rows],
            self.digit[rows],
            self.earliest[rows],
        )


def fit(material: Material, rows: Ints, run: Run, begin: Doubles, omegas: Doubles) -> Fit:
    """Fit both tones twice, correcting the frequencies in between.

    Args:
        material: audio.
        rows: of the material, one for each of n fits.
        run: where the tones are, n of them.
        begin: where the span begins (it ends where the run ends).
        omegas: first estimates of the low and the high frequency, shape (2, n).
    """
    tones = PAIR_TONES[:, material.digit[rows]]
    middle = np.round((begin + run.end) / 2).astype(np.int64)
    first = np.maximum(np.ceil(begin + GUARD), 0).astype(np.int64) - middle
    end = np.minimum(np.ceil(run.end - GUARD), RING).astype(np.int64) - middle
    length = np.maximum(run.end - begin, 1.0)
    limits, sounding = np.stack([first, end]), run.presence > MIN_FITTED_PRESENCE
    # Those of like length together, so that little beyond the longest is multiplied in vain.
    order = np.argsort(end - first, kind="stable") if rows.size > _AT_ONCE else np.arange(rows.size)
    index, solution = grid_index(tones, omegas), np.empty((8, rows.size))
    groups: list[tuple[Ints, _Spans, Floats]] = []
    for at in range(0, rows.size, _AT_ONCE):
        part = order[at : at + _AT_ONCE]
        spans = _cut(material, rows[part], middle[part], limits[:, part], sounding[:, part], length[part])
        solution[:, part], fitted = _two_tones(spans, slice(None), tones[:, part], index[:, part])
        groups.append((part, spans, fitted))
    better = grid_index(tones, _omegas_of(solution, tones, index, length))
    changed = (better != index).any(axis=0)
    bands, line = np.empty((N_BANDS, rows.size)), np.empty(rows.size)
    for part, spans, fitted in groups:
        again = np.flatnonzero(changed[part])
        if again.size:
            some = part[again]
            solution[:, some], fitted[again] = _two_tones(spans, again, tones[:, some], better[:, some])
        bands[:, part], line[part] = _residual(spans, fitted)
    amplitudes, slopes = _phasors(solution)
    found = GRID_OMEGAS[tones, better] + slopes.imag * 2 / length
    return Fit(found, amplitudes, slopes, length, middle, bands, line)


@dataclass(frozen=True)
class _Spans:
    """The stretches to be fitted, each around its own middle, n rows of equal length.

    Attributes:
        columns: of GRID.
        audio: what is fitted, zero where nothing is.
        raw: what the residual is taken from, likewise.
        weights: 1 where something is fitted.
        ramp: the time from the middle, 1 at the span's end.
    """

    columns: slice
    audio: Floats
    raw: Floats
    weights: Floats
    ramp: Floats


def _cut(
    material: Material, rows: Ints, middle: Ints, limits: Ints, sounding: Bools, length: Doubles
) -> _Spans:
    """Cut out the spans.

    Args:
        material, rows, middle: which and where.
        limits: first sample of each span and the first after it, from the middle, shape (2, n).
        sounding: windows that hold the tones, shape (N_WINDOWS, n).
        length: of each span, in samples.
    """
    # Whole vectors of the processor: products over odd lengths cost more than over a few zeros.
    start = max(int(limits[0].min()) // 16 * 16, -_HALF)
    stop = min(-(-int(limits[1].max()) // 16) * 16, _HALF)
    columns = slice(start + _HALF, max(stop, start + 16) + _HALF)
    time = _TIME[columns]
    mask = stretches(_by_sample(sounding), np.arange(rows.size), middle, columns)
    mask &= limits[0].astype(np.float32)[:, None] <= time
    mask &= limits[1].astype(np.float32)[:, None] > time
    if material.lost is not None:
        lost = np.zeros((rows.size, PAD + RING + PAD), dtype=np.bool_)
        ring_of(lost)[:] = material.lost[rows]
        mask &= ~stretches(lost, np.arange(rows.size), middle, columns)
    weights = mask.astype(np.float32)
    audio = stretches(material.filtered, rows, middle, columns)
    audio *= weights
    raw = audio
    if material.filtered is not material.raw:
        raw = stretches(material.raw, rows, middle, columns)
        raw *= weights
    return _Spans(columns, audio, raw, weights, time * (2 / length[:, None]).astype(np.float32))


def _by_sample(windows: Bools) -> Bools:
    """A figure of each window at the samples whose nearest window it is, shape (n, PAD + RING + PAD); beyond
    the ring it means nothing."""
    sampled = np.empty((windows.shape[1], PAD + RING + PAD), dtype=np.bool_)
    ring = ring_of(sampled)
    ring[:, :HOP] = windows[0][:, None]
    ring[:, HOP : HOP + N_WINDOWS * HOP].reshape(-1, N_WINDOWS, HOP)[:] = windows.T[:, :, None]
    ring[:, HOP + N_WINDOWS * HOP :] = windows[-1][:, None]
    # Half-way between two windows the even one is taken.
    ring[:, 2 * HOP :: 2 * HOP] = ring[:, 2 * HOP - 1 : -1 : 2 * HOP]
    return sampled


_Samples = TypeVar("_Samples", Floats, Bools)


def stretches(padded: _Samples, rows: Ints, middle: Ints, columns: slice) -> _Samples:
    """Some columns of the spans around the middles, copied out of padded rings."""
    width = columns.stop - columns.start
    stride, item = padded.strides
    # Whole stretches are copied; an index a sample would cost five times as much.
    shape = (padded.shape[0], padded.shape[1] - width + 1, width)
    every = np.ndarray(shape, padded.dtype, padded, 0, (stride, item, item))
    copied: _Samples = every[rows, middle + (PAD - _HALF + columns.start)]
    return copied


def _omegas_of(solution: Doubles, tones: Ints, index: Ints, length: Doubles) -> Doubles:
    """The frequencies a fit at grid frequencies points to, shape (2, n)."""
    omegas: Doubles = GRID_OMEGAS[tones, index] + _phasors(solution)[1].imag * 2 / length
    return omegas


def _phasors(solution: Doubles) -> tuple[Phasors, Phasors]:
    """Amplitudes and relative slopes out of the weights of the eight waves, shape (8, n)."""
    amplitude: Phasors = np.empty((4, solution.shape[1]), dtype=np.complex128)
    amplitude.real, amplitude.imag = solution[0::2], -solution[1::2]
    middle = amplitude[:2]
    slopes: Phasors = np.divide(amplitude[2:], np.where(np.abs(middle) < 1e-3, 1e-3, middle))
    return middle, slopes


def _two_tones(spans: _Spans, rows: Ints | slice, tones: Ints, index: Ints) -> tuple[Doubles, Floats]:
    """One fit at two grid frequencies.

    Args:
        spans, rows: which of the spans, n of them.
        tones, index: of the low and the high tone, shape (2, n).

    Returns:
        The amplitudes of the eight waves, shape (8, n), and the fitted tones.
    """
    audio, ramp = spans.audio[rows], spans.ramp[rows]
    # The audio is a ninth row, so that one product gives both sides of the normal equations.
    waves = np.empty((ramp.shape[0], 9, ramp.shape[1]), dtype=np.float32)
    weights = spans.weights[rows][:, None]
    grid = GRID[..., spans.columns]
    np.multiply(grid[tones[0], index[0]], weights, out=waves[:, 0:2])
    np.multiply(grid[tones[1], index[1]], weights, out=waves[:, 2:4])
    np.multiply(waves[:, :4], ramp[:, None, :], out=waves[:, 4:8])
    waves[:, 8] = audio
    basis = waves[:, :8]
    solution = _solve(basis @ waves.transpose(0, 2, 1))
    return solution.T, (solution.astype(np.float32)[:, None, :] @ basis)[:, 0, :]


def _solve(products: Floats) -> Doubles:
    """Least squares by the normal equations; a trace of ridge keeps an empty span solvable.

    Args:
        products: of the eight waves with each other and with the audio, shape (n, 8, 9).
    """
    equations = products.astype(np.float64)
    equations.reshape(-1, 72)[:, ::10] += 1e-2  # the diagonal
    solved = np.linalg.solve(equations[:, :, :8], equations[:, :, 8:])
    return np.asarray(solved[:, :, 0], dtype=np.float64)


def _residual(spans: _Spans, fitted: Floats) -> tuple[Doubles, Doubles]:
    """The residual's energy by bands and its strongest line, each relative to the tones' energy.

    Args:
        spans: n of them.
        fitted: their tones, overwritten.

    Returns:
        Shape (N_BANDS, n), and shape (n,).
    """
    # Beyond a span's ends, where this would go on, there is neither audio nor a tone.
    hann = spans.ramp * np.float32(np.pi / 2)
    np.cos(hann, out=hann)
    hann *= hann
    rest = spans.raw - fitted
    rest *= hann
    fitted *= hann
    spectrum = np.fft.rfft(rest, _FFT, axis=1)
    power = spectrum.real**2
    power += spectrum.imag**2
    energy = np.maximum(np.einsum("ij,ij->i", fitted, fitted) * (_FFT / 2), 1e-3).astype(np.float64)
    bands = np.add.reduceat(power, _BAND_BINS[:-1], axis=1).T / energy
    line = power[:, _BAND_BINS[3] :].max(axis=1) / energy
    return bands, line


def unsteadiness(tones: Envelope, run: Run, begin: Doubles, fitted: Fit) -> Doubles:
    """How far the tones leave their fitted course, mean square relative to their power.

    Args:
        tones: amplitudes by correlators near the true frequencies.
        run, begin: the span.
        fitted: the fit.

    Returns:
        Shape (2, n): the low and the high tone.
    """
    inside = (begin + WINDOW / 2 - HOP / 2 <= _CENTRES) & (run.end - WINDOW / 2 + HOP / 2 >= _CENTRES)
    inside &= run.presence > 0.7
    seen = inside.sum(axis=0)
    count = np.maximum(seen, 1)
    turns = fitted.omegas[:, None] * (_CENTRES - fitted.middle)
    turns -= 2 * np.pi * np.rint(turns / (2 * np.pi))
    angle = turns.astype(np.float32)
    turned = np.empty(angle.shape, dtype=np.complex64)
    np.cos(angle, out=turned.real)
    np.sin(-angle, out=turned.imag)
    turned *= tones.values
    turned -= ((turned * inside).sum(axis=1) / count)[:, None].astype(np.complex64)
    turned *= inside
    scale = np.maximum(np.abs(fitted.amplitudes), 1e-3)
    spread = (turned.real**2 + turned.imag**2).sum(axis=1) / count / scale**2
    # With less than two windows inside nothing is known: neither good nor bad.
    spread[:, seen < 2] = UNKNOWN_SPREAD
    return np.asarray(spread, dtype=np.float64)


_CENTRES: Final[Doubles] = CENTRES[:, None]
