"""Stand-ins for what the API asks of the service, and the API itself on a loopback socket."""

# Twisted leaves these calls without types.
# mypy: disallow-untyped-calls=False

import json
import queue
import threading
import time
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import treq
from twisted.internet import task
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.selectreactor import SelectReactor
from twisted.internet.tcp import Server
from twisted.internet.threads import blockingCallFromThread
from twisted.web.client import Agent, HTTPConnectionPool
from twisted.web.http_headers import Headers

from ivrcore.service.admin.ports import AdminPorts
from ivrcore.service.api.app import make_site
from ivrcore.service.api.auth import aksk_digest
from ivrcore.service.api.errors import Refusal
from ivrcore.service.api.ports import Accepted, Idempotency, KnownAnswer, LoginTokens, Order, Ports
from ivrcore.service.api.results import ResultCode
from ivrcore.service.api.server import ApiSite
from ivrcore.service.api.settings import ApiSettings
from ivrcore.service.model import Account, ClientApp, Recording, Service

NOW = datetime(2026, 3, 1, 8, 15, 30, tzinfo=UTC)
KEY, SECRET = "vcDemoAppKey0123456789AbCd", "vcDemoSecret0123456789AbCd"
AUTHORIZATION = 'AKSK realm="SDP",profile="UsernameToken",type="Appkey"'
SESSION = "1201_31_4294967295_20260301081530@callenabler1.example.com"


def demo_app(service: Service = Service.CALLBACK, app_key: str = KEY) -> ClientApp:
    """The application of the documentation's worked example."""
    account = Account(1, "demo", "demo_sp", password="a password")
    return ClientApp(app_key, SECRET, account, "demo", service)


def signed(
    app_key: str = KEY, secret: str = SECRET, nonce: str = "", at: datetime = NOW, separator: str = ", "
) -> dict[str, str]:
    """The two headers of a signed request; a nonce of its own unless one is given."""
    nonce = nonce or uuid.uuid4().hex
    created = at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    digest = aksk_digest(secret, nonce, created)
    parts = (
        f'UsernameToken Username="{app_key}"',
        f'PasswordDigest="{digest}"',
        f'Nonce="{nonce}"',
        f'Created="{created}"',
    )
    return {"Authorization": AUTHORIZATION, "X-AKSK": separator.join(parts)}


CALLBACK_BODY: Mapping[str, object] = {
    "displayNbr": "+8675528000001",
    "callerNbr": "+8613900000001",
    "displayCalleeNbr": "+8675528000002",
    "calleeNbr": "+8613900000002",
}
NOTIFICATION_BODY: Mapping[str, object] = {
    "displayNbr": "+8675528000001",
    "calleeNbr": "+8613900000003",
    "playInfoList": [{"notifyVoice": "thanks.wav"}],
}
VERIFICATION_BODY: Mapping[str, object] = {
    "displayNbr": "+8675528000001",
    "calleeNbr": "+8613900000004",
    "languageType": 1,
    "preTone": "verify_pre.wav",
    "verifyCode": "480213",
}


@dataclass
class KeptAnswer:
    """A KnownAnswer in memory."""

    digest: str
    status: int
    body: str


@dataclass
class MemoryService:
    """A CallService that takes every order, and keeps it.

    Attributes:
        refusal: raised instead, by submit and by stop.
        held: while it is set, submit answers only when the test fires it.
        torn: how many orders were cancelled on their way.
    """

    orders: list[Order] = field(default_factory=list)
    stopped: list[str] = field(default_factory=list)
    answers: dict[tuple[str, str], KeptAnswer] = field(default_factory=dict)
    refusal: Exception | None = None
    idle_port: int = 9
    held: "Deferred[None] | None" = None
    torn: int = 0

    def submit(self, app: ClientApp, order: Order, idempotency: Idempotency | None) -> "Deferred[Accepted]":
        """See CallService."""
        if self.refusal is not None:
            return fail(self.refusal)
        self.orders.append(order)
        accepted = Accepted(SESSION, self.idle_port)
        if self.held is None:
            return succeed(self._stored(app, accepted, idempotency))
        answered: Deferred[Accepted] = Deferred(self._tear)
        self.held.addCallback(lambda _: answered.callback(self._stored(app, accepted, idempotency)))
        return answered

    def stop(self, _app: ClientApp, session: str) -> "Deferred[None]":
        """See CallService; only SESSION is running."""
        if self.refusal is not None:
            return fail(self.refusal)
        if session != SESSION:
            return fail(Refusal(ResultCode.INVALID_SESSION))
        self.stopped.append(session)
        return succeed(None)

    def _tear(self, _order: "Deferred[Accepted]") -> None:
        self.torn += 1

    def _stored(self, app: ClientApp, accepted: Accepted, idempotency: Idempotency | None) -> Accepted:
        if idempotency is not None:
            status, body = idempotency.answer(accepted)
            self.answers[app.app_key, idempotency.key] = KeptAnswer(idempotency.digest, status, body)
        return accepted


@dataclass
class MemoryTokens:
    """A TokenPort in memory."""

    owners: dict[str, tuple[str, datetime]] = field(default_factory=dict)
    refreshes: dict[str, str] = field(default_factory=dict)
    life_s: int = 172_800

    def issue(self, app_key: str, now: datetime) -> "Deferred[LoginTokens]":
        """See TokenPort."""
        token, refresh = uuid.uuid4().hex, uuid.uuid4().hex
        self.owners[token] = (app_key, now + timedelta(seconds=self.life_s))
        self.refreshes[refresh] = app_key
        return succeed(LoginTokens(token, refresh, self.life_s))

    def find(self, token: str, now: datetime) -> "Deferred[str | None]":
        """See TokenPort."""
        owner, until = self.owners.get(token, ("", now))
        return succeed(owner if now < until else None)

    def refresh(self, refresh: str, app_key: str, now: datetime) -> "Deferred[LoginTokens | None]":
        """See TokenPort."""
        if self.refreshes.get(refresh) != app_key:
            return succeed(None)
        del self.refreshes[refresh]
        return cast("Deferred[LoginTokens | None]", self.issue(app_key, now))

    def revoke(self, token: str) -> "Deferred[None]":
        """See TokenPort."""
        self.owners.pop(token, None)
        return succeed(None)


@dataclass
class World:
    """What the API of a test finds around it; change it between requests.

    Attributes:
        broken: every look-up fails with it.
    """

    apps: dict[str, ClientApp] = field(default_factory=lambda: {KEY: demo_app()})
    service: MemoryService = field(default_factory=MemoryService)
    recordings: dict[str, Recording] = field(default_factory=dict)
    nonces: set[tuple[str, str]] = field(default_factory=set)
    tokens: MemoryTokens = field(default_factory=MemoryTokens)
    now: datetime = NOW
    broken: Exception | None = None

    def ports(self) -> Ports:
        """This world as the API sees it."""
        return Ports(
            service=self.service,
            app_by_key=self._app,
            first_use=self._first_use,
            known_answer=lambda app_key, key: succeed(self._known(app_key, key)),
            recording=lambda name: succeed(self.recordings.get(name)),
            now=lambda: self.now,
            tokens=self.tokens,
        )

    def _app(self, app_key: str) -> "Deferred[ClientApp | None]":
        if self.broken is not None:
            return fail(self.broken)
        return succeed(self.apps.get(app_key))

    def _first_use(self, app_key: str, nonce: str, _now: datetime) -> "Deferred[bool]":
        first = (app_key, nonce) not in self.nonces
        self.nonces.add((app_key, nonce))
        return succeed(first)

    def _known(self, app_key: str, key: str) -> KnownAnswer | None:
        return self.service.answers.get((app_key, key))


@dataclass(frozen=True)
class Reply:
    """What came back over the socket."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> dict[str, object]:
        """The body as a JSON object."""
        members: dict[str, object] = json.loads(self.body)
        return members

    @property
    def result(self) -> tuple[int, object, object]:
        """HTTP status, resultcode and resultdesc."""
        return self.status, self.json["resultcode"], self.json["resultdesc"]


class ServedApi:
    """The API on a loopback port, on a reactor and a thread of its own; a context manager.

    Twisted moves bodies by one cooperator for all, on the global reactor; meanwhile it is on this one.
    """

    def __init__(
        self,
        world: World | None = None,
        settings: ApiSettings | None = None,
        tls: object | None = None,
        admin: AdminPorts | None = None,
    ) -> None:
        """`tls`: Twisted's certificate options, to serve HTTPS; `request` and the like speak HTTP only."""
        self._tls = tls
        self._admin = admin
        self.world = world or World()
        self.reactor: Any = SelectReactor()
        self._settings = settings or ApiSettings()
        self.answers: list[tuple[str, str]] = []
        """Path and resultcode of each, as metrics are told."""
        self._site = self._new_site()
        self._thread = threading.Thread(target=self.reactor.run, args=(False,), daemon=True)
        self._agent: Any = Agent(self.reactor, pool=HTTPConnectionPool(self.reactor, persistent=False))
        self._cooperator: Any = None
        self.port = 0

    def __enter__(self) -> "ServedApi":
        if self._tls is None:
            listening = self.reactor.listenTCP(0, self._site, interface="127.0.0.1")
        else:
            listening = self.reactor.listenSSL(0, self._site, self._tls, interface="127.0.0.1")
        self.port = listening.getHost().port
        self._cooperator = task._theCooperator
        task._theCooperator = task.Cooperator(scheduler=lambda step: self.reactor.callLater(0, step))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.reactor.callFromThread(self.reactor.stop)
        self._thread.join(10)
        task._theCooperator = self._cooperator

    @property
    def base(self) -> str:
        """Scheme, host and port."""
        return f"http://127.0.0.1:{self.port}"

    def renew(self) -> None:
        """Forget whatever the API remembers of earlier requests."""
        self._site.resource = self._new_site().resource

    def _new_site(self) -> ApiSite:
        self.answers.clear()
        return make_site(
            self.world.ports(),
            self._settings,
            self.reactor,
            observe=lambda path, code, _seconds: self.answers.append((path, code)),
            admin=self._admin,
        )

    def connections(self) -> int:
        """How many clients are connected."""
        readers = cast(list[object], self.call(self.reactor.getReaders))
        return sum(isinstance(reader, Server) for reader in readers)

    def wait_until(self, is_so: Callable[[], bool], deadline_s: float = 10.0) -> None:
        """Wait for a condition.

        Raises:
            TimeoutError: it has not come about.
        """
        until_s = time.monotonic() + deadline_s
        while not is_so():
            if time.monotonic() > until_s:
                raise TimeoutError
            time.sleep(0.005)

    def call(self, f: Callable[..., object], *args: object) -> object:
        """Call something on the reactor's thread and wait for what comes of it."""
        return blockingCallFromThread(self.reactor, f, *args)

    def request(
        self,
        method: str,
        path: str,
        body: bytes | Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request; a mapping goes as JSON."""
        data = json.dumps(body).encode() if isinstance(body, Mapping) else body
        return cast(Reply, self.call(self._send, method, path, data, dict(headers or {})))

    def post(self, path: str, body: bytes | Mapping[str, object], **headers: str) -> Reply:
        """A signed POST; keyword arguments are further headers, with `_` for `-`."""
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        signature = signed(at=self.world.now)
        return self.request("POST", path, body, {"Content-Type": "application/json", **signature, **more})

    def begin(self, path: str, body: Mapping[str, object], key: str) -> Callable[[], Reply]:
        """Start a signed POST with an Idempotency-Key; what is returned waits for its reply."""
        headers = {**signed(at=self.world.now), "Idempotency-Key": key}
        replies: queue.Queue[Reply] = queue.Queue()

        def start() -> None:
            self._send("POST", path, json.dumps(body).encode(), headers).addCallback(replies.put)

        self.reactor.callFromThread(start)
        return lambda: replies.get(timeout=10)

    def _send(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> "Deferred[Reply]":
        return Deferred.fromCoroutine(self._sent(method, path, data, headers))

    async def _sent(self, method: str, path: str, data: bytes | None, headers: dict[str, str]) -> Reply:
        response = await treq.request(
            method,
            self.base + path,
            data=data,
            headers=Headers({name: [value] for name, value in headers.items()}),
            agent=self._agent,
            allow_redirects=False,
            timeout=10,
            reactor=self.reactor,
        )
        content = await response.content()
        told = {
            name.decode("latin-1").lower(): values[0].decode("latin-1")
            for name, values in response.headers.getAllRawHeaders()
        }
        return Reply(response.code, told, content)
