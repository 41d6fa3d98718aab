"""The admin API on the wire: who asks, whether they may, and what becomes of it.

A resource below the API's site, with routes from the table of operations. The order of the checks: key (401),
role (403), account (404), body (400). Another account than one's own is not there, rather than forbidden.
"""

# Twisted leaves these calls without types.
# mypy: disallow-untyped-calls=False

import logging
import re
from collections.abc import Callable
from typing import Any, cast

from klein import Klein
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import Resource
from twisted.web.server import Request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from ivrcore.service.admin import keys
from ivrcore.service.admin.answers import (
    wire,
)
from ivrcore.service.admin.asked import Asked, Reply, query_of
from ivrcore.service.admin.by import By
from ivrcore.service.admin.errors import AdminError, admin_error
from ivrcore.service.admin.handlers import Handlers
from ivrcore.service.admin.models import (
    Wire,
)
from ivrcore.service.admin.operations import OPERATIONS, Operation
from ivrcore.service.admin.ports import AdminPorts
from ivrcore.service.admin.roles import may, sees
from ivrcore.service.api.answers import Answer, Answering, Work
from ivrcore.service.api.guard import FailureGuard, client_ip
from ivrcore.service.api.settings import ApiSettings
from ivrcore.service.model import Operator
from ivrcore.service.store import operators
from sip.reactor import ReactorTime

_log = logging.getLogger(__name__)

_ACCOUNT = re.compile(r"[1-9][0-9]{0,9}", re.ASCII)
_BEARER = re.compile(r"bearer +(\S{1,256}) *", re.ASCII | re.IGNORECASE)
_GREATEST_ID = 2**31 - 1


class Admin:
    """The admin API over its ports. One instance serves one site."""

    def __init__(self, ports: AdminPorts, settings: ApiSettings, reactor: ReactorTime) -> None:
        self._ports = ports
        self._proxies = settings.trusted_proxies
        self._handlers = Handlers(ports)
        self._answering = Answering(reactor)
        self._guard = FailureGuard(
            settings.block_failures, settings.block_window_s, settings.block_for_s, reactor.seconds
        )

    def resource(self) -> Resource:
        """To be put below `admin`."""
        routes = Klein()
        for operation in OPERATIONS:
            rule = "/v1" + operation.path.replace("{", "<").replace("}", ">")
            routes.route(rule, methods=[operation.method], endpoint=operation.name)(self._route(operation))
        routes.handle_errors(HTTPException)(self._unrouted)
        routes.handle_errors(Exception)(self._broken)
        return cast(Resource, routes.resource())

    def _route(self, operation: Operation) -> Callable[..., "Deferred[Answer]"]:
        def handle(request: IRequest, **path: str) -> "Deferred[Answer]":
            wanted = cast(Request, request)
            return self._answer(wanted, self._carry_out(operation, wanted, path))

        handle.__name__ = operation.name
        return handle

    def _answer(self, request: Request, work: Work) -> "Deferred[Answer]":
        return self._answering.answer(request, _in_our_words(request, work))

    async def _carry_out(self, operation: Operation, request: Request, path: dict[str, str]) -> Answer:
        operator = await self._operator(request)
        if operation.action is not None and not may(operator, operation.action):
            raise AdminError(403, f"the role {operator.role.value} may not {operation.action.value}")
        account_id = _account_id(path, operator) if operation.of_account else 0
        body: bytes = request.content.read() if request.content is not None else b""
        content_type = request.getHeader("content-type") or ""
        query = query_of(operation, request)
        by = By(operator.name, self._ports.now())
        asked = Asked(operator, by, account_id, path, query, body, content_type, operation.request)
        handler: Callable[[Asked], Any] = getattr(self._handlers, operation.name)
        answer: Wire | Reply | None = await handler(asked)
        if operation.action is not None and operation.method != "GET":
            _log.info("%s by %s", operation.name, operator.name)
        return self._sent(operation, request, answer)

    def _sent(self, operation: Operation, request: Request, answer: Wire | Reply | None) -> Answer:
        request.setResponseCode(operation.status)
        request.responseHeaders.setRawHeaders("cache-control", ["no-store"])
        if isinstance(answer, Wire):
            return wire(answer)
        if answer is None:
            request.responseHeaders.removeHeader("content-type")
            return b""
        request.responseHeaders.setRawHeaders("content-type", [answer.content_type])
        if answer.file_name:
            disposition = f'attachment; filename="{answer.file_name}"'
            request.responseHeaders.setRawHeaders("content-disposition", [disposition])
        return answer.body

    async def _operator(self, request: Request) -> Operator:
        """Who asks, by their key.

        Raises:
            AdminError: 401, or 429 after too many failures.
        """
        peer = str(getattr(request.getClientAddress(), "host", ""))
        forwarded = request.requestHeaders.getRawHeaders("x-forwarded-for") or []
        ip = client_ip(peer, ",".join(forwarded), self._proxies)
        if self._guard.is_blocked(ip):
            raise AdminError(429, "too many failures from this address: try again later")
        found = _BEARER.fullmatch(request.getHeader("authorization") or "")
        key = found.group(1) if found else ""
        name = keys.name_of(key)
        known = await self._ports.database.read(operators.operator, name) if name.isascii() and name else None
        if not keys.fits(key, known.key_hash if known else keys.NOBODY) or known is None:
            self._guard.failed(ip)
            request.responseHeaders.setRawHeaders("www-authenticate", ['Bearer realm="admin"'])
            raise AdminError(401, "an operator's key is needed: Authorization: Bearer <key>", "Authorization")
        return known

    def _unrouted(self, request: IRequest, failure: Failure) -> "Deferred[Answer]":
        wrong = failure.value if isinstance(failure.value, MethodNotAllowed) else None
        if wrong is not None and wrong.valid_methods:
            allowed = ", ".join(sorted(wrong.valid_methods))
            cast(Request, request).responseHeaders.setRawHeaders("allow", [allowed])
        error = AdminError(404, "there is nothing by this address")
        if wrong is not None:
            error = AdminError(405, "this address does not take the method")
        return self._answer(cast(Request, request), _raised(error))

    def _broken(self, request: IRequest, failure: Failure) -> "Deferred[Answer]":
        return self._answer(cast(Request, request), _raised(failure.value or RuntimeError()))


async def _raised(error: BaseException) -> Answer:
    raise error


def _account_id(path: dict[str, str], operator: Operator) -> int:
    text = path["account"]
    number = int(text) if _ACCOUNT.fullmatch(text) else 0
    if not 1 <= number <= _GREATEST_ID or not sees(operator, number):
        raise AdminError(404, "there is no such account", "account")
    return number


async def _in_our_words(request: Request, work: Work) -> Answer:
    """What the work answers, or its refusal in this API's own form."""
    try:
        return await work
    except Exception as raised:
        error = admin_error(raised)
        if error.status >= 500:
            _log.error("an admin request failed", exc_info=raised)
        request.setResponseCode(error.status)
        _log.info("refused: %d %s", error.status, error.parameter)
        return error.body()
