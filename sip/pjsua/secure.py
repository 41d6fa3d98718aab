"""Signalling over TLS and media by SRTP, with the keys in the signalling (SDES, RFC 4568)."""

from pathlib import Path

import pjsua2 as pj

from sip.endpoint import EndpointSettings
from sip.trunk import Srtp

SYSTEM_AUTHORITIES = Path("/etc/ssl/certs/ca-certificates.crt")
"""Where Debian keeps the certificates of all authorities it trusts."""

_USE = {
    Srtp.OFF: pj.PJMEDIA_SRTP_DISABLED,
    Srtp.OPTIONAL: pj.PJMEDIA_SRTP_OPTIONAL,
    Srtp.REQUIRED: pj.PJMEDIA_SRTP_MANDATORY,
}
_KEYS_OVER_TLS_ONLY = 1  # pjsua.h: srtp_secure_signaling


def tls_config(settings: EndpointSettings) -> pj.TransportConfig:
    """What a port for TLS 1.2 and 1.3 is opened with; the address is left to the caller.

    Without a certificate no call can come in by it; those that go out need none of ours. A far end whose
    certificate does not fit its name, or is of no authority we know, gets no call.
    """
    config = pj.TransportConfig()
    config.port = settings.tls_port or 0
    tls = config.tlsConfig
    tls.proto = pj.PJ_SSL_SOCK_PROTO_TLS1_2 | pj.PJ_SSL_SOCK_PROTO_TLS1_3
    tls.certFile, tls.privKeyFile = settings.tls_certificate, settings.tls_key
    tls.CaListFile = settings.tls_authorities or (
        str(SYSTEM_AUTHORITIES) if SYSTEM_AUTHORITIES.is_file() else ""
    )
    tls.verifyServer = True
    return config


def protect_media(config: pj.AccountConfig, srtp: Srtp) -> None:
    """Set what an account offers and accepts."""
    config.mediaConfig.srtpUse = _USE[srtp]
    # Keys that travel in the clear protect nothing.
    config.mediaConfig.srtpSecureSignaling = _KEYS_OVER_TLS_ONLY
