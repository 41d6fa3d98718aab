"""Why a call failed, in the four numbers of a CDR: callOutUnaswRsn, fwdUnaswRsn, sipStatusCode, ulFailReason.

No mapping is published. Ours: an answered leg has cause 0, however it ended; a leg that failed has the far
end's own cause; a leg without one (the platform gave up, or never called) has that of the call's stateCode.
"""

from collections.abc import Mapping
from dataclasses import dataclass

_RING_TIMED_OUT = 514
_NO_FAILURE = frozenset({0, 8010, 8017})
"""Hung up by a party, at the limit, by order: not a failure, whichever leg was still ringing."""

_OF_STATE: Mapping[int, tuple[int, int]] = {
    7109: (47, 503),
    8000: (41, 500),
    8001: (20, 480),
    8003: (19, 480),
    8004: (21, 603),
    8009: (16, 487),
    8020: (41, 500),
    8100: (1, 404),
    8101: (19, 480),
    8102: (17, 486),
    8103: (20, 480),
    8104: (20, 480),
    8105: (21, 603),
}
"""stateCode to Q.850 cause and SIP status, for a leg that was not answered and has no cause of its own."""

_POINT_OF_STATE: Mapping[int, int] = {
    7109: 522,
    8003: _RING_TIMED_OUT,
    8006: 524,
    8008: 100,
    8009: 530,
    8100: 518,
    8101: _RING_TIMED_OUT,
    8102: 518,
    8103: 518,
    8104: 518,
    8105: 518,
}
"""stateCode to release point, for a record that names none; the others are their own (appendix, 7108 on)."""


@dataclass(frozen=True)
class FeeCauses:
    """Attributes:
    first_leg_q850: callOutUnaswRsn. second_leg_q850: fwdUnaswRsn. sip_status: sipStatusCode.
    release_point: ulFailReason.
    failed_at: when the failed leg ended, as the record has it; None when no leg failed.
    """

    first_leg_q850: int
    second_leg_q850: int
    sip_status: int
    release_point: int
    failed_at: object = None

    @property
    def failed(self) -> bool:
        """Whether there is anything to say: any of the four is not 0."""
        return any((self.first_leg_q850, self.second_leg_q850, self.sip_status, self.release_point))


def fee_causes(record: Mapping[str, object]) -> FeeCauses:
    """Read the causes off a record in the form of `CallRecord.as_json()`; missing members count as 0."""
    state = _integer(record.get("stateCode"))
    point = _integer(record.get("releasePoint"))
    if not point and state not in _NO_FAILURE:
        point = _POINT_OF_STATE.get(state, state)
    if state in _NO_FAILURE:
        return FeeCauses(0, 0, 0, point)
    legs = record.get("legs")
    a, b = (legs.get("A"), legs.get("B")) if isinstance(legs, Mapping) else (None, None)
    first, first_status = _of_leg(a, state, point, called=True)
    # B's failure is a failure only when it was called: before that, A's leg alone explains the call.
    second, second_status = _of_leg(b, state, point, called=False)
    failed = a if first else b if second else None
    failed_at = failed.get("endedAt") if isinstance(failed, Mapping) else None
    return FeeCauses(first, second, first_status or second_status, point, failed_at)


def _of_leg(leg: object, state: int, point: int, *, called: bool) -> tuple[int, int]:
    """Q.850 cause and SIP status of one leg; `called`: count it as called without a moment of its call."""
    leg = leg if isinstance(leg, Mapping) else {}
    if leg.get("answeredAt") or not (called or leg.get("calledAt")):
        return 0, 0
    own = _integer(leg.get("q850")), _integer(leg.get("sipStatus"))
    # Our own CANCEL makes a leg that rang too long end with 487: the reason is the timer.
    if own[0] and point != _RING_TIMED_OUT:
        return own
    return _OF_STATE.get(state, (0, 0))


def _integer(value: object) -> int:
    return int(value) if isinstance(value, int | float) else 0
