"""Reading a text in Mandarin.

Each rule is a pattern and what its match is read as; the first rule that matches at a place has it, so the
order of the table is the order of precedence. A rule may decline (None): then the next one is asked.
"""

import re
from collections.abc import Callable
from typing import TypeAlias

from media.speech.reading.calendar import DATE, TIME, TimeOfDay, as_date, as_time

DIGITS = "零一二三四五六七八九"

_UNITS = {
    "km/h": "公里每小时",
    "m/s": "米每秒",
    "kWh": "千瓦时",
    "kwh": "千瓦时",
    "km": "公里",
    "cm": "厘米",
    "mm": "毫米",
    "m²": "平方米",
    "㎡": "平方米",
    "m³": "立方米",
    "m": "米",
    "kg": "公斤",
    "mg": "毫克",
    "g": "克",
    "ml": "毫升",
    "mL": "毫升",
    "L": "升",
    "l": "升",
    "kW": "千瓦",
    "kw": "千瓦",
    "W": "瓦",
    "V": "伏",
    "Hz": "赫兹",
    "kHz": "千赫兹",
    "h": "小时",
    "min": "分钟",
    "ms": "毫秒",
    "s": "秒",
    "°C": "摄氏度",
    "°F": "华氏度",
    "°": "度",
}
_CURRENCIES = {
    "¥": "元",
    "RMB": "元",
    "CNY": "元",
    "$": "美元",
    "US$": "美元",
    "USD": "美元",
    "HK$": "港元",
    "HKD": "港元",
    "€": "欧元",
    "EUR": "欧元",
    "£": "英镑",
    "GBP": "英镑",
}
_SIGNS = {"#": "井号", "*": "星号", "&": "和", "@": "艾特", "+": "加", "=": "等于", "×": "乘", "÷": "除以"}
_MEASURES = "天日周月年个小时分钟秒元岁人件次折级度米公里斤克升块层楼号位"

_NUMBER = r"(?:\d{1,3}(?:,\d{3})+|\d+)(?:\.\d+)?"
_NOT_IN_NUMBER = r"(?<![\d.,A-Za-z])"
_PHONE_WORD = r"(?:电话|手机|热线|座机|固话|分机|拨打|致电|拨|呼叫)(?:号码|号)?(?:是|为|：|:|请拨|打)?\s?"


def say_digits(figures: str) -> str:
    """Digit by digit; what is no digit is left out."""
    return "".join(DIGITS[int(c)] for c in figures if c.isdecimal())


def say_phone(figures: str) -> str:
    """As a telephone number: 幺 for 1, which by ear is not taken for 七."""
    return say_digits(figures).replace("一", "幺")


def say_number(figures: str) -> str:
    """A run of digits with thousands' commas and a decimal point, digit by digit."""
    whole, _, fraction = figures.partition(".")
    return say_digits(whole) + (f"点{say_digits(fraction)}" if fraction else "")


def say_count(n: int) -> str:
    """0 to 99 as a quantity: only the parts of dates and times are."""
    tens, units = divmod(n, 10)
    head = "" if tens == 0 else "十" if tens == 1 else DIGITS[tens] + "十"
    return head + (DIGITS[units] if units or not tens else "")


def say_time(time: TimeOfDay) -> str:
    """十四点三十分; whole hours are 整, and what is below ten has its 零."""
    hour = "两" if time.hour == 2 else say_count(time.hour)
    if not time.minute and not time.second:
        return f"{hour}点整"
    second = f"{_two_places(time.second)}秒" if time.second else ""
    return f"{hour}点{_two_places(time.minute)}分{second}"


def _two_places(n: int) -> str:
    return say_count(n) if n >= 10 or n == 0 else f"零{DIGITS[n]}"


Match: TypeAlias = "re.Match[str]"
Rule: TypeAlias = "tuple[re.Pattern[str], Callable[[Match], str | None]]"


def _date(m: Match) -> str | None:
    day = as_date(m["year"], m["month"], m["day"])
    return None if day is None else f"{say_digits(m['year'])}年{say_count(day.month)}月{say_count(day.day)}日"


def _spelt_date(m: Match) -> str | None:
    if not 1 <= int(m["month"]) <= 12 or not 1 <= int(m["day"] or 1) <= 31:
        return None
    year = f"{say_digits(m['year'])}年" if m["year"] else ""
    day = f"{say_count(int(m['day']))}{m['daysign']}" if m["day"] else ""
    return f"{year}{say_count(int(m['month']))}月{day}"


def _time(m: Match) -> str | None:
    time = as_time(m["hour"], m["minute"], m["second"])
    if time is None:
        return None
    half = {"A": "上午", "P": "下午"}.get((m["half"] or " ")[0].upper(), "")
    if half and not 1 <= time.hour <= 12:
        return None
    return half + say_time(time)


def _spelt_time(m: Match) -> str | None:
    hour, minute, second = (int(m[name] or 0) for name in ("hour", "minute", "second"))
    if hour > 24 or minute > 59 or second > 59:
        return None
    said = f"{'两' if hour == 2 else say_count(hour)}点"
    if m["minute"]:
        said += f"{_two_places(minute)}分"
    return said + (f"{_two_places(second)}秒" if m["second"] else "")


def _signed(m: Match) -> str:
    return ("负" if m["minus"] else "") + say_number(m["number"])


def _money(m: Match) -> str:
    return _signed(m) + _CURRENCIES[m["sign"]]


def _word(m: Match) -> str:
    """Letters: capitals one by one, as are words that nobody can pronounce; everything else is a word."""
    word = m[0]
    spelt = (word.isupper() and len(word) <= 5) or not set("aeiouyAEIOUY") & set(word) or len(word) == 1
    return f" {' '.join(word.upper()) if spelt else word} "


def _rule(pattern: str, read: Callable[[Match], str | None]) -> Rule:
    return re.compile(pattern), read


def _longest_first(words: dict[str, str]) -> str:
    return "|".join(re.escape(word) for word in sorted(words, key=len, reverse=True))


_KEPT = "\x00"
"""A blank that was written, and stays beside Chinese words too."""

_MINUS = r"(?P<minus>-)?"
_END = r"(?![\d])"
_UNIT = rf"\s?(?P<unit>{_longest_first(_UNITS)})(?![A-Za-z])"
_SIGN = rf"(?P<sign>{_longest_first(_CURRENCIES)})"

_RULES: tuple[Rule, ...] = (
    _rule(
        rf"(?<!\d){DATE}{_END}(?:T(?=\d\d:))?", lambda m: (d := _date(m)) and d + _KEPT * m[0].endswith("T")
    ),
    _rule(
        r"(?<!\d)(?:(?P<year>\d{4})年)?(?P<month>\d{1,2})月(?:(?P<day>\d{1,2})(?P<daysign>[日号]))?",
        _spelt_date,
    ),
    _rule(rf"(?<![\d:]){TIME}(?![\d:])Z?(?:\s?(?P<half>[AaPp]\.?[Mm]\b\.?))?", _time),
    _rule(
        r"(?<![\d.])(?P<hour>\d{1,2})点(?:(?P<minute>\d{1,2})分(?:(?P<second>\d{1,2})秒)?)?(?!\d)",
        _spelt_time,
    ),
    # A span: two dates or times, or two quantities of something.
    _rule(r"(?<=\d:\d\d)\s?[-~]\s?(?=\d{1,2}:\d\d)", lambda _: "至"),
    _rule(r"(?<=[/-]\d\d)\s?[-~]\s?(?=\d{4}[/-]\d)", lambda _: "至"),
    _rule(r"(?<=[/-]\d)\s?[-~]\s?(?=\d{4}[/-]\d)", lambda _: "至"),
    _rule(
        rf"{_NOT_IN_NUMBER}(?P<a>\d{{1,3}}(?:\.\d+)?)-(?P<b>\d{{1,3}}(?:\.\d+)?)(?=\s?(?:[{_MEASURES}]|%|°))",
        lambda m: (
            f"{say_number(m['a'])}至{say_number(m['b'])}" if not m.string[m.end() :].startswith("%") else None
        ),
    ),
    _rule(
        rf"{_NOT_IN_NUMBER}(?P<a>{_NUMBER})%?\s?[-~]\s?(?P<b>{_NUMBER})%",
        lambda m: f"百分之{say_number(m['a'])}至百分之{say_number(m['b'])}",
    ),
    _rule(r"(?<=\d)\s?~\s?(?=\d)", lambda _: "至"),
    # Telephone numbers.
    _rule(
        r"(?<![\d.])(?:\+86[ -]?|0086[ -]?|86-)?1[3-9]\d(?:[ -]?\d{4}){2}(?![\d.]\d|\d)",
        lambda m: _phone(m[0]),
    ),
    _rule(r"(?<![\d.])(?:\+86[ -]?)?0\d{2,3}-\d{7,8}(?:-\d{1,6})?(?!\d)", lambda m: _phone(m[0])),
    _rule(r"(?<![\d.])[48]00-\d{3}-?\d{4}(?!\d)|(?<![\d.])[48]00-\d{4}-\d{3}(?!\d)", lambda m: _phone(m[0])),
    _rule(r"\+\d{6,15}(?!\d)", lambda m: "加" + say_phone(m[0])),
    _rule(rf"(?P<word>{_PHONE_WORD})(?P<number>\d[\d -]*\d)", lambda m: m["word"] + _phone(m["number"])),
    # Money, percent, units, fractions, scores.
    _rule(rf"(?<![A-Za-z\d]){_MINUS}{_SIGN}\s?(?P<number>{_NUMBER})", _money),
    _rule(rf"{_NOT_IN_NUMBER}{_MINUS}(?P<number>{_NUMBER})\s?{_SIGN}(?![A-Za-z])", _money),
    _rule(
        rf"{_NOT_IN_NUMBER}{_MINUS}(?P<number>{_NUMBER})\s?(?P<per>[%‰])",
        lambda m: (
            ("负" if m["minus"] else "") + {"%": "百", "‰": "千"}[m["per"]] + "分之" + say_number(m["number"])
        ),
    ),
    _rule(rf"{_NOT_IN_NUMBER}{_MINUS}(?P<number>{_NUMBER}){_UNIT}", lambda m: _signed(m) + _UNITS[m["unit"]]),
    _rule(
        r"(?<![\d/.])(?P<n>[1-9])/(?P<d>[2-9])(?![\d/])",
        lambda m: f"{say_digits(m['d'])}分之{say_digits(m['n'])}",
    ),
    _rule(
        r"(?<![\d:])(?P<a>\d{1,3}):(?P<b>\d{1,3})(?![\d:])",
        lambda m: f"{say_digits(m['a'])}比{say_digits(m['b'])}",
    ),
    _rule(r"\b[Nn]o\.\s?(?P<number>\d+)|№\s?(?P<other>\d+)", lambda m: "编号" + say_digits(m[0])),
    # Figures.
    _rule(
        rf"{_NOT_IN_NUMBER}(?<![-%）)A-Za-z0-9])-(?P<number>{_NUMBER})",
        lambda m: "负" + say_number(m["number"]),
    ),
    _rule(r"\d+(?:\.\d+){2,}", lambda m: "点".join(say_digits(part) for part in m[0].split("."))),
    _rule(_NUMBER, lambda m: say_number(m[0])),
    _rule(r"(?<=[\dA-Za-z])-(?=\d)", lambda _: "杠"),
    # Letters and signs.
    _rule(r"[A-Za-z]+(?:'[a-z]+)?", _word),
    _rule(rf"[{re.escape(''.join(_SIGNS))}]", lambda m: _SIGNS[m[0]]),
    _rule(r"[_/\\|<>^~`\[\]{}$]|-", lambda _: " "),
    _rule(r"[°¥€£%‰№]", lambda _: ""),
)

_BEFORE_HAN = re.compile(r" +(?=[\u3400-\u9fff，。！？；：、,.;:!?)])|(?<=[\u3400-\u9fff，。！？；：、]) +")
_MANY_BLANKS = re.compile(r" {2,}")


def _phone(figures: str) -> str:
    """A telephone number with its country code apart."""
    plain = re.sub(r"^(?:\+|00)86[ -]?|^86-", "", figures)
    return say_phone(plain) if plain == figures else f"加八六{say_phone(plain)}"


def read_chinese(text: str) -> str:
    """Read a folded text; see media.speech.reading."""
    said: list[str] = []
    at = 0
    while at < len(text):
        for pattern, read in _RULES:
            found = pattern.match(text, at)
            if found is not None and found.end() > at and (words := read(found)) is not None:
                said.append(words)
                at = found.end()
                break
        else:
            # A blank that was written stays; those around Latin words are ours and go next to Chinese ones.
            said.append(_KEPT if text[at] == " " else text[at])
            at += 1
    joined = _BEFORE_HAN.sub("", "".join(said))
    return _MANY_BLANKS.sub(" ", joined.replace(_KEPT, " ")).strip()
