"""Two workers on two cores: does a call cost what it costs one worker, and are the calls shared?

    python benchmarks/workers.py [--quick]

One `ivrcore serve` on SQLite with one worker, then with two, each worker on a core of its own; recorded
callbacks through the API, as many for each worker. Processor time of the workers a call over a steady window,
in per cent of one core; that of the front end beside it.

On a machine of two cores the telephones and the front end share the second core with the second worker, so
the number of calls that two cores carry is not measured here: what is, is that a call costs the same, and so
a second core doubles what the first one carries. Every packet that the telephones should have heard is
counted. Budget: a call costs two workers 1.10 × of what it costs one, at the most. CI only checks that it
still runs.
"""

import argparse
import http.client
import json
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks.calls_load import LOAD_CORE, SUBJECT_CORE, Usage  # noqa: E402
from benchmarks.far_end import PACKET_S, Call, Line, Wire, on_core, own_engine, pin  # noqa: E402
from benchmarks.results import Row, table_of  # noqa: E402
from ivrcore.service.model import Service  # noqa: E402
from media.g711 import alaw_encode  # noqa: E402
from media.testsignal import talk  # noqa: E402
from tests.e2e.loopback.wirephone import PACKET_SAMPLES  # noqa: E402
from tests.e2e.service.house import DISPLAY_A, DISPLAY_B, House  # noqa: E402

EVERY_S = 0.05
SETTLE_S = 1.0
START_S = 30.0
TALK_S = 4.0
FIRST_NUMBER = 13800_200_000
LAST_ACTS_S = 1.5
BUDGET = "≤ 1.10"


@dataclass(frozen=True)
class Plan:
    """How much is measured. `calls`: of each worker."""

    calls: int
    window_s: float

    @classmethod
    def of(cls, quick: bool) -> "Plan":
        """Few calls: the telephones must not take the second core from its worker."""
        return cls(12, 3.0) if quick else cls(40, 20.0)


@dataclass(frozen=True)
class Shared:
    """One run.

    Attributes:
        worker_percent, front_percent: of one core a call: all workers together, and the front end.
        calls: up in the window, by worker.
        heard: packets that came, of those that should have come.
    """

    worker_percent: float
    front_percent: float
    calls: tuple[int, ...]
    heard: float


class Talkers(Line):
    """Telephones that answer at once and talk until they are hung up on."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire)
        codes = alaw_encode(talk(1, TALK_S)).tobytes()
        self._frames = [codes[n : n + PACKET_SAMPLES] for n in range(0, len(codes), PACKET_SAMPLES)]

    def codes(self, call: Call, n: int) -> bytes:  # noqa: ARG002
        return self._frames[n % len(self._frames)]

    @property
    def up(self) -> list[Call]:
        """The legs that talk."""
        return [call for call in self.calls if call.acked_s is not None and call.ended_s is None]


def run(folder: Path, workers: int, plan: Plan) -> Shared:
    """One service with so many workers.

    Raises:
        RuntimeError: workers or calls did not come up.
    """
    folder.mkdir(parents=True)
    n_calls = workers * plan.calls
    with Wire() as wire, own_engine():
        line = Talkers(wire)
        with House(folder, {"": line.address}, workers=workers, concurrency=2 * n_calls) as house:
            wait_for_workers(house, workers)
            pids = house.worker_pids()
            for core, pid in enumerate(pids):
                pin(pid, (SUBJECT_CORE, LOAD_CORE)[core])
            pin(house.pid, LOAD_CORE)
            with on_core(LOAD_CORE):
                wire.serve(
                    lambda: order(house, n_calls),
                    lambda: len(line.up) == 2 * n_calls,
                    n_calls * EVERY_S + START_S,
                )
                if len(line.up) != 2 * n_calls:
                    raise RuntimeError(f"{len(line.up)} of {2 * n_calls} legs came up")
                wire.run(lambda: False, SETTLE_S)
                shared = _window(wire, line, house.pid, pids, plan.window_s)
                for call in line.up:
                    line.bye(call)
                wire.run(lambda: False, LAST_ACTS_S)
    return shared


def _window(wire: Wire, line: Talkers, front: int, pids: list[int], window_s: float) -> Shared:
    """What is used and heard while all calls are up."""
    legs = line.up
    by_worker: dict[tuple[str, int], int] = {}
    for leg in legs:
        by_worker[leg.peer] = by_worker.get(leg.peer, 0) + 1
    began_s, heard = time.monotonic(), sum(leg.n_received for leg in legs)
    before = [Usage.of(pid).cpu_s for pid in (front, *pids)]
    wire.run(lambda: False, window_s)
    took_s = time.monotonic() - began_s
    used_s = [Usage.of(pid).cpu_s - first_s for pid, first_s in zip((front, *pids), before, strict=True)]
    n_heard = sum(leg.n_received for leg in legs) - heard
    a_call = 100 / took_s / (len(legs) / 2)
    calls = tuple(sorted(n // 2 for n in by_worker.values()))
    return Shared(
        sum(used_s[1:]) * a_call, used_s[0] * a_call, calls, n_heard / (len(legs) * took_s / PACKET_S)
    )


def order(house: House, calls: int) -> None:
    """Recorded callbacks at an even pace.

    Raises:
        RuntimeError: one was refused.
    """
    customer = house.customer(Service.CALLBACK)
    began_s = time.monotonic()
    for n in range(calls):
        time.sleep(max(0.0, began_s + n * EVERY_S - time.monotonic()))
        answer = customer.click_to_call(
            displayNbr=DISPLAY_A,
            callerNbr=f"+86{FIRST_NUMBER + 2 * n}",
            displayCalleeNbr=DISPLAY_B,
            calleeNbr=f"+86{FIRST_NUMBER + 2 * n + 1}",
            recordFlag="true",
        )
        if answer.code != "0":
            raise RuntimeError(f"a callback was refused: {answer.body}")


def wait_for_workers(house: House, workers: int) -> None:
    """Until all of them answer.

    Raises:
        RuntimeError: they do not come up.
    """
    end_s = time.monotonic() + START_S
    while time.monotonic() < end_s:
        try:
            with urllib.request.urlopen(f"{house.base}/health", timeout=5.0) as answer:
                if json.load(answer)["workers"]["alive"] == workers:
                    return
        except (OSError, http.client.HTTPException, urllib.error.HTTPError):
            pass  # not healthy yet
        time.sleep(0.1)
    raise RuntimeError(f"{workers} workers did not come up")


def measure(quick: bool, tell: Callable[[str], None], plan: Plan | None = None) -> list[Row]:
    """One worker, then two."""
    plan = plan or Plan.of(quick)
    found = {}
    with tempfile.TemporaryDirectory(prefix="bench-workers-") as name:
        for workers in (1, 2):
            one = found[workers] = run(Path(name) / str(workers), workers, plan)
            tell(
                f"{workers} worker(s): {one.worker_percent:.3f} % of a core a call, "
                f"calls {one.calls}, {100 * one.heard:.1f} % of packets"
            )
    what = "recorded callback through the service"
    notes = {
        n: f"{sum(one.calls)} calls, by worker {', '.join(map(str, one.calls))}; "
        f"the telephones heard {100 * one.heard:.1f} % of the packets"
        for n, one in found.items()
    }
    return [
        Row(f"{what}, one worker", "% of a core", found[1].worker_percent, None, "", notes[1]),
        Row(f"{what}, two workers", "% of a core", found[2].worker_percent, None, "", notes[2]),
        Row(
            "its cost with two workers to that with one",
            "×",
            found[2].worker_percent / found[1].worker_percent,
            None,
            BUDGET,
            "so a second core doubles what one carries; on two cores the telephones share the second",
        ),
        Row("front end beside it, two workers", "% of a core", found[2].front_percent, None),
    ]


def main() -> int:
    """See the module."""
    parser = argparse.ArgumentParser(description="One worker and two, each on a core.")
    parser.add_argument("--quick", action="store_true")
    print(table_of(measure(parser.parse_args().quick, print)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
