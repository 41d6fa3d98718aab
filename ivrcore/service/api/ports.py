"""What the API asks of the rest of the service. Unit tests stand in for it (ivrcore.service.api.testing).

Every answer comes by Deferred. A `Refusal` goes to the client as it is; any other failure is logged and
answered as an internal error.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, TypeAlias

from twisted.internet.defer import Deferred

from ivrcore.service.api.models import CallbackOrder, NotificationOrder, VerificationOrder
from ivrcore.service.model import ClientApp, Recording

Order: TypeAlias = CallbackOrder | NotificationOrder | VerificationOrder


@dataclass(frozen=True)
class Accepted:
    """A request that was taken on, and stored.

    Attributes:
        session: sessionId.
        idle_port: how many more calls the application may have now (D28); told when the order asks for it.
    """

    session: str
    idle_port: int


@dataclass(frozen=True)
class Idempotency:
    """The client's Idempotency-Key, to be stored with the call in one transaction.

    Attributes:
        digest: of the path and the body, 64 hexadecimal digits: another request may not use the key.
        answer: makes the HTTP status and the body to be stored, which a repetition gets.
    """

    key: str
    digest: str
    answer: Callable[[Accepted], tuple[int, str]] = field(repr=False)


class CallService(Protocol):
    """The heart, as the API sees it. The application is authenticated, in good standing, and of the kind."""

    def submit(self, app: ClientApp, order: Order, idempotency: Idempotency | None) -> "Deferred[Accepted]":
        """Check the order against numbers, files, templates and quotas, store it, and let it be called.

        Fires when call, CDR row and answer are on disk. Errback: Refusal.
        """
        ...

    def stop(self, app: ClientApp, session: str) -> "Deferred[None]":
        """Release a running call. Errback: Refusal 1020152 for one that is unknown, foreign or over (D11)."""
        ...


class KnownAnswer(Protocol):
    """What was answered under an Idempotency-Key (ivrcore.service.store.idempotency.StoredAnswer)."""

    @property
    def digest(self) -> str:
        """Of the request that was answered."""
        ...

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    @property
    def body(self) -> str:
        """JSON, as it was sent."""
        ...


@dataclass(frozen=True)
class LoginTokens:
    """What fastlogin gives."""

    token: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_in_s: int


class TokenPort(Protocol):
    """The store of the oldest login style (ivrcore.service.store.tokens)."""

    def issue(self, app_key: str, now: datetime) -> "Deferred[LoginTokens]":
        """Make a pair of tokens."""
        ...

    def find(self, token: str, now: datetime) -> "Deferred[str | None]":
        """The app_key a valid token belongs to."""
        ...

    def refresh(self, refresh: str, app_key: str, now: datetime) -> "Deferred[LoginTokens | None]":
        """Exchange a refresh token of this application for a new pair; None for an unknown one."""
        ...

    def revoke(self, token: str) -> "Deferred[None]":
        """Forget a token; an unknown one as well."""
        ...


@dataclass(frozen=True)
class Ports:
    """All that is injected into the API.

    Attributes:
        service: takes orders.
        app_by_key: the application of an app_key, None for an unknown one.
        first_use: (app_key, nonce, now): True exactly once for a nonce, and remembers it.
        known_answer: (app_key, idempotency key): None when nothing was accepted under it.
        recording: by file name, None for an unknown or deleted one.
        tokens: None where the oldest login style is off.
        now: the time, aware and in UTC.
    """

    service: CallService
    app_by_key: "Callable[[str], Deferred[ClientApp | None]]"
    first_use: "Callable[[str, str, datetime], Deferred[bool]]"
    known_answer: "Callable[[str, str], Deferred[KnownAnswer | None]]"
    recording: "Callable[[str], Deferred[Recording | None]]"
    now: Callable[[], datetime]
    tokens: TokenPort | None = None
