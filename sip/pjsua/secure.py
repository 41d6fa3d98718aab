"""Signalling over TLS and media by SRTP, with the keys in the signalling (SDES, RFC 4568)."""

from pathlib import Path

import pjsua2 as pj

from sip.endpoint import EndpointSettings
from sip.errors import SipConfigError
from sip.trunk import Srtp

SYSTEM_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
"""Where Debian keeps the certificates of all authorities it trusts."""

_USE = {
    Srtp.OFF: pj.PJMEDIA_SRTP_DISABLED,
    Srtp.OPTIONAL: pj.PJMEDIA_SRTP_OPTIONAL,
    Srtp.REQUIRED: pj.PJMEDIA_SRTP_MANDATORY,
}
_KEYS_OVER_TLS_ONLY = 1  # pjsua.h: srtp_secure_signaling


def open_tls(endpoint: pj.Endpoint, settings: EndpointSettings) -> str:
    """Open the port for TLS 1.2 and 1.3; returns `host:port`.

    Without a certificate no call can come in by it; those that go out need none of ours. A far end whose
    certificate does not fit its name, or is of no authority we know, gets no call.

    Raises:
        SipConfigError: a file is missing or unusable, or the port is taken.
    """
    for what, name in (
        ("certificate", settings.tls_certificate),
        ("key", settings.tls_key),
        ("authorities", settings.tls_authorities),
    ):
        if name and not Path(name).is_file():
            raise SipConfigError(f"TLS {what}: there is no file {name}")
    config = pj.TransportConfig()
    config.port = settings.tls_port or 0
    config.boundAddress = settings.bind
    tls = config.tlsConfig
    tls.proto = pj.PJ_SSL_SOCK_PROTO_TLS1_2 | pj.PJ_SSL_SOCK_PROTO_TLS1_3
    tls.certFile, tls.privKeyFile = settings.tls_certificate, settings.tls_key
    tls.CaListFile = settings.tls_authorities or (
        str(SYSTEM_AUTHORITIES) if SYSTEM_AUTHORITIES.is_file() else ""
    )
    tls.verifyServer = True
    try:
        handle = endpoint.transportCreate(pj.PJSIP_TRANSPORT_TLS, config)
    except pj.Error as error:
        raise SipConfigError(
            f"TLS port {config.port} on {settings.bind} cannot be opened: {error.reason}; "
            "look at the port, the certificate and the key"
        ) from error
    return endpoint.transportGetInfo(handle).localName


def protect_media(config: pj.AccountConfig, srtp: Srtp) -> None:
    """Set what an account offers and accepts."""
    config.mediaConfig.srtpUse = _USE[srtp]
    # Keys that travel in the clear protect nothing.
    config.mediaConfig.srtpSecureSignaling = _KEYS_OVER_TLS_ONLY
