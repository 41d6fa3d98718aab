"""Where the API is served, and how it behaves."""

from typing import Self

from pydantic import Field, model_validator

from ivrcore.service.api.settings import CreatedZone
from ivrcore.service.sections.base import Networks, OptionalPath, PortNumber, Seconds, Section


class HttpSettings(Section):
    """Where the API is served."""

    bind: str = Field(default="127.0.0.1", description="Address to listen on; 0.0.0.0 for every interface.")
    plain: bool = Field(default=True, description="Serve HTTP without TLS.")
    port: PortNumber = Field(default=8080, description="TCP port for HTTP; 0 takes a free one.")
    tls_port: PortNumber = Field(default=8443, description="TCP port for HTTPS; 0 takes a free one.")
    certificate: OptionalPath = Field(
        default=None, description="PEM file, certificate and chain. HTTPS is served when it is set."
    )
    key: OptionalPath = Field(default=None, description="PEM file with the key of the certificate.")
    max_body_bytes: int = Field(
        default=65536, ge=1024, le=16_777_216, description="Longest body of a request."
    )
    max_upload_bytes: int = Field(
        default=4_194_304,
        ge=1024,
        le=67_108_864,
        description="Longest body of a voice file's upload, by the admin API.",
    )
    upload_timeout_s: Seconds = Field(default=60.0, description="Such an upload must be whole by then.")
    read_timeout_s: Seconds = Field(default=10.0, description="A client must have sent its request by then.")
    idle_timeout_s: Seconds = Field(
        default=30.0, description="A connection that carries no request is closed after this."
    )
    max_headers: int = Field(default=64, ge=16, le=1024, description="Most headers of a request.")
    max_header_bytes: int = Field(
        default=16_384, ge=1024, le=1_048_576, description="Longest headers of a request, together."
    )
    shutdown_s: Seconds = Field(
        default=30.0, description="On shutdown, how long calls may go on before they are ended."
    )

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if (self.certificate is None) != (self.key is None):
            raise ValueError("certificate and key must be set together")
        if not self.plain and self.certificate is None:
            raise ValueError("plain is off and no certificate is set: nothing would be served")
        return self


class ApiSection(Section):
    """How the API behaves where the service's documentation leaves it open."""

    created_zone: CreatedZone = Field(
        default=CreatedZone.EITHER,
        description="How Created in X-AKSK is read: utc, utc+8, or either of them (D1).",
    )
    clock_window_s: int = Field(
        default=300, ge=1, le=86400, description="How far Created may be from now, to either side (D2)."
    )
    check_nonce: bool = Field(default=True, description="Refuse a nonce that was used before (D3).")
    block_failures: int = Field(
        default=20,
        ge=1,
        description="Failed authentications of one address within block_window_s that block it (D4).",
    )
    block_window_s: int = Field(default=300, ge=1, description="See block_failures.")
    block_for_s: int = Field(default=1800, ge=1, description="How long an address is blocked.")
    trusted_proxies: Networks = Field(
        default=(), description="Networks of proxies whose X-Forwarded-For tells who asks."
    )
    lenient: bool = Field(
        default=True,
        description="Accept numbers as texts, JSON booleans, and templateParas as JSON text (D27).",
    )
    keep_alive: bool = Field(
        default=False,
        description="Leave connections open between requests; the service is documented to close them.",
    )
    tts_content: bool = Field(default=False, description="Accept ttsContent in a notification (D9).")
    old_logins: bool = Field(default=False, description="Accept fastlogin tokens and X-WSSE.")
    token_life_s: int = Field(default=172_800, ge=60, description="How long a fastlogin token is good.")
    idempotency_wait_s: Seconds = Field(
        default=10.0,
        description="How long the second of two equal requests waits for the first one's answer.",
    )
