"""SIGKILL at any moment takes back nothing that was reported, and leaves no half of anything."""

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import Connection, select

from ivrcore.service.store.schema import calls, cdrs, events, idempotency, outbox
from tests.unit.ivrcore.service.store.stage import Stage, fill

N_KILLS = 20
LONGEST_LIFE_S = 0.08
SEED = 20260301
CHILD = "tests.unit.ivrcore.service.store.accepting_child"
ROOT = Path(__file__).resolve().parents[5]


class Victims:
    """Makes processes that accept calls, and kills them."""

    def __init__(self) -> None:
        self._maker = subprocess.Popen(
            [sys.executable, "-m", CHILD], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def reported_until_killed(self, url: str, prefix: str, after_s: float, *, first: bool) -> set[str]:
        """The sessions that one process said it had accepted.

        Args:
            after_s: when it is killed, from its start or from its first report.
            first: wait for the first report.
        """
        assert self._maker.stdin is not None
        assert self._maker.stdout is not None
        self._maker.stdin.write(f"{url} {prefix}\n")
        self._maker.stdin.flush()
        ready, pid = self._maker.stdout.readline().split()
        assert ready == "ready"
        reported = {self._maker.stdout.readline()} if first else set()
        killer = threading.Timer(after_s, os.kill, (int(pid), signal.SIGKILL))
        killer.start()
        reported |= set(iter(self._maker.stdout.readline, "dead\n"))
        killer.join()
        return {line.rstrip("\n") for line in reported}

    def end(self) -> None:
        with suppress(BrokenPipeError):
            self._maker.communicate(timeout=10)


@pytest.fixture
def victims() -> Iterator[Victims]:
    made = Victims()
    yield made
    made.end()


def stored(connection: Connection) -> list[set[str]]:
    """The sessions of each table that one acceptance writes to."""
    if connection.dialect.name == "postgresql":
        # One snapshot: the server may still be committing what a killed client had asked for.
        connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
    columns = (calls.c.session, cdrs.c.session, events.c.session, outbox.c.session, idempotency.c.key)
    return [set(connection.execute(select(column)).scalars()) for column in columns]


def kill_many_times(victims: Victims, url: str, n_kills: int) -> set[str]:
    """Every session that was reported, checked after each kill."""
    chance = random.Random(SEED)
    stage = Stage(url)
    fill(stage)
    stage.close()
    reported: set[str] = set()
    for n in range(n_kills):
        after_s = chance.uniform(0.0, LONGEST_LIFE_S)
        reported |= victims.reported_until_killed(url, f"k{n}", after_s, first=n % 2 == 0)
        stage = Stage(url)
        first, *others = stage.now(stored)
        assert reported <= first
        assert all(other == first for other in others)
        if stage.db.is_sqlite:
            assert stage.now(lambda c: c.exec_driver_sql("PRAGMA integrity_check").scalar_one()) == "ok"
        stage.close()
    return reported


def test_every_reported_call_survives_twenty_kills(victims: Victims, sqlite_url: str) -> None:
    assert len(kill_many_times(victims, sqlite_url, N_KILLS)) >= N_KILLS / 2


def test_every_reported_call_survives_kills_of_a_client_of_postgresql(
    victims: Victims, postgresql_url: str
) -> None:
    assert len(kill_many_times(victims, postgresql_url, 6)) >= 3
