"""Where calls go out: a direct SIP URI, or numbers through a provider or an outbound proxy.

Leaves out registration: a trunk is a peer, not a telephone.
"""

import re
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TypeVar

from sip.address import Family, host_of, is_ipv6_reference
from sip.errors import SipConfigError

KNOWN_CODECS = ("PCMA", "PCMU", "G722", "OPUS")
DEFAULT_CODECS = ("PCMA", "PCMU", "G722")

_NUMBER = re.compile(r"\+?[0-9*#]{1,31}")
_USER = re.compile(r"[A-Za-z0-9\-_.!~*'()&=+$,;?/%]{1,64}")
_HOST = re.compile(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-]+)(:\d{1,5})?")
_URI = re.compile(
    r"(sips?):(?:([^@\s<>\"]+)@)?(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.\-]+)(:\d{1,5})?((?:;[^\s<>\"]*)?)",
    re.IGNORECASE,
)


class Transport(StrEnum):
    """What carries the signalling."""

    UDP = "udp"
    TCP = "tcp"
    TLS = "tls"


class Srtp(StrEnum):
    """Whether media are encrypted (RFC 3711), with keys in the signalling (RFC 4568)."""

    OFF = "off"
    OPTIONAL = "optional"
    REQUIRED = "required"


@dataclass(frozen=True)
class Trunk:
    """How an endpoint reaches the network.

    Attributes:
        host: `host[:port]` that numbers are sent to; "" when only full SIP URIs are dialled.
        proxy: URI of an outbound proxy every request goes through first (RFC 3261 section 8.1.2), or "".
        user, password: digest credentials (RFC 8760, RFC 2617), "" for a trunk that asks for none.
        identity_host: host part of our From and P-Asserted-Identity; "" takes the trunk's host.
        codecs: what is offered, best first.
        transport: what carries the signalling to `host`; a SIP URI that is dialled names its own.
        family: in which names are looked up; None takes that of the endpoint's first address.
        srtp: needs TLS, because the keys are in the signalling. Optional: a far end may decline.

    Raises:
        SipConfigError: a part is malformed; the text names it.
    """

    host: str = ""
    proxy: str = ""
    user: str = ""
    password: str = field(default="", repr=False)
    identity_host: str = ""
    codecs: tuple[str, ...] = DEFAULT_CODECS
    transport: Transport = Transport.UDP
    srtp: Srtp = Srtp.OFF
    family: Family | None = None

    def __post_init__(self) -> None:
        # As plain words from a file of settings they are as good.
        object.__setattr__(self, "transport", _member(Transport, self.transport, what="transport"))
        object.__setattr__(self, "srtp", _member(Srtp, self.srtp, what="SRTP"))
        object.__setattr__(self, "family", None if self.family is None else Family(self.family))
        if self.srtp is not Srtp.OFF and self.transport is not Transport.TLS:
            raise SipConfigError(f"SRTP {self.srtp} needs transport tls: its keys are in the signalling")
        _check_host(self.host, what="trunk")
        _check_host(self.identity_host, what="identity host")
        if self.proxy:
            check_uri(self.proxy, what="outbound proxy")
        if self.password and not self.user:
            raise SipConfigError("a trunk password needs a trunk user")
        check_codecs(self.codecs)

    def uri_of(self, number_or_uri: str) -> str:
        """The request URI for a number (through the trunk) or a SIP URI (as it stands)."""
        if number_or_uri.lower().startswith(("sip:", "sips:")):
            return check_uri(number_or_uri, what="destination")
        if not _NUMBER.fullmatch(number_or_uri):
            raise SipConfigError(
                f"destination '{number_or_uri}' is neither a number (+, digits, * and #, at most 31) "
                "nor a SIP URI"
            )
        if not self.host:
            raise SipConfigError(f"number {number_or_uri} needs a trunk: name one with --trunk host[:port]")
        # '#' is no user character in a URI (RFC 3261 section 25.1) and must travel escaped.
        over = "" if self.transport is Transport.UDP else f";transport={self.transport}"
        return f"sip:{number_or_uri.replace('#', '%23')}@{self.host}{over}"

    def next_hop(self, uri: str) -> str:
        """The host a request for this URI is sent to: the outbound proxy's, else the URI's own."""
        return host_of(self.proxy or uri)

    def identity_of(self, display: str, local_host: str) -> str:
        """Our own URI that shows `display` to the called party."""
        if not _USER.fullmatch(display):
            raise SipConfigError(f"display number '{display}' cannot stand in a SIP URI")
        return f"sip:{display}@{self.identity_host or self.host or local_host}"


def check_uri(uri: str, *, what: str) -> str:
    """Return the URI, or raise SipConfigError that names `what` is malformed."""
    found = _URI.fullmatch(uri)
    if (
        not found
        or (found.group(4) and not 1 <= int(found.group(4)[1:]) <= 65535)
        or (found.group(3).startswith("[") and not is_ipv6_reference(found.group(3)))
    ):
        hint = _in_brackets(uri.rpartition("@")[2])
        raise SipConfigError(f"{what} '{uri}' is not a SIP URI such as sip:user@host:5060{hint}")
    return uri


def check_codecs(codecs: tuple[str, ...]) -> None:
    """Raise SipConfigError for an empty list, an unknown or a repeated codec."""
    if not codecs:
        raise SipConfigError(f"no codec: name at least one of {', '.join(KNOWN_CODECS)}")
    for codec in codecs:
        if codec not in KNOWN_CODECS:
            raise SipConfigError(f"unknown codec '{codec}': known are {', '.join(KNOWN_CODECS)}")
    if len(set(codecs)) != len(codecs):
        raise SipConfigError(f"a codec is named twice in {', '.join(codecs)}")


_Member = TypeVar("_Member", bound=StrEnum)


def _member(kind: type[_Member], value: str, *, what: str) -> _Member:
    try:
        return kind(value)
    except ValueError:
        raise SipConfigError(f"{what} '{value}': must be one of {', '.join(kind)}") from None


def _check_host(host: str, *, what: str) -> None:
    if not host:
        return
    found = _HOST.fullmatch(host)
    if not found or (host.startswith("[") and not is_ipv6_reference(found.group(1))):
        raise SipConfigError(f"{what} '{host}' is not host or host:port{_in_brackets(host)}")
    _, colon, port = host.rpartition(":")
    if colon and port.isdigit() and not 1 <= int(port) <= 65535:
        raise SipConfigError(f"{what} '{host}': the port must be 1 to 65535")


def _in_brackets(host: str) -> str:
    """What to tell somebody who wrote an IPv6 address as it is written elsewhere."""
    return f": an IPv6 address stands in brackets, [{host}]" if is_ipv6_reference(f"[{host}]") else ""
