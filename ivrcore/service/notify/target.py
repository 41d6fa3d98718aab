"""Where a push may go: an address a customer wrote is checked before anything is sent there.

A customer's URL makes this machine connect to a place the customer chose. So that it cannot be turned against
machines only we can reach (server-side request forgery), three things hold: the URL is plain, *every* address
its name resolves to is public, and the connection goes to one of exactly those addresses, without a second
look-up in between. The lab switch lets private and loopback networks pass, and nothing else: a cloud's
metadata service is link-local and stays closed.
"""

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeAlias

from twisted.internet.address import IPv4Address as TcpAddress4
from twisted.internet.address import IPv6Address as TcpAddress6
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.interfaces import IResolutionReceiver
from zope.interface import implementer

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address
IpNetwork: TypeAlias = ipaddress.IPv4Network | ipaddress.IPv6Network

MAX_URL_CHARACTERS = 512
_DEFAULT_PORT: Mapping[str, int] = {"http": 80, "https": 443}

_URL = re.compile(
    r"(?P<scheme>https?)://"
    r"(?P<host>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+)"
    r"(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>/[^?#]*)?(?P<query>\?[^#]*)?(?:#.*)?",
    re.IGNORECASE | re.ASCII,
)
"""RFC 3986 as far as a push needs it: no user data, no zone of an IPv6 address, no empty port."""

_VISIBLE = re.compile(r"[!-~]+")
_LABEL = re.compile(r"(?!-)[A-Za-z0-9_-]{1,63}(?<!-)")
_LOOKS_NUMERIC = re.compile(r"(?:[0-9]+|0[xX][0-9A-Fa-f]*)")
"""Last label of a host that programs read as an IPv4 address (URL Standard, "ends in a number checker")."""

_OTHER_PROTOCOLS = """
    0 1 7 9 11 13 15 17 19 20 21 22 23 25 37 42 43 53 69 77 79 87 95 101 102 103 104 109 110 111 113 115 117
    119 123 135 137 139 143 161 179 389 427 465 512 513 514 515 526 530 531 532 540 548 554 556 563 587 601
    636 989 990 993 995 1719 1720 1723 2049 3659 4045 4190 5060 5061 6000 6566 6665 6666 6667 6668 6669 6679
    6697 10080
"""
_FORBIDDEN_PORTS = frozenset(map(int, _OTHER_PROTOCOLS.split()))
"""Of other protocols, whose servers might read an HTTP request as theirs (Fetch Standard, port blocking)."""


def _networks(*texts: str) -> tuple[IpNetwork, ...]:
    return tuple(ipaddress.ip_network(text) for text in texts)


LAB_NETWORKS = _networks(
    *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "100.64.0.0/10", "198.18.0.0/15"),
    *("fc00::/7", "::1/128"),
)
"""What the lab switch opens: private, loopback, shared (CGNAT) and benchmark networks."""

_CLOSED_4 = _networks(
    *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
    *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
    *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
)
"""IANA IPv4 special-purpose registry, multicast, and the reserved class E with the broadcast address."""

_GLOBAL_6 = ipaddress.IPv6Network("2000::/3")
_CLOSED_6 = _networks("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")
"""Within global unicast: protocol assignments (Teredo among them), documentation, 6to4."""

_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")


class TargetError(ValueError):
    """A place nothing is pushed to; the text is one line that says why."""


@dataclass(frozen=True)
class Target:
    """A push address taken apart.

    Attributes:
        url: as the customer gave it: what a signature is made over.
        host: without the brackets of an IPv6 address. address: of a host that is one already.
        resource: path and query as they go into the request line.
    """

    url: str
    scheme: str
    host: str
    port: int
    resource: str
    address: IpAddress | None = None

    @property
    def origin(self) -> str:
        """Scheme, host and port: what one receiver is."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"

    @property
    def authority(self) -> str:
        """The Host header (RFC 9110 section 7.2): the port only where it is not the scheme's."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORT[self.scheme] else f"{host}:{self.port}"


def parse_target(url: str) -> Target:
    """Take a push address apart, without looking anything up.

    Raises:
        TargetError: it is not a plain http or https URL, or its port or spelling is one we refuse.
    """
    if len(url) > MAX_URL_CHARACTERS:
        raise TargetError(f"a URL of {len(url)} characters is longer than {MAX_URL_CHARACTERS}")
    if not _VISIBLE.fullmatch(url) or "\\" in url:
        raise TargetError("the URL has characters that must be encoded")
    found = _URL.fullmatch(url)
    if found is None:
        raise TargetError("not http(s)://host[:port][/path]")
    scheme = found["scheme"].lower()
    host = found["host"].lower()
    port = int(found["port"]) if found["port"] is not None else _DEFAULT_PORT[scheme]
    if port in _FORBIDDEN_PORTS or port > 65535:
        raise TargetError(f"port {port} is not one for pushes")
    address = _literal(host)
    if address is None:
        _check_name(host)
    return Target(
        url=url,
        scheme=scheme,
        host=host.strip("[]"),
        port=port,
        resource=(found["path"] or "/") + (found["query"] or ""),
        address=address,
    )


def origin_of(url: str) -> str:
    """Which receiver a push address leads to; of one that leads nowhere, the address itself."""
    try:
        return parse_target(url).origin
    except TargetError:
        return url


def check_address(address: IpAddress, *, lab: bool = False) -> IpAddress:
    """The address to connect to, when it may be: an IPv4 address in IPv6 clothes is taken out of them.

    Raises:
        TargetError: it is not public, nor, with the lab switch, of a lab's networks.
    """
    real = address.ipv4_mapped or address if isinstance(address, ipaddress.IPv6Address) else address
    if _is_public(real) or (lab and any(real in network for network in LAB_NETWORKS)):
        return real
    raise TargetError(f"address {address} is not public")


def _is_public(address: IpAddress) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in network for network in _CLOSED_4)
    if address in _NAT64:  # an IPv6-only network reaches IPv4 hosts through these (RFC 6052)
        return _is_public(ipaddress.IPv4Address(int(address) & 0xFFFFFFFF))
    return address in _GLOBAL_6 and not any(address in network for network in _CLOSED_6)


def _literal(host: str) -> IpAddress | None:
    """The address a host is; None for a name. Only the plain spelling counts: 127.0.0.1, not 0x7f.1."""
    try:
        if host.startswith("["):
            return ipaddress.IPv6Address(host[1:-1])
        return ipaddress.IPv4Address(host)
    except ValueError:
        if host.startswith("[") or _LOOKS_NUMERIC.fullmatch(host.rstrip(".").rpartition(".")[2]):
            raise TargetError(f"host {host} is no address in its plain spelling") from None
        return None


def _check_name(host: str) -> None:
    if len(host) > 253 or not all(_LABEL.fullmatch(label) for label in host.split(".")):
        raise TargetError("the host is no domain name")


class Resolver(Protocol):
    """Twisted's IHostnameResolver, as far as it is needed here: `reactor.nameResolver` is one."""

    def resolveHostName(  # noqa: N802
        self,
        resolutionReceiver: object,  # noqa: N803
        hostName: str,  # noqa: N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: Sequence[type] | None = None,  # noqa: N803
        transportSemantics: str = "TCP",  # noqa: N803
    ) -> object:
        """Tell an IResolutionReceiver every address of a name."""


class Lookup:
    """Resolves hosts, each once at a time: a name whose servers hang holds one thread, not all of them."""

    def __init__(self, resolver: Resolver) -> None:
        self._resolver = resolver
        self._waiting: dict[str, list[Deferred[tuple[IpAddress, ...]]]] = {}

    def checked(self, target: Target, *, lab: bool) -> "Deferred[tuple[IpAddress, ...]]":
        """Every address of the target, all of them checked.

        Returns:
            fires with 1 address or more; fails with TargetError when there is none, or any is not permitted.
            It can be cancelled; the others that wait for the same name go on.
        """
        if target.address is not None:
            found: Deferred[tuple[IpAddress, ...]] = succeed((target.address,))
        else:
            found = self._resolve(target.host)
        return found.addCallback(_check_all, target, lab)

    def _resolve(self, host: str) -> "Deferred[tuple[IpAddress, ...]]":
        waiting = self._waiting.get(host)
        mine: Deferred[tuple[IpAddress, ...]] = Deferred(lambda gone: self._forget(host, gone))
        if waiting is not None:
            waiting.append(mine)
            return mine
        self._waiting[host] = [mine]
        try:
            self._resolver.resolveHostName(
                _Answers(lambda addresses: self._resolved(host, addresses)),
                host,
                addressTypes=[TcpAddress4, TcpAddress6],
            )
        except Exception as error:  # a resolver's way to refuse a name (UnicodeError and others)
            self._waiting.pop(host, None)
            return fail(TargetError(f"host {host} cannot be resolved: {type(error).__name__}"))
        return mine

    def _resolved(self, host: str, addresses: tuple[IpAddress, ...]) -> None:
        for one in self._waiting.pop(host, ()):
            one.callback(addresses)

    def _forget(self, host: str, gone: "Deferred[tuple[IpAddress, ...]]") -> None:
        # The look-up itself cannot be taken back. The entry stays, so that it is not asked twice.
        waiting = self._waiting.get(host, [])
        if gone in waiting:
            waiting.remove(gone)


def _check_all(addresses: Sequence[IpAddress], target: Target, lab: bool) -> tuple[IpAddress, ...]:
    if not addresses:
        raise TargetError(f"host {target.host} has no address")
    # One forbidden address condemns the name: else it could be public for the check and private for us.
    return tuple(dict.fromkeys(check_address(address, lab=lab) for address in addresses))


@implementer(IResolutionReceiver)
class _Answers:
    """Collects what a resolver finds."""

    def __init__(self, done: Callable[[tuple[IpAddress, ...]], None]) -> None:
        self._done = done
        self._found: list[IpAddress] = []

    def resolutionBegan(self, resolutionInProgress: object) -> None:  # noqa: N802, N803
        """See IResolutionReceiver."""

    def addressResolved(self, address: object) -> None:  # noqa: N802
        """See IResolutionReceiver. A zone (fe80::1%eth0) is cut off: link-local is refused in any case."""
        if isinstance(address, TcpAddress4 | TcpAddress6):
            self._found.append(ipaddress.ip_address(address.host.partition("%")[0]))

    def resolutionComplete(self) -> None:  # noqa: N802
        """See IResolutionReceiver."""
        self._done(tuple(self._found))
