"""The SIP stack itself: ports, codecs, clock, account, incoming calls, and an ordered end."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pjsua2 as pj
from twisted.internet.defer import Deferred

from sip.cause import NORMAL_CLEARING, HangupCause
from sip.endpoint import EndpointSettings, EngineLimits, IncomingCall, IncomingListener
from sip.errors import LegStateError, SipConfigError, SipError
from sip.events import LegId
from sip.inactivity import InactivityLimits
from sip.inband import InBandListener
from sip.leg import Leg, LegListener
from sip.pjsua.accounts import Account, Accounts
from sip.pjsua.bridge import PjsuaBridge
from sip.pjsua.call import EndedCalls, NativeCall
from sip.pjsua.capture import CaptureFlusher
from sip.pjsua.engine import native_library, read_limits, silence_log
from sip.pjsua.guard import InactivityGuard
from sip.pjsua.inbox import Inbox
from sip.pjsua.leg import PjsuaLeg
from sip.pjsua.message import header, uri_user
from sip.pjsua.ports import Port, check_families, open_tcp, open_tls, open_udp
from sip.pjsua.priority import realtime_for_new_threads
from sip.pjsua.stopped import LOOK_S, StoppedPlayers
from sip.reactor import Reactor
from sip.rtp_ports import RtpPorts, legs_with_room, raise_file_limit, this_machine, warnings
from sip.trunk import Transport, Trunk

log = logging.getLogger("ivrcore.sip")

_JITTER_BUFFER_MAX_MS = 500


class PjsuaEndpoint:
    """Implements sip.endpoint.Endpoint. pjsua2 allows one per process."""

    def __init__(
        self, settings: EndpointSettings, reactor: Reactor, incoming: IncomingListener | None = None
    ) -> None:
        """Start the stack.

        Args:
            reactor: its thread owns the stack.
            incoming: decides on INVITEs; None refuses them with 480.

        Raises:
            SipConfigError: busy port, foreign address, IPv6 with a build that has none, unknown codec; the
                text says what to change.
        """
        self.reactor = reactor
        self.cache_dir: Path = settings.cache_dir
        self.inbox = Inbox(reactor)
        self.flusher = CaptureFlusher(reactor)
        self.ended_calls = EndedCalls()
        self.stopped_players = StoppedPlayers(reactor)
        self.in_band = InBandListener(reactor, jitter_buffer_ms=settings.jitter_buffer_ms)
        self._settings = settings
        self._rtp_ports = RtpPorts(settings.rtp_first_port, settings.rtp_last_port)
        self._incoming = incoming
        self._legs: dict[LegId, PjsuaLeg] = {}
        limits = InactivityLimits(settings.rtp_timeout_s, settings.rtp_hold_timeout_s)
        self._guard = InactivityGuard(limits, reactor, lambda: self._legs.values())
        self._accounts = Accounts(settings, self._take_incoming)
        self._udp: tuple[Port, ...] = ()
        self._tcp: tuple[Port, ...] = ()
        self._tls: tuple[Port, ...] = ()
        self._waiting_for_end: Deferred[None] | None = None
        self._counter = 0
        self._destroyed = False
        self._owner = threading.get_ident()
        check_families(settings.addresses)
        settings.check_tls_files()
        self._endpoint = pj.Endpoint()
        silence_log()
        self._endpoint.libCreate()
        try:
            self._start()
            self._guard.begin()
        except BaseException:
            self._destroy()
            raise

    def _start(self) -> None:
        endpoint, settings = self._endpoint, self._settings
        config = pj.EpConfig()
        config.logConfig.level = 5 if settings.trace_file else 0
        config.logConfig.consoleLevel = 0
        config.logConfig.msgLogging = 1 if settings.trace_file else 0
        if settings.trace_file:
            check_writable(settings.trace_file)
            config.logConfig.filename = str(settings.trace_file)
        config.uaConfig.threadCnt = 1
        config.uaConfig.maxCalls = 100_000  # clipped to what was compiled in
        config.uaConfig.userAgent = settings.user_agent
        media = config.medConfig
        # One rate from the wire to the file and one frame a packet: no resampler, no rebuffering (DESIGN).
        media.clockRate = media.sndClockRate = 8000
        media.audioFramePtime = media.ptime = 20
        media.channelCount = 1
        media.noVad = True
        media.ecTailLen = 0
        media.sndAutoCloseTime = -1  # else the null device, and all RTP with it, stops after an idle second
        media.jbInit = media.jbMinPre = media.jbMaxPre = settings.jitter_buffer_ms
        media.jbMax = _JITTER_BUFFER_MAX_MS
        # The discard algorithm stays pjsua's default, progressive (the binding cannot set it). With a fixed
        # prefetch it drops only what a burst piled up above it: the delay returns to the prefetch, and the
        # two captures of a call come back into step (see docs/media-behaviour.md).
        with realtime_for_new_threads(settings.realtime):
            endpoint.libInit(config)
        self._limits = self._with_room(read_limits(endpoint))
        self._udp = tuple(open_udp(endpoint, settings, address) for address in settings.addresses)
        endpoint.libStart()
        with realtime_for_new_threads(settings.realtime):
            endpoint.audDevManager().setNullDev()
        self._learn_codecs()
        self._rank_codecs(settings.codecs)
        self._accounts.listen(self._udp)
        if settings.tcp:
            self._open_tcp()
        if settings.tls_port is not None:
            self._open_tls()

    def _with_room(self, limits: EngineLimits) -> EngineLimits:
        """The engine's limits, lowered to what ports and descriptors suffice for; both are said."""
        machine = this_machine()
        for line in warnings(self._rtp_ports, limits.calls, machine):
            log.warning("%s", line)
        raise_file_limit(limits.calls)
        return replace(limits, calls=min(limits.calls, legs_with_room(self._rtp_ports, machine)))

    def _open_tcp(self) -> None:
        self._tcp = tuple(
            open_tcp(self._endpoint, self._settings, address) for address in self._settings.addresses
        )
        self._accounts.listen(self._tcp)

    def _open_tls(self) -> None:
        self._tls = tuple(
            open_tls(self._endpoint, self._settings, address) for address in self._settings.addresses
        )
        self._accounts.listen(self._tls)

    def _learn_codecs(self) -> None:
        self._known_codecs = {
            codec.codecId: codec.codecId.split("/")[0].upper() for codec in self._endpoint.codecEnum2()
        }
        have = set(self._known_codecs.values())
        for codec in self._settings.codecs:
            if codec not in have:
                raise SipConfigError(
                    f"codec {codec} is not in this pjsua2 build, which has {', '.join(sorted(have))}"
                )

    def _rank_codecs(self, codecs: tuple[str, ...]) -> None:
        self._ranked_codecs = codecs
        for codec_id, name in self._known_codecs.items():
            self._endpoint.codecSetPriority(codec_id, 255 - codecs.index(name) if name in codecs else 0)

    # -- what sip.endpoint promises -------------------------------------------------------------------

    @property
    def limits(self) -> EngineLimits:
        """What the engine was compiled for."""
        return self._limits

    @property
    def address(self) -> str:
        """`host:port` SIP really listens on, at the first of the endpoint's addresses."""
        return self._udp[0].address

    @property
    def addresses(self) -> tuple[str, ...]:
        """The same of all of them."""
        return tuple(port.address for port in self._udp)

    @property
    def tcp_addresses(self) -> tuple[str, ...]:
        """Where SIP over TCP listens, on each address; none while nothing asked for TCP."""
        return tuple(port.address for port in self._tcp)

    @property
    def tls_address(self) -> str:
        """`host:port` SIP over TLS listens on at the first address, "" while nothing asked for TLS."""
        return self._tls[0].address if self._tls else ""

    @property
    def tls_addresses(self) -> tuple[str, ...]:
        """The same of all of them; none while nothing asked for TLS."""
        return tuple(port.address for port in self._tls)

    def new_leg(self, name: str, listener: LegListener) -> PjsuaLeg:
        """A leg to dial with."""
        if threading.get_ident() != self._owner:
            raise SipError("legs are made on the reactor's thread")
        leg_id = LegId(name)
        if leg_id in self._legs:
            raise SipError(f"leg {name} exists already")
        leg = PjsuaLeg(leg_id, self, listener)
        self._legs[leg_id] = leg
        return leg

    def bridge(self, a: Leg, b: Leg) -> PjsuaBridge:
        """See sip.endpoint.Endpoint.

        Raises:
            LegStateError: a leg of another endpoint, or twice the same.
        """
        if (
            not isinstance(a, PjsuaLeg)
            or not isinstance(b, PjsuaLeg)
            or a.host is not self
            or b.host is not self
        ):
            raise LegStateError(f"legs {a.id} and {b.id} are not both of this endpoint")
        if a is b:
            raise LegStateError(f"leg {a.id} cannot be bridged with itself")
        return PjsuaBridge(a, b)

    def close(self) -> "Deferred[None]":
        """Hang up, wait until every leg reported its end, destroy media, account and stack, in this order."""
        done: Deferred[None] = Deferred()
        self._waiting_for_end = done
        for leg in tuple(self._legs.values()):
            leg.hang_up(NORMAL_CLEARING)
        if not self._legs:
            self.reactor.callLater(0, self._finish_close)
        return done

    # -- what legs need ---------------------------------------------------------------------------------

    def account_for(self, trunk: Trunk, uri: str) -> Account:
        """The account that carries a trunk's calls to this destination; made on first use.

        Raises:
            SipConfigError: the trunk's codecs and the endpoint's have none in common, or the destination is
                an address of a family that the endpoint has none of.
        """
        self._codecs_towards(trunk)
        self._accounts.family_towards(trunk, uri)
        if trunk.transport is Transport.TCP and not self._tcp:
            self._open_tcp()
        if trunk.transport is Transport.TLS and not self._tls:
            self._open_tls()
        return self._accounts.towards(trunk, uri)

    @contextmanager
    def offering(self, trunk: Trunk) -> Iterator[None]:
        """While this holds, an INVITE offers the trunk's codecs.

        pjsua ranks codecs for the whole endpoint only, but writes the offer inside makeCall; an INVITE that
        comes in at this very moment is answered by the trunk's order.
        """
        codecs = self._codecs_towards(trunk)
        if codecs == self._ranked_codecs:
            yield
            return
        self._rank_codecs(codecs)
        try:
            yield
        finally:
            self._rank_codecs(self._settings.codecs)

    def _codecs_towards(self, trunk: Trunk) -> tuple[str, ...]:
        codecs = tuple(codec for codec in trunk.codecs if codec in self._settings.codecs)
        if not codecs:
            ours, theirs = ", ".join(self._settings.codecs), ", ".join(trunk.codecs)
            raise SipConfigError(f"the trunk has no codec of the endpoint: {theirs} against {ours}")
        return codecs

    def has_free_call(self) -> bool:
        """Whether the engine has a call for every leg that needs one."""
        return sum(leg.has_call for leg in self._legs.values()) <= self._limits.calls

    @property
    def lingering(self) -> int:
        """See sip.endpoint.Endpoint.

        The stack's locks are passed first: who asks whether a process still serves calls, as a worker's ping
        does, is to learn by its silence that the stack stands still.
        """
        if self._destroyed:
            return 0
        library = native_library()
        library.pjsua_get_snd_dev(None, None)  # under pjsua's own lock
        library.pjsua_conf_get_active_ports()  # under that of the conference
        occupied = int(library.pjsua_call_get_count())
        return max(0, occupied - sum(leg.has_call for leg in self._legs.values()))

    def host_towards(self, trunk: Trunk, uri: str) -> str:
        """Our own host, for identities when the trunk has none.

        Raises:
            SipConfigError: the destination is an address of a family that the endpoint has none of.
        """
        family = self._accounts.family_towards(trunk, uri)
        # The port's, not the setting's: who is bound to every address is not called 0.0.0.0.
        return next(port.address.rpartition(":")[0] for port in self._udp if port.family is family)

    def forget(self, leg: PjsuaLeg) -> None:
        """A leg is about to report its end."""
        self._legs.pop(leg.id, None)
        self.ended_calls.release()
        if self._waiting_for_end is not None and not self._legs:
            self.reactor.callLater(0, self._finish_close)

    # -- incoming -----------------------------------------------------------------------------------------

    def _take_incoming(self, account: Account, call_id: int, message: str) -> None:
        call = NativeCall(account, call_id, self.inbox)
        self._counter += 1
        leg_id = LegId(f"in-{self._counter}")
        leg = PjsuaLeg(leg_id, self, _ignore)
        leg.adopt(call)  # before anything can happen on the call: its reports queue behind ours
        self.inbox.post(lambda _at_s: self._offer(leg, message))

    def _offer(self, leg: PjsuaLeg, message: str) -> None:
        self._legs[leg.id] = leg
        if self._incoming is None or self._waiting_for_end is not None:
            leg.hang_up(HangupCause(20, 480))
            return
        call = IncomingCall(
            leg=leg,
            called=uri_user("<" + message.split(" ", 2)[1] + ">"),
            calling=uri_user(header(message, "From")),
            asserted_identity=uri_user(header(message, "P-Asserted-Identity")),
        )
        leg.listen(self._incoming(call))

    # -- end ------------------------------------------------------------------------------------------------

    def _finish_close(self) -> None:
        if self.stopped_players:  # the last of them need the stack for their end
            self.reactor.callLater(LOOK_S, self._finish_close)
            return
        done, self._waiting_for_end = self._waiting_for_end, None
        if done is None:
            return
        self._destroy()
        done.callback(None)

    def _destroy(self) -> None:
        self._destroyed = True
        self._guard.end()
        self.inbox.close()
        self._legs.clear()
        self.ended_calls.release()
        self._accounts.shutdown()
        try:
            self._endpoint.libDestroy()
        except pj.Error as error:
            log.warning("the stack did not end cleanly: %s", error.reason)


def check_writable(path: Path) -> None:
    """Raise SipConfigError for a trace file that cannot be written: pjsua2 would only say that it failed."""
    try:
        path.open("a").close()
    except OSError as error:
        raise SipConfigError(f"trace file {path} cannot be written: {error.strerror}") from error


def _ignore(event: object) -> None:
    """Listener of a leg nobody has taken yet."""
