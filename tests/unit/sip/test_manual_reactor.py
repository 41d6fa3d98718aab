"""The reactor of unit tests: time moves when told, and every call sees its own moment."""

import pytest

from sip.manual_reactor import ManualReactor
from sip.reactor import Reactor


def test_time_stands_still_until_it_is_moved() -> None:
    reactor = ManualReactor()
    assert reactor.seconds() == 0.0
    reactor.advance(1.5)
    assert reactor.seconds() == 1.5


def test_call_is_made_when_it_is_due_and_not_before() -> None:
    reactor, made = ManualReactor(), list[float]()
    reactor.callLater(1.0, lambda: made.append(reactor.seconds()))
    reactor.advance(0.999)
    assert made == []
    reactor.advance(0.001)
    assert made == [pytest.approx(1.0)]


def test_call_gets_its_arguments() -> None:
    reactor, made = ManualReactor(), list[tuple[int, int]]()
    reactor.callLater(0.1, lambda a, *, b: made.append((a, b)), 1, b=2)
    reactor.callFromThread(lambda a, *, b: made.append((a, b)), 3, b=4)
    reactor.advance(0.1)
    assert made == [(3, 4), (1, 2)]


def test_chain_of_timers_sees_each_moment_in_one_big_step() -> None:
    reactor, made = ManualReactor(), list[float]()

    def tick() -> None:
        made.append(reactor.seconds())
        if len(made) < 5:
            reactor.callLater(1.0, tick)

    reactor.callLater(1.0, tick)
    reactor.advance(24 * 3600.0)
    assert made == [1.0, 2.0, 3.0, 4.0, 5.0]
    assert reactor.seconds() == 24 * 3600.0


def test_waiting_fact_is_delivered_before_time_moves() -> None:
    reactor, made = ManualReactor(), list[float]()
    reactor.callFromThread(lambda: made.append(reactor.seconds()))
    assert made == []
    reactor.advance(10.0)
    assert made == [0.0]


def test_cancelled_call_is_not_made() -> None:
    reactor, made = ManualReactor(), list[int]()
    call = reactor.callLater(1.0, made.append, 1)
    assert call.active()
    call.cancel()
    reactor.advance(2.0)
    assert made == []
    assert not call.active()


def test_pending_counts_what_a_test_leaves_behind() -> None:
    reactor = ManualReactor()
    reactor.callLater(5.0, print)
    assert reactor.pending() == 1
    reactor.advance(5.0)
    assert reactor.pending() == 0


def test_it_is_a_reactor_to_the_type_checker() -> None:
    reactor: Reactor = ManualReactor()
    assert reactor.seconds() == 0.0
