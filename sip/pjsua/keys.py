"""The keys of one leg: three transports in, each key out once. All on the reactor's thread, but the tap."""

import logging
import time
from collections.abc import Callable
from contextlib import suppress

import pjsua2 as pj

from sip.digits import DigitMerge, EventPacket
from sip.events import LegEvent, LegId
from sip.inband import Channel, InBandListener
from sip.pjsua.tap import Tap
from sip.reactor import DelayedCall, ReactorTime

log = logging.getLogger("ivrcore.sip")


class KeyReception:
    """Merges what the transports tell, and taps the audio while it is listened to."""

    def __init__(
        self, leg: LegId, listener: InBandListener, reactor: ReactorTime, tell: Callable[[LegEvent], None]
    ) -> None:
        self._leg = leg
        self._listener = listener
        self._reactor = reactor
        self._tell = tell
        self._merge = DigitMerge(leg)
        self._timer: DelayedCall | None = None
        self._tap: Tap | None = None
        self._channel: Channel | None = None

    # -- what the transports tell ---------------------------------------------------------------------------

    def on_packet(self, packet: EventPacket, at_s: float) -> None:
        """RFC 4733."""
        self._report(self._merge.packet(packet, at_s))

    def on_info(self, digit: str, duration_ms: int, at_s: float) -> None:
        """INFO."""
        self._report(self._merge.info(digit, duration_ms, at_s))

    def on_tone_began(self, digit: str, began_s: float, at_s: float) -> None:
        """See sip.inband.ToneReports."""
        self._report(self._merge.tone_began(digit, began_s, at_s))

    def on_tone_ended(self, duration_ms: int, ended_s: float, at_s: float) -> None:
        """See sip.inband.ToneReports."""
        self._report(self._merge.tone_ended(duration_ms, ended_s, at_s))

    def _report(self, reports: tuple[LegEvent, ...]) -> None:
        for report in reports:
            self._tell(report)
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        next_s = self._merge.next_s()
        delay_s = None if next_s is None else max(0.0, next_s - time.monotonic())
        self._timer = None if delay_s is None else self._reactor.callLater(delay_s, self._advance)

    def _advance(self) -> None:
        self._report(self._merge.advance(time.monotonic()))

    # -- the tap --------------------------------------------------------------------------------------------

    def listen(self, wanted: bool, media: pj.AudioMedia | None) -> None:
        """Tap the audio, or leave it alone; twice the same changes nothing."""
        if wanted and self._tap is None:
            self._channel = self._listener.join(self)
            try:
                self._tap = Tap(f"tap-{self._leg}", self._channel.hear)
            except pj.Error as error:
                log.error("leg %s: not listened to: %s", self._leg, error.reason)
                self._leave()
                return
            self.connect(media)
        elif not wanted and self._tap is not None:
            self._leave()

    def connect(self, media: pj.AudioMedia | None) -> None:
        """The leg has media, perhaps on another port than before."""
        if media is not None and self._tap is not None:
            with suppress(pj.Error):  # the conference port went with the call, whose end is on its way
                media.startTransmit(self._tap)

    def _leave(self) -> None:
        tap, self._tap = self._tap, None
        if tap is not None:
            tap.close()
        channel, self._channel = self._channel, None
        if channel is not None:
            channel.leave()
            now_s = time.monotonic()
            self._report(self._merge.tone_stopped(now_s))

    def close(self) -> None:
        """Take the tap away: the leg's media ends."""
        self._leave()

    def finish(self) -> None:
        """Report what is still open: the leg is over."""
        self._leave()
        self._report(self._merge.finish(time.monotonic()))
