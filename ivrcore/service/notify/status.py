"""Status events to their receivers, each tried once (FAQ 9.6).

Of one session an event leaves when the one before has been answered or given up; sessions do not wait for
each other. Nothing is stored: what has not been sent when the process ends is lost, as an event is worth
little later. ivrcore.service.notify.durable has the other way.
"""

import logging
from collections import OrderedDict, deque
from collections.abc import Callable
from typing import Protocol, TypeAlias

from twisted.internet.defer import CancelledError, Deferred, succeed

from ivrcore.service.model import Push, PushKind
from ivrcore.service.notify.client import Pusher
from ivrcore.service.notify.slots import Slots
from ivrcore.service.notify.target import origin_of
from sip.reactor import DelayedCall, ReactorTime

Secrets: TypeAlias = "Callable[[str], Deferred[str]]"
"""The secret of an application by its app_key."""

log = logging.getLogger("ivrcore.service.notify")


class StatusNotifier(Protocol):
    """What the service needs, whichever way is set."""

    durable: bool
    """Whether a row of the outbox belongs to each event, stored in the event's transaction."""

    def start(self) -> None:
        """Begin; in durable mode also with what an earlier process left."""

    def notify(self, push: Push) -> None:
        """Send an event that has been stored; in the order of the session's events. Never raises."""

    def close(self, deadline_s: float) -> "Deferred[None]":
        """Send what waits in memory until the deadline; fires when nothing is under way any more."""

    @property
    def n_waiting(self) -> int:
        """Events that wait in memory."""


class StrictNotifier:
    """Each event is tried once; a StatusNotifier.

    Memory is bounded: over `max_waiting` events the session that has waited longest loses what waits of it,
    over `max_waiting_per_session` a session loses its oldest waiting event. Both count in `n_dropped`.
    """

    durable = False

    def __init__(
        self,
        pusher: Pusher,
        secrets: Secrets,
        reactor: ReactorTime,
        *,
        slots: Slots | None = None,
        max_waiting: int = 20_000,
        max_waiting_per_session: int = 200,
    ) -> None:
        self._pusher = pusher
        self._secrets = secrets
        self._slots = slots or Slots(100)
        self._max_waiting = max_waiting
        self._max_waiting_per_session = max_waiting_per_session
        self._sessions: OrderedDict[str, _Session] = OrderedDict()
        self._ending = Ending(reactor)
        self._n_waiting = 0
        self.n_dropped = 0

    @property
    def n_waiting(self) -> int:
        """See StatusNotifier."""
        return self._n_waiting

    def start(self) -> None:
        """See StatusNotifier; nothing is left from an earlier process."""

    def notify(self, push: Push) -> None:
        """See StatusNotifier."""
        if self._ending.begun:
            self.n_dropped += 1
            return
        session = self._sessions.get(push.session)
        known = session is not None
        if session is None:
            self._sessions[push.session] = session = _Session()
        session.waiting.append(push)
        self._n_waiting += 1
        if len(session.waiting) > self._max_waiting_per_session:
            session.waiting.popleft()
            self._dropped(1, push.session)
        if self._n_waiting > self._max_waiting:
            self._drop_oldest()
        if not known:
            session.task = Deferred.fromCoroutine(self._send_all(push.session, session))

    def close(self, deadline_s: float) -> "Deferred[None]":
        """See StatusNotifier."""
        return self._ending.wait(bool(self._sessions), deadline_s, self._give_up)

    async def _send_all(self, name: str, session: "_Session") -> None:
        try:
            while session.waiting:
                receiver = origin_of(session.waiting[0].url)
                session.wish = self._slots.acquire(receiver)
                await session.wish
                session.wish = None
                try:
                    if self._ending.is_over():  # a push that is broken off ends as one that failed does
                        raise CancelledError
                    push = session.waiting.popleft()
                    self._n_waiting -= 1
                    await self._send(push)
                finally:
                    self._slots.release(receiver)
        except CancelledError:  # what waited was dropped, or the deadline of `close` has come
            self._dropped(len(session.waiting), name)
            session.waiting.clear()
        finally:
            del self._sessions[name]
            if not self._sessions:
                self._ending.nothing_left()

    async def _send(self, push: Push) -> None:
        try:
            secret = await self._secrets(push.app_key)
            result = await self._pusher.push(PushKind.STATUS, push.app_key, secret, push.url, push.body)
        except CancelledError:
            raise
        except Exception:  # a store that does not answer costs this event, not the ones behind it
            log.exception("event %d not sent", push.seq, extra={"session": push.session})
            return
        if not result.ok:
            log.warning("event %d not taken: %s", push.seq, result.error, extra={"session": push.session})

    def _drop_oldest(self) -> None:
        for name, session in self._sessions.items():
            if session.waiting:
                n_events = len(session.waiting)
                session.waiting.clear()
                self._dropped(n_events, name)
                if session.wish is not None:
                    session.wish.cancel()
                return

    def _dropped(self, n_events: int, session: str) -> None:
        if n_events:
            self._n_waiting -= n_events
            self.n_dropped += n_events
            log.warning("%d events dropped", n_events, extra={"session": session})

    def _give_up(self) -> None:
        for session in tuple(self._sessions.values()):
            if session.task is not None:
                session.task.cancel()


class _Session:
    """What waits of one session. `wish`: for a slot; None while an event is under way."""

    def __init__(self) -> None:
        self.waiting: deque[Push] = deque()
        self.wish: Deferred[None] | None = None
        self.task: Deferred[None] | None = None


def pause(reactor: ReactorTime, duration_s: float) -> "Deferred[None]":
    """Fires after so long; can be cancelled."""
    timer: DelayedCall
    fired: Deferred[None] = Deferred(lambda _: timer.cancel())
    timer = reactor.callLater(duration_s, lambda: fired.callback(None))
    return fired


class Ending:
    """Waiting for the last thing under way, with a deadline."""

    def __init__(self, reactor: ReactorTime) -> None:
        self._reactor = reactor
        self._told: Deferred[None] | None = None
        self._timer: DelayedCall | None = None
        self.begun = False
        self._over = False

    def wait(self, busy: bool, deadline_s: float, give_up: Callable[[], None]) -> "Deferred[None]":
        """Fires at once when not busy, else on `nothing_left`; at the deadline `give_up` is called."""
        self.begun = True
        if not busy:
            return succeed(None)
        self._told = Deferred()
        self._timer = self._reactor.callLater(deadline_s, self._break_off, give_up)
        return self._told

    def _break_off(self, give_up: Callable[[], None]) -> None:
        self._over = True
        give_up()

    def is_over(self) -> bool:
        """Whether the deadline has come: what fails now was broken off by us."""
        return self._over

    def nothing_left(self) -> None:
        """The last thing under way has ended."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        told, self._told = self._told, None
        if told is not None:
            told.callback(None)
