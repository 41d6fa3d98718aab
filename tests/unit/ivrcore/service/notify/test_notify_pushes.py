"""All pushes put together from the settings, over real connections: what the service starts and closes."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ivrcore.service.model import Account, ClientApp, Push, PushKind, Service
from ivrcore.service.notify.client import PushResult
from ivrcore.service.notify.durable import DurableNotifier
from ivrcore.service.notify.pushes import Pushes, UnknownApplicationError, push_rules, stored_secrets
from ivrcore.service.notify.signing import PushSigning
from ivrcore.service.notify.status import StrictNotifier
from ivrcore.service.notify.testing import OwnReactor, Receiver
from ivrcore.service.sections import NotifySettings
from ivrcore.service.settings import ServiceSettings
from ivrcore.service.store import accounts, outbox
from ivrcore.service.store.testing import ImmediateDatabase
from sip.manual_reactor import ManualReactor

NOW = datetime(2026, 3, 1, 8, 15, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImmediateDatabase]:
    made = ImmediateDatabase(tmp_path_factory.mktemp("pushes"))
    account = made.run_now(accounts.add_account, Account(0, "lab", "sp-lab"))
    made.run_now(accounts.add_app, ClientApp("app", "secret", account, "App", Service.CALLBACK), NOW)
    yield made
    made.close()


def settings(directory: Path, **notify: object) -> ServiceSettings:
    section = NotifySettings.model_validate({"allow_private": True, "merge_wait_s": 0.05, **notify})
    return ServiceSettings(data_dir=directory, notify=section)


@pytest.mark.parametrize("mode", ["strict", "durable"])
def test_status_events_and_cdrs_arrive_signed(
    database: ImmediateDatabase, turning: OwnReactor, tmp_path: Path, mode: str
) -> None:
    told: list[tuple[PushKind, PushResult]] = []
    pushes = Pushes(
        settings(tmp_path, mode=mode),
        turning.reactor,
        database,
        turning.reactor.nameResolver,
        observe=lambda kind, result: told.append((kind, result)),
    )
    assert isinstance(pushes.status, DurableNotifier if mode == "durable" else StrictNotifier)
    pushes.start()
    now = datetime.now(UTC)
    with Receiver() as receiver:
        url = receiver.url.replace("127.0.0.1", "localhost")  # through the resolver
        status = Push(0, PushKind.STATUS, "app", mode, 1, url, {"eventType": "callout"}, now, now)
        fee = Push(0, PushKind.FEE, "app", mode, 0, url, {"callEndTime": ""}, now, now + timedelta(0, 0.05))
        for push in (status, fee):
            if push.kind is PushKind.FEE or pushes.status.durable:
                database.run_now(outbox.add, push)
        pushes.notify(status)
        pushes.wake()
        turning.until(lambda: len(told) == 2)
        turning.result(pushes.close(5.0))
    assert [(kind, result.ok) for kind, result in told] == [(PushKind.STATUS, True), (PushKind.FEE, True)]
    for received in receiver.received:
        assert received.headers["x-aksk"].startswith('UsernameToken Username="app", PasswordDigest="')
    assert database.run_now(outbox.depth)[0] == 0


def test_rules_are_those_of_the_settings() -> None:
    section = NotifySettings.model_validate(
        {"signature": "legacy", "allow_private": True, "connect_timeout_s": 2, "total_timeout_s": 3}
    )
    rules = push_rules(section)
    assert (rules.signing, rules.lab, rules.ca_file) == (PushSigning.LEGACY, True, None)
    assert (rules.connect_timeout_s, rules.total_timeout_s) == (2.0, 3.0)


def test_rules_of_untouched_settings_are_the_documented_ones() -> None:
    rules = push_rules(NotifySettings())
    assert (rules.signing, rules.lab) == (PushSigning.CURRENT, False)
    assert (rules.connect_timeout_s, rules.total_timeout_s) == (5.0, 10.0)


def test_a_secret_comes_from_the_store_and_is_kept_for_a_moment(database: ImmediateDatabase) -> None:
    clock = ManualReactor()
    secret_of = stored_secrets(database, clock, keep_s=5.0)
    told: list[str] = []
    secret_of("app").addCallback(told.append)
    database.run_now(accounts.set_app, "app", secret="replaced")
    clock.advance(4.9)
    secret_of("app").addCallback(told.append)
    clock.advance(0.2)
    secret_of("app").addCallback(told.append)
    database.run_now(accounts.set_app, "app", secret="secret")
    assert told == ["secret", "secret", "replaced"]


def test_an_unknown_application_has_no_secret(database: ImmediateDatabase) -> None:
    failed: list[object] = []
    secret_of = stored_secrets(database, ManualReactor())
    secret_of("nobody").addCallbacks(str, lambda failure: failed.append(failure.type))
    assert failed == [UnknownApplicationError]
