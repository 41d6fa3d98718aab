"""The benchmark of the service still runs; what it measures on a machine that tests too says nothing."""

import pytest

from benchmarks.bench_service import Spread, run
from tests.e2e.foreign.tools import require

pytestmark = pytest.mark.e2e


def test_every_request_is_accepted_and_every_delay_measured() -> None:
    require("sipp")
    spreads, answers = run(rate=4.0, seconds=3.0, workers=1)
    assert answers == {"0": 12}
    n_of = {spread.what.strip(): spread.n for spread in spreads}
    n_warm = n_of["request → INVITE"]
    assert 4 <= n_warm < 12  # the first second is not counted
    assert n_of == {
        "request → INVITE": n_warm,
        "answer → INVITE": n_warm,
        "event → POST": 4 * n_warm,
        "callout": n_warm,
        "alerting": n_warm,
        "answer": n_warm,
        "disconnect": n_warm,
    }
    assert all(
        0.0 < spread.p50_ms <= spread.p95_ms <= spread.most_ms
        for spread in spreads
        if "answer →" not in spread.what
    )


def test_percentiles_are_in_milliseconds() -> None:
    spread = Spread.of("x", [n / 1000 for n in range(101)])
    assert (spread.n, spread.p50_ms, spread.p95_ms, spread.most_ms) == (101, 50.0, 95.0, 100.0)
