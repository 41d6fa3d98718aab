"""The statement of a month, from a real store."""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TypeVar

import pytest

from ivrcore.service.model import Account, Call, ClientApp, Number, NumberState, Service
from ivrcore.service.rules.billing import Month
from ivrcore.service.rules.statement import (
    UNASSIGNED,
    Statement,
    as_csv_text,
    as_table,
    make_statement,
    money,
    run_bill,
)
from ivrcore.service.sections import BillingSettings, StoreSettings
from ivrcore.service.settings import ServiceSettings
from ivrcore.service.store import accounts, calls, cdrs, numbers
from ivrcore.service.store.errors import StoreError
from ivrcore.service.store.testing import ImmediateDatabase

T = TypeVar("T")

MARCH = Month(2026, 3)
BEGINS = datetime(2026, 2, 28, 16, tzinfo=UTC)  # midnight in China
ENDS = datetime(2026, 3, 31, 16, tzinfo=UTC)
PRICES = BillingSettings()


class Books:
    """A store with two accounts, to be filled."""

    def __init__(self, directory: Path) -> None:
        self.database = ImmediateDatabase(directory)
        self._n_calls = 0
        one = self.run(accounts.add_account, Account(0, "one", "sp1"))
        two = self.run(accounts.add_account, Account(0, "two", "sp2"))
        self.app = self._add_app("call", one, Service.CALLBACK)
        self.other = self._add_app("tell", one, Service.NOTIFICATION)
        self.third = self._add_app("code", two, Service.VERIFICATION)

    def run(self, function: Callable[..., T], *args: object) -> T:
        return self.database.run_now(function, *args)

    def _add_app(self, name: str, account: Account, service: Service) -> ClientApp:
        app = ClientApp(f"key-{name}", "s", account, name, service)
        self.run(accounts.add_app, app, BEGINS - timedelta(days=300))
        return app

    def add_call(self, app: ClientApp, ended: datetime | None, a: int, b: int, amount: str) -> None:
        self._n_calls += 1
        call = Call(
            session=f"s{self._n_calls}",
            app_key=app.app_key,
            account_id=app.account.id,
            service=app.service,
            accepted_at=BEGINS,
            display_a="+8675528000001",
            a_number="+8613500000002",
        )
        self.run(calls.accept, call)
        if ended is not None:
            self.run(cdrs.complete, call.session, ended, 0, {}, {}, a, b, Decimal(amount))

    def add_number(self, digits: str, app: ClientApp | None, account: Account, issued: datetime) -> None:
        number = Number(digits, account.id, app.app_key if app else None, issued_at=issued)
        self.run(numbers.add_number, number, issued)

    def statement(self, prices: BillingSettings = PRICES) -> Statement:
        return self.run(make_statement, MARCH, prices)


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    made = Books(tmp_path)
    yield made
    made.database.close()


def test_calls_add_up_by_application(books: Books) -> None:
    books.add_call(books.app, BEGINS, 2, 2, "0.72")
    books.add_call(books.app, ENDS - timedelta(seconds=1), 1, 0, "0.18")
    books.add_call(books.other, BEGINS + timedelta(days=15), 3, 0, "0.54")
    one, other, third = books.statement().lines
    assert (one.calls, one.answered, one.minutes_a, one.minutes_b) == (2, 2, 3, 2)
    assert (one.calls_amount, other.calls_amount, third.calls_amount) == (
        Decimal("0.90"),
        Decimal("0.54"),
        Decimal(0),
    )
    assert books.statement().total == Decimal("1.44")


def test_unanswered_call_is_counted_and_costs_nothing(books: Books) -> None:
    books.add_call(books.app, BEGINS, 0, 0, "0")
    line = books.statement().lines[0]
    assert (line.calls, line.answered, line.total) == (1, 0, Decimal(0))


@pytest.mark.parametrize("ended", [BEGINS - timedelta(microseconds=1), ENDS, None])
def test_call_that_ended_in_another_month_is_not_on_it(books: Books, ended: datetime | None) -> None:
    books.add_call(books.app, ended, 1, 1, "0.36")
    assert books.statement().lines[0].calls == 0


def test_amounts_are_those_of_the_cdr_after_a_change_of_prices(books: Books) -> None:
    books.add_call(books.app, BEGINS, 2, 2, "0.72")
    dear = BillingSettings(callback_minute=Decimal(9))
    assert books.statement(dear).lines[0].calls_amount == Decimal("0.72")


def test_numbers_are_paid_by_their_application(books: Books) -> None:
    books.add_number("+8675528000001", books.app, books.app.account, BEGINS - timedelta(days=90))
    books.add_number("+8675528000002", books.app, books.app.account, ENDS - timedelta(hours=1))
    books.add_number("+8675528000003", books.app, books.app.account, ENDS)
    books.add_number("+8675528000004", books.third, books.third.account, BEGINS)
    one, _, third = books.statement().lines
    assert one.numbers == ["+8675528000001", "+8675528000002"]
    assert (one.rent, third.rent) == (Decimal(60), Decimal(30))
    assert one.total == Decimal(60)


def test_paused_number_is_paid_and_a_released_one_to_its_last_month(books: Books) -> None:
    for digits in ("1", "2", "3"):
        books.add_number(f"+867552800000{digits}", books.app, books.app.account, BEGINS - timedelta(days=90))
    books.run(numbers.set_number_state, "+8675528000001", NumberState.PAUSED, BEGINS)
    books.run(numbers.set_number_state, "+8675528000002", NumberState.RELEASED, BEGINS)
    books.run(numbers.set_number_state, "+8675528000003", NumberState.RELEASED, BEGINS - timedelta(seconds=1))
    assert books.statement().lines[0].numbers == ["+8675528000001", "+8675528000002"]


def test_number_of_no_application_has_a_line_of_its_account(books: Books) -> None:
    books.add_number("+8675528000001", None, books.app.account, BEGINS)
    lines = books.statement().lines
    assert [(line.account.name, line.app.name if line.app else None) for line in lines] == [
        ("one", "call"),
        ("one", "tell"),
        ("one", None),
        ("two", "code"),
    ]
    assert lines[2].rent == Decimal(30)
    assert lines[2].cells()[1] == UNASSIGNED


def test_csv_has_a_line_for_each_application(books: Books) -> None:
    books.add_call(books.app, BEGINS, 2, 2, "0.72")
    books.add_number("+8675528000001", books.app, books.app.account, BEGINS)
    header, first, second, third = csv.reader(io.StringIO(as_csv_text(books.statement())))
    assert dict(zip(header, first, strict=True)) == {
        "month": "2026-03",
        "account": "one",
        "application": "call",
        "app_key": "key-call",
        "service": "callback",
        "calls": "1",
        "answered": "1",
        "minutes_a": "2",
        "minutes_b": "2",
        "calls_amount": "0.72",
        "numbers": "1",
        "rent": "30.00",
        "total": "30.72",
    }
    assert (second[2], third[2]) == ("tell", "code")


def test_csv_gives_a_spreadsheet_no_formula() -> None:
    app = ClientApp("k", "s", Account(1, "@one", "sp"), "=1+1", Service.CALLBACK)
    text = as_csv_text(Statement(MARCH, [app], PRICES))
    assert "2026-03,'@one,'=1+1,k" in text


def test_table_shows_names_as_they_are_and_the_sum(books: Books) -> None:
    books.add_call(books.app, BEGINS, 2, 2, "0.72")
    books.add_number("+8675528000001", books.other, books.app.account, BEGINS)
    text = as_table(books.statement(), "CNY")
    assert "2026-03, amounts in CNY" in text
    assert "key-call" in text
    assert text.splitlines()[-2].split("│")[-2].strip() == "30.72"


def test_table_takes_no_markup_from_a_name() -> None:
    app = ClientApp("k", "s", Account(1, "one", "sp"), "[red]x[/red]", Service.CALLBACK)
    assert "[red]x[/red]" in as_table(Statement(MARCH, [app], PRICES), "CNY")


@pytest.mark.parametrize(
    ("amount", "text"),
    [("0", "0.00"), ("30", "30.00"), ("1E+2", "100.00"), ("0.720", "0.72"), ("0.125", "0.125")],
)
def test_money_has_two_decimals_at_least(amount: str, text: str) -> None:
    assert money(Decimal(amount)) == text


def settings_of(directory: Path) -> ServiceSettings:
    return ServiceSettings(data_dir=directory, store=StoreSettings(url=f"sqlite:///{directory / 'store.db'}"))


def test_bill_command_reads_the_store_beside_a_running_service(books: Books, tmp_path: Path) -> None:
    books.add_call(books.app, BEGINS, 2, 2, "0.72")
    assert "key-call,callback,1,1,2,2,0.72" in run_bill(settings_of(tmp_path), "2026-03", as_csv=True)
    assert "0.72" in run_bill(settings_of(tmp_path), "2026-03")


def test_bill_command_refuses_what_is_no_month(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="'march' is no month"):
        run_bill(settings_of(tmp_path), "march")


def test_bill_command_makes_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="there is no store"):
        run_bill(settings_of(tmp_path), "2026-03")
    assert not (tmp_path / "store.db").exists()
