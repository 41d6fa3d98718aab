"""A leg that strangers sent packets to: the log tells at its end, the call is as any other."""

import json
import logging
from typing import Any

import pytest

from ivrcore.cdr import CallRecord
from ivrcore.clock import FlowClock
from ivrcore.codes import StateCode
from ivrcore.flow import callback_flow
from ivrcore.record_reading import record_of_json
from ivrcore.request import CallbackRequest
from ivrcore.runner import CallRunner
from sip.cause import NORMAL_CLEARING
from sip.events import LegHungUp, LegId
from sip.manual_reactor import ManualReactor
from sip.testing import ScriptedEndpoint
from sip.trunk import Trunk

A, B = "call-A", "call-B"


def talk_that_ends(rejected_packets: int | None, caplog: pytest.LogCaptureFixture) -> CallRecord:
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
    assert record.verdict.state_code == StateCode.HUNG_UP_AFTER_CONNECT
    return record


def test_refused_packets_are_told_with_call_and_party(caplog: pytest.LogCaptureFixture) -> None:
    talk_that_ends(7, caplog)
    assert [line.getMessage() for line in caplog.records] == ["call: refused 7 strange packets to B"]


@pytest.mark.parametrize("rejected_packets", [0, None])
def test_leg_without_any_is_no_news(rejected_packets: int | None, caplog: pytest.LogCaptureFixture) -> None:
    talk_that_ends(rejected_packets, caplog)
    assert caplog.records == []


@pytest.mark.parametrize("rejected_packets", [7, 0, None])
def test_record_has_the_count_of_each_leg_and_is_read_back_with_it(
    rejected_packets: int | None, caplog: pytest.LogCaptureFixture
) -> None:
    record = talk_that_ends(rejected_packets, caplog)
    assert record.b is not None
    assert (record.a.rejected_packets, record.b.rejected_packets) == (None, rejected_packets)
    read = record_of_json(record.as_json(), record.utc_offset_s)
    assert read.b is not None
    assert (read.a.rejected_packets, read.b.rejected_packets) == (None, rejected_packets)


def test_record_of_before_the_count_is_read_without_it(caplog: pytest.LogCaptureFixture) -> None:
    record = talk_that_ends(7, caplog)
    raw: dict[str, Any] = json.loads(json.dumps(record.as_json()))
    for leg in raw["legs"].values():
        del leg["rejectedPackets"]
    assert record_of_json(raw, record.utc_offset_s).a.rejected_packets is None
