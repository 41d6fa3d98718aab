"""Carries a table of calls out, several at once, and judges one after the other.

A call is mostly waiting, so they overlap: all are over before the first is judged. How a call is made is the
ground's business (loopback.py here, one_leg_ground.py in tests/e2e/asterisk): table and judge are the same.
"""

import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import pytest

from tests.e2e.one_leg.cases import Case
from tests.e2e.one_leg.judge import Evidence, judge
from tests.e2e.second_try import may_try_again


class Ground(Protocol):
    """Where the customers are."""

    lanes: int
    """Calls at once."""

    def call(self, case: Case, attempt: int) -> Evidence:
        """Make one call; several threads ask."""


class Calls:
    """Every selected case, carried out when it is made."""

    def __init__(self, ground: Ground, selected: Sequence[Case]) -> None:
        self._ground = ground
        self.again = 0
        began_s = time.monotonic()
        # The longest first, so that none is left over at the end.
        ordered = sorted(selected, key=lambda case: -case.lasts_s)
        with ThreadPoolExecutor(ground.lanes) as pool:
            self._futures = {case.id: pool.submit(ground.call, case, 0) for case in ordered}
        self.took_s = time.monotonic() - began_s

    def evidence(self) -> list[Evidence]:
        """Of all that were carried out to their end."""
        return [future.result() for future in self._futures.values() if future.exception() is None]

    def judge(self, case: Case) -> None:
        """Hold a call against its case.

        Raises:
            AssertionError: it is not as it should be, and neither was another one.
        """
        try:
            evidence = self._futures[case.id].result()
        except AssertionError:
            # It was not made or not over in time; alone on the machine it has another chance.
            self.again += 1
            evidence = self._ground.call(case, 1)
        while True:
            try:
                judge(evidence)
            except AssertionError as error:
                if not may_try_again(case.id, error, evidence.starved_s, evidence.attempt):
                    raise
                self.again += 1
                evidence = self._ground.call(case, evidence.attempt + 1)
            else:
                return


def selected_of(request: pytest.FixtureRequest, cases: Sequence[Case]) -> Sequence[Case]:
    """The cases that this run judges, all when that cannot be told."""
    ids = {item.callspec.id for item in request.session.items if hasattr(item, "callspec")}
    return [case for case in cases if case.id in ids] or cases
