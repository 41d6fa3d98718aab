"""Numbers, voice files and templates: whose they are, and what can be used."""

from dataclasses import replace

import pytest

from ivrcore.service.model import Number, NumberState, Review, Template, VoiceFile
from ivrcore.service.store import accounts, content, numbers
from ivrcore.service.store.errors import NotFound, RefusedChange
from tests.unit.ivrcore.service.store.stage import (
    ACCOUNT,
    APP,
    NOW,
    OTHER_ACCOUNT,
    OTHER_APP,
    SECOND,
    Stage,
)

MINE = Number("+8675528000001", ACCOUNT.id, APP.app_key, bind_number="+8675528000009", issued_at=NOW)
VOICE = VoiceFile(
    ACCOUNT.id, "wait.wav", "a" * 64, 80_044, 10_000, Review.APPROVED, "", level_dbm0=-16.5, peak_dbm0=-3.25
)
TEMPLATE = Template("tpl-1", ACCOUNT.id, "greeting", "您好${TXT_10}", Review.APPROVED)
SECOND_APP = replace(APP, app_key="key-2", name="Second")


def issued(stage: Stage, *some: Number) -> None:
    for number in some:
        stage.now(numbers.add_number, number, NOW)


def test_number_comes_back_whole(stage: Stage) -> None:
    unassigned = Number("+8675528000002", ACCOUNT.id, None, shared=True, state=NumberState.PAUSED)
    issued(stage, MINE, unassigned)
    assert stage.now(numbers.number, MINE.number) == MINE
    assert stage.now(numbers.number, unassigned.number) == replace(unassigned, issued_at=NOW)
    assert stage.now(numbers.number, "+1") is None


def test_numbers_of_an_account_are_all_it_was_ever_issued(stage: Stage) -> None:
    issued(stage, replace(MINE, number="+2"), replace(MINE, number="+1"))
    issued(stage, replace(MINE, number="+3", account_id=OTHER_ACCOUNT.id, app_key=OTHER_APP.app_key))
    stage.now(numbers.set_number_state, "+2", NumberState.RELEASED, NOW)
    assert [n.number for n in stage.now(numbers.numbers_of_account, ACCOUNT.id)] == ["+1", "+2"]
    assert [n.number for n in stage.now(numbers.of_bind_number, MINE.bind_number)] == ["+1", "+2", "+3"]
    assert stage.now(numbers.of_bind_number, "+1") == []


def test_number_is_issued_once(stage: Stage) -> None:
    issued(stage, MINE)
    with pytest.raises(RefusedChange, match="issued already"):
        issued(stage, replace(MINE, account_id=OTHER_ACCOUNT.id, app_key=None))
    assert stage.now(numbers.number, MINE.number) == MINE


def test_number_of_an_application_of_another_account_is_refused(stage: Stage) -> None:
    with pytest.raises(RefusedChange, match="different accounts"):
        issued(stage, replace(MINE, app_key=OTHER_APP.app_key))
    with pytest.raises(NotFound):
        issued(stage, replace(MINE, app_key="nobody"))
    assert stage.now(numbers.number, MINE.number) is None


def test_number_is_paused_and_used_again(stage: Stage) -> None:
    issued(stage, MINE)
    for state in (NumberState.PAUSED, NumberState.PAUSED, NumberState.IN_USE):
        stage.now(numbers.set_number_state, MINE.number, state, NOW)
        assert stage.now(numbers.number, MINE.number) == replace(MINE, state=state)


def test_release_is_for_ever(stage: Stage) -> None:
    issued(stage, MINE)
    stage.now(numbers.set_number_state, MINE.number, NumberState.RELEASED, NOW + SECOND)
    for state in (NumberState.IN_USE, NumberState.PAUSED):
        with pytest.raises(RefusedChange, match="for ever"):
            stage.now(numbers.set_number_state, MINE.number, state, NOW)
    stage.now(numbers.set_number_state, MINE.number, NumberState.RELEASED, NOW + 9 * SECOND)
    released = replace(MINE, state=NumberState.RELEASED, released_at=NOW + SECOND)
    assert stage.now(numbers.number, MINE.number) == released


def test_unknown_number_has_no_state_and_no_owner(stage: Stage) -> None:
    with pytest.raises(NotFound):
        stage.now(numbers.set_number_state, "+1", NumberState.PAUSED, NOW)
    with pytest.raises(NotFound):
        stage.now(numbers.assign, "+1", APP.app_key, shared=False)


def test_usable_numbers_are_in_use_with_the_nearest_first(stage: Stage) -> None:
    stage.now(accounts.add_app, SECOND_APP, NOW)
    issued(
        stage,
        replace(MINE, number="+1", app_key=SECOND_APP.app_key),
        replace(MINE, number="+2", app_key=None, shared=True),
        replace(MINE, number="+3"),
        replace(MINE, number="+4", state=NumberState.PAUSED),
        replace(MINE, number="+5", state=NumberState.RELEASED),
        replace(MINE, number="+6", shared=True),
        replace(MINE, number="+7", account_id=OTHER_ACCOUNT.id, app_key=None, shared=True),
    )
    assert [n.number for n in stage.now(numbers.usable, ACCOUNT.id, APP.app_key)] == ["+3", "+6", "+2", "+1"]
    of_the_second = stage.now(numbers.usable, ACCOUNT.id, SECOND_APP.app_key)
    assert [n.number for n in of_the_second] == ["+1", "+2", "+6", "+3"]
    assert [n.number for n in stage.now(numbers.usable, OTHER_ACCOUNT.id, OTHER_APP.app_key)] == ["+7"]


def test_number_is_given_to_an_application_of_its_account(stage: Stage) -> None:
    issued(stage, replace(MINE, app_key=None))
    stage.now(numbers.assign, MINE.number, APP.app_key, shared=True)
    assert stage.now(numbers.number, MINE.number) == replace(MINE, shared=True)
    with pytest.raises(RefusedChange, match="different accounts"):
        stage.now(numbers.assign, MINE.number, OTHER_APP.app_key, shared=False)
    stage.now(numbers.assign, MINE.number, None, shared=False)
    assert stage.now(numbers.number, MINE.number) == replace(MINE, app_key=None)


def test_voice_file_comes_back_whole_to_its_account_only(stage: Stage) -> None:
    stage.now(content.add_voice_file, VOICE, NOW)
    assert stage.now(content.voice_file, ACCOUNT.id, "wait.wav") == VOICE
    assert stage.now(content.voice_file, OTHER_ACCOUNT.id, "wait.wav") is None
    assert stage.now(content.voice_file, ACCOUNT.id, "Wait.wav") is None


def test_voice_file_of_the_same_name_is_replaced(stage: Stage) -> None:
    stage.now(content.add_voice_file, VOICE, NOW)
    theirs = replace(VOICE, account_id=OTHER_ACCOUNT.id)
    stage.now(content.add_voice_file, theirs, NOW)
    new = replace(VOICE, sha256="b" * 64, n_bytes=44, state=Review.UPLOADED)
    stage.now(content.add_voice_file, new, NOW)
    assert stage.now(content.voice_files, ACCOUNT.id) == [new]
    assert stage.now(content.voice_files, OTHER_ACCOUNT.id) == [theirs]
    assert stage.now(content.is_content_used, "a" * 64)  # theirs
    assert not stage.now(content.is_content_used, "c" * 64)


def test_voice_file_is_reviewed(stage: Stage) -> None:
    for name in ("b.wav", "a.wav"):
        stage.now(content.add_voice_file, replace(VOICE, name=name), NOW)
    stage.now(content.set_voice_state, ACCOUNT.id, "b.wav", Review.REJECTED, "too loud")
    files = stage.now(content.voice_files, ACCOUNT.id)
    assert [(f.name, f.state, f.reason) for f in files] == [
        ("a.wav", Review.APPROVED, ""),
        ("b.wav", Review.REJECTED, "too loud"),
    ]
    with pytest.raises(NotFound):
        stage.now(content.set_voice_state, OTHER_ACCOUNT.id, "b.wav", Review.APPROVED)


def test_template_comes_back_whole_to_its_account_only(stage: Stage) -> None:
    stage.now(content.add_template, TEMPLATE, NOW)
    assert stage.now(content.template, ACCOUNT.id, "tpl-1") == TEMPLATE
    assert stage.now(content.template, OTHER_ACCOUNT.id, "tpl-1") is None


def test_template_of_the_same_id_is_replaced_in_its_account_and_refused_in_another(stage: Stage) -> None:
    stage.now(content.add_template, TEMPLATE, NOW)
    new = replace(TEMPLATE, content="再见", language="en")
    stage.now(content.add_template, new, NOW)
    assert stage.now(content.templates, ACCOUNT.id) == [new]
    with pytest.raises(RefusedChange, match="tpl-1"):
        stage.now(content.add_template, replace(TEMPLATE, account_id=OTHER_ACCOUNT.id), NOW)
    assert stage.now(content.templates, OTHER_ACCOUNT.id) == []


def test_template_is_reviewed(stage: Stage) -> None:
    stage.now(content.add_template, TEMPLATE, NOW)
    stage.now(content.set_template_state, ACCOUNT.id, "tpl-1", Review.REJECTED, "no name")
    rejected = replace(TEMPLATE, state=Review.REJECTED, reason="no name")
    assert stage.now(content.template, ACCOUNT.id, "tpl-1") == rejected
    with pytest.raises(NotFound):
        stage.now(content.set_template_state, OTHER_ACCOUNT.id, "tpl-1", Review.APPROVED)
