"""Started minutes, amounts and months: every figure by hand."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from ivrcore.service.model import Number, NumberState, Service
from ivrcore.service.rules.billing import Bill, Month, bill, minute_price, rent_due, started_minutes
from ivrcore.service.sections import BillingSettings

PRICES = BillingSettings()
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
MARCH = Month(2026, 3)
CHINA = 8


@pytest.mark.parametrize(
    ("seconds", "minutes"),
    [(0, 1), (1, 1), (59, 1), (60, 1), (61, 2), (119, 2), (120, 2), (121, 3), (86400, 1440), (-5, 1)],
)
def test_started_minute_counts_whole(seconds: int, minutes: int) -> None:
    assert started_minutes(NOON, NOON + timedelta(seconds=seconds)) == minutes


def test_call_without_answer_costs_nothing() -> None:
    assert started_minutes(None, NOON) == 0


def test_minutes_are_counted_in_the_seconds_a_cdr_shows() -> None:
    """12:00:00.9 to 12:01:00.95 is 60.05 s, and 12:00:00 to 12:01:00 on the CDR (FAQ 9.7)."""
    answered = NOON + timedelta(milliseconds=900)
    assert started_minutes(answered, NOON + timedelta(seconds=60, milliseconds=950)) == 1
    assert started_minutes(answered, NOON + timedelta(seconds=61)) == 2


def record(
    a_answered: str | None, ended: str, b_answered: str | None = None, *, b: bool = True
) -> dict[str, object]:
    legs: dict[str, object] = {"A": {"answeredAt": a_answered, "endedAt": ended}}
    if b:
        legs["B"] = {"answeredAt": b_answered, "endedAt": ended}
    return {"legs": legs, "endedAt": ended}


def test_callback_pays_for_both_legs_each_by_itself() -> None:
    """The example of the CDR: A from 08:15:41, B from 08:15:52, both to 08:17:40: 119 s and 108 s, 2 + 2."""
    call = record("2026-03-01T08:15:41.000Z", "2026-03-01T08:17:40.000Z", "2026-03-01T08:15:52.000Z")
    # 4 x 0.18
    assert bill(Service.CALLBACK, call, PRICES) == Bill(2, 2, Decimal("0.72"))


def test_legs_are_rounded_apart() -> None:
    """A 61 s, B 60 s: 2 + 1 minutes, not the 3 that 121 s would also make, nor 2 x 2."""
    call = record("2026-03-01T08:00:00.000Z", "2026-03-01T08:01:01.000Z", "2026-03-01T08:00:01.000Z")
    assert bill(Service.CALLBACK, call, PRICES) == Bill(2, 1, Decimal("0.54"))


def test_callback_that_b_did_not_answer_pays_for_a() -> None:
    call = record("2026-03-01T08:00:00.000Z", "2026-03-01T08:00:40.000Z")
    assert bill(Service.CALLBACK, call, PRICES) == Bill(1, 0, Decimal("0.18"))


def test_callback_that_nobody_answered_costs_nothing() -> None:
    assert bill(Service.CALLBACK, record(None, "2026-03-01T08:00:40.000Z"), PRICES) == Bill(0, 0, Decimal(0))


@pytest.mark.parametrize("service", [Service.NOTIFICATION, Service.VERIFICATION])
def test_services_with_one_leg_pay_for_one(service: Service) -> None:
    call = record("2026-03-01T08:00:00.000Z", "2026-03-01T08:02:01.000Z", b=False)
    assert bill(service, call, PRICES) == Bill(3, 0, Decimal("0.54"))


def test_each_service_has_its_price() -> None:
    prices = BillingSettings(
        callback_minute=Decimal("0.1"), notification_minute=Decimal("0.2"), verification_minute=Decimal("0.3")
    )
    assert [str(minute_price(service, prices)) for service in Service] == ["0.1", "0.2", "0.3"]


def test_amounts_are_exact() -> None:
    """A thousand minutes at 0.18: floats would not give 180."""
    call = record("2026-03-01T00:00:00.000Z", "2026-03-01T16:40:00.000Z", b=False)
    assert bill(Service.NOTIFICATION, call, PRICES) == Bill(1000, 0, Decimal("180.00"))


@pytest.mark.parametrize("broken", [{}, {"endedAt": None, "legs": {}}, {"endedAt": "2026-03-01T08:00:00Z"}])
def test_record_without_end_or_legs_is_refused(broken: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="no end or no legs"):
        bill(Service.CALLBACK, broken, PRICES)


def number(
    issued: datetime | None, released: datetime | None = None, state: NumberState = NumberState.IN_USE
) -> Number:
    return Number("+8675528000001", 1, "a", state=state, issued_at=issued, released_at=released)


# Midnight of 1 March in China is 16:00 of 28 February in UTC; of 1 April, 16:00 of 31 March.
MARCH_BEGINS = datetime(2026, 2, 28, 16, tzinfo=UTC)
APRIL_BEGINS = datetime(2026, 3, 31, 16, tzinfo=UTC)
INSTANT = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("issued", "released", "due"),
    [
        (datetime(2025, 1, 1, tzinfo=UTC), None, True),  # counted on the 1st
        (MARCH_BEGINS, None, True),
        (datetime(2026, 3, 31, 15, tzinfo=UTC), None, True),  # its first month, on the day of issue
        (APRIL_BEGINS - INSTANT, None, True),
        (APRIL_BEGINS, None, False),
        (datetime(2025, 1, 1, tzinfo=UTC), MARCH_BEGINS - INSTANT, False),  # gone in February
        (datetime(2025, 1, 1, tzinfo=UTC), MARCH_BEGINS, True),  # the month of release is paid whole
        (datetime(2025, 1, 1, tzinfo=UTC), APRIL_BEGINS, True),
        (datetime(2026, 3, 5, tzinfo=UTC), datetime(2026, 3, 5, 1, tzinfo=UTC), True),
        (None, None, False),
    ],
)
def test_rent_is_due_from_issue_to_the_month_of_release(
    issued: datetime | None, released: datetime | None, due: bool
) -> None:
    assert rent_due(number(issued, released), MARCH, CHINA) is due


def test_paused_number_is_paid_for() -> None:
    assert rent_due(number(MARCH_BEGINS, state=NumberState.PAUSED), MARCH, CHINA)


def test_month_begins_in_its_zone() -> None:
    assert MARCH.begins(CHINA) == MARCH_BEGINS
    assert MARCH.next().begins(CHINA) == APRIL_BEGINS
    assert MARCH.begins(0) == datetime(2026, 3, 1, tzinfo=UTC)


def test_year_turns_after_december() -> None:
    assert str(Month(2026, 12).next()) == "2027-01"
    assert str(Month(2026, 11).next()) == "2026-12"


def test_month_is_read_as_written() -> None:
    assert str(Month.parse("2026-03")) == "2026-03"


@pytest.mark.parametrize(
    "text",
    ["", "2026", "2026-3", "2026-13", "2026-00", "26-03", "2026/03", "2026-03-01", "abcd-ef", "２０２６-03"],
)
def test_what_is_no_month_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(ValueError, match="is no month"):
        Month.parse(text)
