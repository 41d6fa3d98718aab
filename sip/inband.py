"""Listening for keys in the audio of live legs: frames from the audio thread in, keys on the reactor's out.

The legs of a tick are listened to in one go, because a detector for eight costs hardly more than one for one
(65 against 49 us a tick of 20 ms). Left out: how a frame is got hold of (sip.pjsua.tap), how keys are found
(media.dtmf), and what other transports tell of the same key (sip.digits).
"""

import logging
import time
from collections.abc import Callable
from typing import Protocol

import numpy as np

from media.dtmf import DtmfBank, DtmfEvent, DtmfOnset
from media.types import SAMPLE_RATE_HZ
from sip.reactor import ReactorThread

log = logging.getLogger("ivrcore.sip")

FRAME_SAMPLES = 160
"""One tick of the conference (20 ms)."""

_FRAME_BYTES = 2 * FRAME_SAMPLES
_LEGS_AT_ONCE = 8
_SAME_TICK_S = 0.01


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

    def join(self, reports: ToneReports) -> "Channel":
        """Listen to one more leg."""
        group = next((group for group in self._groups if group.has_room), None)
        if group is None:
            group = _Group(self._reactor, self._delay_s, self._clock)
            self._groups.append(group)
        return Channel(group, group.join(reports))


class Channel:
    """The audio of one leg."""

    def __init__(self, group: "_Group", slot: int) -> None:
        self._group = group
        self._slot = slot

    def hear(self, pcm: bytes) -> None:
        """One frame of 16 bit linear PCM in native order; another size is silence. For the audio thread.

        It keeps the frame and returns. All channels of an endpoint are heard from the same thread.
        """
        self._group.hear(self._slot, pcm)

    def leave(self) -> None:
        """Stop; nothing is reported any more, also of frames already on their way."""
        self._group.leave(self._slot)


class _Group:
    """Legs that share a detector. Frames are gathered until the tick is complete, then handed over."""

    def __init__(self, reactor: ReactorThread, delay_s: float, clock: Callable[[], float]) -> None:
        self._reactor = reactor
        self._delay_s = delay_s
        self._clock = clock
        self._bank = DtmfBank(_LEGS_AT_ONCE)
        self._members: dict[int, ToneReports] = {}
        self._heard_s = dict.fromkeys(range(_LEGS_AT_ONCE), 0.0)  # audio since the leg joined
        self._tick: dict[int, bytes] = {}
        self._tick_s = 0.0

    @property
    def has_room(self) -> bool:
        return len(self._members) < _LEGS_AT_ONCE

    def join(self, reports: ToneReports) -> int:
        slot = next(slot for slot in range(_LEGS_AT_ONCE) if slot not in self._members)
        self._bank.reset(slot)
        self._heard_s[slot] = 0.0
        self._members[slot] = reports
        return slot

    def leave(self, slot: int) -> None:
        del self._members[slot]

    def hear(self, slot: int, pcm: bytes) -> None:
        now_s = self._clock()
        # A leg that joined or left in the middle of a tick must not hold the others back.
        if self._tick and (slot in self._tick or now_s - self._tick_s > _SAME_TICK_S):
            self._hand_over()
        if not self._tick:
            self._tick_s = now_s
        self._tick[slot] = pcm
        if len(self._tick) >= len(self._members):
            self._hand_over()

    def _hand_over(self) -> None:
        tick, self._tick = self._tick, {}
        self._reactor.callFromThread(self._listen, tick, self._tick_s)

    def _listen(self, tick: dict[int, bytes], at_s: float) -> None:
        frames = np.zeros((_LEGS_AT_ONCE, FRAME_SAMPLES), dtype=np.int16)
        for slot, pcm in tick.items():
            if slot in self._members and len(pcm) == _FRAME_BYTES:
                frames[slot] = np.frombuffer(pcm, dtype=np.int16)
        for slot in self._members:
            self._heard_s[slot] += FRAME_SAMPLES / SAMPLE_RATE_HZ
        for slot, event in self._bank.listen(frames):
            reports = self._members.get(slot)
            if reports is None:
                continue
            try:
                self._report(reports, event, at_s, at_s - self._delay_s - self._heard_s[slot])
            except Exception:  # a reactor boundary: log, and go on listening to the others
                log.exception("a report of a key failed")

    def _report(self, reports: ToneReports, event: DtmfEvent, at_s: float, joined_s: float) -> None:
        if isinstance(event, DtmfOnset):
            reports.on_tone_began(event.digit, joined_s + event.start_s, at_s)
        else:
            duration_ms = round(1000 * (event.end_s - event.start_s))
            reports.on_tone_ended(duration_ms, joined_s + event.end_s, at_s)
