"""The in-memory leg of sip.testing, and the journal that its orders go into.

The test says what the network would have said (`leg.emit_rang()`); what the real stack answers by itself,
so does this one.
"""

from dataclasses import dataclass, field
from math import inf
from pathlib import Path

from twisted.internet.defer import Deferred

from sip.cause import NO_RESOURCE, NORMAL_CLEARING, HangupCause
from sip.errors import LegStateError
from sip.events import (
    CaptureStarted,
    DigitReceived,
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
from sip.leg import Cue, LegListener, Sound
from sip.manual_reactor import ManualReactor
from sip.trunk import Trunk

LOCAL_HOST = "127.0.0.1"


@dataclass(frozen=True)
class Order:
    """One order, as it was given.

    Attributes:
        at_s: the reactor's time.
        subject: id of the leg; of a bridge both ids, joined by "+".
        verb: name of the method.
        arguments: its arguments, positional and named ones in the order of the protocol, defaults filled in.
    """

    at_s: float
    subject: str
    verb: str
    arguments: tuple[object, ...] = ()


@dataclass
class Journal:
    """What was ordered, of all legs and bridges that share it, in order."""

    reactor: ManualReactor = field(default_factory=ManualReactor)
    orders: list[Order] = field(default_factory=list)

    def note(self, subject: str, verb: str, *arguments: object) -> None:
        """Write one order down."""
        self.orders.append(Order(self.reactor.seconds(), subject, verb, arguments))

    def of(self, subject: str, verb: str | None = None) -> list[Order]:
        """The orders to one leg or bridge, of one kind where `verb` names it."""
        return [order for order in self.orders if order.subject == subject and verb in (None, order.verb)]


class ScriptedLeg:
    """Implements sip.leg.Leg.

    Attributes:
        journal: every order carried out, shared with the endpoint.
        ignored: names of the orders that came when the leg was over.
        playing: what sounds towards the far end now.
        capturing: where the leg is recorded to, None while it is not.
        listening: whether it looks for keys in the audio.
        level_dbm0: what `received_level_dbm0` answers.
        ends_when_hung_up: False leaves it to the test to emit the end of a leg that was hung up (a CANCEL on
            its way, say).
    """

    def __init__(
        self, leg_id: LegId, journal: Journal, listener: LegListener, calls_free: bool = True
    ) -> None:
        """Make a leg.

        Args:
            calls_free: False makes `dial` end in NO_RESOURCE.
        """
        self.journal = journal
        self.ignored: list[str] = []
        self.playing: dict[PlaybackId, Sound] = {}
        self.capturing: Path | None = None
        self.listening = False
        self.level_dbm0 = -inf
        self.ends_when_hung_up = True
        self.over = False
        self.answered = False
        self.hung_up_with: HangupCause | None = None
        self.dialled = ""
        self.listener = listener
        self._id = leg_id
        self._calls_free = calls_free
        self._cue: Cue | None = None

    @classmethod
    def alone(cls, name: str, listener: LegListener | None = None) -> "ScriptedLeg":
        """A leg without an endpoint; without a listener its events go nowhere."""
        return cls(LegId(name), Journal(), listener or ignore)

    # -- orders -------------------------------------------------------------------------------------------

    @property
    def id(self) -> LegId:
        """See sip.leg.Leg."""
        return self._id

    def dial(self, trunk: Trunk, called: str, *, display: str, at_answer: Cue | None = None) -> None:
        """See sip.leg.Leg; the journal holds the URI, the identity and the cue."""
        uri, identity = trunk.uri_of(called), trunk.identity_of(display, LOCAL_HOST)
        if self.dialled and not self.over:
            raise LegStateError(f"leg {self._id} was dialled before")
        if not self._take("dial", uri, identity, at_answer):
            return
        self.dialled = uri
        self._cue = at_answer
        if not self._calls_free:
            self.journal.reactor.callFromThread(self._end_unless_over, NO_RESOURCE, True)

    def ring(
        self, *, status: int = 180, early_media: Sound | None = None, failure: HangupCause | None = None
    ) -> None:
        """See sip.leg.Leg."""
        if self._take("ring", status, early_media, failure) and early_media is not None:
            self.playing[PlaybackId("early-media")] = early_media

    def answer(self) -> None:
        """See sip.leg.Leg."""
        self._take("answer")

    def hang_up(self, cause: HangupCause) -> None:
        """See sip.leg.Leg; the end follows with the next turn, or when the test emits it."""
        if self.hung_up_with is not None:
            self.ignored.append("hang_up")
        elif self._take("hang_up", cause):
            self.hung_up_with = cause
            self.playing.clear()
            if self.ends_when_hung_up:
                self.journal.reactor.callFromThread(self._end_unless_over, cause, False)

    def play(self, playback: PlaybackId, sound: Sound) -> None:
        """See sip.leg.Leg."""
        if self._take("play", playback, sound):
            self.playing[playback] = sound

    def stop(self, playback: PlaybackId) -> None:
        """See sip.leg.Leg."""
        if self._take("stop", playback):
            self.playing.pop(playback, None)
            if self._cue is not None and self._cue.playback == playback:
                self._cue = None

    def send_digits(
        self,
        digits: str,
        *,
        duration_ms: int = 160,
        pause_ms: int = 60,  # noqa: ARG002
        transport: DigitTransport | None = None,  # noqa: ARG002
    ) -> None:
        """See sip.leg.Leg; the journal leaves out pause and transport, which are a softphone's matter."""
        self._take("send_digits", digits, duration_ms)

    def listen_for_digits(self, listen: bool) -> None:
        """See sip.leg.Leg."""
        if self._take("listen_for_digits", listen):
            self.listening = listen

    def start_capture(self, path: Path) -> None:
        """See sip.leg.Leg; no file is made."""
        if self.capturing is not None:
            raise LegStateError(f"leg {self._id} is captured already")
        if self._take("start_capture", path):
            self.capturing = path

    def stop_capture(self) -> "Deferred[None]":
        """See sip.leg.Leg; fires with the next turn."""
        self._take("stop_capture")
        self.capturing = None
        done: Deferred[None] = Deferred()
        self.journal.reactor.callFromThread(done.callback, None)
        return done

    def received_level_dbm0(self) -> float:
        """See sip.leg.Leg: `level_dbm0`, or silence from a leg that is over."""
        return -inf if self.over else self.level_dbm0

    def _take(self, verb: str, *arguments: object) -> bool:
        """Write an order down; False when the leg is over and it is to be ignored."""
        if self.over:
            self.ignored.append(verb)
            return False
        self.journal.note(self._id, verb, *arguments)
        return True

    # -- what the network says, by the test's mouth ----------------------------------------------------------

    def emit_rang(self) -> None:
        """180."""
        self._emit(LegRang(self._id, self._now_s()))

    def emit_progressed(self, status: int = 183, failure: HangupCause | None = None) -> None:
        """Another provisional response."""
        self._emit(LegProgressed(self._id, self._now_s(), status, failure))

    def emit_early_media_started(self) -> None:
        """RTP before the answer."""
        self._emit(LegEarlyMediaStarted(self._id, self._now_s()))

    def emit_answered(self) -> None:
        """The 200; the cue of `dial` starts with it."""
        if self.answered:
            raise LegStateError(f"leg {self._id} was answered before")
        self.answered = True
        if self._cue is not None:
            self.playing[self._cue.playback] = self._cue.sound
        self._emit(LegAnswered(self._id, self._now_s()))

    def emit_media_lost(self, quiet_s: float = 60.0) -> None:
        """Neither RTP nor RTCP came for so long."""
        self._emit(LegMediaLost(self._id, self._now_s(), quiet_s))

    def emit_playback_ended(self, playback: str) -> None:
        """The last sample of a sound left."""
        self._end_playback(playback)
        self._emit(PlaybackEnded(self._id, self._now_s(), PlaybackId(playback)))

    def emit_playback_failed(self, playback: str, reason: str = "cannot be played") -> None:
        """A sound could not be played."""
        self._end_playback(playback)
        self._emit(PlaybackFailed(self._id, self._now_s(), PlaybackId(playback), reason))

    def emit_capture_started(self) -> None:
        """The audio of the far end reached the capture."""
        if self.capturing is None:
            raise LegStateError(f"leg {self._id} is not captured")
        self._emit(CaptureStarted(self._id, self._now_s()))

    def emit_digit(
        self, digit: str, *, duration_ms: int = 160, transport: DigitTransport = DigitTransport.RFC4733
    ) -> None:
        """A key of the far end."""
        self._emit(DigitReceived(self._id, self._now_s(), digit, duration_ms, transport))

    def emit_hung_up(self, cause: HangupCause = NORMAL_CLEARING, *, by_remote: bool | None = None) -> None:
        """The end, by the far end unless we hung up before."""
        remote = self.hung_up_with is None if by_remote is None else by_remote
        event = LegHungUp(self._id, self._now_s(), cause, remote)
        self._refuse_if_over(event)
        self.over = True
        self.playing.clear()
        self.capturing = None
        self.listener(event)

    def _emit(self, event: LegEvent) -> None:
        self._refuse_if_over(event)
        self.listener(event)

    def _refuse_if_over(self, event: LegEvent) -> None:
        if self.over:
            raise LegStateError(f"leg {self._id} is over: {type(event).__name__} cannot follow")

    def _end_unless_over(self, cause: HangupCause, by_remote: bool) -> None:
        if not self.over:
            self.emit_hung_up(cause, by_remote=by_remote)

    def _end_playback(self, playback: str) -> None:
        if self.playing.pop(PlaybackId(playback), None) is None:
            raise LegStateError(f"leg {self._id} does not play '{playback}'")

    def _now_s(self) -> float:
        return self.journal.reactor.seconds()


def ignore(event: LegEvent) -> None:
    """Listener of a leg nobody has taken."""
