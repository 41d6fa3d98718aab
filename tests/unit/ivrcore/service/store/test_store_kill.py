"""SIGKILL at any moment takes back nothing that was reported, and leaves no half of anything."""

import random
import subprocess
import sys
import threading
from pathlib import Path

from sqlalchemy import Connection, select

from ivrcore.service.store.schema import calls, cdrs, events, idempotency, outbox
from tests.unit.ivrcore.service.store.stage import Stage, fill

N_KILLS = 20
SEED = 20260301
CHILD = "tests.unit.ivrcore.service.store.accepting_child"
ROOT = Path(__file__).resolve().parents[5]


def accept_until_killed(url: str, prefix: str, after_s: float) -> set[str]:
    """Run the child, kill it; the sessions it reported whole."""
    child = subprocess.Popen(
        [sys.executable, "-m", CHILD, url, prefix], cwd=ROOT, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    try:
        assert child.stdout.readline() == "ready\n"
        killer = threading.Timer(after_s, child.kill)
        killer.start()
        said = child.stdout.read()
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    whole, _, _half_a_line = said.rpartition("\n")
    return set(whole.split("\n")) - {""}


def stored(connection: Connection) -> list[set[str]]:
    """The sessions of each table that one acceptance writes to."""
    columns = (calls.c.session, cdrs.c.session, events.c.session, outbox.c.session, idempotency.c.key)
    return [set(connection.execute(select(column)).scalars()) for column in columns]


def kill_many_times(url: str, n_kills: int) -> set[str]:
    """Every session that was reported, checked after each kill."""
    chance = random.Random(SEED)
    stage = Stage(url)
    fill(stage)
    stage.close()
    reported: set[str] = set()
    for n in range(n_kills):
        reported |= accept_until_killed(url, f"k{n}", chance.uniform(0.0, 0.08))
        stage = Stage(url)
        first, *others = stage.now(stored)
        assert reported <= first
        assert all(other == first for other in others)
        if stage.db.is_sqlite:
            assert stage.now(lambda c: c.exec_driver_sql("PRAGMA integrity_check").scalar_one()) == "ok"
        stage.close()
    return reported


def test_every_reported_call_survives_twenty_kills(sqlite_url: str) -> None:
    assert len(kill_many_times(sqlite_url, N_KILLS)) > N_KILLS


def test_every_reported_call_survives_kills_of_a_client_of_postgresql(postgresql_url: str) -> None:
    assert len(kill_many_times(postgresql_url, 3)) > 3
