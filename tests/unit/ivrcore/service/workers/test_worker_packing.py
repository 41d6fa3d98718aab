"""Who takes a job, who waits for how long, and how long the pauses between attempts are."""

import pytest

from ivrcore.service.workers.backoff import Backoff
from ivrcore.service.workers.errors import NoWorker, Stopped
from ivrcore.service.workers.job import Job
from ivrcore.service.workers.packing import Waiting, WaitQueue, roomiest
from sip.manual_reactor import ManualReactor
from tests.unit.ivrcore.service.workers.jobs import callback, notification


@pytest.mark.parametrize(
    ("free", "legs", "chosen"),
    [
        ({}, 1, None),
        ({"a": 0}, 1, None),
        ({"a": 1, "b": 1}, 2, None),  # both legs of a callback are in one worker
        ({"a": 1, "b": 2}, 2, "b"),
        ({"a": 3, "b": 4}, 1, "b"),
        ({"b": 4, "a": 4}, 2, "a"),
        ({"a": 4, "b": 3, "c": 4}, 1, "a"),
    ],
)
def test_job_goes_to_the_worker_with_most_free_legs(
    free: dict[str, int], legs: int, chosen: str | None
) -> None:
    assert roomiest(free, legs) == chosen


class Desk:
    """A queue, and legs that the test gives out."""

    def __init__(self, n_jobs: int = 3, wait_s: float = 5.0) -> None:
        self.reactor = ManualReactor()
        self.queue = WaitQueue(self.reactor, n_jobs, wait_s)
        self.handed: list[Waiting] = []
        self.errors: dict[str, Exception] = {}
        self.free = 0

    def add(self, job: Job) -> None:
        def failed(failure: object) -> None:
            self.errors[job.session] = failure.value  # type: ignore[attr-defined]

        self.queue.add(job).done.addErrback(failed)
        self.serve(0)
        self.queue.shorten()

    def serve(self, legs: int) -> None:
        self.free += legs
        self.queue.serve(lambda job: job.legs <= self.free, self._hand)

    def _hand(self, waiting: Waiting) -> None:
        self.free -= waiting.job.legs
        self.handed.append(waiting)

    @property
    def sessions(self) -> list[str]:
        return [waiting.job.session for waiting in self.handed]


def test_job_is_handed_over_at_once_when_there_is_room() -> None:
    desk = Desk()
    desk.free = 2
    desk.add(callback("s1"))
    assert desk.sessions == ["s1"]
    assert desk.reactor.pending() == 0


def test_callback_is_not_overtaken_while_it_waits_for_its_second_leg() -> None:
    desk = Desk()
    desk.add(callback("s1"))
    desk.add(notification("s2"))
    desk.serve(1)
    assert desk.sessions == []
    desk.serve(1)
    assert desk.sessions == ["s1"]
    desk.serve(1)
    assert desk.sessions == ["s1", "s2"]


def test_job_waits_no_longer_than_it_may() -> None:
    desk = Desk(wait_s=5.0)
    desk.add(callback("s1"))
    desk.reactor.advance(3.0)
    desk.add(notification("s2"))
    desk.reactor.advance(1.9)
    assert desk.errors == {}
    desk.reactor.advance(0.1)
    assert isinstance(desk.errors["s1"], NoWorker)
    assert "within 5 s" in str(desk.errors["s1"])
    desk.serve(1)
    assert desk.sessions == ["s2"]
    assert desk.reactor.pending() == 0


def test_one_job_too_many_is_refused_at_once() -> None:
    desk = Desk(n_jobs=2)
    for number in range(3):
        desk.add(notification(f"s{number}"))
    assert list(desk.errors) == ["s2"]
    assert isinstance(desk.errors["s2"], NoWorker)
    desk.serve(2)
    assert desk.sessions == ["s0", "s1"]


def test_job_that_no_worker_took_after_all_is_first_again_and_its_time_goes_on() -> None:
    desk = Desk(wait_s=5.0)
    desk.add(notification("s1"))
    desk.add(notification("s2"))
    desk.reactor.advance(4.0)
    desk.serve(1)
    desk.queue.put_back(desk.handed.pop())
    desk.serve(1)
    assert desk.sessions == ["s1"]
    desk.queue.put_back(desk.handed.pop())
    desk.reactor.advance(1.0)
    assert set(desk.errors) == {"s1", "s2"}


def test_stopped_job_is_never_handed_over() -> None:
    desk = Desk()
    desk.add(notification("s1"))
    assert not desk.queue.stop("s2")
    assert desk.queue.stop("s1")
    assert isinstance(desk.errors["s1"], Stopped)
    desk.serve(4)
    assert desk.sessions == []
    assert desk.reactor.pending() == 0


def test_nobody_waits_at_the_end() -> None:
    desk = Desk()
    desk.add(notification("s1"))
    desk.add(callback("s2"))
    desk.queue.clear()
    assert [type(error) for error in desk.errors.values()] == [NoWorker, NoWorker]
    assert len(desk.queue) == 0
    assert desk.reactor.pending() == 0


def test_pauses_double_up_to_the_most_and_begin_anew() -> None:
    backoff = Backoff(0.5, 30.0)
    assert [backoff.next_s() for _ in range(9)] == [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0, 30.0]
    backoff.reset()
    assert backoff.next_s() == 0.5


def test_pause_stays_finite_after_a_thousand_attempts() -> None:
    backoff = Backoff(0.5, 30.0)
    assert {backoff.next_s() for _ in range(2000)} == {0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0}
