"""The benches of delays, rates and workers still run; what they measure beside tests says nothing."""

import os
import time
from pathlib import Path

import pytest

from benchmarks import latency, rate, workers
from benchmarks.calls_load import LOAD_CORE
from benchmarks.far_end import Wire
from benchmarks.rate_steps import Step
from sip.engine_choice import VARIABLE, chosen_engine
from sip.errors import SipConfigError

pytestmark = pytest.mark.e2e


@pytest.fixture(autouse=True)
def _needs() -> None:
    try:
        chosen_engine({**os.environ, VARIABLE: os.environ.get(VARIABLE) or "own"})
    except SipConfigError:
        pytest.skip("no engine of our own: make engine")
    if LOAD_CORE not in os.sched_getaffinity(0):
        pytest.skip("one core alone")


def test_every_delay_of_ours_is_measured() -> None:
    said: list[str] = []
    plan = latency.Plan(prompts=3, talks=1, key_calls=1, who=("ours",))
    rows = latency.measure(True, said.append, plan)
    assert said == [
        "ours: 3 of 3 prompts heard, 3 from their first sample",
        "ours: 3 and 3 of 3 marks heard across the bridge",
        "ours: 16 keys by RFC 4733 and 16 in band",
    ]
    assert [row.what for row in rows] == [f"{what}, p{p}" for what in latency.BUDGETS for p in (50, 95)]
    assert all(row.ours is not None and row.asterisk is None for row in rows)
    # A key is reported while it is held, everything else takes its time.
    assert {row.what for row in rows if (row.ours or 0.0) < 0.0} <= {f"{latency.EVENT_END}, p50"}


def test_ramp_ends_in_order_at_a_rate_that_any_machine_carries(tmp_path: Path) -> None:
    said: list[str] = []
    steps = (Step(4.0, 1.0), Step(8.0, 1.0))
    reached = rate.highest_rate(tmp_path / "rate", "ours", steps, said.append)
    assert reached == rate.Reached(8.0, "the ramp ended first")
    assert said == ["ours: 4 calls/s: in order", "ours: 8 calls/s: in order"]


def test_two_workers_share_their_calls_evenly_and_lose_no_packet(tmp_path: Path) -> None:
    shared = workers.run(tmp_path / "two", 2, workers.Plan(calls=2, window_s=2.0))
    assert shared.calls == (2, 2)
    assert shared.heard == pytest.approx(1.0, abs=0.05)
    assert shared.worker_percent > 0


def test_packet_is_stamped_when_it_was_sent_however_late_it_is_read() -> None:
    with Wire() as wire:
        stamps: list[float] = []
        sockets = [wire.udp(lambda *_: None), wire.udp(lambda at_s, *_: stamps.append(at_s))]
        sent_s = time.monotonic()
        sockets[0].sendto(b"x", sockets[1].getsockname())
        time.sleep(0.2)
        assert wire.run(lambda: bool(stamps), 1.0)
        assert stamps[0] - sent_s == pytest.approx(0.0, abs=0.05)


def test_act_that_comes_late_is_counted() -> None:
    with Wire() as wire:
        done: list[str] = []
        now_s = time.monotonic()
        wire.at(now_s - 0.1, lambda: done.append("late"))
        wire.at(now_s + 0.1, lambda: done.append("in time"))
        wire.run(lambda: len(done) == 2, 1.0)
        assert (done, wire.n_acts) == (["late", "in time"], 2)
        assert wire.n_late >= 1
