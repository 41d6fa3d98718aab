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
    GRID_HALF,
    GRID_OMEGAS,
    HOP,
    N_WINDOWS,
    PAIR_OMEGAS,
    PAIR_TONES,
    RING,
    WINDOW,
    Bools,
    Complexes,
    Doubles,
    Floats,
    Ints,
)

_PARTS: Final = WINDOW // HOP

CENTRES: Final[Doubles] = np.arange(N_WINDOWS, dtype=np.float64) * HOP + WINDOW / 2
"""The middle of each window, in samples since the ring's first."""

MAX_BRIDGED_WINDOWS: Final = 4
"""An undecided digit may have a gap this long (a lost 20 ms frame)."""


@dataclass(frozen=True)
class Envelope:
    """Amplitudes of pairs of tones in every window, int16 units, phase at the middle.

    Candidates run along the last axis here and in Run, so that every step works on long contiguous rows.

    Attributes:
        values: shape (2, n_windows, n), the low and the high tone.
    """

    values: Complexes

    @property
    def low(self) -> Complexes:
        """The low tone, shape (n_windows, n)."""
        low: Complexes = self.values[0]
        return low

    @property
    def high(self) -> Complexes:
        """The high tone, shape (n_windows, n)."""
        high: Complexes = self.values[1]
        return high


@dataclass(frozen=True)
class Run:
    """The latest stretch in which both tones were present, for each of n candidates.

    Attributes:
        start: where it began, samples since the ring's first; 0 or less when it began before the ring.
        end: where it ended or, while it lasts, where the ring ends.
        plateau: amplitudes of the low and the high tone, shape (2, n).
        presence: the weaker tone's amplitude over its plateau, shape (N_WINDOWS, n).
        lasting: whether the tones still sound at the end.
        seen: samples of tone between start and end, gaps not counted.
    """

    start: Doubles
    end: Doubles
    plateau: Floats
    presence: Floats
    lasting: Bools
    seen: Doubles

    @property
    def twist_db(self) -> Floats:
        """High tone over low tone."""
        ratio: Floats = 20 * np.log10(self.plateau[1] / self.plateau[0])
        return ratio


@dataclass(frozen=True)
class Pairs:
    """Correlators for n pairs of tones by least squares: each tone's amplitude free of the other's skirt.

    Attributes:
        waves: cosine and negative sine of the low tone, then of the high one, shape (n, 4, WINDOW).
        inverse: of their products with each other, shape (n, 4, 4).
    """

    waves: Floats
    inverse: Floats

    def take(self, rows: Ints) -> "Pairs":
        """Some of them."""
        return Pairs(self.waves[rows], self.inverse[rows])


def waves_of(index: Ints, tones: Ints) -> Floats:
    """The waves of Pairs; arguments are those of correlators."""
    waves = np.empty((index.shape[1], 4, WINDOW), dtype=np.float32)
    waves[:, :2] = _WAVES[tones[0], index[0]]
    waves[:, 2:] = _WAVES[tones[1], index[1]]
    return waves


def correlators(index: Ints, tones: Ints) -> Pairs:
    """Correlators for pairs of grid frequencies.

    Args:
        index: grid indices of the low and the high tone, shape (2, n).
        tones: which tones those are, 0..3 and 4..7, same shape.
    """
    waves = waves_of(index, tones)
    # Seen from a window's middle cosines are even and sines odd: only cosines meet cosines, and sines sines.
    cross = np.einsum("nkt,nkt->kn", waves[:, :2], waves[:, 2:])
    low, high = _ENERGIES[tones[0], index[0]].T, _ENERGIES[tones[1], index[1]].T
    scale = 1 / (low * high - cross * cross)
    inverse = np.zeros((index.shape[1], 4, 4), dtype=np.float32)
    flat = inverse.reshape(-1, 16)
    flat[:, 0:6:5], flat[:, 10:16:5] = (high * scale).T, (low * scale).T
    flat[:, 2:8:5] = flat[:, 8:14:5] = (-cross * scale).T
    return Pairs(waves, inverse)


def _window_waves() -> Floats:
    """The grid over one window, shape (8, 2 * GRID_HALF + 1, 2, WINDOW); the sines negative, so that the two
    products are a complex amplitude."""
    phase = GRID_OMEGAS[..., None] * (np.arange(WINDOW) - (WINDOW - 1) / 2)
    return np.stack([np.cos(phase), -np.sin(phase)], axis=2).astype(np.float32)


_WAVES: Final[Floats] = _window_waves()
_ENERGIES: Final[Floats] = np.einsum("ijkt,ijkt->ijk", _WAVES, _WAVES)

NOMINAL: Final = correlators(np.full((2, 16), GRID_HALF), PAIR_TONES)
"""Correlators of the sixteen keys at their nominal frequencies."""


def envelope(audio: Floats, pairs: Pairs) -> Envelope:
    """Amplitudes in every window.

    Args:
        audio: shape (n, a multiple of HOP), as a rule the whole ring.
        pairs: correlators, n of them.
    """
    n_rows = audio.shape[0]
    # Thirds of a window are shared by three windows: each is multiplied once, then three are summed.
    thirds = pairs.waves.reshape(n_rows, 4 * _PARTS, HOP).transpose(0, 2, 1)
    parts = audio.reshape(n_rows, audio.shape[1] // HOP, HOP) @ thirds
    last = parts.shape[1] - _PARTS + 1
    sums = parts[:, :last, 0::_PARTS] + parts[:, 1 : last + 1, 1::_PARTS]
    sums += parts[:, 2:, 2::_PARTS]
    solved = (sums @ pairs.inverse).view(np.complex64)
    return Envelope(np.ascontiguousarray(solved.transpose(2, 1, 0)))


def locate(tones: Envelope, usable: Bools | None, earliest: Doubles, bridged_windows: int | Ints) -> Run:
    """Find the latest stretch with both tones.

    Args:
        tones: amplitudes.
        usable: windows that hold audio (not lost, not before the filter settles), shape (N_WINDOWS, n); None
            for all.
        earliest: nothing before this is looked at (the digit before ended there), samples since the ring's
        first.
        bridged_windows: longest gap that does not end the stretch; one for all, or shape (n,).
    """
    magnitude = np.abs(tones.values)
    n_rows = magnitude.shape[2]
    # A window more at either end, where nothing is looked at: what lies beyond an edge needs no special case.
    framed = np.zeros((N_WINDOWS + 2, n_rows), dtype=np.bool_)
    looked = framed[1:-1]
    np.greater(_COLUMN, (earliest - 1).astype(np.float32), out=looked)
    if usable is not None:
        looked &= usable
    both = magnitude[0] * magnitude[1]
    np.sqrt(both, out=both)
    both *= looked
    first, last = _latest(both > 0.5 * both.max(axis=0), looked, bridged_windows)
    inside = first <= _INDEX
    inside &= last >= _INDEX
    inside &= looked
    # The plateau is the mean over the windows the tone fills; the best window alone would be biased by noise.
    both *= inside
    full = (both > 0.82 * both.max(axis=0)).astype(np.float32)
    plateau = (magnitude * full).sum(axis=1)
    plateau /= np.maximum(full.sum(axis=0), 1)
    np.maximum(plateau, 1e-3, out=plateau)
    magnitude /= plateau[:, None]
    presence = np.zeros((N_WINDOWS + 2, n_rows), dtype=np.float32)
    np.minimum(magnitude[0], magnitude[1], out=presence[1:-1])
    inside &= presence[1:-1] > 0.5
    first, last = _latest(inside, looked, bridged_windows)
    return _edges(presence, framed, usable is None, first, last, plateau, earliest)


_COLUMN: Final[Floats] = CENTRES[:, None].astype(np.float32)
_INDEX: Final[npt.NDArray[np.int8]] = np.arange(N_WINDOWS, dtype=np.int8)[:, None]


def _latest(
    present: Bools, looked: Bools, bridged_windows: int | Ints
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int8]]:
    """First and last window of the latest stretch; absent windows count as a gap only where they were looked
    at."""
    last = (present * _INDEX).max(axis=0)
    absent = np.add.accumulate(looked > present, axis=0, dtype=np.int8)
    # For each present window: how many absent ones lie between it and the present one before it.
    before = np.maximum.accumulate(np.where(present, absent, _LONG_AGO), axis=0)
    begins = present.copy()
    begins[1:] &= absent[1:] - before[:-1] > bridged_windows
    first = (begins * _INDEX).max(axis=0)
    return first, last


_LONG_AGO: Final = np.int8(-N_WINDOWS)


def _edges(
    presence: Floats,
    looked: Bools,
    all_usable: bool,
    first: npt.NDArray[np.int8],
    last: npt.NDArray[np.int8],
    plateau: Floats,
    earliest: Doubles,
) -> Run:
    """Interpolate where presence crosses one half.

    Args:
        presence, looked: with a window more at either end, shape (N_WINDOWS + 2, n).
        all_usable: whether nothing but what lies before earliest was left out.
        first, last: windows of the run.
        plateau, earliest: as in Run, and as given to locate.
    """
    # The windows before the first, the first, the last, and after it.
    places = np.empty((4, first.size), dtype=np.int64)
    places[0], places[3] = first, last
    places[1:3] = places[0::3] + 1
    places[3] += 2
    places *= first.size
    places += np.arange(first.size)
    present, known = presence.take(places), looked.take(places[0::3])
    crossing = HOP * _crossing(present[1:3], present[0::3])
    start = CENTRES[first] - np.where(known[0], crossing[0], WINDOW / 2)
    np.maximum(start, earliest, out=start)
    # Still over one half in the newest window: the part of the window that is filled tells where the tone
    # stops.
    filled = np.where(present[2] > 0.9, np.float32(1.0), present[2])
    end = CENTRES[last] + np.where(known[1], crossing[1], WINDOW * filled - WINDOW / 2)
    presence = presence[1:-1]
    missing = 1 - presence
    missing *= presence < 0.7
    if not all_usable:
        missing = np.where(looked[1:-1], missing, np.float32(1.0))
    missing *= _between(start + WINDOW / 4, end - WINDOW / 4)
    seen = end - start - HOP * missing.sum(axis=0)
    return Run(start, end, plateau, presence, (filled >= 1.0) > known[1], seen)


def _between(begin: Doubles, end: Doubles) -> Bools:
    """Windows whose middle lies between, shape (N_WINDOWS, n)."""
    inside: Bools = (begin.astype(np.float32) < _COLUMN) & (end.astype(np.float32) > _COLUMN)
    return inside


def _crossing(inside: Floats, outside: Floats) -> Floats:
    """Part of a hop from a window over one half to its neighbour under one half at which one half is
    crossed."""
    drop = np.maximum(inside - outside, np.float32(1e-6))
    part: Floats = np.minimum(np.maximum((inside - np.float32(0.5)) / drop, 0.0), 1.0)
    return part


def offsets(tones: Envelope, run: Run, digit: Ints, usable: Bools | None) -> Doubles:
    """Both frequencies, in radians a sample, from the phase's advance between windows inside the run.

    Args:
        tones: amplitudes by the nominal correlators.
        run: where the tones are.
        digit: index into KEYS.
        usable: windows that hold audio; None for all.

    Returns:
        Shape (2, n).
    """
    inside = _between(run.start + WINDOW / 3, run.end - WINDOW / 3)
    inside &= run.presence > 0.6
    if usable is not None:
        inside &= usable
    turned = tones.values[:, 1:] * np.conj(tones.values[:, :-1])
    turned *= inside[1:] & inside[:-1]
    total = turned.sum(axis=1) * _NOMINAL_TURN[:, digit]
    omegas: Doubles = PAIR_OMEGAS[:, digit] + np.arctan2(total.imag, total.real) / HOP
    return omegas


_NOMINAL_TURN: Final = np.exp(-1j * PAIR_OMEGAS * HOP)


def lost_windows(lost: Bools) -> Doubles:
    """Part of each window that was received.

    Args:
        lost: shape (n, RING), which samples are substitutes.

    Returns:
        Shape (N_WINDOWS, n), 0 to 1.
    """
    received = 1.0 - lost.reshape(lost.shape[0], RING // HOP, HOP).mean(axis=2).T
    last = received.shape[0] - _PARTS + 1
    total: Doubles = received[:last] + received[1 : last + 1] + received[2:]
    return total / _PARTS
