"""Callbacks between robots of a real Asterisk: every behaviour of A and of B that the rules tell apart.

cells.py is the table, rules.py what must come of a cell, batch.py carries all of them out before the first is
judged, verdicts.py judges one, timings.py the promises on time over all of them.
"""

from collections import Counter

import numpy as np
import pytest

from tests.e2e.asterisk.batch import LANES, Batch, Evidence
from tests.e2e.asterisk.cells import CELLS, Cell
from tests.e2e.asterisk.rules import Expectation, expect
from tests.e2e.asterisk.testbed_client import Testbed
from tests.e2e.asterisk.timings import PROMISES, Promise, measure
from tests.e2e.asterisk.verdicts import (
    SHORTEST_S,
    check_heard,
    check_history,
    check_keys,
    check_record,
    check_recording,
    check_wire,
    is_exact,
    listen,
)
from tests.e2e.callback.sounds import HINT, PRE_VOICE
from tests.e2e.second_try import may_try_again

pytestmark = [pytest.mark.e2e, pytest.mark.asterisk]


class Summary:
    """What pytest tells at its end: each group of cells in a line, and the times as distributions."""

    def __init__(self, batch: Batch) -> None:
        self._batch = batch
        self.good: Counter[str] = Counter()
        self.judged: Counter[str] = Counter()
        self.exact: Counter[bool] = Counter()
        self.slips = 0
        self.again = 0
        self.delays_ms: list[float] = []

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """The hook."""
        tell = terminalreporter.write_line
        terminalreporter.write_sep("=", "callback over Asterisk")
        for group, judged in self.judged.items():
            tell(f"{group}: {self.good[group]} of {judged} cells as the rules say")
        tell(f"prompts at the ear sample for sample: {self.exact[True]} of {self.exact.total()}")
        if self.delays_ms:
            p50, p95, most = (float(np.percentile(self.delays_ms, percent)) for percent in (50, 95, 100))
            tell(f"mouth to ear across the bridge: p50 {p50:.0f} ms, p95 {p95:.0f} ms, max {most:.0f} ms")
        tell(f"jumps of the jitter buffer in all talks: {self.slips}")
        tell(f"calls made again, because they failed and their core had no processor: {self.again}")
        tell(f"all calls: {self._batch.took_s:.0f} s, {LANES} at once")
        if self._batch.on_wire:
            for promise in PROMISES:
                tell(str(measure(self._batch, promise)))


@pytest.fixture(scope="session")
def batch(
    testbed: Testbed, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest
) -> Batch:
    """The calls of every selected cell, all over before the first is judged."""
    ids = {item.callspec.id for item in request.session.items if hasattr(item, "callspec")}
    selected = [cell for cell in CELLS if cell.id in ids]
    return Batch(testbed, selected or CELLS, tmp_path_factory.mktemp("matrix"))


@pytest.fixture(scope="session")
def summary(batch: Batch, request: pytest.FixtureRequest) -> Summary:
    """Registered as a plugin, so that its hook is called."""
    summary = Summary(batch)
    request.config.pluginmanager.register(summary)
    return summary


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.id)
def test_callback_keeps_the_rules(cell: Cell, batch: Batch, summary: Summary) -> None:
    summary.judged[cell.group] += 1
    evidence = batch.evidence(cell)
    while True:
        try:
            judge(evidence, summary)
            break
        except AssertionError as error:
            if not may_try_again(cell.id, error, evidence.starved_s, evidence.attempt):
                raise
            summary.again += 1
            evidence = batch.again(evidence)
    summary.good[cell.group] += 1


def judge(evidence: Evidence, summary: Summary) -> None:
    expected = expect(evidence.cell)
    check_history(evidence, expected)
    check_record(evidence, expected)
    check_recording(evidence, expected)
    for party in evidence.heard:
        judge_ear(evidence, expected, party, summary)
    check_keys(evidence, expected)
    if evidence.on_wire:
        check_wire(evidence, expected)


def judge_ear(evidence: Evidence, expected: Expectation, party: str, summary: Summary) -> None:
    heard = listen(evidence, expected, party)
    check_heard(heard, expected)
    for span, begin_s, end_s in heard.due:
        # The last-minute warning has the talk underneath.
        if span.sound in (PRE_VOICE, HINT) and span.length_s <= end_s - begin_s + 1e-6:
            summary.exact[is_exact(heard, span)] += 1
        if span.spoken_since and end_s - begin_s >= SHORTEST_S:
            summary.delays_ms.append(1000.0 * heard.delay_s(span))
    summary.slips += sum(len(one.slips) for one in heard.ear.stretches)


@pytest.mark.parametrize("promise", PROMISES, ids=lambda promise: promise.text)
def test_promise_on_time_is_kept(promise: Promise, batch: Batch, summary: Summary) -> None:
    if not batch.on_wire:
        pytest.skip("times are measured on the wire, and this user may not listen to it (CAP_NET_RAW)")
    distribution = measure(batch, promise)
    assert distribution.sorted_ms, "no cell shows it"
    assert distribution.percentile_ms(95) <= promise.limit_ms, str(distribution)


def test_table_has_a_name_for_every_cell() -> None:
    assert len({cell.id for cell in CELLS}) == len(CELLS) >= 60
