"""How fast the store keeps what it is told: events a second, and how long one write waits for the disk.

    python benchmarks/bench_store.py [--directory DIR] [--url POSTGRESQL-URL] [--seconds S]

Questions: does the store keep up with the events of every call (the service's load test has 20 requests/s,
some 200 events/s), and how much of the 20 ms from an accepted request to its INVITE goes into the commit?
Units: ms for one `Database.run` from the call to the fired Deferred; events/s with as many waiting as named;
ms of a processor for each event, which a busy machine changes less.
Budget on an idle machine: p95 of a single acceptance 5 ms; 1000 events/s with 64 waiting. CI only checks that
it still runs.

The directory decides: fsync on it is what is measured, so it should be where the database will be.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from sqlalchemy import Connection  # noqa: E402
from twisted.internet.defer import Deferred  # noqa: E402

from ivrcore.service.store import calls, events, outbox  # noqa: E402
from tests.unit.ivrcore.service.store.stage import (  # noqa: E402
    Stage,
    a_call,
    a_push,
    an_event,
    fill,
)

AT_ONCE = (1, 8, 64, 512)


@dataclass(frozen=True)
class Latency:
    """Of one operation at a time."""

    what: str
    n: int
    p50_ms: float
    p95_ms: float
    most_ms: float


@dataclass(frozen=True)
class Throughput:
    """Of many operations that wait together."""

    at_once: int
    events_per_s: float
    cpu_ms_per_event: float


def latency(what: str, operate: Callable[[int], object], seconds: float) -> Latency:
    """Carry out one operation after the other for some time."""
    took_ms: list[float] = []
    end = time.perf_counter() + seconds
    while not took_ms or time.perf_counter() < end:
        start = time.perf_counter()
        operate(len(took_ms))
        took_ms.append((time.perf_counter() - start) * 1000)
    p50, p95 = np.percentile(took_ms, (50, 95))
    return Latency(what, len(took_ms), round(float(p50), 3), round(float(p95), 3), round(max(took_ms), 3))


def fsync_latency(directory: Path, seconds: float) -> Latency:
    """What the disk takes for 4 KB, without any database."""
    path = directory / "fsync"
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT)
    try:

        def append(_n: int) -> None:
            os.write(descriptor, b"x" * 4096)
            os.fsync(descriptor)

        return latency("fsync of 4 KB", append, seconds)
    finally:
        os.close(descriptor)
        path.unlink()


def store_event(connection: Connection, session: str, seq: int) -> None:
    """What an event of a call costs: its row, and the push it causes."""
    events.add(connection, an_event(seq, session))
    outbox.add(connection, a_push(session, seq))


def throughput(stage: Stage, at_once: int, seconds: float) -> Throughput:
    """Events a second, with so many waiting all the time."""
    session = f"throughput-{at_once}"
    stage.now(calls.accept, a_call(session))
    n_done = 0
    start, cpu_start = time.perf_counter(), time.process_time()
    while not n_done or time.perf_counter() < start + seconds:
        waiting: list[Deferred[Any]] = [
            stage.db.run(store_event, session, n_done + i) for i in range(1, at_once + 1)
        ]
        for outcome in stage.wait_all(waiting):
            assert outcome is None, outcome
        n_done += at_once
    took_s, cpu_s = time.perf_counter() - start, time.process_time() - cpu_start
    return Throughput(at_once, round(n_done / took_s), round(cpu_s * 1000 / n_done, 3))


def measure(stage: Stage, seconds: float) -> tuple[list[Latency], list[Throughput]]:
    """Everything, each for so many seconds."""
    stage.db.upgrade()
    fill(stage)
    accept = latency(
        "accept a call", lambda n: stage.wait(stage.db.run(calls.accept, a_call(f"single-{n}"))), seconds
    )
    event = latency(
        "store an event and its push",
        lambda n: stage.wait(stage.db.run(store_event, "single-0", n + 1)),
        seconds,
    )
    read = latency(
        "read a call", lambda n: stage.wait(stage.db.read(calls.call, f"single-{n % accept.n}")), seconds
    )
    return [accept, event, read], [throughput(stage, at_once, seconds) for at_once in AT_ONCE]


def main(arguments: list[str]) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--directory", type=Path, help="where the SQLite file is made (default: TMPDIR)")
    parser.add_argument("--url", help="an empty PostgreSQL database instead of SQLite")
    parser.add_argument("--seconds", type=float, default=3.0, help="for each measurement")
    options = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory(prefix="bench-store-", dir=options.directory) as made:
        directory = Path(made)
        print(json.dumps(asdict(fsync_latency(directory, options.seconds))))
        stage = Stage(options.url or f"sqlite:///{directory / 'store.db'}")
        latencies, throughputs = measure(stage, options.seconds)
        for line in [*map(asdict, latencies), *map(asdict, throughputs)]:
            print(json.dumps(line))
        stage.close()


if __name__ == "__main__":
    main(sys.argv[1:])
