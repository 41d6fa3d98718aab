"""One key once: what RFC 4733, INFO and the tones in the audio tell of a leg's keys, merged.

Each transport tells of a key in its own way and at its own time: RFC 4733 within a packet of its start, INFO
at its start or at its end, the audio some 70 ms after its start. Gateways send one of them, or two, or all.
The first sighting is reported at once; what the others tell of the same key is added to it in silence.

What makes two sightings the same key:

- within RFC 4733 its identity: source, timestamp and event (RFC 4733 section 2.2). Marker and end packets
  prove nothing, either may be lost; durations prove nothing, packets come late and doubled.
- between transports the digit, 250 ms around the key, and the order: each transport tells of the keys in the
  order they were pressed, so its next sighting belongs to a key after the one it told of before.

Left out: clocks and timers (the moments arrive as arguments), what a transport looks like on the wire.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from math import inf

from sip.events import DigitEnded, DigitReceived, DigitTransport, LegEvent, LegId

WINDOW_S = 0.25
"""How far apart two transports may tell of one key."""

SILENCE_S = 0.15
"""An event whose end packets were all lost is over when nothing was heard of it for so long."""

_SETTLED_S = 0.5
"""When a key that ended is forgotten: the window, and as long again for tones behind a jitter buffer."""

_TIMESTAMP_WRAP_MS = 2**32 // 8
_SEGMENT_MS = 0xFFFF / 8
"""The longest duration an event can tell; a longer key goes on in another (RFC 4733 section 2.5.1.3)."""

_SEGMENT_TOLERANCE_MS = 40
"""pjmedia tells timestamps in single precision: in steps of up to 32 ms."""

_LATE_MS = 2000
_SPLIT_S = 0.1
_SPLIT_AFTER_END_S = 0.03
_REMEMBERED_EVENTS = 32

_MOST_EXACT = (DigitTransport.RFC4733, DigitTransport.IN_BAND, DigitTransport.INFO)


@dataclass(frozen=True)
class EventPacket:
    """What one RFC 4733 packet tells.

    Attributes:
        timestamp_ms: RTP timestamp in ms (8 ticks each), so modulo 2**29; the same in a whole event.
        duration_ms: of the event up to now.
        ended: its E bit.
        ssrc: the source where it is known.
    """

    digit: str = field(repr=False)
    timestamp_ms: int
    duration_ms: int
    ended: bool
    ssrc: int | None = None


@dataclass
class _Key:
    """One press; its end is not known as long as a transport holds it."""

    digit: str = field(repr=False)
    began_s: float
    ended_s: float
    seen_by: set[DigitTransport]
    held_by: set[DigitTransport] = field(default_factory=set)
    durations_ms: dict[DigitTransport, int] = field(default_factory=dict)

    def gap_s(self, began_s: float, now_s: float) -> float:
        """Time between this key and a sighting, 0.0 when they overlap."""
        ended_s = inf if self.held_by else self.ended_s
        return max(began_s - ended_s, self.began_s - now_s, 0.0)

    def release(self, transport: DigitTransport, at_s: float) -> None:
        self.held_by.discard(transport)
        self.ended_s = max(self.ended_s, at_s)

    def duration_ms(self) -> int:
        return next(self.durations_ms[one] for one in _MOST_EXACT if one in self.durations_ms)


@dataclass(frozen=True)
class _Identity:
    """What all packets of an event have in common."""

    ssrc: int | None
    timestamp_ms: int
    digit: str = field(repr=False)


@dataclass
class _Event:
    """One event of RFC 4733, or one segment of a long one."""

    key: _Key
    timestamp_ms: int
    before_ms: int
    """What earlier segments of the same key lasted."""
    duration_ms: int = 0
    heard_s: float = 0.0
    ended: bool = False


class DigitMerge:
    """The keys of one leg. Every method returns what is to be reported now, in order."""

    def __init__(self, leg: LegId) -> None:
        self._leg = leg
        self._keys: list[_Key] = []
        self._last_told_s: dict[DigitTransport, float] = {}
        self._events: dict[_Identity, _Event] = {}
        self._event: _Event | None = None
        self._tone: _Key | None = None

    # -- sightings ------------------------------------------------------------------------------------------

    def packet(self, packet: EventPacket, at_s: float) -> tuple[LegEvent, ...]:
        """An RFC 4733 packet came."""
        reports = list(self.advance(at_s))
        identity = _Identity(packet.ssrc, packet.timestamp_ms, packet.digit)
        event = self._events.get(identity)
        if event is None:
            event = self._continued(packet) or self._begun(packet, at_s, reports)
            self._events[identity] = event
            if len(self._events) > _REMEMBERED_EVENTS:
                del self._events[next(iter(self._events))]
        self._update(event, packet, at_s)
        return tuple(reports)

    def info(self, digit: str, duration_ms: int, at_s: float) -> tuple[LegEvent, ...]:
        """An INFO came. Some send it when the key goes down, some when it comes up."""
        reports = list(self.advance(at_s))
        key = self._sighted(DigitTransport.INFO, digit, at_s, at_s, duration_ms, reports)
        key.release(DigitTransport.INFO, at_s)
        return tuple(reports)

    def tone_began(self, digit: str, began_s: float, at_s: float) -> tuple[LegEvent, ...]:
        """The audio has a key, since `began_s`."""
        reports = list(self.advance(at_s))
        elapsed_ms = round(1000 * (at_s - began_s))
        self._tone = self._sighted(DigitTransport.IN_BAND, digit, began_s, at_s, elapsed_ms, reports)
        self._tone.held_by.add(DigitTransport.IN_BAND)
        return tuple(reports)

    def tone_ended(self, duration_ms: int, ended_s: float, at_s: float) -> tuple[LegEvent, ...]:
        """The key in the audio is over; fine when there is none."""
        if self._tone is not None:
            self._tone.durations_ms[DigitTransport.IN_BAND] = duration_ms
            self._tone.release(DigitTransport.IN_BAND, ended_s)
            self._tone = None
        return self.advance(at_s)

    def tone_stopped(self, at_s: float) -> tuple[LegEvent, ...]:
        """Nobody listens to the audio any more, perhaps in the middle of a tone."""
        if self._tone is None:
            return self.advance(at_s)
        return self.tone_ended(round(1000 * (at_s - self._tone.began_s)), at_s, at_s)

    # -- time -----------------------------------------------------------------------------------------------

    def advance(self, now_s: float) -> tuple[LegEvent, ...]:
        """Time has passed: end what was not heard of any more, and report the keys that are settled."""
        event = self._event
        if event is not None and not event.ended and now_s >= event.heard_s + SILENCE_S:
            event.key.release(DigitTransport.RFC4733, event.heard_s)
        settled = [key for key in self._keys if not key.held_by and now_s >= key.ended_s + _SETTLED_S]
        for key in settled:
            self._keys.remove(key)
        return tuple(
            DigitEnded(self._leg, now_s, key.digit, key.duration_ms(), frozenset(key.seen_by))
            for key in settled
        )

    def finish(self, now_s: float) -> tuple[LegEvent, ...]:
        """The leg is over: end every key that was reported."""
        reports = self.advance(now_s)
        for key in self._keys:
            key.held_by.clear()
            key.ended_s = -inf
        self._event = self._tone = None
        return reports + self.advance(now_s)

    def next_s(self) -> float | None:
        """When to call `advance` at the latest, None while nothing but a sighting can change anything."""
        moments_s = [key.ended_s + _SETTLED_S for key in self._keys if not key.held_by]
        if self._event is not None and DigitTransport.RFC4733 in self._event.key.held_by:
            moments_s.append(self._event.heard_s + SILENCE_S)
        return min(moments_s, default=None)

    # -- RFC 4733 -------------------------------------------------------------------------------------------

    def _continued(self, packet: EventPacket) -> _Event | None:
        """The next segment of the key being held, None when the packet belongs to another."""
        event = self._event
        if event is None or event.ended or event.key.digit != packet.digit:
            return None
        advance_ms = (packet.timestamp_ms - event.timestamp_ms) % _TIMESTAMP_WRAP_MS
        # Some senders close a segment earlier; a new key would leave a pause between the two.
        if advance_ms > event.duration_ms and abs(advance_ms - _SEGMENT_MS) > _SEGMENT_TOLERANCE_MS:
            return None
        self._event = _Event(event.key, packet.timestamp_ms, event.before_ms + advance_ms)
        return self._event

    def _begun(self, packet: EventPacket, at_s: float, reports: list[LegEvent]) -> _Event:
        """Another key; the one before it is over, whether or not its end was heard."""
        before = self._event
        late = before is not None and _older(packet.timestamp_ms, before.timestamp_ms)
        if before is not None and not before.ended:
            before.key.release(DigitTransport.RFC4733, before.heard_s)
        began_s = at_s - packet.duration_ms / 1000
        key = self._sighted(
            DigitTransport.RFC4733, packet.digit, began_s, at_s, packet.duration_ms, reports, late=late
        )
        event = _Event(key, packet.timestamp_ms, 0)
        if not late:
            self._event = event
        return event

    def _update(self, event: _Event, packet: EventPacket, at_s: float) -> None:
        event.duration_ms = max(event.duration_ms, packet.duration_ms)
        durations_ms = event.key.durations_ms
        told_ms = event.before_ms + event.duration_ms
        durations_ms[DigitTransport.RFC4733] = max(durations_ms.get(DigitTransport.RFC4733, 0), told_ms)
        if event.ended:
            return  # the end is sent three times (RFC 4733 section 2.5.1.4), and updates may come after it
        event.heard_s = at_s
        event.ended = packet.ended
        if event.ended or event is not self._event:
            event.key.release(DigitTransport.RFC4733, at_s)
        else:
            event.key.held_by.add(DigitTransport.RFC4733)

    # -- which key a sighting belongs to --------------------------------------------------------------------

    def _sighted(
        self,
        transport: DigitTransport,
        digit: str,
        began_s: float,
        now_s: float,
        duration_ms: int,
        reports: list[LegEvent],
        *,
        late: bool = False,
    ) -> _Key:
        near = [key for key in self._keys if key.digit == digit and key.gap_s(began_s, now_s) <= WINDOW_S]
        key = self._told_by_others(transport, near, late) or self._split_tone(transport, near, began_s)
        if key is None:
            key = _Key(digit, began_s, now_s, {transport})
            self._keys.append(key)
            reports.append(DigitReceived(self._leg, now_s, digit, duration_ms, transport))
        key.seen_by.add(transport)
        key.durations_ms.setdefault(transport, duration_ms)
        self._last_told_s[transport] = max(key.began_s, self._last_told_s.get(transport, -inf))
        return key

    def _told_by_others(self, transport: DigitTransport, near: Iterable[_Key], late: bool) -> _Key | None:
        last_s = -inf if late else self._last_told_s.get(transport, -inf)
        unseen = [key for key in near if transport not in key.seen_by and key.began_s > last_s]
        # By beginning and not by the order of the reports: a key that only the audio told of comes late.
        return min(unseen, key=lambda key: key.began_s, default=None)

    def _split_tone(self, transport: DigitTransport, near: list[_Key], began_s: float) -> _Key | None:
        """A tone that a gap has split, while RFC 4733 says that the key was held all along."""
        event = self._event
        if transport is not DigitTransport.IN_BAND or event is None or event.key not in near:
            return None
        held_until_s = event.heard_s + (_SPLIT_AFTER_END_S if event.ended else _SPLIT_S)
        return event.key if began_s <= held_until_s else None


def _older(timestamp_ms: int, than_ms: int) -> bool:
    """Whether a timestamp lies shortly before another; far ones are a new stream's, not an older event's."""
    return 0 < (than_ms - timestamp_ms) % _TIMESTAMP_WRAP_MS < _LATE_MS
