"""How open digits go on, window by window: present, interrupted, unheard, over, or pressed again.

Left out: how strong the tones are in a window (envelope.py) and which leg a digit is on (hold.py).
"""

from dataclasses import dataclass, fields
from typing import Final

import numpy as np
import numpy.typing as npt

from media.dtmf.tables import HOP, WINDOW, Bools, Complexes, Doubles, Ints

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


@dataclass
class Course:
    """The state of n open digits; times in samples of the bank.

    Attributes:
        next_centre: the middle of the next window to be looked at.
        presence: of the tones in the last window that was heard.
        in_break: whether they are absent now.
        break_start: where they were last present.
        unheard: samples without received audio since.
        restart: where they came back after the last break, if that is still to be judged; else NEVER.
        reference: the amplitudes in the last window they filled, shape (2, n).
        reference_at: its middle, NEVER if there was none.
        omegas: frequencies of the low and the high tone, radians a sample, shape (2, n).
        tolerance: how far (rad) each may be off across a break, shape (2, n).
    """

    next_centre: Doubles
    presence: Doubles
    in_break: Bools
    break_start: Doubles
    unheard: Doubles
    restart: Doubles
    reference: Complexes
    reference_at: Doubles
    omegas: Doubles
    tolerance: Doubles

    @classmethod
    def beginning(cls, next_centre: Doubles, end: Doubles, omegas: Doubles, wobble: Doubles) -> "Course":
        """Digits just accepted.

        Args:
            next_centre: the first window to be looked at.
            end: where the tones end as far as is known.
            omegas: their frequencies, shape (2, n).
            wobble: how far they wavered, mean squares relative to their power, log10, shape (2, n).
        """
        n_digits = end.size
        return cls(
            next_centre,
            np.ones(n_digits),
            np.zeros(n_digits, dtype=np.bool_),
            end,
            np.zeros(n_digits),
            np.full(n_digits, NEVER),
            np.zeros((2, n_digits), dtype=np.complex64),
            np.full(n_digits, NEVER),
            omegas,
            MIN_PHASE_ERROR + PHASE_ERRORS * np.sqrt(10**wobble),
        )

    def take(self, which: Ints) -> "Course":
        """Some of them, copied."""
        return Course(*(getattr(self, name)[..., which] for name in _FIELDS))

    def put(self, which: Ints, course: "Course") -> None:
        """Overwrite some of them."""
        for name in _FIELDS:
            getattr(self, name)[..., which] = getattr(course, name)

    def steady(self, which: Ints, centres: Doubles, presence: Doubles) -> Bools:
        """Digits of which nothing is to be said but that they go on: no break before, none in these windows.

        Args:
            which: digits, n of them.
            centres: the windows' middles, ascending.
            presence: of the tones in them, shape (n_windows, n).
        """
        next_centre = self.next_centre[which]
        steady = ((presence > FULL) | (centres[:, None] < next_centre)).all(axis=0)
        steady &= next_centre <= centres[-1]
        steady &= ~self.in_break[which] & (self.restart[which] == NEVER) & (self.unheard[which] == 0)
        return np.asarray(steady)

    def go_on(self, which: Ints, centre: float, presence: Doubles, tones: Complexes) -> None:
        """Note the newest window of digits that are steady.

        Args:
            which: those digits, n of them.
            centre, presence, tones: of the window; shapes (n,) and (2, n).
        """
        self.next_centre[which] = centre + HOP
        self.presence[which] = presence
        self.reference[:, which] = tones
        self.reference_at[which] = centre

    def step(
        self,
        turn: Bools,
        centre: float,
        presence: Doubles,
        tones: Complexes,
        usable: Bools | None,
        allowed: Doubles,
    ) -> tuple[Bools, Doubles]:
        """One window on.

        Args:
            turn: digits whose window it is.
            centre: its middle.
            presence, tones: what it holds, shapes (n,) and (2, n).
            usable: whether it is to be believed; None if it is for all.
            allowed: the longest break that is bridged, in samples.

        Returns:
            Which digits are over, and, for those, where they ended.
        """
        self.next_centre[turn] = centre + HOP
        over, ends = np.zeros(turn.size, dtype=np.bool_), self.break_start
        seen = turn
        if usable is not None:
            seen = turn & usable
            unheard = turn & ~usable
            self.unheard[unheard] += HOP
            over = unheard & (self.unheard > MAX_UNHEARD)
            ends = np.where(over & ~self.in_break, centre - self.unheard, ends)
        present = presence >= HALF
        # After a lost stretch the crossing is not known: the tone is held to have lasted as far as it was
        # heard.
        crossing = np.where(
            self.unheard > 0, centre - self.unheard - HOP / 2, centre - HOP * self._since_half(presence)
        )
        broken = seen & self.in_break
        falls = seen & ~(self.in_break | present)
        length = np.where(present, crossing, centre) - self.break_start - self.unheard
        done = broken & (length >= allowed)
        rises = broken & present & ~done
        judged = rises & (length >= MIN_JUDGED_BREAK) & (self.unheard == 0)
        ends = np.where(done, self.break_start, ends)
        self.break_start[falls] = crossing[falls]
        self.restart[falls] = NEVER
        self.restart[judged] = crossing[judged]
        self.in_break |= falls
        self.in_break &= ~rises
        self.presence[seen] = presence[seen]
        # Lost time inside a break is taken off its length, so it is forgotten only with the break.
        self.unheard[seen & ~self.in_break] = 0.0
        over |= done
        full = np.flatnonzero((seen & (presence > FULL)) > over)
        if full.size:
            another = full[self._another(full, tones[:, full], centre)]
            over[another] = True
            ends[another] = self.break_start[another]
        return over, ends

    def _since_half(self, presence: Doubles) -> Doubles:
        """Hops from where the presence crossed one half to the window's middle."""
        change = self.presence - presence
        return (HALF - presence) / np.where(np.abs(change) < 1e-6, 1e-6, change)

    def _another(self, which: Ints, tones: Complexes, centre: float) -> Bools:
        """Whether the tone after a break is another press of the same key: it begins at a phase of its own,
        while a tone that was interrupted is where its frequency has led it.

        Args:
            which: digits whose tones fill this window, n of them.
            tones: both amplitudes there, shape (2, n).
            centre: the window's middle.

        Returns:
            True for those that are; without a break just before, or before it is wholly in view, False.
        """
        restart = self.restart[which]
        broken = restart > NEVER
        another: Bools = np.zeros(which.size, dtype=np.bool_)
        kept: Ints | slice = slice(None)
        if broken.any():
            waiting = broken & (centre < restart + WINDOW / 2)
            rows = np.flatnonzero(broken & ~waiting & (self.reference_at[which] > NEVER))
            some = which[rows]
            elapsed = centre - self.reference_at[some]
            turned = tones[:, rows] * np.conj(self.reference[:, some])
            missing = restart[rows] - self.break_start[some]
            stood_still = np.abs(missing - LOST_FRAME) < LOST_FRAME_SPREAD
            went_on = self._within(turned, elapsed, some)
            another[rows] = ~(went_on | (stood_still & self._within(turned, elapsed - LOST_FRAME, some)))
            kept = np.flatnonzero(~waiting)
            self.restart[which[~waiting & ~another]] = NEVER
        self.reference[:, which[kept]] = tones[:, kept]
        self.reference_at[which[kept]] = centre
        return another

    def _within(self, turned: Complexes, elapsed: Doubles, which: Ints) -> Bools:
        """Whether both tones turned as far as their frequencies do in that many samples."""
        error: npt.NDArray[np.complex128] = turned * np.exp(-1j * self.omegas[:, which] * elapsed)
        within = np.abs(np.angle(error)) < self.tolerance[:, which]
        return np.asarray(within.all(axis=0))


_FIELDS: Final = tuple(field.name for field in fields(Course))
