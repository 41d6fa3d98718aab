"""Every cell of the table of roles, on the wire; and who gets in at all."""

import pytest

from ivrcore.service.admin.keys import NOBODY, fits, hashed, name_of, new_key
from ivrcore.service.admin.operations import OPERATIONS, Operation
from ivrcore.service.admin.testing import AdminWorld, error_of
from ivrcore.service.api.settings import ApiSettings
from ivrcore.service.model import Role

# Columns: owner, operator, reviewer, reader of the platform, then of the account. "x": may.
CELLS = {
    "me": "xxxx xxxx",
    "list_accounts": "xxxx xxxx",
    "create_account": "x... ....",
    "get_account": "xxxx xxxx",
    "change_account": "x... ....",
    "list_apps": "xxxx xxxx",
    "create_app": "xx.. x...",
    "get_app": "xxxx xxxx",
    "change_app": "xx.. x...",
    "replace_secret": "xx.. x...",
    "list_numbers": "xxxx xxxx",
    "issue_number": "xx.. ....",
    "get_number": "xxxx xxxx",
    "change_number": "xx.. xx..",
    "list_voices": "xxxx xxxx",
    "put_voice": "xx.. xx..",
    "get_voice": "xxxx xxxx",
    "delete_voice": "xx.. xx..",
    "voice_audio": "xxxx xxxx",
    "voice_waveform": "xxxx xxxx",
    "review_voice": "x.x. ..x.",
    "list_templates": "xxxx xxxx",
    "add_template": "xx.. xx..",
    "put_template": "xx.. xx..",
    "get_template": "xxxx xxxx",
    "delete_template": "xx.. xx..",
    "review_template": "x.x. ..x.",
    "search_calls": "xx.x xx.x",
    "list_audit": "xx.x x..x",
    "list_operators": "x... ....",
    "create_operator": "x... ....",
    "delete_operator": "x... ....",
    "replace_key": "x... ....",
}
COLUMNS = [(role, account) for account in (None, 1) for role in Role]
NOTHING = {"appKey": "none", "number": "+86000", "name": "none.wav", "id": "none", "account": "1"}


def path_of(operation: Operation, account: str = "1") -> str:
    """A path whose target is not there: what is allowed changes nothing."""
    path = operation.path
    for name, value in {**NOTHING, "account": account}.items():
        path = path.replace(f"{{{name}}}", value)
    return path


def test_the_table_names_every_operation() -> None:
    assert set(CELLS) == {operation.name for operation in OPERATIONS}


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.name)
def test_each_cell(operation: Operation, admin: AdminWorld) -> None:
    cells = CELLS[operation.name].replace(" ", "")
    for (role, account), cell in zip(COLUMNS, cells, strict=True):
        body = None if operation.method in ("GET", "DELETE") else b"{}"
        reply = admin.ask(operation.method, path_of(operation), body, role, account)
        if cell == "x":
            assert reply.status in (200, 400, 404, 409), (role, account, reply)
        else:
            assert error_of(reply) == (403, "forbidden", ""), (role, account, reply)


@pytest.mark.parametrize(
    "operation", [one for one in OPERATIONS if one.of_account], ids=lambda operation: operation.name
)
def test_another_account_is_not_there_for_a_bound_operator(operation: Operation, admin: AdminWorld) -> None:
    column = CELLS[operation.name].replace(" ", "")[4:]
    for (role, account), cell in zip(COLUMNS[4:], column, strict=True):
        body = None if operation.method in ("GET", "DELETE") else b"{}"
        reply = admin.ask(operation.method, path_of(operation, "2"), body, role, account)
        expected = (404, "not_found", "account") if cell == "x" else (403, "forbidden", "")
        assert error_of(reply) == expected, (role, reply)


def test_a_bound_operator_sees_their_account_alone(admin: AdminWorld) -> None:
    def ids(account: int | None) -> list[int]:
        items = admin.ask("GET", "/accounts", account=account).json["items"]
        assert isinstance(items, list)
        return [item["id"] for item in items]

    assert ids(None) == [1, 2]
    assert ids(1) == [1]
    for path in ("/cdrs?account=2", "/audit?account=2"):
        assert error_of(admin.ask("GET", path, account=1)) == (404, "not_found", "account")
        assert admin.ask("GET", path).status == 200


def test_limits_of_an_application_are_the_platforms(admin: AdminWorld) -> None:
    path = f"/accounts/1/apps/{admin.apps[1].app_key}"
    for change, parameter in (
        ({"concurrency": 99}, "concurrency"),
        ({"callsPerSecond": 1.0}, "callsPerSecond"),
        ({"standing": "suspended"}, "standing"),
    ):
        assert error_of(admin.ask("PATCH", path, change, account=1)) == (403, "forbidden", parameter)
        assert admin.ask("PATCH", path, change, Role.OPERATOR).status == 200
    new = {"name": "limits", "service": "callback", "concurrency": 99}
    assert error_of(admin.ask("POST", "/accounts/1/apps", new, account=1)) == (
        403,
        "forbidden",
        "concurrency",
    )


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer owner-all",
        "Bearer owner-all.",
        "Bearer .abc",
        "Bearer nobody.0123456789012345678901234567890123456789",
        "Bearer owner-all.0123456789012345678901234567890123456789",
        "Basic b3duZXI6eA==",
        "Bearer " + "a" * 300,
        "Bearer \u00e9.abc",
    ],
)
def test_without_a_key_nobody_learns_anything(authorization: str | None, admin: AdminWorld) -> None:
    admin.api.renew()
    headers = {} if authorization is None else {"Authorization": authorization}
    for path in ("/admin/v1/me", "/admin/v1/accounts/1/apps", "/admin/v1/accounts/999/voices/a.wav"):
        reply = admin.api.request("GET", path, headers=headers)
        assert error_of(reply) == (401, "unauthorized", "Authorization")
        assert reply.headers["www-authenticate"].startswith("Bearer")


def test_the_word_bearer_is_read_in_any_case(admin: AdminWorld) -> None:
    key = admin.keys[Role.READER, None]
    assert admin.api.request("GET", "/admin/v1/me", headers={"Authorization": f"bEARER  {key}"}).status == 200


def test_who_fails_too_often_has_to_wait(admin: AdminWorld) -> None:
    admin.api.renew()
    for _ in range(ApiSettings().block_failures):
        wrong = {"Authorization": "Bearer owner-all.wrong"}
        assert admin.api.request("GET", "/admin/v1/me", headers=wrong).status == 401
    assert error_of(admin.ask("GET", "/me")) == (429, "too_many_failures", "")
    admin.api.renew()
    assert admin.ask("GET", "/me").json == {"name": "owner-all", "role": "owner", "account": None}


def test_a_key_fits_its_own_hash_only() -> None:
    key = new_key("a-b_c")
    key_hash = hashed(key)
    assert name_of(key) == "a-b_c"
    assert key.partition(".")[2] not in key_hash
    assert hashed(key) != key_hash  # salted
    assert fits(key, key_hash)
    for other in ("", key[:-1], f"{key}x", new_key("a-b_c"), key.upper()):
        assert not fits(other, key_hash)
    for damaged in ("", "x", "hmac-sha256$$", "hmac-sha256$zz$00", key_hash.replace("hmac", "none")):
        assert not fits(key, damaged)
    assert not fits("", NOBODY)
