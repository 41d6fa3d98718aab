"""The oldest login style, switched on."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

import pytest

from ivrcore.service.api.settings import ApiSettings
from ivrcore.service.api.testing import CALLBACK_BODY, KEY, NOW, SECRET, Reply, ServedApi, demo_app
from ivrcore.service.model import Standing

PASSWORD = {"Authorization": "a password", "Content-Type": "application/x-www-form-urlencoded;charset=UTF-8"}
CALL = "/rest/httpsessions/click2Call/v2.0"


@pytest.fixture
def old() -> Iterator[ServedApi]:
    """An API that takes the old style."""
    with ServedApi(settings=ApiSettings(old_logins=True, block_failures=5)) as api:
        yield api


def log_in(api: ServedApi, username: str = "demo", **headers: str) -> Reply:
    path = f"/rest/fastlogin/v1.0?app_key={KEY}&username={username}&format=json"
    return api.request("POST", path, headers={**PASSWORD, **headers})


def call(api: ServedApi, token: object) -> Reply:
    return api.request("POST", f"{CALL}?app_key={KEY}&access_token={token}&format=json", CALLBACK_BODY)


def test_a_token_is_given_for_a_password_and_takes_orders(old: ServedApi) -> None:
    reply = log_in(old)
    assert reply.status == 200
    assert {**reply.json, "access_token": "", "refresh_token": ""} == {
        "resultcode": "0",
        "resultdesc": "Succeed",
        "access_token": "",
        "refresh_token": "",
        "expires_in": "172800",
    }
    assert call(old, reply.json["access_token"]).status == 200


def test_parameters_may_come_as_a_form(old: ServedApi) -> None:
    reply = old.request("POST", "/rest/fastlogin/v1.0", f"app_key={KEY}&username=demo".encode(), PASSWORD)
    assert reply.status == 200


def test_a_wrong_name_or_password_is_refused(old: ServedApi) -> None:
    for reply in (log_in(old, "other"), log_in(old, Authorization="wrong"), log_in(old, Authorization="")):
        assert reply.result == (400, "1023006", "Authorization not contained in the HTTP header.")


def test_an_account_without_a_password_cannot_log_in(old: ServedApi) -> None:
    app = demo_app()
    old.world.apps[KEY] = replace(app, account=replace(app.account, password=""))
    assert log_in(old, Authorization="").status == 400


def test_failed_log_ins_block_the_address(old: ServedApi) -> None:
    for _ in range(5):
        log_in(old, Authorization="wrong")
    assert log_in(old).json["resultcode"] == "1020176"


def test_a_suspended_application_gets_no_token(old: ServedApi) -> None:
    old.world.apps[KEY] = replace(demo_app(), standing=Standing.SUSPENDED)
    assert log_in(old).json["resultcode"] == "1010008"


def test_a_token_ends(old: ServedApi) -> None:
    token = log_in(old).json["access_token"]
    old.world.now = NOW + timedelta(days=2)
    assert call(old, token).result == (403, "1010004", "Invalid access_token.")


def test_a_token_of_another_application_is_none(old: ServedApi) -> None:
    token = log_in(old).json["access_token"]
    old.world.apps["another"] = demo_app(app_key="another")
    path = f"{CALL}?app_key=another&access_token={token}"
    assert old.request("POST", path, CALLBACK_BODY).json["resultcode"] == "1010004"
    assert call(old, "").json["resultcode"] == "1010004"


def refresh(api: ServedApi, token: object, secret: str = SECRET) -> Reply:
    return api.request("POST", f"/omp/oauth/refresh?app_key={KEY}&app_secret={secret}&refresh_token={token}")


def test_a_refresh_gives_another_pair_once(old: ServedApi) -> None:
    first = log_in(old).json
    reply = refresh(old, first["refresh_token"])
    assert reply.status == 200
    assert call(old, reply.json["access_token"]).status == 200
    assert refresh(old, first["refresh_token"]).json["resultcode"] == "1010004"


def test_a_refresh_with_a_wrong_secret_has_its_code(old: ServedApi) -> None:
    token = log_in(old).json["refresh_token"]
    assert refresh(old, token, "wrong").result == (403, "1010009", "No more APIs can be invoked.")


def test_a_log_out_ends_the_token(old: ServedApi) -> None:
    token = log_in(old).json["access_token"]
    path = f"/rest/logout/v1.0?app_key={KEY}&access_token={token}"
    assert old.request("POST", path).json == {"resultcode": "0", "resultdesc": "Succeed"}
    assert call(old, token).status == 403
    assert old.request("POST", path).json["resultcode"] == "1010004"


def test_by_default_none_of_this_is_there(api: ServedApi) -> None:
    for path in ("/rest/fastlogin/v1.0", "/omp/oauth/refresh", "/rest/logout/v1.0"):
        assert api.request("POST", f"{path}?app_key={KEY}&username=demo", headers=PASSWORD).status == 404
    assert call(api, "any").result == (400, "1023006", "Authorization not contained in the HTTP header.")
