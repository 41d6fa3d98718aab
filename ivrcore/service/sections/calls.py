"""What calls may do."""

from enum import Enum
from typing import Self

from pydantic import Field, model_validator

from ivrcore.service.sections.base import Seconds, Section
from media.errors import MediaFormatError
from media.tone import ringback


class NumberPolicy(Enum):
    """Which numbers may be called (ivrcore.service.rules.numbers)."""

    CHINA = "china"
    E164 = "e164"
    ANY = "any"


class BarredPolicy(Enum):
    """What a barred destination gets: no call, or one that fails with 8001 (D14)."""

    REFUSE = "refuse"
    FAIL = "fail"


class FrequencySettings(Section):
    """A guard the platform only advises (FAQ 2.13): how often one number may be called."""

    enabled: bool = Field(default=False, description="Refuse calls over these limits.")
    per_day: int = Field(default=3, ge=1, description="Calls to one number in 24 hours.")
    per_30_days: int = Field(default=10, ge=1, description="Calls to one number in 30 days.")


class CallSettings(Section):
    """What calls may do."""

    host_name: str = Field(
        default="callenabler1.ivrcore.example",
        pattern=r"^[A-Za-z0-9.-]{1,128}$",
        description="Host part of session ids, and hostName of a CDR.",
    )
    ring_timeout_s: int = Field(default=60, ge=1, le=600, description="How long each party may ring (D17).")
    ringback_country: str = Field(default="CN", description="Whose ringback A hears while B rings.")
    clock_scale: float = Field(
        default=1.0, ge=0.001, le=1000, description="Let the customer's minutes pass faster: for labs."
    )
    numbers: NumberPolicy = Field(
        default=NumberPolicy.CHINA,
        description="Who may be called: china (the mainland without what FAQ 2.8, 2.11, 2.12, 5.13 and "
        "5.17 bar), e164 (every valid number), any (4 to 31 digits).",
    )
    lab: bool = Field(
        default=False, description="Accept SIP URIs (sip:user@host) where numbers are expected."
    )
    barred: BarredPolicy = Field(
        default=BarredPolicy.FAIL,
        description="A barred destination: refuse the request with 1010002, or accept it and fail the call "
        "with 8001 as a carrier does (D14).",
    )
    collect_info_on_replay: bool = Field(
        default=True, description="Send collectInfo also when the digits lead to a replay (D19)."
    )
    rate_queue_length: int = Field(
        default=20,
        ge=0,
        le=10_000,
        description="Requests of one application that may wait over its calls per second.",
    )
    rate_queue_wait_s: Seconds = Field(default=2.0, description="How long such a request may wait.")
    frequency: FrequencySettings = FrequencySettings()

    @model_validator(mode="after")
    def _known_country(self) -> Self:
        try:
            ringback(self.ringback_country)
        except MediaFormatError as error:
            raise ValueError(f"ringback_country: {error}") from None
        return self
