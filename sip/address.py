"""IP addresses of an endpoint and of those it calls: which family, and how they are written in SIP.

A URI has an IPv6 address in brackets (RFC 3261 section 25.1, RFC 5118 section 4.1); a setting may have it
with or without. Leaves out names: what a name stands for is asked of the resolver, by the stack.
"""

import ipaddress
import re
from collections.abc import Sequence
from enum import IntEnum
from typing import TypeAlias

from sip.errors import SipConfigError

IpAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_HOST_OF_URI = re.compile(r"sips?:(?:[^@]*@)?(\[[^\]]*\]|[^:;]*)", re.IGNORECASE)


class Family(IntEnum):
    """Of an address."""

    IPV4 = 4
    IPV6 = 6

    def __str__(self) -> str:
        return f"IPv{self.value}"


def own_address(text: str) -> IpAddress:
    """An address to be bound to, IPv6 with or without brackets.

    Raises:
        SipConfigError: it is none, or none that a far end could answer to; one line.
    """
    bare = text[1:-1] if text.startswith("[") and text.endswith("]") else text
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        raise SipConfigError(
            f"address '{text}' is not an IP address such as 192.0.2.5 or 2001:db8::5"
        ) from None
    if address.is_multicast:
        raise SipConfigError(f"address {text} is a multicast address, from which nobody calls")
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            raise SipConfigError(f"address {text} is an IPv4 address in disguise: name {address.ipv4_mapped}")
        if address.is_link_local or address.scope_id is not None:
            # Neither a SIP URI nor SDP has a place for the interface, without which this is no address.
            raise SipConfigError(f"address {text} is of one link, which SIP cannot name: choose another")
    return address


def family_of(address: IpAddress) -> Family:
    """IPv4 or IPv6."""
    return Family(address.version)


def host_and_port(host: str, port: int) -> str:
    """`host:port`, for a host that may be an IPv6 address without brackets."""
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"


def host_of(uri: str) -> str:
    """The host of a SIP URI, an IPv6 address in its brackets; "" when there is none."""
    found = _HOST_OF_URI.match(uri)
    return found.group(1) if found else ""


def family_of_host(host: str) -> Family | None:
    """The family of a host that is an address, as `host[:port]` or alone; None for a name."""
    if host.startswith("["):
        return Family.IPV6
    try:
        ipaddress.IPv4Address(host.partition(":")[0])
    except ValueError:
        return None
    return Family.IPV4


def family_towards(host: str, ours: Sequence[IpAddress], of_names: Family | None = None) -> Family:
    """How a host is reached: an address says it, a name is looked up in one family.

    Args:
        host: as `host[:port]` or alone.
        of_names: that family; None takes our first address's.

    Raises:
        SipConfigError: we have no address of that family.
    """
    family = family_of_host(host) or of_names or family_of(ours[0])
    if family not in map(family_of, ours):
        here = ", ".join(map(str, ours))
        raise SipConfigError(f"{host} cannot be reached from {here}: bind an {family} address as well")
    return family


def is_ipv6_reference(host: str) -> bool:
    """Whether it is an IPv6 address in brackets, such as `[2001:db8::5]`."""
    if not (host.startswith("[") and host.endswith("]")):
        return False
    try:
        ipaddress.IPv6Address(host[1:-1])
    except ValueError:
        return False
    return True
