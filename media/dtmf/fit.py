"""Two tones fitted to a span of audio, and what is left of the audio after them.

Left out: where the span is (envelope.py) and what the figures mean (decide.py).
"""

from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from media.dtmf.envelope import CENTRES, Envelope, Run
from media.dtmf.tables import (
    GRID,
    GRID_OMEGAS,
    HOP,
    N_WINDOWS,
    RING,
    SPAN,
    WINDOW,
    Bools,
    Doubles,
    Floats,
    Ints,
    grid_index,
)
from media.types import SAMPLE_RATE_HZ

GUARD: Final = 8
"""Samples left out at either edge of the span: the edges are known to a millisecond."""

_FFT: Final = 512
MIN_FITTED_PRESENCE: Final = 0.6
"""Of the plateau, in the window nearest to a sample: breaks are not fitted."""

_NEAREST: Final[Ints] = np.minimum(
    np.maximum(np.round((np.arange(RING) - WINDOW / 2) / HOP), 0), N_WINDOWS - 1
).astype(np.int64)
"""The window whose middle is nearest to each sample of a ring."""

_AT_ONCE: Final = 64
"""Candidates fitted in one go: their waves, 15 kB each, stay in the processor's cache."""

_TIME: Final[Floats] = np.arange(-SPAN // 2, SPAN // 2).astype(np.float32)

UNKNOWN_SPREAD: Final = 0.02
"""Between what keys and what voices show."""

BAND_EDGES_HZ: Final = (0, 60, 250, 340, 490, 640, 1040, 1150, 1700, 2300, 4000)
"""Bands of the residual: hum, pitch, first formant, dial tones, first formant, both groups and what lies
between."""

_BAND_BINS: Final = [round(edge * _FFT / SAMPLE_RATE_HZ) for edge in BAND_EDGES_HZ]


@dataclass(frozen=True)
class Fit:
    """Two tones whose amplitudes change linearly over the span, for each of n candidates.

    Attributes:
        low_omega, high_omega: frequencies, radians a sample.
        low, high: complex amplitudes at the span's middle, int16 units.
        low_slope, high_slope: relative change from the middle to the end; the imaginary part is left-over
        frequency.
        tones: the fitted tones, shape (n, SPAN), zero outside the span.
        residual: what the audio holds besides, same shape.
        mask: which samples were fitted, same shape.
        length: of the span, in samples.
        middle: of the span, samples since the ring's first.
    """

    low_omega: Doubles
    high_omega: Doubles
    low: Doubles
    high: Doubles
    low_slope: Doubles
    high_slope: Doubles
    tones: Floats
    residual: Floats
    mask: Floats
    length: Doubles
    middle: Ints


def fit(
    filtered: Floats,
    raw: Floats,
    run: Run,
    begin: Doubles,
    digit: Ints,
    omegas: tuple[Doubles, Doubles],
    lost: Bools,
) -> Fit:
    """Fit both tones twice, correcting the frequencies in between.

    Args:
        filtered: the audio to fit, shape (n, RING).
        raw: the audio the residual is taken from (the same without the high-pass).
        run: where the tones are.
        begin: where the span begins (it ends where the run ends).
        digit: index into KEYS.
        omegas: first estimates of the low and the high frequency.
        lost: samples that are substitutes, shape (n, RING).
    """
    middle = np.round((begin + run.end) / 2).astype(np.int64)
    first = (np.maximum(np.ceil(begin + GUARD), 0) - middle).astype(np.float32)
    end = (np.minimum(np.ceil(run.end - GUARD), RING) - middle).astype(np.float32)
    sounding = (run.presence > MIN_FITTED_PRESENCE)[:, _NEAREST]
    if lost.any():
        sounding &= ~lost
    mask = _spans(sounding, middle) & (first[:, None] <= _TIME) & (end[:, None] > _TIME)
    weights = mask.astype(np.float32)
    audio = _spans(filtered, middle) * weights
    length = np.maximum(run.end - begin, 1.0)
    ramp = _TIME * (2 / length[:, None]).astype(np.float32)
    solution, tones = np.zeros((digit.size, 8)), np.zeros_like(audio)
    indices = _indices(digit, omegas)
    changed = np.arange(digit.size)
    for turn in range(2):
        for part in range(0, changed.size, _AT_ONCE):
            rows = changed[part : part + _AT_ONCE]
            index = indices[0][rows], indices[1][rows]
            solution[rows], tones[rows] = _two_tones(
                audio[rows], weights[rows], ramp[rows], digit[rows], index
            )
        amplitude = solution[:, 0:8:2] - 1j * solution[:, 1:8:2]
        slope = amplitude[:, 2:] / np.where(np.abs(amplitude[:, :2]) < 1e-3, 1e-3, amplitude[:, :2])
        low_omega = GRID_OMEGAS[digit // 4, indices[0]] + slope[:, 0].imag * 2 / length
        high_omega = GRID_OMEGAS[4 + digit % 4, indices[1]] + slope[:, 1].imag * 2 / length
        corrected = _indices(digit, (low_omega, high_omega))
        changed = np.flatnonzero((corrected[0] != indices[0]) | (corrected[1] != indices[1]))
        if turn or not changed.size:
            break
        indices = corrected
    rest = _spans(raw, middle) * weights
    rest -= tones
    return Fit(
        low_omega,
        high_omega,
        amplitude[:, 0],
        amplitude[:, 1],
        slope[:, 0],
        slope[:, 1],
        tones,
        rest,
        weights,
        length,
        middle,
    )


_Samples = TypeVar("_Samples", Floats, Bools)


def _spans(rings: _Samples, middle: Ints) -> _Samples:
    """Each ring's samples around its middle, shape (n, SPAN), zero beyond the ring."""
    padded = np.zeros((middle.size, RING + SPAN), dtype=rings.dtype)
    padded[:, SPAN // 2 : SPAN // 2 + RING] = rings
    # Whole stretches are copied; an index a sample would cost five times as much.
    return sliding_window_view(padded, SPAN, axis=1)[np.arange(middle.size), middle]


def _indices(digit: Ints, omegas: tuple[Doubles, Doubles]) -> tuple[Ints, Ints]:
    return grid_index(digit // 4, omegas[0]), grid_index(4 + digit % 4, omegas[1])


def _two_tones(
    audio: Floats, weights: Floats, ramp: Floats, digit: Ints, indices: tuple[Ints, Ints]
) -> tuple[Doubles, Floats]:
    """One fit at two grid frequencies.

    Returns:
        The amplitudes of the eight waves, and the fitted tones.
    """
    # The audio is a ninth row, so that one product gives both sides of the normal equations.
    rows = np.empty((digit.size, 9, SPAN), dtype=np.float32)
    rows[:, 8] = audio
    basis = rows[:, :8]
    basis[:, 0:2] = GRID[digit // 4, indices[0]]
    basis[:, 2:4] = GRID[4 + digit % 4, indices[1]]
    basis[:, :4] *= weights[:, None, :]
    np.multiply(basis[:, :4], ramp[:, None, :], out=basis[:, 4:])
    solution = _solve(basis @ rows.transpose(0, 2, 1))
    return solution, (solution.astype(np.float32)[:, None, :] @ basis)[:, 0, :]


def _solve(products: Floats) -> Doubles:
    """Least squares by the normal equations; a trace of ridge keeps an empty span solvable.

    Args:
        products: of the eight waves with each other and with the audio, shape (n, 8, 9).
    """
    equations = products.astype(np.float64)
    equations[:, range(8), range(8)] += 1e-2
    solved = np.linalg.solve(equations[:, :, :8], equations[:, :, 8:])
    return np.asarray(solved[:, :, 0], dtype=np.float64)


def band_shares(fitted: Fit) -> tuple[Doubles, Doubles]:
    """The residual's energy by bands and its strongest line, each relative to the tones' energy.

    Returns:
        Shape (n, len(BAND_EDGES_HZ) - 1), and shape (n,).
    """
    time = _TIME * (np.pi / fitted.length[:, None]).astype(np.float32)
    hann = np.cos(np.minimum(np.maximum(time, -np.pi / 2), np.pi / 2))
    hann *= hann
    hann *= fitted.mask
    spectrum = np.fft.rfft(fitted.residual * hann, _FFT, axis=1)
    power = spectrum.real**2 + spectrum.imag**2
    energy = np.maximum(((fitted.tones * hann) ** 2).sum(axis=1) * (_FFT / 2), 1e-3).astype(np.float64)
    bands = np.add.reduceat(power, _BAND_BINS[:-1], axis=1) / energy[:, None]
    line = power[:, _BAND_BINS[3] :].max(axis=1) / energy
    return bands.astype(np.float64), line.astype(np.float64)


def unsteadiness(tones: Envelope, run: Run, begin: Doubles, fitted: Fit) -> Doubles:
    """How far the tones leave their fitted course, mean square relative to their power.

    Args:
        tones: amplitudes by correlators near the true frequencies.
        run, begin: the span.
        fitted: the fit.

    Returns:
        Shape (n, 2): the low and the high tone.
    """
    inside = ((begin + WINDOW / 2 - HOP / 2)[:, None] <= CENTRES) & (
        (run.end - WINDOW / 2 + HOP / 2)[:, None] >= CENTRES
    )
    inside &= run.presence > 0.7
    count = np.maximum(inside.sum(axis=1), 1)
    time = CENTRES - fitted.middle[:, None]
    values = []
    for amplitude, omega, at_middle in (
        (tones.low, fitted.low_omega, fitted.low),
        (tones.high, fitted.high_omega, fitted.high),
    ):
        turned = amplitude * np.exp(-1j * omega[:, None] * time)
        mean = (turned * inside).sum(axis=1) / count
        scale = np.maximum(np.abs(at_middle), 1e-3)
        spread = (np.abs(turned - mean[:, None]) ** 2 * inside).sum(axis=1) / count / scale**2
        # With less than two windows inside nothing is known: neither good nor bad.
        values.append(np.where(inside.sum(axis=1) < 2, UNKNOWN_SPREAD, spread))
    return np.stack(values, axis=1)
