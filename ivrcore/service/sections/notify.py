"""What customers are told of their calls, by pushes."""

from enum import Enum

from pydantic import Field

from ivrcore.service.sections.base import OptionalPath, Seconds, Section


class NotifyMode(Enum):
    """How status events are pushed: once, as the FAQ says, or until taken, signed, with sequence numbers."""

    STRICT = "strict"
    DURABLE = "durable"


class PushSignature(Enum):
    """The X-AKSK headers of a push: none, the form of 2026 (url, nonce, created), or the older one (D5)."""

    NONE = "none"
    CURRENT = "current"
    LEGACY = "legacy"


class NotifySettings(Section):
    """Pushes to the customers' statusUrl and feeUrl."""

    mode: NotifyMode = Field(
        default=NotifyMode.STRICT,
        description="Status events: strict (pushed once, FAQ 9.6) or durable (repeated, with sequence "
        "numbers).",
    )
    signature: PushSignature = Field(
        default=PushSignature.CURRENT, description="Headers of a push: none, current or legacy (D5)."
    )
    allow_private: bool = Field(
        default=False, description="Push to private and loopback addresses too: for labs."
    )
    ca_file: OptionalPath = Field(
        default=None, description="PEM file with further authorities for receivers' certificates."
    )
    connect_timeout_s: Seconds = Field(
        default=5.0, description="A receiver must accept the connection by then (D22)."
    )
    total_timeout_s: Seconds = Field(default=10.0, description="A push must be answered by then (D22).")
    concurrency: int = Field(default=100, ge=1, le=10_000, description="Pushes under way at once.")
    status_backoff_s: Seconds = Field(default=1.0, description="First wait before such a repeat; it doubles.")
    merge_wait_s: Seconds = Field(
        default=1.0,
        description="CDRs that ended in the same second are merged; how long is waited for more (D23).",
    )
    batch: int = Field(default=50, ge=1, le=50, description="Most CDRs in one message (FAQ 9.3).")
    cdr_repeats: int = Field(default=6, ge=0, le=100, description="Repeats of a CDR push (FAQ 9.6).")
    cdr_interval_s: Seconds = Field(default=3600.0, description="Time between them.")
