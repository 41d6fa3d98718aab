"""Keys cross the bridge: once each, in order, in both directions, and unseen on the terminal."""

from dataclasses import replace

import pytest

from tests.e2e.callback.stage import QUICK_A, QUICK_B, FinishedCall, Scenario, Telephone

pytestmark = pytest.mark.e2e

B_STAYS = replace(QUICK_B, hang_up_after_s=2.5)
A_PRESSES = Scenario(a=replace(QUICK_A, digits_after_s=1.3, digits="5"), b=B_STAYS)
B_PRESSES = Scenario(b=replace(B_STAYS, digits_after_s=0.6, digits="8"))
A_DIALS = Scenario(
    a=replace(QUICK_A, digits_after_s=1.2, digits="10#*"), b=replace(B_STAYS, hang_up_after_s=3.5)
)


def keys(telephone: Telephone) -> list[tuple[str, str]]:
    return [(report["digit"], report["transport"]) for report in telephone.all("digit")]


@pytest.mark.scenario(A_PRESSES)
def test_key_of_a_arrives_at_b_once(call: FinishedCall) -> None:
    assert keys(call.b) == [("5", "rfc4733")]
    assert keys(call.a) == []


@pytest.mark.scenario(B_PRESSES)
def test_key_of_b_arrives_at_a_once(call: FinishedCall) -> None:
    assert keys(call.a) == [("8", "rfc4733")]
    assert keys(call.b) == []


@pytest.mark.scenario(A_DIALS)
def test_several_keys_arrive_in_order(call: FinishedCall) -> None:
    assert [digit for digit, _ in keys(call.b)] == ["1", "0", "#", "*"]


@pytest.mark.scenario(A_DIALS)
def test_terminal_tells_that_a_key_was_pressed_but_never_which(call: FinishedCall) -> None:
    pressed = [line for line in call.finished.lines if "pressed a key" in line]
    assert len(pressed) == 4
    assert all(line.endswith("A pressed a key") for line in pressed)
    assert "10#*" not in call.finished.stdout + call.finished.stderr
