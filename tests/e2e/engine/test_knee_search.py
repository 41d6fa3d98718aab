"""The search for the knee still runs, from the first call to the ears; how far it gets here says nothing."""

import os
import shutil
from pathlib import Path

import pytest

from benchmarks import knee
from benchmarks.knee import Knee, Plan, Search, rows_of
from sip.engine_choice import VARIABLE, chosen_engine
from sip.errors import SipConfigError
from tests.e2e.foreign.tools import require

ROOM = 9
"""Calls that there are telephones for: so few are carried even here."""

pytestmark = [pytest.mark.e2e, pytest.mark.skipif(shutil.which("cc") is None, reason="there is no cc")]


def found(folder: Path, kind: str, monkeypatch: pytest.MonkeyPatch) -> tuple[Knee, list[str]]:
    """The knee among a few calls, and what was told on the way."""
    require("sipp")
    try:
        chosen_engine({**os.environ, VARIABLE: os.environ.get(VARIABLE) or "own"})
    except SipConfigError:
        pytest.skip("no engine of our own: make engine")
    monkeypatch.setitem(knee.MOST, "ours", ROOM)
    # A busy machine wakes the generator up late, and leaves gaps: here they are no reason to end.
    monkeypatch.setattr("benchmarks.calls_run.LATEST_P999_MS", 1000.0)
    monkeypatch.setattr("benchmarks.calls_run.LATEST_MS", 1000.0)
    monkeypatch.setattr("benchmarks.calls_run.WIDEST_GAP_MS", 1000.0)
    monkeypatch.setattr("benchmarks.calls_run.MOST_UNLIKE", 1.0)
    told: list[str] = []
    plan = Plan("ours", kind, start=4, step=4, window_s=1.0, every_s=0.02, listen=2)
    return Search(folder / "runs", plan, told.append).find(), told


@pytest.mark.parametrize("kind", ["record", "prompt"])
def test_every_call_that_there_are_telephones_for_is_carried_and_heard(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    carried, told = found(tmp_path, kind, monkeypatch)
    assert carried.calls == ROOM, told
    assert carried.bad is None
    assert len(carried.ears) == (4 if kind == "record" else 2)
    assert carried.good is not None
    assert carried.good.counts is not None
    assert sum(party.known for party in carried.good.counts.parties) > 0
    assert not (tmp_path / "runs").exists()
    (row, *_) = rows_of(kind, {"ours": carried, "asterisk": Knee(0)})
    assert row.ours == ROOM
