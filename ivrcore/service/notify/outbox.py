"""CDRs to their receivers, from the outbox, until they are taken or given up into a file (FAQ 9.3, 9.6).

CDRs of one application and address that ended in the same second are one message of at most 50. A message is
tried seven times, an hour apart, always with the same CDRs; then it becomes a file of cdr-spool/. All of that
is in the store, so a restart changes nothing. Each receiver has one message under way at a time, those that
ended first before the others; a slow one delays nobody else.
"""

import logging
import uuid
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from ivrcore.service.model import Push, PushKind
from ivrcore.service.notify.bodies import fee_body
from ivrcore.service.notify.client import Pusher, PushResult
from ivrcore.service.notify.rows import receivers_due, spool_chunk, take_chunk
from ivrcore.service.notify.slots import Slots
from ivrcore.service.notify.spool import SpooledChunk
from ivrcore.service.notify.status import Ending, Secrets, pause
from ivrcore.service.notify.target import origin_of
from ivrcore.service.store import outbox
from ivrcore.service.store.database import Database
from sip.reactor import DelayedCall, ReactorTime

MERGE_WAIT_S = 1.0
REPEATS = 6
INTERVAL = timedelta(hours=1)
BATCH = 50

POLL_S = 1.0
_POLL_MARGIN_S = 0.01
"""The clock of the rows and the reactor's are two."""

_SPOOL_AGAIN = timedelta(minutes=1)
"""After the spool's disk refused a file."""

_REST_S = 5.0
"""After the store refused: what waits is in it, so nothing is lost by waiting."""

log = logging.getLogger("ivrcore.service.notify")


class CdrOutbox:
    """Sends what is stored; nothing is handed to it."""

    def __init__(
        self,
        pusher: Pusher,
        secrets: Secrets,
        reactor: ReactorTime,
        database: Database,
        spool_dir: Path,
        *,
        slots: Slots | None = None,
        utc: Callable[[], datetime] = lambda: datetime.now(UTC),
        new_group: Callable[[], str] = lambda: uuid.uuid4().hex,
        batch: int = BATCH,
        repeats: int = REPEATS,
        interval: timedelta = INTERVAL,
        merge_wait_s: float = MERGE_WAIT_S,
        poll_s: float = POLL_S,
    ) -> None:
        self._pusher = pusher
        self._secrets = secrets
        self._reactor = reactor
        self._database = database
        self._spool_dir = spool_dir
        self._slots = slots or Slots(100)
        self._utc = utc
        self._new_group = new_group
        self._batch = batch
        self._repeats = repeats
        self._interval = interval
        self._merge_wait_s = merge_wait_s
        self._poll_s = poll_s
        self._receivers: dict[tuple[str, str], Deferred[None] | None] = {}
        self._ending = Ending(reactor)
        self._timer: DelayedCall | None = None
        self._wake: DelayedCall | None = None
        self._asking = False
        self.n_spooled = 0

    def start(self) -> None:
        """Begin, also with what an earlier process left."""
        self._poll()

    def wake(self) -> None:
        """A CDR has been stored: look when its wait for others is over."""
        if not self._ending.begun and (self._wake is None or not self._wake.active()):
            self._wake = self._reactor.callLater(self._merge_wait_s + _POLL_MARGIN_S, self._poll)

    def close(self, deadline_s: float) -> "Deferred[None]":
        """Begin no further message; fires when those under way have ended, broken off at the deadline."""
        for timer in (self._timer, self._wake):
            if timer is not None and timer.active():
                timer.cancel()
        return self._ending.wait(bool(self._receivers), deadline_s, self._give_up)

    def _poll(self) -> None:
        if self._asking or self._ending.begun:
            return
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._asking = True
        asked = self._database.read(receivers_due, self._utc())
        asked.addCallback(self._serve_all)
        asked.addCallbacks(lambda _: self._poll_after(self._poll_s), self._not_read)

    def _not_read(self, failure: Failure) -> None:
        log.error("the outbox cannot be read: %s", failure.value)
        self._poll_after(_REST_S)

    def _poll_after(self, wait_s: float) -> None:
        self._asking = False
        if not self._ending.begun:
            self._timer = self._reactor.callLater(wait_s, self._poll)

    def _serve_all(self, receivers: list[tuple[str, str]]) -> None:
        for receiver in receivers:
            if receiver not in self._receivers and not self._ending.begun:
                self._receivers[receiver] = None
                task = Deferred.fromCoroutine(self._send_all(receiver))
                if receiver in self._receivers:
                    self._receivers[receiver] = task

    async def _send_all(self, receiver: tuple[str, str]) -> None:
        app_key, url = receiver
        try:
            while not self._ending.begun:
                chunk = await self._database.run(
                    take_chunk, app_key, url, self._utc(), self._batch, self._new_group()
                )
                if not chunk:
                    return
                await self._send(app_key, url, chunk)
        except CancelledError:
            pass
        except Exception:  # the store refused: the rows are found again by a later poll
            log.exception("CDRs of application %s wait", app_key)
            await self._rest()
        finally:
            del self._receivers[receiver]
            if not self._receivers:
                self._ending.nothing_left()

    async def _send(self, app_key: str, url: str, chunk: list[Push]) -> None:
        if chunk[0].attempts > self._repeats:  # only its file is missing
            await self._spool(app_key, url, chunk, chunk[0].last_error)
            return
        origin = origin_of(url)
        await self._slots.acquire(origin)
        try:
            if self._ending.is_over():
                return
            secret = await self._secrets(app_key)
            body = fee_body(push.body for push in chunk)
            result = await self._pusher.push(PushKind.FEE, app_key, secret, url, body)
        finally:
            self._slots.release(origin)
        if self._ending.is_over() and not result.ok:
            return  # broken off by us, which is no attempt: the next start makes it
        await self._note(app_key, url, chunk, result)

    async def _note(self, app_key: str, url: str, chunk: list[Push], result: PushResult) -> None:
        ids = [push.id for push in chunk]
        now = self._utc()
        if result.ok:
            await self._database.run(outbox.delivered, ids, now)
            return
        log.warning("%d CDRs of application %s not taken: %s", len(chunk), app_key, result.error)
        if chunk[0].attempts >= self._repeats:
            await self._spool(app_key, url, chunk, result.error)
        else:
            due_at = now + self._interval
            await self._database.run(outbox.postpone, ids, due_at, result.error, chunk[0].group)

    async def _spool(self, app_key: str, url: str, chunk: list[Push], error: str) -> None:
        ids = [push.id for push in chunk]
        spooled = SpooledChunk(
            group=chunk[0].group,
            app_key=app_key,
            url=url,
            fees=[push.body for push in chunk],
            attempts=self._repeats + 1,
            last_error=error,
            spooled_at=self._utc().isoformat(timespec="seconds"),
        )
        try:
            path = await self._database.run(spool_chunk, self._spool_dir, spooled, ids)
        except OSError as refused:
            log.error("CDR file not written: %s", refused.strerror)
            again_at = self._utc() + _SPOOL_AGAIN
            await self._database.run(outbox.postpone, ids, again_at, error, chunk[0].group)
            return
        self.n_spooled += len(chunk)
        log.warning("%d CDRs of application %s given up into %s", len(chunk), app_key, path.name)

    async def _rest(self) -> None:
        with suppress(CancelledError):
            await pause(self._reactor, _REST_S)

    def _give_up(self) -> None:
        for task in tuple(self._receivers.values()):
            if task is not None:
                task.cancel()
