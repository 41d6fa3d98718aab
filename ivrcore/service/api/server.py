"""The wire side of the API: limits on size and time, and an answer in JSON whatever goes wrong.

Twisted's own channel answers malformed requests with an empty 400, reads bodies of any length, and lets a
client that sends a byte now and then stay for ever. This one does not.
"""

# Twisted leaves these calls without types.
# mypy: disallow-untyped-calls=False

import json
import logging
import re
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from io import BytesIO
from typing import Any, cast

from twisted.internet.interfaces import IReactorTime
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.http import HTTPChannel
from twisted.web.resource import Resource
from twisted.web.server import Request, Site

from ivrcore.service.admin.errors import AdminError
from ivrcore.service.api.errors import Refusal, invalid
from ivrcore.service.api.results import ResultCode
from ivrcore.service.api.settings import ApiSettings
from sip.reactor import DelayedCall, ReactorTime

_log = logging.getLogger(__name__)

JSON = "application/json;charset=UTF-8"

LINGER_S = 2.0
"""How long what a refused client still sends is thrown away. Closing at once would reset the connection, and
with it the answer that is on its way."""


def json_bytes(members: Mapping[str, object]) -> bytes:
    """An answer's body."""
    return json.dumps(members, ensure_ascii=False, separators=(",", ":")).encode()


_UPLOAD = re.compile(rb"/admin/v1/accounts/[^/?]+/voices/[^/?]+(?:\?.*)?")
_ADMIN = re.compile(rb"/admin(?:[/?].*)?")


def is_upload(method: bytes, path: bytes) -> bool:
    """Whether a request may bring a voice file, and so be longer and slower than others."""
    return method == b"PUT" and _UPLOAD.fullmatch(path) is not None


def refusal_body_for(path: bytes, refusal: Refusal) -> bytes:
    """As `refusal_body`, in the form of the API that the path belongs to."""
    if _ADMIN.fullmatch(path):
        error = AdminError(refusal.http_status, refusal.detail or refusal.description)
        return error.body()
    return refusal_body(refusal)


def refusal_body(refusal: Refusal) -> bytes:
    """What a client is told of a refusal."""
    return json_bytes({"resultcode": refusal.result.code, "resultdesc": refusal.description})


class ApiRequest(Request):
    """A request whose body is held in memory, and whose accidents are answered in JSON."""

    _content_type: Sequence[str] = ()

    def gotLength(self, length: int | None) -> None:  # noqa: N802, ARG002
        """Twisted would put a long or chunked body into a file; here it is short or refused."""
        self.content = BytesIO()

    def handleContentChunk(self, data: bytes) -> None:  # noqa: N802
        """One piece of the body, unless it makes the body too long."""
        channel = cast(LimitedChannel, self.channel)
        assert self.content is not None  # since gotLength
        if self.content.tell() + len(data) > channel.most_bytes:
            channel.refuse(too_large(channel.most_bytes))
        else:
            super().handleContentChunk(data)

    def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:  # noqa: N802
        """Keep Twisted from taking forms apart: bodies are JSON here, whatever their type says."""
        self._content_type = self.requestHeaders.getRawHeaders("content-type") or []
        self.requestHeaders.removeHeader("content-type")
        super().requestReceived(command, path, version)

    def process(self) -> None:
        """Answer the request."""
        if self._content_type:
            self.requestHeaders.setRawHeaders("content-type", self._content_type)
        super().process()

    def processingFailed(self, reason: Failure) -> Failure:  # noqa: N802
        """An exception that nobody caught: a log line for us, a result code for the client."""
        _log.error("a request failed outside its handler", exc_info=reason.value)
        body = refusal_body_for(self.path, Refusal(ResultCode.SYSTEM_ERROR))
        self.setResponseCode(500)
        self.responseHeaders.setRawHeaders("content-type", [JSON])
        self.responseHeaders.setRawHeaders("content-length", [str(len(body))])
        self.write(body)
        self.finish()
        return reason


def too_large(most_bytes: int) -> Refusal:
    """The answer to a body over the limit."""
    return invalid(f"body is over {most_bytes} bytes", 413)


class LimitedChannel(HTTPChannel):
    """One connection of a client.

    A request has to be whole within `request_timeout_s` of its first byte. A connection ends that carries no
    request for `idle_timeout_s` (the site's time-out), takes no byte of an answer for as long, or is not
    closed by then though all has been said.
    """

    settings = ApiSettings()
    requestFactory = ApiRequest  # noqa: N815
    _deadline: DelayedCall | None = None
    """Of the request that is being read."""
    _patience: DelayedCall | None = None
    """With a client that does not take its answer, or does not close."""
    _refused = False
    most_bytes = ApiSettings.max_body_bytes
    """Of the body that is being read."""
    _command = b""
    _path = b""  # type: ignore[assignment]  # typed as what it was in an older Twisted

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """Some bytes of a request, or what follows a refused one."""
        if self._refused:
            return
        if self._deadline is None and not self._handlingRequest and data:
            self._deadline = self.callLater(self.settings.request_timeout_s, self._too_slow)
        super().dataReceived(data)

    def lineReceived(self, line: bytes) -> None:  # noqa: N802
        """One line of the head."""
        if not self._refused:
            super().lineReceived(line)

    def lineLengthExceeded(self, line: bytes) -> None:  # noqa: N802, ARG002
        """A line of the head does not end."""
        self._respondToBadRequestAndDisconnect()

    def rawDataReceived(self, data: bytes) -> None:  # noqa: N802
        """A part of the body."""
        if not self._refused:
            super().rawDataReceived(data)

    def allHeadersReceived(self) -> None:  # noqa: N802
        """Refuse a body that announces itself as too long before it is sent, or asked for (Expect)."""
        upload = is_upload(self._command, self._path)
        self.most_bytes = self.settings.max_upload_bytes if upload else self.settings.max_body_bytes
        if self.length is not None and self.length > self.most_bytes:
            self.refuse(too_large(self.most_bytes))
            return
        if upload:
            self._stop_deadline()
            self._deadline = self.callLater(self.settings.upload_timeout_s, self._too_slow)
        super().allHeadersReceived()

    def allContentReceived(self) -> None:  # noqa: N802
        """The request is whole."""
        if self._refused:
            return
        self._stop_deadline()
        super().allContentReceived()

    def checkPersistence(self, request: Request, version: bytes) -> bool:  # noqa: N802
        """Whether the connection outlives the answer."""
        persistent: bool = super().checkPersistence(request, version)
        if persistent and not self.settings.keep_alive:
            request.responseHeaders.setRawHeaders("connection", ["close"])
            return False
        return persistent

    def timeoutConnection(self) -> None:  # noqa: N802
        """Nothing has come for a while: tell it, if something had."""
        if self.requests and not self._handlingRequest:
            self._too_slow()
        else:
            super().timeoutConnection()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: N802
        """The client is gone."""
        self._stop_deadline()
        self._stop_patience()
        super().connectionLost(reason)

    def _respondToBadRequestAndDisconnect(self) -> None:  # noqa: N802
        # Twisted's hook for everything that is not HTTP, or has too many headers.
        self.refuse(invalid("the HTTP request is malformed or its head too large", 400))

    def pauseProducing(self) -> None:  # noqa: N802
        """The client does not take what is written."""
        super().pauseProducing()
        self._wait(self.settings.idle_timeout_s)

    def resumeProducing(self) -> None:  # noqa: N802
        """It does."""
        super().resumeProducing()
        self._stop_patience()

    def loseConnection(self) -> None:  # noqa: N802
        """End the connection; what is written yet goes out, if the client takes it in time."""
        super().loseConnection()
        self._wait(self.settings.idle_timeout_s)

    def refuse(self, refusal: Refusal) -> None:
        """Answer a request that cannot be read to its end, and end the connection."""
        if self._refused or self.transport is None:
            return
        self._refused = True
        self._stop_deadline()
        self.setTimeout(None)
        body = refusal_body_for(self._path, refusal)
        status = HTTPStatus(refusal.http_status)
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\nContent-Type: {JSON}\r\n"
            f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        )
        self.write(head.encode() + body)
        _log.info("request refused on the wire: %s", refusal.description)
        if self.isSecure():  # TLS says its own goodbye, and has no half of a connection
            super().loseConnection()
        else:
            self._networkProducer.unregisterProducer()
            half: Any = self.transport
            half.loseWriteConnection()
        self._wait(LINGER_S)

    def _too_slow(self) -> None:
        self._deadline = None
        if self.requests:
            self.refuse(invalid("the request took too long", 408))
        else:
            self.loseConnection()

    def _drop(self) -> None:
        self._patience = None
        if self.transport is not None:
            self.transport.abortConnection()

    def _wait(self, patience_s: float) -> None:
        self._stop_patience()
        self._patience = self.callLater(patience_s, self._drop)

    def _stop_patience(self) -> None:
        if self._patience is not None:
            self._patience.cancel()
            self._patience = None

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class ApiSite(Site):
    """Listens for the API. Its access log is the API's own, without queries: they may hold tokens."""

    displayTracebacks = False  # noqa: N815
    protocol = LimitedChannel  # type: ignore[assignment]  # Twisted's proxy for HTTP/2 is left out

    def __init__(self, root: Resource, settings: ApiSettings, reactor: ReactorTime) -> None:
        super().__init__(
            root,
            requestFactory=ApiRequest,
            timeout=settings.idle_timeout_s,
            reactor=cast(IReactorTime, reactor),
        )
        self._settings = settings

    def buildProtocol(self, addr: object) -> LimitedChannel:  # type: ignore[override]  # noqa: N802
        """A channel for one connection, with this site's limits."""
        channel = cast(LimitedChannel, super().buildProtocol(addr))
        channel.settings = self._settings
        channel.maxHeaders = self._settings.max_headers
        channel.totalHeadersSize = self._settings.max_header_bytes
        return channel

    def log(self, request: object) -> None:
        """Nothing: ivrcore.service.api.app logs each request."""
