"""The threads that carry database work out.

Work arrives as jobs. A group lane (SQLite, one thread) commits what waits together: the disk is asked once
to keep everything, which is what costs. A pool lane has a few threads, and a transaction for each job. A
thread never dies of a job: whatever a job raises is that job's answer.

A job's function may be run more than once, when a transaction was rolled back for another's sake or lost a
race, and only the last run counts. So it must have no effect but in the database.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DBAPIError, SQLAlchemyError
from twisted.internet.defer import Deferred

from ivrcore.service.store.errors import of_database, worth_another_try

T = TypeVar("T")

MOST_IN_A_GROUP = 64
"""Jobs in one commit: enough to make the disk's part small, few enough that the first does not wait long."""

MOST_TRIES = 5
"""Of a transaction that PostgreSQL keeps choosing as the loser of a deadlock."""


class CallsFromThread(Protocol):
    """What is needed of the reactor."""

    def callFromThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:  # noqa: A002, N802
        """Call it in the reactor's thread, soon."""


@dataclass(frozen=True, eq=False)
class Job:
    """A function that waits for its transaction, and whom to tell."""

    function: Callable[[Connection], Any]
    told: Deferred[Any]


@dataclass(frozen=True)
class Outcome:
    """What became of a job: its value, or what was raised."""

    job: Job
    value: Any = None
    error: BaseException | None = None

    def tell(self) -> None:
        """In the reactor's thread: fire the job's Deferred."""
        if self.job.told.called:
            return  # cancelled meanwhile: nobody wants to know
        if self.error is None:
            self.job.told.callback(self.value)
        else:
            self.job.told.errback(self.error)


class GroupBrokenError(Exception):
    """SQLite took back the whole transaction, not just one job's savepoint (a full disk can do that)."""


def in_own_transaction(engine: Engine, function: Callable[[Connection], T]) -> T:
    """Run and commit one function. Raises what it raised, or StoreError for what the database said."""
    for n_tries in range(1, MOST_TRIES + 1):
        try:
            with engine.connect() as connection, connection.begin():
                return function(connection)
        except SQLAlchemyError as error:
            if n_tries == MOST_TRIES or not worth_another_try(error):
                raise of_database(error) from None
    raise AssertionError("the last try returns or raises")


def in_one_transaction(engine: Engine, jobs: Sequence[Job]) -> list[Outcome]:
    """Run several jobs, each in a savepoint, and commit them together.

    A job that raises loses its own changes only.

    Raises:
        GroupBrokenError, SQLAlchemyError: nothing of any job was kept.
    """
    with engine.connect() as connection, connection.begin():
        return [_in_savepoint(connection, job) for job in jobs]


def _in_savepoint(connection: Connection, job: Job) -> Outcome:
    savepoint = connection.begin_nested()
    try:
        value = job.function(connection)
        savepoint.commit()
        return Outcome(job, value)
    except BaseException as error:  # the thread's boundary: it is the job's answer
        try:
            savepoint.rollback()
        except SQLAlchemyError:  # there is no such savepoint any more
            raise GroupBrokenError from None
        return Outcome(job, error=_said(error))


def _said(error: BaseException) -> BaseException:
    return of_database(error) if isinstance(error, SQLAlchemyError) else error


def alone(engine: Engine, job: Job) -> Outcome:
    """One job, in a transaction of its own."""
    try:
        return Outcome(job, in_own_transaction(engine, job.function))
    except BaseException as error:  # the thread's boundary
        return Outcome(job, error=error)


def together(engine: Engine, jobs: Sequence[Job]) -> list[Outcome]:
    """Several jobs with one commit; where that fails for one job's sake, each for itself."""
    if len(jobs) == 1:
        return [alone(engine, jobs[0])]
    try:
        return in_one_transaction(engine, jobs)
    except GroupBrokenError:
        return [alone(engine, job) for job in jobs]
    except DBAPIError as error:
        said = of_database(error)
        if _before_any_job(error):
            # Each would wait the whole time-out for the same lock.
            return [Outcome(job, error=said) for job in jobs]
        return [alone(engine, job) for job in jobs]
    except BaseException as error:  # the thread's boundary
        return [Outcome(job, error=_said(error)) for job in jobs]


def _before_any_job(error: DBAPIError) -> bool:
    return error.statement is not None and error.statement.startswith("BEGIN")


class Lane:
    """Threads that take jobs from one queue.

    Args:
        name: of the threads.
        engine: where they get their connections.
        reactor: told the outcomes, in its thread.
        n_threads: jobs at once; must be 1 with `grouped`.
        grouped: whether what waits is committed together.
    """

    def __init__(
        self, name: str, engine: Engine, reactor: CallsFromThread, *, n_threads: int, grouped: bool
    ) -> None:
        self._engine = engine
        self._reactor = reactor
        self._most = MOST_IN_A_GROUP if grouped else 1
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._names = [f"{name}-{i}" for i in range(n_threads)]
        self._threads: list[Thread] = []

    @property
    def n_waiting(self) -> int:
        """Jobs that no thread has taken yet."""
        return self._queue.qsize()

    def put(self, job: Job) -> None:
        """Queue a job; the first starts the threads. From one thread, and not after `finish`."""
        self._queue.put(job)
        if not self._threads:
            # Daemons: a process that forgets to close still ends; what was not committed was not promised.
            self._threads = [Thread(target=self._work, name=name, daemon=True) for name in self._names]
            for thread in self._threads:
                thread.start()

    def finish(self) -> None:
        """Let the threads end after everything that was put before."""
        for _ in self._threads:
            self._queue.put(None)

    def join(self) -> None:
        """Wait for the threads to end. Not from the reactor's thread."""
        for thread in self._threads:
            thread.join()

    def _work(self) -> None:
        finishing = False
        while not finishing:
            jobs, finishing = self._take()
            if jobs:
                outcomes = together(self._engine, jobs)
                self._reactor.callFromThread(_tell, outcomes)

    def _take(self) -> tuple[list[Job], bool]:
        """Wait for a job, and take what else is there; True: there is no more to come."""
        job = self._queue.get()
        jobs: list[Job] = []
        while job is not None:
            jobs.append(job)
            if len(jobs) == self._most:
                return jobs, False
            try:
                job = self._queue.get_nowait()
            except Empty:
                return jobs, False
        return jobs, True


def _tell(outcomes: Sequence[Outcome]) -> None:
    for outcome in outcomes:
        outcome.tell()
