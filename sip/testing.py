"""In-memory legs, bridges and endpoints, for the unit tests of whatever stands on sip.

Nothing is sent and nothing sounds: every order is written down with the reactor's time, and the test says
what the network would have said (`leg.emit_rang()`). Where the real stack answers by itself, so do these: a
hung up leg ends with the next turn of the reactor, the fifth call of a four-call engine ends with
NO_RESOURCE, a malformed number raises SipConfigError, and orders on a leg that is over are ignored.
Left out: audio. A playback ends when the test says so.
"""

from twisted.internet.defer import Deferred

from sip.cause import NORMAL_CLEARING, HangupCause
from sip.endpoint import EngineLimits, IncomingCall, IncomingListener
from sip.errors import LegStateError, SipError
from sip.events import LegId
from sip.leg import Leg, LegListener
from sip.manual_reactor import ManualReactor
from sip.scripted_leg import LOCAL_HOST, Journal, Order, ScriptedLeg, ignore

__all__ = [
    "FOUR_CALLS",
    "LOCAL_HOST",
    "Journal",
    "Order",
    "ScriptedBridge",
    "ScriptedEndpoint",
    "ScriptedLeg",
]

FOUR_CALLS = EngineLimits(version="scripted", calls=4, conference_ports=254)


class ScriptedBridge:
    """Implements sip.bridge.Bridge.

    Attributes:
        heard_db: for each listener that hears the other party now, at what level (0.0 is full).
    """

    def __init__(self, a: ScriptedLeg, b: ScriptedLeg) -> None:
        self.name = f"{a.id}+{b.id}"
        self.heard_db: dict[LegId, float] = {}
        self._journal = a.journal
        self._other = {a.id: b.id, b.id: a.id}

    @property
    def is_open(self) -> bool:
        """Whether both hear each other."""
        return len(self.heard_db) == 2

    def open(self) -> None:
        """See sip.bridge.Bridge."""
        self._journal.note(self.name, "open")
        self.heard_db = dict.fromkeys(self._other, 0.0)

    def open_one_way(self, talker: LegId) -> None:
        """See sip.bridge.Bridge."""
        listener = self._party(talker)
        self._journal.note(self.name, "open_one_way", talker)
        self.heard_db[listener] = 0.0

    def close(self) -> None:
        """See sip.bridge.Bridge."""
        self._journal.note(self.name, "close")
        self.heard_db.clear()

    def lower(self, listener: LegId, level_db: float) -> None:
        """See sip.bridge.Bridge."""
        if level_db > 0:
            raise LegStateError(f"a bridge lowers: {level_db} dB is a gain")
        self._party(listener)
        self._journal.note(self.name, "lower", listener, level_db)
        if listener in self.heard_db:
            self.heard_db[listener] = level_db

    def restore(self, listener: LegId) -> None:
        """See sip.bridge.Bridge."""
        self._party(listener)
        self._journal.note(self.name, "restore", listener)
        if listener in self.heard_db:
            self.heard_db[listener] = 0.0

    def _party(self, leg: LegId) -> LegId:
        """The other party of one of ours."""
        if leg not in self._other:
            raise LegStateError(f"leg {leg} is no party of bridge {self.name}")
        return self._other[leg]


class ScriptedEndpoint:
    """Implements sip.endpoint.Endpoint.

    Attributes:
        legs: the latest leg of each name, those that are over included.
        bridges: every bridge made, in order.
        journal: every order to any of them.
    """

    def __init__(
        self,
        reactor: ManualReactor | None = None,
        incoming: IncomingListener | None = None,
        limits: EngineLimits = FOUR_CALLS,
    ) -> None:
        self.reactor = reactor or ManualReactor()
        self.journal = Journal(self.reactor)
        self.legs: dict[str, ScriptedLeg] = {}
        self.bridges: list[ScriptedBridge] = []
        self.closed = False
        self._incoming = incoming
        self._limits = limits
        self._closing: Deferred[None] | None = None
        self._n_incoming = 0

    @property
    def limits(self) -> EngineLimits:
        """See sip.endpoint.Endpoint."""
        return self._limits

    @property
    def address(self) -> str:
        """See sip.endpoint.Endpoint."""
        return f"{LOCAL_HOST}:5060"

    @property
    def lingering(self) -> int:
        """See sip.endpoint.Endpoint: none."""
        return 0

    def new_leg(self, name: str, listener: LegListener) -> ScriptedLeg:
        """See sip.endpoint.Endpoint."""
        if name in self.legs and not self.legs[name].over:
            raise SipError(f"leg {name} exists already")
        in_use = len(self._alive())
        leg = ScriptedLeg(LegId(name), self.journal, listener, calls_free=in_use < self._limits.calls)
        self.legs[name] = leg
        return leg

    def bridge(self, a: Leg, b: Leg) -> ScriptedBridge:
        """See sip.endpoint.Endpoint."""
        if not (isinstance(a, ScriptedLeg) and isinstance(b, ScriptedLeg)) or not (
            a.journal is b.journal is self.journal
        ):
            raise LegStateError(f"legs {a.id} and {b.id} are not both of this endpoint")
        if a is b:
            raise LegStateError(f"leg {a.id} cannot be bridged with itself")
        bridge = ScriptedBridge(a, b)
        self.bridges.append(bridge)
        return bridge

    def receive(self, called: str, calling: str, asserted_identity: str = "") -> ScriptedLeg:
        """Let an INVITE come in; without a listener it is refused."""
        self._n_incoming += 1
        leg = self.new_leg(f"in-{self._n_incoming}", ignore)
        if self._incoming is None or self._closing is not None:
            leg.hang_up(HangupCause(20, 480))
        else:
            leg.listener = self._incoming(IncomingCall(leg, called, calling, asserted_identity))
        return leg

    def close(self) -> "Deferred[None]":
        """See sip.endpoint.Endpoint."""
        self._closing = Deferred()
        for leg in self._alive():
            leg.hang_up(NORMAL_CLEARING)
        self._look_for_end()
        return self._closing

    def _look_for_end(self) -> None:
        if self._alive():
            self.reactor.callLater(0.02, self._look_for_end)
        elif self._closing is not None:
            self.closed = True
            self._closing.callback(None)

    def _alive(self) -> list[ScriptedLeg]:
        return [leg for leg in self.legs.values() if not leg.over]
