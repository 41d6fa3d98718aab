"""The routes of the API: from a request on the wire to an order, and from what came of it to the answer.

A handler first learns who asks, then what; whatever it raises becomes JSON. Once an order has been handed
over it is carried through, also when the client has gone.
"""

# Twisted leaves these calls without types.
# mypy: disallow-untyped-calls=False

import logging
import secrets
from collections.abc import Mapping
from typing import cast
from urllib.parse import parse_qsl

from klein import Klein
from pydantic import BaseModel
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure
from twisted.web.iweb import IRequest
from twisted.web.resource import IResource, Resource
from twisted.web.server import Request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from ivrcore.service.admin.app import Admin
from ivrcore.service.admin.ports import AdminPorts
from ivrcore.service.api import openapi
from ivrcore.service.api.answers import Answer, Answering, Observer, Work
from ivrcore.service.api.auth import Asker, Authenticator
from ivrcore.service.api.errors import Refusal, invalid
from ivrcore.service.api.fields import Reading
from ivrcore.service.api.guard import FailureGuard, client_ip
from ivrcore.service.api.idempotency import HEADER, UnderWay, digest, read_key, used_for_another
from ivrcore.service.api.login import OldLogins
from ivrcore.service.api.models import (
    AcceptedBody,
    CallbackOrder,
    NotificationOrder,
    ResultBody,
    StopOrder,
    VerificationOrder,
    parse_json,
    read,
)
from ivrcore.service.api.ports import Accepted, Idempotency, Order, Ports
from ivrcore.service.api.recordings import NAME, PATH, RecordAddress, file_resource, no_recording
from ivrcore.service.api.results import ResultCode
from ivrcore.service.api.root import Root
from ivrcore.service.api.server import ApiSite, json_bytes
from ivrcore.service.api.settings import ApiSettings
from ivrcore.service.model import ClientApp, Service
from sip.reactor import ReactorTime

_log = logging.getLogger(__name__)

SUCCESS = ResultBody(resultcode=ResultCode.SUCCESS.code, resultdesc=ResultCode.SUCCESS.text)

_ORDERS: Mapping[Service, type[CallbackOrder | NotificationOrder | VerificationOrder]] = {
    Service.CALLBACK: CallbackOrder,
    Service.NOTIFICATION: NotificationOrder,
    Service.VERIFICATION: VerificationOrder,
}


class Api:
    """The API over its ports. One instance serves one site."""

    routes = Klein()

    def __init__(
        self,
        ports: Ports,
        settings: ApiSettings,
        reactor: ReactorTime,
        observe: Observer | None = None,
        *,
        with_admin: bool = False,
    ) -> None:
        self._ports = ports
        self._settings = settings
        self._answering = Answering(reactor, observe) if observe else Answering(reactor)
        guard = FailureGuard(
            settings.block_failures, settings.block_window_s, settings.block_for_s, reactor.seconds
        )
        self._authenticator = Authenticator(ports, settings, guard)
        self._under_way = UnderWay(reactor, settings.idempotency_wait_s)
        self._reading = Reading(settings.lenient, settings.tts_content, settings.sip_uris)
        key = settings.record_key.encode() or secrets.token_bytes(32)
        self._addresses = RecordAddress(key, settings.record_url_life_s)
        self._document = json_bytes(openapi.document(settings, with_admin=with_admin))

    # Orders. Each has its path for test applications, too.

    @routes.route(openapi.CALLBACK, methods=["POST"])
    @routes.route(openapi.SANDBOX + openapi.CALLBACK, methods=["POST"])
    def click_to_call(self, request: IRequest) -> "Deferred[Answer]":
        """click2Call."""
        return self._answer(request, self._order(cast(Request, request), Service.CALLBACK))

    @routes.route(openapi.NOTIFY, methods=["POST"])
    @routes.route(openapi.NOTIFY_OLD, methods=["POST"])
    @routes.route(openapi.SANDBOX + openapi.NOTIFY, methods=["POST"])
    @routes.route(openapi.SANDBOX + openapi.NOTIFY_OLD, methods=["POST"])
    def notify(self, request: IRequest) -> "Deferred[Answer]":
        """callnotify."""
        return self._answer(request, self._order(cast(Request, request), Service.NOTIFICATION))

    @routes.route(openapi.VERIFY, methods=["POST"])
    @routes.route(openapi.SANDBOX + openapi.VERIFY, methods=["POST"])
    def verify(self, request: IRequest) -> "Deferred[Answer]":
        """callVerify."""
        return self._answer(request, self._order(cast(Request, request), Service.VERIFICATION))

    @routes.route(openapi.STOP, methods=["POST"])
    @routes.route(openapi.SANDBOX + openapi.STOP, methods=["POST"])
    def stop(self, request: IRequest) -> "Deferred[Answer]":
        """callStop."""
        return self._answer(request, self._stop(cast(Request, request)))

    # Recordings and the document.

    @routes.route(openapi.RECORD, methods=["GET"])
    def record(self, request: IRequest) -> "Deferred[Answer]":
        """Where a recording is."""
        return self._answer(request, self._record(cast(Request, request)))

    @routes.route(f"{PATH}/<name>", methods=["GET"])
    def recording_file(self, request: IRequest, name: str) -> "Deferred[Answer]":
        """A recording, by its signed address."""
        return self._answer(request, self._recording_file(cast(Request, request), name))

    @routes.route(openapi.DOCUMENT, methods=["GET"])
    def document(self, request: IRequest) -> "Deferred[Answer]":
        """The OpenAPI document."""
        return self._answer(request, self._ready(self._document))

    # The oldest login style.

    @routes.route(openapi.LOGIN, methods=["POST"])
    def log_in(self, request: IRequest) -> "Deferred[Answer]":
        """fastlogin."""
        return self._answer(request, self._login(cast(Request, request), "log_in"))

    @routes.route(openapi.REFRESH, methods=["POST"])
    def refresh(self, request: IRequest) -> "Deferred[Answer]":
        """Exchange of a refresh token."""
        return self._answer(request, self._login(cast(Request, request), "refresh"))

    @routes.route(openapi.LOGOUT, methods=["POST"])
    def log_out(self, request: IRequest) -> "Deferred[Answer]":
        """Log-out."""
        return self._answer(request, self._login(cast(Request, request), "log_out"))

    # What no route takes.

    @routes.handle_errors(HTTPException)
    def unrouted(self, request: IRequest, failure: Failure) -> "Deferred[Answer]":
        """A path that is not there, or a method the path does not take."""
        wrong_method = failure.value if isinstance(failure.value, MethodNotAllowed) else None
        if wrong_method is not None and wrong_method.valid_methods:
            allowed = ", ".join(sorted(wrong_method.valid_methods))
            cast(Request, request).responseHeaders.setRawHeaders("allow", [allowed])
        status = None if wrong_method is not None else 404
        return self._answer(request, self._refuse(Refusal(ResultCode.INVALID_API, "", status)))

    @routes.handle_errors(Exception)
    def broken(self, request: IRequest, failure: Failure) -> "Deferred[Answer]":
        """A mistake of ours between a handler and the wire."""
        return self._answer(request, self._refuse(failure.value or RuntimeError()))

    def _answer(self, request: IRequest, work: Work) -> "Deferred[Answer]":
        return self._answering.answer(cast(Request, request), work)

    async def _ready(self, body: bytes) -> Answer:
        return body

    async def _refuse(self, error: BaseException) -> Answer:
        raise error

    def _asker(self, request: Request) -> Asker:
        address = request.getClientAddress()
        forwarded = request.requestHeaders.getRawHeaders("x-forwarded-for") or []
        headers = {
            name.decode("latin-1").lower(): values[0].decode("latin-1")
            for name, values in request.requestHeaders.getAllRawHeaders()
        }
        query = {
            name.decode(errors="replace"): values[0].decode(errors="replace")
            for name, values in (request.args or {}).items()
        }
        peer = str(getattr(address, "host", ""))
        return Asker(client_ip(peer, ",".join(forwarded), self._settings.trusted_proxies), headers, query)

    async def _order(self, request: Request, service: Service) -> Answer:
        asker = self._asker(request)
        app = await self._authenticator.authenticate(asker)
        if app.service is not service:
            raise Refusal(ResultCode.SERVICE_NOT_ALLOWED)
        body = _body(request)
        key = read_key(asker.headers.get(HEADER))
        if key is None:
            order = read(_ORDERS[service], parse_json(body), self._reading)
            return _accepted_body(order, await self._submit(app, order, None))
        return await self._once(request, app, key, body)

    async def _once(self, request: Request, app: ClientApp, key: str, body: bytes) -> Answer:
        """Carry out a request with an Idempotency-Key, or give the answer it got before."""
        path = request.path.decode().removeprefix(openapi.SANDBOX)
        what = digest(path, body)
        with await self._under_way.turn(app.app_key, key, what):
            known = await self._ports.known_answer(app.app_key, key)
            if known is not None:
                if known.digest != what:
                    raise used_for_another()
                request.setResponseCode(known.status)
                request.responseHeaders.setRawHeaders("idempotency-replayed", ["true"])
                return known.body.encode()
            order = read(_ORDERS[app.service], parse_json(body), self._reading)
            told = Idempotency(key, what, lambda accepted: (200, _accepted_body(order, accepted).decode()))
            return _accepted_body(order, await self._submit(app, order, told))

    async def _submit(self, app: ClientApp, order: Order, told: Idempotency | None) -> Accepted:
        accepted = await self._ports.service.submit(app, order, told)
        _log.info("accepted from %s", app.app_key, extra={"session": accepted.session})
        return accepted

    async def _stop(self, request: Request) -> Answer:
        app = await self._authenticator.authenticate(self._asker(request))
        order = read(StopOrder, parse_json(_body(request)), self._reading)
        await self._ports.service.stop(app, order.session_id)
        _log.info("stop ordered by %s", app.app_key, extra={"session": order.session_id})
        return _wire(SUCCESS)

    async def _record(self, request: Request) -> Answer:
        asker = self._asker(request)
        app = await self._authenticator.authenticate(asker)
        name, domain = asker.query.get("fileName", ""), asker.query.get("recordDomain", "")
        if not name:
            raise invalid("fileName")
        if not domain or self._settings.record_domain not in ("", domain):
            raise invalid("recordDomain")
        recording = await self._ports.recording(name) if NAME.fullmatch(name) else None
        if recording is None or recording.app_key != app.app_key:
            raise no_recording()
        base = self._settings.record_base_url or _own_base(request)
        request.setResponseCode(301)
        address = self._addresses.make(base, name, self._ports.now())
        request.responseHeaders.setRawHeaders("location", [address])
        # A 301 may be cached for ever; this one's address is good for minutes.
        request.responseHeaders.setRawHeaders("cache-control", ["no-store"])
        return b""

    async def _recording_file(self, request: Request, name: str) -> Answer:
        query = self._asker(request).query
        self._addresses.check(name, query.get("Expires", ""), query.get("Signature", ""), self._ports.now())
        recording = await self._ports.recording(name) if NAME.fullmatch(name) else None
        if recording is None:
            raise no_recording(404)
        return cast(IResource, file_resource(recording.path, name, request))

    async def _login(self, request: Request, step: str) -> Answer:
        tokens = self._ports.tokens
        if tokens is None or not self._settings.old_logins:
            raise Refusal(ResultCode.INVALID_API, "", 404)
        asker = self._asker(request)
        logins = OldLogins(self._ports, tokens, self._authenticator)
        parameters = {**asker.query, **_form(_body(request))}
        match step:
            case "log_in":
                return _wire(await logins.log_in(asker, parameters))
            case "refresh":
                return _wire(await logins.refresh(asker, parameters))
            case _:
                return _wire(await logins.log_out(asker, parameters))


def _body(request: Request) -> bytes:
    body: bytes = request.content.read() if request.content is not None else b""
    return body


def _form(body: bytes) -> dict[str, str]:
    """The first value of each parameter of a form; of what is no form, whatever looks like one."""
    pairs = parse_qsl(body.decode(errors="replace"), max_num_fields=100)
    return dict(reversed(pairs))


def _wire(answer: BaseModel) -> bytes:
    return json_bytes(answer.model_dump(by_alias=True, exclude_none=True))


def _accepted_body(order: Order, accepted: Accepted) -> bytes:
    idle = min(max(accepted.idle_port, 0), 65535) if order.return_idle_port else None
    members = {**SUCCESS.model_dump(), "sessionId": accepted.session, "idlePort": idle}
    return _wire(AcceptedBody.model_validate(members))


def _own_base(request: Request) -> str:
    """Scheme and host as the client wrote them; the root has checked that the host is one."""
    scheme = "https" if request.isSecure() else "http"
    host = request.getHeader("host")
    if not host:
        own = request.getHost()
        host = f"{own.host}:{own.port}"
    return f"{scheme}://{host}"


def make_site(
    ports: Ports,
    settings: ApiSettings,
    reactor: ReactorTime,
    beside: Mapping[str, Resource] | None = None,
    observe: Observer | None = None,
    admin: AdminPorts | None = None,
) -> ApiSite:
    """The API as a site to listen with.

    Args:
        beside: resources by their first path segment, without the slash: metrics, health.
        observe: told of every answer of the API's own paths.
        admin: of the admin API; None: it is not served.
    """
    api = Api(ports, settings, reactor, observe, with_admin=admin is not None)
    others = dict(beside or {})
    if admin is not None:
        others["admin"] = Admin(admin, settings, reactor).resource()
    return ApiSite(Root(api.routes.resource(), others), settings, reactor)
