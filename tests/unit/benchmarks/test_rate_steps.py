"""The ramp of the bench of calls a second, and when one of its steps was in order."""

from dataclasses import replace

import pytest

from benchmarks.rate_steps import Seen, Step, faults, moments_s, ramp

STEP = Step(50.0, 2.0)
WHOLE = 25


def call_at(at_s: float) -> Seen:
    """200 after 1 ms, ACK after 2 ms, prompt after 11 ms."""
    return Seen(at_s, at_s + 0.001, at_s + 0.002, at_s + 0.011, WHOLE)


def in_order() -> list[Seen]:
    """A hundred calls, 20 ms apart."""
    return [call_at(0.02 * n) for n in range(100)]


def test_ramp_rises_by_its_factor_to_the_most() -> None:
    assert [step.rate for step in ramp(40, 1.5, 100, 2.0)] == [40, 60, 90]
    assert ramp(40, 1.5, 100, 2.0)[1].calls == 120


def test_calls_of_a_step_are_evenly_spread_and_steps_follow_each_other() -> None:
    assert list(moments_s([Step(2, 1.0), Step(4, 1.0)])) == [0.0, 0.5, 1.0, 1.25, 1.5, 1.75]


def test_step_in_order_has_no_faults() -> None:
    assert faults(STEP, in_order(), WHOLE) == []


def test_last_packet_of_a_prompt_may_be_cut_by_the_hang_up_but_no_second_one() -> None:
    calls = in_order()
    calls[3] = replace(calls[3], prompt_packets=WHOLE - 1)
    assert faults(STEP, calls, WHOLE) == []
    calls[3] = replace(calls[3], prompt_packets=WHOLE - 2)
    assert faults(STEP, calls, WHOLE) == ["1 of 100 prompts not whole"]


def test_call_that_did_not_come_is_a_fault() -> None:
    assert faults(STEP, in_order()[:-1], WHOLE) == ["1 of 100 calls did not come"]


def test_call_without_its_ack_is_a_fault() -> None:
    calls = in_order()
    calls[7] = replace(calls[7], acked_s=None)
    assert faults(STEP, calls, WHOLE) == ["1 of 100 calls not set up"]


@pytest.mark.parametrize(("late", "found"), [(4, []), (6, ["INVITE to ACK p95 80 ms"])])
def test_ack_may_be_late_for_5_of_100_calls(late: int, found: list[str]) -> None:
    calls = [
        replace(call, acked_s=call.invited_s + 0.08) if n < late else call
        for n, call in enumerate(in_order())
    ]
    assert faults(STEP, calls, WHOLE) == found


def test_prompts_that_begin_late_are_a_fault() -> None:
    calls = [replace(call, prompt_s=call.invited_s + 0.101) for call in in_order()]
    assert faults(STEP, calls, WHOLE) == ["200 to prompt p95 100 ms"]


def test_calls_that_come_slower_than_asked_are_a_fault() -> None:
    calls = [call_at(1.1 * call.invited_s) for call in in_order()]
    assert faults(STEP, calls, WHOLE) == ["45 calls/s came"]


def test_last_call_may_come_a_little_late() -> None:
    calls = in_order()
    calls[-1] = call_at(1.98 + 0.1)
    assert faults(STEP, calls, WHOLE) == []
    calls[-1] = call_at(1.98 + 0.12)
    assert faults(STEP, calls, WHOLE) == ["47 calls/s came"]


def test_step_without_any_call_names_only_what_is_missing() -> None:
    assert faults(STEP, [], WHOLE) == ["100 of 100 calls did not come"]
