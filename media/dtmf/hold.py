"""Digits that are open: follows each to its end, bridging short breaks.

Left out: how a digit is recognised (decide.py).
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from media.dtmf.decide import Verdict, filtered_where, usable_windows
from media.dtmf.envelope import CENTRES, NOMINAL, correlators, envelope
from media.dtmf.score import WOBBLE
from media.dtmf.tables import HOP, N_WINDOWS, WINDOW, Bools, Complexes, Doubles, Floats, Ints, grid_index

MAX_BREAK: Final = 192
"""24 ms: breaks of 10 ms (Q.24) and one lost 20 ms frame are bridged, a pause of 28 ms ends the digit."""

MAX_KNOWN_BREAK: Final = 160
"""20 ms, when what was lost is known and does not count: ETSI ES 201 235-3 lets the end be seen from there
on."""

MAX_UNHEARD: Final = 800
"""100 ms without any received audio: the digit ended where it was last heard."""

MIN_JUDGED_BREAK: Final = 72
"""9 ms: shorter ones can be the seam of a slip or of a repeated frame: there the phase jumps within a key."""

LOST_FRAME: Final = 160
LOST_FRAME_SPREAD: Final = 12
"""A late packet puts 20 ms of silence into a key, whose phase stands still meanwhile. The break's edges are
known to a millisecond or so."""

MIN_PHASE_ERROR: Final = 0.12
PHASE_ERRORS: Final = 4.0
"""How far (rad) a tone may be from where its frequency leads it across a break: so much, and so many times as
much as it wavered before the digit was accepted. Two keys meet it on both tones by chance once in several
hundred times."""

FULL: Final = 0.9
"""Over this part of its plateau a tone fills the window, so its phase there is exact."""

NEVER: Final = -np.inf
HALF: Final = 0.5
"""A tone is present over half its plateau; there its edges are exact."""


class Held:
    """The open digit of every leg, times in samples of the bank.

    Args:
        n_legs: number of legs.
    """

    def __init__(self, n_legs: int) -> None:
        self.digit: Ints = np.full(n_legs, -1, dtype=np.int64)
        self.start: Doubles = np.zeros(n_legs)
        self._pairs: Floats = np.zeros((n_legs, *NOMINAL.shape[1:]), dtype=np.float32)
        self._low: Doubles = np.ones(n_legs)
        self._high: Doubles = np.ones(n_legs)
        self._low_band: Bools = np.zeros(n_legs, dtype=np.bool_)
        self._in_break: Bools = np.zeros(n_legs, dtype=np.bool_)
        self._break_start: Doubles = np.zeros(n_legs)
        self._unheard: Doubles = np.zeros(n_legs)
        self._presence: Doubles = np.ones(n_legs)
        self._next_centre: Doubles = np.zeros(n_legs)
        self._omegas: Doubles = np.zeros((n_legs, 2))
        self._tolerance: Doubles = np.zeros((n_legs, 2))
        self._reference: npt.NDArray[np.complex128] = np.zeros((n_legs, 2), dtype=np.complex128)
        self._reference_at: Doubles = np.full(n_legs, NEVER)
        self._restart: Doubles = np.full(n_legs, NEVER)
        self._open: set[int] = set()

    @property
    def any(self) -> bool:
        """Whether a digit is open on some leg."""
        return bool(self._open)

    def legs(self) -> Ints:
        """The legs with an open digit, ascending."""
        return np.array(sorted(self._open), dtype=np.int64)

    def open(
        self, legs: Ints, digits: Ints, low_band: Bools, verdict: Verdict, rows: Ints, first: int
    ) -> None:
        """Begin to follow digits just accepted.

        Args:
            legs, digits, low_band: one for each digit.
            verdict, rows: where its figures stand.
            first: the ring's first sample.
        """
        self.digit[legs] = digits
        self.start[legs] = verdict.start[rows] + first
        low_index = grid_index(digits // 4, verdict.low_omega[rows])
        high_index = grid_index(4 + digits % 4, verdict.high_omega[rows])
        self._pairs[legs] = correlators(low_index, digits // 4, high_index, 4 + digits % 4)
        self._low[legs] = verdict.low[rows]
        self._high[legs] = verdict.high[rows]
        self._low_band[legs] = low_band
        self._in_break[legs] = False
        self._unheard[legs] = 0.0
        self._presence[legs] = 1.0
        self._omegas[legs] = np.stack([verdict.low_omega[rows], verdict.high_omega[rows]], axis=1)
        self._tolerance[legs] = MIN_PHASE_ERROR + PHASE_ERRORS * np.sqrt(10 ** verdict.features[rows, WOBBLE])
        self._reference_at[legs] = NEVER
        self._restart[legs] = NEVER
        # The windows near the end are looked at again: they tell a tone that lasts from one that has ended.
        centre = np.floor((verdict.end[rows] - WINDOW / 2 - HOP / 2 - CENTRES[0]) / HOP) * HOP + CENTRES[0]
        self._next_centre[legs] = centre + first
        self._break_start[legs] = verdict.end[rows] + first
        self._open.update(legs.tolist())

    def drop(self, leg: int) -> None:
        """Stop following."""
        self.digit[leg] = -1
        self._open.discard(leg)

    def last_present(self, leg: int) -> float:
        """Where the leg's digit was last present, as far as is known: infinity while it sounds."""
        return float(self._break_start[leg]) if self._in_break[leg] else float("inf")

    def resumed(self, leg: int) -> float:
        """From where on the next digit may be, when this one ended because the same key was pressed again, in
        samples; else minus infinity."""
        return float(self._restart[leg]) - HOP

    def advance(self, legs: Ints, audio: Floats, lost: Bools, first: int) -> tuple[Ints, Doubles]:
        """Look at the windows not seen yet.

        Args:
            legs: legs with an open digit.
            audio, lost: their rings, shape (n, RING).
            first: the ring's first sample.

        Returns:
            The legs whose digit ended, and where.
        """
        low_band = self._low_band[legs]
        usable = usable_windows(lost, low_band)
        # Only the windows not seen yet are worth their correlations.
        from_window = max(int((self._next_centre[legs].min() - first - CENTRES[0]) // HOP), 0)
        from_window = min(from_window, N_WINDOWS - 1)
        filtered = filtered_where(audio, low_band)[:, from_window * HOP :]
        tones = envelope(np.ascontiguousarray(filtered), self._pairs[legs])
        low = np.abs(tones.low) / self._low[legs, None]
        high = np.abs(tones.high) / self._high[legs, None]
        presence = np.minimum(low, high).astype(np.float64)
        allowed = np.where(lost.any(axis=1), MAX_KNOWN_BREAK, MAX_BREAK).astype(np.float64)
        ended: Bools = np.zeros(legs.size, dtype=np.bool_)
        ends: Doubles = np.zeros(legs.size)
        for window in range(from_window, N_WINDOWS):
            centre = CENTRES[window] + first
            # A window the high-pass has not finished is left for the next tick.
            turn = (centre >= self._next_centre[legs]) & ~ended
            turn &= usable[:, window] | (lost[:, int(CENTRES[window])] | ~low_band) | (window < N_WINDOWS - 1)
            level = presence[:, window - from_window]
            self._one_window(legs, turn, level, usable[:, window], centre, allowed, ended, ends)
            full = np.flatnonzero(turn & usable[:, window] & ~ended & (level > FULL))
            if full.size:
                pair = np.stack(
                    [tones.low[full, window - from_window], tones.high[full, window - from_window]], 1
                )
                another = full[self._another(legs[full], pair, centre)]
                ended[another] = True
                ends[another] = self._break_start[legs[another]]
        which = np.flatnonzero(ended)
        return legs[which], ends[which]

    def _one_window(
        self,
        legs: Ints,
        turn: Bools,
        presence: Doubles,
        usable: Bools,
        centre: float,
        allowed: Doubles,
        ended: Bools,
        ends: Doubles,
    ) -> None:
        """One step of each leg's state: present, in a break, or unheard."""
        self._next_centre[legs[turn]] = centre + HOP
        unheard = turn & ~usable
        self._unheard[legs[unheard]] += HOP
        over = unheard & (self._unheard[legs] > MAX_UNHEARD)
        ends[over] = np.where(
            self._in_break[legs[over]], self._break_start[legs[over]], centre - self._unheard[legs[over]]
        )
        ended |= over
        seen = turn & usable
        before = self._presence[legs]
        crossing = centre - HOP * (HALF - presence) / np.where(
            np.abs(before - presence) < 1e-6, 1e-6, before - presence
        )
        # After a lost stretch the crossing is not known: the tone is held to have lasted as far as it was
        # heard.
        lost_before = self._unheard[legs] > 0
        crossing = np.where(lost_before, centre - self._unheard[legs] - HOP / 2, crossing)
        in_break = self._in_break[legs]
        falls = seen & ~in_break & (presence < HALF)
        self._break_start[legs[falls]] = crossing[falls]
        self._restart[legs[falls]] = NEVER
        rises = seen & in_break & (presence >= HALF)
        length = np.where(presence >= HALF, crossing, centre) - self._break_start[legs]
        length -= np.where(in_break, self._unheard[legs], 0.0)
        done = seen & in_break & (length >= allowed)
        ends[done] = self._break_start[legs[done]]
        ended |= done
        judged = rises & ~done & (length >= MIN_JUDGED_BREAK) & (self._unheard[legs] == 0)
        self._restart[legs[judged]] = crossing[judged]
        self._in_break[legs[falls]] = True
        self._in_break[legs[rises & ~done]] = False
        self._presence[legs[seen]] = presence[seen]
        # Lost time inside a break is taken off its length, so it is forgotten only with the break.
        self._unheard[legs[seen & ~self._in_break[legs]]] = 0.0

    def _another(self, legs: Ints, pair: Complexes, centre: float) -> Bools:
        """Whether the tone after a break is another press of the same key: it begins at a phase of its own,
        while a tone that was interrupted is where its frequency has led it.

        Args:
            legs: legs whose tones fill this window.
            pair: both amplitudes there, shape (n, 2).
            centre: the window's middle.

        Returns:
            True for those that are; without a break just before, or before it is wholly in view, False.
        """
        restart = self._restart[legs]
        waiting = (restart > NEVER) & (centre < restart + WINDOW / 2)
        judged = (restart > NEVER) & ~waiting & (self._reference_at[legs] > NEVER)
        another: Bools = np.zeros(legs.size, dtype=np.bool_)
        if judged.any():
            rows = np.flatnonzero(judged)
            some = legs[rows]
            elapsed = centre - self._reference_at[some]
            turned = pair[rows] * np.conj(self._reference[some])
            missing = restart[rows] - self._break_start[some]
            stood_still = np.abs(missing - LOST_FRAME) < LOST_FRAME_SPREAD
            went_on = self._within(turned, elapsed, some)
            another[rows] = ~(went_on | (stood_still & self._within(turned, elapsed - LOST_FRAME, some)))
        kept = np.flatnonzero(~waiting)
        self._restart[legs[~waiting & ~another]] = NEVER
        self._reference[legs[kept]] = pair[kept]
        self._reference_at[legs[kept]] = centre
        return another

    def _within(self, turned: Complexes | npt.NDArray[np.complex128], elapsed: Doubles, legs: Ints) -> Bools:
        """Whether both tones turned as far as their frequencies do in that many samples."""
        error = np.abs(np.angle(turned * np.exp(-1j * self._omegas[legs] * elapsed[:, None])))
        within: Bools = (error < self._tolerance[legs]).all(axis=1)
        return within
