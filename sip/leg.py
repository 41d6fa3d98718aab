"""A leg: one dialog and its media, as the layers above see it.

The protocol is all that ivrcore knows; sip.pjsua has the real thing, sip.testing a scripted one for
unit tests. Every order returns at once; what came of it arrives as an event (sip.events).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from twisted.internet.defer import Deferred

from sip.cause import HangupCause
from sip.events import DigitTransport, LegEvent, LegId, PlaybackId
from sip.trunk import Trunk

LegListener = Callable[[LegEvent], None]
"""Receives every event of a leg, in order, on the reactor's thread."""


@dataclass(frozen=True)
class Sound:
    """A file to play: A-law WAV, 8000 Hz, mono, at least 20 ms. A loop goes on until it is stopped."""

    path: Path
    loop: bool = False


@dataclass(frozen=True)
class Cue:
    """A sound that starts with the leg's answer itself: its first sample is in our first RTP packet."""

    playback: PlaybackId
    sound: Sound


class Leg(Protocol):
    """One leg. Orders on a leg that is over are ignored: a hang-up may cross any of them."""

    @property
    def id(self) -> LegId:
        """The leg's name within its endpoint."""

    def dial(self, trunk: Trunk, called: str, *, display: str, at_answer: Cue | None = None) -> None:
        """Send the INVITE. A failure, even an immediate one, arrives as LegHungUp.

        Args:
            called: number (through the trunk) or SIP URI.
            display: what the called party sees, in From and P-Asserted-Identity (RFC 3325).
            at_answer: a sound that must not miss the first packet after the answer.

        Raises:
            SipConfigError: `called` or `display` is malformed, or the trunk has no codec of the endpoint.
            LegStateError: it was dialled before.
        """

    def ring(
        self, *, status: int = 180, early_media: Sound | None = None, failure: HangupCause | None = None
    ) -> None:
        """Incoming: send a provisional response, with SDP and RTP when `early_media` is given.

        `failure` goes into a Reason header (RFC 3326): the early media announces that the call is failing.
        """

    def answer(self) -> None:
        """Incoming: send the 200."""

    def hang_up(self, cause: HangupCause) -> None:
        """End the leg whatever its state, with a Reason header (RFC 3326) in the CANCEL, BYE or response."""

    def play(self, playback: PlaybackId, sound: Sound) -> None:
        """Play towards the far end, over whatever else it hears."""

    def stop(self, playback: PlaybackId) -> None:
        """Stop a playback; unknown or finished ones are ignored."""

    def send_digits(
        self,
        digits: str,
        *,
        duration_ms: int = 160,
        pause_ms: int = 60,
        transport: DigitTransport | None = None,
    ) -> None:
        """Press keys, one after the other, behind those that have not left yet.

        Args:
            duration_ms, pause_ms: how long each key is held, and let go before the next.
            transport: None is RFC 4733 where it is negotiated at that moment, else tones in band.
        """

    def listen_for_digits(self, listen: bool) -> None:
        """Look for keys in the audio of the far end as well, from now on or no longer.

        Keys by RFC 4733 and INFO are always reported. One key is one DigitReceived, whichever transports it
        came by. Allowed before the leg has media, and more than once.
        """

    def start_capture(self, path: Path) -> None:
        """Record what the far end sends into an A-law WAV.

        Raises:
            MediaFileError: the file cannot be created.
            LegStateError: the leg is captured already.
        """

    def stop_capture(self) -> "Deferred[None]":
        """Stop recording; fires when the file is closed and its header complete, at once without a capture.

        A leg that ends stops its capture by itself.
        """

    def received_level_dbm0(self) -> float:
        """Level of the last received 20 ms, -inf for silence or without media."""
