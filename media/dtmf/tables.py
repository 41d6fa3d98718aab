"""Constants of the detector that are computed once: the filter, the correlators, the frequency grid.

Left out: every decision. Times inside the detector are counted in samples at 8000 Hz.
"""

from typing import Final, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

from media.dtmf.digit import COLUMNS_HZ, ROWS_HZ
from media.types import SAMPLE_RATE_HZ

Floats: TypeAlias = npt.NDArray[np.float32]
Doubles: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]
Bools: TypeAlias = npt.NDArray[np.bool_]
Complexes: TypeAlias = npt.NDArray[np.complex64]

BLOCK: Final = 160
"""One tick: 20 ms, the usual packet time. A 40 ms tone always fills one whole tick."""

RING_BLOCKS: Final = 6
RING: Final = BLOCK * RING_BLOCKS
"""What is remembered of a leg: 120 ms, enough for a 60 ms span, 30 ms before it and a bridged gap."""

HOP: Final = 40
WINDOW: Final = 120
N_WINDOWS: Final = (RING - WINDOW) // HOP + 1
"""The envelope: 15 ms windows every 5 ms. Shorter ones do not part 697 from 770 Hz, longer ones blur a 10 ms
break."""

SPAN: Final = 480
"""The longest span one fit looks at: 60 ms."""

PAD: Final = 2 * BLOCK
"""Zeros kept on either side of a ring under examination, so that every span is one stretch of it: whole
blocks, of more than half a span."""

TONES_HZ: Final[Doubles] = np.array(ROWS_HZ + COLUMNS_HZ)
"""The eight frequencies, low group first."""

OMEGAS: Final[Doubles] = 2 * np.pi * TONES_HZ / SAMPLE_RATE_HZ
"""The same in radians a sample."""

PAIR_TONES: Final[Ints] = np.stack([np.arange(16) // 4, 4 + np.arange(16) % 4])
"""The low and the high tone of each key, indices into TONES_HZ, shape (2, 16)."""

PAIR_OMEGAS: Final[Doubles] = OMEGAS[PAIR_TONES]
"""Their frequencies in radians a sample, same shape."""


def _high_pass(n_taps: int, cutoff_hz: float, beta: float) -> Doubles:
    """An ideal high-pass under a Kaiser window, of gain 1 at half the sample rate.

    As scipy.signal.firwin has it, which takes half a second to load, in every process that has a leg.
    """
    tap = np.arange(n_taps) - (n_taps - 1) / 2
    cutoff = 2 * cutoff_hz / SAMPLE_RATE_HZ
    taps = (np.sinc(tap) - cutoff * np.sinc(cutoff * tap)) * np.kaiser(n_taps, beta)
    return np.asarray(taps / np.sum(taps * np.cos(np.pi * tap)))


HIGH_PASS: Final[Doubles] = _high_pass(79, 565.0, beta=3.6)
"""Stops dial tones (350..450 Hz) and hum by 40 dB and passes 683 Hz (697 less 2 %) whole."""

HIGH_PASS_DELAY: Final = (HIGH_PASS.size - 1) // 2

GRID_STEP: Final = 0.001
GRID_HALF: Final = 32
"""The frequency grid: every tone in steps of 0.1 %, 3.2 % to either side."""


def _screen_correlators() -> tuple[Floats, Floats]:
    """Cosines and sines of the eight tones behind the high-pass, split at the tick's border.

    Returns:
        Shapes (HIGH_PASS.size - 1, 16) for the tail of the tick before and (BLOCK, 16) for the tick;
        columns 0..7 cosines, 8..15 sines; scaled so that c² + s² is the tone's energy over a tick.
    """
    time = np.arange(BLOCK)[:, None]
    plain = np.concatenate([np.cos(OMEGAS * time), np.sin(OMEGAS * time)], axis=1) * np.sqrt(2 / BLOCK)
    folded = np.stack([np.convolve(plain[:, column], HIGH_PASS) for column in range(16)], axis=1)
    split = HIGH_PASS.size - 1
    return folded[:split].astype(np.float32), folded[split:].astype(np.float32)


SCREEN_TAIL, SCREEN_BLOCK = _screen_correlators()


def _grid() -> tuple[Floats, Doubles]:
    """Every grid frequency as sampled cosines and sines.

    Returns:
        Shape (8, 2 * GRID_HALF + 1, 2, SPAN), time running from -SPAN / 2; and the grid in radians a sample,
        shape (8, 2 * GRID_HALF + 1).
    """
    offsets = np.arange(-GRID_HALF, GRID_HALF + 1) * GRID_STEP
    omegas = OMEGAS[:, None] * (1 + offsets)
    phase = omegas[..., None] * (np.arange(SPAN) - SPAN // 2)
    return np.stack([np.cos(phase), np.sin(phase)], axis=2).astype(np.float32), omegas


GRID, GRID_OMEGAS = _grid()


def grid_index(tone: Ints, omega: Doubles) -> Ints:
    """Index of the grid frequency nearest to omega, for each tone (0..7); ends are kept."""
    steps = np.round((omega / OMEGAS[tone] - 1) / GRID_STEP).astype(np.int64)
    return np.minimum(np.maximum(steps, -GRID_HALF), GRID_HALF) + GRID_HALF


def high_passed(audio: Floats) -> Floats:
    """The ring behind the high-pass, without delay.

    Args:
        audio: shape (n, RING).

    Returns:
        Shape (n, RING); the first and the last HIGH_PASS_DELAY samples lack part of the filter.
    """
    spectrum = np.fft.rfft(audio, _HIGH_PASS_FFT, axis=1)
    spectrum *= _HIGH_PASS_SPECTRUM
    filtered = np.fft.irfft(spectrum, _HIGH_PASS_FFT, axis=1)[:, HIGH_PASS_DELAY : HIGH_PASS_DELAY + RING]
    return np.ascontiguousarray(filtered, dtype=np.float32)


_HIGH_PASS_FFT: Final = 1024
"""Of the 1038 samples a convolution has, the first 39 are cut off: only those may hold what wraps around."""

_HIGH_PASS_SPECTRUM: Final[Complexes] = np.fft.rfft(HIGH_PASS, _HIGH_PASS_FFT).astype(np.complex64)


DIAL_TONES_HZ: Final = (50.0, 60.0, 350.0, 400.0, 425.0, 440.0, 450.0)
"""Dial tones (ITU-T E.180 supplement 2: 400 to 450 Hz; 350 + 440 and 350 + 450) and mains hum."""


def _dial_tones() -> Floats:
    """Orthonormal columns that span those tones over a ring, shape (RING, 2 * len(DIAL_TONES_HZ))."""
    phase = 2 * np.pi * np.array(DIAL_TONES_HZ) / SAMPLE_RATE_HZ * np.arange(RING)[:, None]
    basis, _ = np.linalg.qr(np.concatenate([np.cos(phase), np.sin(phase)], axis=1))
    return basis.astype(np.float32)


DIAL_TONES: Final[Floats] = _dial_tones()


def energy_of(level_dbm0: float) -> float:
    """Energy of a sine of that level over one tick, int16 units squared (a full-scale sine is +3.14 dBm0,
    G.711)."""
    peak = 32767.0 * 10 ** ((level_dbm0 - 3.14) / 20)
    return float(peak * peak / 2 * BLOCK)


_Padded = TypeVar("_Padded", Floats, Bools)


def ring_of(padded: _Padded) -> _Padded:
    """The ring in rows that have PAD samples more on either side, a view."""
    return padded[:, PAD : PAD + RING]
