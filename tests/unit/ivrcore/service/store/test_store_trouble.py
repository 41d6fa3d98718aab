"""A locked database, a full disk, a server that goes away: a clear error, and the next operation works."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import Connection, insert, select, text

from ivrcore.service.store import calls
from ivrcore.service.store.errors import StoreBusy, StoreError, StoreFull, StoreUnreachable
from ivrcore.service.store.schema import accounts, audit
from tests import postgres
from tests.unit.ivrcore.service.store.stage import ACCOUNT, NOW, PATIENCE_S, Stage, accepted, fill

BUSY_TIMEOUT_S = 0.2


def note(connection: Connection, detail: str) -> None:
    connection.execute(insert(audit).values(at_us=0, who="", what="", target="", detail=detail))


def n_notes(connection: Connection) -> int:
    return len(connection.execute(select(audit.c.id)).all())


@pytest.fixture
def own_sqlite(sqlite_url: str) -> Iterator[Stage]:
    stage = Stage(sqlite_url, busy_timeout_s=BUSY_TIMEOUT_S)
    yield stage
    stage.close()


def sqlite_file(stage: Stage) -> str:
    return stage.url.removeprefix("sqlite:///")


def test_lock_of_another_process_is_busy_and_then_over(own_sqlite: Stage) -> None:
    with closing(sqlite3.connect(sqlite_file(own_sqlite), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        outcomes = own_sqlite.wait_all([own_sqlite.db.run(note, "locked") for _ in range(3)])
        assert [type(outcome) for outcome in outcomes] == [StoreBusy] * 3
        with pytest.raises(StoreBusy, match="locked"):
            own_sqlite.now(note, "locked")
        assert own_sqlite.wait(own_sqlite.db.read(n_notes)) == 0  # readers do not mind
        other.execute("ROLLBACK")
    own_sqlite.wait(own_sqlite.db.run(note, "free"))
    assert own_sqlite.now(n_notes) == 1


def test_group_behind_a_lock_waits_one_timeout_together(own_sqlite: Stage) -> None:
    with closing(sqlite3.connect(sqlite_file(own_sqlite), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        first = own_sqlite.db.run(note, "alone")
        rest = [own_sqlite.db.run(note, "together") for _ in range(40)]
        start = time.monotonic()
        outcomes = own_sqlite.wait_all([first, *rest])
        assert [type(outcome) for outcome in outcomes] == [StoreBusy] * 41
        assert time.monotonic() - start < 20 * BUSY_TIMEOUT_S  # not forty of them
        other.execute("ROLLBACK")


def test_row_that_another_transaction_holds_is_busy_and_then_over(postgresql_url: str) -> None:
    stage = Stage(postgresql_url, busy_timeout_s=BUSY_TIMEOUT_S)
    fill(stage)
    accepted(stage)
    with psycopg.connect(postgresql_url) as other:
        other.execute("SELECT * FROM calls FOR UPDATE")
        with pytest.raises(StoreBusy):
            stage.wait(stage.db.run(calls.end, "1_1@lab", NOW))
        other.rollback()
    assert stage.wait(stage.db.run(calls.end, "1_1@lab", NOW)) is True
    stage.close()


def test_loser_of_a_deadlock_runs_again_and_succeeds(postgresql_url: str) -> None:
    stage = Stage(postgresql_url)
    fill(stage)
    both_hold_one = threading.Barrier(2)
    n_runs: list[int] = []

    def crossing(connection: Connection, first: int, second: int) -> None:
        n_runs.append(first)
        lock = select(accounts.c.id).with_for_update()
        connection.execute(lock.where(accounts.c.id == first))
        if len(n_runs) <= 2:
            both_hold_one.wait(PATIENCE_S)
        connection.execute(lock.where(accounts.c.id == second))
        note(connection, "crossed")

    jobs = [stage.db.run(crossing, 1, 2), stage.db.run(crossing, 2, 1)]
    assert stage.wait_all(jobs) == [None, None]
    assert len(n_runs) > 2
    assert stage.now(n_notes) == 2
    stage.close()


def limit_pages(connection: Connection, more: int) -> None:
    """Let this connection's database grow by some pages only, as if the disk ended there."""
    n_pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
    connection.exec_driver_sql(f"PRAGMA max_page_count = {n_pages + more}")


def test_full_disk_is_told_and_the_next_operation_works(own_sqlite: Stage) -> None:
    own_sqlite.wait(own_sqlite.db.run(limit_pages, 5))
    with pytest.raises(StoreFull, match="full"):
        own_sqlite.wait(own_sqlite.db.run(note, "x" * 100_000))
    own_sqlite.wait(own_sqlite.db.run(note, "small"))
    assert own_sqlite.now(n_notes) == 1
    own_sqlite.wait(own_sqlite.db.run(limit_pages, 1000))
    own_sqlite.wait(own_sqlite.db.run(note, "x" * 100_000))
    assert own_sqlite.now(n_notes) == 2


def test_full_disk_fails_the_job_that_needs_the_space_and_no_other_of_the_group(own_sqlite: Stage) -> None:
    own_sqlite.wait(own_sqlite.db.run(limit_pages, 5))
    begun, free = threading.Event(), threading.Event()

    def hold(connection: Connection) -> None:
        begun.set()
        assert free.wait(PATIENCE_S)

    own_sqlite.db.run(hold)
    assert begun.wait(PATIENCE_S)
    sizes = [10, 100_000, 20, 100_000, 30]
    jobs = [own_sqlite.db.run(note, "x" * size) for size in sizes]
    free.set()
    outcomes = own_sqlite.wait_all(jobs)
    assert [type(outcome) for outcome in outcomes] == [
        type(None),
        StoreFull,
        type(None),
        StoreFull,
        type(None),
    ]
    details = own_sqlite.now(lambda connection: list(connection.execute(select(audit.c.detail)).scalars()))
    assert [len(detail) for detail in details] == [10, 20, 30]


def test_server_that_is_not_there_is_unreachable() -> None:
    stage = Stage("postgresql://nobody@127.0.0.1:1/none")
    with pytest.raises(StoreUnreachable):
        stage.wait(stage.db.run(n_notes))
    stage.close()


def test_connections_that_the_server_cut_are_replaced(postgresql_url: str, cluster: postgres.Cluster) -> None:
    stage = Stage(postgresql_url)
    stage.wait_all([stage.db.run(note, "before") for _ in range(8)])
    cluster.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
    assert stage.wait_all([stage.db.run(note, "after") for _ in range(8)]) == [None] * 8
    stage.close()


def test_connection_that_is_cut_in_the_middle_is_unreachable(postgresql_url: str) -> None:
    stage = Stage(postgresql_url)

    def ends_itself(connection: Connection) -> None:
        note(connection, "lost")
        connection.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    with pytest.raises(StoreUnreachable):
        stage.wait(stage.db.run(ends_itself))
    assert stage.wait(stage.db.run(n_notes)) == 0
    stage.close()


def test_values_of_a_row_are_in_no_error(postgresql_url: str) -> None:
    stage = Stage(postgresql_url)
    fill(stage)
    second = insert(accounts).values(name="x", sp_id=ACCOUNT.sp_id, standing="active")
    with pytest.raises(StoreError) as refused:
        stage.now(lambda connection: connection.execute(second))
    assert ACCOUNT.sp_id not in str(refused.value)
    stage.close()


def test_missing_directory_is_named(tmp_path: Path) -> None:
    stage = Stage(f"sqlite:///{tmp_path / 'missing' / 'store.db'}")
    with pytest.raises(StoreError, match="missing"):
        stage.db.upgrade()


def test_file_that_is_no_database_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "store.db").write_bytes(b"RIFF" * 1000)
    stage = Stage(f"sqlite:///{tmp_path / 'store.db'}")
    with pytest.raises(StoreError, match="not a database"):
        stage.db.upgrade()
