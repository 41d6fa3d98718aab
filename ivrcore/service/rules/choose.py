"""Which number a party sees: one the application may show, or another one while that is paused.

A number belongs to one application, unless it is shared by its account (FAQ 4.5, 5.3; D15). A paused one is
replaced at random: by another of the application, else of the account, else by the business number
(FAQ 5.10; D16). A bindNbr in a request must be the application's (D26).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from ivrcore.service.api.results import ResultCode
from ivrcore.service.model import Number, NumberState

Pick: TypeAlias = Callable[[Sequence[Number]], Number]
"""Takes one of several, at random: `random.Random.choice`."""


@dataclass(frozen=True)
class Displays:
    """What is really shown. `b` is "" where only A is called; `bind` is the business number of the call."""

    a: str
    b: str
    bind: str


def choose(
    numbers: Sequence[Number],
    app_key: str,
    display_a: str,
    display_b: str = "",
    bind_number: str = "",
    *,
    pick: Pick,
) -> Displays | ResultCode:
    """Rule on the numbers of one request.

    Args:
        numbers: all numbers of the application's account.
        display_a: displayNbr. display_b: displayCalleeNbr, "" where only A is called.
        bind_number: bindNbr as given, or "".

    Returns:
        The numbers to show; or why not: 1012001 the application has no number at all (or none is left to
        show), 1020151 a foreign bindNbr, 1010023 a foreign or unknown number.
    """
    mine = [number for number in numbers if _usable_by(number, app_key)]
    if not mine:
        return ResultCode.NO_NUMBER_BOUND
    if bind_number and bind_number not in {number.bind_number for number in mine}:
        return ResultCode.INVALID_BIND_NUMBER
    shown: dict[str, str] = {}  # both parties see the same number again where the same was asked for
    first = None
    for asked in dict.fromkeys(filter(None, (display_a, display_b))):
        owned = next((number for number in mine if number.number == asked), None)
        if owned is None:
            return ResultCode.INVALID_DISPLAY_NUMBER
        first = first or owned
        replacement = _in_its_place(owned, numbers, mine, bind_number, pick)
        if not replacement:
            return ResultCode.NO_NUMBER_BOUND
        shown[asked] = replacement
    if first is None:
        return ResultCode.INVALID_DISPLAY_NUMBER
    return Displays(
        a=shown[display_a] if display_a else "",
        b=shown[display_b] if display_b else "",
        bind=bind_number or first.bind_number,
    )


def _usable_by(number: Number, app_key: str) -> bool:
    return number.state is not NumberState.RELEASED and (number.shared or number.app_key == app_key)


def _in_its_place(
    owned: Number, numbers: Sequence[Number], mine: Sequence[Number], bind_number: str, pick: Pick
) -> str:
    """The number itself, or what is shown while it is paused; "" for nothing."""
    if owned.state is NumberState.IN_USE:
        return owned.number
    for group in (mine, numbers):
        candidates = [number for number in group if number.state is NumberState.IN_USE]
        if candidates:
            return pick(candidates).number
    return bind_number or owned.bind_number
