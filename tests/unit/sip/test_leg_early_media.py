"""Early media is audio before the answer: a leg that notices the answer late must not take the talk for it.

The call is a stand-in with three answers, because no real one can be made to answer between two lines.
"""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any, cast

import pjsua2 as pj
import pytest

from sip.events import LegAnswered, LegEarlyMediaStarted, LegEvent, LegId
from sip.manual_reactor import ManualReactor
from sip.pjsua.inbox import Inbox
from sip.pjsua.leg import LegHost, PjsuaLeg

TICK_S = 0.02


class FarEnd:
    """What a leg asks its call about the far end."""

    def __init__(self) -> None:
        self.state = pj.PJSIP_INV_STATE_EARLY
        self.packets = 0
        self.reports: object = None

    def media(self) -> object:
        return object()

    def getStreamStat(self, _index: int) -> Any:  # noqa: N802
        return SimpleNamespace(rtcp=SimpleNamespace(rxStat=SimpleNamespace(pkt=self.packets)))

    def getInfo(self) -> Any:  # noqa: N802
        return SimpleNamespace(state=self.state)


@pytest.fixture
def reactor() -> ManualReactor:
    return ManualReactor()


@pytest.fixture
def far_end() -> FarEnd:
    return FarEnd()


@pytest.fixture
def heard() -> list[LegEvent]:
    return []


@pytest.fixture
def leg(reactor: ManualReactor, far_end: FarEnd, heard: list[LegEvent]) -> PjsuaLeg:
    host = SimpleNamespace(inbox=Inbox(reactor), reactor=reactor, in_band=None)
    leg = PjsuaLeg(LegId("A"), cast(LegHost, host), heard.append)
    leg.adopt(cast(Any, far_end))
    return leg


def kinds(heard: list[LegEvent]) -> list[Callable[..., object]]:
    return [type(event) for event in heard]


def test_packets_before_the_answer_are_early_media(
    leg: PjsuaLeg, reactor: ManualReactor, far_end: FarEnd, heard: list[LegEvent]
) -> None:
    leg.on_media(0.0)
    reactor.advance(3 * TICK_S)
    assert heard == []
    far_end.packets = 1
    reactor.advance(2 * TICK_S)
    assert kinds(heard) == [LegEarlyMediaStarted]
    reactor.advance(3 * TICK_S)
    assert len(heard) == 1


def test_packets_of_a_call_that_answered_meanwhile_are_no_early_media(
    leg: PjsuaLeg, reactor: ManualReactor, far_end: FarEnd, heard: list[LegEvent]
) -> None:
    # On a busy machine the start of the stream and the answer are told in one turn, with packets already in.
    far_end.packets, far_end.state = 5, pj.PJSIP_INV_STATE_CONFIRMED
    leg.on_media(0.0)
    leg.on_answered(0.0)
    reactor.advance(3 * TICK_S)
    assert kinds(heard) == [LegAnswered]


def test_packets_that_overtake_the_answer_are_no_early_media(
    leg: PjsuaLeg, reactor: ManualReactor, far_end: FarEnd, heard: list[LegEvent]
) -> None:
    leg.on_media(0.0)
    far_end.packets = 1
    reactor.advance(1.5 * TICK_S)
    far_end.packets, far_end.state = 2, pj.PJSIP_INV_STATE_CONFIRMED
    leg.on_answered(0.0)
    reactor.advance(3 * TICK_S)
    assert kinds(heard) == [LegAnswered]


def test_look_for_early_media_ends_with_the_answer(
    leg: PjsuaLeg, reactor: ManualReactor, far_end: FarEnd, heard: list[LegEvent]
) -> None:
    leg.on_media(0.0)
    reactor.advance(TICK_S)
    far_end.packets, far_end.state = 5, pj.PJSIP_INV_STATE_CONFIRMED
    reactor.advance(TICK_S)
    leg.on_answered(0.0)
    reactor.advance(3 * TICK_S)
    assert kinds(heard) == [LegAnswered]
    assert reactor.clock.getDelayedCalls() == []
