"""A leg that strangers sent packets to: the log tells at its end, the call is as any other."""

import logging

import pytest

from ivrcore.cdr import CallRecord
from ivrcore.clock import FlowClock
from ivrcore.codes import StateCode
from ivrcore.flow import callback_flow
from ivrcore.request import CallbackRequest
from ivrcore.runner import CallRunner
from sip.cause import NORMAL_CLEARING
from sip.events import LegHungUp, LegId
from sip.manual_reactor import ManualReactor
from sip.testing import ScriptedEndpoint
from sip.trunk import Trunk

A, B = "call-A", "call-B"


def talk_that_ends(rejected_packets: int | None, caplog: pytest.LogCaptureFixture) -> StateCode | int:
    """Both answer, and B hangs up, whose leg refused so many packets."""
    reactor = ManualReactor()
    endpoint = ScriptedEndpoint(reactor)
    records: list[CallRecord] = []
    runner = CallRunner(
        "call",
        callback_flow(CallbackRequest("8001", "8002", "8100", "8200")),
        endpoint=endpoint,
        trunk=Trunk(host="pbx.example"),
        sounds={},
        clock=FlowClock(reactor, monotonic=reactor.seconds, utc=lambda: 1e9),
    )
    runner.start().addCallback(records.append)
    for name in (A, B):
        endpoint.legs[name].emit_answered()
        reactor.advance()
    with caplog.at_level(logging.WARNING):
        event = LegHungUp(LegId(B), reactor.seconds(), NORMAL_CLEARING, True, rejected_packets)
        endpoint.legs[B].listener(event)
        reactor.advance()
    (record,) = records
    return record.verdict.state_code


def test_refused_packets_are_told_with_call_and_party(caplog: pytest.LogCaptureFixture) -> None:
    assert talk_that_ends(7, caplog) == StateCode.HUNG_UP_AFTER_CONNECT
    assert [line.getMessage() for line in caplog.records] == ["call: refused 7 strange packets to B"]


@pytest.mark.parametrize("rejected_packets", [0, None])
def test_leg_without_any_is_no_news(rejected_packets: int | None, caplog: pytest.LogCaptureFixture) -> None:
    assert talk_that_ends(rejected_packets, caplog) == StateCode.HUNG_UP_AFTER_CONNECT
    assert caplog.records == []
