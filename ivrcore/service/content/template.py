"""Templates: a text with typed variables, and the values a request fills them with.

    ${TXT_n}   text of at most n characters; decimals belong here (FAQ 6.8)
    ${NUM_n}   1 to n of the digits 0 to 9
    ${DATE}    YYYY/MM/DD, a day of the calendar
    ${TIME}    HH:MM or HH:MM:SS

Sizes are counted in UTF-8: 3 bytes for a Chinese character or punctuation mark, 1 for an ASCII one. The FAQ
speaks of a "length" for n and of bytes for a value: n counts characters, no value is longer than 32 bytes.

Source: FAQ 6.7 to 6.10; a template begins with a Chinese character (the vendor's user guide).
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

MAX_TEMPLATE_BYTES = 900
MAX_VALUE_BYTES = 32
FORBIDDEN = frozenset("${}")
"""In values: they could be taken for variables (API page of the notification)."""

_VARIABLE = re.compile(r"\$\{(?:(TXT|NUM)_([1-9][0-9]?)|(DATE|TIME))\}")
_DATE = re.compile(r"([0-9]{4})/([0-9]{2})/([0-9]{2})")
_TIME = re.compile(r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9])?")
_HAN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff]")


class TemplateError(ValueError):
    """A template that breaks a rule; the text is one line that names it."""


class WrongCountError(ValueError):
    """Not one value for each variable."""


class ForbiddenValueError(ValueError):
    """A value holds `$`, `{` or `}`; `position` counts from 0. It may be a PIN: it is not told."""

    def __init__(self, position: int) -> None:
        super().__init__(f"value {position + 1} holds one of $ {{ }}")
        self.position = position


class UnfitValueError(ValueError):
    """A value breaks its variable's rule; `position` counts from 0."""

    def __init__(self, position: int, value: str, rule: str) -> None:
        super().__init__(f"value {position + 1} is not {rule}")
        self.position = position
        self.value = value
        self.rule = rule


class Kind(Enum):
    """Of a variable."""

    TEXT = "TXT"
    NUMBER = "NUM"
    DATE = "DATE"
    TIME = "TIME"


@dataclass(frozen=True)
class Variable:
    """One variable of a template. `length`: the n of TXT and NUM, else 0."""

    kind: Kind
    length: int = 0

    @property
    def rule(self) -> str:
        """What a value must be, in words."""
        match self.kind:
            case Kind.TEXT:
                return f"a text of at most {self.length} characters and {MAX_VALUE_BYTES} bytes"
            case Kind.NUMBER:
                return f"1 to {self.length} of the digits 0 to 9"
            case Kind.DATE:
                return "a date YYYY/MM/DD"
            case Kind.TIME:
                return "a time HH:MM or HH:MM:SS"

    def takes(self, value: str) -> bool:
        """Whether the value keeps the variable's rule."""
        if len(value.encode()) > MAX_VALUE_BYTES:
            return False
        match self.kind:
            case Kind.TEXT:
                return len(value) <= self.length and value.isprintable()
            case Kind.NUMBER:
                return 1 <= len(value) <= self.length and value.isascii() and value.isdecimal()
            case Kind.DATE:
                return _is_date(value)
            case Kind.TIME:
                return _TIME.fullmatch(value) is not None


@dataclass(frozen=True)
class ParsedTemplate:
    """A template that keeps the rules: fixed texts around and between its variables, one more than those."""

    texts: tuple[str, ...]
    variables: tuple[Variable, ...] = field(default=())

    def fill(self, values: Sequence[str]) -> str:
        """The text to be spoken; values go to the variables in order.

        Raises:
            WrongCountError, ForbiddenValueError, UnfitValueError: the first that applies, in this order.
        """
        if len(values) != len(self.variables):
            raise WrongCountError(f"{len(self.variables)} variables have {len(values)} values")
        for position, value in enumerate(values):
            if not FORBIDDEN.isdisjoint(value):
                raise ForbiddenValueError(position)
        for position, (variable, value) in enumerate(zip(self.variables, values, strict=True)):
            if not variable.takes(value):
                raise UnfitValueError(position, value, variable.rule)
        pieces = [self.texts[0]]
        for text, value in zip(self.texts[1:], values, strict=True):
            pieces += [value, text]
        return "".join(pieces)


def parse(content: str) -> ParsedTemplate:
    """Read a template.

    Raises:
        TemplateError: it breaks a rule of FAQ 6.7.
    """
    n_bytes = len(content.encode("utf-8", "surrogatepass"))
    if n_bytes > MAX_TEMPLATE_BYTES:
        raise TemplateError(f"the template has {n_bytes} bytes, at most {MAX_TEMPLATE_BYTES} are allowed")
    if not content or not _HAN.match(content):
        raise TemplateError("a template begins with a Chinese character")
    strange = next((c for c in content if not c.isprintable() and c != "\n"), None)
    if strange is not None:
        raise TemplateError(f"the template holds the control character U+{ord(strange):04X}")
    texts: list[str] = []
    variables: list[Variable] = []
    end = 0
    for found in _VARIABLE.finditer(content):
        texts.append(content[end : found.start()])
        variables.append(_variable(found))
        end = found.end()
    texts.append(content[end:])
    for text in texts:
        if not FORBIDDEN.isdisjoint(text):
            raise TemplateError(
                f"'{_around(text)}' is not a variable: use ${{TXT_n}}, ${{NUM_n}}, ${{DATE}}, ${{TIME}}"
            )
    for before, between, after in zip(variables, texts[1:], variables[1:], strict=False):
        if {before.kind, after.kind} == {Kind.DATE, Kind.TIME} and not {",", "，"} & set(between):
            raise TemplateError("${DATE} and ${TIME} must be separated by a comma")
    return ParsedTemplate(tuple(texts), tuple(variables))


def _variable(found: re.Match[str]) -> Variable:
    kind, length, moment = found.groups()
    if moment:
        return Variable(Kind(moment))
    if int(length) > MAX_VALUE_BYTES:
        raise TemplateError(f"{found.group()}: a variable has at most {MAX_VALUE_BYTES} bytes")
    return Variable(Kind(kind), int(length))


def _is_date(value: str) -> bool:
    found = _DATE.fullmatch(value)
    if found is None or not value.isascii():
        return False
    try:
        date(*(int(part) for part in found.groups()))
    except ValueError:
        return False
    return True


def _around(text: str) -> str:
    """The place in a text where a forbidden character stands, short enough for one line."""
    at = next(n for n, character in enumerate(text) if character in FORBIDDEN)
    return text[at : at + 12].split("\n")[0]
