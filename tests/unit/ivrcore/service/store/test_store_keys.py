"""What is remembered for a while: idempotency keys, nonces, tokens."""

from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import select

from ivrcore.service.store import idempotency, nonces, tokens
from ivrcore.service.store.errors import DuplicateKey
from ivrcore.service.store.idempotency import KEPT, StoredAnswer
from ivrcore.service.store.schema import tokens as token_rows
from tests.unit.ivrcore.service.store.stage import NOW, SECOND, Stage, n_rows

ANSWER = StoredAnswer("app", "key", "digest", 200, '{"sessionId":"再见"}', NOW)
MICROSECOND = timedelta(microseconds=1)


def test_answer_comes_back_whole_to_its_application_only(empty: Stage) -> None:
    empty.now(idempotency.remember, ANSWER)
    assert empty.now(idempotency.find, "app", "key") == ANSWER
    assert empty.now(idempotency.find, "app", "other key") is None
    assert empty.now(idempotency.find, "other app", "key") is None


def test_key_is_remembered_for_24_hours(empty: Stage) -> None:
    empty.now(idempotency.remember, ANSWER)
    assert empty.now(idempotency.find, "app", "key", NOW + KEPT - MICROSECOND) == ANSWER
    assert empty.now(idempotency.find, "app", "key", NOW + KEPT) is None


def test_key_can_be_used_again_after_24_hours_also_when_it_was_not_swept(empty: Stage) -> None:
    empty.now(idempotency.remember, ANSWER)
    early = replace(ANSWER, digest="early", created_at=NOW + KEPT - MICROSECOND)
    with pytest.raises(DuplicateKey) as refused:
        empty.now(idempotency.remember, early)
    assert refused.value.answer == ANSWER
    later = replace(ANSWER, digest="later", created_at=NOW + KEPT)
    empty.now(idempotency.remember, later)
    assert empty.now(idempotency.find, "app", "key") == later


def test_swept_keys_are_those_before_the_moment(empty: Stage) -> None:
    for n in range(3):
        empty.now(idempotency.remember, replace(ANSWER, key=str(n), created_at=NOW + n * SECOND))
    assert empty.now(idempotency.sweep, NOW + 2 * SECOND) == 2
    assert empty.now(idempotency.sweep, NOW + 2 * SECOND) == 0
    assert empty.now(idempotency.find, "app", "2") is not None


def test_nonce_is_new_once_for_each_application(empty: Stage) -> None:
    assert empty.now(nonces.first_use, "app", "n1", NOW)
    assert not empty.now(nonces.first_use, "app", "n1", NOW + SECOND)
    assert empty.now(nonces.first_use, "app", "N1", NOW)
    assert empty.now(nonces.first_use, "other", "n1", NOW)


def test_nonce_that_many_bring_at_once_is_new_to_one(empty: Stage) -> None:
    runs = [empty.db.run(nonces.first_use, "app", f"n{n % 3}", NOW) for n in range(60)]
    assert empty.wait_all(runs).count(True) == 3


def test_swept_nonces_are_those_before_the_moment(empty: Stage) -> None:
    empty.now(nonces.first_use, "app", "old", NOW - MICROSECOND)
    empty.now(nonces.first_use, "app", "new", NOW)
    assert empty.now(nonces.sweep, NOW) == 1
    assert empty.now(nonces.first_use, "app", "old", NOW)
    assert not empty.now(nonces.first_use, "app", "new", NOW)


def test_token_is_of_its_application_until_it_expires(empty: Stage) -> None:
    token = empty.now(tokens.issue, "app", NOW)
    assert token.expires_at == NOW + timedelta(hours=48)
    assert empty.now(tokens.find, token.access_token, token.expires_at - MICROSECOND) == "app"
    assert empty.now(tokens.find, token.access_token, token.expires_at) is None
    assert empty.now(tokens.find, token.refresh_token, NOW) is None
    assert empty.now(tokens.find, "guess", NOW) is None


def test_tokens_differ_and_are_not_stored_as_they_are(empty: Stage) -> None:
    issued = [empty.now(tokens.issue, "app", NOW) for _ in range(3)]
    said = {token.access_token for token in issued} | {token.refresh_token for token in issued}
    assert len(said) == 6
    rows = empty.now(lambda connection: connection.execute(select(token_rows)).all())
    stored = {value for row in rows for value in (row.token, row.refresh)}
    assert len(stored) == 6
    assert not said & stored
    assert not any(text in repr(issued) for text in said)


def test_refresh_replaces_both_tokens_once(empty: Stage) -> None:
    old = empty.now(tokens.issue, "app", NOW)
    late = old.expires_at + SECOND
    assert empty.now(tokens.refresh, "other app", old.refresh_token, late) is None
    new = empty.now(tokens.refresh, "app", old.refresh_token, late)
    assert new is not None
    assert empty.now(tokens.find, new.access_token, late) == "app"
    assert empty.now(tokens.refresh, "app", old.refresh_token, late) is None
    assert empty.now(tokens.find, old.access_token, NOW) is None
    assert n_rows(empty, "tokens") == 1


def test_refresh_that_many_ask_for_at_once_is_given_to_one(empty: Stage) -> None:
    old = empty.now(tokens.issue, "app", NOW)
    runs = [empty.db.run(tokens.refresh, "app", old.refresh_token, NOW) for _ in range(20)]
    assert empty.wait_all(runs).count(None) == 19


def test_revoked_token_is_gone_with_its_refresh_token(empty: Stage) -> None:
    token = empty.now(tokens.issue, "app", NOW)
    assert empty.now(tokens.revoke, token.access_token)
    assert not empty.now(tokens.revoke, token.access_token)
    assert empty.now(tokens.find, token.access_token, NOW) is None
    assert empty.now(tokens.refresh, "app", token.refresh_token, NOW) is None


def test_swept_tokens_are_those_that_expired_before_the_moment(empty: Stage) -> None:
    token = empty.now(tokens.issue, "app", NOW, timedelta(seconds=10))
    assert empty.now(tokens.sweep, token.expires_at) == 0
    assert empty.now(tokens.sweep, token.expires_at + MICROSECOND) == 1
