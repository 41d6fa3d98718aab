"""An endpoint: one SIP stack with its ports, its clock and its limits.

Its settings are plain data; sip.pjsua.endpoint turns them into a running stack.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from twisted.internet.defer import Deferred

from sip.address import IpAddress, family_of, own_address
from sip.bridge import Bridge
from sip.errors import SipConfigError
from sip.inactivity import InactivityLimits
from sip.leg import Leg, LegListener
from sip.rtp_ports import FIRST_PORT, LAST_PORT, RtpPorts
from sip.trunk import DEFAULT_CODECS, Srtp, check_codecs


@dataclass(frozen=True)
class EndpointSettings:
    """What an endpoint needs to start.

    Attributes:
        bind: IP address SIP and RTP are bound to, IPv6 with or without brackets. Names of far ends are looked
            up in its family, unless the trunk says otherwise. 0.0.0.0 and :: are all addresses of this
            machine; far ends are told its main one.
        also_bind: a second one, of the other family; "" for none. Far ends that are named by an address of
            that family are called from there.
        sip_port: UDP port, on both addresses; 0 takes free ones.
        codecs: offered and accepted, best first.
        jitter_buffer_ms: fixed prefetch of the receive buffer, whole 20 ms packets. It is the delay a leg
            adds, and what a late packet may be late by without a gap.
        cache_dir: where prepared sounds (unrolled loops) are kept.
        trace_file: SIP messages and the stack's log go there; None for no trace.
        tcp: take SIP over TCP as well, on the same port; else it is opened when a TCP trunk is used.
        tls_port: TCP port for SIP over TLS, 0 takes a free one; None opens none before a TLS trunk is used.
        tls_certificate, tls_key: PEM files, ours; needed by those who call us.
        tls_authorities: PEM file of the authorities that far ends are checked with; "" takes the system's.
        srtp: of calls that come in; those that go out have their trunk's.
        rtp_first_port, rtp_last_port: RTP and RTCP of all legs, see sip.rtp_ports.
        rtp_timeout_s, rtp_hold_timeout_s: legs report a far end that nothing comes from for so long, see
            sip.inactivity; 0 is never.
        realtime: let the audio threads run before ordinary work, where the system permits it.
    """

    bind: str = "127.0.0.1"
    also_bind: str = ""
    sip_port: int = 0
    codecs: tuple[str, ...] = DEFAULT_CODECS
    jitter_buffer_ms: int = 40
    cache_dir: Path = Path("build/cache")
    trace_file: Path | None = None
    user_agent: str = "ivrcore"
    realtime: bool = True
    tcp: bool = False
    tls_port: int | None = None
    tls_certificate: str = ""
    tls_key: str = ""
    tls_authorities: str = ""
    srtp: Srtp = Srtp.OFF
    rtp_first_port: int = FIRST_PORT
    rtp_last_port: int = LAST_PORT
    rtp_timeout_s: float = 0.0
    rtp_hold_timeout_s: float = 0.0

    def __post_init__(self) -> None:
        first, *others = self.addresses
        if others and family_of(others[0]) is family_of(first):
            raise SipConfigError(
                f"addresses {first} and {others[0]} are both {family_of(first)}: name one of each family"
            )
        RtpPorts(self.rtp_first_port, self.rtp_last_port)
        check_codecs(self.codecs)
        InactivityLimits(self.rtp_timeout_s, self.rtp_hold_timeout_s)
        if self.srtp not in tuple(Srtp):
            raise SipConfigError(f"SRTP '{self.srtp}': must be one of {', '.join(Srtp)}")
        if bool(self.tls_certificate) != bool(self.tls_key):
            raise SipConfigError("a TLS certificate and its key belong together: name both")
        if self.tls_port is not None and not 0 <= self.tls_port <= 65535:
            raise SipConfigError(f"TLS port {self.tls_port} is not 0 to 65535")
        if not 0 <= self.sip_port <= 65535:
            raise SipConfigError(f"SIP port {self.sip_port} is not 0 to 65535")
        if self.jitter_buffer_ms % 20 or not 0 <= self.jitter_buffer_ms <= 200:
            raise SipConfigError(
                f"jitter buffer of {self.jitter_buffer_ms} ms: must be 0 to 200 in steps of 20"
            )

    @property
    def addresses(self) -> tuple[IpAddress, ...]:
        """What it is bound to: one, or two of different families, the first one first.

        Raises:
            SipConfigError: one is no address.
        """
        named = (self.bind, self.also_bind) if self.also_bind else (self.bind,)
        return tuple(map(own_address, named))

    def check_tls_files(self) -> None:
        """Raise SipConfigError for a file of TLS that is not there; the text names it."""
        for what, name in (
            ("certificate", self.tls_certificate),
            ("key", self.tls_key),
            ("authorities", self.tls_authorities),
        ):
            if name and not Path(name).is_file():
                raise SipConfigError(f"TLS {what}: there is no file {name}")


@dataclass(frozen=True)
class EngineLimits:
    """What the engine was compiled for; reported at start, checked before a configuration is accepted.

    Attributes:
        version: pjproject's release.
        build: which of the builds it is, for a person.
        tls: the library that encrypts, with its version; "" when it does not tell.
        players, recorders, io_handles: what pjproject has unless it is told otherwise; a call takes two I/O
            handles (RTP and RTCP).
    """

    version: str
    calls: int
    conference_ports: int
    players: int = 32
    recorders: int = 32
    io_handles: int = 64
    build: str = "stock wheel"
    tls: str = ""

    def __str__(self) -> str:
        tls = f", {self.tls}" if self.tls else ""
        return (
            f"pjsua2 {self.version} ({self.build}{tls}), {self.calls} legs at once at the most, "
            f"{self.players} players, {self.recorders} recorders, {self.conference_ports} conference ports, "
            f"{self.io_handles} I/O handles"
        )


@dataclass(frozen=True)
class IncomingCall:
    """An INVITE that waits for our answer."""

    leg: Leg
    called: str
    calling: str
    asserted_identity: str


IncomingListener = Callable[[IncomingCall], LegListener]
"""Decides on an incoming call and returns the listener of its leg; called on the reactor's thread."""


class Endpoint(Protocol):
    """A running SIP stack."""

    @property
    def limits(self) -> EngineLimits:
        """What the engine was compiled for."""

    @property
    def address(self) -> str:
        """`host:port` SIP really listens on."""

    @property
    def lingering(self) -> int:
        """How many of the engine's calls are over and not yet released: a far end that is gone costs one
        for 32 s (RFC 3261, timer F)."""

    def new_leg(self, name: str, listener: LegListener) -> Leg:
        """A leg to dial with."""

    def bridge(self, a: Leg, b: Leg) -> Bridge:
        """A closed bridge between two legs of this endpoint.

        Raises:
            LegStateError: a leg of another endpoint, or twice the same.
        """

    def close(self) -> "Deferred[None]":
        """Hang everything up, wait for it, and stop the stack; fires when nothing of it is left."""
