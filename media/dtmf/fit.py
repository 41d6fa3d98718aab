"""Two tones fitted to a span of audio, and what is left of the audio after them.

Left out: where the span is (envelope.py) and what the figures mean (decide.py).
"""

from dataclasses import dataclass
from typing import Final

import numpy as np

from media.dtmf.envelope import CENTRES, Envelope, Run
from media.dtmf.tables import (
    GRID,
    GRID_OMEGAS,
    HOP,
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
    position = middle[:, None] + np.arange(-SPAN // 2, SPAN // 2)
    mask = (position >= (begin + GUARD)[:, None]) & (position < (run.end - GUARD)[:, None])
    mask &= (position >= 0) & (position < RING)
    held = np.clip(position, 0, RING - 1)
    nearest = np.clip(np.round((held - WINDOW / 2) / HOP), 0, CENTRES.size - 1).astype(np.int64)
    mask &= np.take_along_axis(run.presence, nearest, axis=1) > 0.6
    mask &= ~np.take_along_axis(lost, held, axis=1)
    weights = mask.astype(np.float32)
    audio = np.take_along_axis(filtered, held, axis=1) * weights
    length = np.maximum(run.end - begin, 1.0)
    ramp = (np.arange(-SPAN // 2, SPAN // 2) * (2 / length[:, None])).astype(np.float32)
    low_omega, high_omega = omegas
    for _ in range(2):
        low_index = grid_index(digit // 4, low_omega)
        high_index = grid_index(4 + digit % 4, high_omega)
        basis = np.concatenate([GRID[digit // 4, low_index], GRID[4 + digit % 4, high_index]], axis=1)
        basis *= weights[:, None, :]
        basis = np.concatenate([basis, basis * ramp[:, None, :]], axis=1)
        solution = _solve(basis, audio)
        amplitude = solution[:, 0:8:2] - 1j * solution[:, 1:8:2]
        slope = amplitude[:, 2:] / np.where(np.abs(amplitude[:, :2]) < 1e-3, 1e-3, amplitude[:, :2])
        low_omega = GRID_OMEGAS[digit // 4, low_index] + slope[:, 0].imag * 2 / length
        high_omega = GRID_OMEGAS[4 + digit % 4, high_index] + slope[:, 1].imag * 2 / length
    tones = (solution.astype(np.float32)[:, None, :] @ basis)[:, 0, :]
    rest = np.take_along_axis(raw, held, axis=1) * weights - tones
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


def _solve(basis: Floats, audio: Floats) -> Doubles:
    """Least squares by the normal equations; a trace of ridge keeps an empty span solvable."""
    gram = (basis @ basis.transpose(0, 2, 1)).astype(np.float64)
    gram += np.eye(8) * 1e-2
    right = (basis @ audio[:, :, None]).astype(np.float64)
    solved: Doubles = np.linalg.solve(gram, right)[:, :, 0].astype(np.float64)
    return solved


def band_shares(fitted: Fit) -> tuple[Doubles, Doubles]:
    """The residual's energy by bands and its strongest line, each relative to the tones' energy.

    Returns:
        Shape (n, len(BAND_EDGES_HZ) - 1), and shape (n,).
    """
    time = np.arange(-SPAN // 2, SPAN // 2) / fitted.length[:, None]
    hann = (np.cos(np.pi * np.clip(time, -0.5, 0.5)) ** 2).astype(np.float32) * fitted.mask
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
