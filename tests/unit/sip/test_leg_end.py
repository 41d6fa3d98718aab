"""The end of a leg: its native call is destroyed only while no other call has its number.

The destructor of pj.Call hangs up whatever call has its number by then, so stand-ins are watched here;
tests/e2e/loopback/test_leg.py has the same with a real stack.
"""

import weakref
from types import SimpleNamespace
from typing import Any, cast

import pytest

from sip.cause import NORMAL_CLEARING
from sip.events import LegEvent, LegHungUp, LegId
from sip.manual_reactor import ManualReactor
from sip.pjsua.call import EndedCalls, NativeCall
from sip.pjsua.inbox import Inbox
from sip.pjsua.leg import LegHost, PjsuaLeg


class StandIn:
    """What a leg holds of a call. `active`: a call of its number is up."""

    reports: object = None
    start_cue: object = None

    def __init__(self) -> None:
        self.active = False

    def media(self) -> None:
        """It has none any more."""

    def isActive(self) -> bool:  # noqa: N802
        return self.active


@pytest.fixture
def heard() -> list[tuple[LegEvent, bool]]:
    """Every event, and whether the native call was still there when it was told."""
    return []


@pytest.fixture
def leg(heard: list[tuple[LegEvent, bool]]) -> PjsuaLeg:
    reactor = ManualReactor()
    ended = EndedCalls()
    host = SimpleNamespace(
        inbox=Inbox(reactor),
        reactor=reactor,
        in_band=None,
        ended_calls=ended,
        forget=lambda _leg: ended.release(),
    )
    call = StandIn()
    watched = weakref.ref(call)
    leg = PjsuaLeg(
        LegId("A"), cast(LegHost, host), lambda event: heard.append((event, watched() is not None))
    )
    leg.adopt(cast(Any, call))
    return leg


def test_native_call_is_gone_when_the_end_is_told(leg: PjsuaLeg, heard: list[tuple[LegEvent, bool]]) -> None:
    leg.on_answered(0.0)
    leg.on_ended(1.0, NORMAL_CLEARING)
    assert [(type(event).__name__, there) for event, there in heard] == [
        ("LegAnswered", True),
        ("LegHungUp", False),
    ]


def test_end_is_told_once(leg: PjsuaLeg, heard: list[tuple[LegEvent, bool]]) -> None:
    leg.on_ended(1.0, NORMAL_CLEARING)
    leg.on_ended(1.1, NORMAL_CLEARING)
    assert [type(event) for event, _ in heard] == [LegHungUp]
    assert not leg.has_call


def test_ended_call_waits_while_its_number_belongs_to_another_one() -> None:
    ended, call = EndedCalls(), StandIn()
    watched = weakref.ref(call)
    ended.add(cast(NativeCall, call))
    call.active = True
    del call
    ended.release()
    still_there = watched()
    assert still_there is not None
    still_there.active = False
    del still_there
    ended.release()
    assert watched() is None
