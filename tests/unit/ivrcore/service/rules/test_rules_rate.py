"""Calls a second: turns, the line, and its bounds, on a virtual clock."""

from twisted.internet.defer import CancelledError, Deferred
from twisted.python.failure import Failure

from ivrcore.service.api.errors import Refusal
from ivrcore.service.api.results import ResultCode
from ivrcore.service.model import Account, ClientApp, Service
from ivrcore.service.rules.quota import Rate
from sip.manual_reactor import ManualReactor


def make_app(calls_per_second: float, key: str = "a") -> ClientApp:
    return ClientApp(
        app_key=key,
        secret="s",
        account=Account(1, "one", "sp1"),
        name=key,
        service=Service.CALLBACK,
        calls_per_second=calls_per_second,
    )


class Door:
    """Requests at a Rate: when each went on, and what became of it."""

    def __init__(self, calls_per_second: float, *, length: int = 100, wait_s: float = 100.0) -> None:
        self.clock = ManualReactor()
        self.rate = Rate(self.clock, queue_length=length, queue_wait_s=wait_s)
        self.app = make_app(calls_per_second)
        self.went: list[tuple[str, float]] = []
        self.refused: list[str] = []

    def knock(self, name: str, app: ClientApp | None = None) -> "Deferred[None]":
        turn = self.rate.turn(app or self.app)
        turn.addCallbacks(
            lambda _: self.went.append((name, self.clock.seconds())),
            lambda failure: self._no(name, failure),
        )
        return turn

    def _no(self, name: str, failure: Failure) -> None:
        refusal = failure.value
        if isinstance(refusal, CancelledError):
            return
        assert isinstance(refusal, Refusal)
        assert refusal.result is ResultCode.APP_CALL_LIMIT
        self.refused.append(name)


def test_requests_within_the_rate_go_on_at_once() -> None:
    door = Door(3)
    for name in "abc":
        door.knock(name)
    assert door.went == [("a", 0), ("b", 0), ("c", 0)]
    assert door.clock.pending() == 0


def test_what_is_too_fast_waits_for_its_second() -> None:
    door = Door(2)
    for name in "abcde":
        door.knock(name)
    assert [name for name, _ in door.went] == ["a", "b"]
    assert door.rate.waiting("a") == 3
    door.clock.advance(1)
    assert [name for name, _ in door.went] == ["a", "b", "c", "d"]
    door.clock.advance(1)
    assert door.went == [("a", 0), ("b", 0), ("c", 1), ("d", 1), ("e", 2)]
    assert door.rate.waiting("a") == 0
    assert door.clock.pending() == 0


def test_second_is_a_window_that_slides() -> None:
    """Two at 0.75 s and two at 1.25 s would be four within half a second."""
    door = Door(2)
    door.clock.advance(0.75)
    door.knock("a")
    door.knock("b")
    door.clock.advance(0.5)
    door.knock("c")
    door.clock.advance(5)
    assert door.went == [("a", 0.75), ("b", 0.75), ("c", 1.75)]


def test_idle_time_saves_up_nothing() -> None:
    door = Door(2)
    door.clock.advance(100)
    for name in "abc":
        door.knock(name)
    door.clock.advance(5)
    assert door.went == [("a", 100), ("b", 100), ("c", 101)]


def test_late_comer_does_not_pass_the_line() -> None:
    door = Door(1)
    for name in "abc":
        door.knock(name)
    door.clock.advance(1)
    door.knock("d")
    door.clock.advance(1)
    door.clock.advance(1)
    assert [name for name, _ in door.went] == ["a", "b", "c", "d"]


def test_full_line_refuses_at_once_with_1013002() -> None:
    door = Door(1, length=2)
    for name in "abcd":
        door.knock(name)
    assert door.refused == ["d"]
    assert ResultCode.APP_CALL_LIMIT.code == "1013002"
    door.clock.advance(5)
    assert [name for name, _ in door.went] == ["a", "b", "c"]


def test_too_long_a_wait_is_refused_at_once() -> None:
    door = Door(1, wait_s=2.0)
    for name in "abcd":
        door.knock(name)
    assert door.refused == ["d"]
    assert door.rate.waiting("a") == 2


def test_line_of_no_length_refuses_all_that_is_too_fast() -> None:
    door = Door(1, length=0)
    door.knock("a")
    door.knock("b")
    assert door.refused == ["b"]
    door.clock.advance(1)
    door.knock("c")
    assert door.went[-1] == ("c", 1)


def test_refused_request_takes_nobodys_turn() -> None:
    door = Door(1, length=0)
    door.knock("a")
    for _ in range(20):
        door.clock.advance(0.0625)
        door.knock("x")
    assert [name for name, _ in door.went] == ["a", "x"]


def test_cancelled_request_leaves_the_line_to_the_next() -> None:
    door = Door(1)
    door.knock("a")
    second = door.knock("b")
    door.knock("c")
    second.cancel()
    assert door.rate.waiting("a") == 1
    door.clock.advance(1)
    assert [name for name, _ in door.went] == ["a", "c"]
    assert door.clock.pending() == 0


def test_last_of_the_line_may_leave() -> None:
    door = Door(1)
    door.knock("a")
    door.knock("b").cancel()
    assert door.rate.waiting("a") == 0
    assert door.clock.pending() == 0


def test_rate_below_one_a_second_is_kept() -> None:
    door = Door(0.5)
    for name in "abc":
        door.knock(name)
    door.clock.advance(10)
    assert door.went == [("a", 0), ("b", 2), ("c", 4)]


def test_broken_rate_is_kept_on_the_average() -> None:
    """2.5 a second: 2 in any 0.8 s, 25 in 10 s."""
    door = Door(2.5)
    for index in range(40):
        door.knock(str(index))
    door.clock.advance(9.5)
    assert len(door.went) == 24  # 2 at each of 0, 0.8, ... 8.8 s


def test_application_of_rate_zero_gets_no_turn() -> None:
    door = Door(0)
    door.knock("a")
    assert door.refused == ["a"]


def test_applications_do_not_wait_for_each_other() -> None:
    door = Door(1)
    door.knock("a")
    door.knock("b")
    door.knock("c", make_app(1, "other"))
    assert [name for name, _ in door.went] == ["a", "c"]
    assert (door.rate.waiting("a"), door.rate.waiting("other")) == (1, 0)


def test_rate_that_was_raised_counts_from_now() -> None:
    door = Door(1)
    door.knock("a")
    door.app = make_app(3)
    door.knock("b")
    door.knock("c")
    door.knock("d")
    assert [name for name, _ in door.went] == ["a", "b", "c"]
