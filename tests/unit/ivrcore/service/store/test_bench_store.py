"""The store's benchmark still runs, and prints figures that can be read."""

import json
from pathlib import Path

import pytest

from benchmarks.bench_store import AT_ONCE, latency, main


def test_benchmark_prints_a_line_for_each_measurement(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["--directory", str(tmp_path), "--seconds", "0.02"])
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["what"] for line in lines if "what" in line] == [
        "fsync of 4 KB",
        "accept a call",
        "store an event and its push",
        "read a call",
    ]
    assert [line["at_once"] for line in lines if "at_once" in line] == list(AT_ONCE)
    assert all(line["events_per_s"] > 0 for line in lines if "at_once" in line)
    assert list(tmp_path.iterdir()) == []


def test_latency_is_measured_at_least_once() -> None:
    seen: list[int] = []
    result = latency("note", seen.append, 0.0)
    assert seen == [0]
    assert (result.n, result.p50_ms) == (1, result.most_ms)
