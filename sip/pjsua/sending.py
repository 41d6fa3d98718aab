"""Pressing keys towards the far end: by RFC 4733, by INFO, or as tones."""

import logging
from collections.abc import Callable

import pjsua2 as pj

from sip.events import DigitTransport, LegId
from sip.reactor import DelayedCall, ReactorTime

log = logging.getLogger("ivrcore.sip")

MOST_TONES = 31
"""In one order to a generator, which holds 32 (PJMEDIA_TONEGEN_MAX_DIGITS) and asserts that fewer come."""

_TONES_OFF_S = 0.1
"""How long a tone generator is kept after its last tone: some ticks may still be on their way."""


class KeySender:
    """Sends the keys of one leg one after the other, also when the next come before the last have left."""

    def __init__(
        self,
        leg: LegId,
        reactor: ReactorTime,
        call: Callable[[], pj.Call | None],
        media: Callable[[], pj.AudioMedia | None],
    ) -> None:
        """Nothing is sent yet.

        Args:
            call, media: the leg's at the moment, None while it has none.
        """
        self._leg = leg
        self._reactor = reactor
        self._call = call
        self._media = media
        self._free_s = 0.0
        self._pending: list[DelayedCall] = []
        self._tones: list[pj.ToneGenerator] = []

    def send(
        self, digits: str, *, duration_ms: int, pause_ms: int, transport: DigitTransport | None = None
    ) -> None:
        """See sip.leg.Leg.send_digits."""
        self._pending = [call for call in self._pending if call.active()]
        now_s = self._reactor.seconds()
        at_s = max(now_s, self._free_s)
        # Tones go to pjmedia together: it puts each at its sample, which no timer of ours would. Keys that go
        # as negotiated ask for it one by one: a re-INVITE may have added telephone-event or dropped it.
        at_once = MOST_TONES if transport is DigitTransport.IN_BAND else 1
        for first in range(0, len(digits), at_once):
            keys = digits[first : first + at_once]
            self._pending.append(
                self._reactor.callLater(at_s - now_s, self._press, keys, duration_ms, pause_ms, transport)
            )
            at_s += len(keys) * (duration_ms + pause_ms) / 1000
        self._free_s = at_s

    def close(self) -> None:
        """Send no more."""
        for call in self._pending:
            if call.active():
                call.cancel()
        self._pending.clear()
        self._tones.clear()

    def _press(self, digits: str, duration_ms: int, pause_ms: int, transport: DigitTransport | None) -> None:
        call = self._call()
        if call is None:
            return
        try:
            negotiated = call.getStreamInfo(0).audTxEventPt > 0
            if transport is None:
                transport = DigitTransport.RFC4733 if negotiated else DigitTransport.IN_BAND
            if transport is DigitTransport.IN_BAND:
                self._sound(digits, duration_ms, pause_ms)
                return
            param = pj.CallSendDtmfParam()
            param.method = (
                pj.PJSUA_DTMF_METHOD_SIP_INFO
                if transport is DigitTransport.INFO
                else pj.PJSUA_DTMF_METHOD_RFC2833
            )
            param.digits, param.duration = digits, duration_ms
            call.sendDtmf(param)
        except pj.Error as error:
            log.info("leg %s: a key was not sent: %s", self._leg, error.reason)

    def _sound(self, digits: str, duration_ms: int, pause_ms: int) -> None:
        media = self._media()
        if media is None:
            return
        generator = pj.ToneGenerator()
        generator.createToneGenerator(8000, 1)
        keys = pj.ToneDigitVector()
        for digit in digits:
            key = pj.ToneDigit()
            key.digit, key.on_msec, key.off_msec, key.volume = digit, duration_ms, pause_ms, 0
            keys.append(key)
        generator.playDigits(keys)
        generator.startTransmit(media)
        self._tones.append(generator)
        lasts_ms = len(digits) * (duration_ms + pause_ms)
        self._pending.append(
            self._reactor.callLater(lasts_ms / 1000 + _TONES_OFF_S, self._end_tone, generator)
        )

    def _end_tone(self, generator: pj.ToneGenerator) -> None:
        if generator in self._tones:
            self._tones.remove(generator)
