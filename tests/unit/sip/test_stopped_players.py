"""When a stopped player is destroyed: never before its end can no longer be told."""

import pytest

from sip.manual_reactor import ManualReactor
from sip.pjsua.stopped import LOOK_S, MOST_LOOKS, QUIET_LOOKS, StoppedPlayers

HALF_A_LOOK_S = LOOK_S / 2


class _Player:
    """Connected until told otherwise."""

    def __init__(self, reactor: ManualReactor, *, connected: bool) -> None:
        self._reactor = reactor
        self.connected = connected
        self.destroyed_s: list[float] = []

    def is_connected(self) -> bool:
        assert not self.destroyed_s, "looked at after its destruction"
        return self.connected

    def destroy(self) -> None:
        self.destroyed_s.append(self._reactor.seconds())


@pytest.fixture
def reactor() -> ManualReactor:
    return ManualReactor()


@pytest.fixture
def stopped(reactor: ManualReactor) -> StoppedPlayers:
    return StoppedPlayers(reactor)


def test_player_is_not_destroyed_by_the_one_who_stops_it(
    reactor: ManualReactor, stopped: StoppedPlayers
) -> None:
    player = _Player(reactor, connected=False)
    stopped.add(player)
    assert player.destroyed_s == []
    assert len(stopped) == 1


def test_player_is_destroyed_once_after_quiet_looks(reactor: ManualReactor, stopped: StoppedPlayers) -> None:
    player = _Player(reactor, connected=False)
    stopped.add(player)
    reactor.advance(QUIET_LOOKS * LOOK_S - HALF_A_LOOK_S)
    assert player.destroyed_s == []
    reactor.advance(1.0)
    assert player.destroyed_s == [pytest.approx(QUIET_LOOKS * LOOK_S)]
    assert len(stopped) == 0


def test_quiet_is_counted_from_the_tick_that_disconnected_it(
    reactor: ManualReactor, stopped: StoppedPlayers
) -> None:
    player = _Player(reactor, connected=True)
    stopped.add(player)
    reactor.advance(7 * LOOK_S + HALF_A_LOOK_S)
    player.connected = False
    reactor.advance(1.0)
    assert player.destroyed_s == [pytest.approx((7 + QUIET_LOOKS) * LOOK_S)]


def test_quiet_begins_anew_when_it_was_connected_again(
    reactor: ManualReactor, stopped: StoppedPlayers
) -> None:
    player = _Player(reactor, connected=False)
    stopped.add(player)
    reactor.advance((QUIET_LOOKS - 1) * LOOK_S + HALF_A_LOOK_S)
    player.connected = True
    reactor.advance(LOOK_S)
    player.connected = False
    reactor.advance(1.0)
    assert player.destroyed_s == [pytest.approx(2 * QUIET_LOOKS * LOOK_S)]


def test_player_that_stays_connected_is_destroyed_in_the_end(
    reactor: ManualReactor, stopped: StoppedPlayers
) -> None:
    player = _Player(reactor, connected=True)
    stopped.add(player)
    reactor.advance(MOST_LOOKS * LOOK_S - HALF_A_LOOK_S)
    assert player.destroyed_s == []
    reactor.advance(LOOK_S)
    assert len(player.destroyed_s) == 1
    assert len(stopped) == 0


def test_each_player_has_its_own_time(reactor: ManualReactor, stopped: StoppedPlayers) -> None:
    first, second = (_Player(reactor, connected=False) for _ in range(2))
    stopped.add(first)
    reactor.advance(3 * LOOK_S + HALF_A_LOOK_S)
    stopped.add(second)
    reactor.advance(1.0)
    assert first.destroyed_s == [pytest.approx(QUIET_LOOKS * LOOK_S)]
    assert second.destroyed_s == [pytest.approx((3 + QUIET_LOOKS) * LOOK_S)]


def test_process_that_was_held_up_has_made_one_look_not_all(
    reactor: ManualReactor, stopped: StoppedPlayers
) -> None:
    player = _Player(reactor, connected=False)
    stopped.add(player)
    reactor.clock.advance(60.0)  # as after SIGSTOP: what is due is called, and the next after it later
    assert player.destroyed_s == []


def test_nothing_is_scheduled_while_no_player_waits(reactor: ManualReactor, stopped: StoppedPlayers) -> None:
    player = _Player(reactor, connected=False)
    stopped.add(player)
    reactor.advance(1.0)
    assert reactor.pending() == 0
    late = _Player(reactor, connected=False)
    stopped.add(late)
    reactor.advance(1.0)
    assert late.destroyed_s == [pytest.approx(1.0 + QUIET_LOOKS * LOOK_S)]
