"""pjsua2's Call object, reduced to a reporter.

It belongs to no reference cycle that outlives the leg: the leg gives it to EndedCalls when DISCONNECTED was
delivered, on the owner's thread. Three acts happen inside the callback because a tick (20 ms) matters:

- the stream is connected to the null device, so that its jitter buffer is emptied from the first packet.
  pjmedia reads a port only while somebody listens; else the buffer fills, and what was said before a
  bridge opened would be heard after it.
- a capture that was asked for before there was media is connected, so that it has the first frame.
- the cue of an answered leg is connected, so that our first RTP packet carries its first sample.
"""

import logging
from collections.abc import Callable
from typing import Protocol

import pjsua2 as pj

from sip.cause import HangupCause, hangup_cause
from sip.digits import EventPacket
from sip.inactivity import Signs
from sip.pjsua.inbox import Inbox
from sip.pjsua.info import InfoKey, key_of, respond, status_for
from sip.pjsua.message import failure_announced, header

log = logging.getLogger("ivrcore.sip")

_DECLINE = 603
_FORBIDDEN = 403
_KEYS = "0123456789*#ABCD"  # event 16 is a hook flash
_DTMF_IS_END = 2  # pjmedia/stream.h PJMEDIA_STREAM_DTMF_IS_END, not exported by the binding


class CallReports(Protocol):
    """What a call tells its leg, always on the reactor's thread."""

    def on_ringing(self, at_s: float) -> None: ...
    def on_progress(self, at_s: float, status: int, failure: HangupCause | None) -> None: ...
    def on_media(self, at_s: float) -> None: ...
    def on_answered(self, at_s: float) -> None: ...
    def on_ended(self, at_s: float, cause: HangupCause) -> None: ...
    def on_event_packet(self, at_s: float, packet: EventPacket) -> None: ...
    def on_info_key(self, at_s: float, key: InfoKey) -> None: ...


class NativeCall(pj.Call):
    """One pjsua2 call. `reports` is set before any signalling and never changes."""

    def __init__(self, account: pj.Account, call_id: int, inbox: Inbox) -> None:
        super().__init__(account, call_id)
        self._inbox = inbox
        self._answered = False
        self._last_message = ""
        self._on_hold = False
        self.reports: CallReports | None = None
        self.start_cue: Callable[[pj.AudioMedia], None] | None = None
        self.capture: pj.AudioMediaRecorder | None = None

    def media(self) -> pj.AudioMedia | None:
        """The audio of the call, None while it has none."""
        try:
            return self.getAudioMedia(-1)
        except pj.Error:
            return None

    def signs(self) -> Signs:
        """What came from the far end so far; on hold where it has no stream at all."""
        try:
            stat = self.getStreamStat(0)  # kept: what it holds goes with it
        except pj.Error:
            return Signs(0, 0, on_hold=True)
        return Signs(stat.rtcp.rxStat.pkt, stat.rtcp.txStat.updateCount, self._on_hold)

    # -- callbacks: any thread, nothing raised out of them ------------------------------------------

    def onCallState(self, prm: pj.OnCallStateParam) -> None:  # noqa: N802
        """Answered and ended."""
        try:
            info = self.getInfo()
            if info.state == pj.PJSIP_INV_STATE_CONFIRMED and not self._answered:
                self._answered = True
                media = self.media()
                if self.start_cue is not None and media is not None:
                    self.start_cue(media)
                self._post(lambda to, at_s: to.on_answered(at_s))
            elif info.state == pj.PJSIP_INV_STATE_DISCONNECTED:
                message = _received_message(prm.e)
                cause = hangup_cause(info.lastStatusCode, header(message, "Reason"), info.lastReason)
                self._post(lambda to, at_s: to.on_ended(at_s, cause))
        except Exception:
            log.exception("onCallState")

    def onCallTsxState(self, prm: pj.OnCallTsxStateParam) -> None:  # noqa: N802
        """Every provisional response, as pjsua2 reports the state EARLY only once; and every INFO."""
        try:
            tsx = prm.e.body.tsxState.tsx
            if tsx.method == "INFO" and tsx.role == pj.PJSIP_ROLE_UAS:
                self._take_info(prm.e, tsx.state)
                return
            status = tsx.statusCode
            if tsx.method != "INVITE" or not 101 <= status <= 199 or self._answered:
                return
            message = _received_message(prm.e)
            if not message.startswith("SIP/2.0 1"):
                return
            if status == 180:
                self._post(lambda to, at_s: to.on_ringing(at_s))
            failure = failure_announced(message)
            if status != 180 or failure is not None:
                self._post(lambda to, at_s: to.on_progress(at_s, status, failure))
        except Exception:
            log.exception("onCallTsxState")

    def _take_info(self, event: pj.SipEvent, state: int) -> None:
        message = _received_message(event)
        if state != pj.PJSIP_TSX_STATE_TRYING or not message:
            return
        status = status_for(message)
        if status:
            respond(event.body.tsxState.src.rdata, status)
        key = key_of(message)
        if key is not None and key.digit:
            self._post(lambda to, at_s: to.on_info_key(at_s, key))

    def onCallMediaState(self, prm: pj.OnCallMediaStateParam) -> None:  # noqa: ARG002, N802
        """Media (re)started: keep the jitter buffer empty, then let the leg reconnect what it had."""
        try:
            # Asked here, where alone it changes: getInfo is too much for every look at every leg.
            info = self.getInfo()  # kept: what it holds goes with it
            self._on_hold = not any(
                stream.type == pj.PJMEDIA_TYPE_AUDIO and stream.dir == pj.PJMEDIA_DIR_ENCODING_DECODING
                for stream in info.media
            )
            media = self.media()
            if media is None:
                return
            media.startTransmit(pj.Endpoint.instance().audDevManager().getPlaybackDevMedia())
            if self.capture is not None:
                media.startTransmit(self.capture)
            if self._answered and self.start_cue is not None:
                # The 200 brought its SDP late (after an answer without one in a 183): the cue still waits.
                self.start_cue(media)
            self._post(lambda to, at_s: to.on_media(at_s))
        except Exception:
            log.exception("onCallMediaState")

    def onCallRedirected(self, prm: pj.OnCallRedirectedParam) -> int:  # noqa: ARG002, N802
        """A 3xx ends the leg with its own status: where a call goes is decided above, and billed there."""
        return pj.PJSIP_REDIRECT_REJECT

    def onCallTransferRequest(self, prm: pj.OnCallTransferRequestParam) -> None:  # noqa: N802
        """A REFER is declined: else pjsua itself calls whomever it names, in nobody's book, at our cost."""
        prm.statusCode = _DECLINE

    def onCallReplaceRequest(self, prm: pj.OnCallReplaceRequestParam) -> None:  # noqa: N802
        """An INVITE with Replaces is refused: else pjsua gives the leg to whoever knows its names."""
        prm.statusCode = _FORBIDDEN

    def onDtmfEvent(self, prm: pj.OnDtmfEventParam) -> None:  # noqa: N802
        """An RFC 4733 packet, but for repeated ends of one key and what came out of order.

        pjmedia's own word on what is a new key is not passed on: it goes by falling durations, and calls the
        second press of a key an update when its first packets were lost. Keys by INFO are read elsewhere.
        """
        try:
            if prm.method != pj.PJSUA_DTMF_METHOD_RFC2833 or prm.digit not in _KEYS:
                return
            packet = EventPacket(prm.digit, prm.timestamp, prm.duration, bool(prm.flags & _DTMF_IS_END))
            self._post(lambda to, at_s: to.on_event_packet(at_s, packet))
        except Exception:
            log.exception("onDtmfEvent")

    def _post(self, deliver: Callable[[CallReports, float], None]) -> None:
        reports = self.reports
        if reports is not None:
            self._inbox.post(lambda at_s: deliver(reports, at_s))


class EndedCalls:
    """Calls whose end was reported, kept until nothing else has their number.

    The destructor of pj.Call goes by number: it cuts whatever call has it off from its reports, and hangs it
    up. The stack gives a number out anew as soon as a call is over, which may be before its end has come
    through the reactor's queue. So an ended call is destroyed only while its number stands free.
    """

    def __init__(self) -> None:
        self._calls: list[NativeCall] = []

    def add(self, call: NativeCall) -> None:
        """Keep a call; the caller drops it now."""
        self._calls.append(call)

    def release(self) -> None:
        """Destroy those whose number is free, here on the owner's thread."""
        self._calls = [call for call in self._calls if call.isActive()]


def _received_message(event: pj.SipEvent) -> str:
    """The message that caused the event, "" when it was a timer or our own doing."""
    if event.type != pj.PJSIP_EVENT_TSX_STATE:
        return ""
    tsx_state = event.body.tsxState
    return tsx_state.src.rdata.wholeMsg if tsx_state.type == pj.PJSIP_EVENT_RX_MSG else ""
