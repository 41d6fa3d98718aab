"""The demo's customer: orders calls by the HTTP API, and receives what is pushed.

Nothing here knows the service but its published formats.
"""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import treq
from twisted.internet.defer import Deferred
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

Json = dict[str, Any]


class ApiRefusedError(RuntimeError):
    """The service did not take an order; the text is its answer."""


@dataclass(frozen=True)
class Pushed:
    """One push as it came. `at_s`: monotonic seconds."""

    at_s: float
    body: Json

    @property
    def kind(self) -> str:
        """eventType."""
        return str(self.body["eventType"])

    def text(self) -> str:
        """One line for a person; digits are the customer's own."""
        if self.kind == "fee":
            return f"CDR push: {len(self.body['feeLst'])} call(s)"
        info = self.body["statusInfo"]
        parts = [f"{self.kind} event"]
        if "called" in info:
            parts.append(f"called {info['called']}")
        if "digitInfo" in info:
            parts.append(f"digits {info['digitInfo']}")
        if "stateCode" in info:
            parts.append(f"stateCode {info['stateCode']}: {info['stateDesc']}")
        return ", ".join(parts)


@dataclass(frozen=True)
class Customer:
    """One application at one service."""

    base: str
    app_key: str
    secret: str = field(repr=False)

    async def order(self, path: str, order: Json) -> str:
        """Order a call; its sessionId.

        Raises:
            ApiRefusedError: it was not accepted.
        """
        answer: Any = await treq.post(
            self.base + path, json.dumps(order).encode(), headers=self._signed(), timeout=15
        )
        body = await treq.json_content(answer)
        if answer.code != 200 or body.get("resultcode") != "0":
            raise ApiRefusedError(f"{path}: {answer.code} {body.get('resultcode')} {body.get('resultdesc')}")
        return str(body["sessionId"])

    async def recording(self, fee: Json) -> bytes:
        """Download the recording of a CDR: ask for its address, then fetch that.

        Raises:
            ApiRefusedError: there is none.
        """
        query = urlencode({"fileName": fee["recordObjectName"], "recordDomain": fee["recordDomain"]})
        path = f"/rest/provision/voice/record/v1.0?{query}"
        answer: Any = await treq.get(
            self.base + path, headers=self._signed(), allow_redirects=False, timeout=15
        )
        location = answer.headers.getRawHeaders("location", [""])[0]
        if answer.code != 301 or not location:
            raise ApiRefusedError(
                f"the recording API answered {answer.code} {await treq.text_content(answer)}"
            )
        download: Any = await treq.get(location, timeout=15)
        if download.code != 200:
            raise ApiRefusedError(f"the download answered {download.code}")
        content: bytes = await treq.content(download)
        return content

    def _signed(self) -> "dict[bytes | str, bytes | str]":
        nonce, created = uuid.uuid4().hex, f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"
        digest = hmac.new(self.secret.encode(), (nonce + created).encode(), hashlib.sha256).digest()
        return {
            "Content-Type": "application/json;charset=UTF-8",
            "Authorization": 'AKSK realm="SDP",profile="UsernameToken",type="Appkey"',
            "X-AKSK": f'UsernameToken Username="{self.app_key}", '
            f'PasswordDigest="{base64.b64encode(digest).decode()}", Nonce="{nonce}", Created="{created}"',
        }


class Receiver(Resource):
    """The customer's server for both kinds of pushes; takes everything."""

    isLeaf = True  # noqa: N815

    def __init__(self, observe: Callable[[Pushed], None]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._observe = observe
        self._waiting: dict[str, Deferred[Json]] = {}
        self._port: Any = None
        self.pushes: list[Pushed] = []

    def listen(self, reactor: Any) -> None:
        """Take a free port on loopback."""
        self._port = reactor.listenTCP(0, Site(self), interface="127.0.0.1")  # type: ignore[no-untyped-call]

    def close(self) -> "Deferred[None]":
        """Stop listening."""
        closed: Deferred[None] = Deferred()
        if self._port is None:
            closed.callback(None)
            return closed
        stopped: Deferred[None] = self._port.stopListening()
        return stopped

    def address(self, path: str) -> str:
        """In Base64, as an order carries it."""
        url = f"http://127.0.0.1:{self._port.getHost().port}/{path}"
        return base64.b64encode(url.encode()).decode()

    def fee_of(self, session: str) -> "Deferred[Json]":
        """Fires with the CDR of a session when it is pushed."""
        return self._waiting.setdefault(session, Deferred())

    def of_session(self, session: str) -> list[Pushed]:
        """What was pushed of a call, its CDR included."""
        return [
            push
            for push in self.pushes
            if session
            in (
                [fee["sessionId"] for fee in push.body["feeLst"]]
                if push.kind == "fee"
                else [push.body["statusInfo"]["sessionId"]]
            )
        ]

    def render_POST(self, request: Request) -> bytes:  # noqa: N802
        """One push."""
        body: Json = json.loads(request.content.read() if request.content else b"{}")
        push = Pushed(time.monotonic(), body)
        self.pushes.append(push)
        self._observe(push)
        if push.kind == "fee":
            for fee in body["feeLst"]:
                waiting = self._waiting.setdefault(fee["sessionId"], Deferred())
                if not waiting.called:
                    waiting.callback(fee)
        return b'{"resultcode":"0","resultdesc":"Success"}'
