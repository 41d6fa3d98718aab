"""One push: a POST on a connection of its own, with limits on time and size, and its outcome as a value.

Twisted's Agent sends it, not treq: treq's client keeps cookies, rewrites URLs and unpacks compressed answers,
and a push wants none of that. Redirects are not followed: they would lead past the check of the target.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from OpenSSL.SSL import Error as TlsError
from service_identity import VerificationError
from twisted.internet import error
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.protocol import Protocol as ByteProtocol
from twisted.internet.protocol import connectionDone
from twisted.python.failure import Failure
from twisted.web.client import Agent, ResponseFailed
from twisted.web.http_headers import Headers
from twisted.web.iweb import IAgentEndpointFactory, IBodyProducer
from zope.interface import implementer

from ivrcore.service.model import PushKind
from ivrcore.service.notify.connection import CheckedEndpoint, Trust
from ivrcore.service.notify.signing import PushSigning, new_nonce, push_headers
from ivrcore.service.notify.target import IpAddress, Lookup, Resolver, Target, TargetError, parse_target
from sip.reactor import DelayedCall, ReactorTime

MAX_ANSWER_BYTES = 64 * 1024
"""Of the body that is read; the defined one has two short members."""

_MAX_HEADER_BYTES = 128 * 1024
_DRAIN_S = 2.0
"""So long the rest of an answer that does not matter is read: its sender sees no broken connection."""

_MAX_ERROR_CHARACTERS = 200


@dataclass(frozen=True)
class PushResult:
    """What became of one push.

    Attributes:
        ok: the receiver took it. latency_s: from the order to the outcome.
        status: of HTTP, 0 when there was no answer. error: one line, "" when ok.
    """

    ok: bool
    latency_s: float
    status: int = 0
    error: str = ""


@dataclass(frozen=True)
class PushRules:
    """How pushes are made (D5, D22).

    Attributes:
        lab: private and loopback addresses may be pushed to.
        ca_file: PEM file of further authorities for receivers' certificates.
    """

    signing: PushSigning = PushSigning.CURRENT
    lab: bool = False
    ca_file: Path | None = None
    connect_timeout_s: float = 5.0
    total_timeout_s: float = 10.0


class Pusher(Protocol):
    """What the notifiers need of a client."""

    def push(
        self,
        kind: PushKind,
        app_key: str,
        secret: str,
        url: str,
        body: Mapping[str, object],
        extra_headers: Mapping[str, str] | None = None,
    ) -> "Deferred[PushResult]":
        """Push once; never fails."""


Observer = Callable[[PushKind, PushResult], None]
"""Told of every outcome: metrics."""


class PushClient:
    """Makes pushes; a Pusher."""

    def __init__(
        self,
        reactor: ReactorTime,
        resolver: Resolver,
        rules: PushRules | None = None,
        *,
        observe: Observer | None = None,
        utc: Callable[[], datetime] = lambda: datetime.now(UTC),
        nonce: Callable[[], str] = new_nonce,
    ) -> None:
        """`reactor`: Twisted's, with its connections. `resolver`: see `own_resolver`.

        Raises:
            ValueError: the rules' ca_file cannot be used.
        """
        self._reactor = reactor
        self._rules = rules or PushRules()
        self._lookup = Lookup(resolver)
        self._trust = Trust(self._rules.ca_file)
        self._observe = observe
        self._utc = utc
        self._nonce = nonce
        self._under_way: set[Deferred[PushResult]] = set()
        self._draining: set[_Answer] = set()

    def push(
        self,
        kind: PushKind,
        app_key: str,
        secret: str,
        url: str,
        body: Mapping[str, object],
        extra_headers: Mapping[str, str] | None = None,
    ) -> "Deferred[PushResult]":
        """Push once.

        Returns:
            fires with the outcome within the total time-out; never fails.
        """
        started_s = self._reactor.seconds()
        attempt = _Attempt(self._reactor, self._rules, self._trust, self._lookup, self._draining)
        headers = push_headers(
            self._rules.signing, app_key, secret, url, nonce=self._nonce(), created=self._utc()
        )
        headers.update(extra_headers or {})
        done = attempt.run(kind, url, json.dumps(body, separators=(",", ":")).encode(), headers)
        self._under_way.add(done)

        def outcome(result: "PushResult | Failure") -> PushResult:
            self._under_way.discard(done)
            latency_s = self._reactor.seconds() - started_s
            if isinstance(result, Failure):
                made = PushResult(False, latency_s, attempt.status, _explain(result, attempt, self._rules))
            else:
                made = PushResult(result.ok, latency_s, result.status, result.error[:_MAX_ERROR_CHARACTERS])
            if self._observe is not None:
                self._observe(kind, made)
            return made

        return done.addBoth(outcome)

    def close(self) -> None:
        """Break off everything under way; each such push fires as failed."""
        for one in tuple(self._under_way):
            one.cancel()
        for answer in tuple(self._draining):
            answer.abort()


class _Attempt:
    """One push from the look-up to the answer, under one time-out."""

    def __init__(
        self,
        reactor: ReactorTime,
        rules: PushRules,
        trust: Trust,
        lookup: Lookup,
        draining: "set[_Answer]",
    ) -> None:
        self._reactor = reactor
        self._rules = rules
        self._trust = trust
        self._lookup = lookup
        self._draining = draining
        self._endpoint: CheckedEndpoint | None = None
        self.status = 0
        self.timed_out = False

    def run(
        self, kind: PushKind, url: str, body: bytes, headers: Mapping[str, str]
    ) -> "Deferred[PushResult]":
        """Fires with the outcome (its latency not known here), or fails with whatever went wrong."""
        try:
            target = parse_target(url)
        except TargetError as refused:
            return fail(refused)
        found = self._lookup.checked(target, lab=self._rules.lab)
        answered = found.addCallback(self._request, target, body, headers)
        done: Deferred[PushResult] = answered.addCallback(self._read, kind)
        timer = self._reactor.callLater(self._rules.total_timeout_s, self._time_out, done)

        def stop_timer(result: "PushResult | Failure") -> "PushResult | Failure":
            if timer.active():
                timer.cancel()
            return result

        return done.addBoth(stop_timer)

    def _time_out(self, done: "Deferred[PushResult]") -> None:
        self.timed_out = True
        done.cancel()
        self._abort()

    def _abort(self) -> None:
        if self._endpoint is not None:
            self._endpoint.abort()

    def _request(
        self, addresses: tuple[IpAddress, ...], target: Target, body: bytes, headers: Mapping[str, str]
    ) -> "Deferred[Any]":
        self._endpoint = endpoint = CheckedEndpoint(
            self._reactor,
            target,
            addresses,
            self._trust,
            connect_timeout_s=self._rules.connect_timeout_s,
            max_answer_bytes=MAX_ANSWER_BYTES + _MAX_HEADER_BYTES,
        )
        agent = Agent.usingEndpointFactory(self._reactor, _Only(endpoint))  # type: ignore[no-untyped-call]
        sent = Headers({name: [value] for name, value in headers.items()})
        sent.setRawHeaders("Host", [target.authority])
        sent.setRawHeaders("User-Agent", ["ivrcore"])
        uri = (target.origin + target.resource).encode("ascii")
        answered: Deferred[Any] = agent.request(b"POST", uri, sent, _Whole(body))
        return answered

    def _read(self, response: Any, kind: PushKind) -> "Deferred[PushResult]":
        self.status = response.code
        answer = _Answer(self._abort)
        response.deliverBody(answer)
        if kind is PushKind.STATUS or response.code != 200:
            answer.drain(self._reactor, self._draining)
            return succeed(_judge(kind, response.code, b""))
        return answer.done.addCallback(lambda content: _judge(kind, response.code, content))


def _judge(kind: PushKind, status: int, content: bytes) -> PushResult:
    """The answer rule (FAQ 9.4, D24): 200 decides, unless the answer to CDRs says otherwise in its body."""
    if status != 200:
        return PushResult(False, 0.0, status, f"HTTP {status}")
    if kind is PushKind.FEE:
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):
            answer = None
        if isinstance(answer, dict) and str(answer.get("resultcode", "0")) != "0":
            said = ascii(str(answer["resultcode"])[:32])
            return PushResult(False, 0.0, status, f"HTTP 200 with resultcode {said}")
    return PushResult(True, 0.0, status)


def _explain(failure: Failure, attempt: _Attempt, rules: PushRules) -> str:
    """Why a push failed, in one line without anything the receiver wrote or the address carries."""
    if attempt.timed_out:
        return f"no answer within {rules.total_timeout_s:g} s"
    problem: object = failure.value
    while isinstance(problem, ResponseFailed) and problem.reasons:  # and its subclass for no response at all
        problem = problem.reasons[0].value
    match problem:
        case TargetError():
            return str(problem)[:_MAX_ERROR_CHARACTERS]
        case error.TimeoutError():
            return f"no connection within {rules.connect_timeout_s:g} s"
        case error.ConnectionRefusedError():
            return "connection refused"
        case VerificationError():
            return "the certificate is for another host"
        case TlsError():
            return f"TLS: {_tls_reason(problem)}"[:_MAX_ERROR_CHARACTERS]
        case error.ConnectionDone() | error.ConnectionLost():
            return "closed without an answer"
    return f"{type(problem).__name__}"


def _tls_reason(problem: TlsError) -> str:
    """What OpenSSL says: its errors carry (library, function, reason) triples."""
    stack = problem.args[0] if problem.args and isinstance(problem.args[0], list | tuple) else ()
    return next((str(entry[-1]) for entry in stack if entry), "the connection failed")


class _Answer(ByteProtocol):
    """Collects the body of an answer up to its limit; then the connection is broken off."""

    def __init__(self, break_off: Callable[[], None]) -> None:
        self.done: Deferred[bytes] = Deferred(self._cancel)
        self._break_off = break_off
        self._content = bytearray()
        self._drain: tuple[DelayedCall, set[_Answer]] | None = None
        self._over = False

    def drain(self, reactor: ReactorTime, draining: "set[_Answer]") -> None:
        """Read what comes without anybody waiting for it; for a moment only."""
        if not self._over:
            draining.add(self)
            self._drain = reactor.callLater(_DRAIN_S, self.abort), draining

    def _cancel(self, _: "Deferred[bytes]") -> None:
        # Half an answer is none: the connection goes, and `done` fails as cancelled Deferreds do.
        self._over = True
        self._break_off()

    def abort(self) -> None:
        """Break the connection off; what has come until now is the answer."""
        if not self._over:
            self._break_off()
        self._finish()

    def dataReceived(self, data: bytes) -> None:  # noqa: N802
        """See IProtocol."""
        self._content += data[: MAX_ANSWER_BYTES - len(self._content)]
        if len(self._content) >= MAX_ANSWER_BYTES:
            self.abort()

    def connectionLost(self, reason: Failure = connectionDone) -> None:  # noqa: ARG002, N802
        """See IProtocol."""
        self._finish()

    def _finish(self) -> None:
        over, self._over = self._over, True
        if self._drain is not None:
            timer, draining = self._drain
            self._drain = None
            draining.discard(self)
            if timer.active():
                timer.cancel()
        if not over:
            self.done.callback(bytes(self._content))


@implementer(IBodyProducer)
class _Whole:
    """A request body written at once: 50 CDRs are some 60 KB."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self.length = len(body)

    def startProducing(self, consumer: Any) -> "Deferred[None]":  # noqa: N802
        """See IBodyProducer."""
        consumer.write(self._body)
        return succeed(None)

    def pauseProducing(self) -> None:  # noqa: N802
        """See IBodyProducer."""

    def resumeProducing(self) -> None:  # noqa: N802
        """See IBodyProducer."""

    def stopProducing(self) -> None:  # noqa: N802
        """See IBodyProducer."""


@implementer(IAgentEndpointFactory)
class _Only:
    """Leads an Agent to one endpoint, whatever the URI."""

    def __init__(self, endpoint: CheckedEndpoint) -> None:
        self._endpoint = endpoint

    def endpointForURI(self, uri: object) -> CheckedEndpoint:  # noqa: ARG002, N802
        """See IAgentEndpointFactory."""
        return self._endpoint
