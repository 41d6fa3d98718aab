"""What the notifiers ask of the outbox, on SQLite and on PostgreSQL."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from ivrcore.service.model import PushKind, PushState
from ivrcore.service.notify.rows import receivers_due, sessions_due, take_chunk, taken_from_spool
from ivrcore.service.store import outbox
from tests import postgres
from tests.unit.ivrcore.service.store.stage import NOW, SECOND, Stage, a_push, wipe

URL = "https://sp.example.com/fee"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def migrated(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    if request.param == "sqlite":
        stage = Stage(f"sqlite:///{_directory(tmp_path_factory)}/store.db")
        stage.db.upgrade()
        yield stage
        stage.close()
        return
    with postgres.shared() as cluster:
        name = cluster.create_database()
        stage = Stage(cluster.url(name))
        stage.db.upgrade()
        yield stage
        stage.close()
        cluster.drop_database(name)


def _directory(factory: pytest.TempPathFactory) -> Path:
    return factory.mktemp("rows")


@pytest.fixture
def stage(migrated: Stage) -> Stage:
    migrated.now(wipe)
    return migrated


def status(stage: Stage, session: str, seq: int, due_s: float = 0.0) -> None:
    stage.now(outbox.add, a_push(session, seq, due_at=NOW + timedelta(seconds=due_s)))


def fee(
    stage: Stage,
    session: str,
    ended: str = "08:17:40",
    *,
    app: str = "app",
    url: str = URL,
    due_s: float = 0.0,
) -> None:
    body = {"sessionId": session, "callEndTime": f"2026-03-01 {ended}"}
    due_at = NOW + timedelta(seconds=due_s)
    stage.now(outbox.add, a_push(session, 0, PushKind.FEE, app_key=app, url=url, body=body, due_at=due_at))


def chunk(stage: Stage, group: str, limit: int = 50, at_s: float = 0.0, app: str = "app") -> list[str]:
    now = NOW + timedelta(seconds=at_s)
    taken = stage.now(take_chunk, app, URL, now, limit, group)
    assert all(push.state is PushState.PENDING for push in taken)
    return [push.session for push in taken]


def test_a_session_is_due_when_its_first_pending_event_is(stage: Stage) -> None:
    status(stage, "waits", 1, due_s=5.0)
    status(stage, "waits", 2)
    status(stage, "ready", 1, due_s=-1.0)
    status(stage, "ready", 2)
    status(stage, "also ready", 4, due_s=-2.0)
    assert stage.now(sessions_due, NOW, 10) == ["also ready", "ready"]
    assert stage.now(sessions_due, NOW, 1) == ["also ready"]
    assert stage.now(sessions_due, NOW + 5 * SECOND, 10) == ["also ready", "ready", "waits"]


def test_cdrs_are_no_status_events_and_the_other_way_round(stage: Stage) -> None:
    status(stage, "s", 1)
    fee(stage, "f")
    assert stage.now(sessions_due, NOW, 10) == ["s"]
    assert stage.now(receivers_due, NOW) == [("app", URL)]


def test_receivers_are_those_with_a_cdr_that_is_due(stage: Stage) -> None:
    fee(stage, "a", due_s=-1.0)
    fee(stage, "b", due_s=-1.0)
    fee(stage, "c", app="other", due_s=-2.0)
    fee(stage, "d", url="https://later.example.com/", due_s=1.0)
    assert stage.now(receivers_due, NOW) == [("other", URL), ("app", URL)]


def test_a_chunk_is_of_one_second_with_those_whose_wait_is_not_over(stage: Stage) -> None:
    fee(stage, "a")
    fee(stage, "b", due_s=0.5)
    fee(stage, "c", "08:17:41")
    fee(stage, "d", app="other")
    assert chunk(stage, "g1") == ["a", "b"]
    (taken,) = stage.now(outbox.pending_of_session, "a", PushKind.FEE)
    assert taken.group == "g1"


def test_a_chunk_that_was_tried_comes_again_as_it_was(stage: Stage) -> None:
    fee(stage, "a")
    fee(stage, "b")
    assert chunk(stage, "g1", limit=1) == ["a"]
    fee(stage, "c")
    assert chunk(stage, "g2") == ["a"]  # nobody has said what became of it
    ids = [push.id for push in stage.now(outbox.of_group, "g1")]
    stage.now(outbox.postpone, ids, NOW + 60 * SECOND, "HTTP 500", "g1")
    assert chunk(stage, "g3") == ["b", "c"]
    assert chunk(stage, "g4", at_s=60.0) == ["a"]


def test_what_ended_first_comes_first_beyond_a_long_backlog(stage: Stage) -> None:
    for n in range(30):
        fee(stage, f"late {n}", "08:17:50", due_s=10.0)  # stored earlier, not due
    fee(stage, "b", "08:17:42")
    fee(stage, "a", "08:17:41")
    assert chunk(stage, "g1") == ["a"]


def test_nothing_due_is_no_chunk(stage: Stage) -> None:
    fee(stage, "a", due_s=1.0)
    fee(stage, "b", app="other")
    assert chunk(stage, "g1") == []


def test_only_given_up_cdrs_of_a_message_are_noted_as_taken(stage: Stage) -> None:
    for session in "abc":
        fee(stage, session)
        assert chunk(stage, f"group of {session}", limit=1)
        ids = [push.id for push in stage.now(outbox.of_group, f"group of {session}")]
        if session != "b":
            stage.now(outbox.spooled, ids, "HTTP 500")
        else:
            stage.now(outbox.postpone, ids, NOW + 60 * SECOND, "HTTP 500", "group of b")
    for group in ("group of a", "group of b", "unknown"):
        stage.now(taken_from_spool, group, NOW)
    assert stage.now(outbox.depth)[0] == 1
    assert [push.session for push in stage.now(outbox.of_group, "group of b")] == ["b"]
