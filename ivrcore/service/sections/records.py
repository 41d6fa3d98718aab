"""What remains of calls: what they cost, their recordings, and how long it is kept."""

from decimal import Decimal

from pydantic import Field, SecretStr

from ivrcore.service.sections.base import Amount, OptionalPath, Seconds, Section


class BillingSettings(Section):
    """Prices (FAQ 3.1). A started minute counts whole."""

    currency: str = Field(
        default="CNY", pattern=r"^[A-Z]{3}$", description="What the amounts are in (ISO 4217)."
    )
    callback_minute: Amount = Field(default=Decimal("0.18"), description="A minute of one leg of a callback.")
    notification_minute: Amount = Field(default=Decimal("0.18"), description="A minute of a notification.")
    verification_minute: Amount = Field(
        default=Decimal("0.18"), description="A minute of a verification call."
    )
    number_month: Amount = Field(
        default=Decimal("30"), description="A number, in use or paused, for a month."
    )
    utc_offset_h: int = Field(default=8, ge=-12, le=14, description="Months begin at midnight of this zone.")


class RecordingSettings(Section):
    """Recordings and their download."""

    domain: str = Field(
        default="record.ivrcore.example",
        pattern=r"^[A-Za-z0-9.-]{1,128}$",
        description="recordDomain of a CDR, and the parameter of the download.",
    )
    bucket: str = Field(
        default="recordings", pattern=r"^[A-Za-z0-9._-]{1,128}$", description="recordBucketName of a CDR."
    )
    link_lifetime_s: int = Field(default=1800, ge=1, description="How long a download address is good (D12).")
    link_secret: SecretStr = Field(
        default=SecretStr(""),
        description="Signs download addresses; empty: made at each start, older addresses end.",
    )
    base_url: str = Field(
        default="",
        pattern=r"^(https?://[^\s/?#]+)?$",
        description="Scheme and host of download addresses; empty: those of the request for it (D12).",
    )
    directory: OptionalPath = Field(
        default=None, description="Where finished recordings go; empty: below data_dir."
    )


class RetentionSettings(Section):
    """How long things are kept."""

    recordings_days: int = Field(default=7, ge=1, le=3650, description="Recordings (FAQ 8.1).")
    details_months: int = Field(
        default=2, ge=1, le=120, description="Calls, their events and CDRs (FAQ 9.10)."
    )
    sweep_interval_s: Seconds = Field(default=600.0, description="What is too old is looked for this often.")
    sweep_batch: int = Field(default=200, ge=1, le=10_000, description="Recordings removed at a time.")
