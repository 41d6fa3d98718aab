"""Listening for keys in the audio of live legs: frames from the audio thread in, keys on the reactor's out.

All audio goes through the detector (media.dtmf) on the reactor's thread, all legs together. When it does is
another matter: waking a thread and a detector for each tick costs more than all the rest, and most ticks hold
silence or speech. So the audio thread takes a glance at each tick: one that may hold a key is handed over at
once, the others within 200 ms, all in order. What is found does not depend on the glance, only how soon.

Left out: how a frame is got hold of (sip.pjsua.tap), and what other transports tell of a key (sip.digits).
"""

import logging
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from media.dtmf import COLUMNS_HZ, ROWS_HZ, DtmfBank, DtmfEvent, DtmfOnset
from media.types import SAMPLE_RATE_HZ
from sip.reactor import ReactorThread

log = logging.getLogger("ivrcore.sip")

FRAME_SAMPLES = 160
"""One tick of the conference (20 ms)."""

_FRAME_BYTES = 2 * FRAME_SAMPLES
_LEGS_AT_ONCE = 8
_SAME_TICK_S = 0.01

_MOST_TICKS_WAITING = 10

_TICKS_AFTER_A_GLANCE = 3
"""Handed over at once behind one that may hold a key: a tone of 40 ms may fill one and end in the next."""

_RISING = range(10, 42)
"""Upward zero crossings of a tick with a key: 12 to 33 with twist, dial tone, hum and noise (measured)."""

_LEAST_SHARE = 0.3
"""Of a tick's energy in its two tones: 0.45 with both 1.8 % off or under a dial tone as loud (measured)."""

_LEAST_DOMINANCE = 0.5
"""Of a group's energy in its strongest tone: 0.83 at S/N 6 dB (measured)."""

_MOST_TWIST = 10 ** (16 / 10)


class ToneReports(Protocol):
    """Who wants to know; called on the reactor's thread.

    `at_s` is when the frame that made it certain came; `began_s` and `ended_s` are when that part of the tone
    came in from the wire, as far as the jitter buffer's delay is known.
    """

    def on_tone_began(self, digit: str, began_s: float, at_s: float) -> None:
        """A key is certain; its tone still sounds."""

    def on_tone_ended(self, duration_ms: int, ended_s: float, at_s: float) -> None:
        """The key that began before is over."""


class InBandListener:
    """All legs of an endpoint that are listened to."""

    def __init__(
        self,
        reactor: ReactorThread,
        *,
        jitter_buffer_ms: int,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Nothing runs until somebody joins.

        Args:
            jitter_buffer_ms: how long a frame was held back before it is heard here.
            clock: tells the moment a frame came, in seconds; called on the audio thread.
        """
        self._reactor = reactor
        self._delay_s = jitter_buffer_ms / 1000
        self._clock = clock
        self._groups: list[_Group] = []
        self._n_joined = 0

    def join(self, reports: ToneReports) -> "Channel":
        """Listen to one more leg."""
        group = next((group for group in self._groups if group.has_room), None)
        if group is None:
            group = _Group(self._reactor, self._delay_s, self._clock)
            self._groups.append(group)
        self._n_joined += 1
        group.join(self._n_joined, reports)
        return Channel(group, self._n_joined)


class Channel:
    """The audio of one leg."""

    def __init__(self, group: "_Group", member: int) -> None:
        self._group = group
        self._member = member

    def hear(self, pcm: bytes) -> None:
        """One frame of 16 bit linear PCM in native order; another size is silence. For the audio thread.

        It keeps the frame and returns. All channels of an endpoint are heard from the same thread.
        """
        self._group.hear(self._member, pcm)

    def leave(self) -> None:
        """Stop; nothing is reported any more, also of frames already on their way."""
        self._group.leave(self._member)


@dataclass
class _Member:
    """One leg of a group; its number is never used again, its slot in the detector is."""

    slot: int
    reports: ToneReports
    heard_s: float = 0.0
    """Audio since it joined."""
    in_tone: bool = False


class _Group:
    """Legs that share a detector, which costs hardly more for eight than for one."""

    def __init__(self, reactor: ReactorThread, delay_s: float, clock: Callable[[], float]) -> None:
        self._reactor = reactor
        self._delay_s = delay_s
        self._clock = clock
        self._bank = DtmfBank(_LEGS_AT_ONCE)
        self._members: dict[int, _Member] = {}
        self._in_tone = False
        # What follows belongs to the audio thread.
        self._tick: dict[int, bytes] = {}
        self._tick_s = 0.0
        self._waiting: list[tuple[float, dict[int, bytes]]] = []
        self._at_once = 0

    @property
    def has_room(self) -> bool:
        return len(self._members) < _LEGS_AT_ONCE

    def join(self, number: int, reports: ToneReports) -> None:
        taken = {member.slot for member in self._members.values()}
        slot = next(slot for slot in range(_LEGS_AT_ONCE) if slot not in taken)
        self._bank.reset(slot)
        self._members[number] = _Member(slot, reports)

    def leave(self, number: int) -> None:
        del self._members[number]
        self._look_for_tones()

    def _look_for_tones(self) -> None:
        self._in_tone = any(member.in_tone for member in self._members.values())

    # -- on the audio thread --------------------------------------------------------------------------------

    def hear(self, number: int, pcm: bytes) -> None:
        now_s = self._clock()
        # A leg that joined or left in the middle of a tick must not hold the others back.
        if self._tick and (number in self._tick or now_s - self._tick_s > _SAME_TICK_S):
            self._complete_tick()
        if not self._tick:
            self._tick_s = now_s
        self._tick[number] = pcm
        if len(self._tick) >= len(self._members):
            self._complete_tick()

    def _complete_tick(self) -> None:
        tick, self._tick = self._tick, {}
        self._waiting.append((self._tick_s, tick))
        self._at_once = _TICKS_AFTER_A_GLANCE if may_hold_a_key(tick.values()) else self._at_once - 1
        if self._at_once >= 0 or self._in_tone or len(self._waiting) >= _MOST_TICKS_WAITING:
            waiting, self._waiting = self._waiting, []
            self._reactor.callFromThread(self._listen, waiting)

    # -- on the reactor's thread ----------------------------------------------------------------------------

    def _listen(self, ticks: list[tuple[float, dict[int, bytes]]]) -> None:
        frames = np.zeros((_LEGS_AT_ONCE, len(ticks), FRAME_SAMPLES), dtype=np.int16)
        for index, (_, tick) in enumerate(ticks):
            for number, pcm in tick.items():
                member = self._members.get(number)
                if member is not None and len(pcm) == _FRAME_BYTES:
                    frames[member.slot, index] = np.frombuffer(pcm, dtype=np.int16)
        by_slot = {member.slot: member for member in self._members.values()}
        for member in by_slot.values():
            member.heard_s += len(ticks) * FRAME_SAMPLES / SAMPLE_RATE_HZ
        at_s = ticks[-1][0]
        for slot, event in self._bank.listen(frames.reshape(_LEGS_AT_ONCE, -1)):
            member = by_slot.get(slot)
            if member is None or member not in self._members.values():
                continue  # it left, perhaps because of a report just before
            try:
                self._report(member, event, at_s)
            except Exception:  # a reactor boundary: log, and go on listening to the others
                log.exception("a report of a key failed")
        self._look_for_tones()

    def _report(self, member: _Member, event: DtmfEvent, at_s: float) -> None:
        joined_s = at_s - self._delay_s - member.heard_s
        member.in_tone = isinstance(event, DtmfOnset)
        if isinstance(event, DtmfOnset):
            member.reports.on_tone_began(event.digit, joined_s + event.start_s, at_s)
        else:
            duration_ms = round(1000 * (event.end_s - event.start_s))
            member.reports.on_tone_ended(duration_ms, joined_s + event.end_s, at_s)


def may_hold_a_key(frames: Iterable[bytes]) -> bool:
    """A glance at the frames of one tick: whether one of them may be filled by the tones of a key.

    It is wrong in favour of a key now and then, and against one only where something louder lies over it.
    """
    doubtful = [pcm for pcm in frames if len(pcm) == _FRAME_BYTES and _sounds_like_a_key(pcm)]
    if not doubtful:
        return False
    audio = np.frombuffer(b"".join(doubtful), dtype=np.int16).reshape(-1, FRAME_SAMPLES).astype(np.float32)
    products = audio @ _TONES
    products *= products
    groups = (products[:, :8] + products[:, 8:]).reshape(-1, 2, 4)
    best = groups.max(axis=2)
    passed = (best > _LEAST_DOMINANCE * groups.sum(axis=2)).all(axis=1)
    passed &= best.sum(axis=1) > _LEAST_SHARE * np.einsum("ij,ij->i", audio, audio)
    passed &= best.min(axis=1) * _MOST_TWIST > best.max(axis=1)
    return bool(passed.any())


def _correlators() -> npt.NDArray[np.float32]:
    """Cosine and sine of the eight tones over a tick; a tone on frequency gives the energy it has."""
    cycles = np.outer(np.arange(FRAME_SAMPLES) / SAMPLE_RATE_HZ, (*ROWS_HZ, *COLUMNS_HZ))
    waves = np.concatenate([np.cos(2 * np.pi * cycles), np.sin(2 * np.pi * cycles)], axis=1)
    correlators: npt.NDArray[np.float32] = (waves * np.sqrt(2 / FRAME_SAMPLES)).astype(np.float32)
    return correlators


_TONES = _correlators()
_SIGNS = bytes(byte >> 7 for byte in range(256))
_HIGH_BYTE = slice(1 if sys.byteorder == "little" else 0, None, 2)


def _sounds_like_a_key(pcm: bytes) -> bool:
    """By bytes alone, at 1.5 us a frame: a sample of 256 or more, and as many zero crossings as a key has."""
    high = pcm[_HIGH_BYTE]
    return bool(high.strip(b"\x00\xff")) and high.translate(_SIGNS).count(b"\x00\x01") in _RISING
