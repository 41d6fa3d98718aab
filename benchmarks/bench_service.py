"""How soon an accepted request rings, and how soon a customer learns of an event, at 20 requests a second.

    python benchmarks/bench_service.py [--rate R] [--seconds S] [--workers N] [--json]

Questions: how long from the acceptance of a request to its INVITE on the wire, and from an event of the call
to the first byte of its POST at the receiver? One `ivrcore serve` on SQLite, notifications to a SIPp that
answers at once, one receiver in a process of its own that answers at once; all on this machine.
Units: ms; percentiles over all requests, or all status events, after a warm-up second.

    request → INVITE    from `accepted_at`, which is taken before the store is asked (so the commit and the
                        hand-over are in it), to SIPp's time stamp of the received INVITE
    answer → INVITE     from the last byte of the API's answer at the client; negative: the call was faster
    event → POST        from the worker's moment of the event (the engine's report, before its spool, the
                        front end's commit and the connection) to the first byte read by the receiver

All clocks are this machine's wall clock. Budget on an idle machine of two cores: p95 of request → INVITE
20 ms, p95 of event → POST 50 ms. CI only checks that it still runs.
"""

import argparse
import asyncio
import base64
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
from sqlalchemy import Connection  # noqa: E402

from ivrcore.service.model import EventKind, Service  # noqa: E402
from ivrcore.service.store import calls, events  # noqa: E402
from tests.e2e.service.crowd import Crowd  # noqa: E402
from tests.e2e.service.customer import Customer  # noqa: E402
from tests.e2e.service.house import DISPLAY_A, House  # noqa: E402

TALK_MS = 200
"""Until SIPp hangs up: 20 calls a second then need about 8 legs."""

WARM_UP_S = 1.0
FIRST_NUMBER = 13800_100_000
LAST_CALLS_S = 15.0


@dataclass(frozen=True)
class Spread:
    """Percentiles of one delay."""

    what: str
    n: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    most_ms: float

    @classmethod
    def of(cls, what: str, delays_s: Sequence[float]) -> "Spread":
        """Of delays in seconds."""
        if not delays_s:
            return cls(what, 0, np.nan, np.nan, np.nan, np.nan)
        p50, p95, p99 = (float(p) for p in np.percentile(delays_s, (50, 95, 99)) * 1000)
        return cls(what, len(delays_s), p50, p95, p99, max(delays_s) * 1000)


# -- the receiver, a process of its own ---------------------------------------------------------------------


TAKEN: list[tuple[float, bytes]] = []


class Taker(asyncio.Protocol):
    """One push: stamps its first byte, answers 200, keeps (moment, body)."""

    def __init__(self) -> None:
        self._came_at = 0.0
        self._data = b""
        self._transport: Any = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """See asyncio."""
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        """See asyncio."""
        self._came_at = self._came_at or time.time()
        self._data += data
        head, separator, body = self._data.partition(b"\r\n\r\n")
        if not separator:
            return
        lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        if len(body) >= int(lengths[0].split(b":")[1]):
            self._transport.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            self._transport.close()
            TAKEN.append((self._came_at, body))


async def receive() -> None:
    """Print the port, then every push as a line when the parent's pipe closes."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Taker, "127.0.0.1", 0, backlog=512)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await loop.run_in_executor(None, sys.stdin.read)
    for came_at, body in TAKEN:
        sys.stdout.write(json.dumps([came_at, json.loads(body)]) + "\n")


# -- the load -----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Asked:
    """One request: when its answer was there, and its session ("" when it was refused)."""

    session: str
    answered_at: float
    code: str


def order(customer: Customer, number: str, url: str) -> Asked:
    """One notification."""
    answer = customer.notify(
        displayNbr=DISPLAY_A, calleeNbr=number, playInfoList=[{"notifyVoice": "one.wav"}], statusUrl=url
    )
    return Asked(str(answer.body.get("sessionId", "")), time.time(), answer.code)


def load(customer: Customer, url: str, rate: float, seconds: float) -> list[Asked]:
    """So many requests a second, each at its moment whatever became of the ones before."""
    encoded = base64.b64encode(url.encode()).decode()
    begin_s = time.monotonic()
    with ThreadPoolExecutor(32) as pool:
        asked = []
        for n in range(round(rate * seconds)):
            time.sleep(max(0.0, begin_s + n / rate - time.monotonic()))
            asked.append(pool.submit(order, customer, f"+86{FIRST_NUMBER + n}", encoded))
        return [one.result() for one in asked]


@dataclass(frozen=True)
class Known:
    """What the store has of a call: its acceptance, its number, its events' moments by kind."""

    accepted_at: float
    number: str
    moments: dict[str, float]


def known(connection: Connection, sessions: Sequence[str]) -> dict[str, Known]:
    """By session."""
    told = {}
    for session in sessions:
        call = calls.call(connection, session)
        assert call is not None
        moments = {
            event.kind.value: event.at.timestamp()
            for event in events.of(connection, session)
            if event.kind is not EventKind.RECORD
        }
        told[session] = Known(call.accepted_at.timestamp(), call.a_number, moments)
    return told


def run(rate: float, seconds: float, workers: int) -> tuple[list[Spread], dict[str, int]]:
    """One measurement."""
    receiver = subprocess.Popen(
        [sys.executable, __file__, "--receive"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert receiver.stdin is not None
    assert receiver.stdout is not None
    url = f"http://127.0.0.1:{int(receiver.stdout.readline())}/status"
    with tempfile.TemporaryDirectory(prefix="ivrcore-bench-") as name:
        folder = Path(name)
        with (
            Crowd(folder / "sipp", talk_ms=TALK_MS, trace=True) as crowd,
            House(folder, {"": crowd.address}, workers=workers, concurrency=1000) as house,
        ):
            asked = load(house.customer(Service.NOTIFICATION), url, rate, seconds)
            end_s = time.monotonic() + LAST_CALLS_S
            while house.open_sessions() and time.monotonic() < end_s:
                time.sleep(0.1)
            time.sleep(0.5)
            accepted = {one.session: one for one in asked if one.session}
            stored = house.ask(known, sorted(accepted))
            invited: dict[str, float] = {}
            for traced in crowd.messages():
                if traced.name == "INVITE":
                    user = traced.message.start_line.split("sip:")[1].split("@")[0]
                    invited.setdefault(user, traced.message.at_s)
    receiver.stdin.close()
    came = [json.loads(line) for line in receiver.stdout]
    receiver.wait()
    answers: dict[str, int] = {}
    for one in asked:
        answers[one.code] = answers.get(one.code, 0) + 1
    warm_from = min(call.accepted_at for call in stored.values()) + WARM_UP_S
    warm = {session: call for session, call in stored.items() if call.accepted_at >= warm_from}
    called = {session: call for session, call in warm.items() if call.number in invited}
    spreads = [
        Spread.of("request → INVITE", [invited[call.number] - call.accepted_at for call in called.values()]),
        Spread.of(
            "answer → INVITE",
            [invited[call.number] - accepted[session].answered_at for session, call in called.items()],
        ),
    ]
    delays: dict[str, list[float]] = {}
    for at, body in came:
        info = body["statusInfo"]
        moments = warm[info["sessionId"]].moments if info["sessionId"] in warm else {}
        if body["eventType"] in moments:
            delays.setdefault(body["eventType"], []).append(at - moments[body["eventType"]])
    spreads.append(Spread.of("event → POST", [delay for found in delays.values() for delay in found]))
    spreads += [Spread.of(f"  {kind}", found) for kind, found in delays.items()]
    return spreads, answers


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="delays of the service under load")
    parser.add_argument("--rate", type=float, default=20.0, help="requests a second")
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument("--workers", type=int, default=4)
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--receive", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.receive:
        asyncio.run(receive())
        return
    spreads, answers = run(options.rate, options.seconds, options.workers)
    write = sys.stdout.write
    if options.json:
        write(json.dumps({"spreads": [asdict(spread) for spread in spreads], "answers": answers}) + "\n")
        return
    load_1, _, _ = os.getloadavg()
    write(f"{options.rate:g} requests/s for {options.seconds:g} s, answers {answers}, load {load_1:.1f}\n")
    write(f"{'':22}{'n':>6}{'p50':>9}{'p95':>9}{'p99':>9}{'max':>9}  ms\n")
    for one in spreads:
        figures = "".join(f"{ms:9.1f}" for ms in (one.p50_ms, one.p95_ms, one.p99_ms, one.most_ms))
        write(f"{one.what:<22}{one.n:>6}{figures}\n")


if __name__ == "__main__":
    main()
