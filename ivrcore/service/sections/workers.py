"""The processes that make the calls."""

from typing import Self

from pydantic import Field, model_validator

from ivrcore.service.sections.base import PortNumber, Seconds, Section
from sip.errors import SipConfigError
from sip.trunk import DEFAULT_CODECS, check_codecs


class WorkersSettings(Section):
    """The processes that make the calls."""

    count: int = Field(
        default=1, ge=1, le=256, description="Worker processes, each with as many legs as its stack has."
    )
    bind: str = Field(default="127.0.0.1", description="Address SIP and RTP are bound to.")
    sip_port: PortNumber = Field(
        default=0,
        description="UDP port of the first worker, the next one has the next port; 0 takes free ones.",
    )
    jitter_buffer_ms: int = Field(
        default=40,
        ge=0,
        le=200,
        multiple_of=20,
        description="Prefetch of the receive buffer: the delay a leg adds.",
    )
    codecs: tuple[str, ...] = Field(
        default=DEFAULT_CODECS, description="Offered and accepted codecs, best first."
    )
    orphan_s: Seconds = Field(
        default=300.0, description="A worker without calls and without a front end ends after this."
    )
    queue_wait_s: Seconds = Field(
        default=10.0, description="How long an accepted call may wait for free legs."
    )
    queue_length: int = Field(
        default=100, ge=0, le=100_000, description="How many accepted calls may wait for free legs."
    )
    backoff_min_s: Seconds = Field(
        default=0.5, description="First wait before a dead worker is replaced; it doubles."
    )
    backoff_max_s: Seconds = Field(default=60.0, description="Longest wait before a dead worker is replaced.")
    health_s: Seconds = Field(default=5.0, description="A worker is asked for its health this often.")
    trace: bool = Field(
        default=False, description="Write SIP messages to run/<worker>/sip.log below data_dir."
    )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        try:
            check_codecs(self.codecs)
        except SipConfigError as error:
            raise ValueError(str(error)) from None
        if self.sip_port + self.count - 1 > 65535:
            raise ValueError(f"sip_port {self.sip_port} leaves no ports for {self.count} workers")
        if self.backoff_max_s < self.backoff_min_s:
            raise ValueError("backoff_max_s is shorter than backoff_min_s")
        return self
