"""The benchmark of calls still runs; what it measures on a machine that tests too says nothing."""

import os
from pathlib import Path

import pytest

from benchmarks.bench_calls import Figure, Plan, measure, report
from benchmarks.calls_load import Usage
from sip.engine_choice import VARIABLE, chosen_engine
from sip.errors import SipConfigError
from tests.e2e.foreign.tools import require

pytestmark = pytest.mark.e2e


def require_own_engine() -> None:
    try:
        chosen_engine({**os.environ, VARIABLE: os.environ.get(VARIABLE) or "own"})
    except SipConfigError:
        pytest.skip("no engine of our own: make engine")


def test_every_figure_of_ours_is_measured(tmp_path: Path) -> None:
    require("sipp")
    require_own_engine()
    figures, versions = measure(tmp_path, Plan(calls=4, window_s=1.0, repeat=1, who=("ours",)))
    assert "own build" in versions["ours"]
    assert [figure.what for figure in figures] == ["recorded call", "memory", "prompt", "short call"]
    assert figures[0].whole == "8 of 8"
    assert all(figure.value > 0 for figure in figures if figure.what != "memory")


def test_page_has_medians_and_their_ratio() -> None:
    figures = [Figure("recorded call", "ours", value, 10, 1.0) for value in (0.1, 0.2, 0.9)]
    figures += [Figure("recorded call", "asterisk", value, 10, 3.0) for value in (0.7, 0.8, 0.9)]
    page = report(figures, {"ours": "x", "asterisk": "22"}, Plan(10, 5.0, 3), "make bench")
    assert "| recorded call | % of a core | 0.200 | 0.800 | 0.25 | ≤ 0.35 | 1.0 to 3.0 |" in page


def test_usage_counts_processor_time_of_this_process() -> None:
    before = Usage.of(os.getpid())
    while Usage.of(os.getpid()).cpu_s < before.cpu_s + 0.05:
        sum(range(10_000))
    assert before.pss_kib > 1000
