"""Workers in real processes with real calls: packed, killed, left alone, found again.

The front end is workers_driver.py, a process that can be killed; the parties are softphones. The data
directory lies deeper than a Unix socket's path may be long.
"""

import itertools
import json
import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from ivrcore.contents import Text
from ivrcore.request import CallbackRequest, NotificationElement, NotificationRequest
from ivrcore.service.workers.job import Job
from ivrcore.sounds import PromptFiles
from ivrcore.tasks import CallbackTask, NotificationTask
from media.fingerprint import KnownSignal, identify
from media.testsignal import talk
from media.wav import read_info, read_pcm, violations, write_alaw
from sip.softphone import Script
from tests.e2e.loopback.parties import Party, Phone, Report

pytestmark = pytest.mark.e2e

DEADLINE_S = 40.0
"""Long for a worker's start on a loaded machine."""

LOST_S = 1.0
"""The most audio a kill may cost, see tests/e2e/callback/test_kill.py."""

CALLBACK_KINDS = ["callout", "alerting", "answer", "callout", "alerting", "answer", "disconnect", "record"]

_numbers = itertools.count(1)


class FrontEnd(Party):
    """A supervisor in a process."""

    def __init__(self, folder: Path, workers: int = 2, orphan_s: float = 60.0) -> None:
        super().__init__("-m", "tests.e2e.service.workers_driver", str(folder), str(workers), str(orphan_s))
        self.folder = folder

    def started(self) -> Report:
        """Once it is up."""
        return self.wait("started", deadline_s=DEADLINE_S)

    def order(self, verb: str, **facts: object) -> None:
        """See workers_driver.py."""
        self.say(json.dumps({"do": verb, **facts}))

    def dispatch(self, job: Job) -> str:
        """Hand a job over; returns who has it."""
        self.order("dispatch", job=job.to_json())
        return str(self.wait("taken", session=job.session)["worker"])

    def told(self, session: str) -> list[Report]:
        """The events of a session, in the order in which they came."""
        return self.all("told", session=session)

    def pids(self) -> dict[str, int]:
        """The workers' processes by id, as their lock files say."""
        locks = (self.folder / "run" / "workers").glob("*/lock")
        return {lock.parent.name: int(lock.read_text() or 0) for lock in locks}


class Pair(NamedTuple):
    """Two telephones that talk until they are hung up."""

    a: Phone
    b: Phone


class House:
    """Telephones and sounds of this module, and a folder for each front end."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.talks = folder / "a.wav", folder / "b.wav"
        for seed, path in enumerate(self.talks, start=1):
            write_alaw(path, talk(seed, 20.0))
        self.known = [KnownSignal(path.stem, read_pcm(path)) for path in self.talks]
        self.pairs = [Pair(*(self._phone(path, stack) for path in self.talks)) for _ in range(2)]
        self.deep = folder / ("deep" * 12) / ("e" * 20)
        self.deep.mkdir(parents=True)

    def _phone(self, path: Path, stack: ExitStack) -> Phone:
        script = Script(ring_after_s=0.05, answer_after_s=0.1, talk=str(path))
        return stack.enter_context(Phone(self.folder / "cache", script))

    def whole(self, path: Path, lost_s: float = 0.3) -> bool:
        """Whether a recording has both parties in it, from its beginning to its end without a hole."""
        pcm = read_pcm(path)
        assert violations(path) == ()
        for name in ("a", "b"):
            found = [one for one in identify(pcm, self.known) if one.name == name]
            holes = [later.start_s - earlier.end_s for earlier, later in itertools.pairwise(found)]
            edges = found[0].start_s, pcm.size / 8000 - found[-1].end_s
            if max(*holes, *edges, 0.0) > lost_s:
                return False
        return True

    def callback(self, pair: Pair, *, record: bool = True) -> Job:
        """A callback between two telephones, with a name of its own."""
        number = next(_numbers)
        request = CallbackRequest(pair.a.uri, pair.b.uri, "95588", "95588", record=record)
        return Job(f"s{number}", CallbackTask(request, PromptFiles()), f"2603010815{number:06}.wav")

    def notification(self, phone: Phone, text: str) -> Job:
        """A spoken text."""
        request = NotificationRequest(phone.uri, "95588", (NotificationElement(),))
        return Job(f"s{next(_numbers)}", NotificationTask(request, (Text(text),)))


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with ExitStack() as stack:
        house = House(tmp_path_factory.mktemp("w"), stack)
        yield house
        for phone in itertools.chain(*house.pairs):  # all at the same time
            phone.leave()


@pytest.fixture(scope="module")
def front_ends(house: House) -> Iterator[list[FrontEnd]]:
    """The front ends of this module, the latest last; whatever they started ends with them."""
    made: list[FrontEnd] = [FrontEnd(house.deep)]
    try:
        for phone in itertools.chain(*house.pairs):  # everybody starts at the same time
            phone.wait("ready", deadline_s=DEADLINE_S)
        yield made
    finally:
        pids = made[-1].pids()
        for front_end in made:
            with suppress(AssertionError):
                front_end.end()
        for pid in pids.values():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def until(fact: Callable[[], bool], what: str) -> None:
    end_s = time.monotonic() + DEADLINE_S
    while not fact():
        assert time.monotonic() < end_s, f"not in {DEADLINE_S} s: {what}"
        time.sleep(0.02)


def captured_s(front_end: FrontEnd, job: Job) -> float:
    """The least that is on disk of either leg."""
    legs = list(front_end.folder.glob(f"run/workers/*/captures/*/{job.session}/leg-*.wav"))
    return min((leg.stat().st_size for leg in legs), default=0) / 8000 if len(legs) == 2 else 0.0


def kinds(events: list[Report]) -> list[str]:
    """In order and without a gap. What was told before may come again: it is known by its seq."""
    seen: dict[int, str] = {}
    for event in events:
        assert event["seq"] in seen or event["seq"] == len(seen) + 1, events
        assert seen.setdefault(event["seq"], event["kind"]) == event["kind"]
    return list(seen.values())


def hang_up(*pairs: Pair) -> None:
    for phone in itertools.chain(*pairs):
        with suppress(BrokenPipeError):
            phone.say("hangup")


def test_notification_and_callback_run_side_by_side(house: House, front_ends: list[FrontEnd]) -> None:
    (front_end,) = front_ends
    assert front_end.started()["legs"] == 8
    first, second = house.pairs
    spoken, talked = house.notification(first.a, "再见"), house.callback(second)
    workers = {front_end.dispatch(spoken), front_end.dispatch(talked)}
    assert len(workers) == 2  # who has most legs free
    until(lambda: captured_s(front_end, talked) > 3.2, "3.2 s of talk")
    second.b.say("hangup")
    record = front_end.wait("told", session=talked.session, kind="record")["record"]
    assert kinds(front_end.told(talked.session)) == CALLBACK_KINDS
    assert (record["stateCode"], record["endedBy"]) == (0, "B")
    path = Path(record["recording"]["path"])
    assert path.name == talked.recording_name
    assert violations(path) == ()
    record = front_end.wait("told", session=spoken.session, kind="record")["record"]
    assert kinds(front_end.told(spoken.session)) == ["callout", "alerting", "answer", "disconnect", "record"]
    assert record["tts"]["plays"] == 1
    assert record["tts"]["seconds"] > 0
    until(lambda: not list(front_end.folder.glob("run/workers/*/spool/*")), "spools are gone")
    assert list(front_end.folder.glob("run/workers/*/captures/*/*/")) == []


def test_missing_file_and_callstop_end_with_their_codes(house: House, front_ends: list[FrontEnd]) -> None:
    front_end = front_ends[-1]
    first, second = house.pairs
    missing = Job(
        f"s{next(_numbers)}",
        NotificationTask(
            NotificationRequest(first.a.uri, "95588", (NotificationElement(),)), (house.folder / "no.wav",)
        ),
    )
    front_end.dispatch(missing)
    record = front_end.wait("told", session=missing.session, kind="record")["record"]
    assert (record["stateCode"], record["releasePoint"]) == (8006, 524)
    assert kinds(front_end.told(missing.session)) == ["disconnect", "record"]
    stopped = house.callback(second, record=False)
    front_end.order("refuse", n=1)  # a locked database: told again, still in order
    front_end.dispatch(stopped)
    front_end.wait("told", session=stopped.session, kind="answer", party="B")
    front_end.order("stop", session=stopped.session)
    assert front_end.wait("stopped", session=stopped.session)["had"]
    record = front_end.wait("told", session=stopped.session, kind="record")["record"]
    assert record["stateCode"] == 8017
    assert kinds(front_end.told(stopped.session)) == CALLBACK_KINDS
    assert len(front_end.all("refused")) == 1


def test_killed_worker_loses_its_calls_alone(house: House, front_ends: list[FrontEnd]) -> None:
    front_end = front_ends[-1]
    jobs = [house.callback(pair) for pair in house.pairs]
    workers = [front_end.dispatch(job) for job in jobs]
    assert len(set(workers)) == 2
    until(lambda: min(captured_s(front_end, job) for job in jobs) > 4.0, "four seconds on disk")
    pids = front_end.pids()
    os.kill(pids[workers[0]], signal.SIGKILL)
    lost = front_end.wait("lost", session=jobs[0].session)
    assert lost["last_seq"] == 6
    assert kinds(front_end.told(jobs[0].session)) == CALLBACK_KINDS[:6]
    assert lost["duration_s"] > 4.0 - LOST_S
    path = Path(lost["path"])
    assert path.name == jobs[0].recording_name
    assert house.whole(path, LOST_S)
    # The other one does not notice.
    house.pairs[1].b.say("hangup")
    record = front_end.wait("told", session=jobs[1].session, kind="record")["record"]
    assert (record["stateCode"], record["endedBy"]) == (0, "B")
    assert read_info(Path(record["recording"]["path"])).duration_s > 4.0
    assert kinds(front_end.told(jobs[1].session)) == CALLBACK_KINDS
    assert front_end.pids()[workers[1]] == pids[workers[1]]
    hang_up(house.pairs[0])  # nobody ended that call for them
    until(lambda: not (front_end.folder / "run/workers" / workers[0]).exists(), "what it left is gone")

    def legs() -> int:
        front_end.forget()
        front_end.order("workers")
        return int(front_end.wait("workers")["free"])

    until(lambda: legs() == 8, "another worker took its place")


def test_front_end_is_killed_and_the_next_one_goes_on(house: House, front_ends: list[FrontEnd]) -> None:
    killed = front_ends[-1]
    jobs = [house.callback(pair) for pair in house.pairs]
    for job in jobs:
        killed.dispatch(job)
    until(lambda: min(captured_s(killed, job) for job in jobs) > 0.5, "both talk")
    pids = killed.pids()
    killed.kill()
    until(lambda: min(captured_s(killed, job) for job in jobs) > 3.2, "they go on without a front end")
    house.pairs[0].b.say("hangup")  # ends while nobody listens
    until(
        lambda: (
            b'"record"'
            in next(killed.folder.glob(f"run/workers/*/spool/{jobs[0].session}.jsonl")).read_bytes()
        ),
        "its record is spooled",
    )
    front_end = FrontEnd(house.deep)
    front_ends.append(front_end)
    assert front_end.started()["live"] == sorted(job.session for job in jobs)
    assert front_end.pids() == pids
    begun_s = captured_s(front_end, jobs[1])
    until(lambda: captured_s(front_end, jobs[1]) > begun_s + 0.3, "audio goes on")
    house.pairs[1].b.say("hangup")
    for job in jobs:
        record = front_end.wait("told", session=job.session, kind="record")["record"]
        assert record["stateCode"] == 0
        # Every event once, over both front ends: the first one had stored what it was told.
        assert kinds(killed.told(job.session) + front_end.told(job.session)) == CALLBACK_KINDS
        path = Path(record["recording"]["path"])
        assert read_info(path).duration_s > 3.2
        assert house.whole(path)  # nobody heard that the front end was gone
    assert front_end.all("lost") == []


def test_both_are_killed_and_the_next_front_end_finishes_it(house: House, front_ends: list[FrontEnd]) -> None:
    killed = front_ends[-1]
    job = house.callback(house.pairs[0])
    killed.dispatch(job)
    until(lambda: captured_s(killed, job) > 4.0, "four seconds on disk")
    pids = killed.pids()
    killed.kill()
    for pid in pids.values():
        os.kill(pid, signal.SIGKILL)
    hang_up(house.pairs[0])
    front_end = FrontEnd(house.deep)
    front_ends.append(front_end)
    started = front_end.started()
    assert (started["live"], started["legs"]) == ([], 8)
    (lost,) = front_end.all("lost")
    assert (lost["session"], lost["last_seq"]) == (job.session, 6)
    assert lost["duration_s"] > 4.0 - LOST_S
    # What the dead front end had stored comes again, for it may have been lost with it: in order.
    assert kinds(front_end.told(job.session)) == CALLBACK_KINDS[:6]
    assert not set(front_end.pids()) & set(pids)


def test_closed_front_end_leaves_nothing_running(house: House, front_ends: list[FrontEnd]) -> None:
    front_end = front_ends[-1]
    job = house.callback(house.pairs[1])
    front_end.dispatch(job)
    front_end.wait("told", session=job.session, kind="answer", party="B")
    pids = front_end.pids()
    front_end.order("close", deadline_s=0.5)
    front_end.wait("closed")
    assert front_end.all("told", session=job.session)[-1]["record"]["stateCode"] == 8017
    for pid in pids.values():
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    assert list((front_end.folder / "run/workers").iterdir()) == []
    front_end.end()
