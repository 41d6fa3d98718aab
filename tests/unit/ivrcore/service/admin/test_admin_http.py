"""Accounts, applications, numbers, operators and the log, over a real socket."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest

from ivrcore.service.admin.testing import NUMBER, OTHER_NUMBER, AdminWorld, error_of
from ivrcore.service.model import AuditEntry, Call, Role, Service
from ivrcore.service.store import accounts, audit, calls
from ivrcore.service.store.errors import StoreBusy


def log(admin: AdminWorld) -> AuditEntry:
    """The last line of the audit log."""
    (entry,) = admin.run(audit.entries, "", 1)
    assert isinstance(entry, AuditEntry)
    return entry


def n_log(admin: AdminWorld) -> int:
    return len(admin.run(audit.entries, "", 100_000))


def made(admin: AdminWorld, path: str, body: Mapping[str, object]) -> dict[str, Any]:
    reply = admin.ask("POST", path, body)
    assert reply.status == 201, reply
    return dict(reply.json)


def an_account(admin: AdminWorld, name: str) -> int:
    return int(made(admin, "/accounts", {"name": name})["id"])


def test_an_account_is_made_changed_and_suspended(admin: AdminWorld) -> None:
    account = made(admin, "/accounts", {"name": "Lab", "spId": "sp-lab", "concurrency": 20})
    expected = {"name": "Lab", "spId": "sp-lab", "standing": "active", "concurrency": 20}
    assert account == {"id": account["id"], **expected}
    path = f"/accounts/{account['id']}"
    assert log(admin).what == "account.create"
    assert (log(admin).who, log(admin).target, log(admin).at) == ("owner-all", path[1:], admin.now)
    reply = admin.ask("PATCH", path, {"standing": "suspended", "concurrency": None})
    assert reply.json == {**account, "standing": "suspended", "concurrency": None}
    assert log(admin).detail == {"standing": "suspended", "concurrency": None}
    assert admin.ask("GET", path).json == reply.json
    assert error_of(admin.ask("POST", "/accounts", {"name": "Lab"})) == (409, "refused", "")


def test_an_application_shows_its_secret_once(admin: AdminWorld) -> None:
    account = an_account(admin, "secrets")
    new = {
        "name": "Calls",
        "service": "callback",
        "recording": True,
        "feeUrl": "https://sp.example.com/f?k=1",
    }
    app = made(admin, f"/accounts/{account}/apps", new)
    key, secret = app.pop("appKey"), app.pop("appSecret")
    assert admin.run(accounts.app, key).secret == secret
    assert len(key) == 28
    assert len(secret) == 40
    path = f"/accounts/{account}/apps/{key}"
    assert admin.ask("GET", path).json == {"appKey": key, **app}
    assert admin.ask("GET", f"/accounts/{account}/apps").json == {"items": [{"appKey": key, **app}]}
    replaced = admin.ask("POST", f"{path}/secret").json["appSecret"]
    assert replaced != secret
    assert admin.run(accounts.app, key).secret == replaced
    lines = json.dumps([dict(entry.detail) for entry in admin.run(audit.entries)])
    assert secret not in lines
    assert str(replaced) not in lines


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"recording": False}, 409, "refused"),
        ({"service": "notification"}, 400, "invalid"),
        ({"appSecret": "mine"}, 400, "invalid"),
        ({"name": ""}, 400, "invalid"),
        ({"name": None}, 400, "invalid"),
        ({"name": "a" * 65}, 400, "invalid"),
        ({"statusUrl": " https://sp.example.com"}, 400, "invalid"),
        ({"statusUrl": "ftp://sp.example.com"}, 400, "invalid"),
        ({"feeUrl": "https://sp.example.com/\n"}, 400, "invalid"),
        ({"feeUrl": "http://[,h.~qMa"}, 400, "invalid"),
        ({"feeUrl": "http://:80/"}, 400, "invalid"),
        ({"feeUrl": "http://sp.example.com:70000/"}, 400, "invalid"),
        ({"concurrency": "10"}, 400, "invalid"),
        ({"concurrency": 10.5}, 400, "invalid"),
        ({"concurrency": -1}, 400, "invalid"),
        ({"callsPerSecond": 0}, 400, "invalid"),
        ({"allowedIps": ["192.0.2.300"]}, 400, "invalid"),
        ({"allowedIps": "192.0.2.1"}, 400, "invalid"),
        ({}, 400, "invalid"),
    ],
)
def test_what_of_an_application_stays_as_it_is(
    admin: AdminWorld, change: dict[str, object], status: int, code: str
) -> None:
    path = f"/accounts/2/apps/{admin.apps[2].app_key}"
    assert admin.ask("PATCH", path, {"recording": True}).json["recording"] is True
    before, n_before = admin.ask("GET", path).json, n_log(admin)
    reply = admin.ask("PATCH", path, change)
    told_status, told_code, parameter = error_of(reply)
    assert (told_status, told_code) == (status, code)
    if status == 400 and change:
        assert parameter.split(".")[0] == next(iter(change))
    assert admin.ask("GET", path).json == before
    assert n_log(admin) == n_before  # what did not happen is not in the log


def test_an_application_changes_and_the_log_has_no_query(admin: AdminWorld) -> None:
    account = an_account(admin, "changes")
    app = made(admin, f"/accounts/{account}/apps", {"name": "a", "service": "notification"})
    change = {
        "name": "b",
        "statusUrl": "https://user:pw@sp.example.com:9330/s?token=t0ken",
        "feeUrl": "",
        "allowedIps": ["192.0.2.7", "2001:db8::/32"],
        "callsPerSecond": 2.5,
        "standing": "suspended",
    }
    reply = admin.ask("PATCH", f"/accounts/{account}/apps/{app['appKey']}", change)
    assert reply.json["allowedIps"] == ["192.0.2.7/32", "2001:db8::/32"]
    assert {name: reply.json[name] for name in change if name != "allowedIps"} == {
        name: value for name, value in change.items() if name != "allowedIps"
    }
    assert log(admin).detail["status_url"] == "https://sp.example.com:9330/s"
    assert "t0ken" not in json.dumps(dict(log(admin).detail))


def test_only_a_callback_can_be_recorded(admin: AdminWorld) -> None:
    new = {"name": "n", "service": "notification", "recording": True}
    assert error_of(admin.ask("POST", "/accounts/1/apps", new)) == (409, "refused", "")


def test_an_account_has_five_applications(admin: AdminWorld) -> None:
    account = an_account(admin, "five")
    for n in range(5):
        made(admin, f"/accounts/{account}/apps", {"name": f"app {n}", "service": "callback"})
    sixth = admin.ask("POST", f"/accounts/{account}/apps", {"name": "app 6", "service": "callback"})
    assert error_of(sixth) == (409, "refused", "")


def test_a_number_is_issued_paused_resumed_assigned_shared_and_released(admin: AdminWorld) -> None:
    number = "+8675528001234"
    new = {"number": number, "bindNumber": "+8675528000088"}
    issued = made(admin, "/accounts/1/numbers", new)
    assert issued["state"] == "in use"
    assert issued["issuedAt"] == "2026-03-01T08:15:30Z"
    path, key = f"/accounts/1/numbers/{number}", admin.apps[1].app_key
    for change, line in (
        ({"state": "paused"}, "number.pause"),
        ({"state": "in use"}, "number.resume"),
        ({"appKey": key, "shared": True}, "number.assign"),
        ({"appKey": None}, "number.assign"),
        ({"shared": False}, "number.assign"),
        ({"state": "released"}, "number.release"),
    ):
        reply = admin.ask("PATCH", path, change)
        assert reply.status == 200
        assert {name: reply.json[name] for name in change} == change
        assert (log(admin).what, log(admin).target) == (line, path[1:])
    assert admin.ask("GET", path).json["releasedAt"] == "2026-03-01T08:15:30Z"
    for change in ({"state": "in use"}, {"shared": True}):
        assert error_of(admin.ask("PATCH", path, change)) == (409, "refused", "")
    assert error_of(admin.ask("POST", "/accounts/2/numbers", {"number": number})) == (409, "refused", "")
    numbers = admin.ask("GET", "/accounts/1/numbers").json["items"]
    assert isinstance(numbers, list)
    assert {NUMBER, number} <= {one["number"] for one in numbers}


def test_a_number_changes_as_a_whole_or_not_at_all(admin: AdminWorld) -> None:
    path = f"/accounts/1/numbers/{NUMBER}"
    before = admin.ask("GET", path).json
    change = {"shared": True, "appKey": admin.apps[2].app_key, "state": "paused"}
    assert error_of(admin.ask("PATCH", path, change)) == (409, "refused", "")
    assert admin.ask("GET", path).json == before


def test_another_accounts_things_are_not_there(admin: AdminWorld) -> None:
    foreign = admin.apps[2].app_key
    for method, path, body in (
        ("GET", f"/accounts/1/apps/{foreign}", None),
        ("PATCH", f"/accounts/1/apps/{foreign}", {"name": "mine"}),
        ("POST", f"/accounts/1/apps/{foreign}/secret", None),
        ("GET", f"/accounts/1/numbers/{OTHER_NUMBER}", None),
        ("PATCH", f"/accounts/1/numbers/{OTHER_NUMBER}", {"state": "released"}),
    ):
        for account in (None, 1):
            assert error_of(admin.ask(method, path, body, account=account)) == (404, "not_found", "")


@pytest.mark.parametrize("account", ["0", "99", "-1", "01", "1e0", "x", "2147483648", "9" * 30, "%31%00"])
def test_an_account_that_is_none_is_not_found(admin: AdminWorld, account: str) -> None:
    for path in ("", "/apps", "/numbers", "/voices", "/templates"):
        assert error_of(admin.ask("GET", f"/accounts/{account}{path}"))[:2] == (404, "not_found")


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b"null", b'{"name":"\xff"}', b'{"name":"a","name":"b"}', b'{"name":"\\ud800"}',
             b'{"name":NaN}', b"[" * 60_000, b'{"name":"a\\u0000b"}'],
)  # fmt: skip
def test_a_bad_body_is_refused_in_json(admin: AdminWorld, body: bytes) -> None:
    assert error_of(admin.ask("POST", "/accounts", body))[:2] == (400, "invalid")


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("/cdrs?limit=0", "limit"),
        ("/cdrs?limit=x", "limit"),
        ("/cdrs?limit=1001", "limit"),
        ("/cdrs?limit=1&limit=2", "limit"),
        ("/cdrs?fragment=%00", "fragment"),
        ("/cdrs?fragment=%ff", "fragment"),
        ("/cdrs?acount=1", "acount"),
        ("/audit?before=0", "before"),
        ("/me?x=1", "x"),
    ],
)
def test_a_bad_query_is_refused_by_its_name(admin: AdminWorld, path: str, parameter: str) -> None:
    assert error_of(admin.ask("GET", path)) == (400, "invalid", parameter)


def test_what_no_route_takes_is_told_in_the_same_form(admin: AdminWorld) -> None:
    assert error_of(admin.ask("GET", "/nothing")) == (404, "not_found", "")
    assert error_of(admin.ask("PUT", "/accounts/1/apps")) == (405, "method_not_allowed", "")
    assert admin.ask("PUT", "/accounts/1/apps").headers["allow"] == "GET, HEAD, POST"
    for path in ("/admin", "/admin/", "/admin/v2/me"):
        assert error_of(admin.api.request("GET", path)) == (404, "not_found", "")
    assert error_of(admin.api.request("GET", "/admin/%ff"))[0] == 404
    long = b'{"name":"' + b"a" * 70_000 + b'"}'
    assert error_of(admin.ask("POST", "/accounts", long)) == (413, "too_large", "")


def test_calls_are_found_by_fragments_for_two_months(admin: AdminWorld) -> None:
    app = admin.apps[2]
    for session, days_ago in (("1_first@lab", 1), ("2_old@lab", 70)):
        accepted_at = admin.now - timedelta(days=days_ago)
        call = Call(session, app.app_key, 2, Service.CALLBACK, accepted_at, NUMBER, "+8613912345678",
                    OTHER_NUMBER, "+8613987654321", request={})  # fmt: skip
        admin.run(calls.accept, call)

    def found(query: str, **who: Any) -> list[Any]:
        items = admin.ask("GET", f"/cdrs{query}", **who).json["items"]
        assert isinstance(items, list)
        return items

    for fragment in ("_first", "2345678", "%2B86139876", ""):
        (call_body,) = found(f"?fragment={fragment}")
        assert call_body["sessionId"] == "1_first@lab"
        assert (call_body["caller"], call_body["callee"]) == ("+8613912345678", "+8613987654321")
        assert (call_body["endedAt"], call_body["stateCode"]) == (None, None)
    assert found("?fragment=nobody") == []
    assert found("?account=1") == []
    assert found("", account=1) == []
    assert len(found("?account=2&limit=1")) == 1


def test_the_log_is_turned_page_by_page_and_bound_to_an_account(admin: AdminWorld) -> None:
    for n in range(3):
        admin.ask("PATCH", f"/accounts/1/apps/{admin.apps[1].app_key}", {"name": f"page {n}"})
    first = admin.ask("GET", "/audit?limit=2").json["items"]
    assert isinstance(first, list)
    assert [entry["detail"] for entry in first] == [{"name": "page 2"}, {"name": "page 1"}]
    second = admin.ask("GET", f"/audit?limit=1&before={first[-1]['id']}").json["items"]
    assert isinstance(second, list)
    assert second[0]["detail"] == {"name": "page 0"}
    for query, who in (("?account=1&limit=1000", None), ("?limit=1000", 1)):
        entries = admin.ask("GET", f"/audit{query}", account=who).json["items"]
        assert isinstance(entries, list)
        assert entries
        assert all(f"{entry['target']}/".startswith("accounts/1/") for entry in entries)


def test_an_operator_is_made_given_a_new_key_and_forgotten(admin: AdminWorld) -> None:
    new = made(admin, "/operators", {"name": "anna", "role": "reviewer", "account": 1})
    assert {**new, "key": ""} == {"name": "anna", "role": "reviewer", "account": 1, "key": ""}

    def me(key: object) -> int:
        return admin.api.request("GET", "/admin/v1/me", headers={"Authorization": f"Bearer {key}"}).status

    assert me(new["key"]) == 200
    replaced = admin.ask("POST", "/operators/anna/key").json["key"]
    assert (me(new["key"]), me(replaced)) == (401, 200)
    listed = admin.ask("GET", "/operators")
    assert b'"anna"' in listed.body
    assert str(replaced).encode() not in listed.body
    assert b"hmac" not in listed.body
    assert admin.ask("DELETE", "/operators/anna").status == 204
    assert me(replaced) == 401
    assert error_of(admin.ask("DELETE", "/operators/anna")) == (404, "not_found", "")
    lines = json.dumps([dict(entry.detail) for entry in admin.run(audit.entries)])
    assert str(replaced) not in lines
    assert str(new["key"]) not in lines


def test_the_last_owner_of_the_platform_stays(admin: AdminWorld) -> None:
    assert error_of(admin.ask("DELETE", "/operators/owner-all")) == (409, "refused", "")
    new = made(admin, "/operators", {"name": "second", "role": "owner"})
    assert new["account"] is None
    assert admin.ask("DELETE", "/operators/second").status == 204


def test_an_operator_has_a_name_a_role_and_an_account_that_are(admin: AdminWorld) -> None:
    for body, expected in (
        ({"name": "a.b", "role": "reader"}, (400, "invalid", "name")),
        ({"name": "a", "role": "king"}, (400, "invalid", "role")),
        ({"name": "a"}, (400, "invalid", "role")),
        ({"name": "a", "role": "reader", "account": 0}, (400, "invalid", "account")),
        ({"name": "a", "role": "reader", "account": 99}, (404, "not_found", "")),
        ({"name": "owner-all", "role": "reader"}, (409, "refused", "")),
    ):
        assert error_of(admin.ask("POST", "/operators", body)) == expected


def test_a_busy_store_is_told_and_a_mistake_of_ours_is_told_to_nobody(
    admin: AdminWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    for error, expected in (
        (StoreBusy("locked by x"), (503, "busy", "")),
        (KeyError("x"), (500, "internal", "")),
    ):

        def broken(*_: object, error: Exception = error, **_changes: object) -> None:
            raise error

        monkeypatch.setattr("ivrcore.service.admin.accounts.accounts.set_account", broken)
        reply = admin.ask("PATCH", "/accounts/1", {"standing": "active"})
        assert error_of(reply) == expected
        assert b"x" not in reply.body.replace(b"next", b"")


def test_no_role_can_make_the_log_say_less(admin: AdminWorld) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        assert error_of(admin.ask(method, "/audit", b"{}"))[0] == 405
    assert admin.ask("GET", "/audit", role=Role.READER).status == 200
