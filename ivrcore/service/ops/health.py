"""The document at /health: for a balancer (its status) and for a person (the rest).

200: requests are taken. 503: the store does not answer, no worker is there, or the service is shutting down.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import cast

from sqlalchemy import Connection, select
from twisted.internet.defer import Deferred
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.interfaces import IReactorTime

from ivrcore.service.store.database import Database
from ivrcore.service.store.errors import StoreError
from sip.reactor import ReactorTime

STORE_TIMEOUT_S = 2.0
"""A store that takes longer would hold every request up."""

OK, UNAVAILABLE = 200, 503


@dataclass(frozen=True)
class WorkersState:
    """How many workers answer, of how many there should be, and their legs."""

    alive: int
    expected: int
    legs_free: int
    legs_total: int


@dataclass(frozen=True)
class Health:
    """HTTP status and JSON document."""

    status: int
    document: dict[str, object]


class HealthCheck:
    """Makes the document."""

    def __init__(
        self,
        database: Database,
        workers: Callable[[], WorkersState],
        clock: ReactorTime,
        *,
        version: str,
    ) -> None:
        self._database = database
        self._workers = workers
        self._clock = clock
        self._version = version
        self._started_s = clock.seconds()
        self.stopping = False

    def check(self) -> "Deferred[Health]":
        """Ask the store and the workers; never fails."""
        return Deferred.fromCoroutine(self._check())

    async def _check(self) -> Health:
        store = await self._store()
        workers = self._workers()
        ok = not store and workers.alive > 0 and not self.stopping
        uptime_s = self._clock.seconds() - self._started_s
        document: dict[str, object] = {
            "status": "stopping" if self.stopping else "ok" if ok else "unavailable",
            "version": self._version,
            "uptime_s": round(uptime_s, 3),
            "store": {"ok": not store, "reason": store},
            "workers": {
                "ok": workers.alive >= workers.expected,
                "alive": workers.alive,
                "expected": workers.expected,
                "legs_free": workers.legs_free,
                "legs_total": workers.legs_total,
            },
        }
        return Health(OK if ok else UNAVAILABLE, document)

    async def _store(self) -> str:
        """Why the store cannot be used, without where it is; "" when it can."""
        clock = cast(IReactorTime, self._clock)  # zope's declaration is none for a type checker
        try:
            await self._database.read(_ask).addTimeout(STORE_TIMEOUT_S, clock)
        except DeferredTimeout:
            return f"no answer within {STORE_TIMEOUT_S:g} s"
        except StoreError as error:
            return type(error).__name__
        return ""


def _ask(connection: Connection) -> None:
    connection.execute(select(1))
