"""Which number is shown: ownership, sharing, and the fall-back for a paused one."""

import random
from collections.abc import Sequence

import pytest

from ivrcore.service.api.results import ResultCode
from ivrcore.service.model import Number, NumberState
from ivrcore.service.rules.choose import Displays, choose

OURS, THEIRS = "app-a", "app-b"

ONE = Number("+8675528000001", 1, OURS, bind_number="+8675500000001")
TWO = Number("+8675528000002", 1, OURS, bind_number="+8675500000002")
THREE = Number("+8675528000003", 1, OURS)
FOREIGN = Number("+8675528000009", 1, THEIRS, bind_number="+8675500000009")
SHARED = Number("+8675528000005", 1, THEIRS, shared=True)
SPARE = Number("+8675528000006", 1, None)


def in_state(number: Number, state: NumberState) -> Number:
    return Number(
        number.number,
        number.account_id,
        number.app_key,
        bind_number=number.bind_number,
        shared=number.shared,
        state=state,
    )


def paused(number: Number) -> Number:
    return in_state(number, NumberState.PAUSED)


def released(number: Number) -> Number:
    return in_state(number, NumberState.RELEASED)


def first(numbers: Sequence[Number]) -> Number:
    return numbers[0]


def never(numbers: Sequence[Number]) -> Number:
    raise AssertionError(f"chose among {numbers}")


def test_number_in_use_is_shown_as_asked() -> None:
    assert choose([ONE, TWO], OURS, ONE.number, pick=never) == Displays(ONE.number, "", ONE.bind_number)


def test_both_numbers_of_a_callback_are_shown_as_asked() -> None:
    shown = choose([ONE, TWO], OURS, ONE.number, TWO.number, pick=never)
    assert shown == Displays(ONE.number, TWO.number, ONE.bind_number)


def test_both_parties_may_see_the_same_number() -> None:
    shown = choose([ONE], OURS, ONE.number, ONE.number, pick=never)
    assert shown == Displays(ONE.number, ONE.number, ONE.bind_number)


@pytest.mark.parametrize(
    ("numbers", "display_a", "display_b"),
    [
        ([ONE], "+8675528999999", ""),  # of nobody
        ([ONE, FOREIGN], FOREIGN.number, ""),  # of another application (FAQ 4.5)
        ([ONE, FOREIGN], ONE.number, FOREIGN.number),
        ([ONE, SPARE], SPARE.number, ""),  # not yet assigned
        ([ONE, released(TWO)], TWO.number, ""),  # gone for good (FAQ 5.15)
        ([ONE], ONE.number.removeprefix("+"), ""),  # not as issued (FAQ 10.3)
        ([ONE], ONE.bind_number, ""),  # a business number is not shown
        ([ONE], "", ""),
    ],
)
def test_number_that_is_not_ours_is_1010023(numbers: list[Number], display_a: str, display_b: str) -> None:
    refused = choose(numbers, OURS, display_a, display_b, pick=never)
    assert refused is ResultCode.INVALID_DISPLAY_NUMBER
    assert refused.code == "1010023"


@pytest.mark.parametrize("numbers", [[], [FOREIGN], [SPARE], [released(ONE)]])
def test_application_without_numbers_is_1012001(numbers: list[Number]) -> None:
    refused = choose(numbers, OURS, ONE.number, pick=never)
    assert refused is ResultCode.NO_NUMBER_BOUND
    assert refused.code == "1012001"


def test_shared_number_is_for_every_application() -> None:
    assert choose([SHARED], OURS, SHARED.number, pick=never) == Displays(SHARED.number, "", "")
    assert choose([SHARED], THEIRS, SHARED.number, pick=never) == Displays(SHARED.number, "", "")


def test_paused_number_is_replaced_by_another_of_the_application() -> None:
    offered: list[Sequence[Number]] = []

    def last(numbers: Sequence[Number]) -> Number:
        offered.append(numbers)
        return numbers[-1]

    shown = choose([paused(ONE), TWO, THREE, FOREIGN, SPARE], OURS, ONE.number, pick=last)
    assert shown == Displays(THREE.number, "", ONE.bind_number)
    assert offered == [[TWO, THREE]]


def test_paused_number_is_replaced_from_the_account_when_the_application_has_none() -> None:
    shown = choose([paused(ONE), paused(TWO), FOREIGN], OURS, ONE.number, pick=first)
    assert shown == Displays(FOREIGN.number, "", ONE.bind_number)


def test_paused_number_is_replaced_by_the_business_number_at_last() -> None:
    shown = choose([paused(ONE), paused(FOREIGN), released(TWO)], OURS, ONE.number, pick=never)
    assert shown == Displays(ONE.bind_number, "", ONE.bind_number)


def test_business_number_of_the_request_goes_before_the_numbers_own() -> None:
    shown = choose([paused(ONE), paused(TWO)], OURS, ONE.number, "", TWO.bind_number, pick=never)
    assert shown == Displays(TWO.bind_number, "", TWO.bind_number)


def test_nothing_left_to_show_is_1012001() -> None:
    assert choose([paused(THREE)], OURS, THREE.number, pick=never) is ResultCode.NO_NUMBER_BOUND


def test_same_paused_number_on_both_sides_is_replaced_by_the_same() -> None:
    draws = iter([TWO, THREE])
    shown = choose([paused(ONE), TWO, THREE], OURS, ONE.number, ONE.number, pick=lambda _numbers: next(draws))
    assert shown == Displays(TWO.number, TWO.number, ONE.bind_number)


def test_only_the_paused_side_is_replaced() -> None:
    shown = choose([paused(ONE), TWO], OURS, TWO.number, ONE.number, pick=first)
    assert shown == Displays(TWO.number, TWO.number, TWO.bind_number)


def test_own_business_number_is_taken() -> None:
    shown = choose([ONE, TWO], OURS, ONE.number, "", TWO.bind_number, pick=never)
    assert shown == Displays(ONE.number, "", TWO.bind_number)


@pytest.mark.parametrize("bind_number", [FOREIGN.bind_number, "+8675599999999", "x"])
def test_foreign_business_number_is_1020151(bind_number: str) -> None:
    refused = choose([ONE, FOREIGN], OURS, ONE.number, "", bind_number, pick=never)
    assert refused is ResultCode.INVALID_BIND_NUMBER
    assert refused.code == "1020151"


def test_business_number_of_a_released_number_is_foreign() -> None:
    refused = choose([ONE, released(TWO)], OURS, ONE.number, "", TWO.bind_number, pick=never)
    assert refused is ResultCode.INVALID_BIND_NUMBER


def test_every_usable_number_gets_its_turn() -> None:
    """`random.Random.choice` is what the service passes."""
    dice = random.Random(1)
    seen = set()
    for _ in range(60):
        shown = choose([paused(ONE), TWO, THREE, SHARED], OURS, ONE.number, pick=dice.choice)
        assert isinstance(shown, Displays)
        seen.add(shown.a)
    assert seen == {TWO.number, THREE.number, SHARED.number}
