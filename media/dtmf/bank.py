"""Streaming detection on many legs at once.

The legs share one clock: every call brings the same number of samples for each. Work is done in ticks of 20
ms counted from the first sample, so what is reported, and every time in it, does not depend on how the audio
was cut; only when it is reported does. Left out: resampling, and what a digit does to a call.
"""

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from media.dtmf.decide import Candidates, Limits, Verdict, examine
from media.dtmf.digit import KEYS, DtmfDigit, DtmfOnset
from media.dtmf.hold import Held
from media.dtmf.screen import Screened, lasting_dial_tone, screen
from media.dtmf.tables import (
    BLOCK,
    HIGH_PASS_DELAY,
    PAD,
    RING,
    RING_BLOCKS,
    Bools,
    Doubles,
    Floats,
    Ints,
    ring_of,
)
from media.errors import MediaFormatError
from media.types import SAMPLE_RATE_HZ

DtmfEvent: TypeAlias = DtmfOnset | DtmfDigit

_SCREENED_AT_ONCE: Final = 16384
_EXAMINED_AT_ONCE: Final = 1024
"""Legs looked at closer in one go: fewer would pay more for the calls than they save of the cache."""

_SCREEN_LAG: Final = HIGH_PASS_DELAY
"""What the screen sees ends so many samples before the tick."""

_MIN_NEW_SAMPLES: Final = 112
"""Of the 160 the screen saw, after the end of the key before: some tick sees 118 of the shortest key."""

_FLUSH_BLOCKS: Final = 4

_NO_LEGS: Final[Ints] = np.zeros(0, dtype=np.int64)


class DtmfBank:
    """Detects DTMF on n legs.

    Args:
        n_legs: number of legs, > 0.
        limits: what may be set, see Limits.

    Raises:
        ValueError: n_legs < 1.

    Source: ITU-T Q.23, Q.24 annex A (AT&T); ETSI ES 201 235-3.
    """

    def __init__(self, n_legs: int, limits: Limits | None = None) -> None:
        if n_legs < 1:
            raise ValueError(f"n_legs must be positive, got {n_legs}")
        self.n_legs = n_legs
        self._limits = limits if limits is not None else Limits()
        self._start_over()

    def feed(
        self, frames: npt.NDArray[np.int16], lost: npt.ArrayLike | None = None
    ) -> list[tuple[int, DtmfDigit]]:
        """Take audio, report the digits that ended.

        Args:
            frames: linear PCM, int16, shape (n_legs, n_samples), any n_samples; not modified.
            lost: for each leg whether these samples stand for a packet that never came, bool, shape
            (n_legs,).
                Such samples are neither tone nor pause. Without it a lost packet is a gap of 20 ms.

        Returns:
            (leg, digit) in the order in which they became known.

        Raises:
            MediaFormatError: wrong dtype or shape.
        """
        return [(leg, event) for leg, event in self.listen(frames, lost) if isinstance(event, DtmfDigit)]

    def listen(
        self, frames: npt.NDArray[np.int16], lost: npt.ArrayLike | None = None
    ) -> list[tuple[int, DtmfEvent]]:
        """Take audio, report begins and ends: a DtmfOnset as soon as the digit is certain, its DtmfDigit at
        its end.

        Every DtmfDigit was preceded by its DtmfOnset, with the same digit and start_s; on a leg they
        alternate.
        A digit is certain 31 to 51 ms after its onset (fed in 20 ms frames); its end 24 to 49 ms after it.
        Arguments and errors are those of feed.
        """
        frames = np.asarray(frames)
        if frames.dtype != np.int16 or frames.ndim != 2 or frames.shape[0] != self.n_legs:
            raise MediaFormatError(
                f"frames must be int16 of shape ({self.n_legs}, n_samples), got {frames.dtype} {frames.shape}"
            )
        flags: Bools | None = None
        if lost is not None:
            flags = np.asarray(lost, dtype=np.bool_)
            if flags.shape != (self.n_legs,):
                raise MediaFormatError(f"lost must have shape ({self.n_legs},), got {flags.shape}")
        return self._take(frames, flags)

    def flush(self) -> list[tuple[int, DtmfEvent]]:
        """End of audio: report what is still open, then start over as a new bank."""
        fed = self._tick * BLOCK + self._pending.shape[1]
        silence = np.zeros((self.n_legs, _FLUSH_BLOCKS * BLOCK), dtype=np.int16)
        events: list[tuple[int, DtmfEvent]] = []
        for leg, event in self._take(silence, None):
            if isinstance(event, DtmfDigit):
                limit_s = float(fed - self._origin[leg]) / SAMPLE_RATE_HZ
                event = DtmfDigit(event.digit, event.start_s, min(event.end_s, limit_s))
            events.append((leg, event))
        self._start_over()
        return events

    def reset(self, leg: int) -> None:
        """A new call on this leg: forget its audio and its open digit; its times count from here."""
        self._held.drop(np.array([leg]))
        self._origin[leg] = self._tick * BLOCK + self._pending.shape[1]
        self._earliest[leg] = self._origin[leg]
        self._ring[:, leg] = 0
        self._pending[leg] = 0
        self._candidate[leg] = -1
        if self._lost_ring is not None:
            self._lost_ring[:, leg] = False
        if self._pending_lost is not None:
            self._pending_lost[leg] = False

    def _start_over(self) -> None:
        self._tick = 0
        # Filled, not zeros from the operating system: the first ticks would pay for every page.
        self._ring: npt.NDArray[np.int16] = np.full((RING_BLOCKS, self.n_legs, BLOCK), 0, dtype=np.int16)
        self._lost_ring: Bools | None = None
        self._pending: npt.NDArray[np.int16] = np.zeros((self.n_legs, 0), dtype=np.int16)
        self._pending_lost: Bools | None = None
        self._candidate: Ints = np.full(self.n_legs, -1, dtype=np.int64)
        self._candidate_low_band: Bools = np.zeros(self.n_legs, dtype=np.bool_)
        self._some_candidate = False
        self._origin: Doubles = np.zeros(self.n_legs)
        self._earliest: Doubles = np.zeros(self.n_legs)
        self._held = Held(self.n_legs)

    def _take(self, frames: npt.NDArray[np.int16], flags: Bools | None) -> list[tuple[int, DtmfEvent]]:
        lost = self._lost_samples(frames, flags)
        if self._pending.shape[1]:
            frames = np.concatenate([self._pending, frames], axis=1)
        n_blocks = frames.shape[1] // BLOCK
        self._pending = frames[:, n_blocks * BLOCK :].copy()
        self._pending_lost = None if lost is None else lost[:, n_blocks * BLOCK :].copy()
        events: list[tuple[int, DtmfEvent]] = []
        at_once = max(1, _SCREENED_AT_ONCE // self.n_legs)
        for first in range(0, n_blocks, at_once):
            last = min(first + at_once, n_blocks)
            part = slice(first * BLOCK, last * BLOCK)
            self._blocks(frames[:, part], None if lost is None else lost[:, part], last - first, events)
        return events

    def _lost_samples(self, frames: npt.NDArray[np.int16], flags: Bools | None) -> Bools | None:
        """Loss by sample, pending samples first; None as long as nothing was ever lost."""
        waiting = self._pending.shape[1]
        if flags is None or not flags.any():
            if self._pending_lost is None and self._lost_ring is None:
                return None
            flags = np.zeros(self.n_legs, dtype=np.bool_)
        if self._lost_ring is None:
            self._lost_ring = np.zeros((RING_BLOCKS, self.n_legs, BLOCK), dtype=np.bool_)
        before = self._pending_lost
        if before is None:
            before = np.zeros((self.n_legs, waiting), dtype=np.bool_)
        now = np.broadcast_to(flags[:, None], frames.shape)
        return np.concatenate([before, now], axis=1)

    def _blocks(
        self,
        frames: npt.NDArray[np.int16],
        lost: Bools | None,
        n_blocks: int,
        events: list[tuple[int, DtmfEvent]],
    ) -> None:
        """Screen some ticks of all legs at once, then look closer where a tick passed or a digit is open."""
        first = self._tick
        newest = self._ring[(first - 1) % RING_BLOCKS]
        if n_blocks == 1:
            self._keep(frames, lost)
            found = screen(newest, self._ring[first % RING_BLOCKS])
            self._look_closer(found.where, found, np.arange(found.where.size), events)
            return
        audio = frames
        if lost is not None:
            audio = np.where(lost, np.int16(0), frames)
        blocks = audio.reshape(self.n_legs, n_blocks, BLOCK)
        before = np.concatenate([newest[:, None], blocks[:, :-1]], axis=1)
        found = screen(before.reshape(-1, BLOCK), blocks.reshape(-1, BLOCK))
        leg, block = np.divmod(found.where, n_blocks)
        order = np.argsort(block, kind="stable")
        bounds = np.searchsorted(block[order], np.arange(n_blocks + 1))
        for index in range(n_blocks):
            part = slice(index * BLOCK, (index + 1) * BLOCK)
            self._keep(frames[:, part], None if lost is None else lost[:, part])
            rows = order[bounds[index] : bounds[index + 1]]
            self._look_closer(leg[rows], found, rows, events)

    def _keep(self, frames: npt.NDArray[np.int16], lost: Bools | None) -> None:
        """The newest tick into the ring, lost samples as 0."""
        slot = self._tick % RING_BLOCKS
        np.copyto(self._ring[slot], frames)
        if lost is not None:
            self._ring[slot][lost] = 0
            if self._lost_ring is not None:
                self._lost_ring[slot] = lost
        self._tick += 1

    def _look_closer(
        self, legs: Ints, found: Screened, rows: Ints, events: list[tuple[int, DtmfEvent]]
    ) -> None:
        """One tick of the legs where something is going on."""
        doubtful = found.doubtful[rows]
        if doubtful.any():
            kept = ~doubtful
            kept[doubtful] = lasting_dial_tone(self._ring_end(legs[doubtful], RING))
            legs, rows = legs[kept], rows[kept]
        if not (rows.size or self._some_candidate or self._held.any):
            return
        if self._held.any:
            self._track(self._held.legs(), events)
        digits, low_band = found.digit[rows], found.low_band[rows]
        older = np.flatnonzero(self._candidate >= 0) if self._some_candidate else _NO_LEGS
        older_digits, older_low_band = self._candidate[older], self._candidate_low_band[older]
        self._candidate[older] = -1
        self._candidate[legs] = digits
        self._candidate_low_band[legs] = low_band
        self._some_candidate = bool(legs.size)
        # The same key in two ticks is examined once, as the newer tick saw it.
        fresh = self._candidate[older] != older_digits
        older, older_digits, older_low_band = older[fresh], older_digits[fresh], older_low_band[fresh]
        legs, digits = np.concatenate([older, legs]), np.concatenate([older_digits, digits])
        low_band = np.concatenate([older_low_band, low_band])
        newer = np.arange(legs.size) >= older.size
        # What the screen saw up to the end of the key before was that key.
        seen_until = self._tick * BLOCK - _SCREEN_LAG - np.where(newer, 0, BLOCK)
        news = seen_until > self._earliest[legs] + _MIN_NEW_SAMPLES
        wanted = np.flatnonzero(news & (self._held.digit[legs] != digits))
        for begin in range(0, wanted.size, _EXAMINED_AT_ONCE):
            part = wanted[begin : begin + _EXAMINED_AT_ONCE]
            part = part[self._held.digit[legs[part]] != digits[part]]
            if part.size:
                self._examine(legs[part], digits[part], low_band[part], newer[part], events)

    def _ring_end(self, legs: Ints, n_samples: int) -> Floats:
        """The newest samples of some legs, oldest first, shape (legs.size, n_samples)."""
        n_blocks = -(-n_samples // BLOCK)
        slots = (self._tick + np.arange(-n_blocks, 0)) % RING_BLOCKS
        blocks = self._ring[slots, legs[:, None]].astype(np.float32).reshape(legs.size, -1)
        newest: Floats = blocks[:, n_blocks * BLOCK - n_samples :]
        return newest

    def _padded_ring(self, legs: Ints) -> Floats:
        """The ring of some legs, oldest sample first, with PAD zeros on either side."""
        padded = np.empty((legs.size, PAD + RING + PAD), dtype=np.float32)
        padded[:, :PAD] = 0.0
        padded[:, PAD + RING :] = 0.0
        slots = (self._tick + np.arange(RING_BLOCKS)) % RING_BLOCKS
        ring_of(padded)[:] = self._ring[slots, legs[:, None]].reshape(legs.size, RING)
        return padded

    def _lost(self, legs: Ints) -> Bools | None:
        """Which samples of some legs' rings are substitutes, oldest first; None if none are."""
        if self._lost_ring is None:
            return None
        slots = (self._tick + np.arange(RING_BLOCKS)) % RING_BLOCKS
        lost = self._lost_ring[slots[None, :], legs[:, None]].reshape(legs.size, RING)
        return lost if lost.any() else None

    def _first_sample(self) -> int:
        return self._tick * BLOCK - RING

    def _track(self, legs: Ints, events: list[tuple[int, DtmfEvent]]) -> None:
        ended, ends = self._held.advance(legs, self._ring_end, self._lost(legs), self._first_sample())
        if ended.size:
            self._close(ended, ends, events)

    def _examine(
        self, legs: Ints, digits: Ints, low_band: Bools, newer: Bools, events: list[tuple[int, DtmfEvent]]
    ) -> None:
        """Decide on all candidates together, those a tick old before the new ones."""
        first = self._first_sample()
        open_digit = self._held.digit[legs] >= 0
        earliest = np.where(open_digit, self._held.start[legs] + BLOCK, self._earliest[legs]) - first
        audio = self._padded_ring(legs)
        verdict = examine(Candidates(audio, self._lost(legs), digits, low_band, earliest), self._limits)
        accepted = np.flatnonzero(verdict.accepted)
        if not accepted.size:
            return
        is_newer = newer[verdict.row[accepted]]
        if is_newer.all():
            self._accept(legs, digits, low_band, verdict, accepted, events)
            return
        at_once = accepted[~is_newer]
        self._accept(legs, digits, low_band, verdict, at_once, events)
        # Where the older candidate was a key, the newer one is looked at again: it begins later now.
        again = newer & np.isin(legs, legs[verdict.row[at_once]])
        rest = accepted[is_newer & ~again[verdict.row[accepted]]]
        if rest.size:
            self._accept(legs, digits, low_band, verdict, rest, events)
        again &= self._held.digit[legs] != digits
        if again.any():
            self._examine(legs[again], digits[again], low_band[again], newer[again], events)

    def _accept(
        self,
        legs: Ints,
        digits: Ints,
        low_band: Bools,
        verdict: Verdict,
        accepted: Ints,
        events: list[tuple[int, DtmfEvent]],
    ) -> None:
        first = self._first_sample()
        rows = verdict.row[accepted]
        legs, digits, low_band = legs[rows], digits[rows], low_band[rows]
        starts = verdict.start[accepted] + first
        onsets_s = np.maximum((starts - self._origin[legs]) / SAMPLE_RATE_HZ, 0.0)
        another = self._held.digit[legs] >= 0
        for leg, digit, onset_s, start, closes in zip(
            legs.tolist(), digits.tolist(), onsets_s.tolist(), starts.tolist(), another.tolist(), strict=True
        ):
            if closes:
                # Another key ends the digit before it, with or without a pause.
                end = min(start, self._held.last_present(leg))
                self._close(np.array([leg]), np.array([end]), events)
            events.append((leg, DtmfOnset(KEYS[digit], onset_s)))
        self._held.open(legs, digits, low_band, verdict, accepted, first)
        self._track(legs, events)

    def _close(self, legs: Ints, ends: Doubles, events: list[tuple[int, DtmfEvent]]) -> None:
        starts, origins = self._held.start[legs], self._origin[legs]
        ends = np.maximum(ends, starts)
        starts_s = np.maximum((starts - origins) / SAMPLE_RATE_HZ, 0.0)
        ends_s = (ends - origins) / SAMPLE_RATE_HZ
        for leg, digit, start_s, end_s in zip(
            legs.tolist(), self._held.digit[legs].tolist(), starts_s.tolist(), ends_s.tolist(), strict=True
        ):
            events.append((leg, DtmfDigit(KEYS[digit], start_s, end_s)))
        self._earliest[legs] = np.maximum(ends, self._held.resumed(legs))
        self._held.drop(legs)
