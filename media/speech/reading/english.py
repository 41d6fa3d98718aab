"""Reading a text in English, by the same rules as in Mandarin: figures digit by digit, dates as such."""

import re
from collections.abc import Callable
from typing import TypeAlias

from media.speech.reading.calendar import DATE, TIME, TimeOfDay, as_date, as_time

DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")

_TEENS = [
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
]  # 10 to 19
_TENS = ("", "", "twenty", "thirty", "forty", "fifty")
_MONTHS = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
]
_ORDINALS = {"one": "first", "two": "second", "three": "third", "five": "fifth", "eight": "eighth"} | {
    "nine": "ninth",
    "twelve": "twelfth",
}
_UNITS = {
    "km/h": "kilometres per hour",
    "km": "kilometres",
    "cm": "centimetres",
    "mm": "millimetres",
    "m": "metres",
    "kg": "kilograms",
    "mg": "milligrams",
    "g": "grams",
    "ml": "millilitres",
    "L": "litres",
    "kWh": "kilowatt hours",
    "kW": "kilowatts",
    "W": "watts",
    "V": "volts",
    "Hz": "hertz",
    "min": "minutes",
    "ms": "milliseconds",
    "s": "seconds",
    "h": "hours",
    "°C": "degrees Celsius",
    "°F": "degrees Fahrenheit",
    "°": "degrees",
}
_CURRENCIES = {"¥": "yuan", "$": "dollars", "US$": "dollars", "€": "euros", "£": "pounds"}
_SIGNS = {"#": "pound", "*": "star", "&": "and", "@": "at", "+": "plus", "=": "equals", "×": "times"}

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_ALONE = r"(?<![\d.,A-Za-z])"

Match: TypeAlias = "re.Match[str]"
Rule: TypeAlias = "tuple[re.Pattern[str], Callable[[Match], str | None]]"


def say_digits(figures: str) -> str:
    """Digit by digit; what is no digit is left out."""
    return " ".join(DIGITS[int(c)] for c in figures if c.isdecimal())


def say_number(figures: str) -> str:
    """A run of digits with thousands' commas and a decimal point, digit by digit."""
    whole, _, fraction = figures.partition(".")
    return say_digits(whole) + (f" point {say_digits(fraction)}" if fraction else "")


def say_count(n: int) -> str:
    """0 to 59 as a quantity: only the parts of dates and times are."""
    if n < 10:
        return DIGITS[n]
    if n < 20:
        return _TEENS[n - 10]
    tens, units = divmod(n, 10)
    return _TENS[tens] + (f"-{DIGITS[units]}" if units else "")


def say_ordinal(n: int) -> str:
    """1 to 31: a day of the month."""
    head, dash, last = say_count(n).rpartition("-")
    said = _ORDINALS.get(last) or (last[:-1] + "ieth" if last.endswith("y") else last + "th")
    return head + dash + said


def say_year(year: int) -> str:
    """In pairs, as years are: twenty seventeen, nineteen oh five, two thousand nine."""
    century, rest = divmod(year, 100)
    if not 1000 <= year <= 2999:
        return say_digits(str(year))
    if century == 20 and rest < 10:
        return "two thousand" + (f" {DIGITS[rest]}" if rest else "")
    tail = "hundred" if not rest else f"oh {DIGITS[rest]}" if rest < 10 else _two_figures(rest)
    return f"{say_count(century)} {tail}"


def _two_figures(n: int) -> str:
    tens = (*_TENS, "sixty", "seventy", "eighty", "ninety")
    return say_count(n) if n < 20 else tens[n // 10] + (f"-{DIGITS[n % 10]}" if n % 10 else "")


def say_time(time: TimeOfDay) -> str:
    """fourteen thirty, and ten seconds; whole hours are o'clock, or hundred hours after noon."""
    hour = say_count(time.hour)
    if not time.minute:
        said = f"{hour} o'clock" if time.hour <= 12 else f"{hour} hundred hours"
    else:
        said = f"{hour} {say_count(time.minute) if time.minute >= 10 else 'oh ' + DIGITS[time.minute]}"
    if not time.second:
        return said
    return f"{said} and {say_count(time.second)} second{'' if time.second == 1 else 's'}"


def _date(m: Match) -> str | None:
    day = as_date(m["year"], m["month"], m["day"])
    return None if day is None else f"{_MONTHS[day.month - 1]} {say_ordinal(day.day)}, {say_year(day.year)}"


def _time(m: Match) -> str | None:
    time = as_time(m["hour"], m["minute"], m["second"])
    if time is None:
        return None
    if not m["half"]:
        return say_time(time)
    if not 1 <= time.hour <= 12:
        return None
    half = " ".join(m["half"].replace(".", "").upper())
    said = say_time(time).removesuffix(" o'clock") if not time.second else say_time(time)
    return f"{said} {half}"


def _signed(m: Match) -> str:
    return ("minus " if m["minus"] else "") + say_number(m["number"])


def _word(m: Match) -> str:
    word = m[0]
    spelt = (word.isupper() and 2 <= len(word) <= 5) or not set("aeiouyAEIOUY") & set(word)
    return " ".join(word.upper()) if spelt else word


def _rule(pattern: str, read: Callable[[Match], str | None], *, own: bool = True) -> "tuple[Rule, bool]":
    """`own`: the words stand apart from what is beside them."""
    return (re.compile(pattern), read), own


def _longest_first(words: dict[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_MINUS = r"(?P<minus>-)?"
_UNIT = rf"\s?(?P<unit>{_longest_first(_UNITS)})(?![A-Za-z])"
_SIGN = rf"(?P<sign>{_longest_first(_CURRENCIES)})"

_RULES = (
    _rule(rf"(?<!\d){DATE}(?!\d)(?:T(?=\d\d:))?", _date),
    _rule(rf"(?<![\d:]){TIME}(?![\d:])Z?(?:\s?(?P<half>[AaPp]\.?[Mm]\b\.?))?", _time),
    _rule(r"(?<=\d)\s?~\s?(?=\d)", lambda _: "to"),
    _rule(r"\+\d{6,15}(?!\d)", lambda m: "plus " + say_digits(m[0])),
    _rule(
        r"(?<![\d.])1[3-9]\d(?:[ -]?\d{4}){2}(?!\d)|(?<![\d.])\d{3}-\d{3,4}-\d{4}(?!\d)",
        lambda m: say_digits(m[0]),
    ),
    _rule(
        rf"(?<![A-Za-z\d]){_MINUS}{_SIGN}\s?(?P<number>{_NUMBER})",
        lambda m: f"{_signed(m)} {_CURRENCIES[m['sign']]}",
    ),
    _rule(rf"{_ALONE}{_MINUS}(?P<number>{_NUMBER})\s?%", lambda m: f"{_signed(m)} percent"),
    _rule(rf"{_ALONE}{_MINUS}(?P<number>{_NUMBER}){_UNIT}", lambda m: f"{_signed(m)} {_UNITS[m['unit']]}"),
    _rule(r"\b[Nn]o\.\s?(?P<number>\d+)|№\s?(?P<other>\d+)", lambda m: "number " + say_digits(m[0])),
    _rule(rf"{_ALONE}(?<![-%)\w])-(?P<number>{_NUMBER})", lambda m: "minus " + say_number(m["number"])),
    _rule(r"\d+(?:\.\d+){2,}", lambda m: " point ".join(say_digits(part) for part in m[0].split("."))),
    _rule(_NUMBER, lambda m: say_number(m[0])),
    _rule(r"(?<=[\dA-Za-z])-(?=\d)", lambda _: "dash"),
    _rule(r"(?<=[A-Za-z])-(?=[A-Za-z])", lambda m: m[0], own=False),
    _rule(r"[A-Za-z]+(?:'[a-z]+)?", _word, own=False),
    _rule(rf"[{re.escape(''.join(_SIGNS))}]", lambda m: _SIGNS[m[0]]),
    _rule(r"[_/\\|<>^~`\[\]{}$]|-", lambda _: " ", own=False),
    _rule(r"[°¥€£%‰№]", lambda _: "", own=False),
)

_BLANKS = re.compile(r" {2,}")
_BEFORE_MARK = re.compile(r" +(?=[,.;:!?)])")


def read_english(text: str) -> str:
    """Read a folded text; see media.speech.reading."""
    said: list[str] = []
    at = 0
    while at < len(text):
        for (pattern, read), own in _RULES:
            found = pattern.match(text, at)
            if found is not None and found.end() > at and (words := read(found)) is not None:
                said.append(f" {words} " if own else words)
                at = found.end()
                break
        else:
            said.append(text[at])
            at += 1
    return _BEFORE_MARK.sub("", _BLANKS.sub(" ", "".join(said))).strip()
