"""Pushes over real connections on loopback: what arrives, and what becomes of receivers that misbehave."""

import datetime as dt
import ipaddress
import json
import socket
import ssl
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twisted.internet.address import IPv4Address

from ivrcore.service.model import PushKind
from ivrcore.service.notify.client import Observer, PushClient, PushResult, PushRules
from ivrcore.service.notify.signing import PushSigning
from ivrcore.service.notify.testing import Answer, OwnReactor, Receiver, hang, in_turn, reply

LAB = PushRules(lab=True)
QUICK = replace(LAB, total_timeout_s=0.8)
KEY, SECRET = "vcDemoAppKey0123456789AbCd", "vcDemoSecret0123456789AbCd"
STATUS = {"eventType": "callout", "statusInfo": {"sessionId": "s", "userData": "订单"}}
FEE = {"eventType": "fee", "feeLst": [{"sessionId": "s", "fwdUnaswRsn": 0}]}
SUCCESS = b'{"resultcode":"0","resultdesc":"Success"}'


class Names:
    """Resolves every name to the addresses it was made with."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked: list[str] = []

    def resolveHostName(  # noqa: N802
        self,
        resolutionReceiver: object,  # noqa: N803
        hostName: str,  # noqa: N803
        *_: object,
        **__: object,
    ) -> object:
        self.asked.append(hostName)
        receiver: object = resolutionReceiver
        for address in self.addresses:
            receiver.addressResolved(IPv4Address("TCP", address, 0))  # type: ignore[attr-defined]
        receiver.resolutionComplete()  # type: ignore[attr-defined]
        return object()


class NoNames(Names):
    """Takes a question and never answers."""

    def resolveHostName(self, *_: object, **__: object) -> object:  # noqa: N802
        return object()


def pushed(
    turning: OwnReactor,
    url: str,
    kind: PushKind = PushKind.STATUS,
    rules: PushRules = LAB,
    names: Names | None = None,
    observe: Observer | None = None,
) -> PushResult:
    """One push to its end, and the client closed after it."""
    client = PushClient(
        turning.reactor,
        names or Names("127.0.0.1"),
        rules,
        observe=observe,
        utc=lambda: dt.datetime(2026, 3, 1, 8, 16, 40, tzinfo=dt.UTC),
        nonce=lambda: "9F0B6C1D2E3A4B5C8D7E6F5A4B3C2D1E",
    )
    body = STATUS if kind is PushKind.STATUS else FEE
    result = turning.result(client.push(kind, KEY, SECRET, url, body, {"X-Extra": "7"}))
    client.close()
    return result


# What arrives.


def test_a_push_arrives_whole(turning: OwnReactor) -> None:
    with Receiver() as receiver:
        result = pushed(turning, receiver.url)
    (received,) = receiver.received
    assert result.ok
    assert result.status == 200
    assert 0 < result.latency_s < 5
    assert received.line == "POST /voicecall/push?x=1 HTTP/1.1"
    assert received.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert received.headers["content-type"] == "application/json;charset=UTF-8"
    assert received.headers["content-length"] == str(len(received.body))
    assert received.headers["connection"] == "close"
    assert received.headers["x-extra"] == "7"
    assert "transfer-encoding" not in received.headers
    assert json.loads(received.body) == STATUS


def test_the_signature_is_over_the_url_as_given(turning: OwnReactor) -> None:
    with Receiver() as receiver:
        pushed(turning, receiver.url, rules=replace(LAB, signing=PushSigning.NONE))
        pushed(turning, receiver.url)
        pushed(turning, receiver.url, rules=replace(LAB, signing=PushSigning.LEGACY))
    plain, current, legacy = (received.headers for received in receiver.received)
    assert "x-aksk" not in plain
    assert "authorization" not in plain
    assert current["authorization"] == 'AKSK realm="SDP",profile="UsernameToken",type="Appkey"'
    assert current["x-aksk"].startswith(f'UsernameToken Username="{KEY}", PasswordDigest="')
    assert legacy["x-aksk"] != current["x-aksk"]


def test_each_push_has_a_connection_of_its_own(turning: OwnReactor) -> None:
    lasting = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok"
    with Receiver(lambda connection, _: connection.sendall(lasting)) as receiver:
        assert all(pushed(turning, receiver.url).ok for _ in range(3))
        turning.until(lambda: receiver.n_open == 0)
    assert len(receiver.received) == 3


def test_a_name_is_connected_at_its_checked_address_with_its_own_host_header(turning: OwnReactor) -> None:
    names = Names("127.0.0.1")
    with Receiver() as receiver:
        result = pushed(turning, f"http://sp.example.com:{receiver.port}/fee", names=names)
    assert result.ok
    assert names.asked == ["sp.example.com"]
    assert receiver.received[0].headers["host"] == f"sp.example.com:{receiver.port}"


def test_the_next_address_is_tried_when_one_refuses(turning: OwnReactor) -> None:
    with Receiver() as receiver:  # listens on 127.0.0.1 alone
        url = f"http://sp.example.com:{receiver.port}/fee"
        assert pushed(turning, url, names=Names("127.0.0.2", "127.0.0.1")).ok


def test_ipv6_receivers_are_reached(turning: OwnReactor) -> None:
    if not socket.has_ipv6:
        pytest.skip("no IPv6 here")
    try:
        receiver = Receiver(host="::1")
    except OSError:
        pytest.skip("no IPv6 here")
    with receiver:
        assert pushed(turning, f"http://[::1]:{receiver.port}/").ok
    assert receiver.received[0].headers["host"] == f"[::1]:{receiver.port}"


def test_the_observer_is_told_of_every_outcome(turning: OwnReactor) -> None:
    told: list[tuple[PushKind, bool]] = []
    with Receiver(in_turn(reply(), reply(500))) as receiver:
        for kind in (PushKind.STATUS, PushKind.FEE):
            pushed(turning, receiver.url, kind, observe=lambda k, result: told.append((k, result.ok)))
    assert told == [(PushKind.STATUS, True), (PushKind.FEE, False)]


# Addresses that are not permitted.


@pytest.mark.parametrize("host", ["127.0.0.1", "sp.example.com", "[::ffff:127.0.0.1]"])
def test_without_the_lab_switch_loopback_is_not_contacted(turning: OwnReactor, host: str) -> None:
    with Receiver() as receiver:
        result = pushed(turning, f"http://{host}:{receiver.port}/", rules=PushRules())
    assert not result.ok
    assert "is not public" in result.error
    assert receiver.received == []


def test_a_public_address_does_not_hide_a_private_one(turning: OwnReactor) -> None:
    names = Names("8.8.8.8", "169.254.169.254")
    result = pushed(turning, "http://sp.example.com/", names=names)
    assert result.error == "address 169.254.169.254 is not public"


def test_a_redirect_is_a_failure_and_is_not_followed(turning: OwnReactor) -> None:
    with Receiver() as second:
        for status in (301, 302, 303, 307, 308):
            with Receiver(reply(status, headers=f"Location: {second.url}\r\n")) as first:
                result = pushed(turning, first.url)
            assert (result.ok, result.error) == (False, f"HTTP {status}")
    assert second.received == []


@pytest.mark.parametrize("url", ["", "ftp://a.example/", "http://user:pw@127.0.0.1/", "http://0x7f.1/"])
def test_an_impossible_url_is_a_failed_push(turning: OwnReactor, url: str) -> None:
    result = pushed(turning, url)
    assert not result.ok
    assert result.error
    assert "pw" not in result.error


# Answers.


@pytest.mark.parametrize("status", [201, 202, 204, 304, 400, 401, 404, 500, 503])
@pytest.mark.parametrize("kind", list(PushKind))
def test_only_200_is_success(turning: OwnReactor, kind: PushKind, status: int) -> None:
    with Receiver(reply(status)) as receiver:
        result = pushed(turning, receiver.url, kind)
    assert (result.ok, result.status, result.error) == (False, status, f"HTTP {status}")


@pytest.mark.parametrize(
    ("body", "ok"),
    [
        (b"", True),
        (b"OK", True),
        (b"<html>", True),
        (SUCCESS, True),
        (b'{"resultcode":0}', True),
        (b'{"resultdesc":"x"}', True),
        (b"[1]", True),
        (b'"1"', True),
        (b"\xff\xfe", True),
        (b"[" * 60000, True),  # deeper than any parser goes
        (b'{"resultcode":"1"}', False),
        (b'{"resultcode":"00"}', False),
        (b'{"resultcode":"-1","resultdesc":"no"}', False),
        (b'{"resultcode":1}', False),
        (b'{"resultcode":null}', False),
        (b'{"resultcode":""}', False),
    ],
)
def test_a_resultcode_that_is_not_0_fails_cdrs_and_nothing_else(
    turning: OwnReactor, body: bytes, ok: bool
) -> None:
    with Receiver(reply(200, body)) as receiver:
        assert pushed(turning, receiver.url, PushKind.FEE).ok is ok
        assert pushed(turning, receiver.url, PushKind.STATUS).ok


def test_what_a_receiver_writes_does_not_break_the_error_line(turning: OwnReactor) -> None:
    body = json.dumps({"resultcode": "1\n\x1b[31m" + "x" * 500}).encode()
    with Receiver(reply(200, body)) as receiver:
        error = pushed(turning, receiver.url, PushKind.FEE).error
    assert error.isprintable()
    assert len(error) < 120


# Receivers that misbehave.


def drip(interval_s: float) -> Answer:
    def answer(connection: socket.socket, _: int) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        with suppress(OSError):
            for _n in range(1000):
                connection.sendall(b"x")
                time.sleep(interval_s)

    return answer


def flood(head: bytes, line: bytes) -> tuple[Answer, list[int]]:
    sent = [0]

    def answer(connection: socket.socket, _: int) -> None:
        connection.sendall(head)
        with suppress(OSError):
            for _n in range(20_000):
                connection.sendall(line)
                sent[0] += len(line)

    return answer, sent


def test_a_receiver_that_hangs_is_given_up_in_time(turning: OwnReactor) -> None:
    with Receiver(hang) as receiver:
        began_s = time.monotonic()
        result = pushed(turning, receiver.url, rules=QUICK)
        took_s = time.monotonic() - began_s
        turning.until(lambda: receiver.n_open == 0)
    assert result.error == "no answer within 0.8 s"
    assert 0.7 < took_s < 8
    assert result.latency_s == pytest.approx(took_s, abs=2.0)


def test_a_name_server_that_hangs_is_given_up_in_time(turning: OwnReactor) -> None:
    result = pushed(turning, "http://sp.example.com/", rules=QUICK, names=NoNames())
    assert result.error == "no answer within 0.8 s"


def test_a_port_nobody_listens_on_refuses(turning: OwnReactor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    assert pushed(turning, f"http://127.0.0.1:{port}/").error == "connection refused"


def test_an_address_that_does_not_answer_is_given_up_after_the_connect_time(turning: OwnReactor) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:  # beyond the backlog the system lets connections wait
            one.setblocking(False)
            with suppress(BlockingIOError):
                one.connect(("127.0.0.1", port))
        result = pushed(turning, f"http://127.0.0.1:{port}/", rules=replace(LAB, connect_timeout_s=0.4))
        for one in waiting:
            one.close()
    assert result.error == "no connection within 0.4 s"


def test_a_receiver_that_closes_at_once_failed(turning: OwnReactor) -> None:
    with Receiver(lambda connection, _: connection.close()) as receiver:
        assert pushed(turning, receiver.url).error == "closed without an answer"


def test_a_receiver_that_closes_within_its_answer_failed(turning: OwnReactor) -> None:
    with Receiver(lambda connection, _: connection.sendall(b"HTTP/1.1 20")) as receiver:
        assert not pushed(turning, receiver.url).ok


def test_a_receiver_that_speaks_no_http_failed(turning: OwnReactor) -> None:
    with Receiver(lambda connection, _: connection.sendall(b"220 mail ESMTP\r\n\r\n")) as receiver:
        assert not pushed(turning, receiver.url).ok


def test_a_body_that_drips_fails_cdrs_in_time(turning: OwnReactor) -> None:
    with Receiver(drip(0.05)) as receiver:
        result = pushed(turning, receiver.url, PushKind.FEE, rules=QUICK)
        turning.until(lambda: receiver.n_open == 0)
    assert (result.ok, result.error) == (False, "no answer within 0.8 s")


def test_a_status_push_is_over_with_the_status_line(turning: OwnReactor) -> None:
    with Receiver(drip(0.05)) as receiver:
        result = pushed(turning, receiver.url)
        turning.until(lambda: receiver.n_open == 0)
    assert result.ok
    assert result.latency_s < 5.0  # the body takes 50 s


def test_a_huge_body_is_not_read(turning: OwnReactor) -> None:
    answer, sent = flood(b"HTTP/1.1 200 OK\r\nContent-Length: 1310720000\r\n\r\n", b"x" * 65536)
    with Receiver(answer) as receiver:
        assert pushed(turning, receiver.url, PushKind.FEE).ok  # 200, and no resultcode in sight
        turning.until(lambda: receiver.n_open == 0)
    assert sent[0] < 20_000_000  # socket buffers, not the whole 1.3 GB


def test_endless_headers_are_cut_off(turning: OwnReactor) -> None:
    answer, sent = flood(b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"y" * 1000 + b"\r\n")
    with Receiver(answer) as receiver:
        result = pushed(turning, receiver.url)
        turning.until(lambda: receiver.n_open == 0)
    assert not result.ok
    assert sent[0] < 20_000_000


def test_closing_the_client_ends_what_is_under_way(turning: OwnReactor) -> None:
    with Receiver(hang) as receiver:
        client = PushClient(turning.reactor, Names("127.0.0.1"), LAB)
        waiting = client.push(PushKind.STATUS, KEY, SECRET, receiver.url, STATUS)
        turning.until(lambda: len(receiver.received) == 1)
        client.close()
        result = turning.result(waiting)
        turning.until(lambda: receiver.n_open == 0)
    assert not result.ok


def test_pushes_do_not_wait_for_each_other(turning: OwnReactor) -> None:
    with Receiver(hang) as slow, Receiver() as quick:
        client = PushClient(turning.reactor, Names("127.0.0.1"), LAB)
        hanging = [client.push(PushKind.STATUS, KEY, SECRET, slow.url, STATUS) for _ in range(30)]
        result = turning.result(client.push(PushKind.STATUS, KEY, SECRET, quick.url, STATUS))
        client.close()
        for one in hanging:
            assert not turning.result(one).ok
        turning.until(lambda: slow.n_open == 0)
    assert result.ok
    assert result.latency_s < 5.0  # the others have 10 s


# TLS.

Issue = Callable[..., ssl.SSLContext]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Issue]:
    """The PEM file of an authority, and what issues server contexts under it."""
    directory = tmp_path_factory.mktemp("tls")
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca_name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Lab Authority")])
    now = dt.datetime.now(dt.UTC)

    def certificate(
        name: x509.Name, key: ec.EllipticCurvePrivateKey, extension: x509.ExtensionType, days: int
    ) -> bytes:
        built = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(ca_name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=9))
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(extension, critical=isinstance(extension, x509.BasicConstraints))
            .sign(ca_key, hashes.SHA256())
        )
        return built.public_bytes(serialization.Encoding.PEM)

    ca_file = directory / "ca.pem"
    ca_file.write_bytes(certificate(ca_name, ca_key, x509.BasicConstraints(ca=True, path_length=0), 9))

    def issue(*names: str, days: int = 9) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        alternatives = [
            x509.IPAddress(ipaddress.ip_address(name)) if name[0].isdigit() else x509.DNSName(name)
            for name in names
        ]
        name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "receiver")])
        file = directory / "server.pem"
        file.write_bytes(
            certificate(name, key, x509.SubjectAlternativeName(alternatives), days)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context

    return ca_file, issue


def test_a_receiver_with_a_certificate_of_the_lab_authority_is_trusted(
    turning: OwnReactor, authority: tuple[Path, Issue]
) -> None:
    ca_file, issue = authority
    with Receiver(reply(200, SUCCESS), tls=issue("127.0.0.1")) as receiver:
        result = pushed(turning, receiver.url, PushKind.FEE, replace(LAB, ca_file=ca_file))
    assert result.error == ""
    assert json.loads(receiver.received[0].body) == FEE


def test_name_and_not_address_is_what_the_certificate_is_for(
    turning: OwnReactor, authority: tuple[Path, Issue]
) -> None:
    ca_file, issue = authority
    context = issue("sp.example.com")
    shown: list[str | None] = []
    context.sni_callback = lambda _socket, name, _context: shown.append(name)
    with Receiver(tls=context) as receiver:
        url = f"https://sp.example.com:{receiver.port}/fee"
        assert pushed(turning, url, rules=replace(LAB, ca_file=ca_file)).ok
    assert shown == ["sp.example.com"]


def test_an_unknown_authority_is_refused(turning: OwnReactor, authority: tuple[Path, Issue]) -> None:
    _, issue = authority
    with Receiver(tls=issue("127.0.0.1")) as receiver:
        result = pushed(turning, receiver.url)
    assert not result.ok
    assert result.error.startswith("TLS: ")
    assert "certificate verify failed" in result.error
    assert receiver.received == []


def test_a_certificate_for_another_host_is_refused(
    turning: OwnReactor, authority: tuple[Path, Issue]
) -> None:
    ca_file, issue = authority
    with Receiver(tls=issue("other.example.com")) as receiver:
        url = f"https://sp.example.com:{receiver.port}/fee"
        result = pushed(turning, url, rules=replace(LAB, ca_file=ca_file))
    assert not result.ok
    assert result.error == "the certificate is for another host"
    assert receiver.received == []


def test_an_expired_certificate_is_refused(turning: OwnReactor, authority: tuple[Path, Issue]) -> None:
    ca_file, issue = authority
    with Receiver(tls=issue("127.0.0.1", days=-1)) as receiver:
        result = pushed(turning, receiver.url, rules=replace(LAB, ca_file=ca_file))
    assert not result.ok
    assert receiver.received == []


def test_a_receiver_that_hangs_in_the_handshake_is_given_up_in_time(turning: OwnReactor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        result = pushed(turning, f"https://127.0.0.1:{silent.getsockname()[1]}/", rules=QUICK)
    assert result.error == "no answer within 0.8 s"


@pytest.mark.parametrize(
    "suite",
    [
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        "ECDHE-ECDSA-AES256-SHA384",
    ],
)
def test_the_published_suites_of_tls_1_2_are_offered(
    turning: OwnReactor, authority: tuple[Path, Issue], suite: str
) -> None:
    ca_file, issue = authority
    context = issue("127.0.0.1")
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(suite)
    with Receiver(tls=context) as receiver:
        assert pushed(turning, receiver.url, rules=replace(LAB, ca_file=ca_file)).error == ""


def test_a_ca_file_that_is_none_is_refused_at_once(turning: OwnReactor, tmp_path: Path) -> None:
    for content in (b"", b"no certificate"):
        file = tmp_path / "ca.pem"
        file.write_bytes(content)
        with pytest.raises(ValueError, match="no PEM file of certificates"):
            PushClient(turning.reactor, Names(), PushRules(ca_file=file))
    with pytest.raises(ValueError, match="no PEM file of certificates"):
        PushClient(turning.reactor, Names(), PushRules(ca_file=tmp_path / "missing.pem"))
