"""The outbox: what is due and in which order, and what becomes of a push."""

from dataclasses import replace
from datetime import timedelta

from ivrcore.service.model import PushKind, PushState
from ivrcore.service.store import outbox
from tests.unit.ivrcore.service.store.stage import NOW, SECOND, Stage, a_push, n_rows

HOUR = timedelta(hours=1)


def added(
    stage: Stage, session: str = "s", seq: int = 1, kind: PushKind = PushKind.STATUS, **changes: object
) -> int:
    """Store a push; its id."""
    stage.now(outbox.add, a_push(session, seq, kind, **changes))
    stored = stage.now(outbox.pending_of_session, session, kind)
    return next(push.id for push in stored if push.seq == (seq if kind is PushKind.STATUS else 0))


def names(
    stage: Stage, at_s: int = 0, limit: int = 100, besides: tuple[int, ...] = ()
) -> list[tuple[str, int]]:
    due = stage.now(outbox.due, NOW + at_s * SECOND, limit, besides=besides)
    return [(push.session, push.seq) for push in due]


def test_push_comes_back_whole_with_an_id(stage: Stage) -> None:
    stage.now(outbox.add, a_push())
    (push,) = stage.now(outbox.due, NOW, 10)
    assert push.id > 0
    assert replace(push, id=0) == a_push()


def test_push_is_stored_once_for_its_kind_session_and_seq(stage: Stage) -> None:
    stage.now(outbox.add, a_push())
    stage.now(outbox.add, a_push(url="https://elsewhere.example.com"))
    stage.now(outbox.add, a_push(kind=PushKind.FEE))
    assert [push.url for push in stage.now(outbox.due, NOW, 10)] == [a_push().url] * 2
    assert n_rows(stage, "outbox") == 2


def test_push_is_due_from_its_moment_on(stage: Stage) -> None:
    added(stage, due_at=NOW + 5 * SECOND)
    assert names(stage, 4) == []
    assert names(stage, 5) == [("s", 1)]
    assert stage.now(outbox.next_due) == NOW + 5 * SECOND


def test_due_pushes_come_in_the_order_they_were_stored_up_to_the_limit(stage: Stage) -> None:
    for session in ("c", "a", "b"):
        added(stage, session)
    assert names(stage) == [("c", 1), ("a", 1), ("b", 1)]
    assert names(stage, limit=2) == [("c", 1), ("a", 1)]


def test_due_pushes_leave_out_what_is_being_sent(stage: Stage) -> None:
    first, _ = added(stage, "a"), added(stage, "b")
    assert names(stage, besides=(first, 99)) == [("b", 1)]


def test_due_pushes_are_of_one_kind_when_asked(stage: Stage) -> None:
    added(stage, "a")
    added(stage, "b", kind=PushKind.FEE)
    assert [push.session for push in stage.now(outbox.due, NOW, 9, kind=PushKind.FEE)] == ["b"]
    assert [push.session for push in stage.now(outbox.due, NOW, 9, kind=PushKind.STATUS)] == ["a"]


def test_postponed_status_push_keeps_back_what_comes_after_it_in_its_session(stage: Stage) -> None:
    first, _, _ = added(stage, "a", 1), added(stage, "a", 2), added(stage, "b", 1)
    stage.now(outbox.postpone, [first], NOW + 10 * SECOND, "timed out", "")
    assert names(stage) == [("b", 1)]
    assert names(stage, 10) == [("a", 1), ("a", 2), ("b", 1)]
    stage.now(outbox.delivered, [first], NOW)
    assert names(stage) == [("a", 2), ("b", 1)]


def test_given_up_push_keeps_nothing_back(stage: Stage) -> None:
    first, _ = added(stage, "a", 1), added(stage, "a", 2)
    stage.now(outbox.spooled, [first], "410")
    assert names(stage) == [("a", 2)]


def test_status_push_that_was_stored_too_early_waits_for_the_one_before_it(stage: Stage) -> None:
    added(stage, "a", 2)
    first = added(stage, "a", 1)
    assert names(stage) == [("a", 1)]
    stage.now(outbox.delivered, [first], NOW)
    assert names(stage) == [("a", 2)]


def test_cdr_waits_for_no_status_push_and_no_status_push_for_a_cdr(stage: Stage) -> None:
    added(stage, "a", 1, due_at=NOW + HOUR)
    added(stage, "a", kind=PushKind.FEE)
    added(stage, "b", 1)
    added(stage, "b", kind=PushKind.FEE, due_at=NOW + HOUR)
    assert names(stage) == [("a", 0), ("b", 1)]


def test_postponed_push_counts_its_attempts_and_keeps_its_error_and_group(stage: Stage) -> None:
    ids = [added(stage, session, kind=PushKind.FEE) for session in ("a", "b")]
    added(stage, "c", kind=PushKind.FEE)
    stage.now(outbox.postpone, ids, NOW + HOUR, "x" * 300, "g1")
    group = stage.now(outbox.of_group, "g1")
    assert [push.session for push in group] == ["a", "b"]
    assert {(p.attempts, p.due_at, p.last_error, p.group) for p in group} == {
        (1, NOW + HOUR, "x" * 256, "g1")
    }
    stage.now(outbox.postpone, ids, NOW + 2 * HOUR, "again", "g1")
    assert [push.attempts for push in stage.now(outbox.of_group, "g1")] == [2, 2]


def test_delivered_push_is_done_and_stays_done(stage: Stage) -> None:
    one = added(stage)
    stage.now(outbox.delivered, [one], NOW + SECOND)
    stage.now(outbox.postpone, [one], NOW, "late answer", "")
    stage.now(outbox.spooled, [one], "late answer")
    stage.now(outbox.delivered, [one], NOW + HOUR)
    assert names(stage, 9999) == []
    assert stage.now(outbox.of_group, "") == []
    assert stage.now(outbox.next_due) is None
    # Known for ever: the same event makes no second push.
    stage.now(outbox.add, a_push("s", 1))
    assert names(stage, 9999) == []


def test_spooled_push_can_be_delivered_later_and_is_not_due(stage: Stage) -> None:
    one = added(stage)
    stage.now(outbox.spooled, [one], "six repeats")
    assert names(stage, 9999) == []
    stage.now(outbox.delivered, [one], NOW + HOUR)
    assert stage.now(outbox.depth) == (0, None)


def test_depth_is_of_what_is_pending(stage: Stage) -> None:
    assert stage.now(outbox.depth) == (0, None)
    oldest = added(stage, "a", created_at=NOW - HOUR)
    given_up = added(stage, "b", created_at=NOW - 2 * HOUR)
    added(stage, "c", created_at=NOW, due_at=NOW + HOUR)
    stage.now(outbox.spooled, [given_up], "")
    assert stage.now(outbox.depth) == (2, NOW - HOUR)
    stage.now(outbox.delivered, [oldest], NOW)
    assert stage.now(outbox.depth) == (1, NOW)


def test_depth_is_of_one_kind_when_asked(stage: Stage) -> None:
    added(stage, "a", created_at=NOW - HOUR)
    added(stage, "b", kind=PushKind.FEE)
    added(stage, "c", kind=PushKind.FEE, created_at=NOW - SECOND)
    assert stage.now(outbox.depth, PushKind.STATUS) == (1, NOW - HOUR)
    assert stage.now(outbox.depth, PushKind.FEE) == (2, NOW - SECOND)
    assert stage.now(outbox.depth) == (3, NOW - HOUR)


def test_pending_of_a_session_comes_by_seq_whenever_it_is_due(stage: Stage) -> None:
    added(stage, "a", 3)
    added(stage, "a", 1, due_at=NOW + HOUR)
    done = added(stage, "a", 2)
    added(stage, "b", 4)
    added(stage, "a", kind=PushKind.FEE)
    stage.now(outbox.delivered, [done], NOW)
    assert [push.seq for push in stage.now(outbox.pending_of_session, "a")] == [1, 3]
    assert [push.seq for push in stage.now(outbox.pending_of_session, "a", PushKind.FEE)] == [0]


def test_nothing_happens_to_no_ids(stage: Stage) -> None:
    added(stage)
    stage.now(outbox.delivered, [], NOW)
    stage.now(outbox.postpone, [], NOW + HOUR, "", "")
    stage.now(outbox.spooled, [], "")
    (push,) = stage.now(outbox.due, NOW, 9)
    assert (push.state, push.attempts) == (PushState.PENDING, 0)


def test_abandoning_a_kind_leaves_the_other_pending(stage: Stage) -> None:
    added(stage, "a")
    added(stage, "b")
    added(stage, "a", kind=PushKind.FEE)
    assert stage.now(outbox.abandon, PushKind.STATUS, "the mode changed") == 2
    assert stage.now(outbox.depth, PushKind.STATUS)[0] == 0
    assert stage.now(outbox.depth, PushKind.FEE)[0] == 1
    assert stage.now(outbox.abandon, PushKind.STATUS, "again") == 0
