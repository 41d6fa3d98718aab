"""The audit log, operators, and contents held by a lock: on SQLite and on PostgreSQL."""

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from ivrcore.service.admin import accounts as changes
from ivrcore.service.admin.by import By, account_target
from ivrcore.service.content import shelf
from ivrcore.service.content.voices import Prepared
from ivrcore.service.model import AuditEntry, NumberState, Operator, Role, Template
from ivrcore.service.store import accounts, audit, content, operators
from ivrcore.service.store.errors import NotFound, RefusedChange
from tests.unit.ivrcore.service.store.stage import ACCOUNT, APP, NOW, OTHER_APP, SECOND, Stage, accepted

ENTRY = AuditEntry(0, NOW, "anna", "app.change", account_target(1, "apps", "k"), {"name": "新"})
ANNA = Operator("anna", Role.REVIEWER, 1, "hash")


def test_entries_come_back_as_they_were_noted_the_last_one_first(stage: Stage) -> None:
    for n in range(3):
        stage.now(audit.note, replace(ENTRY, at=NOW + n * SECOND))
    entries = stage.now(audit.entries)
    assert [replace(entry, id=0) for entry in entries] == [
        replace(ENTRY, at=NOW + n * SECOND) for n in (2, 1, 0)
    ]
    assert [entry.id for entry in entries] == sorted((entry.id for entry in entries), reverse=True)
    assert stage.now(audit.entries, "", 2) == entries[:2]
    assert stage.now(audit.entries, "", 100, entries[1].id) == entries[2:]


@pytest.mark.parametrize("foreign", ["accounts/12/apps/k", "accounts", "operators/accounts/1", "accounts/1_"])
def test_entries_of_an_account_are_no_others(stage: Stage, foreign: str) -> None:
    for target in ("accounts/1", "accounts/1/voices/a%.wav", foreign):
        stage.now(audit.note, replace(ENTRY, target=target))
    found = {entry.target for entry in stage.now(audit.entries, "accounts/1")}
    assert found == {"accounts/1", "accounts/1/voices/a%.wav"}
    assert stage.now(audit.entries, "accounts/%") == []


def test_a_change_that_fails_leaves_no_line(stage: Stage) -> None:
    by = By("anna", NOW)
    with pytest.raises(RefusedChange):
        stage.now(changes.change_app, by, ACCOUNT.id, APP.app_key, name="New", recording=False)
    with pytest.raises(NotFound):
        stage.now(changes.replace_secret, by, ACCOUNT.id, OTHER_APP.app_key)
    with pytest.raises(NotFound):
        stage.now(changes.set_number_state, by, ACCOUNT.id, "+86000", NumberState.PAUSED)
    assert stage.now(audit.entries) == []
    stored = stage.now(accounts.app, APP.app_key)
    assert stored is not None
    assert stored.name == APP.name


def test_an_operator_is_stored_given_a_key_and_forgotten(stage: Stage) -> None:
    stage.now(operators.add_operator, ANNA, NOW)
    stage.now(operators.add_operator, replace(ANNA, name="bert", account_id=None), NOW)
    assert stage.now(operators.operator, "anna") == replace(ANNA, created_at=NOW)
    assert [one.name for one in stage.now(operators.operators)] == ["anna", "bert"]
    stage.now(operators.set_key, "anna", "other")
    changed = stage.now(operators.operator, "anna")
    assert changed is not None
    assert changed.key_hash == "other"
    stage.now(operators.delete_operator, "anna")
    assert stage.now(operators.operator, "anna") is None


def test_an_operator_needs_a_free_name_and_an_account_that_is(stage: Stage) -> None:
    stage.now(operators.add_operator, ANNA, NOW)
    with pytest.raises(RefusedChange):
        stage.now(operators.add_operator, replace(ANNA, role=Role.OWNER), NOW)
    with pytest.raises(NotFound):
        stage.now(operators.add_operator, replace(ANNA, name="x", account_id=99), NOW)
    with pytest.raises(NotFound):
        stage.now(operators.delete_operator, "nobody")
    with pytest.raises(NotFound):
        stage.now(operators.set_key, "nobody", "hash")


def test_no_repr_of_an_operator_holds_the_hash() -> None:
    assert "hash" not in repr(replace(ANNA, key_hash="hash"))


def test_a_content_lives_as_long_as_a_name_of_it(stage: Stage, tmp_path: Path) -> None:
    voices, pictures = tmp_path / "voices", tmp_path / "pictures"
    # Hashes with the highest bit set and without: PostgreSQL's lock takes a signed number.
    for audio in (b"a", b"b", b"c", b"d"):
        sha256 = hashlib.sha256(audio).hexdigest()
        for name in ("one.wav", "two.wav"):
            prepared = Prepared(name, audio, sha256, 1, float("-inf"), -6.0)
            stage.now(shelf.put_voice, voices, ACCOUNT.id, prepared, NOW)
        stored = stage.now(content.voice_file, ACCOUNT.id, "one.wav")
        assert stored is not None
        assert stored.level_dbm0 == float("-inf")
        for name, dropped in (("one.wav", False), ("two.wav", True)):
            assert stage.now(shelf.delete_voice, ACCOUNT.id, name) == sha256
            assert stage.now(shelf.drop_unused, voices, pictures, sha256) is dropped
    assert not list(voices.rglob("*.wav"))


def test_a_running_call_keeps_what_it_was_ordered_with(stage: Stage, tmp_path: Path) -> None:
    prepared = Prepared("pre.wav", b"a", hashlib.sha256(b"a").hexdigest(), 1, -16.0, -6.0)
    stage.now(shelf.put_voice, tmp_path, ACCOUNT.id, prepared, NOW)
    stage.now(shelf.put_template, Template("t", ACCOUNT.id, "", "您好"), NOW)
    accepted(stage, request={"preVoice": "pre.wav", "playInfoList": [{"templateId": "t"}]})
    with pytest.raises(RefusedChange, match="running call"):
        stage.now(shelf.delete_voice, ACCOUNT.id, "pre.wav")
    with pytest.raises(RefusedChange, match="running call"):
        stage.now(shelf.delete_template, ACCOUNT.id, "t")
