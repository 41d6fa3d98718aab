"""How pushes under way are shared, so that receivers that hang do not hold them all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import CancelledError, Deferred

from ivrcore.service.notify.slots import Slots


def wished(slots: Slots, receiver: str, n: int = 1) -> "list[Deferred[None]]":
    return [slots.acquire(receiver) for _ in range(n)]


def granted(wishes: "list[Deferred[None]]") -> int:
    return sum(wish.called for wish in wishes)


def test_one_receiver_gets_half_of_the_slots() -> None:
    assert granted(wished(Slots(10), "a", 20)) == 5


def test_there_is_a_slot_for_the_next_receiver_however_many_hang() -> None:
    slots = Slots(100)
    for n in range(20):
        wished(slots, f"hangs {n}", 200)
    assert granted(wished(slots, "another")) == 1


def test_a_receiver_waits_only_when_very_many_hang() -> None:
    slots = Slots(2)
    hang = [wished(slots, f"hangs {n}")[0] for n in range(8)]
    waits = wished(slots, "another")
    assert granted(hang) == 8
    assert granted(waits) == 0
    slots.release("hangs 3")
    assert granted(waits) == 1


def test_those_who_wait_get_theirs_in_the_order_they_asked() -> None:
    slots = Slots(2)
    wishes = wished(slots, "a", 4)
    for n in range(1, 5):
        assert granted(wishes) == n
        assert [wish.called for wish in wishes] == [True] * n + [False] * (4 - n)
        slots.release("a")


def test_a_wish_taken_back_is_not_granted_and_holds_nothing() -> None:
    slots = Slots(2)
    held, waits = wished(slots, "a", 2)
    failed: list[object] = []
    waits.addErrback(lambda failure: failed.append(failure.type))
    waits.cancel()
    assert failed == [CancelledError]
    slots.release("a")
    assert held.called
    assert slots.used == 0
    assert granted(wished(slots, "a")) == 1


def test_no_slots_are_refused() -> None:
    with pytest.raises(ValueError, match="0 slots"):
        Slots(0)


@given(st.integers(1, 12), st.lists(st.tuples(st.integers(0, 5), st.booleans()), max_size=200))
def test_slots_are_neither_lost_nor_made(total: int, steps: list[tuple[int, bool]]) -> None:
    slots = Slots(total)
    wishes: dict[str, list[Deferred[None]]] = {}
    n_released: dict[str, int] = {}
    for number, asks in steps:
        receiver = str(number)
        mine = wishes.setdefault(receiver, [])
        if asks:
            mine.append(slots.acquire(receiver))
        elif granted(mine) > n_released.get(receiver, 0):
            n_released[receiver] = n_released.get(receiver, 0) + 1
            slots.release(receiver)
        held = {name: granted(those) - n_released.get(name, 0) for name, those in wishes.items()}
        assert slots.used == sum(held.values()) <= 4 * total
    while slots.used:  # whoever waits is served in the end
        for receiver, mine in wishes.items():
            if granted(mine) > n_released.get(receiver, 0):
                n_released[receiver] = n_released.get(receiver, 0) + 1
                slots.release(receiver)
    assert all(wish.called for mine in wishes.values() for wish in mine)
