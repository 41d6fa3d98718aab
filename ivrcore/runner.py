"""Carries a flow out: legs report, the flow decides, the runner acts. It decides nothing itself.

    sip event -> (translate) -> history -> step() -> commands -> history -> legs, bridge, recorder, timers

Everything runs on the reactor's thread; a step and the commands it ordered are one turn of it.
"""

import logging
from collections.abc import Callable, Mapping
from functools import partial
from math import inf

from twisted.internet.defer import Deferred

from ivrcore.cdr import CallRecord, Entry, RecordingRecord, fold
from ivrcore.clock import FlowClock
from ivrcore.codes import StateCode
from ivrcore.collection import Collection
from ivrcore.commands import (
    CancelTimer,
    CloseBridge,
    CloseCall,
    Collect,
    Command,
    Dial,
    FinishRecording,
    HangUp,
    LowerTalk,
    OpenBridge,
    PassEarlyMedia,
    Play,
    RelayDigit,
    Report,
    RestoreTalk,
    StartRecording,
    StartTimer,
    Stop,
    StopCollecting,
    Verdict,
)
from ivrcore.events import (
    CaptureFailed,
    Cause,
    DigitReceived,
    DigitsCollected,
    EarlyMediaStarted,
    Event,
    FailureAnnounced,
    KeyTransport,
    LegAnswered,
    LegHungUp,
    LegRang,
    MediaLost,
    Party,
    Playable,
    PromptEnded,
    PromptFailed,
    StopOrdered,
    Timer,
    TimerExpired,
)
from ivrcore.flow import Flow
from ivrcore.recorder import Recorder
from media.collect import Rules
from media.errors import MediaError
from media.recording import MIN_TALK_MS
from sip import cause as sip_cause
from sip import events as sip_events
from sip.bridge import Bridge
from sip.endpoint import Endpoint
from sip.leg import Cue, Leg, Sound
from sip.reactor import DelayedCall
from sip.routes import Routes
from sip.trunk import Trunk

log = logging.getLogger("ivrcore.call")

UNDERNEATH_DB = -15.0
"""How loud the other party stays underneath the last-minute warning."""

_Q850_TEMPORARY_FAILURE = 41


class CallRunner:
    """One call, from the first INVITE to its record."""

    def __init__(
        self,
        session: str,
        flow: Flow,
        *,
        endpoint: Endpoint,
        trunk: Trunk | Routes,
        sounds: Mapping[Playable, Sound],
        clock: FlowClock,
        recorder: Recorder | None = None,
        observe: Callable[[Entry], None] = lambda _entry: None,
    ) -> None:
        """Prepare; `start` begins.

        Args:
            flow: decides; fresh, for this call alone.
            sounds: one for everything the flow can have played.
            recorder: needed when the flow records.
            observe: told of every entry of the history as it is made; once it raises, told no more.
        """
        self._session = session
        self._flow = flow
        self._endpoint = endpoint
        self._routes = Routes(trunk) if isinstance(trunk, Trunk) else trunk
        self._sounds = sounds
        self._clock = clock
        self._recorder = recorder
        self._observe = observe
        self._started = False
        self._broken = False
        self._closing = False
        self._legs: dict[Party, Leg] = {}
        self._bridge: Bridge | None = None
        self._timers: dict[Timer, DelayedCall] = {}
        self._collections: dict[Party, Collection] = {}
        self._rejected: dict[Party, int | None] = {}
        self._recording: Deferred[RecordingRecord] | None = None
        self._done: Deferred[CallRecord] = Deferred()
        self._utc_offset_s = clock.utc() - clock.monotonic()
        self.history: list[Entry] = []

    def start(self) -> "Deferred[CallRecord]":
        """Begin the call; fires with its record, and never fails.

        Raises:
            Exception: the first leg could not be dialled at all; nothing of the call is left.
        """
        self._started = True
        try:
            self._carry_out(self._flow.start())
        except Exception:
            self._break_off()
            raise
        return self._done

    def stop(self) -> None:
        """End the call from outside (callStop)."""
        self._take(StopOrdered())

    # -- the loop -----------------------------------------------------------------------------------------

    def _take(self, event: Event, at_s: float | None = None) -> None:
        if not self._started or self._broken:
            return
        try:
            self._note(event, at_s)
            self._carry_out(self._flow.step(event))
        except Exception:
            log.exception("%s: the call is broken off", self._session)
            self._break_off()

    def _break_off(self) -> None:
        """A bug of ours, or of the stack: rather no call than one that nobody steers any more."""
        if self._closing:
            return
        self._broken = True
        for party, leg in self._legs.items():
            try:
                leg.hang_up(sip_cause.HangupCause(_Q850_TEMPORARY_FAILURE))
            except Exception:
                log.exception("%s: %s cannot be hung up", self._session, party.value)
        opened_s = next((entry.at_s for entry in self.history if isinstance(entry.what, OpenBridge)), inf)
        keep = self._clock.monotonic() - opened_s >= MIN_TALK_MS / 1000
        self._end_recording(keep=keep, reason="the call was broken off before 3.000 s of talk")
        self._note(CloseCall(Verdict(StateCode.INTERNAL_ERROR)))
        self._close()

    def _note(self, what: Event | Command, at_s: float | None = None) -> None:
        entry = Entry(self._clock.monotonic() if at_s is None else at_s, what)
        self.history.append(entry)
        try:
            self._observe(entry)
        except Exception:  # whoever watches: the call goes on without
            log.exception("%s: the observer failed", self._session)
            self._observe = lambda _entry: None

    def _carry_out(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            self._note(command)
            self._do(command)

    def _do(self, command: Command) -> None:
        match command:
            case Dial(party, at_answer):
                self._dial(party, at_answer)
            case HangUp(party, q850):
                self._legs[party].hang_up(sip_cause.HangupCause(q850))
            case Play(party, prompt):
                self._legs[party].play(_playback(prompt), self._sounds[prompt])
            case Stop(party, prompt):
                self._legs[party].stop(_playback(prompt))
            case PassEarlyMedia():
                self._bridged().open_one_way(self._legs[Party.B].id)
            case OpenBridge():
                self._bridged().open()
            case CloseBridge():
                self._bridged().close()
            case LowerTalk(party):
                self._bridged().lower(self._legs[party].id, UNDERNEATH_DB)
            case RestoreTalk(party):
                self._bridged().restore(self._legs[party].id)
            case RelayDigit(party, digit):
                self._legs[party].send_digits(digit)
            case Collect(party, length):
                self._collect(party, Rules(length))
            case StopCollecting(party):
                self._stop_collecting(party)
            case StartRecording():
                self._start_recording()
            case FinishRecording(keep):
                self._end_recording(keep=keep, reason="the talk was shorter than 3.000 s")
            case StartTimer(timer, delay_ms):
                self._cancel(timer)
                self._timers[timer] = self._clock.after(timer, delay_ms, lambda: self._expired(timer))
            case CancelTimer(timer):
                self._cancel(timer)
            case CloseCall():
                self._close()
            case Report():
                pass  # the observer has been told

    # -- legs -----------------------------------------------------------------------------------------------

    def _dial(self, party: Party, at_answer: Playable | None) -> None:
        called = self._flow.parties[party]
        leg = self._endpoint.new_leg(
            f"{self._session}-{party.value}", lambda event: self._heard(party, event)
        )
        self._legs[party] = leg
        cue = None if at_answer is None else Cue(_playback(at_answer), self._sounds[at_answer])
        trunk = self._routes.trunk_for(called.number)
        leg.dial(trunk, called.number, display=called.display, at_answer=cue)

    def _bridged(self) -> Bridge:
        if self._bridge is None:
            self._bridge = self._endpoint.bridge(self._legs[Party.A], self._legs[Party.B])
        return self._bridge

    def _heard(self, party: Party, event: sip_events.LegEvent) -> None:
        """A leg's report in the flow's words."""
        match event:
            case sip_events.LegRang():
                self._take(LegRang(party), event.at_s)
            case sip_events.LegProgressed(failure=failure):
                if failure is not None:
                    self._take(FailureAnnounced(party), event.at_s)
            case sip_events.LegEarlyMediaStarted():
                self._take(EarlyMediaStarted(party), event.at_s)
            case sip_events.LegAnswered():
                self._take(LegAnswered(party), event.at_s)
            case sip_events.LegHungUp(cause=why, by_remote=by_remote, rejected_packets=rejected):
                if rejected:
                    log.warning("%s: refused %d strange packets to %s", self._session, rejected, party.value)
                cause = Cause(why.q850, why.sip_status, sip_cause.state_code(why))
                self._rejected[party] = rejected
                self._take(LegHungUp(party, cause, by_remote), event.at_s)
            case sip_events.LegMediaLost(quiet_s=quiet_s):
                log.warning("%s: nothing has come from %s for %.0f s", self._session, party.value, quiet_s)
                self._take(MediaLost(party), event.at_s)
            case sip_events.PlaybackEnded(playback=playback):
                self._take(PromptEnded(party, self._playable(playback)), event.at_s)
            case sip_events.PlaybackFailed(playback=playback, reason=reason):
                log.warning("%s: %s cannot be played to %s: %s", self._session, playback, party.value, reason)
                self._take(PromptFailed(party, self._playable(playback)), event.at_s)
            case sip_events.DigitReceived(digit=digit, transport=transport):
                self._take(DigitReceived(party, digit, KeyTransport(transport.value)), event.at_s)
                if party in self._collections:
                    self._collections[party].press(digit)

    def _playable(self, playback: sip_events.PlaybackId) -> Playable:
        return next(playable for playable in self._sounds if _playback(playable) == playback)

    # -- keys -----------------------------------------------------------------------------------------------

    def _collect(self, party: Party, rules: Rules) -> None:
        self._stop_collecting(party)
        self._collections[party] = Collection(rules, self._clock, partial(self._collected, party))
        self._listen(party, True)

    def _collected(self, party: Party, digits: str) -> None:
        self._stop_collecting(party)
        self._take(DigitsCollected(party, digits))

    def _stop_collecting(self, party: Party) -> None:
        collection = self._collections.pop(party, None)
        if collection is not None:
            collection.give_up()
            self._listen(party, False)

    def _listen(self, party: Party, on: bool) -> None:
        """Keys that are only heard are looked for while they count: speech may sound like one."""
        self._legs[party].listen_for_digits(on)

    # -- timers and recording -------------------------------------------------------------------------------

    def _expired(self, timer: Timer) -> None:
        del self._timers[timer]
        self._take(TimerExpired(timer))

    def _cancel(self, timer: Timer) -> None:
        call = self._timers.pop(timer, None)
        if call is not None and call.active():
            call.cancel()

    def _start_recording(self) -> None:
        assert self._recorder is not None, "a request that records needs a recorder"
        try:
            self._recorder.start(self._legs[Party.A], self._legs[Party.B])
        except MediaError as error:
            log.error("%s: recording failed: %s", self._session, error)
            self._end_recording(keep=False, reason=str(error))
            # In a turn of its own: the flow is not re-entered while its last commands are carried out.
            self._clock.soon(lambda: self._take(CaptureFailed()))

    def _end_recording(self, *, keep: bool, reason: str) -> None:
        if self._recorder is not None and self._recording is None:
            self._recording = self._recorder.end(keep=keep, reason=reason)

    def _close(self) -> None:
        self._closing = True
        for timer in tuple(self._timers):
            self._cancel(timer)
        for party in tuple(self._collections):
            self._stop_collecting(party)
        self._end_recording(keep=False, reason="the call ended before the talk")
        if self._recording is None:
            self._finish(None)
        else:
            self._recording.addCallback(self._finish)

    def _finish(self, recording: RecordingRecord | None) -> None:
        record = fold(
            self._session,
            self._flow.parties,
            self.history,
            utc_offset_s=self._utc_offset_s,
            recording=recording,
            rejected_packets=self._rejected,
        )
        self._legs.clear()
        self._bridge = None
        self._done.callback(record)


def _playback(prompt: Playable) -> sip_events.PlaybackId:
    return sip_events.PlaybackId(prompt.value)
