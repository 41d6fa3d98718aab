"""A leg on pjsua2: orders come from the reactor's thread, reports go back to it."""

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

import pjsua2 as pj
from twisted.internet.defer import Deferred

from media.errors import MediaError
from sip.cause import NO_RESOURCE, HangupCause, status_from_q850
from sip.digits import EventPacket
from sip.errors import LegStateError
from sip.events import (
    DigitTransport,
    LegAnswered,
    LegEarlyMediaStarted,
    LegEvent,
    LegHungUp,
    LegId,
    LegMediaLost,
    LegProgressed,
    LegRang,
    PlaybackEnded,
    PlaybackFailed,
    PlaybackId,
)
from sip.inactivity import Signs
from sip.inband import InBandListener
from sip.leg import Cue, LegListener, Sound
from sip.pjsua.call import EndedCalls, NativeCall
from sip.pjsua.capture import CaptureFlusher
from sip.pjsua.early import EarlyMediaWatch
from sip.pjsua.inbox import Inbox
from sip.pjsua.info import InfoKey
from sip.pjsua.keys import KeyReception
from sip.pjsua.loudness import received_level_dbm0
from sip.pjsua.recorded import LegCapture
from sip.pjsua.rtp import NO_RTP_PORT, RejectedPackets
from sip.pjsua.sending import KeySender
from sip.pjsua.sound import Player
from sip.pjsua.stopped import StoppedPlayers
from sip.reactor import DelayedCall, Reactor
from sip.trunk import Trunk

log = logging.getLogger("ivrcore.sip")

_SLOT_S = 0.002
_SLOT_TRIES = 100
_PJ_ETOOMANY = 70010  # pjlib errno.h; what the fifth call of a four-call build gets


class LegHost(Protocol):
    """What a leg needs of its endpoint."""

    inbox: Inbox
    reactor: Reactor
    cache_dir: Path
    flusher: CaptureFlusher
    ended_calls: EndedCalls
    stopped_players: StoppedPlayers
    in_band: InBandListener

    def account_for(self, trunk: Trunk, uri: str) -> pj.Account: ...
    def offering(self, trunk: Trunk) -> AbstractContextManager[None]: ...
    def has_free_call(self) -> bool: ...
    def host_towards(self, trunk: Trunk, uri: str) -> str: ...
    def forget(self, leg: "PjsuaLeg") -> None: ...


class PjsuaLeg:
    """One dialog and its media; implements sip.leg.Leg."""

    def __init__(self, leg_id: LegId, host: LegHost, listener: LegListener) -> None:
        self._id = leg_id
        self.host = host
        self._listener = listener
        self._call: NativeCall | None = None
        self._over = False
        self._hung_up_by_us = False
        self._given_up_with: HangupCause | None = None
        self._answered = False
        self._players: dict[PlaybackId, Player] = {}
        self._cued: PlaybackId | None = None
        self._early_media = EarlyMediaWatch(host.reactor, lambda: self._call, self._hear_early_media)
        self._capture = LegCapture(leg_id, host, lambda: self._call, lambda: self.media, self._tell_if_alive)
        self._sender = KeySender(leg_id, host.reactor, lambda: self._call, lambda: self.media)
        self._keys = KeyReception(leg_id, host.in_band, host.reactor, self._tell_if_alive)
        self._rejected = RejectedPackets()
        self._retry: DelayedCall | None = None
        self.on_media_started: list[Callable[[], None]] = []

    @property
    def id(self) -> LegId:
        """The leg's name within its endpoint."""
        return self._id

    @property
    def has_call(self) -> bool:
        """Whether it needs one of the engine's calls."""
        return self._call is not None and not self._over

    @property
    def media(self) -> pj.AudioMedia | None:
        """The conference port of the leg, None while it has no media."""
        return None if self._call is None or self._over else self._call.media()

    # -- signalling -----------------------------------------------------------------------------------

    def dial(self, trunk: Trunk, called: str, *, display: str, at_answer: Cue | None = None) -> None:
        """See sip.leg.Leg."""
        if self._over or self._hung_up_by_us:
            return
        if self._call is not None:
            raise LegStateError(f"leg {self._id} was dialled before")
        uri = trunk.uri_of(called)
        identity = trunk.identity_of(display, self.host.host_towards(trunk, uri))
        call = NativeCall(self.host.account_for(trunk, uri), pj.PJSUA_INVALID_ID, self.host.inbox)
        call.reports = self
        self._call = call
        if at_answer is not None and (player := self._open(at_answer.playback, at_answer.sound)):
            self._cued = at_answer.playback
            call.start_cue = player.connect
        param = pj.CallOpParam(True)
        param.opt.audioCount = 1
        _audio_only(param)
        param.txOption.localUri = f"<{identity}>"
        asserted = pj.SipHeader()
        asserted.hName, asserted.hValue = "P-Asserted-Identity", f"<{identity}>"
        param.txOption.headers.append(asserted)
        self._invite(call, trunk, uri, param, _SLOT_TRIES)

    def _invite(self, call: NativeCall, trunk: Trunk, uri: str, param: pj.CallOpParam, tries: int) -> None:
        self._retry = None
        try:
            with self.host.offering(trunk):
                call.makeCall(uri, param)
        except pj.Error as error:
            full = error.status == _PJ_ETOOMANY
            if full and tries and self.host.has_free_call():
                # pjsua frees a call some ms after it reported its end: while our own book has room, wait.
                self._retry = self.host.reactor.callLater(
                    _SLOT_S, self._invite, call, trunk, uri, param, tries - 1
                )
                return
            q850 = NO_RESOURCE.q850 if error.status == NO_RTP_PORT else 41
            self._end(NO_RESOURCE if full else HangupCause(q850, 503, f"not sent: {error.reason}"))

    def _end(self, cause: HangupCause) -> None:
        self.host.inbox.post(lambda at_s: self.on_ended(at_s, cause))

    def adopt(self, call: NativeCall) -> None:
        """Take over the call of an INVITE that came in."""
        call.reports = self
        self._call = call

    def listen(self, listener: LegListener) -> None:
        """Give an incoming leg the listener that decided on it."""
        self._listener = listener

    def ring(
        self, *, status: int = 180, early_media: Sound | None = None, failure: HangupCause | None = None
    ) -> None:
        """See sip.leg.Leg."""
        param = pj.CallOpParam(True)
        _audio_only(param)
        param.statusCode = 183 if early_media is not None else status
        if failure is not None:
            param.txOption.headers.append(_reason(failure))
        self._answer_with(param)
        if early_media is not None:
            self.play(PlaybackId("early-media"), early_media)

    def answer(self) -> None:
        """See sip.leg.Leg."""
        param = pj.CallOpParam(True)
        _audio_only(param)
        param.statusCode = 200
        self._answer_with(param)

    def _answer_with(self, param: pj.CallOpParam) -> None:
        if self._call is None or self._over:
            return
        try:
            self._call.answer(param)
        except pj.Error as error:
            log.info("leg %s: answer crossed a hang-up: %s", self._id, error.reason)

    def hang_up(self, cause: HangupCause) -> None:
        """See sip.leg.Leg."""
        if self._over or self._hung_up_by_us:
            return
        self._hung_up_by_us = True
        self._release_media()
        if self._call is None or self._retry is not None:  # no INVITE was sent, and none will be
            self._end(cause)
            return
        param = pj.CallOpParam()
        param.txOption.headers.append(_reason(cause))
        if not self._answered:
            param.statusCode = cause.sip_status or status_from_q850(cause.q850)
            self._given_up_with = HangupCause(cause.q850, param.statusCode, cause.text)
        try:
            self._call.hangup(param)
        except pj.Error as error:
            log.info("leg %s: hang-up crossed its end: %s", self._id, error.reason)

    # -- media ----------------------------------------------------------------------------------------

    def play(self, playback: PlaybackId, sound: Sound) -> None:
        """See sip.leg.Leg."""
        if self._over or self._call is None:
            return
        player = self._open(playback, sound)
        media = self.media
        if player is not None and media is not None:
            player.connect(media)

    def _open(self, playback: PlaybackId, sound: Sound) -> Player | None:
        self.stop(playback)
        try:
            player = Player(
                sound, self.host.cache_dir, self.host.inbox, lambda at_s: self._playback_ended(playback, at_s)
            )
        except MediaError as error:
            reason = str(error)
            self.host.inbox.post(
                lambda at_s: self._tell_if_alive(PlaybackFailed(self._id, at_s, playback, reason))
            )
            return None
        self._players[playback] = player
        return player

    def _playback_ended(self, playback: PlaybackId, at_s: float) -> None:
        if playback in self._players:
            self.stop(playback)
            self._tell_if_alive(PlaybackEnded(self._id, at_s, playback))

    def stop(self, playback: PlaybackId) -> None:
        """See sip.leg.Leg."""
        player = self._players.pop(playback, None)
        if player is not None:
            player.disconnect(self.media)
            self.host.stopped_players.add(player)
        if self._cued == playback:
            self._cued = None
            if self._call is not None:
                self._call.start_cue = None

    def send_digits(
        self,
        digits: str,
        *,
        duration_ms: int = 160,
        pause_ms: int = 60,
        transport: DigitTransport | None = None,
    ) -> None:
        """See sip.leg.Leg."""
        if self._call is not None and not self._over:
            self._sender.send(digits, duration_ms=duration_ms, pause_ms=pause_ms, transport=transport)

    def listen_for_digits(self, listen: bool) -> None:
        """See sip.leg.Leg."""
        if not self._over and not self._hung_up_by_us:
            self._keys.listen(listen, self.media)

    def start_capture(self, path: Path) -> None:
        """See sip.leg.Leg."""
        if self._over or self._hung_up_by_us:
            return
        self._capture.start(path)

    def stop_capture(self) -> "Deferred[None]":
        """See sip.leg.Leg."""
        return self._capture.stop()

    def received_level_dbm0(self) -> float:
        """See sip.leg.Leg."""
        return received_level_dbm0(self.media)

    # -- what the guard asks and tells, see sip.pjsua.guard ---------------------------------------------

    def signs(self) -> Signs | None:
        """What came from the far end so far; None while the leg is not up."""
        if self._call is None or not self._answered or self._over or self._hung_up_by_us:
            return None
        return self._call.signs()

    def report_media_lost(self, quiet_s: float) -> None:
        """Nothing has come for so long."""
        self.host.inbox.post(lambda at_s: self._tell_if_alive(LegMediaLost(self._id, at_s, quiet_s)))

    # -- reports of the native call, on the reactor's thread --------------------------------------------

    def on_ringing(self, at_s: float) -> None:
        """180."""
        self._tell_if_alive(LegRang(self._id, at_s))

    def on_progress(self, at_s: float, status: int, failure: HangupCause | None) -> None:
        """101 to 199 but 180, or a 180 that announces a failure."""
        self._tell_if_alive(LegProgressed(self._id, at_s, status, failure))

    def on_media(self, at_s: float) -> None:
        """The stream (re)started, perhaps on another conference port: connect again what was connected."""
        media = self.media
        if media is None or self._call is None:
            return
        self._rejected.follow(self._call)
        for playback, player in self._players.items():
            if self._answered or playback != self._cued:
                player.connect(media)
        self._capture.connect(at_s)
        self._keys.connect(media)
        for reconnect in self.on_media_started:
            reconnect()
        self._early_media.begin()

    def _hear_early_media(self) -> None:
        self.host.inbox.post(lambda at_s: self._tell_if_alive(LegEarlyMediaStarted(self._id, at_s)))

    def on_answered(self, at_s: float) -> None:
        """The ACK was sent or received."""
        self._answered = True
        self._early_media.end()
        self._tell_if_alive(LegAnswered(self._id, at_s))

    def on_event_packet(self, at_s: float, packet: EventPacket) -> None:
        """An RFC 4733 packet."""
        if not self._over:
            self._keys.on_packet(packet, at_s)

    def on_info_key(self, at_s: float, key: InfoKey) -> None:
        """A key by INFO."""
        if not self._over:
            self._keys.on_info(key.digit, key.duration_ms, at_s)

    def on_ended(self, at_s: float, cause: HangupCause) -> None:
        """The last report: drop everything that belongs to pjsua2, here on the owner's thread."""
        if self._over:
            return
        given_up = self._given_up_with
        if given_up is not None and cause.sip_status == given_up.sip_status:
            # The stack tells only the status it was given; several causes share one.
            cause = given_up
        self._release_media()
        self._keys.finish()
        self._over = True
        if self._call is not None:
            self._call.reports = None
            self._call.start_cue = None
            self.host.ended_calls.add(self._call)
            self._call = None
        self.host.forget(self)
        by_remote, rejected = not self._hung_up_by_us, self._rejected.count()
        self._listener(LegHungUp(self._id, at_s, cause, by_remote, rejected))

    def _release_media(self) -> None:
        self._early_media.end()
        if self._retry is not None and self._retry.active():
            self._retry.cancel()
        self._capture.finish()
        for playback in tuple(self._players):
            self.stop(playback)
        self._keys.close()
        self._sender.close()
        self.on_media_started.clear()

    def _tell_if_alive(self, event: LegEvent) -> None:
        if not self._over:
            self._listener(event)


def _audio_only(param: pj.CallOpParam) -> None:
    param.opt.videoCount = 0
    if hasattr(
        param.opt, "textCount"
    ):  # since pjproject 2.16, which offers a text stream unless told otherwise
        param.opt.textCount = 0


def _reason(cause: HangupCause) -> pj.SipHeader:
    header = pj.SipHeader()
    header.hName, header.hValue = "Reason", f'Q.850;cause={cause.q850};text="{cause.meaning}"'
    return header
