"""Connecting to addresses that were checked, as the host they were found under.

Twisted's own endpoint does the connecting (several addresses, staggered, RFC 8305); what it is given as its
resolver answers with the checked addresses and nothing else. What a receiver may send back is counted below
HTTP, where endless headers cannot hide.
"""

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, cast

from OpenSSL import SSL
from twisted.internet._sslverify import IOpenSSLTrustRoot
from twisted.internet.address import IPv4Address, IPv6Address
from twisted.internet.defer import Deferred
from twisted.internet.endpoints import HostnameEndpoint
from twisted.internet.interfaces import IHostnameResolver, IReactorPluggableNameResolver
from twisted.internet.ssl import AcceptableCiphers, TLSVersion, optionsForClientTLS
from twisted.protocols.policies import ProtocolWrapper, WrappingFactory
from twisted.protocols.tls import TLSMemoryBIOFactory
from zope.interface import implementer

from ivrcore.service.notify.target import IpAddress, Target

_CIPHERS: Any = cast(Any, AcceptableCiphers).fromOpenSSLCipherString(
    "TLS13-AES-256-GCM-SHA384:TLS13-CHACHA20-POLY1305-SHA256:TLS13-AES-128-GCM-SHA256:"
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES128-GCM-SHA256:"
    "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA384"
)
"""What the service offers to receivers (FAQ 10.7), and TLS 1.3."""


_HOSTS_AT_HAND = 32
"""So many hosts' TLS settings are kept: each holds the system's authorities, about 1 MB read in 4 ms."""


@implementer(IOpenSSLTrustRoot)
class Trust:
    """The authorities whose certificates receivers may show: the system's, and those of a file."""

    def __init__(self, ca_file: Path | None = None) -> None:
        """`ca_file`: PEM, one certificate or more.

        Raises:
            ValueError: it cannot be read as that.
        """
        self._ca_file = ca_file
        self.options_for = lru_cache(_HOSTS_AT_HAND)(self._options_for)
        self._addCACertsToContext(SSL.Context(SSL.TLS_CLIENT_METHOD))

    def _options_for(self, host: str) -> Any:
        return optionsForClientTLS(
            host,
            trustRoot=cast(Any, self),
            extraCertificateOptions={"acceptableCiphers": _CIPHERS, "raiseMinimumTo": TLSVersion.TLSv1_2},
        )

    def _addCACertsToContext(self, context: SSL.Context) -> None:  # noqa: N802
        context.set_default_verify_paths()
        if self._ca_file is not None:
            try:
                context.load_verify_locations(str(self._ca_file))
            except SSL.Error:
                raise ValueError(f"{self._ca_file}: no PEM file of certificates") from None


class CheckedEndpoint:
    """Leads to one target by the addresses found for it; an IStreamClientEndpoint."""

    def __init__(
        self,
        reactor: object,
        target: Target,
        addresses: Sequence[IpAddress],
        trust: Trust,
        *,
        connect_timeout_s: float,
        max_answer_bytes: int,
    ) -> None:
        """`max_answer_bytes`: of everything the receiver sends; what exceeds it is cut off, not read."""
        endpoint: Any = HostnameEndpoint(
            _Pinned(reactor, addresses), target.host, target.port, timeout=connect_timeout_s
        )
        self._endpoint = endpoint
        self._reactor = reactor
        self._tls = trust.options_for(target.host) if target.scheme == "https" else None
        self._max_answer_bytes = max_answer_bytes
        self._connection: _Counting | None = None

    def connect(self, factory: object) -> "Deferred[object]":
        """See IStreamClientEndpoint."""
        inner: Any = factory
        if self._tls is not None:
            # Not wrapClientTLS: in older releases of Twisted it knows the clock of the global reactor only.
            inner = cast(Any, TLSMemoryBIOFactory)(self._tls, True, factory, self._reactor)
        counting = _CountingFactory(inner)  # type: ignore[no-untyped-call]
        counting.max_bytes = self._max_answer_bytes
        connecting: Deferred[Any] = self._endpoint.connect(counting)
        return connecting.addCallback(self._connected)

    def _connected(self, connection: "_Counting") -> object:
        self._connection = connection
        inner: Any = connection.wrappedProtocol
        return cast(object, inner if self._tls is None else inner.wrappedProtocol)

    def abort(self) -> None:
        """Break the connection off, if there is one, without waiting for the far end."""
        if self._connection is not None:
            cast(Any, self._connection.transport).abortConnection()


class _Counting(ProtocolWrapper):
    """Cuts the connection when more comes back than any answer needs."""

    received_bytes = 0

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        self.received_bytes += len(data)
        if self.received_bytes > cast(_CountingFactory, self.factory).max_bytes:
            cast(Any, self.transport).abortConnection()
        else:
            super().dataReceived(data)  # type: ignore[no-untyped-call]


class _CountingFactory(WrappingFactory):
    protocol = _Counting
    noisy = False
    max_bytes = 0


@implementer(IReactorPluggableNameResolver)
class _Pinned:
    """A reactor for one connection: its resolver knows the checked addresses only."""

    def __init__(self, reactor: object, addresses: Sequence[IpAddress]) -> None:
        self._reactor = reactor
        self.nameResolver = _Fixed(addresses)

    def installNameResolver(self, resolver: object) -> object:  # noqa: ARG002, N802
        """See IReactorPluggableNameResolver; refused, as that would lead around the check."""
        raise TypeError("a connection to a checked address takes no other resolver")

    def __getattr__(self, name: str) -> object:
        return getattr(self._reactor, name)


@implementer(IHostnameResolver)
class _Fixed:
    def __init__(self, addresses: Sequence[IpAddress]) -> None:
        self._addresses = addresses

    def resolveHostName(  # noqa: N802
        self,
        resolutionReceiver: Any,  # noqa: N803
        hostName: str,  # noqa: ARG002, N803
        portNumber: int = 0,  # noqa: N803
        addressTypes: object = None,  # noqa: ARG002, N803
        transportSemantics: str = "TCP",  # noqa: ARG002, N803
    ) -> object:
        """See IHostnameResolver; every name has the checked addresses."""
        resolutionReceiver.resolutionBegan(self)
        for address in self._addresses:
            kind = IPv4Address if address.version == 4 else IPv6Address
            resolutionReceiver.addressResolved(kind("TCP", str(address), portNumber))
        resolutionReceiver.resolutionComplete()
        return self
