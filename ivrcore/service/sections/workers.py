"""The processes that make the calls."""

from collections.abc import Collection
from pathlib import Path
from typing import Self

from pydantic import Field, model_validator

from ivrcore.service.sections.base import OptionalPath, PortNumber, Seconds, SecondsOrNever, Section
from sip.endpoint import EndpointSettings
from sip.errors import SipConfigError
from sip.rtp_ports import FIRST_PORT, LAST_PORT
from sip.trunk import DEFAULT_CODECS, Transport


class WorkersSettings(Section):
    """The processes that make the calls."""

    count: int = Field(
        default=1, ge=1, le=256, description="Worker processes, each with as many legs as its stack has."
    )
    bind: str = Field(
        default="127.0.0.1",
        description="IP address SIP and RTP are bound to; 0.0.0.0 or :: for all, trunks are told the main "
        "one. Names of trunks are looked up in its family, unless they say otherwise.",
    )
    also_bind: str = Field(
        default="",
        description="A second one, IPv6 when the first is IPv4 or the reverse, for trunks that are named by "
        "such an address; empty: none. IPv6 needs the engine that `make engine` builds.",
    )
    sip_port: PortNumber = Field(
        default=0,
        description="UDP port of the first worker, the next one has the next port; 0 takes free ones. SIP "
        "over TCP, when a trunk has it, is on the same.",
    )
    rtp_first_port: int = Field(
        default=FIRST_PORT, description="RTP and RTCP of all workers take ports from here (an even one) ..."
    )
    rtp_last_port: int = Field(default=LAST_PORT, description="... to here (an odd one).")
    tls_port: PortNumber = Field(
        default=0,
        description="TCP port for SIP over TLS of the first worker, the next one has the next port; 0 takes "
        "free ones. It is opened when a trunk has transport tls.",
    )
    tls_certificate: OptionalPath = Field(
        default=None,
        description="PEM file, certificate and chain: shown to trunks that ask for ours, or connect to us.",
    )
    tls_key: OptionalPath = Field(default=None, description="PEM file with the key of that certificate.")
    tls_authorities: OptionalPath = Field(
        default=None,
        description="PEM file of the authorities that certificates of TLS trunks are checked with; empty: "
        "those of the system.",
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
    rtp_timeout_s: SecondsOrNever = Field(
        default=60.0,
        description="A telephone that is up and sends neither RTP nor RTCP for so long is taken for gone: "
        "its call ends with 8001; 0: never.",
    )
    rtp_hold_timeout_s: SecondsOrNever = Field(
        default=1800.0, description="The same while the telephone has put the call on hold; 0: never."
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

    def endpoint(self, transports: Collection[Transport] = tuple(Transport)) -> EndpointSettings:
        """The first worker's, as the core takes it; caches and traces are the caller's.

        Args:
            transports: those of the trunks, whose ports are opened.

        Raises:
            SipConfigError: something does not go together.
        """
        return EndpointSettings(
            bind=self.bind,
            also_bind=self.also_bind,
            sip_port=self.sip_port,
            codecs=self.codecs,
            jitter_buffer_ms=self.jitter_buffer_ms,
            tcp=Transport.TCP in transports,
            tls_port=self.tls_port if Transport.TLS in transports else None,
            tls_certificate=_text(self.tls_certificate),
            tls_key=_text(self.tls_key),
            tls_authorities=_text(self.tls_authorities),
            rtp_first_port=self.rtp_first_port,
            rtp_last_port=self.rtp_last_port,
            rtp_timeout_s=self.rtp_timeout_s,
            rtp_hold_timeout_s=self.rtp_hold_timeout_s,
        )

    @model_validator(mode="after")
    def _usable(self) -> Self:
        try:
            self.endpoint()
        except SipConfigError as error:
            raise ValueError(str(error)) from None
        for name, port in (("sip_port", self.sip_port), ("tls_port", self.tls_port)):
            if port + self.count - 1 > 65535:
                raise ValueError(f"{name} {port} leaves no ports for {self.count} workers")
        if self.backoff_max_s < self.backoff_min_s:
            raise ValueError("backoff_max_s is shorter than backoff_min_s")
        return self


def _text(path: Path | None) -> str:
    return "" if path is None else str(path.absolute())
