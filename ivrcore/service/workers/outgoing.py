"""The events of one session on their way to the front end: spooled, sent in order, acknowledged."""

import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Protocol

from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionClosed

from ivrcore.service.model import CallEvent, EventKind
from ivrcore.service.workers.backoff import Backoff
from ivrcore.service.workers.spool import SessionSpool
from sip.reactor import ReactorTime

log = logging.getLogger("ivrcore.worker")


class Send(Protocol):
    """Sends one event to the front end; fires when it is stored there."""

    def __call__(self, event: CallEvent) -> "Deferred[Any]": ...


class Outgoing:
    """One session's events. `settled` is called when its record is stored and its spool is gone."""

    def __init__(
        self,
        session: str,
        spool: SessionSpool,
        reactor: ReactorTime,
        in_thread: "Callable[..., Deferred[Any]]",
        *,
        forget: "Callable[[str], Deferred[None]]",
        settled: Callable[[str], None],
    ) -> None:
        """`forget`: the record is safe, so the captures can go."""
        self.session = session
        self._spool = spool
        self._reactor = reactor
        self._in_thread = in_thread
        self._forget = forget
        self._settled = settled
        self._waiting: deque[CallEvent] = deque()
        self._send: Send | None = None
        self._sending = False
        self._recorded = False
        self._stored = False
        self._dirty = self._syncing = False
        self._backoff = Backoff(0.5, 10.0)

    @property
    def unacknowledged(self) -> int:
        """How many events the front end has not stored."""
        return len(self._waiting)

    def tell(self, event: CallEvent) -> None:
        """The next event: into the spool, and to the front end if it is there."""
        self._spool.append(event)
        self._waiting.append(event)
        self._recorded = event.kind is EventKind.RECORD
        self._sync()
        self._next()

    def connect(self, send: Send | None) -> None:
        """The front end is there, or it is gone; what was not acknowledged is sent again."""
        self._send = send
        self._sending = False
        self._next()

    # -- to the front end -----------------------------------------------------------------------------------

    def _next(self) -> None:
        if self._send is None or self._sending or not self._waiting:
            return
        self._sending = True
        Deferred.fromCoroutine(self._send_first(self._send))

    async def _send_first(self, send: Send) -> None:
        event = self._waiting[0]
        try:
            await send(event)
        except ConnectionClosed:
            return  # the next connection begins with it
        except Exception as error:  # it could not be stored: a locked database passes
            log.error("%s: event %d is sent again: %s", self.session, event.seq, type(error).__name__)
            self._reactor.callLater(self._backoff.next_s(), self._again, send)
            return
        if send is not self._send:
            return  # acknowledged on a connection that is gone; the new one has it in hand
        self._backoff.reset()
        self._waiting.popleft()
        self._sending = False
        if event.kind is EventKind.RECORD:
            self._stored = True
            self._look_whether_settled()
        else:
            self._next()

    def _again(self, send: Send) -> None:
        if send is self._send:
            self._sending = False
            self._next()

    # -- to the disk ----------------------------------------------------------------------------------------

    def _sync(self) -> None:
        """One at a time; what comes meanwhile is synced together."""
        self._dirty = True
        if not self._syncing:
            self._syncing = True
            Deferred.fromCoroutine(self._sync_all())

    async def _sync_all(self) -> None:
        safe = False
        while self._dirty:
            self._dirty = False
            safe = bool(await self._in_thread(self._spool.sync))
        self._syncing = False
        if self._recorded and safe:
            await self._forget(self.session)
        self._look_whether_settled()

    def _look_whether_settled(self) -> None:
        if self._stored and not self._syncing:
            self._stored = False
            Deferred.fromCoroutine(self._settle())

    async def _settle(self) -> None:
        await self._forget(self.session)  # again, or for a disk that is full: the front end has the record
        self._spool.remove()
        self._settled(self.session)
