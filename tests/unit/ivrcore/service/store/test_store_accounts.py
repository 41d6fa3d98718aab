"""Accounts and applications: what is stored comes back, and the rules of FAQ 4.4 to 4.6."""

from dataclasses import replace
from datetime import timedelta

import pytest

from ivrcore.service.model import Account, Service, Standing
from ivrcore.service.store import accounts
from ivrcore.service.store.errors import NotFound, RefusedChange
from tests.unit.ivrcore.service.store.stage import ACCOUNT, APP, NOW, OTHER_ACCOUNT, OTHER_APP, Stage, n_rows


def test_account_comes_back_whole(stage: Stage) -> None:
    assert stage.now(accounts.account, ACCOUNT.id) == ACCOUNT
    assert stage.now(accounts.account_named, ACCOUNT.name) == ACCOUNT
    assert stage.now(accounts.accounts) == [ACCOUNT, OTHER_ACCOUNT]


def test_account_that_is_not_there_is_none(stage: Stage) -> None:
    assert stage.now(accounts.account, 99) is None
    assert stage.now(accounts.account_named, "nobody") is None
    assert stage.now(accounts.app, "nobody") is None


def test_account_without_an_id_is_given_one(empty: Stage) -> None:
    first = empty.now(accounts.add_account, Account(id=0, name="one", sp_id="sp-1"))
    chosen = empty.now(accounts.add_account, Account(id=7, name="seven", sp_id="sp-7"))
    second = empty.now(accounts.add_account, Account(id=0, name="two", sp_id="sp-2"))
    assert 0 < first.id < chosen.id == 7 < second.id
    assert empty.now(accounts.account, second.id) == second


@pytest.mark.parametrize(("name", "sp_id"), [(ACCOUNT.name, "sp-new"), ("new", ACCOUNT.sp_id)])
def test_second_account_of_a_name_or_sp_id_is_refused(stage: Stage, name: str, sp_id: str) -> None:
    with pytest.raises(RefusedChange, match="already"):
        stage.now(accounts.add_account, Account(id=0, name=name, sp_id=sp_id))
    assert n_rows(stage, "accounts") == 2


def test_account_is_changed_in_what_is_given(stage: Stage) -> None:
    changed = stage.now(accounts.set_account, ACCOUNT.id, standing=Standing.SUSPENDED, concurrency=None)
    assert changed == replace(ACCOUNT, standing=Standing.SUSPENDED, concurrency=None)
    assert stage.now(accounts.account, ACCOUNT.id) == changed
    assert stage.now(accounts.account, OTHER_ACCOUNT.id) == OTHER_ACCOUNT
    with pytest.raises(NotFound):
        stage.now(accounts.set_account, 99, concurrency=1)


def test_application_comes_back_whole_with_its_account(stage: Stage) -> None:
    assert stage.now(accounts.app, APP.app_key) == APP
    assert stage.now(accounts.apps, ACCOUNT.id) == [APP]
    assert stage.now(accounts.apps, OTHER_ACCOUNT.id) == [OTHER_APP]


def test_applications_are_listed_in_the_order_they_were_made(stage: Stage) -> None:
    for seconds, key in enumerate(("z", "a", "m"), start=1):
        app = replace(APP, app_key=key, name=f"App {key}")
        stage.now(accounts.add_app, app, NOW + timedelta(seconds=seconds))
    assert [app.app_key for app in stage.now(accounts.apps, ACCOUNT.id)] == [APP.app_key, "z", "a", "m"]


def test_sixth_application_is_refused(stage: Stage) -> None:
    for n in range(2, 6):
        stage.now(accounts.add_app, replace(APP, app_key=f"key-{n}", name=f"App {n}"), NOW)
    with pytest.raises(RefusedChange, match="at most 5"):
        stage.now(accounts.add_app, replace(APP, app_key="key-6", name="App 6"), NOW)
    assert len(stage.now(accounts.apps, ACCOUNT.id)) == 5


def test_applications_that_are_added_at_once_are_five_in_the_end(stage: Stage) -> None:
    added = [
        stage.db.run(accounts.add_app, replace(APP, app_key=f"key-{n}", name=f"App {n}"), NOW)
        for n in range(12)
    ]
    outcomes = stage.wait_all(added)
    assert sum(isinstance(outcome, RefusedChange) for outcome in outcomes) == 8
    assert len(stage.now(accounts.apps, ACCOUNT.id)) == 5


@pytest.mark.parametrize("name", ["callback", "CALLBACK", "CallBack"])
def test_name_is_taken_whatever_its_case(stage: Stage, name: str) -> None:
    with pytest.raises(RefusedChange, match="name already"):
        stage.now(accounts.add_app, replace(APP, app_key="new", name=name), NOW)


def test_name_is_free_in_another_account(stage: Stage) -> None:
    stage.now(accounts.add_app, replace(OTHER_APP, app_key="new", name=APP.name), NOW)
    assert len(stage.now(accounts.apps, OTHER_ACCOUNT.id)) == 2


def test_longest_name_is_kept_whatever_folding_makes_of_it(stage: Stage) -> None:
    longest = "ΐ" * 64  # folds into three characters each
    stage.now(accounts.add_app, replace(APP, app_key="new", name=longest), NOW)
    app = stage.now(accounts.app, "new")
    assert app is not None
    assert app.name == longest


@pytest.mark.parametrize("name", ["", "  ", "x" * 65])
def test_name_that_is_empty_or_too_long_is_refused(stage: Stage, name: str) -> None:
    with pytest.raises(RefusedChange, match="name"):
        stage.now(accounts.add_app, replace(APP, app_key="new", name=name), NOW)
    with pytest.raises(RefusedChange, match="name"):
        stage.now(accounts.set_app, APP.app_key, name=name)


@pytest.mark.parametrize(
    "address", [" https://a", "https://a ", "https://a\n", "https://a/b c", "\thttps://a"]
)
def test_address_with_a_blank_is_refused(stage: Stage, address: str) -> None:
    with pytest.raises(RefusedChange, match="status_url holds a blank"):
        stage.now(accounts.add_app, replace(APP, app_key="new", name="New", status_url=address), NOW)
    with pytest.raises(RefusedChange, match="fee_url holds a blank"):
        stage.now(accounts.set_app, APP.app_key, fee_url=address)
    assert stage.now(accounts.app, APP.app_key) == APP


def test_app_key_can_be_given_out_once(stage: Stage) -> None:
    with pytest.raises(RefusedChange, match="app_key"):
        stage.now(accounts.add_app, replace(APP, name="Another", account=OTHER_ACCOUNT), NOW)


def test_application_of_no_account_is_refused(stage: Stage) -> None:
    with pytest.raises(NotFound, match="99"):
        stage.now(accounts.add_app, replace(APP, app_key="new", account=replace(ACCOUNT, id=99)), NOW)


def test_application_is_changed_in_what_is_given(stage: Stage) -> None:
    changed = stage.now(
        accounts.set_app, APP.app_key, name="callback", secret="new", concurrency=3, allowed_ips=()
    )
    assert changed == replace(APP, name="callback", secret="new", concurrency=3, allowed_ips=())
    assert stage.now(accounts.app, APP.app_key) == changed
    assert stage.now(accounts.app, OTHER_APP.app_key) == OTHER_APP


def test_service_is_fixed(stage: Stage) -> None:
    with pytest.raises(RefusedChange, match="fixed"):
        stage.now(accounts.set_app, APP.app_key, service=Service.VERIFICATION, name="Renamed")
    assert stage.now(accounts.app, APP.app_key) == APP  # nothing of it was done
    assert stage.now(accounts.set_app, APP.app_key, service=Service.CALLBACK) == APP


def test_recording_is_switched_on_and_stays_on(stage: Stage) -> None:
    stage.now(accounts.add_app, replace(APP, app_key="new", name="New", recording=False), NOW)
    assert stage.now(accounts.set_app, "new", recording=True).recording
    with pytest.raises(RefusedChange, match="recording"):
        stage.now(accounts.set_app, "new", recording=False)


def test_name_of_another_application_cannot_be_taken(stage: Stage) -> None:
    stage.now(accounts.add_app, replace(APP, app_key="new", name="New"), NOW)
    with pytest.raises(RefusedChange, match="name already"):
        stage.now(accounts.set_app, "new", name="CALLBACK")


def test_application_that_is_not_there_cannot_be_changed(stage: Stage) -> None:
    with pytest.raises(NotFound):
        stage.now(accounts.set_app, "nobody", concurrency=1)


def test_what_an_application_does_not_have_cannot_be_changed(stage: Stage) -> None:
    changes = {"created_us": 0}
    with pytest.raises(RefusedChange, match="no created_us"):
        stage.now(accounts.set_app, APP.app_key, **changes)  # type: ignore[arg-type]
