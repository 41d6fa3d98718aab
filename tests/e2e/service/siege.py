"""A service under load whose processes are killed: the load, the kills, and what must be true afterwards.

The judgement reads the store as another process does, and compares it with what the customer was promised
(answers with a sessionId) and told (pushes).
"""

import http.client
import os
import random
import signal
import threading
import time
import urllib.request
import uuid
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from sqlalchemy import Connection, select

from ivrcore.events import Party
from ivrcore.service.model import CallEvent, EventKind, PushState, Recording, Service
from ivrcore.service.store import calls, cdrs, events, recordings
from ivrcore.service.store.outbox import depth
from ivrcore.service.store.schema import calls as call_rows
from ivrcore.service.store.schema import cdrs as cdr_rows
from ivrcore.service.store.schema import outbox as outbox_rows
from ivrcore.service.store.schema import recordings as recording_rows
from media.wav import read_info, violations
from tests.e2e.service.customer import Answer, Json, Pushed, Receiver
from tests.e2e.service.house import DISPLAY_A, DISPLAY_B, START_S, House

A, B = "+8613800138001", "+8613800138002"
CALLBACK_PATH = "/rest/httpsessions/click2Call/v2.0"
NOTIFICATION_PATH = "/rest/httpsessions/callnotify/v2.0"
SEQUENCE = "X-Ivrcore-Sequence"

LEAST_RECORDING_S = 3.0
LOST_S = 1.0
"""The most audio a kill may cost."""

EDGE_S = 0.5
"""From the answer to the first sample, on a machine that does other things too."""

LAST_CALL_S = 40.0
"""From the last kill until every call is over: a talk, or a dead worker's calls given up."""

_LEGS = ((EventKind.CALLOUT, EventKind.ALERTING, EventKind.ANSWER),) * 2


@dataclass(frozen=True)
class Kill:
    """One SIGKILL. `worker`: its id, "" for the front end."""

    at: datetime
    worker: str = ""


class Load:
    """Orders callbacks and notifications as fast as ports allow; `with` runs it."""

    def __init__(self, house: House, receiver: Receiver) -> None:
        self._house = house
        self._receiver = receiver
        self._stop = threading.Event()
        self._threads = [
            threading.Thread(target=self._order_all, args=(service,), name=service.value)
            for service in (Service.CALLBACK, Service.NOTIFICATION)
        ]
        self.accepted: list[str] = []
        self.answers: Counter[str] = Counter()

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def order(self, service: Service, key: str = "") -> Answer:
        """One order. `key`: its Idempotency-Key."""
        order: Json = {
            "displayNbr": DISPLAY_A,
            "returnIdlePort": "true",
            **self._house.pushed_to(self._receiver),
        }
        if service is Service.CALLBACK:
            path = CALLBACK_PATH
            order |= {"callerNbr": A, "displayCalleeNbr": DISPLAY_B, "calleeNbr": B, "recordFlag": "true"}
        else:
            path = NOTIFICATION_PATH
            order |= {"calleeNbr": A, "playInfoList": [{"notifyVoice": "one.wav"}]}
        return self._house.customer(service).post(path, order, **({"Idempotency-Key": key} if key else {}))

    def _order_all(self, service: Service) -> None:
        while not self._stop.is_set():
            answer = self._answer(service, uuid.uuid4().hex)
            self.answers[answer.code or str(answer.status)] += 1
            if answer.status == 200 and answer.code == "0":
                self.accepted.append(answer.body["sessionId"])
            else:
                self._stop.wait(0.05)

    def _answer(self, service: Service, key: str) -> Answer:
        """What is answered at last: a customer who got no whole answer asks again, with the same key."""
        while True:
            try:
                return self.order(service, key)
            except (OSError, http.client.HTTPException, ValueError) as error:
                # The front end is dead, or died before its answer was whole.
                self.answers[type(error).__name__] += 1
                time.sleep(0.05)


@dataclass
class Siege:
    """Kills, at moments of a seed."""

    house: House
    random: random.Random
    kills: list[Kill] = field(default_factory=list)

    def rage(self, n_kills: int, load: Load) -> None:
        """So many kills or one more, of each kind among any five; the service is up at the end."""
        deck: list[Callable[[], None]] = []
        while len(self.kills) < n_kills:
            if self.random.random() < 0.8:
                # As a rule there is something to lose; what is killed else may be starting or recovering.
                _wait_for_another(load)
            time.sleep(self.random.uniform(0.0, 1.2))
            if not deck:
                deck = [self._kill_worker, self._kill_worker, self._kill_front_end, self._kill_both]
                self.random.shuffle(deck)
            deck.pop()()
        self.house.wait_until_up()

    def _kill_worker(self) -> None:
        found = self.house.worker_pids()
        if not found:
            time.sleep(0.1)
            return
        pid = self.random.choice(found)
        with suppress(OSError):
            worker = _worker_of(pid)
            os.kill(pid, signal.SIGKILL)
            self.kills.append(Kill(datetime.now(UTC), worker))

    def _kill_front_end(self) -> None:
        self.kills.append(Kill(datetime.now(UTC)))
        self.house.kill()
        time.sleep(self.random.choice((0.0, self.random.uniform(0.0, 1.5))))
        self.house.launch()

    def _kill_both(self) -> None:
        first, second = self.random.sample((self._kill_worker, self._kill_front_end), 2)
        first()
        second()

    def front_end_was_killed(self, after: datetime, before: datetime) -> bool:
        """Whether that may be why something was done twice; a push is under way for a moment."""
        return any(not kill.worker and after <= kill.at <= before for kill in self.kills)

    def end_of(self, worker: str, talk_from: datetime) -> datetime | None:
        """When that worker was killed, if it is known who; else the first kill of any after the moment."""
        own = [kill.at for kill in self.kills if kill.worker and kill.worker == worker]
        later = [kill.at for kill in self.kills if kill.worker and kill.at >= talk_from]
        return min(own or later, default=None)


def _wait_for_another(load: Load) -> None:
    n_accepted, end_s = len(load.accepted), time.monotonic() + START_S
    while len(load.accepted) == n_accepted:
        assert time.monotonic() < end_s, f"nothing is accepted: {load.answers}"
        time.sleep(0.02)


def _worker_of(pid: int) -> str:
    """The id of a worker: its directory's name, the last of its arguments."""
    arguments = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return Path(arguments[-2]).name


# -- until all is quiet -------------------------------------------------------------------------------------


def wait_until_quiet(house: House, deadline_s: float = LAST_CALL_S) -> None:
    """Wait until no call is open and nothing waits to be pushed."""
    end_s = time.monotonic() + deadline_s
    while True:
        opened, (n_pending, _) = house.open_sessions(), house.ask(depth)
        if not opened and not n_pending:
            return
        assert time.monotonic() < end_s, f"open: {opened}, {n_pending} pushes wait: {house.log()[-3000:]}"
        time.sleep(0.2)


def gauges(house: House) -> dict[str, float]:
    """/metrics, by name with labels."""
    with urllib.request.urlopen(house.base + "/metrics", timeout=10.0) as page:
        lines = page.read().decode().splitlines()
    return {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines if line[0] != "#")}


def check_counters(house: House, load: Load) -> list[str]:
    """Quotas are back at 0: as many are accepted as the application may have at once, and one more is not."""
    until_s = time.monotonic() + 10.0
    while (now := gauges(house))['ivrcore_legs{kind="free"}'] < 8 and time.monotonic() < until_s:
        time.sleep(0.1)  # a worker that was killed last is being replaced
    opened = {name: value for name, value in now.items() if name.startswith("ivrcore_calls{") and value}
    assert not opened, opened
    # Callbacks last long enough for four orders; of notifications the first tells that all ports are idle.
    given = [load.order(Service.CALLBACK) for _ in range(4)] + [load.order(Service.NOTIFICATION)]
    assert [given[n].body.get("idlePort") for n in (0, 1, 2, 4)] == [2, 1, 0, 2], given
    assert given[3].code == "1020165", given[3]
    return [answer.body["sessionId"] for answer in given if answer.code == "0"]


# -- the judgement ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Story:
    """All that the store has of one call."""

    session: str
    service: Service
    worker: str
    ended: bool
    cdr: cdrs.Cdr
    events: list[CallEvent]
    fee_rows: list[Any]
    recordings: list[Recording]

    @property
    def statuses(self) -> list[CallEvent]:
        """What customers are told."""
        return [event for event in self.events if event.kind is not EventKind.RECORD]

    def moment(self, kind: EventKind, party: Party | None = None) -> datetime | None:
        """When something happened first."""
        found = (event.at for event in self.events if event.kind is kind and party in (None, event.party))
        return next(found, None)


def stories(connection: Connection) -> list[Story]:
    """Of every call in the store."""
    told = []
    for row in connection.execute(select(call_rows)).mappings().all():
        session = row["session"]
        cdr = cdrs.cdr(connection, session)
        assert cdr is not None, f"{session} has no CDR"
        fee_rows = select(outbox_rows).where(outbox_rows.c.session == session, outbox_rows.c.kind == "fee")
        told.append(
            Story(
                session,
                Service(row["service"]),
                row["worker"],
                not calls.is_open(connection, session),
                cdr,
                events.of(connection, session),
                list(connection.execute(fee_rows).mappings()),
                recordings.of(connection, session),
            )
        )
    return told


def judge(siege: Siege, load: Load, receiver: Receiver, *, durable: bool) -> list[str]:
    """Everything that is not as promised, a line each."""
    house = siege.house
    known = {story.session: story for story in house.ask(stories)}
    pushes = receiver.pushes
    wrong = [f"{session} was accepted and is not in the store" for session in {*load.accepted} - {*known}]
    # Every order had its answer, if need be when it was asked again.
    wrong += [f"{session} is in the store, and nobody was told" for session in {*known} - {*load.accepted}]
    wrong += [f"{session} was accepted twice" for session, n in Counter(load.accepted).items() if n > 1]
    told: dict[str, list[Pushed]] = {}
    fees: dict[str, list[tuple[float, Json]]] = {}
    for push in pushes:
        if push.kind == "fee":
            for fee in push.body["feeLst"]:
                fees.setdefault(fee["sessionId"], []).append((push.at_s, fee))
        else:
            told.setdefault(push.body["statusInfo"]["sessionId"], []).append(push)
    wrong += [f"{session}: pushed and unknown" for session in {*told, *fees} - {*known}]
    for story in known.values():
        complaints = [
            *_cdr_complaints(story, fees.get(story.session, []), siege),
            *_event_complaints(story, told.get(story.session, []), siege, durable),
            *_recording_complaints(story, siege),
        ]
        wrong += [f"{story.session} ({story.service.value}): {complaint}" for complaint in complaints]
    return wrong + _what_is_left(house, known.values())


def _cdr_complaints(story: Story, pushed: list[tuple[float, Json]], siege: Siege) -> Iterable[str]:
    if not story.ended or story.cdr.ended_at is None:
        yield "it has not ended"
    if [row["state"] for row in story.fee_rows] != [PushState.DELIVERED.value]:
        yield f"rows of its CDR in the outbox: {[(row['state'], row['attempts']) for row in story.fee_rows]}"
    if not pushed:
        yield "its CDR was not pushed"
    if any(fee != story.cdr.fee for _, fee in pushed):
        yield "the CDR that was pushed is another than the stored one"
    for (first_s, _), (second_s, _) in pairwise(pushed):
        if not siege.front_end_was_killed(_moment(first_s - 0.5), _moment(second_s)):
            yield "its CDR was pushed twice, and nobody was killed between"


def _event_complaints(story: Story, pushed: list[Pushed], siege: Siege, durable: bool) -> Iterable[str]:
    kinds = [event.kind for event in story.events]
    if [event.seq for event in story.events] != list(range(1, len(kinds) + 1)):
        yield f"its events are numbered {[event.seq for event in story.events]}"
    if kinds[-2:] != [EventKind.DISCONNECT, EventKind.RECORD]:
        yield f"it ends with {kinds[-2:]}"
    legs = 2 if story.service is Service.CALLBACK else 1
    ways = [kind for leg in _LEGS[:legs] for kind in leg]
    if kinds[:-2] != ways[: len(kinds) - 2]:
        yield f"its events are {[kind.value for kind in kinds]}"
    if any(later.at < earlier.at for earlier, later in pairwise(story.statuses)):
        yield "a later event has an earlier time"
    wanted = [_wanted(story, event) for event in story.statuses]
    if not durable:
        came = iter(wanted)
        if not all(_said(push) in came for push in pushed):  # each one behind the one before
            yield f"told out of order: {[_said(push) for push in pushed]}"
        return
    numbers = [int(push.headers[SEQUENCE]) for push in pushed]
    if sorted(set(numbers)) != list(range(1, len(wanted) + 1)) or numbers != sorted(numbers):
        yield f"told were {numbers} of {len(wanted)} events"
    elif [_said(push) for push in pushed] != [wanted[number - 1] for number in numbers]:
        yield "an event was told under another's number"
    for first, second in pairwise(pushed):
        twice = first.headers[SEQUENCE] == second.headers[SEQUENCE]
        if twice and not siege.front_end_was_killed(_moment(first.at_s - 0.5), _moment(second.at_s)):
            yield f"event {first.headers[SEQUENCE]} was told twice, and nobody was killed between"


def _wanted(story: Story, event: CallEvent) -> tuple[str, str]:
    b_called = story.moment(EventKind.CALLOUT, Party.B) is not None
    second = event.party is Party.B or (event.kind is EventKind.DISCONNECT and b_called)
    return event.kind.value, B if second else A


def _said(push: Pushed) -> tuple[str, str]:
    return push.kind, str(push.body["statusInfo"]["called"])


def _recording_complaints(story: Story, siege: Siege) -> Iterable[str]:
    answered = story.moment(EventKind.ANSWER, Party.B)
    over = story.moment(EventKind.DISCONNECT)
    if story.service is Service.CALLBACK and answered is not None and over is not None:
        if story.cdr.state_code:  # the worker was killed; its loss was seen later
            over = min(over, siege.end_of(story.worker, answered) or over)
        least_s = (over - answered).total_seconds() - LOST_S - EDGE_S
        if least_s > LEAST_RECORDING_S and not story.recordings:
            yield f"no recording of {least_s:.1f} s of talk, state {story.cdr.state_code}"
        for recording in story.recordings:
            if recording.duration_s < least_s:
                yield f"{recording.duration_s:.1f} s recorded of {least_s:.1f} s"
    for recording in story.recordings:
        path = Path(recording.path)
        if not path.exists():
            yield f"{path.name} is in the store and not on disk"
            continue
        yield from violations(path)
        if abs(read_info(path).duration_s - recording.duration_s) > 0.01:
            yield f"{path.name} is {read_info(path).duration_s} s, not {recording.duration_s} s"
        if story.cdr.fee.get("recordObjectName") != recording.name:
            yield f"the CDR does not name {recording.name}"
    if len(story.recordings) > 1:
        yield f"{len(story.recordings)} recordings"
    if story.cdr.fee.get("recordFlag") == 1 and not story.recordings:
        yield "the CDR names a recording that is not there"


def _what_is_left(house: House, known: Iterable[Story]) -> list[str]:
    def names(connection: Connection) -> set[str]:
        return {name for (name,) in connection.execute(select(recording_rows.c.name))}

    on_disk = {path.name for path in house.settings.recordings_dir.iterdir()}
    strange = on_disk ^ house.ask(names)
    wrong = [f"recordings on disk and in the store differ: {sorted(strange)}"] if strange else []
    n_rows = len(list(known))
    n_cdrs = house.ask(lambda connection: len(connection.execute(select(cdr_rows.c.session)).all()))
    if n_rows != n_cdrs:
        wrong.append(f"{n_rows} calls have {n_cdrs} CDRs")
    return wrong


def left_on_disk(house: House) -> list[str]:
    """What a service that has ended in order must not leave behind."""
    workers = house.settings.run_dir / "workers"
    return sorted(str(path.relative_to(workers)) for path in workers.rglob("*"))


def _moment(monotonic_s: float) -> datetime:
    """The wall clock's time of a monotonic moment."""
    return datetime.fromtimestamp(time.time() - time.monotonic() + monotonic_s, UTC)
