"""Everything that is pushed, put together from the settings: what the service starts, feeds and closes."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, cast

from twisted.internet._resolver import GAIResolver
from twisted.internet.defer import Deferred, DeferredList, succeed
from twisted.python.threadpool import ThreadPool

from ivrcore.service.model import Push
from ivrcore.service.notify.client import Observer, PushClient, PushRules
from ivrcore.service.notify.durable import DurableNotifier
from ivrcore.service.notify.outbox import CdrOutbox
from ivrcore.service.notify.signing import PushSigning
from ivrcore.service.notify.slots import Slots
from ivrcore.service.notify.status import Secrets, StatusNotifier, StrictNotifier
from ivrcore.service.notify.target import Resolver
from ivrcore.service.sections import NotifyMode, NotifySettings
from ivrcore.service.settings import ServiceSettings
from ivrcore.service.store import accounts
from ivrcore.service.store.database import Database
from sip.reactor import ReactorTime

SECRETS_KEPT_S = 5.0
"""So long after it was replaced a secret may still sign."""

_RESOLVER_THREADS = 16


class UnknownApplicationError(LookupError):
    """A push of an application that is not in the store."""


def stored_secrets(database: Database, clock: ReactorTime, keep_s: float = SECRETS_KEPT_S) -> Secrets:
    """Reads secrets from the store and keeps each for a moment: so most events wait for no thread."""
    kept: dict[str, tuple[float, str]] = {}

    def secret_of(app_key: str) -> "Deferred[str]":
        until_s, secret = kept.get(app_key, (0.0, ""))
        if clock.seconds() < until_s:
            return succeed(secret)
        found = database.read(accounts.app, app_key)

        def keep(app: Any) -> str:
            if app is None:
                raise UnknownApplicationError(app_key)
            kept[app_key] = clock.seconds() + keep_s, str(app.secret)
            return str(app.secret)

        return found.addCallback(keep)

    return secret_of


def push_rules(settings: NotifySettings) -> PushRules:
    """The rules of single pushes."""
    return PushRules(
        signing=PushSigning(settings.signature.value),
        lab=settings.allow_private,
        ca_file=settings.ca_file,
        connect_timeout_s=settings.connect_timeout_s,
        total_timeout_s=settings.total_timeout_s,
    )


def own_resolver(reactor: Any) -> Resolver:
    """A resolver with threads of its own, which end with the reactor.

    Customers' names whose servers do not answer would else hold the threads of the reactor's pool.
    """
    pool = ThreadPool(0, _RESOLVER_THREADS, name="push-names")
    pool.start()
    reactor.addSystemEventTrigger("during", "shutdown", pool.stop)
    return cast(Resolver, GAIResolver(reactor, lambda: pool))


class Pushes:
    """Status events and CDRs."""

    def __init__(
        self,
        settings: ServiceSettings,
        reactor: ReactorTime,
        database: Database,
        resolver: Resolver,
        *,
        observe: Observer | None = None,
        utc: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """`resolver`: `own_resolver(reactor)`. `observe` is told of every push: metrics.

        Raises:
            ValueError: the settings' ca_file cannot be used.
        """
        notify = settings.notify
        self._client = PushClient(reactor, resolver, push_rules(notify), observe=observe, utc=utc)
        secrets = stored_secrets(database, reactor)
        self.status: StatusNotifier
        if notify.mode is NotifyMode.DURABLE:
            self.status = DurableNotifier(
                self._client,
                secrets,
                reactor,
                database,
                slots=Slots(notify.concurrency),
                utc=utc,
                first_backoff_s=notify.status_backoff_s,
            )
        else:
            self.status = StrictNotifier(self._client, secrets, reactor, slots=Slots(notify.concurrency))
        self.cdrs = CdrOutbox(
            self._client,
            secrets,
            reactor,
            database,
            settings.cdr_spool_dir,
            slots=Slots(notify.concurrency),
            utc=utc,
            batch=notify.batch,
            repeats=notify.cdr_repeats,
            interval=timedelta(seconds=notify.cdr_interval_s),
            merge_wait_s=notify.merge_wait_s,
        )

    def start(self) -> None:
        """Begin, also with what an earlier process left in the store."""
        self.status.start()
        self.cdrs.start()

    def notify(self, push: Push) -> None:
        """Push a status event that is stored; in the order of its session."""
        self.status.notify(push)

    def wake(self) -> None:
        """The outbox has a new CDR."""
        self.cdrs.wake()

    def close(self, deadline_s: float) -> "Deferred[None]":
        """Send what waits until the deadline; fires when nothing is under way. The store has the rest."""
        ended = DeferredList([self.status.close(deadline_s), self.cdrs.close(deadline_s)])

        def closed(_: object) -> None:
            self._client.close()

        return ended.addCallback(closed)
