"""Digits that are open: which leg has one, and what is to be heard of it until it ends.

Left out: how a digit is recognised (decide.py), and what makes one end (course.py).
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from media.dtmf.course import MAX_BREAK, MAX_KNOWN_BREAK, Course
from media.dtmf.decide import Verdict, filtered_where, usable_windows
from media.dtmf.envelope import CENTRES, Pairs, correlators, envelope, waves_of
from media.dtmf.score import WOBBLE
from media.dtmf.tables import (
    HOP,
    N_WINDOWS,
    PAIR_TONES,
    RING,
    WINDOW,
    Bools,
    Complexes,
    Doubles,
    Floats,
    Ints,
    grid_index,
)

_AT_ONCE: Final = 256
"""Digits correlated in one go: what one of them takes, some 5 kB, stays in the processor's cache."""


class Held:
    """The open digit of every leg, times in samples of the bank.

    Args:
        n_legs: number of legs.
    """

    def __init__(self, n_legs: int) -> None:
        self.digit: Ints = np.full(n_legs, -1, dtype=np.int64)
        self.start: Doubles = np.zeros(n_legs)
        self._n_open = 0
        self._index: Ints = np.zeros((2, n_legs), dtype=np.int64)
        self._inverse: Floats = np.zeros((n_legs, 4, 4), dtype=np.float32)
        self._plateau: Floats = np.ones((2, n_legs), dtype=np.float32)
        self._low_band: Bools = np.zeros(n_legs, dtype=np.bool_)
        nothing = np.zeros(n_legs)
        self._course = Course.beginning(nothing, nothing.copy(), np.zeros((2, n_legs)), np.zeros((2, n_legs)))

    @property
    def any(self) -> bool:
        """Whether a digit is open on some leg."""
        return self._n_open > 0

    def legs(self) -> Ints:
        """The legs with an open digit, ascending."""
        return np.flatnonzero(self.digit >= 0)

    def open(
        self, legs: Ints, digits: Ints, low_band: Bools, verdict: Verdict, rows: Ints, first: int
    ) -> None:
        """Begin to follow digits just accepted.

        Args:
            legs, digits, low_band: one for each digit, on legs that have none open.
            verdict, rows: where its figures stand.
            first: the ring's first sample.
        """
        self._n_open += legs.size
        self.digit[legs] = digits
        self.start[legs] = verdict.start[rows] + first
        omegas, end = verdict.omegas[:, rows], verdict.end[rows]
        tones = PAIR_TONES[:, digits]
        index = grid_index(tones, omegas)
        self._index[:, legs] = index
        self._inverse[legs] = correlators(index, tones).inverse
        self._plateau[:, legs] = verdict.plateau[:, rows]
        self._low_band[legs] = low_band
        # The windows near the end are looked at again: they tell a tone that lasts from one that has ended.
        centre = np.floor((end - WINDOW / 2 - HOP / 2 - CENTRES[0]) / HOP) * HOP + CENTRES[0]
        wobble = verdict.figures[WOBBLE, rows]
        self._course.put(legs, Course.beginning(centre + first, end + first, omegas, wobble))

    def drop(self, legs: Ints) -> None:
        """Stop following."""
        self._n_open -= int(np.count_nonzero(self.digit[legs] >= 0))
        self.digit[legs] = -1

    def last_present(self, leg: int) -> float:
        """Where the leg's digit was last present, as far as is known: infinity while it sounds."""
        course = self._course
        return float(course.break_start[leg]) if course.in_break[leg] else float("inf")

    def resumed(self, legs: Ints) -> Doubles:
        """From where on the next digit may be, when this one ended because the same key was pressed again, in
        samples; else minus infinity."""
        return self._course.restart[legs] - HOP

    def advance(
        self, legs: Ints, ring_end: Callable[[Ints, int], Floats], lost: Bools | None, first: int
    ) -> tuple[Ints, Doubles]:
        """Look at the windows not seen yet.

        Args:
            legs: legs with an open digit.
            ring_end: the last samples of some legs' rings: takes the legs and how many samples (a multiple of
                HOP), returns shape (n, n_samples).
            lost: samples that are substitutes, shape (n, RING); None if none are.
            first: the ring's first sample.

        Returns:
            The legs whose digit ended, and where.
        """
        low_band = self._low_band[legs]
        window = int((self._course.next_centre[legs].min() - first - CENTRES[0]) // HOP)
        window = min(max(window, 0), N_WINDOWS - 1)
        tones = np.empty((2, N_WINDOWS - window, legs.size), dtype=np.complex64)
        for begin in range(0, legs.size, _AT_ONCE):
            part = slice(begin, begin + _AT_ONCE)
            tones[:, :, part] = self._tones(legs[part], low_band[part], ring_end, RING - window * HOP)
        presence = (np.abs(tones) / self._plateau[:, None, legs]).min(axis=0).astype(np.float64)
        eventful = np.arange(legs.size)
        if lost is None and not low_band.any():
            centres = CENTRES[window:] + first
            steady = self._course.steady(legs, centres, presence)
            on = np.flatnonzero(steady)
            self._course.go_on(legs[on], centres[-1], presence[-1, on], tones[:, -1, on])
            eventful = np.flatnonzero(~steady)
            if not eventful.size:
                return eventful, np.zeros(0)
        if eventful.size < legs.size:
            legs, tones, presence = legs[eventful], tones[:, :, eventful], presence[:, eventful]
        ended, ends = self._follow(legs, window, tones, presence, lost, first)
        which = np.flatnonzero(ended)
        return legs[which], ends[which]

    def _follow(
        self, legs: Ints, window: int, tones: Complexes, presence: Doubles, lost: Bools | None, first: int
    ) -> tuple[Bools, Doubles]:
        """Lead each leg's course through the windows from one on, shape of tones (2, n_windows, n)."""
        ended, ends = np.zeros(legs.size, dtype=np.bool_), np.zeros(legs.size)
        low_band, centres = self._low_band[legs], CENTRES[window:] + first
        usable = usable_windows(lost, low_band)
        allowed = np.full(legs.size, float(MAX_BREAK))
        finished = np.ones(legs.size, dtype=np.bool_)
        if usable is not None:
            finished = ~low_band
        if lost is not None:
            allowed[lost.any(axis=1)] = MAX_KNOWN_BREAK
            finished |= lost[:, int(CENTRES[-1])]
        course = self._course.take(legs)
        for row, centre in enumerate(centres.tolist()):
            turn = (centre >= course.next_centre) & ~ended
            believed = None
            if usable is not None:
                believed = usable[window + row]
                if window + row == N_WINDOWS - 1:
                    # A window the high-pass has not finished is left for the next tick.
                    turn &= believed | finished
            over, at = course.step(turn, centre, presence[row], tones[:, row], believed, allowed)
            ends[over] = at[over]
            ended |= over
        self._course.put(legs, course)
        return ended, ends

    def _tones(
        self, legs: Ints, low_band: Bools, ring_end: Callable[[Ints, int], Floats], n_samples: int
    ) -> Complexes:
        """Both tones' amplitudes in the windows of the ring's last samples, shape (2, n_windows, n)."""
        if low_band.any():
            audio = filtered_where(ring_end(legs, RING), low_band)[:, RING - n_samples :]
        else:
            audio = ring_end(legs, n_samples)
        waves = waves_of(self._index[:, legs], PAIR_TONES[:, self.digit[legs]])
        return envelope(audio, Pairs(waves, self._inverse[legs])).values
