"""Status events repeated until their receivers take them: beyond the FAQ, for those who want every event.

An event is a row of the outbox, stored with what caused it. The next of a session leaves only after the one
before was taken, and each carries its number within the session (SEQUENCE_HEADER), without a gap: so a
receiver can tell a repeat (the process died between the answer and the note of it) and a loss (given up after
a day).
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from ivrcore.service.model import Push, PushKind
from ivrcore.service.notify.client import Pusher, PushResult
from ivrcore.service.notify.rows import sessions_due
from ivrcore.service.notify.slots import Slots
from ivrcore.service.notify.status import Ending, Secrets, pause
from ivrcore.service.notify.target import origin_of
from ivrcore.service.store import outbox
from ivrcore.service.store.database import Database
from sip.reactor import DelayedCall, ReactorTime

SEQUENCE_HEADER = "X-Ivrcore-Sequence"

FIRST_BACKOFF_S = 1.0
LONGEST_BACKOFF_S = 60.0
GIVE_UP_AFTER = timedelta(hours=24)

POLL_S = 0.5
_LIMIT = 500
_MAX_SESSIONS = 5_000
"""Sessions in memory at once; the others wait in the store."""

_REST_S = 5.0
"""After the store refused: what waits is in it, so nothing is lost by waiting."""

log = logging.getLogger("ivrcore.service.notify")


def backoff_s(attempts: int, first_s: float = FIRST_BACKOFF_S, longest_s: float = LONGEST_BACKOFF_S) -> float:
    """How long to wait after so many failed attempts (1 or more): 1, 2, 4, ... seconds, 60 at the most."""
    return min(longest_s, first_s * 2.0 ** min(attempts - 1, 30))


class DurableNotifier:
    """Each event is tried until it is taken, for a day; a StatusNotifier."""

    durable = True

    def __init__(
        self,
        pusher: Pusher,
        secrets: Secrets,
        reactor: ReactorTime,
        database: Database,
        *,
        slots: Slots | None = None,
        utc: Callable[[], datetime] = lambda: datetime.now(UTC),
        give_up_after: timedelta = GIVE_UP_AFTER,
        first_backoff_s: float = FIRST_BACKOFF_S,
        poll_s: float = POLL_S,
    ) -> None:
        self._pusher = pusher
        self._secrets = secrets
        self._reactor = reactor
        self._database = database
        self._slots = slots or Slots(100)
        self._utc = utc
        self._give_up_after = give_up_after
        self._first_backoff_s = first_backoff_s
        self._poll_s = poll_s
        self._sessions: dict[str, Deferred[None] | None] = {}
        self._again: set[str] = set()
        self._ending = Ending(reactor)
        self._timer: DelayedCall | None = None

    @property
    def n_waiting(self) -> int:
        """Sessions that are being served; what waits is in the store."""
        return len(self._sessions)

    def start(self) -> None:
        """See StatusNotifier."""
        self._poll()

    def notify(self, push: Push) -> None:
        """See StatusNotifier; the row has been stored."""
        self._serve(push.session)

    def close(self, deadline_s: float) -> "Deferred[None]":
        """See StatusNotifier; what is not taken by then stays in the store."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        return self._ending.wait(bool(self._sessions), deadline_s, self._give_up)

    def _poll(self) -> None:
        if self._ending.begun:
            return
        limit = _LIMIT + len(self._sessions)  # those being served are among the answers
        asked = self._database.read(sessions_due, self._utc(), limit)
        asked.addCallback(self._serve_all)
        asked.addCallbacks(lambda _: self._poll_after(self._poll_s), self._not_read)

    def _not_read(self, failure: Failure) -> None:
        log.error("the outbox cannot be read: %s", failure.value)
        self._poll_after(_REST_S)

    def _poll_after(self, wait_s: float) -> None:
        if not self._ending.begun:
            self._timer = self._reactor.callLater(wait_s, self._poll)

    def _serve_all(self, sessions: list[str]) -> None:
        for session in sessions:
            if session not in self._sessions:
                self._serve(session)

    def _serve(self, session: str) -> None:
        if self._ending.begun:
            return
        if session in self._sessions:
            self._again.add(session)
        elif len(self._sessions) < _MAX_SESSIONS:
            self._sessions[session] = None
            task = Deferred.fromCoroutine(self._send_all(session))
            if session in self._sessions:
                self._sessions[session] = task

    async def _send_all(self, session: str) -> None:
        try:
            while True:
                self._again.discard(session)
                waiting = await self._database.read(outbox.pending_of_session, session)
                if waiting and waiting[0].due_at <= self._utc() and not self._ending.begun:
                    await self._send(waiting[0])
                elif session not in self._again or self._ending.begun:
                    return
        except CancelledError:
            pass
        except Exception:  # the store refused: the row is found again by a later poll
            log.exception("events wait", extra={"session": session})
            await self._rest()
        finally:
            self._again.discard(session)
            del self._sessions[session]
            if not self._sessions:
                self._ending.nothing_left()

    async def _send(self, push: Push) -> None:
        receiver = origin_of(push.url)
        await self._slots.acquire(receiver)
        try:
            if self._ending.is_over():
                return
            secret = await self._secrets(push.app_key)
            result = await self._pusher.push(
                PushKind.STATUS,
                push.app_key,
                secret,
                push.url,
                push.body,
                {SEQUENCE_HEADER: str(push.seq)},
            )
        finally:
            self._slots.release(receiver)
        if self._ending.is_over() and not result.ok:
            return  # broken off by us, which is no attempt: the next start makes it
        await self._note(push, result)

    async def _note(self, push: Push, result: PushResult) -> None:
        now = self._utc()
        again_at = now + timedelta(seconds=backoff_s(push.attempts + 1, self._first_backoff_s))
        if result.ok:
            await self._database.run(outbox.delivered, [push.id], now)
        elif again_at <= push.created_at + self._give_up_after:
            await self._database.run(outbox.postpone, [push.id], again_at, result.error)
        else:
            log.warning("event %d given up: %s", push.seq, result.error, extra={"session": push.session})
            await self._database.run(outbox.spooled, [push.id], result.error)

    async def _rest(self) -> None:
        with suppress(CancelledError):
            await pause(self._reactor, _REST_S)

    def _give_up(self) -> None:
        for task in tuple(self._sessions.values()):
            if task is not None:
                task.cancel()
