"""The routes over a real socket: what is answered, and what nobody is told."""

import logging
import socket
from collections.abc import Mapping
from dataclasses import replace

import pytest
from twisted.internet.defer import Deferred

from ivrcore.service.api.errors import Refusal, invalid
from ivrcore.service.api.models import CallbackOrder, NotificationOrder, VerificationOrder
from ivrcore.service.api.results import ResultCode
from ivrcore.service.api.settings import ApiSettings
from ivrcore.service.api.testing import (
    CALLBACK_BODY,
    KEY,
    NOTIFICATION_BODY,
    SECRET,
    SESSION,
    VERIFICATION_BODY,
    ServedApi,
    World,
    demo_app,
    signed,
)
from ivrcore.service.model import Service, Standing
from ivrcore.service.store.errors import StoreBusy

CALLBACK = "/rest/httpsessions/click2Call/v2.0"
NOTIFY = "/rest/httpsessions/callnotify/v2.0"
VERIFY = "/rest/httpsessions/callVerify/v1.0"
STOP = "/rest/httpsessions/callStop/v2.0"
STOP_BODY = {"sessionid": SESSION, "signal": "call_stop"}


@pytest.mark.parametrize("prefix", ["", "/sandbox"])
@pytest.mark.parametrize(
    ("path", "service", "body", "kind"),
    [
        (CALLBACK, Service.CALLBACK, CALLBACK_BODY, CallbackOrder),
        (NOTIFY, Service.NOTIFICATION, NOTIFICATION_BODY, NotificationOrder),
        (NOTIFY.replace("v2", "v1"), Service.NOTIFICATION, NOTIFICATION_BODY, NotificationOrder),
        (VERIFY, Service.VERIFICATION, VERIFICATION_BODY, VerificationOrder),
    ],
)
def test_an_order_is_taken_and_its_session_told(
    api: ServedApi, prefix: str, path: str, service: Service, body: Mapping[str, object], kind: type
) -> None:
    api.world.apps[KEY] = demo_app(service)
    reply = api.post(prefix + path, body)
    assert reply.status == 200
    assert reply.json == {"resultcode": "0", "resultdesc": "Success", "sessionId": SESSION}
    assert reply.headers["content-type"] == "application/json;charset=UTF-8"
    (order,) = api.world.service.orders
    assert type(order) is kind


def test_idle_port_is_told_only_when_asked_for(api: ServedApi) -> None:
    assert api.post(CALLBACK, {**CALLBACK_BODY, "returnIdlePort": "true"}).json["idlePort"] == 9
    assert "idlePort" not in api.post(CALLBACK, {**CALLBACK_BODY, "returnIdlePort": "false"}).json
    api.world.service.idle_port = -1
    assert api.post(CALLBACK, {**CALLBACK_BODY, "returnIdlePort": "true"}).json["idlePort"] == 0


@pytest.mark.parametrize("prefix", ["", "/sandbox"])
def test_stop_releases_a_running_session(api: ServedApi, prefix: str) -> None:
    assert api.post(prefix + STOP, STOP_BODY).json == {"resultcode": "0", "resultdesc": "Success"}
    assert api.world.service.stopped == [SESSION]


def test_stop_of_another_session_has_its_code(api: ServedApi) -> None:
    reply = api.post(STOP, {**STOP_BODY, "sessionid": "gone"})
    assert reply.result == (403, "1020152", "Invalid sessionId.")


@pytest.mark.parametrize("service", Service)
def test_stop_is_for_applications_of_every_service(api: ServedApi, service: Service) -> None:
    api.world.apps[KEY] = demo_app(service)
    assert api.post(STOP, STOP_BODY).status == 200


def test_an_application_of_another_service_is_refused_before_its_body_is_read(api: ServedApi) -> None:
    api.world.apps[KEY] = demo_app(Service.NOTIFICATION)
    reply = api.post(CALLBACK, b"{")
    assert reply.result == (403, "1010040", "The app_key is not allowed to invoke the API.")


def test_what_the_service_refuses_is_told(api: ServedApi) -> None:
    for refusal, result in (
        (
            Refusal(ResultCode.NO_FREE_PORT),
            (403, "1020165", "The appkey call port of using exceeds the limited."),
        ),
        (invalid("a.wav does not exist"), (403, "1010002", "Invalid request.a.wav does not exist")),
        (Refusal(ResultCode.INVALID_BIND_NUMBER), (500, "1020151", "The bindNum is invalid.")),
    ):
        api.world.service.refusal = refusal
        assert api.post(CALLBACK, CALLBACK_BODY).result == result


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"{", "body is not JSON"),
        (b"", "body is not JSON"),
        (b"[]", "body is not a JSON object"),
        (b'{"a":"\xff"}', "body is not UTF-8"),
        (b'{"calleeNbr":NaN}', "body is not JSON"),
        (b"[" * 65_000, "body is not JSON"),
        (b"{}", "displayNbr"),
        (b'{"displayNbr":{}}', "displayNbr"),
    ],
)
def test_a_bad_body_is_refused_in_json(api: ServedApi, body: bytes, told: str) -> None:
    assert api.post(CALLBACK, body).result == (403, "1010002", f"Invalid request.{told}")
    assert not api.world.service.orders


def test_nobody_is_asked_for_a_body_before_the_proof(api: ServedApi) -> None:
    reply = api.request("POST", CALLBACK, b"{", signed(secret="wrong"))
    assert reply.result == (400, "1023006", "Authorization not contained in the HTTP header.")


def test_any_content_type_and_accept_is_tolerated(api: ServedApi) -> None:
    for content_type in ("application/json;charset=UTF-8", "text/plain", "application/x-www-form-urlencoded",
                         "multipart/form-data; boundary=x", "multipart/form-data", "é"):  # fmt: skip
        reply = api.post(CALLBACK, CALLBACK_BODY, Content_Type=content_type, Accept="text/html")
        assert reply.status == 200, (content_type, reply)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "PATCH", "OPTIONS", "BREW"])
def test_a_wrong_method_has_its_code(api: ServedApi, method: str) -> None:
    reply = api.request(method, CALLBACK, headers=signed())
    assert reply.status == 403
    assert reply.headers["allow"] == "POST"
    if method != "HEAD":
        assert reply.result == (403, "1010006", "Invalid Rest API.")


@pytest.mark.parametrize(
    "path",
    ["/", "/rest", CALLBACK + "/", "/rest/httpsessions/click2Call/v9.0", "/%ff", "/%00",
     "/..", "/sandbox/sandbox" + CALLBACK, CALLBACK.lower(), "/rest/fastlogin/v1.0?app_key=a"],
)  # fmt: skip
def test_a_wrong_path_is_not_found_in_json(api: ServedApi, path: str) -> None:
    reply = api.request("POST", path, b"{}", signed())
    assert reply.result == (404, "1010006", "Invalid Rest API.")


def test_a_base_address_may_end_in_a_slash(api: ServedApi) -> None:
    assert api.post("/" + CALLBACK, CALLBACK_BODY).status == 200


def test_a_query_does_no_harm(api: ServedApi) -> None:
    assert api.post(CALLBACK + "?app_key=a&format=json&access_token=b", CALLBACK_BODY).status == 200


def test_a_failing_store_is_an_internal_error_and_the_api_goes_on(
    api: ServedApi, caplog: pytest.LogCaptureFixture
) -> None:
    api.world.broken = StoreBusy("locked")
    with caplog.at_level(logging.ERROR):
        assert api.post(CALLBACK, CALLBACK_BODY).result == (500, "1020002", "Internal error.")
    assert "a request failed" in caplog.text
    api.world.broken = None
    assert api.post(CALLBACK, CALLBACK_BODY).status == 200


def test_a_mistake_of_ours_is_logged_and_told_to_nobody(
    api: ServedApi, caplog: pytest.LogCaptureFixture
) -> None:
    api.world.service.refusal = ZeroDivisionError("the inside of it")
    with caplog.at_level(logging.ERROR):
        reply = api.post(CALLBACK, CALLBACK_BODY)
    assert reply.result == (500, "1010001", "Internal system error.")
    assert b"inside" not in reply.body
    assert b"Traceback" not in reply.body
    assert "the inside of it" in caplog.text


def test_no_log_line_holds_a_secret_a_code_or_a_query(
    api: ServedApi, caplog: pytest.LogCaptureFixture
) -> None:
    api.world.apps[KEY] = demo_app(Service.VERIFICATION)
    with caplog.at_level(logging.DEBUG):
        api.post(VERIFY + "?access_token=tokentoken", VERIFICATION_BODY)
        api.post(VERIFY, {**VERIFICATION_BODY, "verifyCode": "4802137777"})
    assert "POST " + VERIFY + " 200" in caplog.text
    for secret in ("480213", "tokentoken", SECRET, "PasswordDigest"):
        assert secret not in caplog.text


def test_failed_proofs_block_the_address(api: ServedApi) -> None:
    for _ in range(20):
        assert api.request("POST", CALLBACK, b"{}", signed(secret="wrong")).status == 400
    assert api.post(CALLBACK, CALLBACK_BODY).result == (
        403,
        "1020176",
        "Authentication failed, try again later",
    )


def test_an_order_is_carried_through_when_its_client_has_gone(api: ServedApi) -> None:
    held: Deferred[None] = Deferred()
    api.world.service.held = held
    body = b'{"displayNbr":"+8675528000001","callerNbr":"+8613900000001","displayCalleeNbr":"+8675528000002",'
    body += b'"calleeNbr":"+8613900000002"}'
    head = "".join(f"{name}: {value}\r\n" for name, value in {**signed(), "Idempotency-Key": "k"}.items())
    request = (
        f"POST {CALLBACK} HTTP/1.1\r\nHost: a\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body
    )
    with socket.create_connection(("127.0.0.1", api.port), 10) as client:
        client.sendall(request)
        api.wait_until(lambda: bool(api.world.service.orders))
    api.wait_until(lambda: api.connections() == 0)
    assert api.world.service.torn == 0
    api.call(held.callback, None)
    assert api.world.service.answers[KEY, "k"].status == 200
    api.world.service.held = None
    assert api.post(CALLBACK, CALLBACK_BODY).status == 200


def test_the_connection_ends_with_the_answer() -> None:
    request = b"GET /openapi.json HTTP/1.1\r\nHost: a\r\n\r\n"
    for keep_alive, n_answers in ((False, 1), (True, 2)):
        settings = ApiSettings(keep_alive=keep_alive, idle_timeout_s=0.3)
        with (
            ServedApi(settings=settings) as api,
            socket.create_connection(("127.0.0.1", api.port), 10) as client,
        ):
            client.sendall(request * 2)
            answer = b""
            while piece := client.recv(65536):
                answer += piece
            assert answer.count(b"HTTP/1.1 200 OK") == n_answers


def test_proxies_tell_who_asks() -> None:
    world = World()
    world.apps[KEY] = replace(demo_app(), allowed_ips=("203.0.113.9",))
    with ServedApi(world, ApiSettings(trusted_proxies=("127.0.0.0/8",))) as api:
        assert api.post(CALLBACK, CALLBACK_BODY, X_Forwarded_For="203.0.113.9").status == 200
        reply = api.post(CALLBACK, CALLBACK_BODY, X_Forwarded_For="203.0.113.8")
        assert reply.result == (403, "1020166", "The app client ip is not in ip white list.")
        assert api.post(CALLBACK, CALLBACK_BODY).status == 403


def test_suspension_takes_effect_with_the_next_request(api: ServedApi) -> None:
    api.world.apps[KEY] = replace(demo_app(), standing=Standing.SUSPENDED)
    assert api.post(STOP, STOP_BODY).result == (403, "1010008", "The status of the app_key is unavailable.")


def test_every_answer_is_told_to_metrics_with_its_code(api: ServedApi) -> None:
    api.post(CALLBACK, CALLBACK_BODY)
    api.post(CALLBACK, {**CALLBACK_BODY, "calleeNbr": "x"})
    api.post("/nowhere", {})
    assert api.answers == [(CALLBACK, "0"), (CALLBACK, "1010002"), ("/nowhere", "1010006")]
