"""When our own build's receiving thread may wait for more packets: asked of the native rule itself."""

import time

import pytest

from sip.pjsua.engine import native_library
from sip.pjsua.rtp import is_ruled

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(not is_ruled(), reason="not our own build of pjsua2: make engine, IVRCORE_ENGINE=own"),
]

TRIES = 50


def may_wait(since_tick_s: float, before_s: float) -> bool:
    """The rule's answer so long after a tick, asked anew while this thread wakes up later than `before_s`."""
    library = native_library()
    for _ in range(TRIES):
        library.ivrcore_rtp_ticked()
        began_s = time.monotonic()
        time.sleep(since_tick_s)
        answer = bool(library.ivrcore_rtp_may_wait())
        if time.monotonic() - began_s < before_s:
            return answer
    pytest.skip("this machine does not let a thread wake up on time")


def test_packets_wait_right_after_a_tick() -> None:
    assert may_wait(0.0, before_s=0.013)


def test_packets_do_not_wait_when_the_next_tick_is_near() -> None:
    # 2 ms of waiting and 4 ms in reserve before a tick of 20 ms; one more for two readings that are rounded.
    assert not may_wait(0.016, before_s=0.020)


def test_packets_do_not_wait_while_a_tick_is_late() -> None:
    assert not may_wait(0.030, before_s=0.099)


def test_packets_wait_where_no_clock_runs() -> None:
    assert may_wait(0.110, before_s=1.0)
