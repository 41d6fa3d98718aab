"""How work is carried out: transactions, group commit, reading beside a writer, closing."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection, insert, select
from sqlalchemy.exc import SQLAlchemyError
from twisted.internet.defer import CancelledError, Deferred

from ivrcore.service.store.errors import StoreClosed, StoreConflict, StoreError
from ivrcore.service.store.lanes import MOST_IN_A_GROUP
from ivrcore.service.store.schema import audit, events
from ivrcore.service.store.testing import ImmediateDatabase
from tests.unit.ivrcore.service.store.stage import PATIENCE_S, Stage


def note(connection: Connection, n: int) -> int:
    """Store a row that can be told from others."""
    row = {"at_us": n, "who": "test", "what": "note", "target": ""}
    connection.execute(insert(audit).values(**row))
    return n


def notes(connection: Connection) -> list[int]:
    return list(connection.execute(select(audit.c.at_us).order_by(audit.c.id)).scalars())


def note_and_fail(connection: Connection, n: int) -> None:
    note(connection, n)
    raise ValueError(f"after {n}")


def orphan(connection: Connection) -> None:
    """What a foreign key forbids."""
    row = {"session": "unknown", "seq": 1, "kind": "x", "at_us": 0, "payload": "{}"}
    connection.execute(insert(events).values(**row))


class Held:
    """A job that keeps its thread until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.free = threading.Event()

    def __call__(self, connection: Connection, n: int) -> int:
        self.begun.set()
        assert self.free.wait(PATIENCE_S)
        return note(connection, n)


@pytest.fixture
def held() -> Iterator[Held]:
    job = Held()
    yield job
    job.free.set()


@pytest.fixture
def own(store_url: str) -> Iterator[Stage]:
    """A store of the test's own, closed at the end whatever the test did."""
    stage = Stage(store_url)
    yield stage
    stage.close()


def queue_behind(stage: Stage, held: Held, n_threads: int = 4) -> None:
    """Occupy every thread that writes, so that what comes next waits together."""
    stage.db.run(held, -1)
    assert held.begun.wait(PATIENCE_S)
    if not stage.db.is_sqlite:
        for _ in range(n_threads - 1):
            stage.db.run(held, -1)


def seen_elsewhere(url: str) -> list[int]:
    """What another process sees."""
    stage = Stage(url)
    try:
        return stage.now(notes)
    finally:
        stage.close()


def test_value_comes_after_the_commit(empty: Stage) -> None:
    assert empty.wait(empty.db.run(note, 7)) == 7
    assert seen_elsewhere(empty.url) == [7]


def test_keyword_arguments_are_handed_on(empty: Stage) -> None:
    assert empty.wait(empty.db.run(note, n=8)) == 8
    assert empty.wait(empty.db.read(notes)) == [8]


def test_error_comes_back_and_nothing_is_kept(empty: Stage) -> None:
    with pytest.raises(ValueError, match="after 1"):
        empty.wait(empty.db.run(note_and_fail, 1))
    with pytest.raises(ValueError, match="after 2"):
        empty.now(note_and_fail, 2)
    assert empty.now(notes) == []


def test_error_of_the_database_is_the_stores_and_holds_no_value(empty: Stage) -> None:
    with pytest.raises(StoreConflict) as refused:
        empty.wait(empty.db.run(orphan))
    assert "unknown" not in str(refused.value)
    assert refused.value.__cause__ is None
    with pytest.raises(StoreConflict):
        empty.now(orphan)


def test_wrong_statement_is_a_store_error(empty: Stage) -> None:
    with pytest.raises(StoreError) as failed:
        empty.now(lambda connection: connection.exec_driver_sql("SELECT x FROM nowhere"))
    assert not isinstance(failed.value, SQLAlchemyError)
    assert "nowhere" in str(failed.value)


def test_group_keeps_what_succeeded_beside_what_failed(own: Stage, held: Held) -> None:
    queue_behind(own, held)
    jobs: list[Deferred[Any]] = [
        own.db.run(note_and_fail if n % 5 == 2 else note, n) for n in range(3 * MOST_IN_A_GROUP)
    ]
    jobs.insert(50, own.db.run(orphan))
    held.free.set()
    outcomes = own.wait_all(jobs)
    failed = [outcome for outcome in outcomes if isinstance(outcome, ValueError)]
    assert len(failed) == len(range(2, 3 * MOST_IN_A_GROUP, 5))
    assert isinstance(outcomes[50], StoreConflict)
    kept = [n for n in own.now(notes) if n >= 0]
    assert sorted(kept) == [n for n in range(3 * MOST_IN_A_GROUP) if n % 5 != 2]


def test_group_is_carried_out_in_order_with_one_commit(sqlite_url: str, held: Held) -> None:
    stage = Stage(sqlite_url)
    n_commits: list[bool] = []
    raw = stage.now(lambda connection: connection.connection.driver_connection)
    assert raw is not None
    raw.set_trace_callback(lambda statement: n_commits.append(statement == "COMMIT"))
    queue_behind(stage, held)
    jobs = [stage.db.run(note, n) for n in range(MOST_IN_A_GROUP)]
    held.free.set()
    assert stage.wait_all(jobs) == list(range(MOST_IN_A_GROUP))
    assert sum(n_commits) == 2  # the job that was held, and the group
    assert stage.now(notes) == [-1, *range(MOST_IN_A_GROUP)]
    stage.close()


def test_job_sees_what_the_jobs_before_it_in_the_group_did(sqlite_url: str, held: Held) -> None:
    stage = Stage(sqlite_url)
    queue_behind(stage, held)
    jobs: Sequence[Deferred[Any]] = [
        stage.db.run(note, 1),
        stage.db.run(note_and_fail, 2),
        stage.db.run(notes),
    ]
    held.free.set()
    assert stage.wait_all(jobs)[2] == [-1, 1]
    stage.close()


def test_group_whose_transaction_is_taken_back_is_carried_out_again(sqlite_url: str, held: Held) -> None:
    # SQLite may roll a whole transaction back for one statement's sake, as this job does itself.
    stage = Stage(sqlite_url)

    def takes_all_back(connection: Connection) -> None:
        note(connection, 2)
        connection.exec_driver_sql("ROLLBACK")
        raise ValueError("after it")

    queue_behind(stage, held)
    jobs: Sequence[Deferred[Any]] = [
        stage.db.run(note, 1),
        stage.db.run(takes_all_back),
        stage.db.run(note, 3),
    ]
    held.free.set()
    outcomes = stage.wait_all(jobs)
    assert [type(outcome) for outcome in outcomes] == [int, ValueError, int]
    assert stage.now(notes) == [-1, 1, 3]
    stage.close()


def test_commit_that_fails_is_told_to_every_job_of_the_group(sqlite_url: str, held: Held) -> None:
    # A deferred foreign key is checked by COMMIT: the group fails as a whole, then each job for itself.
    stage = Stage(sqlite_url)

    def late_orphan(connection: Connection) -> None:
        connection.exec_driver_sql("PRAGMA defer_foreign_keys = ON")
        orphan(connection)

    queue_behind(stage, held)
    jobs: Sequence[Deferred[Any]] = [stage.db.run(note, 1), stage.db.run(late_orphan), stage.db.run(note, 2)]
    held.free.set()
    outcomes = stage.wait_all(jobs)
    assert [type(outcome) for outcome in outcomes] == [int, StoreConflict, int]
    assert stage.now(notes) == [-1, 1, 2]
    stage.close()


def test_reading_does_not_wait_behind_a_writer(own: Stage, held: Held) -> None:
    own.wait(own.db.run(note, 1))
    writing = own.db.run(held, 2)
    assert held.begun.wait(PATIENCE_S)
    assert own.wait(own.db.read(notes)) == [1]
    held.free.set()
    assert own.wait(writing) == 2
    assert own.wait(own.db.read(notes)) == [1, 2]


def test_reading_cannot_write(empty: Stage) -> None:
    with pytest.raises(StoreError, match=r"read-?only"):
        empty.wait(empty.db.read(note, 1))
    assert empty.now(notes) == []
    assert empty.wait(empty.db.run(note, 2)) == 2  # the connection that was refused serves on


def test_jobs_of_many_threads_are_all_done(empty: Stage) -> None:
    outcomes = empty.wait_all([empty.db.run(note, n) for n in range(300)])
    assert outcomes == list(range(300))
    assert sorted(empty.now(notes)) == list(range(300))


def test_job_that_exits_the_interpreter_costs_no_thread(own: Stage) -> None:
    def leaves(connection: Connection) -> None:
        note(connection, 1)
        raise SystemExit(3)

    for _ in range(6):  # more than there are threads
        with pytest.raises(SystemExit):
            own.wait(own.db.run(leaves))
    assert own.wait(own.db.run(note, 2)) == 2
    assert own.now(notes) == [2]


def test_cancelled_job_is_told_no_more_and_harms_nobody(own: Stage, held: Held) -> None:
    queue_behind(own, held)
    unwanted = own.db.run(note, 1)
    wanted = own.db.run(note, 2)
    unwanted.cancel()
    with pytest.raises(CancelledError):
        own.wait(unwanted)
    held.free.set()
    assert own.wait(wanted) == 2


def test_waiting_jobs_are_counted(own: Stage, held: Held) -> None:
    assert own.db.n_waiting == 0
    queue_behind(own, held)
    jobs = [own.db.run(note, n) for n in range(5)]
    assert own.db.n_waiting >= 5
    held.free.set()
    own.wait_all(jobs)
    assert own.db.n_waiting == 0


def test_closing_waits_for_what_is_queued(store_url: str, held: Held) -> None:
    stage = Stage(store_url)
    queue_behind(stage, held)
    jobs = [stage.db.run(note, n) for n in range(100)]
    closing, closing_again = stage.db.close(), stage.db.close()
    held.free.set()
    assert stage.wait_all(jobs) == list(range(100))
    stage.wait(closing)
    stage.wait(closing_again)
    stage.wait(stage.db.close())
    assert sorted(n for n in seen_elsewhere(store_url) if n >= 0) == list(range(100))


def test_closed_store_says_so(store_url: str) -> None:
    stage = Stage(store_url)
    stage.wait(stage.db.run(note, 1))
    stage.close()
    with pytest.raises(StoreClosed):
        stage.wait(stage.db.run(note, 2))
    with pytest.raises(StoreClosed):
        stage.wait(stage.db.read(notes))
    with pytest.raises(StoreClosed):
        stage.now(note, 3)


def test_closing_ends_every_thread(store_url: str) -> None:
    before = set(threading.enumerate())
    stage = Stage(store_url)
    stage.wait_all([stage.db.run(note, 1), stage.db.read(note, 2)])
    assert len(set(threading.enumerate()) - before) > 1
    closing = stage.db.close()
    stage.wait(closing)
    left = [thread for thread in threading.enumerate() if thread not in before]
    for thread in left:  # the closer itself, which has just told us
        thread.join(PATIENCE_S)
    assert set(threading.enumerate()) <= before


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("sqlite://", "needs a file"),
        ("sqlite:///:memory:", "needs a file"),
        ("mysql://root:hunter2@localhost/x", "not mysql"),
        ("hunter2", "no URL"),
    ],
)
def test_address_that_cannot_work_is_refused_without_its_password(url: str, says: str) -> None:
    with pytest.raises(StoreError, match=says) as refused:
        Stage(url)
    assert "hunter2" not in str(refused.value)


def test_password_of_the_address_is_hidden() -> None:
    stage = Stage("postgresql://ivr:hunter2@127.0.0.1:1/x")
    assert "hunter2" not in repr(stage.db)
    assert "127.0.0.1" in repr(stage.db)


def test_immediate_database_has_answered_when_it_is_asked(tmp_path: Path) -> None:
    db = ImmediateDatabase(tmp_path)
    answers: list[object] = []
    db.run(note, 5).addCallback(answers.append)
    db.read(notes).addCallback(answers.append)
    db.run(note_and_fail, 6).addErrback(lambda failure: answers.append(failure.type))
    assert answers == [5, [5], ValueError]
