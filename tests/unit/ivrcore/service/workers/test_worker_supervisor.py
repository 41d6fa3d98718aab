"""The supervisor on a clock the test moves, over workers that are no processes."""

import logging
from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from twisted.python.failure import Failure

from ivrcore.codes import StateCode
from ivrcore.commands import Status
from ivrcore.events import Party
from ivrcore.service.model import CallEvent, EventKind
from ivrcore.service.workers.errors import AlreadyRunning, NotStored, NoWorker, Stopped
from ivrcore.service.workers.job import Job
from ivrcore.service.workers.listener import Adopted, SupervisorSettings
from ivrcore.service.workers.settings import WorkerSettings
from ivrcore.service.workers.supervisor import Supervisor
from ivrcore.service.workers.testing import MemoryWorker, MemoryWorkers, StoredEvents, at_once
from sip.manual_reactor import ManualReactor
from tests.unit.ivrcore.service.workers.jobs import callback, notification

NOTIFIED = [(1, "callout"), (2, "disconnect"), (3, "record")]


class House:
    """One run directory, and the front ends that come and go over it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.reactor = ManualReactor()
        self.workers = MemoryWorkers(self.reactor)
        self.stored = StoredEvents()
        self.adopted: list[Adopted] = []
        self.taken: dict[str, str] = {}
        self.refused: dict[str, Exception] = {}
        self.supervisors: list[Supervisor] = []

    def front_end(self, workers: int = 2, **settings: Any) -> Supervisor:
        worker = WorkerSettings(self.folder / "rec", self.folder / "cache")
        supervisor = Supervisor(
            SupervisorSettings(self.folder / "run", worker, workers=workers, **settings),
            cast(Any, self.reactor),
            self.stored,
            spawn_worker=self.workers.spawn,
            connect=self.workers.connector,
            in_thread=at_once,
            kill_process=self.workers.kill,
            utc=self.reactor.seconds,
        )
        self.supervisors.append(supervisor)
        return supervisor

    def start(self, workers: int = 2, **settings: Any) -> Supervisor:
        supervisor = self.front_end(workers, **settings)
        supervisor.start().addCallback(self.adopted.append)
        self.pass_s(0.5)
        return supervisor

    def dispatch(self, supervisor: Supervisor, job: Job) -> None:
        def taken(worker: str) -> None:
            self.taken[job.session] = worker

        def refused(failure: Failure) -> None:
            assert isinstance(failure.value, Exception)
            self.refused[job.session] = failure.value

        supervisor.dispatch(job).addCallbacks(taken, refused)
        self.pass_s()

    def pass_s(self, seconds: float = 0.0) -> None:
        self.reactor.advance(seconds)

    def worker_of(self, session: str) -> MemoryWorker:
        return self.workers.all[self.taken[session]]

    @property
    def directories(self) -> set[str]:
        return {path.name for path in (self.folder / "run" / "workers").iterdir()}


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path)
    yield house
    for supervisor in house.supervisors:
        supervisor.leave()
    for worker in house.workers.alive:
        worker.die()


# ---- start, jobs, events


def test_workers_are_started_and_their_legs_counted(house: House) -> None:
    supervisor = house.start(workers=3)
    assert house.adopted == [Adopted(frozenset())]
    assert (supervisor.total_legs(), supervisor.free_legs()) == (12, 12)
    assert [worker.id for worker in supervisor.workers()] == sorted(house.workers.all)


def test_second_front_end_is_refused(house: House) -> None:
    house.start()
    errors: list[Failure] = []
    second = house.front_end()
    second.start().addErrback(errors.append)
    assert isinstance(errors[0].value, AlreadyRunning)
    with pytest.raises(AlreadyRunning):  # before it counts the calls that the first one has
        second.own()


def test_call_goes_through_from_job_to_record(house: House) -> None:
    supervisor = house.start()
    house.dispatch(supervisor, notification("s1"))
    assert supervisor.free_legs() == 7
    calls = house.worker_of("s1").calls
    calls.report("s1", Status.CALLOUT)
    calls.end("s1")
    house.pass_s(0.1)
    assert house.stored.of("s1") == NOTIFIED
    assert supervisor.free_legs() == 8
    assert calls.forgotten[0] == "s1"
    assert not list(house.folder.glob("run/workers/*/spool/*"))


def test_jobs_are_spread_and_a_callback_finds_two_legs_in_one_worker(house: House) -> None:
    supervisor = house.start(queue_s=2.0)
    for number in range(6):
        house.dispatch(supervisor, notification(f"n{number}"))
    workers = [house.taken[f"n{number}"] for number in range(6)]
    assert workers[0] != workers[1]
    assert sorted(workers.count(worker) for worker in set(workers)) == [3, 3]
    house.dispatch(supervisor, callback("c1"))  # two legs are free, but one in each
    assert "c1" not in house.taken
    house.worker_of("n0").calls.end("n0")
    house.pass_s()
    assert house.taken["c1"] == house.taken["n0"]
    house.dispatch(supervisor, callback("c2"))
    house.pass_s(2.0)
    assert isinstance(house.refused["c2"], NoWorker)


def test_worker_whose_engine_holds_calls_that_are_over_takes_no_more_than_it_has(house: House) -> None:
    supervisor = house.start(workers=1)
    (worker,) = house.workers.alive
    worker.calls.lingering = 3  # the far ends of three calls are gone
    house.dispatch(supervisor, callback("c1"))
    assert worker.calls.placed == []
    assert supervisor.free_legs() == 1
    worker.calls.lingering = 2
    house.pass_s(2.1)  # the next ping tells
    assert worker.calls.placed == ["c1"]


def test_event_that_could_not_be_stored_comes_again_and_in_order(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = house.start()
    house.dispatch(supervisor, notification("s1"))
    house.stored.refuses = True
    calls = house.worker_of("s1").calls
    with caplog.at_level(logging.CRITICAL):
        calls.report("s1", Status.CALLOUT)
        calls.end("s1")
        house.pass_s(10.0)
        assert house.stored.of("s1") == []
        house.stored.refuses = False
        house.pass_s(10.0)
    assert house.stored.of("s1") == NOTIFIED
    assert house.workers.alive


def test_call_is_stopped_where_it_is(house: House) -> None:
    supervisor = house.start(workers=1)
    house.dispatch(supervisor, callback("c1"))
    house.dispatch(supervisor, callback("c2"))
    house.dispatch(supervisor, callback("c3"))
    had: list[bool] = []
    for session in ("c3", "c1", "c4"):
        supervisor.stop_call(session).addCallback(had.append)
        house.pass_s()
    assert had == [True, True, False]
    assert isinstance(house.refused["c3"], Stopped)
    assert [kind for _, kind in house.stored.of("c1")] == ["disconnect", "record"]
    assert house.stored.events[0].state_code == StateCode.STOP_ORDERED
    assert house.stored.of("c2") == []


def test_call_that_breaks_in_the_worker_has_a_record(house: House, caplog: pytest.LogCaptureFixture) -> None:
    supervisor = house.start()
    house.dispatch(supervisor, notification("s1"))
    with caplog.at_level(logging.CRITICAL):
        house.worker_of("s1").calls.break_off("s1")
        house.pass_s()
    assert house.stored.of("s1") == [(1, "disconnect"), (2, "record")]
    assert house.stored.events[0].state_code == StateCode.INTERNAL_ERROR


# ---- death


def test_dead_worker_s_calls_are_lost_after_their_events_and_nobody_else_s(house: House) -> None:
    supervisor = house.start()
    house.dispatch(supervisor, notification("s1"))
    house.dispatch(supervisor, notification("s2"))
    victim, other = house.worker_of("s1"), house.worker_of("s2")
    victim.calls.report("s1", Status.CALLOUT)
    house.pass_s()
    victim.calls.report("s1", Status.ALERTING)
    victim.die()  # with an event on its way
    house.pass_s(0.2)
    assert dict.fromkeys(house.stored.of("s1")).keys() == {(1, "callout"), (2, "alerting")}
    assert house.stored.lost_calls.keys() == {"s1"}
    assert house.stored.lost_calls["s1"].last_seq == 2
    assert "exit status -9" in house.stored.reasons[0]
    assert victim.directory.name not in house.directories
    other.calls.end("s2")
    house.pass_s()
    assert house.stored.of("s2") == [(1, "disconnect"), (2, "record")]


def test_call_whose_record_was_spooled_is_not_lost(house: House, caplog: pytest.LogCaptureFixture) -> None:
    supervisor = house.start()
    house.dispatch(supervisor, notification("s1"))
    worker = house.worker_of("s1")
    with caplog.at_level(logging.CRITICAL):
        house.stored.refuses = True
        worker.calls.report("s1", Status.CALLOUT)
        worker.calls.end("s1")
        house.pass_s(0.1)
        worker.die()
        house.pass_s(5.0)
        assert worker.directory.name in house.directories  # nothing is removed before it is stored
        house.stored.refuses = False
        house.pass_s(10.0)
    assert house.stored.of("s1") == NOTIFIED
    assert house.stored.lost_calls == {}
    assert worker.directory.name not in house.directories


def test_worker_is_started_again_after_pauses_that_double_to_half_a_minute(house: House) -> None:
    house.workers.fail_next = 9
    house.front_end(workers=1).start()
    house.pass_s(150.0)
    started = house.workers.started_at_s
    pauses = [round(later - earlier) for earlier, later in pairwise(started)]
    assert pauses[1:] == [1, 2, 4, 8, 16, 30, 30, 30]
    assert len(house.workers.alive) == 1


def test_pause_is_short_again_after_a_minute_of_health(house: House) -> None:
    house.workers.fail_next = 4
    supervisor = house.start(workers=1)
    house.pass_s(30.0)
    for healthy_s, pause_s in ((20.0, 8.0), (70.0, 0.5)):
        house.pass_s(healthy_s)
        (worker,) = house.workers.alive
        worker.die()
        died_s = house.reactor.seconds()
        house.pass_s(pause_s + 0.2)
        assert house.workers.started_at_s[-1] - died_s == pytest.approx(pause_s, abs=0.15)
        assert supervisor.total_legs() == 4
    assert supervisor.workers()[0].restarts == 6


def test_worker_that_answers_no_ping_is_killed_and_replaced(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = house.start(workers=1)
    house.dispatch(supervisor, notification("s1"))
    (worker,) = house.workers.alive
    with caplog.at_level(logging.CRITICAL):
        worker.freeze()
        house.pass_s(9.0)
        assert worker.poll() is None
        house.pass_s(6.0)
    assert worker.status == -9
    assert house.stored.lost_calls.keys() == {"s1"}
    assert supervisor.total_legs() == 4


def test_worker_that_never_answers_is_killed(house: House, caplog: pytest.LogCaptureFixture) -> None:
    supervisor = house.front_end(workers=1, start_timeout_s=20.0)
    supervisor.start().addCallback(house.adopted.append)
    (worker,) = house.workers.alive
    worker.reachable = False
    with caplog.at_level(logging.CRITICAL):
        house.pass_s(19.0)
        assert (worker.status, house.adopted) == (None, [])
        house.pass_s(2.0)
    assert worker.status == -9
    assert house.adopted == [Adopted(frozenset())]  # the front end does not wait for the second attempt


# ---- lost connections


def test_lost_connection_comes_back_and_nothing_is_lost(house: House) -> None:
    supervisor = house.start()
    house.dispatch(supervisor, notification("s1"))
    worker = house.worker_of("s1")
    worker.cut()
    worker.calls.report("s1", Status.CALLOUT)
    house.pass_s(0.5)
    worker.calls.end("s1")
    house.pass_s(0.5)
    assert house.stored.of("s1") == NOTIFIED
    assert len(house.workers.all) == 2


@pytest.mark.parametrize("arrived", [True, False])
def test_job_in_flight_at_a_lost_connection_is_made_exactly_once(house: House, arrived: bool) -> None:
    supervisor = house.start(workers=1)
    (worker,) = house.workers.alive
    taken: list[str] = []
    supervisor.dispatch(notification("s1")).addCallback(taken.append)
    if arrived:  # read by the worker, and its answer is lost
        house.reactor.clock.advance(0)
    worker.cut()
    house.pass_s(0.5)
    assert taken == [worker.directory.name]
    assert worker.calls.placed == ["s1"]


@pytest.mark.parametrize("arrived", [True, False])
def test_job_in_flight_at_a_death_is_lost_or_made_by_another(house: House, arrived: bool) -> None:
    supervisor = house.start()
    taken: list[str] = []
    supervisor.dispatch(notification("s1")).addCallback(taken.append)
    (first, second) = house.workers.alive
    if arrived:
        house.reactor.clock.advance(0)
    chosen = min((first, second), key=lambda worker: worker.directory.name)
    other = second if chosen is first else first
    chosen.die()
    house.pass_s(0.5)
    if arrived:
        assert taken == [chosen.directory.name]
        assert house.stored.lost_calls.keys() == {"s1"}
        assert other.calls.placed == []
    else:
        assert taken == [other.directory.name]
        assert house.stored.lost_calls == {}
        assert other.calls.placed == ["s1"]


def test_stop_that_met_a_lost_connection_is_told_again(house: House) -> None:
    supervisor = house.start()
    house.dispatch(supervisor, notification("s1"))
    house.worker_of("s1").cut()
    had: list[bool] = []
    supervisor.stop_call("s1").addCallback(had.append)
    house.pass_s(0.5)
    assert had == [True]
    assert [kind for _, kind in house.stored.of("s1")] == ["disconnect", "record"]


# ---- front ends that come and go


def test_next_front_end_adopts_what_goes_on(house: House) -> None:
    supervisor = house.start()
    house.dispatch(supervisor, notification("s1"))
    house.dispatch(supervisor, notification("s2"))
    supervisor.leave()
    house.pass_s()
    house.worker_of("s1").calls.report("s1", Status.CALLOUT)
    house.worker_of("s1").calls.end("s1")  # while nobody listens
    house.pass_s(60.0)
    assert house.stored.events == []
    second = house.start()
    assert house.adopted[-1] == Adopted(frozenset({"s1", "s2"}))
    assert house.stored.of("s1") == NOTIFIED
    assert second.free_legs() == 7
    house.worker_of("s2").calls.end("s2")
    house.pass_s()
    assert house.stored.of("s2") == [(1, "disconnect"), (2, "record")]
    assert len(house.workers.all) == 2
    assert house.stored.lost_calls == {}


def test_event_that_comes_while_the_front_end_leaves_is_the_next_ones(house: House) -> None:
    # Taken with the answer that let it leave, in one read: stored here, its push would be dropped.
    supervisor = house.start(workers=1)
    house.dispatch(supervisor, notification("s1"))
    (link,) = supervisor._links.values()
    supervisor.leave()
    event = CallEvent("s1", 1, EventKind.CALLOUT, datetime.fromtimestamp(1.0, UTC), Party.A)
    refusals: list[Failure] = []
    link.take_event(event).addErrback(refusals.append)
    assert [type(one.value) for one in refusals] == [NotStored]
    assert house.stored.events == []


def test_next_front_end_finishes_what_died_meanwhile_before_it_is_started(house: House) -> None:
    supervisor = house.start()
    house.dispatch(supervisor, notification("s1"))
    house.worker_of("s1").calls.report("s1", Status.CALLOUT)
    supervisor.leave()
    for worker in house.workers.alive:
        worker.die()
    house.pass_s()
    dead = house.directories
    second = house.start()
    assert house.adopted[-1] == Adopted(frozenset())
    assert house.stored.of("s1") == [(1, "callout")]
    assert house.stored.lost_calls.keys() == {"s1"}
    assert not dead & house.directories
    assert second.total_legs() == 8


def test_one_worker_too_many_drains(house: House) -> None:
    supervisor = house.start(workers=3)
    house.dispatch(supervisor, notification("s1"))
    supervisor.leave()
    house.pass_s()
    second = house.start(workers=0)
    assert (second.total_legs(), second.free_legs()) == (0, 0)
    house.pass_s(1.0)
    assert [worker.directory.name for worker in house.workers.alive] == [house.taken["s1"]]
    house.worker_of("s1").calls.end("s1")
    house.pass_s(10.0)
    assert house.workers.alive == []
    assert house.stored.of("s1") == [(1, "disconnect"), (2, "record")]
    assert house.directories == set()


def test_worker_of_another_version_drains_and_another_takes_its_place(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = house.start(workers=1)
    house.dispatch(supervisor, notification("s1"))
    supervisor.leave()
    house.pass_s()
    greet = house.worker_of("s1").worker.greet
    monkeypatch.setattr(
        house.worker_of("s1").worker, "greet", lambda connection: {**greet(connection), "version": "0.0"}
    )
    with caplog.at_level(logging.CRITICAL):
        second = house.start(workers=1)
    old, new = house.workers.alive
    assert [(one.id, one.draining) for one in second.workers()] == sorted(
        [(old.directory.name, True), (new.directory.name, False)]
    )
    house.dispatch(second, notification("s2"))
    assert (old.calls.placed, new.calls.placed) == (["s1"], ["s2"])
    old.calls.end("s1")
    house.pass_s(1.0)
    assert house.workers.alive == [new]
    assert house.stored.of("s1") == [(1, "disconnect"), (2, "record")]


def test_abandoned_worker_ends_when_it_has_no_calls_and_not_before(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = house.start(workers=2)
    house.dispatch(supervisor, notification("s1"))
    busy = house.worker_of("s1")
    supervisor.leave()
    with caplog.at_level(logging.CRITICAL):
        house.pass_s(299.0)
        assert len(house.workers.alive) == 2
        house.pass_s(2.0)
        assert house.workers.alive == [busy]
        busy.calls.end("s1")
        house.pass_s(301.0)
    assert house.workers.alive == []
    house.start(workers=0)
    assert house.stored.of("s1") == [(1, "disconnect"), (2, "record")]  # from its spool
    assert house.stored.lost_calls == {}


# ---- the end


def test_close_lets_calls_end_until_the_deadline_and_stores_everything(house: House) -> None:
    supervisor = house.start()
    for session in ("s1", "s2"):
        house.dispatch(supervisor, notification(session))
    closed: list[None] = []
    supervisor.close(20.0).addCallback(closed.append)
    house.pass_s(5.0)
    house.worker_of("s1").calls.end("s1")
    house.pass_s(10.0)
    house.dispatch(supervisor, notification("s3"))
    assert isinstance(house.refused["s3"], NoWorker)
    assert closed == []
    house.pass_s(6.0)
    assert closed == [None]
    codes = {event.session: event.state_code for event in house.stored.events if event.seq == 1}
    assert codes == {"s1": StateCode.HUNG_UP_AFTER_CONNECT, "s2": StateCode.STOP_ORDERED}
    assert house.directories == set()
    assert house.reactor.pending() == 0


def test_worker_that_does_not_end_is_killed_and_its_calls_are_lost(
    house: House, caplog: pytest.LogCaptureFixture
) -> None:
    supervisor = house.start(workers=1, ping_timeout_s=1000.0)
    house.dispatch(supervisor, notification("s1"))
    (worker,) = house.workers.alive
    worker.freeze()
    closed: list[None] = []
    with caplog.at_level(logging.CRITICAL):
        supervisor.close(5.0).addCallback(closed.append)
        house.pass_s(14.0)
        assert closed == []
        house.pass_s(2.0)
    assert closed == [None]
    assert house.stored.lost_calls.keys() == {"s1"}


def test_supervisor_that_left_leaves_no_timer(house: House) -> None:
    supervisor = house.start()
    for worker in house.workers.alive:
        worker.die()
    house.pass_s(0.2)
    supervisor.leave()
    house.pass_s(0.0)
    for worker in house.workers.alive:
        worker.die()
    assert house.reactor.pending() == 0
