"""What a leg reports: frozen facts in the past tense, with the moment the stack learned of them.

Every event carries `at_s`, the value of `time.monotonic()` taken on the stack's own thread, so that a
report is as exact as the stack was, whatever the reactor did in between. On Linux that clock is common
to all processes of a machine.
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import NewType

from sip.cause import HangupCause

LegId = NewType("LegId", str)
"""Names one leg within its endpoint."""

PlaybackId = NewType("PlaybackId", str)
"""Names one playback within its leg; chosen by the caller."""


class DigitTransport(Enum):
    """How a digit travelled."""

    RFC4733 = "rfc4733"
    INFO = "info"
    IN_BAND = "in-band"


@dataclass(frozen=True)
class LegEvent:
    """Something happened on a leg."""

    leg: LegId
    at_s: float


@dataclass(frozen=True)
class LegRang(LegEvent):
    """The far end reported ringing (180). May come more than once, before or after LegProgressed."""


@dataclass(frozen=True)
class LegProgressed(LegEvent):
    """Another provisional response than 100 and 180 came.

    `failure` is set when the response says why the call is about to fail (a Reason header, RFC 3326):
    what follows as early media is then an announcement of that failure.
    """

    status: int
    failure: HangupCause | None = None


@dataclass(frozen=True)
class LegEarlyMediaStarted(LegEvent):
    """The first RTP of the far end arrived before its answer. A 183 alone does not cause this."""


@dataclass(frozen=True)
class LegAnswered(LegEvent):
    """Outgoing: the 200 came and the ACK is sent. Incoming: our 200 was acknowledged."""


@dataclass(frozen=True)
class LegMediaLost(LegEvent):
    """The far end is up, and neither RTP nor RTCP came from it for `quiet_s` (sip.inactivity).

    The leg goes on until it is hung up; told again when as long has passed once more.
    """

    quiet_s: float


@dataclass(frozen=True)
class LegHungUp(LegEvent):
    """The leg is over: the last event of every leg, and there is exactly one.

    `rejected_packets`: RTP and RTCP from strangers, whom the leg did not hear; None where nobody counts them,
    as on the stock wheel.
    """

    cause: HangupCause
    by_remote: bool
    rejected_packets: int | None = None


@dataclass(frozen=True)
class PlaybackEnded(LegEvent):
    """The last sample of a sound left for the far end, one tick (20 ms) ago at the most and at the least."""

    playback: PlaybackId


@dataclass(frozen=True)
class PlaybackFailed(LegEvent):
    """A sound could not be played."""

    playback: PlaybackId
    reason: str


@dataclass(frozen=True)
class CaptureStarted(LegEvent):
    """The leg's audio is connected to its capture; the first sample follows within one tick (20 ms)."""


@dataclass(frozen=True)
class DigitReceived(LegEvent):
    """A key of the far end, once for each press, as soon as one transport told of it for certain.

    `duration_ms` is what that transport had told by then. Digits may be secret: never in a repr.
    """

    digit: str = field(repr=False)
    duration_ms: int
    transport: DigitTransport


@dataclass(frozen=True)
class DigitEnded(LegEvent):
    """A key that was reported is over, and no transport will add to it any more: half a second after its end.

    `duration_ms` is how long it was held, by the most exact of the transports that saw it.
    """

    digit: str = field(repr=False)
    duration_ms: int
    transports: frozenset[DigitTransport]
