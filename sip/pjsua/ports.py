"""The ports that SIP comes in by: UDP on every address of the endpoint, TCP and TLS when asked for."""

from collections.abc import Mapping
from dataclasses import dataclass

import pjsua2 as pj

from sip.address import Family, IpAddress, family_of, host_and_port
from sip.endpoint import EndpointSettings
from sip.errors import SipConfigError
from sip.pjsua.secure import tls_config

_EADDRINUSE = 120098  # pjlib: PJ_ERRNO_START_SYS + EADDRINUSE
_EADDRNOTAVAIL = 120099
_EAFNOSUPPORT = 120097

_UDP = {Family.IPV4: pj.PJSIP_TRANSPORT_UDP, Family.IPV6: pj.PJSIP_TRANSPORT_UDP6}
_TCP = {Family.IPV4: pj.PJSIP_TRANSPORT_TCP, Family.IPV6: pj.PJSIP_TRANSPORT_TCP6}
_TLS = {Family.IPV4: pj.PJSIP_TRANSPORT_TLS, Family.IPV6: pj.PJSIP_TRANSPORT_TLS6}


@dataclass(frozen=True)
class Port:
    """An open one.

    Attributes:
        transport: the stack's number for it.
        address: `host:port` it really listens on, an IPv6 host in brackets.
    """

    family: Family
    transport: int
    address: str


def has_ipv6() -> bool:
    """Whether this build of pjsua2 was compiled with IPv6: asked otherwise, it ends the process."""
    return bool(pj.AccountConfig().mediaConfig.ipv6Use != pj.PJSUA_IPV6_DISABLED)


def check_families(addresses: tuple[IpAddress, ...]) -> None:
    """Raise SipConfigError for an IPv6 address with a build that has none."""
    for address in addresses:
        if family_of(address) is Family.IPV6 and not has_ipv6():
            raise SipConfigError(
                f"address {address}: this pjsua2 build has no IPv6; the one that 'make engine' builds has"
            )


def open_udp(endpoint: pj.Endpoint, settings: EndpointSettings, address: IpAddress) -> Port:
    """Open the port for SIP over UDP on one address.

    Raises:
        SipConfigError: it is taken, or the address is not ours.
    """
    return _open("UDP", _UDP, endpoint, settings, address)


def open_tcp(endpoint: pj.Endpoint, settings: EndpointSettings, address: IpAddress) -> Port:
    """Open the port for SIP over TCP on one address; raises as `open_udp`."""
    return _open("TCP", _TCP, endpoint, settings, address)


def _open(
    what: str,
    kinds: Mapping[Family, int],
    endpoint: pj.Endpoint,
    settings: EndpointSettings,
    address: IpAddress,
) -> Port:
    config = pj.TransportConfig()
    config.port, config.boundAddress = settings.sip_port, str(address)
    try:
        handle = endpoint.transportCreate(kinds[family_of(address)], config)
    except pj.Error as error:
        where = f"{what} port {settings.sip_port} on {address}"
        if error.status == _EADDRINUSE:
            raise SipConfigError(
                f"{where} is in use: choose another SIP port, or 0 for a free one"
            ) from error
        if error.status in (_EADDRNOTAVAIL, _EAFNOSUPPORT):
            raise SipConfigError(f"address {address} is not one of this machine's") from error
        raise SipConfigError(f"{where} cannot be opened: {error.reason}") from error
    return _opened(endpoint, address, handle)


def open_tls(endpoint: pj.Endpoint, settings: EndpointSettings, address: IpAddress) -> Port:
    """Open the port for SIP over TLS 1.2 and 1.3 on one address.

    Raises:
        SipConfigError: a file is unusable, or the port is taken.
    """
    config = tls_config(settings)
    config.boundAddress = str(address)
    try:
        handle = endpoint.transportCreate(_TLS[family_of(address)], config)
    except pj.Error as error:
        raise SipConfigError(
            f"TLS port {config.port} on {address} cannot be opened: {error.reason}; "
            "look at the port, the certificate and the key"
        ) from error
    return _opened(endpoint, address, handle)


def _opened(endpoint: pj.Endpoint, address: IpAddress, handle: int) -> Port:
    # The stack leaves the brackets away.
    host, _, port = endpoint.transportGetInfo(handle).localName.rpartition(":")
    return Port(family_of(address), handle, host_and_port(host, int(port)))
