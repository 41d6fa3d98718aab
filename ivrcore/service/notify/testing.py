"""Test doubles: receivers that answer as told, a reactor of one's own, a client that only remembers."""

import itertools
import socket
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

from twisted.internet.defer import Deferred
from twisted.internet.selectreactor import SelectReactor
from twisted.python.failure import Failure

from ivrcore.service.model import PushKind
from ivrcore.service.notify.client import PushResult

T = TypeVar("T")


@dataclass(frozen=True)
class Received:
    """One request as it came; header names in lower case, each with its last value."""

    line: str
    headers: Mapping[str, str]
    body: bytes


Answer = Callable[[socket.socket, int], None]
"""Answers on a connection; told how many requests came before this one."""


def reply(status: int = 200, body: bytes = b"", headers: str = "") -> Answer:
    """Answers whole and closes."""
    head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n{headers}\r\n".encode()
    return lambda connection, _: connection.sendall(head + body)


def in_turn(*answers: Answer) -> Answer:
    """One answer after the other; the last one for ever."""
    return lambda connection, n: answers[min(n, len(answers) - 1)](connection, n)


def hang(connection: socket.socket, _: int) -> None:
    """Never answers, and waits until the client has gone."""
    with suppress(OSError):
        while connection.recv(4096):
            pass


class Receiver:
    """A customer's server on 127.0.0.1, in threads; a context manager.

    Attributes:
        received: requests, in the order they were complete. n_open: connections not yet closed.
    """

    def __init__(
        self, answer: Answer | None = None, *, tls: ssl.SSLContext | None = None, host: str = "127.0.0.1"
    ) -> None:
        self.answer = answer or reply()
        self.received: list[Received] = []
        self.n_open = 0
        self._tls = tls
        self._count = itertools.count()
        self._lock = threading.Lock()
        self._socket = socket.create_server(
            (host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET
        )
        self.port = int(self._socket.getsockname()[1])

    @property
    def url(self) -> str:
        """Its address as a customer would give it."""
        return f"http{'s' if self._tls else ''}://127.0.0.1:{self.port}/voicecall/push?x=1"

    def __enter__(self) -> "Receiver":
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        # A blocked accept holds the port until it returns: wake it.
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._serve, args=(connection,), daemon=True).start()

    def _serve(self, plain: socket.socket) -> None:
        with self._lock:
            self.n_open += 1
        try:
            with suppress(OSError), plain:
                plain.settimeout(30)
                connection = plain if self._tls is None else self._tls.wrap_socket(plain, server_side=True)
                with connection:
                    received = _read(connection)
                    if received is None:
                        return
                    with self._lock:
                        n_before = next(self._count)
                        self.received.append(received)
                    self.answer(connection, n_before)
        finally:
            with self._lock:
                self.n_open -= 1


def _read(connection: socket.socket) -> Received | None:
    content = b""
    while b"\r\n\r\n" not in content:
        more = connection.recv(65536)
        if not more:
            return None
        content += more
    head, _, body = content.partition(b"\r\n\r\n")
    line, *rest = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (each.partition(":") for each in rest)}
    while len(body) < int(headers.get("content-length", "0")):
        more = connection.recv(65536)
        if not more:
            return None
        body += more
    return Received(line, headers, body)


class OwnReactor:
    """A reactor beside the global one, turned by the test that waits for something."""

    def __init__(self) -> None:
        self.reactor: Any = SelectReactor()
        self.reactor.startRunning(installSignalHandlers=False)

    def result(self, waited: "Deferred[T]", deadline_s: float = 20.0) -> T:
        """Turn until it fires.

        Raises:
            TimeoutError: not before the deadline. Exception: it failed.
        """
        outcome: list[Any] = []
        waited.addBoth(outcome.append)
        self.until(lambda: bool(outcome), deadline_s)
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        value: T = outcome[0]
        return value

    def until(self, condition: Callable[[], bool], deadline_s: float = 20.0) -> None:
        """Turn until it is so; TimeoutError when not before the deadline."""
        give_up_s = time.monotonic() + deadline_s
        while not condition():
            if time.monotonic() > give_up_s:
                raise TimeoutError(f"not within {deadline_s:g} s")
            self.reactor.iterate(0.005)

    def close(self) -> None:
        """End its threads and sockets."""
        self.reactor.fireSystemEvent("shutdown")
        self.reactor.removeAll()

    @property
    def pending_calls(self) -> list[object]:
        """Timers that are still due."""
        return list(self.reactor.getDelayedCalls())


@dataclass
class Tried:
    """One push that was asked of a RememberingPusher; `finish` ends it."""

    kind: PushKind
    app_key: str
    secret: str = field(repr=False)
    url: str
    body: Mapping[str, Any]
    headers: Mapping[str, str]
    done: "Deferred[PushResult]"

    def finish(self, ok: bool = True, error: str = "HTTP 500") -> None:
        """The receiver answered, or did not."""
        self.done.callback(PushResult(ok, 0.01, 200 if ok else 500, "" if ok else error))

    @property
    def sessions(self) -> list[str]:
        """Whose CDRs are in it."""
        return [fee["sessionId"] for fee in self.body["feeLst"]]


def _broken_off(done: "Deferred[PushResult]") -> None:
    """As PushClient: whatever happens is a result."""
    done.callback(PushResult(False, 0.01, 0, "CancelledError"))


class RememberingPusher:
    """A Pusher without a network. By `judge` pushes end at once; without, when the test says so."""

    def __init__(self, judge: "Callable[[Tried], bool] | None" = None) -> None:
        self.tried: list[Tried] = []
        self.judge = judge

    def push(
        self,
        kind: PushKind,
        app_key: str,
        secret: str,
        url: str,
        body: Mapping[str, object],
        extra_headers: Mapping[str, str] | None = None,
    ) -> "Deferred[PushResult]":
        """As PushClient.push."""
        done: Deferred[PushResult] = Deferred(_broken_off)
        tried = Tried(kind, app_key, secret, url, dict(body), dict(extra_headers or {}), done)
        self.tried.append(tried)
        if self.judge is not None:
            tried.finish(self.judge(tried))
        return tried.done

    @property
    def open(self) -> list[Tried]:
        """Those that have not ended."""
        return [tried for tried in self.tried if not tried.done.called]
