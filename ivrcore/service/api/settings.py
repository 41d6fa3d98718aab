"""The settings of the API: what docs/compatibility.md calls `api.<name>`."""

from dataclasses import dataclass, field
from enum import Enum


class CreatedZone(Enum):
    """How the time in X-AKSK is read: its text says UTC, some clients write Beijing time (D1)."""

    EITHER = "either"
    UTC = "utc"
    UTC_PLUS_8 = "utc+8"


BEIJING_OFFSET_S = 8 * 3600


@dataclass(frozen=True)
class ApiSettings:
    """How the API behaves where the service's documentation leaves it open, and its limits.

    Attributes:
        created_zone: D1. clock_window_s: D2, how far Created may be from now, to either side.
        check_nonce: D3, refuse a nonce that was used before.
        block_failures, block_window_s, block_for_s: D4, so many failed authentications of one address
            within the window block it.
        trusted_proxies: networks (CIDR) whose X-Forwarded-For tells who asks.
        lenient: D27, numbers as texts, JSON booleans, and templateParas as JSON text are accepted.
        tts_content: D9, an element of a notification may carry its text.
        sip_uris: a lab's switch: callerNbr and calleeNbr may be SIP URIs.
        old_logins: fastlogin tokens and X-WSSE are accepted.
        token_life_s: of a fastlogin token.
        record_domain: the recordDomain of the CDR; a request for a recording must name it. "" for any.
        record_base_url: scheme and host of the Location; "" for those of the request itself.
        record_url_life_s: D12, of the Location.
        record_key: signs the Location; "" for one that lasts until the service ends.
        max_body_bytes, max_headers, max_header_bytes: beyond them 413 or 400.
        max_upload_bytes, upload_timeout_s: the same for voice files uploaded to the admin API.
        request_timeout_s: for the whole of a request, from its first byte to its last.
        idle_timeout_s: of a connection that carries no request.
        keep_alive: False, the connection is closed after each answer: the documented clients wait for that.
        idempotency_wait_s: how long the second of two equal requests waits for the first one's answer.
    """

    created_zone: CreatedZone = CreatedZone.EITHER
    clock_window_s: int = 300
    check_nonce: bool = True
    block_failures: int = 20
    block_window_s: int = 300
    block_for_s: int = 1800
    trusted_proxies: tuple[str, ...] = ()
    lenient: bool = True
    tts_content: bool = False
    sip_uris: bool = False
    old_logins: bool = False
    token_life_s: int = 172_800
    record_domain: str = ""
    record_base_url: str = ""
    record_url_life_s: int = 1800
    record_key: str = field(default="", repr=False)
    max_body_bytes: int = 65_536
    max_upload_bytes: int = 4 * 1024 * 1024
    """A file of 2 MB in Base64 fits, and one that is a little too long is refused by its property."""
    max_headers: int = 64
    max_header_bytes: int = 16_384
    request_timeout_s: float = 10.0
    upload_timeout_s: float = 60.0
    idle_timeout_s: float = 30.0
    keep_alive: bool = False
    idempotency_wait_s: float = 10.0

    @property
    def nonce_life_s(self) -> int:
        """How long a used nonce must be known.

        Twice the window (D3). Where Created is read in either zone, one header would be good again eight
        hours later, so its nonce has to outlive that.
        """
        both = BEIJING_OFFSET_S if self.created_zone is CreatedZone.EITHER else 0
        return 2 * self.clock_window_s + both
