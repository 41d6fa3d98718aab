"""How strong two tones are over time, and where they begin and end.

A tone switched on or off makes the amplitude in a rectangular window rise or fall in a straight line, and
cross half of its plateau exactly when the window's middle is at the edge: so edges are exact to about a
millisecond although the window is 15 ms long. Left out: whether what was found is a digit.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from media.dtmf.tables import (
    GRID,
    GRID_HALF,
    GRID_OMEGAS,
    HOP,
    N_WINDOWS,
    RING,
    SPAN,
    WINDOW,
    Bools,
    Complexes,
    Doubles,
    Floats,
    Ints,
)

_PARTS: Final = WINDOW // HOP
_MIDDLE: Final = slice(SPAN // 2 - WINDOW // 2, SPAN // 2 + WINDOW // 2)

CENTRES: Final[Doubles] = np.arange(N_WINDOWS, dtype=np.float64) * HOP + WINDOW / 2
"""The middle of each window, in samples since the ring's first."""

MAX_BRIDGED_WINDOWS: Final = 4
"""An undecided digit may have a gap this long (a lost 20 ms frame)."""


@dataclass(frozen=True)
class Envelope:
    """Amplitudes of a pair of tones in every window, shape (n, N_WINDOWS), int16 units, phase at the
    middle."""

    low: Complexes
    high: Complexes


@dataclass(frozen=True)
class Run:
    """The latest stretch in which both tones were present, for each of n candidates.

    Attributes:
        start: where it began, samples since the ring's first; 0 or less when it began before the ring.
        end: where it ended or, while it lasts, where the ring ends.
        low, high: plateau amplitudes.
        presence: the weaker tone's amplitude over its plateau, shape (n, N_WINDOWS).
        lasting: whether the tones still sound at the end.
        seen: samples of tone between start and end, gaps not counted.
    """

    start: Doubles
    end: Doubles
    low: Doubles
    high: Doubles
    presence: Doubles
    lasting: Bools
    seen: Doubles


def correlators(low_index: Ints, low_row: Ints, high_index: Ints, high_row: Ints) -> Floats:
    """Least-squares correlators for pairs of grid frequencies: each tone's amplitude free of the other's
    skirt.

    Args:
        low_index, high_index: grid indices.
        low_row, high_row: tones, 0..3 and 4..7.

    Returns:
        Shape (n, 4, WINDOW): cosine and negative sine of the low tone, then of the high one.
    """
    basis = np.concatenate([_WAVES[low_row, low_index], _WAVES[high_row, high_index]], axis=1)
    gram = basis @ basis.transpose(0, 2, 1)
    solved: Floats = np.linalg.inv(gram) @ basis
    return solved


_WAVES: Final[Floats] = np.ascontiguousarray(
    GRID[..., _MIDDLE] * np.array([1, -1], dtype=np.float32)[:, None], dtype=np.float32
)
"""The grid over one window, shape (8, 2 * GRID_HALF + 1, 2, WINDOW); the sines negative, so that the two
products are a complex amplitude."""


def _nominal() -> Floats:
    digits = np.arange(16)
    centre = np.full(16, GRID_HALF)
    return correlators(centre, digits // 4, centre, 4 + digits % 4)


NOMINAL: Final[Floats] = _nominal()
"""Correlators of the sixteen keys at their nominal frequencies."""


def envelope(audio: Floats, pairs: Floats) -> Envelope:
    """Amplitudes in every window.

    Args:
        audio: shape (n, a multiple of HOP), as a rule the whole ring.
        pairs: what correlators returned, shape (n, 4, WINDOW).
    """
    # Thirds of a window are shared by three windows: each is multiplied once, then three are summed.
    thirds = pairs.reshape(pairs.shape[0], 4 * _PARTS, HOP).transpose(0, 2, 1)
    parts = audio.reshape(audio.shape[0], audio.shape[1] // HOP, HOP) @ thirds
    last = parts.shape[1] - _PARTS + 1
    sums = parts[:, :last, 0::_PARTS] + parts[:, 1 : last + 1, 1::_PARTS]
    sums += parts[:, 2:, 2::_PARTS]
    values = sums.view(np.complex64)
    return Envelope(values[..., 0], values[..., 1])


def locate(tones: Envelope, usable: Bools, earliest: Doubles, bridged_windows: int | Ints) -> Run:
    """Find the latest stretch with both tones.

    Args:
        tones: amplitudes.
        usable: windows that hold audio (not lost, not before the filter settles), shape (n, N_WINDOWS).
        earliest: nothing before this is looked at (the digit before ended there), samples since the ring's
        first.
        bridged_windows: longest gap that does not end the stretch; one for all, or shape (n, 1).
    """
    low, high = _magnitude(tones.low), _magnitude(tones.high)
    looked = usable & (earliest[:, None] - 1 < CENTRES)
    both = np.sqrt(low * high) * looked
    bound = 0.5 * both.max(axis=1, keepdims=True)
    first, last = _latest(both > bound, looked, bridged_windows)
    index = np.arange(N_WINDOWS)
    inside = looked & (index >= first[:, None]) & (index <= last[:, None])
    # The plateau is the mean over the windows the tone fills; the best window alone would be biased by noise.
    top = (both * inside).max(axis=1, keepdims=True)
    full = inside & (both > 0.82 * top)
    count = np.maximum(full.sum(axis=1), 1)
    low_plateau = np.maximum((low * full).sum(axis=1) / count, 1e-3)
    high_plateau = np.maximum((high * full).sum(axis=1) / count, 1e-3)
    presence = np.minimum(low / low_plateau[:, None], high / high_plateau[:, None])
    present = (presence > 0.5) & looked
    first, last = _latest(present & inside, looked, bridged_windows)
    return _edges(presence, looked, first, last, low_plateau, high_plateau, earliest)


def _magnitude(amplitude: Complexes) -> Doubles:
    squares = amplitude.real**2 + amplitude.imag**2
    return np.sqrt(squares.astype(np.float64))


def _latest(present: Bools, looked: Bools, bridged_windows: int | Ints) -> tuple[Ints, Ints]:
    """First and last window of the latest stretch; absent windows count as a gap only where they were looked
    at."""
    last = N_WINDOWS - 1 - present[:, ::-1].argmax(axis=1)
    index = np.arange(N_WINDOWS)
    absent = np.cumsum(looked & ~present, axis=1)
    # For each present window: how many absent ones lie between it and the present one before it.
    at_present = np.where(present, absent, -N_WINDOWS)
    begins = present.copy()
    before = np.maximum.accumulate(at_present, axis=1)
    begins[:, 1:] &= absent[:, 1:] - before[:, :-1] > bridged_windows
    begins &= index <= last[:, None]
    first = N_WINDOWS - 1 - begins[:, ::-1].argmax(axis=1)
    return first, last


def _edges(
    presence: Doubles, looked: Bools, first: Ints, last: Ints, low: Doubles, high: Doubles, earliest: Doubles
) -> Run:
    """Interpolate where presence crosses one half."""
    rows = np.arange(first.size)
    index = np.arange(N_WINDOWS)
    newest = N_WINDOWS - 1 - looked[:, ::-1].argmax(axis=1)
    start = CENTRES[first] - HOP * _crossing(presence[rows, first], presence[rows, np.maximum(first - 1, 0)])
    before = np.maximum(first - 1, 0)
    start = np.where((first > 0) & looked[rows, before], start, CENTRES[first] - WINDOW / 2)
    start = np.maximum(start, earliest)
    after = np.minimum(last + 1, N_WINDOWS - 1)
    ended = (last < newest) & looked[rows, after]
    end = CENTRES[last] + HOP * _crossing(presence[rows, last], presence[rows, after])
    # Still over one half in the newest window: the part of the window that is filled tells where the tone
    # stops.
    filled = np.minimum(presence[rows, last], 1.0)
    filled = np.where(filled > 0.9, 1.0, filled)
    end = np.where(ended, end, CENTRES[last] - WINDOW / 2 + WINDOW * filled)
    interior = (start[:, None] + WINDOW / 4 < CENTRES) & (end[:, None] - WINDOW / 4 > CENTRES)
    missing = (1 - presence) * (presence < 0.7) * interior * (index >= first[:, None])
    unknown = interior & ~looked
    seen = end - start - HOP * (np.where(looked, missing, 0.0) + unknown).sum(axis=1)
    lasting = ~ended & (filled >= 1.0)
    return Run(start, end, low, high, presence, lasting, seen)


def _crossing(inside: Doubles, outside: Doubles) -> Doubles:
    """Part of a hop from a window over one half to its neighbour under one half at which one half is
    crossed."""
    drop = np.maximum(inside - outside, 1e-6)
    part: Doubles = np.minimum(np.maximum((inside - 0.5) / drop, 0.0), 1.0)
    return part


def offsets(tones: Envelope, run: Run, digit: Ints, usable: Bools) -> tuple[Doubles, Doubles]:
    """Both frequencies, in radians a sample, from the phase's advance between windows inside the run.

    Args:
        tones: amplitudes by the nominal correlators.
        run: where the tones are.
        digit: index into KEYS.
        usable: windows that hold audio.
    """
    inside = usable & (run.start[:, None] + WINDOW / 3 < CENTRES) & (run.end[:, None] - WINDOW / 3 > CENTRES)
    inside &= run.presence > 0.6
    pairs = inside[:, 1:] & inside[:, :-1]
    return (
        _advance(tones.low, pairs, GRID_OMEGAS[digit // 4, GRID_HALF]),
        _advance(tones.high, pairs, GRID_OMEGAS[4 + digit % 4, GRID_HALF]),
    )


def _advance(amplitude: Complexes, pairs: Bools, nominal: Doubles) -> Doubles:
    turned = (amplitude[:, 1:] * np.conj(amplitude[:, :-1]) * pairs).sum(axis=1)
    angle = np.angle(turned * np.exp(-1j * nominal * HOP))
    omega: Doubles = nominal + angle / HOP
    return omega


def lost_windows(lost: Bools) -> npt.NDArray[np.float64]:
    """Part of each window that was received.

    Args:
        lost: shape (n, RING), which samples are substitutes.

    Returns:
        Shape (n, N_WINDOWS), 0 to 1.
    """
    if not lost.any():
        return np.ones((lost.shape[0], N_WINDOWS))
    received = (~lost).reshape(lost.shape[0], RING // HOP, HOP).mean(axis=2)
    last = received.shape[1] - _PARTS + 1
    total: npt.NDArray[np.float64] = sum(
        (received[:, part : part + last] for part in range(_PARTS)), np.zeros(1)
    )
    return total / _PARTS
