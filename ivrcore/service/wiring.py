"""The service's settings in the words of its parts. Nothing is decided here."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.threads import deferToThreadPool

from ivrcore.service.admin.ports import AdminPorts, Places
from ivrcore.service.api.ports import CallService, KnownAnswer, LoginTokens, Ports
from ivrcore.service.model import ClientApp, Recording
from ivrcore.service.sections import NotifyMode
from ivrcore.service.settings import ServiceSettings, SettingsError
from ivrcore.service.settle import Bookkeeping
from ivrcore.service.store import accounts, idempotency, nonces, recordings, tokens
from ivrcore.service.store.database import Database
from ivrcore.service.store.tokens import Token
from ivrcore.service.workers.listener import SupervisorSettings
from ivrcore.service.workers.settings import WorkerSettings


def books(settings: ServiceSettings) -> Bookkeeping:
    """What a CDR needs."""
    return Bookkeeping(
        host=settings.calls.host_name,
        record_domain=settings.recording.domain,
        bucket=settings.recording.bucket,
        prices=settings.billing,
        durable=settings.notify.mode is NotifyMode.DURABLE,
    )


def supervisor_settings(settings: ServiceSettings) -> SupervisorSettings:
    """How workers are run.

    Raises:
        SipConfigError: a file of TLS is missing.
    """
    endpoint = settings.workers.endpoint({trunk.transport for trunk in settings.trunks})
    endpoint.check_tls_files()
    cache = (settings.data_dir / "cache").absolute()
    worker = WorkerSettings(
        recordings_dir=settings.recordings_dir.absolute(),
        cache_dir=cache,
        endpoint=replace(
            endpoint, cache_dir=cache, trace_file=Path("sip.log") if settings.workers.trace else None
        ),
        routes=settings.routes(),
        clock_scale=settings.calls.clock_scale,
        ringback_country=settings.calls.ringback_country,
        speech=settings.speech.choice(),
        orphan_s=settings.workers.orphan_s,
    )
    return SupervisorSettings(
        run_dir=settings.run_dir,
        worker=worker,
        workers=settings.workers.count,
        queue_jobs=settings.workers.queue_length,
        queue_s=settings.workers.queue_wait_s,
        ping_s=settings.workers.health_s,
        restart_first_s=settings.workers.backoff_min_s,
        restart_most_s=settings.workers.backoff_max_s,
    )


def check_settings(settings: ServiceSettings) -> None:
    """What can be told of settings before anything is opened, beyond their form.

    Raises:
        SipConfigError, SettingsError: a file that they name is missing; one line.
    """
    supervisor_settings(settings)
    for key, path in (
        ("http.certificate", settings.http.certificate),
        ("http.key", settings.http.key),
        ("notify.ca_file", settings.notify.ca_file),
    ):
        if path is not None and not path.is_file():
            raise SettingsError(f"{key}: there is no file {path}")


def utc_now() -> datetime:
    """The time, aware."""
    return datetime.now(UTC)


class TokenStore:
    """The store of the oldest login style (ivrcore.service.api.ports.TokenPort)."""

    def __init__(self, database: Database, lifetime_s: int) -> None:
        self._database = database
        self._lifetime = timedelta(seconds=lifetime_s)

    def issue(self, app_key: str, now: datetime) -> "Deferred[LoginTokens]":
        """See TokenPort."""
        return self._database.run(tokens.issue, app_key, now, self._lifetime).addCallback(self._as_login)

    def find(self, token: str, now: datetime) -> "Deferred[str | None]":
        """See TokenPort."""
        return self._database.read(tokens.find, token, now)

    def refresh(self, refresh: str, app_key: str, now: datetime) -> "Deferred[LoginTokens | None]":
        """See TokenPort."""
        done = self._database.run(tokens.refresh, app_key, refresh, now, self._lifetime)
        return done.addCallback(lambda token: None if token is None else self._as_login(token))

    def revoke(self, token: str) -> "Deferred[None]":
        """See TokenPort."""
        return self._database.run(tokens.revoke, token).addCallback(lambda _: None)

    def _as_login(self, token: Token) -> LoginTokens:
        return LoginTokens(token.access_token, token.refresh_token, int(self._lifetime.total_seconds()))


def admin_ports(
    database: Database, settings: ServiceSettings, reactor: Any, now: Callable[[], datetime] = utc_now
) -> AdminPorts:
    """What the admin API is given; `reactor`: Twisted's own, for its threads."""

    def in_thread(work: Callable[[], Any]) -> "Deferred[Any]":
        return deferToThreadPool(reactor, reactor.getThreadPool(), work)

    return AdminPorts(database, Places.below(settings.data_dir), in_thread, now)


def api_ports(
    service: CallService,
    database: Database,
    settings: ServiceSettings,
    now: Callable[[], datetime] = utc_now,
) -> Ports:
    """What the API asks of the store and the heart."""

    def app_by_key(app_key: str) -> "Deferred[ClientApp | None]":
        return database.read(accounts.app, app_key)

    def first_use(app_key: str, nonce: str, at: datetime) -> "Deferred[bool]":
        return database.run(nonces.first_use, app_key, nonce, at)

    def known_answer(app_key: str, key: str) -> "Deferred[KnownAnswer | None]":
        found = database.read(idempotency.find, app_key, key)
        return found.addCallback(lambda answer: answer)  # for its type: a Deferred is invariant

    def recording(name: str) -> "Deferred[Recording | None]":
        return database.read(recordings.recording, name)

    token_port = TokenStore(database, settings.api.token_life_s) if settings.api.old_logins else None
    return Ports(service, app_by_key, first_use, known_answer, recording, now, token_port)
