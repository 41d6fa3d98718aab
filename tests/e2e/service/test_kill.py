"""kill -9 of the front end, of a worker, of both, at random moments under load: nothing accepted is lost."""

import logging
import os
import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import postgres
from tests.e2e.service.crowd import Crowd
from tests.e2e.service.customer import Receiver
from tests.e2e.service.house import House
from tests.e2e.service.siege import (
    A,
    B,
    Load,
    Siege,
    check_counters,
    judge,
    left_on_disk,
    wait_until_quiet,
)

pytestmark = pytest.mark.e2e

log = logging.getLogger("tests.kill")

SEED = int(os.environ.get("IVRCORE_KILL_SEED", "0")) or random.randrange(2**32)
"""Printed with a failure; set it to kill at the same moments again."""

KILLS = int(os.environ.get("IVRCORE_KILLS", "50"))
TALK_MS = 6500

EXIT_S = 5.0
"""For an interpreter to end on a busy machine."""

WORK = "backoff_max_s = 0.5\nhealth_s = 1.0"


@contextmanager
def crowds(folder: Path) -> Iterator[dict[str, str]]:
    """The telephones of A and B: B hangs up, and A long after it if nobody tells it."""
    with (
        Crowd(folder / "a", talk_ms=3 * TALK_MS) as a,
        Crowd(folder / "b", talk_ms=TALK_MS) as b,
    ):
        yield {A: a.address, B: b.address}


def pids_left(house: House) -> list[int]:
    """Workers that live on. One that a former front end started may still be in its last milliseconds: it has
    given its directory back, and nobody is left to wait for its exit status."""
    end_s = time.monotonic() + EXIT_S
    while (pids := house.worker_pids()) and time.monotonic() < end_s:
        time.sleep(0.02)
    return pids


def besiege(folder: Path, n_kills: int, *, durable: bool, more: str = "") -> None:
    """Load and kills, then judge all of it.

    Args:
        durable: in which mode status events are pushed.
        more: of the settings.
    """
    log.warning("IVRCORE_KILL_SEED=%d", SEED)
    notify = 'mode = "durable"\nstatus_backoff_s = 0.2' if durable else ""
    with crowds(folder) as trunks, Receiver() as receiver:
        with House(folder, trunks, workers=2, concurrency=3, notify=notify, work=WORK, more=more) as house:
            siege = Siege(house, random.Random(SEED))
            started_s = time.monotonic()
            with Load(house, receiver) as load:
                siege.rage(n_kills, load)
            raged_s = time.monotonic() - started_s
            wait_until_quiet(house)
            load.accepted += check_counters(house, load)
            wait_until_quiet(house)
            status = house.stop()
            pids = pids_left(house)
        wrong = judge(siege, load, receiver, durable=durable)
        log.warning(
            "%d kills in %.0f s, %d of workers; answers %s; all over after %.0f s",
            len(siege.kills),
            raged_s,
            sum(bool(kill.worker) for kill in siege.kills),
            dict(load.answers),
            time.monotonic() - started_s,
        )
        assert wrong == [], f"seed {SEED}: {wrong[:10]}"
        assert (status, pids, left_on_disk(house)) == (0, [], [])
        assert len(load.accepted) > n_kills


def test_fifty_kills_lose_nothing(tmp_path: Path) -> None:
    besiege(tmp_path, KILLS, durable=False)


def test_kills_on_postgresql_lose_nothing_and_events_are_told_without_a_gap(tmp_path: Path) -> None:
    with postgres.shared() as cluster:
        name = cluster.create_database()
        try:
            besiege(tmp_path, 6, durable=True, more=f'[store]\nurl = "{cluster.url(name)}"\n')
        finally:
            cluster.drop_database(name)
