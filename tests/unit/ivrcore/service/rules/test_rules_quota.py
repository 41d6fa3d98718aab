"""Ports and the guard of frequency: counts, limits, and counting anew."""

from datetime import UTC, datetime, timedelta

import pytest

from ivrcore.service.api.results import ResultCode
from ivrcore.service.model import Account, Call, ClientApp, Service
from ivrcore.service.rules.quota import Frequency, Ports
from ivrcore.service.sections import FrequencySettings

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def make_app(key: str = "a", concurrency: int = 2, account: Account | None = None) -> ClientApp:
    return ClientApp(
        app_key=key,
        secret="s",
        account=account or Account(1, "one", "sp1"),
        name=key,
        service=Service.CALLBACK,
        concurrency=concurrency,
    )


def make_call(session: str, app: ClientApp) -> Call:
    return Call(
        session=session,
        app_key=app.app_key,
        account_id=app.account.id,
        service=app.service,
        accepted_at=NOON,
        display_a="+8675528000001",
        a_number="+8613500000002",
    )


def test_application_has_ten_ports_unless_told_otherwise() -> None:
    """FAQ 2.7."""
    app = ClientApp("a", "s", Account(1, "one", "sp1"), "a", Service.CALLBACK)
    ports = Ports()
    assert [ports.take(app, f"s{i}") for i in range(11)] == [None] * 10 + [ResultCode.NO_FREE_PORT]
    assert ResultCode.NO_FREE_PORT.code == "1020165"


def test_released_port_is_free_again() -> None:
    app, ports = make_app(concurrency=1), Ports()
    assert ports.take(app, "s1") is None
    assert ports.take(app, "s2") is ResultCode.NO_FREE_PORT
    assert ports.release("s1")
    assert ports.take(app, "s2") is None


def test_port_is_given_back_once() -> None:
    app, ports = make_app(), Ports()
    ports.take(app, "s1")
    ports.take(app, "s2")
    assert ports.release("s1")
    assert not ports.release("s1")
    assert not ports.release("unknown")
    assert ports.used("a") == 1


def test_session_takes_one_port_however_often_it_asks() -> None:
    app, ports = make_app(concurrency=1), Ports()
    assert ports.take(app, "s1") is None
    assert ports.take(app, "s1") is None
    assert ports.used("a") == 1
    ports.release("s1")
    assert ports.used("a") == 0


def test_refused_session_holds_nothing() -> None:
    app, ports = make_app(concurrency=1), Ports()
    ports.take(app, "s1")
    ports.take(app, "s2")
    assert not ports.release("s2")
    assert ports.total == 1


def test_applications_have_ports_of_their_own() -> None:
    ports = Ports()
    assert ports.take(make_app("a", 1), "s1") is None
    assert ports.take(make_app("b", 1), "s2") is None
    assert ports.take(make_app("a", 1), "s3") is ResultCode.NO_FREE_PORT


def test_account_limits_its_applications_together() -> None:
    account = Account(7, "seven", "sp7", concurrency=2)
    a, b, ports = make_app("a", 5, account), make_app("b", 5, account), Ports()
    assert ports.take(a, "s1") is None
    assert ports.take(b, "s2") is None
    refused = ports.take(b, "s3")
    assert refused is ResultCode.ACCOUNT_CALL_LIMIT
    assert refused.code == "1013001"
    assert ports.used_by_account(7) == 2
    ports.release("s1")
    assert ports.take(b, "s3") is None


def test_accounts_do_not_limit_each_other() -> None:
    one, two = Account(1, "one", "sp1", concurrency=1), Account(2, "two", "sp2", concurrency=1)
    ports = Ports()
    assert ports.take(make_app("a", 5, one), "s1") is None
    assert ports.take(make_app("b", 5, two), "s2") is None


def test_application_without_ports_gets_none() -> None:
    assert Ports().take(make_app(concurrency=0), "s1") is ResultCode.NO_FREE_PORT


def test_idle_port_counts_down_to_zero() -> None:
    """D28: the quota less the calls in progress."""
    app, ports = make_app(concurrency=2), Ports()
    assert ports.idle_port(app) == 2
    ports.take(app, "s1")
    assert ports.idle_port(app) == 1
    ports.take(app, "s2")
    ports.take(app, "s3")
    assert ports.idle_port(app) == 0


def test_idle_port_is_bounded_by_the_account() -> None:
    account = Account(7, "seven", "sp7", concurrency=3)
    a, b, ports = make_app("a", 10, account), make_app("b", 10, account), Ports()
    ports.take(b, "s1")
    assert ports.idle_port(a) == 2


def test_idle_port_stays_in_its_range() -> None:
    """Integer 0 to 65535."""
    assert Ports().idle_port(make_app(concurrency=1_000_000)) == 65535


def test_rebuild_counts_the_open_calls() -> None:
    app, ports = make_app(concurrency=3), Ports()
    ports.take(app, "of before")
    ports.rebuild([make_call("s1", app), make_call("s2", app)])
    assert ports.used("a") == 2
    assert not ports.release("of before")
    assert ports.release("s1")
    assert ports.release("s2")
    assert (ports.used("a"), ports.used_by_account(1), ports.total) == (0, 0, 0)


def test_rebuild_counts_beyond_a_lowered_quota() -> None:
    """Calls that are up are not ended; new ones wait until enough of them have."""
    app, ports = make_app(concurrency=1), Ports()
    ports.rebuild([make_call("s1", app), make_call("s2", app)])
    assert ports.used("a") == 2
    assert ports.idle_port(app) == 0
    ports.release("s1")
    assert ports.take(app, "s3") is ResultCode.NO_FREE_PORT
    ports.release("s2")
    assert ports.take(app, "s3") is None


def test_ports_are_told_by_service_however_they_were_counted() -> None:
    app = make_app()
    ports = Ports()
    ports.rebuild([make_call("s1", app)])
    ports.take(app, "s1")
    ports.take(app, "s2")
    assert ports.by_service == {Service.CALLBACK: 2}
    ports.release("s1")
    ports.release("s2")
    assert ports.by_service[Service.CALLBACK] == 0


def test_rebuild_counts_a_session_once() -> None:
    app, ports = make_app(), Ports()
    ports.rebuild([make_call("s1", app), make_call("s1", app)])
    assert ports.used("a") == 1


class Calendar:
    """A time that is set."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


GUARD = FrequencySettings(enabled=True)


def test_fourth_call_to_a_number_in_a_day_is_refused() -> None:
    """FAQ 2.13."""
    time = Calendar()
    frequency = Frequency(GUARD, time)
    for _ in range(3):
        assert frequency.admit(["+8613500000002"]) is None
    refused = frequency.admit(["+8613500000002"])
    assert refused is ResultCode.TRAFFIC_CONTROL
    assert refused.code == "1011006"
    assert frequency.admit(["+8613500000003"]) is None


@pytest.mark.parametrize(
    ("later", "admitted"),
    [(timedelta(hours=24) - timedelta(microseconds=1), False), (timedelta(hours=24), True)],
)
def test_day_is_24_hours_to_the_microsecond(later: timedelta, admitted: bool) -> None:
    time = Calendar()
    frequency = Frequency(GUARD, time)
    for _ in range(3):
        frequency.admit(["n"])
    time.now += later
    assert (frequency.admit(["n"]) is None) is admitted


def test_eleventh_call_in_30_days_is_refused() -> None:
    time = Calendar()
    frequency = Frequency(GUARD, time)
    for _ in range(10):
        assert frequency.admit(["n"]) is None
        time.now += timedelta(days=2)
    assert frequency.admit(["n"]) is ResultCode.TRAFFIC_CONTROL
    time.now = NOON + timedelta(days=30)  # the first one is 30 days old
    assert frequency.admit(["n"]) is None
    assert frequency.admit(["n"]) is ResultCode.TRAFFIC_CONTROL


def test_refused_call_is_not_counted_for_either_party() -> None:
    frequency = Frequency(FrequencySettings(enabled=True, per_day=1), Calendar())
    assert frequency.admit(["b"]) is None
    assert frequency.admit(["a", "b"]) is ResultCode.TRAFFIC_CONTROL
    assert frequency.admit(["a"]) is None


def test_number_that_is_both_parties_counts_once() -> None:
    frequency = Frequency(FrequencySettings(enabled=True, per_day=2), Calendar())
    assert frequency.admit(["a", "a", ""]) is None
    assert frequency.admit(["a"]) is None
    assert frequency.admit(["a"]) is ResultCode.TRAFFIC_CONTROL


def test_guard_is_off_by_default() -> None:
    """The platform advises, and does not enforce."""
    frequency = Frequency(FrequencySettings(), Calendar())
    assert [frequency.admit(["n"]) for _ in range(50)] == [None] * 50
    frequency.rebuild([("n", NOON)])
    assert len(frequency) == 0


def test_frequency_is_counted_anew_from_the_store() -> None:
    frequency = Frequency(GUARD, Calendar())
    frequency.admit(["other"])
    frequency.rebuild([("n", NOON - timedelta(hours=hours)) for hours in (30, 5, 2)])
    assert len(frequency) == 1
    assert frequency.admit(["n"]) is None  # one of the three is of the day before
    assert frequency.admit(["n"]) is ResultCode.TRAFFIC_CONTROL


def test_numbers_of_last_month_are_forgotten() -> None:
    time = Calendar()
    frequency = Frequency(GUARD, time)
    frequency.admit(["old"])
    time.now += timedelta(days=29)
    frequency.admit(["new"])
    time.now += timedelta(days=1)
    frequency.forget_old()
    assert len(frequency) == 1
    assert [frequency.admit(["old"]) for _ in range(3)] == [None] * 3
