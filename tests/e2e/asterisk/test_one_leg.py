"""Notifications and verification codes to robots of a real Asterisk, and their times on the wire.

Table and judge are those of tests/e2e/one_leg; one_leg_ground.py makes the calls.
"""

import numpy as np
import pytest

from tests.e2e.asterisk.one_leg_ground import AsteriskGround, number
from tests.e2e.asterisk.testbed_client import Testbed
from tests.e2e.callback.starvation import STARVED_S
from tests.e2e.one_leg.calls import Calls, selected_of
from tests.e2e.one_leg.cases import CARRIED_OUT, CASES, Case
from tests.e2e.one_leg.judge import Evidence
from tests.e2e.one_leg.sounds import ELEMENTS, POS_TONE, PRE_TONE

pytestmark = [pytest.mark.e2e, pytest.mark.asterisk]

FIRST_SAMPLE_MS = 40.0
DRAIN_MS, DRAIN_LATE_MS = 100.0, 60.0
"""The timer; a tick until the end of the file is known, the timer's 20 ms, and a tick of a busy machine."""

FILES = frozenset({*ELEMENTS, PRE_TONE, POS_TONE})
"""Sounds whose first and last packet are unlike any other; speech begins and ends in silence."""


class Wire:
    """Calls, with what they left on the wire."""

    def __init__(self, calls: Calls, ground: AsteriskGround) -> None:
        self.calls = calls
        self._ground = ground
        self._legs = ground.legs()

    def first_samples_ms(self) -> list[float]:
        """From each 200 to the packet with the first sample."""
        return [
            1000.0 * (self._sent_s(one, one.case.hears[0], last=False) - self._answered_s(one))
            for one in self._with(0)
        ]

    def drains_ms(self) -> list[float]:
        """From the packet with the last sample of everything to our BYE."""
        out = []
        for one in self._with(-1):
            bye = self._legs[number(one.case, 0)].request("BYE")
            if one.case.verdict == CARRIED_OUT and bye is not None and bye.from_core:
                out.append(1000.0 * (bye.at_s - self._sent_s(one, one.case.hears[-1], last=True)))
        return out

    def _with(self, place: int) -> list[Evidence]:
        """Calls with a processor that have a file there, heard to its end."""
        if not self._legs:
            return []
        found = [one for one in self.calls.evidence() if one.case.hears and not one.case.cut]
        return [one for one in found if one.case.hears[place] in FILES and one.starved_s < STARVED_S]

    def _answered_s(self, one: Evidence) -> float:
        answer = self._legs[number(one.case, 0)].final()
        assert answer is not None
        return answer.at_s

    def _sent_s(self, one: Evidence, sound: str, *, last: bool) -> float:
        codes = self._ground.packets_of(sound)[1 if last else 0]
        sent_s = self._legs[number(one.case, 0)].sent_after(self._answered_s(one), codes)
        assert sent_s is not None, f"{one.case.id}: {sound} never left"
        return sent_s


@pytest.fixture(scope="module")
def wire(testbed: Testbed, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Wire:
    """Every selected call, all over before the first is judged."""
    ground = AsteriskGround(testbed, tmp_path_factory.mktemp("one-leg"))
    try:
        calls = Calls(ground, selected_of(request, CASES))
    finally:
        ground.close()
    return Wire(calls, ground)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.id)
def test_call_to_one_party_keeps_the_rules_over_asterisk(case: Case, wire: Wire) -> None:
    wire.calls.judge(case)


def test_first_sample_leaves_within_40_ms_of_the_answer(wire: Wire) -> None:
    times_ms = measured(wire.first_samples_ms())
    assert p95(times_ms) <= FIRST_SAMPLE_MS, sorted(times_ms)


def test_bye_leaves_100_ms_after_the_last_sample(wire: Wire) -> None:
    times_ms = measured(wire.drains_ms())
    assert min(times_ms) >= DRAIN_MS - 20.0, sorted(times_ms)
    assert p95(times_ms) <= DRAIN_MS + DRAIN_LATE_MS, sorted(times_ms)


def measured(times_ms: list[float]) -> list[float]:
    if not times_ms:
        pytest.skip(
            "no call had a processor throughout, or this user may not listen to the wire (CAP_NET_RAW)"
        )
    return times_ms


def p95(times_ms: list[float]) -> float:
    return float(np.percentile(times_ms, 95, method="higher"))
