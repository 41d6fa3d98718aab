"""The monthly statement: what each application used, and what its numbers cost (FAQ 3.1).

Amounts of calls are those on the CDRs, made with the prices of their day; rent is of the prices now.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal

from rich.console import Console
from rich.table import Table
from sqlalchemy import Connection

from ivrcore.service.model import Account, ClientApp, Number
from ivrcore.service.ops.offline import offline_store
from ivrcore.service.rules.billing import Month, rent_due
from ivrcore.service.sections import BillingSettings
from ivrcore.service.settings import ServiceSettings
from ivrcore.service.store import accounts, cdrs, numbers
from ivrcore.service.store.cdrs import Cdr

DAY = timedelta(days=1)

UNASSIGNED = "(no application)"
"""Where the rent of numbers goes that belong to none."""

COLUMNS = (
    "account",
    "application",
    "app_key",
    "service",
    "calls",
    "answered",
    "minutes_a",
    "minutes_b",
    "calls_amount",
    "numbers",
    "rent",
    "total",
)


@dataclass
class Line:
    """One application's month; `app` is None for what an account's unassigned numbers cost."""

    account: Account
    app: ClientApp | None
    calls: int = 0
    answered: int = 0
    minutes_a: int = 0
    minutes_b: int = 0
    calls_amount: Decimal = Decimal(0)
    numbers: list[str] = field(default_factory=list)
    rent: Decimal = Decimal(0)

    @property
    def total(self) -> Decimal:
        """Calls and rent."""
        return self.calls_amount + self.rent

    def add_call(self, cdr: Cdr) -> None:
        """Count a finished call."""
        self.calls += 1
        self.answered += bool(cdr.billed_minutes_a)
        self.minutes_a += cdr.billed_minutes_a
        self.minutes_b += cdr.billed_minutes_b
        self.calls_amount += cdr.amount

    def add_rent(self, number: Number, price: Decimal) -> None:
        """Count a number's month."""
        self.numbers.append(number.number)
        self.rent += price

    def cells(self) -> tuple[str, ...]:
        """As the columns go."""
        return (
            self.account.name,
            self.app.name if self.app else UNASSIGNED,
            self.app.app_key if self.app else "",
            self.app.service.value if self.app else "",
            str(self.calls),
            str(self.answered),
            str(self.minutes_a),
            str(self.minutes_b),
            money(self.calls_amount),
            str(len(self.numbers)),
            money(self.rent),
            money(self.total),
        )


class Statement:
    """The lines of a month, filled call by call."""

    def __init__(self, month: Month, apps: Iterable[ClientApp], prices: BillingSettings) -> None:
        self.month = month
        self._prices = prices
        self._lines = {app.app_key: Line(app.account, app) for app in apps}
        self._unassigned: dict[int, Line] = {}

    def add_calls(self, finished: Iterable[Cdr]) -> None:
        """Count finished calls; of an application that is not known, none is."""
        for cdr in finished:
            line = self._lines.get(cdr.app_key)
            if line is not None:
                line.add_call(cdr)

    def add_numbers(self, account: Account, owned: Iterable[Number]) -> None:
        """Count the rent of an account's numbers."""
        for number in owned:
            if rent_due(number, self.month, self._prices.utc_offset_h):
                line = self._lines.get(number.app_key or "")
                if line is None:
                    line = self._unassigned.setdefault(account.id, Line(account, None))
                line.add_rent(number, self._prices.number_month)

    @property
    def lines(self) -> list[Line]:
        """By account, applications in the order they were made, unassigned numbers last."""
        every = [*self._lines.values(), *self._unassigned.values()]
        return sorted(every, key=lambda line: (line.account.id, line.app is None))

    @property
    def total(self) -> Decimal:
        """Of all lines."""
        return sum((line.total for line in self.lines), Decimal(0))


def make_statement(connection: Connection, month: Month, prices: BillingSettings) -> Statement:
    """Read a month from the store, a day at a time, so that a busy month does not fill the memory."""
    every = accounts.accounts(connection)
    apps = [app for account in every for app in accounts.apps(connection, account.id)]
    statement = Statement(month, apps, prices)
    start, end = month.begins(prices.utc_offset_h), month.next().begins(prices.utc_offset_h)
    while start < end:
        statement.add_calls(cdrs.between(connection, None, start, start + DAY))
        start += DAY
    for account in every:
        statement.add_numbers(account, numbers.numbers_of_account(connection, account.id))
    return statement


def run_bill(settings: ServiceSettings, month: str, *, as_csv: bool = False) -> str:
    """`ivrcore bill --month YYYY-MM [--csv]`: the statement as text to print.

    Raises:
        ValueError: that is no month.
        StoreError: the store cannot be read.
    """
    which = Month.parse(month)
    with offline_store(settings) as database:
        statement = database.run_now(make_statement, which, settings.billing)
    return as_table(statement, settings.billing.currency) if not as_csv else as_csv_text(statement)


def as_csv_text(statement: Statement) -> str:
    """A header and a line for each application, no sum: for a spreadsheet."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("month", *COLUMNS))
    for line in statement.lines:
        writer.writerow((str(statement.month), *map(_no_formula, line.cells())))
    return text.getvalue()


def as_table(statement: Statement, currency: str) -> str:
    """For a person."""
    table = Table(title=f"{statement.month}, amounts in {currency}", show_footer=True)
    footers: Sequence[str] = ("total", *[""] * (len(COLUMNS) - 2), money(statement.total))
    for index, (name, footer) in enumerate(zip(COLUMNS, footers, strict=True)):
        table.add_column(name.replace("_", " "), footer, justify="right" if index > 3 else "left")
    for line in statement.lines:
        table.add_row(*line.cells())
    text = io.StringIO()
    Console(file=text, markup=False, emoji=False, highlight=False, width=200).print(table)
    return text.getvalue()


def money(amount: Decimal) -> str:
    """An amount with at least two decimals, and no more than it has."""
    exact = amount.normalize()
    places = max(2, -int(exact.as_tuple().exponent))
    return f"{exact:.{places}f}"


def _no_formula(cell: str) -> str:
    """A spreadsheet takes a text that begins with these for a formula; names are the customers' own."""
    return "'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell
