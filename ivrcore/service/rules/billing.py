"""What a call costs, and which months a number is paid for (FAQ 3.1, 5.15, 9.7).

A started minute counts whole, for each leg by itself: A from A's answer to the end of the call, B from B's
answer to the end of the call. FAQ 9.7 takes callEndTime and fwdAnswerTime of the CDR as the measure, so it
is counted in the whole seconds that a CDR shows, and both legs end with the call: a customer who adds up
CDRs gets these figures.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Self

from ivrcore.service.model import Number, Service
from ivrcore.service.sections import BillingSettings


@dataclass(frozen=True)
class Bill:
    """Of one call: started minutes of each leg, and the amount in the configured currency."""

    minutes_a: int = 0
    minutes_b: int = 0
    amount: Decimal = Decimal(0)


@dataclass(frozen=True, order=True)
class Month:
    """A calendar month."""

    year: int
    number: int

    def __post_init__(self) -> None:
        if not (1970 <= self.year <= 9998 and 1 <= self.number <= 12):
            raise ValueError(f"{self.year}-{self.number:02} is no month")

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `YYYY-MM`.

        Raises:
            ValueError: it is something else; one line.
        """
        year, dash, number = text.partition("-")
        if not (dash and len(year) == 4 and len(number) == 2 and (year + number).isascii()):
            raise ValueError(f"{text!r} is no month, must be YYYY-MM")
        if not (year + number).isdigit():
            raise ValueError(f"{text!r} is no month, must be YYYY-MM")
        return cls(int(year), int(number))

    def next(self) -> "Month":
        """The month after."""
        return Month(self.year + self.number // 12, self.number % 12 + 1)

    def begins(self, utc_offset_h: int) -> datetime:
        """Its first moment in a zone, as UTC."""
        zone = timezone(timedelta(hours=utc_offset_h))
        return datetime(self.year, self.number, 1, tzinfo=zone).astimezone(UTC)

    def __str__(self) -> str:
        return f"{self.year}-{self.number:02}"


def started_minutes(answered: datetime | None, ended: datetime) -> int:
    """Minutes to pay for; 0 without an answer, else at least 1."""
    if answered is None:
        return 0
    seconds = int((ended.replace(microsecond=0) - answered.replace(microsecond=0)).total_seconds())
    return max(1, -(-seconds // 60))


def bill(service: Service, record: Mapping[str, object], prices: BillingSettings) -> Bill:
    """The figures of a finished call.

    Args:
        record: `CallRecord.as_json()`.

    Raises:
        ValueError: the record lacks its end or its legs.
    """
    ended = _moment(record.get("endedAt"))
    legs = record.get("legs")
    if ended is None or not isinstance(legs, Mapping):
        raise ValueError("the record has no end or no legs")
    minutes_a = started_minutes(_answered(legs.get("A")), ended)
    minutes_b = started_minutes(_answered(legs.get("B")), ended)
    return Bill(minutes_a, minutes_b, minute_price(service, prices) * (minutes_a + minutes_b))


def minute_price(service: Service, prices: BillingSettings) -> Decimal:
    """Of one started minute of one leg."""
    match service:
        case Service.CALLBACK:
            return prices.callback_minute
        case Service.NOTIFICATION:
            return prices.notification_minute
        case Service.VERIFICATION:
            return prices.verification_minute


def rent_due(number: Number, month: Month, utc_offset_h: int) -> bool:
    """Whether a number is paid for in a month, in use or paused.

    The first time on the day it is issued, then on the 1st of each month, at last in the month of its
    release.
    """
    if number.issued_at is None or number.issued_at >= month.next().begins(utc_offset_h):
        return False
    return number.released_at is None or number.released_at >= month.begins(utc_offset_h)


def _answered(leg: object) -> datetime | None:
    return _moment(leg.get("answeredAt")) if isinstance(leg, Mapping) else None


def _moment(text: object) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) and text else None
