"""Requests as known clients put them on the wire, byte for byte, against the default settings.

What each client does is told in the documentation of the service's wire format: separators of X-AKSK, order
and form of the headers, types of the JSON members.
"""

import base64
import hashlib
import hmac
import json
import socket
from datetime import timedelta

import pytest

from ivrcore.service.api.models import NotificationOrder, VerificationOrder
from ivrcore.service.api.testing import KEY, NOW, SECRET, ServedApi, demo_app
from ivrcore.service.model import Service

NONCE = "66c92b11ff8a425fb8d4ccfe0ed9ed1f"


def token(created: str, separator: str) -> str:
    """X-AKSK, made as clients make it and not by our own code."""
    mac = hmac.new(SECRET.encode(), (NONCE + created).encode(), hashlib.sha256)
    digest = base64.b64encode(mac.digest()).decode()
    username = f'UsernameToken Username="{KEY}"'
    return separator.join(
        [username, f'PasswordDigest="{digest}"', f'Nonce="{NONCE}"', f'Created="{created}"']
    )


def exchange(api: ServedApi, lines: list[str], body: bytes) -> dict[str, object]:
    """Send exactly these header lines and this body; the answer has to be 200."""
    head = "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""])
    with socket.create_connection(("127.0.0.1", api.port), 10) as client:
        client.sendall(head.encode() + body)
        answer = b""
        while piece := client.recv(65536):  # these clients wait for the server to end the connection
            answer += piece
    status, _, told = answer.partition(b"\r\n\r\n")
    assert status.split()[1] == b"200", answer
    members: dict[str, object] = json.loads(told)
    assert members["resultcode"] == "0"
    assert members["resultdesc"] == "Success"
    assert members["sessionId"]
    return members


def test_python_demo(api: ServedApi) -> None:
    # Attributes with "," and no blank, local (Beijing) time with a Z behind it, and urllib's habits.
    api.world.apps[KEY] = demo_app(Service.CALLBACK)
    created = (NOW + timedelta(hours=8)).strftime("%Y-%m-%dT%H:%M:%SZ")
    body = json.dumps(
        {
            "displayNbr": "+8675528000001",
            "callerNbr": "+8613900000001",
            "displayCalleeNbr": "+8675528000002",
            "calleeNbr": "+8613900000002",
            "bindNbr": "+8675528000009",
            "statusUrl": base64.b64encode(b"https://sp.example.com:9443/status").decode(),
            "feeUrl": base64.b64encode(b"https://sp.example.com:9443/fee").decode(),
            "returnIdlePort": "true",
        }
    ).encode()
    answer = exchange(
        api,
        [
            "POST /rest/httpsessions/click2Call/v2.0 HTTP/1.1",
            "Accept-Encoding: identity",
            f"Host: 127.0.0.1:{api.port}",
            "User-Agent: Python-urllib/3.7",
            "Content-Type: application/json;charset=UTF-8",
            'Authorization: AKSK realm="SDP",profile="UsernameToken",type="Appkey"',
            f"X-Aksk: {token(created, ',')}",
            "Connection: close",
        ],
        body,
    )
    assert answer["idlePort"] == 9


@pytest.mark.parametrize("version", ["v1.0", "v2.0"])
def test_go_client_of_notifications(api: ServedApi, version: str) -> None:
    # Attributes with ", "; templateParas as JSON text, a JSON boolean, a number as trigger, empty members.
    api.world.apps[KEY] = demo_app(Service.NOTIFICATION)
    created = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    body = json.dumps(
        {
            "bindNbr": "",
            "displayNbr": "+8675528000001",
            "calleeNbr": "+8613900000003",
            "playInfoList": [
                {
                    "notifyVoice": "",
                    "templateId": "demo_template01",
                    "templateParas": '["3","Gate 2"]',
                    "collectInd": 1,
                    "replayAfterCollection": True,
                    "collectContentTriggerReplaying": 1,
                }
            ],
            "statusUrl": "",
            "feeUrl": None,
            "returnIdlePort": "false",
            "userData": "",
        }
    ).encode()
    exchange(
        api,
        [
            f"POST /rest/httpsessions/callnotify/{version} HTTP/1.1",
            f"Host: 127.0.0.1:{api.port}",
            "User-Agent: Go-http-client/1.1",
            "Accept-Encoding: gzip",
            'Authorization: AKSK realm="SDP",profile="UsernameToken",type="Appkey"',
            "Content-Type: application/json;charset=UTF-8",
            f"X-Aksk: {token(created, ', ')}",
        ],
        body,
    )
    (order,) = api.world.service.orders
    assert isinstance(order, NotificationOrder)
    (content,) = order.play_info_list
    assert content.template_paras == ("3", "Gate 2")
    assert content.replay_after_collection
    assert content.collect_content_trigger_replaying == "1"
    assert (order.status_url, order.bind_nbr, order.user_data) == ("", "", "")


def test_java_demo_of_verifications(api: ServedApi) -> None:
    # Numbers as numbers, chunked body, an Accept header, header names in lower case.
    api.world.apps[KEY] = demo_app(Service.VERIFICATION)
    created = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    body = json.dumps(
        {
            "displayNbr": "+8675528000001",
            "calleeNbr": "+8613900000004",
            "languageType": 2,
            "preTone": "test.wav",
            "verifyCode": "1234",
            "posTone": "postone.wav",
            "times": 3,
            "returnIdlePort": "false",
        }
    ).encode()
    head = "\r\n".join(
        [
            "POST /rest/httpsessions/callVerify/v1.0 HTTP/1.1",
            "content-type: application/json;charset=UTF-8",
            "accept: */*",
            'authorization: AKSK realm="SDP",profile="UsernameToken",type="Appkey"',
            f"x-aksk: {token(created, ',')}",
            "transfer-encoding: chunked",
            "host: 127.0.0.1",
            "",
            "",
        ]
    )
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in (body[:7], body[7:])) + b"0\r\n\r\n"
    with socket.create_connection(("127.0.0.1", api.port), 10) as client:
        client.sendall(head.encode() + chunks)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    (order,) = api.world.service.orders
    assert isinstance(order, VerificationOrder)
    assert (order.language_type, order.times, order.pos_tone) == (2, 3, "postone.wav")


def test_the_documented_callback_as_it_stands(api: ServedApi) -> None:
    created = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    body = b"""{"displayNbr":"+8675528000001","callerNbr":"+8613900000001",
 "displayCalleeNbr":"+8675528000002","calleeNbr":"+8613900000002",
 "maxDuration":30,"lastMinVoice":"lastmin_voice1.wav","lastMinToUE":"both",
 "playPreVoice":"true","preVoice":"pre_voice1.wav","waitVoice":"wait_voice1.wav","calleeMedia":"none",
 "statusUrl":"aHR0cHM6Ly9zcC5leGFtcGxlLmNvbTo5NDQzL3ZvaWNlY2FsbC9zdGF0dXM=",
 "feeUrl":"aHR0cHM6Ly9zcC5leGFtcGxlLmNvbTo5NDQzL3ZvaWNlY2FsbC9mZWU=",
 "recordFlag":"true","recordHintTone":"recordhint_voice1.wav",
 "partyTypeRequiredInDisconnect":"true","returnIdlePort":"true","userData":"order-20260301-7"}"""
    exchange(
        api,
        [
            "POST /rest/httpsessions/click2Call/v2.0 HTTP/1.1",
            "Content-Type: application/json;charset=UTF-8",
            'Authorization: AKSK realm="SDP",profile="UsernameToken",type="Appkey"',
            f"X-AKSK: {token(created, ', ')}",
            "Host: rtccall.example.com:443",
        ],
        body,
    )


def test_an_http_1_0_client_without_a_host(api: ServedApi) -> None:
    created = NOW.strftime("%Y-%m-%dT%H:%M:%SZ")
    body = json.dumps(
        {"displayNbr": "+8675528000001", "callerNbr": "+8613900000001",
         "displayCalleeNbr": "+8675528000002", "calleeNbr": "+8613900000002"}
    ).encode()  # fmt: skip
    exchange(
        api,
        [
            "POST /sandbox/rest/httpsessions/click2Call/v2.0 HTTP/1.0",
            'Authorization: AKSK realm="SDP",profile="UsernameToken",type="Appkey"',
            f"X-AKSK: {token(created, ' ')}",
        ],
        body,
    )
