"""Which addresses may ask: those behind a failed-authentication block may not, nor those off a white list."""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

MAX_ADDRESSES = 10_000
"""How many are remembered; the one that failed longest ago is forgotten first."""


def _address(ip: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(ip)
    except ValueError:
        return None
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped
    return address


def is_within(ip: str, networks: Iterable[str]) -> bool:
    """Whether an address lies in one of the networks (CIDR or single addresses); a malformed one has none."""
    address = _address(ip)
    if address is None:
        return False
    for network in networks:
        try:
            if address in ip_network(network, strict=False):
                return True
        except ValueError:
            continue
    return False


def client_ip(peer: str, forwarded_for: str, trusted_proxies: Iterable[str]) -> str:
    """Who asks: the last address of X-Forwarded-For that no trusted proxy has, or the peer itself.

    The header's left end is the client's to invent; only what trusted proxies appended counts.
    """
    trusted = tuple(trusted_proxies)
    ip = peer
    for hop in reversed([part.strip() for part in forwarded_for.split(",") if part.strip()]):
        if not is_within(ip, trusted) or _address(hop) is None:
            break
        ip = hop
    return ip


class FailureGuard:
    """Counts failed authentications by address, and blocks one that fails too often (D4).

    A success does not clear the count: whoever knows one key could then guess at another for ever. An IPv6
    client has a whole /64 to ask from, so that is what is counted.
    """

    def __init__(
        self, failures: int, window_s: float, block_for_s: float, seconds: Callable[[], float]
    ) -> None:
        self._failures = failures
        self._window_s = window_s
        self._block_for_s = block_for_s
        self._seconds = seconds
        self._failed_at: OrderedDict[str, deque[float]] = OrderedDict()
        self._blocked_until: OrderedDict[str, float] = OrderedDict()

    def is_blocked(self, ip: str) -> bool:
        """Whether the address has to wait."""
        key = _key(ip)
        until = self._blocked_until.get(key)
        if until is None:
            return False
        if self._seconds() < until:
            return True
        del self._blocked_until[key]
        return False

    def failed(self, ip: str) -> None:
        """One more authentication of this address has failed."""
        key, now = _key(ip), self._seconds()
        moments = self._failed_at.setdefault(key, deque(maxlen=self._failures))
        self._failed_at.move_to_end(key)
        moments.append(now)
        if len(moments) == self._failures and moments[0] > now - self._window_s:
            del self._failed_at[key]
            self._blocked_until[key] = now + self._block_for_s
            self._blocked_until.move_to_end(key)
        for kept in (self._failed_at, self._blocked_until):
            while len(kept) > MAX_ADDRESSES:
                kept.popitem(last=False)

    def blocked(self) -> int:
        """How many addresses wait now."""
        now = self._seconds()
        return sum(until > now for until in self._blocked_until.values())


def _key(ip: str) -> str:
    address = _address(ip)
    if isinstance(address, IPv6Address):
        return str(ip_network((address, 64), strict=False))
    return ip if address is None else str(address)
