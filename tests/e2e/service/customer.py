"""A customer of the service: signs requests as the vendor's examples do, and receives pushes.

Written against the published formats alone, with the standard library: nothing of the service's own code.
"""

import base64
import hashlib
import hmac
import json
import threading
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Answer:
    """What the API said."""

    status: int
    body: Json
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def code(self) -> str:
        """The resultcode."""
        return str(self.body.get("resultcode", ""))


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        """The page on recordings: switch redirects off and read Location."""
        return


@dataclass(frozen=True)
class Customer:
    """One application's key and secret, and where the service is."""

    base: str
    app_key: str
    secret: str = field(repr=False)

    def post(self, path: str, body: object, **headers: str) -> Answer:
        """A signed POST; any status is an answer."""
        data = json.dumps(body).encode()
        return self._send(urllib.request.Request(self.base + path, data, {**self.signed(), **headers}))

    def get(self, path: str) -> Answer:
        """A signed GET that follows no redirect."""
        return self._send(urllib.request.Request(self.base + path, headers=self.signed()))

    def click_to_call(self, **order: object) -> Answer:
        """click2Call/v2.0."""
        return self.post("/rest/httpsessions/click2Call/v2.0", order)

    def notify(self, **order: object) -> Answer:
        """callnotify/v2.0."""
        return self.post("/rest/httpsessions/callnotify/v2.0", order)

    def verify(self, **order: object) -> Answer:
        """callVerify/v1.0."""
        return self.post("/rest/httpsessions/callVerify/v1.0", order)

    def stop(self, session: str) -> Answer:
        """callStop/v2.0."""
        return self.post("/rest/httpsessions/callStop/v2.0", {"sessionid": session, "signal": "call_stop"})

    def signed(self) -> dict[str, str]:
        """The headers of one request, as the Python example makes them."""
        nonce = uuid.uuid4().hex
        created = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        digest = hmac.new(self.secret.encode(), (nonce + created).encode(), hashlib.sha256).digest()
        return {
            "Content-Type": "application/json;charset=UTF-8",
            "Authorization": 'AKSK realm="SDP",profile="UsernameToken",type="Appkey"',
            "X-AKSK": f'UsernameToken Username="{self.app_key}",'
            f'PasswordDigest="{base64.b64encode(digest).decode()}",Nonce="{nonce}",Created="{created}"',
        }

    def _send(self, request: urllib.request.Request) -> Answer:
        opener = urllib.request.build_opener(_NoRedirect)
        try:
            with opener.open(request, timeout=15.0) as answer:
                return Answer(answer.status, _json(answer.read()), dict(answer.headers))
        except urllib.error.HTTPError as error:
            return Answer(error.code, _json(error.read()), dict(error.headers))


@dataclass(frozen=True)
class Pushed:
    """One push as it came; `at_s` is monotonic."""

    at_s: float
    path: str
    headers: Mapping[str, str]
    body: Json

    @property
    def kind(self) -> str:
        """The eventType."""
        return str(self.body["eventType"])


class Receiver:
    """A customer's server for statusUrl (/status) and feeUrl (/fee); `with` starts and ends it."""

    def __init__(self) -> None:
        self._pushes: list[Pushed] = []
        self._news = threading.Condition(threading.RLock())
        self.delay_s = 0.0
        self.status = 200
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                receiver._came(Pushed(time.monotonic(), self.path, dict(self.headers), body))
                time.sleep(receiver.delay_s)
                self.send_response(receiver.status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, *_: object) -> None:
                """Who pushed is gone: killed, or out of patience."""

        self._server = Server(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})

    def __enter__(self) -> "Receiver":
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def url(self, path: str) -> str:
        """An address of this server."""
        return f"http://127.0.0.1:{self._server.server_port}/{path}"

    def encoded(self, path: str) -> str:
        """The same in Base64, as a request carries it."""
        return base64.b64encode(self.url(path).encode()).decode()

    @property
    def pushes(self) -> list[Pushed]:
        """Everything so far."""
        with self._news:
            return list(self._pushes)

    def events(self, session: str) -> list[Json]:
        """The status events of a session: eventType and statusInfo in one."""
        return [
            {"eventType": push.kind, **push.body["statusInfo"]}
            for push in self.pushes
            if push.kind != "fee" and push.body["statusInfo"]["sessionId"] == session
        ]

    def fees(self, session: str = "") -> list[Json]:
        """The CDRs, of a session or of all."""
        fees = [fee for push in self.pushes if push.kind == "fee" for fee in push.body["feeLst"]]
        return [fee for fee in fees if not session or fee["sessionId"] == session]

    def wait(self, what: "Callable[[], Any]", deadline_s: float = 20.0) -> Any:
        """Wait until something is true of what came, and return it.

        Raises:
            TimeoutError: it did not come.
        """
        end_s = time.monotonic() + deadline_s
        with self._news:
            while not (value := what()):
                if not self._news.wait(max(0.0, end_s - time.monotonic())):
                    raise TimeoutError(
                        f"not in {deadline_s:g} s; came: {[push.kind for push in self._pushes]}"
                    )
            return value

    def wait_for_fee(self, session: str, deadline_s: float = 20.0) -> Json:
        """The CDR of a session."""
        fees = self.wait(lambda: self.fees(session), deadline_s)
        assert len(fees) == 1, f"{len(fees)} CDRs of {session}"
        fee: Json = fees[0]
        return fee

    def _came(self, push: Pushed) -> None:
        with self._news:
            self._pushes.append(push)
            self._news.notify_all()


def _json(body: bytes) -> Json:
    try:
        parsed = json.loads(body)
    except ValueError:
        return {}
    return parsed if isinstance(parsed, dict) else {}
