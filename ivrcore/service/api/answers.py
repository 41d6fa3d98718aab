"""From what a handler returns or raises to the answer on the wire, and the log line of it."""

import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeAlias

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.resource import IResource
from twisted.web.server import Request

from ivrcore.service.api.errors import Refusal
from ivrcore.service.api.results import ResultCode
from ivrcore.service.api.server import JSON, refusal_body
from ivrcore.service.store.errors import StoreError
from sip.reactor import ReactorTime

_log = logging.getLogger(__name__)

Answer: TypeAlias = bytes | IResource
"""A body, whose status and headers are on the request already; or a resource that renders itself."""

Work: TypeAlias = Coroutine["Deferred[Any]", Any, Answer]


Observer: TypeAlias = Callable[[str, str, float], None]
"""Told of every answer: path, resultcode ("0" also for what has none), seconds. For metrics."""


class Answering:
    """Carries handlers out."""

    def __init__(self, reactor: ReactorTime, observe: Observer = lambda _path, _code, _s: None) -> None:
        self._reactor = reactor
        self._observe = observe

    def answer(self, request: Request, work: Work) -> "Deferred[Answer]":
        """Do the work and answer with what comes of it; never fails.

        Klein cancels what it was given when the client goes away. An order on its way into the store must
        not be torn apart by that, so Klein gets a Deferred of its own.
        """
        began_s = self._reactor.seconds()
        request.responseHeaders.setRawHeaders("content-type", [JSON])
        request.responseHeaders.setRawHeaders("server", ["ivrcore"])
        outer: Deferred[Answer] = Deferred()
        result = ResultCode.SUCCESS

        def refused(failure: Failure) -> bytes:
            nonlocal result
            refusal = _refusal(failure)
            result = refusal.result
            return _refused(refusal, request)

        def answered(answer: Answer) -> None:
            took_s = self._reactor.seconds() - began_s
            method, path = request.method.decode("latin-1"), request.path.decode("latin-1")
            _log.info("%s %s %d in %.0f ms", method, path, request.code, took_s * 1000)
            self._observe(path, result.code, took_s)
            if isinstance(answer, bytes):
                request.responseHeaders.setRawHeaders("content-length", [str(len(answer))])
            else:
                request.responseHeaders.removeHeader("content-type")
            if not outer.called:
                outer.callback(answer)

        inner: Deferred[Answer] = Deferred.fromCoroutine(work)
        inner.addErrback(refused)
        inner.addCallback(answered)
        inner.addErrback(_unanswered)
        return outer


def _refused(refusal: Refusal, request: Request) -> bytes:
    request.setResponseCode(refusal.http_status)
    # Other details may hold a value, say of a template; this one has the names of parameters and files.
    detail = refusal.detail if refusal.result is ResultCode.INVALID_REQUEST else ""
    _log.info("refused: %s %s", refusal.result.code, detail)
    return refusal_body(refusal)


def _refusal(failure: Failure) -> Refusal:
    error = failure.value
    if isinstance(error, Refusal):
        return error
    _log.error("a request failed", exc_info=error)
    store = isinstance(error, StoreError)
    return Refusal(ResultCode.INTERNAL_ERROR if store else ResultCode.SYSTEM_ERROR)


def _unanswered(failure: Failure) -> None:
    _log.error("an answer was lost", exc_info=failure.value)
