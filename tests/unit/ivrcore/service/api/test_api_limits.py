"""Requests that are too long, too slow or no HTTP at all, byte by byte over a real socket."""

import json
import socket
import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

import pytest
from twisted.internet.ssl import KeyPair, PrivateCertificate

from ivrcore.service.api.settings import ApiSettings
from ivrcore.service.api.testing import CALLBACK_BODY, KEY, NOW, ServedApi, signed
from ivrcore.service.model import Recording

PATH = "/rest/httpsessions/click2Call/v2.0"


@pytest.fixture(scope="module")
def limited() -> Iterator[ServedApi]:
    """An API with little patience."""
    with ServedApi(settings=ApiSettings(request_timeout_s=0.4, idle_timeout_s=0.4, max_headers=20)) as api:
        yield api


def talk(api: ServedApi, *pieces: bytes, pause_s: float = 0.0) -> bytes:
    """Send some bytes, and read until the server ends the connection."""
    with socket.create_connection(("127.0.0.1", api.port), 10) as client:
        for piece in pieces:
            try:
                client.sendall(piece)
            except OSError:
                break
            time.sleep(pause_s)
        answer = b""
        while piece := client.recv(65536):
            answer += piece
    return answer


def result(answer: bytes) -> tuple[int, str]:
    """HTTP status and resultdesc."""
    head, body = answer.split(b"\r\n\r\n", 1)
    assert b"application/json" in head
    return int(head.split()[1]), json.loads(body)["resultdesc"]


def head(length: int, *more: str) -> bytes:
    lines = [f"POST {PATH} HTTP/1.1", "Host: a", f"Content-Length: {length}", *more]
    lines += [f"{name}: {value}" for name, value in signed().items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


BODY = json.dumps(CALLBACK_BODY).encode()


def padded(length: int) -> bytes:
    return BODY[:-1] + b" " * (length - len(BODY)) + b"}"


def test_a_body_at_the_limit_is_read(limited: ServedApi) -> None:
    assert result(talk(limited, head(65536) + padded(65536))) == (200, "Success")


def test_a_body_over_the_limit_is_refused_before_it_is_sent(limited: ServedApi) -> None:
    assert result(talk(limited, head(65537))) == (413, "Invalid request.body is over 65536 bytes")


def test_a_body_over_the_limit_is_refused_while_it_is_sent(limited: ServedApi) -> None:
    # All of it arrives, so that the answer is not lost to a reset connection.
    assert result(talk(limited, head(3_000_000), padded(3_000_000)))[0] == 413


def test_an_expectation_of_a_body_over_the_limit_is_not_met(limited: ServedApi) -> None:
    answer = talk(limited, head(10**12, "Expect: 100-continue"))
    assert b"100 Continue" not in answer
    assert result(answer)[0] == 413


def test_an_expectation_is_met(limited: ServedApi) -> None:
    answer = talk(limited, head(len(BODY), "Expect: 100-continue"), BODY)
    assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\n")
    assert result(answer.partition(b"\r\n\r\n")[2]) == (200, "Success")


def test_chunks_are_counted(limited: ServedApi) -> None:
    start = head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked")
    chunk = b"%x\r\n" % 30_000 + b" " * 30_000 + b"\r\n"
    assert result(talk(limited, start, chunk * 3))[0] == 413
    whole = b"%x\r\n%s\r\n0\r\n\r\n" % (len(BODY), BODY)
    assert result(talk(limited, start, whole)) == (200, "Success")


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n",  # TLS where HTTP is spoken
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"A: b\r\n" * 21 + b"\r\n",
        b"GET / HTTP/1.1\r\n" + (b"A: " + b"a" * 2000 + b"\r\n") * 12 + b"\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: <b>\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: " + b"a" * 64 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: \xff\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_in_json(limited: ServedApi, sent: bytes) -> None:
    status, text = result(talk(limited, sent))
    assert status == 400
    assert text.startswith("Invalid request.")


def test_a_request_after_a_refused_one_is_not_carried_out(limited: ServedApi) -> None:
    orders = len(limited.world.service.orders)
    answer = talk(limited, head(10**9) + head(len(BODY)) + BODY)
    assert answer.count(b"HTTP/1.1") == 1
    assert len(limited.world.service.orders) == orders


@pytest.mark.parametrize(
    "pieces",
    [
        [b"POST / HTTP/1.1\r\n"] + [b"A: b\r\n"] * 12,
        [b"P", b"O", b"S", b"T", b" ", b"/", b" ", b"H", b"T", b"T", b"P", b"/"],
        [head(len(BODY))] + [BODY[n : n + 1] for n in range(12)],
    ],
    ids=["head", "first line", "body"],
)
def test_a_slow_client_is_sent_away_though_it_never_stops(limited: ServedApi, pieces: list[bytes]) -> None:
    began_s = time.monotonic()
    answer = talk(limited, *pieces, pause_s=0.06)
    assert time.monotonic() - began_s < 8
    if answer:  # where not even a first line was there, the end says it all
        assert result(answer) == (408, "Invalid request.the request took too long")


def test_an_idle_connection_ends(limited: ServedApi) -> None:
    began_s = time.monotonic()
    assert talk(limited) == b""
    assert 0.2 < time.monotonic() - began_s < 8


def test_slow_clients_delay_nobody(limited: ServedApi) -> None:
    slow = [socket.create_connection(("127.0.0.1", limited.port), 10) for _ in range(50)]
    for client in slow:
        client.sendall(b"POST / HTTP/1.1\r\nA: ")
    assert limited.post(PATH, CALLBACK_BODY).status == 200
    for client in slow:
        client.close()


def test_a_download_that_nobody_takes_ends(limited: ServedApi, tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(bytes(30_000_000))  # more than the sockets hold
    request = download(limited, path)
    with socket.create_connection(("127.0.0.1", limited.port), 10) as client:
        client.sendall(request)
        limited.wait_until(lambda: limited.connections() == 1)
        limited.wait_until(lambda: limited.connections() == 0)


def test_a_download_that_is_taken_slowly_goes_on(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(bytes(30_000_000))
    with ServedApi(settings=ApiSettings(request_timeout_s=1.0, idle_timeout_s=1.0)) as api:
        taken, began_s = 0, time.monotonic()
        with socket.create_connection(("127.0.0.1", api.port), 10) as client:
            client.sendall(download(api, path))
            while piece := client.recv(1_000_000):
                taken += len(piece)
                if time.monotonic() - began_s < 1.5:  # longer than either limit, and never quite still
                    time.sleep(0.05)
        assert taken > 30_000_000


def download(api: ServedApi, path: Path) -> bytes:
    """The request for a recording that lies there."""
    api.world.recordings["a.wav"] = Recording("a.wav", "s", KEY, str(path), 1, 1.0, NOW)
    query = "/rest/provision/voice/record/v1.0?fileName=a.wav&recordDomain=any"
    location = urlsplit(api.request("GET", query, headers=signed()).headers["location"])
    return f"GET {location.path}?{location.query} HTTP/1.1\r\nHost: a\r\n\r\n".encode()


def test_over_tls_the_answers_and_limits_are_the_same() -> None:
    options = self_signed()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with ServedApi(settings=ApiSettings(request_timeout_s=0.4, idle_timeout_s=0.4), tls=options) as api:
        for sent, expected in (
            (head(len(BODY)) + BODY, (200, "Success")),
            (head(65537), (413, "Invalid request.body is over 65536 bytes")),
            (b"hello\r\n\r\n", (400, "Invalid request.the HTTP request is malformed or its head too large")),
            (head(10)[:-2], (408, "Invalid request.the request took too long")),
        ):
            with (
                socket.create_connection(("127.0.0.1", api.port), 10) as plain,
                context.wrap_socket(plain) as client,
            ):
                client.sendall(sent)
                answer = b""
                while piece := client.recv(65536):
                    answer += piece
            assert result(answer) == expected
        with socket.create_connection(("127.0.0.1", api.port), 10) as silent:  # never begins its handshake
            silent.sendall(b"\x16")
            api.wait_until(lambda: api.connections() == 1)
            api.wait_until(lambda: api.connections() == 0)


def self_signed() -> object:
    """A certificate for a server nobody has to trust."""
    key: Any = KeyPair.generate(size=2048)
    made: Any = PrivateCertificate
    return cast(object, made.fromCertificateAndKeyPair(key.selfSignedCert(1, CN="127.0.0.1"), key).options())


def test_nothing_is_left_behind(limited: ServedApi) -> None:
    limited.wait_until(lambda: limited.connections() == 0)
    assert limited.post(PATH, CALLBACK_BODY).status == 200
