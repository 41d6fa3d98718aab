"""What is old goes, with all that hangs on it; what is open, incomplete or not yet pushed stays."""

from datetime import timedelta

from ivrcore.service.model import PushKind
from ivrcore.service.store import calls, cdrs, events, outbox
from ivrcore.service.store.retention import delete_details_before
from tests.unit.ivrcore.service.store.stage import NOW, SECOND, Stage, a_push, accepted, an_event, n_rows

DAY = timedelta(days=1)


def finished(stage: Stage, session: str, ended_at_s: int = 0, *, has_cdr: bool = True) -> None:
    """A call with an event that has ended."""
    accepted(stage, session)
    stage.now(events.add, an_event(1, session))
    stage.now(calls.end, session, NOW + ended_at_s * SECOND)
    if has_cdr:
        stage.now(cdrs.complete, session, NOW + ended_at_s * SECOND, 0, {}, {}, 0, 0, "0")


def sessions(stage: Stage) -> list[str]:
    return sorted(cdr.session for cdr in stage.now(cdrs.search, None, "", 99))


def test_calls_that_ended_before_the_moment_go_with_events_and_cdrs(stage: Stage) -> None:
    for session, ended_at_s in (("old", 9), ("edge", 10), ("new", 11)):
        finished(stage, session, ended_at_s)
    assert stage.now(delete_details_before, NOW + 10 * SECOND) == 1
    assert sessions(stage) == ["edge", "new"]
    assert (n_rows(stage, "calls"), n_rows(stage, "cdrs"), n_rows(stage, "events")) == (2, 2, 2)
    assert stage.now(delete_details_before, NOW + 10 * SECOND) == 0


def test_open_call_stays_however_old_it_is(stage: Stage) -> None:
    accepted(stage, "open", accepted_at=NOW - 100 * DAY)
    assert stage.now(delete_details_before, NOW + DAY) == 0
    assert sessions(stage) == ["open"]


def test_call_whose_cdr_is_not_complete_stays(stage: Stage) -> None:
    finished(stage, "ended", has_cdr=False)
    assert stage.now(delete_details_before, NOW + DAY) == 0
    assert sessions(stage) == ["ended"]


def test_batch_takes_the_longest_ended_first(stage: Stage) -> None:
    for n, session in enumerate(("c", "a", "b")):
        finished(stage, session, n)
    assert stage.now(delete_details_before, NOW + DAY, limit=2) == 2
    assert sessions(stage) == ["b"]
    assert stage.now(delete_details_before, NOW + DAY, limit=2) == 1
    assert stage.now(delete_details_before, NOW + DAY, limit=2) == 0


def test_pushes_that_are_done_go_and_pending_ones_stay(stage: Stage) -> None:
    for session in ("delivered", "spooled", "pending", "later"):
        finished(stage, session)
        stage.now(outbox.add, a_push(session, kind=PushKind.FEE))
    ids = {push.session: push.id for push in stage.now(outbox.due, NOW, 9)}
    stage.now(outbox.delivered, [ids["delivered"]], NOW)
    stage.now(outbox.spooled, [ids["spooled"]], "410")
    stage.now(outbox.delivered, [ids["later"]], NOW + 2 * DAY)
    assert stage.now(delete_details_before, NOW + DAY) == 4
    assert n_rows(stage, "outbox") == 2
    assert [push.session for push in stage.now(outbox.due, NOW, 9)] == ["pending"]
