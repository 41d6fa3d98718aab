"""Calls and their CDRs: accepted together, changed while open, ended and completed exactly once."""

from datetime import timedelta
from decimal import Decimal

import pytest

from ivrcore.service.model import Service
from ivrcore.service.store import calls, cdrs, idempotency
from ivrcore.service.store.errors import DuplicateKey, StoreConflict
from ivrcore.service.store.idempotency import StoredAnswer
from tests.unit.ivrcore.service.store.stage import (
    ACCOUNT,
    APP,
    NOW,
    OTHER_ACCOUNT,
    OTHER_APP,
    SECOND,
    Stage,
    a_call,
    accepted,
    n_rows,
)

ANSWER = StoredAnswer(APP.app_key, "retry-1", "d1", 200, '{"sessionId":"1_1@lab"}', NOW)
FEE = {"sessionId": "1_1@lab", "userData": "再见"}
RECORD = {"legs": {"A": {"number": "+8613900000001"}}}


def completed(stage: Stage, session: str, ended_at_s: int = 60) -> bool:
    at = NOW + ended_at_s * SECOND
    return stage.now(cdrs.complete, session, at, 8010, FEE, RECORD, 2, 1, Decimal("0.54"))


def test_call_comes_back_whole(stage: Stage) -> None:
    call = accepted(stage)
    assert stage.now(calls.call, call.session) == call
    assert stage.now(calls.call, "unknown") is None


def test_call_of_one_party_comes_back_whole(stage: Stage) -> None:
    call = a_call(service=Service.NOTIFICATION, display_b="", b_number="", request={}, record=False)
    stage.now(calls.accept, call)
    assert stage.now(calls.call, call.session) == call


def test_accepted_call_has_a_cdr_that_waits(stage: Stage) -> None:
    call = accepted(stage)
    cdr = stage.now(cdrs.cdr, call.session)
    assert cdr is not None
    assert (cdr.app_key, cdr.account_id, cdr.service) == (call.app_key, call.account_id, call.service)
    assert (cdr.accepted_at, cdr.a_number, cdr.b_number) == (NOW, call.a_number, call.b_number)
    assert (cdr.ended_at, cdr.state_code, cdr.fee) == (None, None, {})


def test_answer_is_stored_with_the_call(stage: Stage) -> None:
    stage.now(calls.accept, a_call(), ANSWER)
    assert stage.now(idempotency.find, APP.app_key, "retry-1") == ANSWER


def test_used_key_stores_no_second_call_and_gives_the_first_answer(stage: Stage) -> None:
    stage.now(calls.accept, a_call(), ANSWER)
    again = StoredAnswer(APP.app_key, "retry-1", "d1", 200, "{}", NOW + SECOND)
    with pytest.raises(DuplicateKey) as refused:
        stage.now(calls.accept, a_call("1_2@lab"), again)
    assert refused.value.answer == ANSWER
    assert (n_rows(stage, "calls"), n_rows(stage, "cdrs"), n_rows(stage, "idempotency")) == (1, 1, 1)


def test_one_of_many_requests_with_one_key_is_accepted(stage: Stage) -> None:
    outcomes = stage.wait_all([stage.db.run(calls.accept, a_call(f"1_{n}@lab"), ANSWER) for n in range(20)])
    assert outcomes.count(None) == 1
    assert all(outcome is None or isinstance(outcome, DuplicateKey) for outcome in outcomes)
    assert (n_rows(stage, "calls"), n_rows(stage, "cdrs")) == (1, 1)


def test_session_is_stored_once_and_a_refusal_leaves_nothing(stage: Stage) -> None:
    accepted(stage)
    with pytest.raises(StoreConflict):
        stage.now(calls.accept, a_call(), ANSWER)
    assert (n_rows(stage, "calls"), n_rows(stage, "idempotency")) == (1, 0)


def test_call_of_an_unknown_application_is_refused(stage: Stage) -> None:
    with pytest.raises(StoreConflict):
        stage.now(calls.accept, a_call(app_key="nobody"), ANSWER)
    assert (n_rows(stage, "calls"), n_rows(stage, "cdrs"), n_rows(stage, "idempotency")) == (0, 0, 0)


def test_open_calls_are_listed_in_the_order_they_were_accepted(stage: Stage) -> None:
    third = accepted(stage, "c", accepted_at=NOW + 2 * SECOND)
    first = accepted(stage, "b", accepted_at=NOW)
    second = accepted(stage, "a", accepted_at=NOW + SECOND)
    assert stage.now(calls.open_calls) == [first, second, third]
    stage.now(calls.end, "a", NOW + 3 * SECOND)
    assert stage.now(calls.open_calls) == [first, third]
    assert [stage.now(calls.is_open, session) for session in ("a", "b", "unknown")] == [False, True, False]


def test_worker_takes_an_open_call_only(stage: Stage) -> None:
    accepted(stage)
    assert stage.now(calls.take, "1_1@lab", "w1")
    taken = stage.now(calls.call, "1_1@lab")
    assert taken == a_call(worker="w1")
    stage.now(calls.end, "1_1@lab", NOW)
    assert not stage.now(calls.take, "1_1@lab", "w2")
    assert not stage.now(calls.take, "unknown", "w2")
    assert stage.now(calls.call, "1_1@lab") == taken


def test_call_ends_once(stage: Stage) -> None:
    accepted(stage)
    assert stage.now(calls.end, "1_1@lab", NOW + SECOND)
    assert not stage.now(calls.end, "1_1@lab", NOW + 2 * SECOND)
    assert not stage.now(calls.end, "unknown", NOW)


def test_call_that_many_end_at_once_ends_once(stage: Stage) -> None:
    for n in range(5):
        accepted(stage, f"s{n}")
    ends = [stage.db.run(calls.end, f"s{n % 5}", NOW + n * SECOND) for n in range(100)]
    outcomes = stage.wait_all(ends)
    assert [sum(outcome is True for outcome in outcomes[n::5]) for n in range(5)] == [1, 1, 1, 1, 1]
    assert outcomes.count(False) == 95


def test_cdr_is_completed_once_and_comes_back_whole(stage: Stage) -> None:
    accepted(stage)
    assert completed(stage, "1_1@lab", 60)
    assert not completed(stage, "1_1@lab", 99)
    assert not completed(stage, "unknown")
    cdr = stage.now(cdrs.cdr, "1_1@lab")
    assert cdr is not None
    assert (cdr.ended_at, cdr.state_code, cdr.fee, cdr.record) == (NOW + 60 * SECOND, 8010, FEE, RECORD)
    assert (cdr.billed_minutes_a, cdr.billed_minutes_b, cdr.amount) == (2, 1, Decimal("0.54"))


def test_cdr_that_many_complete_at_once_is_the_first_ones(stage: Stage) -> None:
    accepted(stage)
    runs = [
        stage.db.run(cdrs.complete, "1_1@lab", NOW + n * SECOND, n, {"n": n}, {}, n, n, str(n))
        for n in range(40)
    ]
    outcomes = stage.wait_all(runs)
    assert outcomes.count(True) == 1
    winner = outcomes.index(True)
    cdr = stage.now(cdrs.cdr, "1_1@lab")
    assert cdr is not None
    assert (cdr.state_code, cdr.fee, cdr.billed_minutes_a) == (winner, {"n": winner}, winner)


def test_completion_that_is_rolled_back_can_be_made_again(stage: Stage) -> None:
    accepted(stage)

    def fails(connection: object) -> None:
        assert cdrs.complete(connection, "1_1@lab", NOW, 0, {}, {}, 0, 0, "0")  # type: ignore[arg-type]
        raise ValueError("after it")

    with pytest.raises(ValueError, match="after it"):
        stage.wait(stage.db.run(fails))
    assert completed(stage, "1_1@lab")


def test_cdrs_between_are_those_that_ended_from_the_start_on_and_before_the_end(stage: Stage) -> None:
    for session, ended_at_s in (("late", 30), ("end", 20), ("in", 15), ("start", 10), ("early", 5)):
        accepted(stage, session)
        completed(stage, session, ended_at_s)
    accepted(stage, "open")
    start, end = NOW + 10 * SECOND, NOW + 20 * SECOND
    found = stage.now(cdrs.between, ACCOUNT.id, start, end)
    assert [cdr.session for cdr in found] == ["start", "in"]


def test_cdrs_between_are_of_one_account_or_of_all(stage: Stage) -> None:
    accepted(stage, "mine")
    accepted(stage, "theirs", app_key=OTHER_APP.app_key, account_id=OTHER_ACCOUNT.id)
    for session in ("mine", "theirs"):
        completed(stage, session)
    hour = (NOW, NOW + timedelta(hours=1))
    assert [cdr.session for cdr in stage.now(cdrs.between, OTHER_ACCOUNT.id, *hour)] == ["theirs"]
    assert [cdr.session for cdr in stage.now(cdrs.between, None, *hour)] == ["mine", "theirs"]


@pytest.mark.parametrize(
    ("fragment", "found"),
    [
        ("39000", ["b", "a"]),  # of A's number in one, of B's in the other
        ("0001111", ["a"]),
        ("5528000007", ["b"]),
        ("SESS", ["c"]),
        ("", ["c", "b", "a"]),
        ("%", []),
        ("_", ["c"]),  # itself, not any character
        ("nothing", []),
    ],
)
def test_search_finds_fragments_of_session_and_numbers(stage: Stage, fragment: str, found: list[str]) -> None:
    accepted(stage, "a", a_number="+8613900001111", display_b="+1", b_number="+44")
    accepted(
        stage, "b", a_number="+1", b_number="+86139000", display_a="+865528000007", accepted_at=NOW + SECOND
    )
    accepted(stage, "c_sess", a_number="+1", b_number="", display_b="", accepted_at=NOW + 2 * SECOND)
    results = stage.now(cdrs.search, ACCOUNT.id, fragment, 10)
    assert [cdr.session[0] for cdr in results] == found


def test_search_gives_the_latest_of_one_account_up_to_the_limit(stage: Stage) -> None:
    for n in range(5):
        accepted(stage, f"mine-{n}", accepted_at=NOW + n * SECOND)
    accepted(stage, "theirs", app_key=OTHER_APP.app_key, account_id=OTHER_ACCOUNT.id)
    assert [c.session for c in stage.now(cdrs.search, ACCOUNT.id, "", 2)] == ["mine-4", "mine-3"]
    since = NOW + 3 * SECOND
    assert [c.session for c in stage.now(cdrs.search, ACCOUNT.id, "", 9, since)] == ["mine-4", "mine-3"]
    assert [c.session for c in stage.now(cdrs.search, OTHER_ACCOUNT.id, "", 9)] == ["theirs"]
    assert len(stage.now(cdrs.search, None, "", 9)) == 6


def test_numbers_called_since_a_moment_are_of_both_parties(stage: Stage) -> None:
    accepted(stage, "before", accepted_at=NOW - SECOND, a_number="+0")
    accepted(stage, "both", a_number="+1", b_number="+2")
    accepted(stage, "one", accepted_at=NOW + SECOND, a_number="+1", b_number="")
    assert stage.now(calls.called_since, NOW) == [("+1", NOW), ("+2", NOW), ("+1", NOW + SECOND)]
