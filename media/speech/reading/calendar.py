"""What a date and a time of day are, in either language: the exceptions from reading digit by digit."""

from dataclasses import dataclass
from datetime import date

DATE = r"(?P<year>\d{4})(?P<sep>[/-])(?P<month>\d{1,2})(?P=sep)(?P<day>\d{1,2})"
"""YYYY/MM/DD, the service's form, and YYYY-MM-DD."""

TIME = r"(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2}))?"


@dataclass(frozen=True)
class TimeOfDay:
    """A moment of the day; `second` is None where none was written."""

    hour: int
    minute: int
    second: int | None


def as_date(year: str, month: str, day: str) -> date | None:
    """The day of the calendar, or None: 2019/02/29 is a run of digits."""
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def as_time(hour: str, minute: str, second: str | None) -> TimeOfDay | None:
    """The time of day, or None; 24:00 is the end of a day, and said so."""
    moment = TimeOfDay(int(hour), int(minute), None if second is None else int(second))
    if moment.hour == 24 and (moment.minute or moment.second):
        return None
    if moment.hour > 24 or moment.minute > 59 or (moment.second or 0) > 59:
        return None
    return moment
