"""Addresses: networks, proxies, and the count of failures."""

import pytest
from twisted.internet.task import Clock

from ivrcore.service.api import guard as guard_module
from ivrcore.service.api.guard import FailureGuard, client_ip, is_within


@pytest.mark.parametrize(
    ("ip", "networks", "within"),
    [
        ("192.0.2.7", ("192.0.2.0/24",), True),
        ("192.0.2.7", ("192.0.2.7",), True),
        ("192.0.3.7", ("192.0.2.0/24",), False),
        ("192.0.2.7", ("nonsense", "192.0.2.5/24"), True),
        ("192.0.2.7", ("nonsense",), False),
        ("192.0.2.7", (), False),
        ("::ffff:192.0.2.7", ("192.0.2.0/24",), True),
        ("2001:db8::1", ("2001:db8::/32",), True),
        ("2001:db8::1", ("192.0.2.0/24",), False),
        ("", ("0.0.0.0/0",), False),
    ],
)
def test_within_networks(ip: str, networks: tuple[str, ...], within: bool) -> None:
    assert is_within(ip, networks) is within


@pytest.mark.parametrize(
    ("peer", "forwarded", "asks"),
    [
        ("192.0.2.7", "203.0.113.9", "192.0.2.7"),  # not a proxy of ours: what it says counts nothing
        ("10.0.0.1", "203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "198.51.100.1, 203.0.113.9", "203.0.113.9"),  # the left end may be invented
        ("10.0.0.1", "203.0.113.9, 10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "rubbish", "10.0.0.1"),
    ],
)
def test_who_asks_behind_proxies(peer: str, forwarded: str, asks: str) -> None:
    assert client_ip(peer, forwarded, ("10.0.0.0/8",)) == asks


def make(clock: Clock, failures: int = 3) -> FailureGuard:
    return FailureGuard(failures, window_s=300, block_for_s=1800, seconds=clock.seconds)


def test_failures_outside_the_window_do_not_add_up() -> None:
    clock = Clock()
    guard = make(clock)
    for _ in range(10):
        guard.failed("192.0.2.7")
        clock.advance(150)
    assert not guard.is_blocked("192.0.2.7")


def test_the_last_failure_within_the_window_blocks() -> None:
    clock = Clock()
    guard = make(clock)
    for _ in range(3):
        assert not guard.is_blocked("192.0.2.7")
        guard.failed("192.0.2.7")
        clock.advance(100)
    assert guard.is_blocked("192.0.2.7")
    assert guard.blocked() == 1


def test_after_a_block_counting_begins_anew() -> None:
    clock = Clock()
    guard = make(clock)
    for _ in range(3):
        guard.failed("192.0.2.7")
    clock.advance(1800)
    assert not guard.is_blocked("192.0.2.7")
    guard.failed("192.0.2.7")
    assert not guard.is_blocked("192.0.2.7")


def test_neighbours_in_one_ipv6_network_count_as_one() -> None:
    guard = make(Clock())
    for host in ("2001:db8::1", "2001:db8::2", "2001:db8::3"):
        guard.failed(host)
    assert guard.is_blocked("2001:db8::ffff")
    assert not guard.is_blocked("2001:db8:0:1::1")


def test_an_ipv4_address_is_the_same_in_both_spellings() -> None:
    guard = make(Clock())
    for host in ("192.0.2.7", "::ffff:192.0.2.7", "192.0.2.7"):
        guard.failed(host)
    assert guard.is_blocked("192.0.2.7")


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard_module, "MAX_ADDRESSES", 5)
    guard = make(Clock(), failures=2)
    for n in range(20):
        guard.failed(f"192.0.2.{n}")
    guard.failed("192.0.2.0")  # forgotten meanwhile
    guard.failed("192.0.2.19")  # remembered
    assert not guard.is_blocked("192.0.2.0")
    assert guard.is_blocked("192.0.2.19")
