"""The plain data that the parts of the service hand each other. No part's library shows here.

Moments are aware UTC datetimes. Digits, codes and secrets are hidden in every repr.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from ivrcore.events import Party


class Service(Enum):
    """What an application may order; fixed when it is made (FAQ 4.6)."""

    CALLBACK = "callback"
    NOTIFICATION = "notification"
    VERIFICATION = "verification"


class Standing(Enum):
    """Of an account or an application."""

    ACTIVE = "active"
    SUSPENDED = "suspended"


class NumberState(Enum):
    """Of a number (FAQ 5.10, 5.15). A paused one is replaced by another; a released one is gone."""

    IN_USE = "in use"
    PAUSED = "paused"
    RELEASED = "released"


class Review(Enum):
    """Of a voice file or template: only an approved one can be used (FAQ 6.1)."""

    UPLOADED = "uploaded"
    APPROVED = "approved"
    REJECTED = "rejected"


@dataclass(frozen=True)
class Account:
    """A customer. `concurrency`: calls at once over all its applications, None for no limit."""

    id: int
    name: str
    sp_id: str
    standing: Standing = Standing.ACTIVE
    concurrency: int | None = None
    password: str = field(default="", repr=False)
    """Of the oldest login style; "" forbids it."""


@dataclass(frozen=True)
class ClientApp:
    """One application of a customer (app_key), as the API needs it."""

    app_key: str
    secret: str = field(repr=False)
    account: Account
    name: str
    service: Service
    standing: Standing = Standing.ACTIVE
    recording: bool = False
    status_url: str = ""
    fee_url: str = ""
    concurrency: int = 10
    calls_per_second: float = 50.0
    allowed_ips: tuple[str, ...] = ()
    """Networks (CIDR) requests may come from; empty for any."""


@dataclass(frozen=True)
class Number:
    """A fixed-line number issued to an account (displayNbr, displayCalleeNbr) and its business number."""

    number: str
    account_id: int
    app_key: str | None
    """The application it belongs to; None: not yet assigned."""
    bind_number: str = ""
    shared: bool = False
    """Usable by every application of the account (D15)."""
    state: NumberState = NumberState.IN_USE
    issued_at: datetime | None = None
    released_at: datetime | None = None


@dataclass(frozen=True)
class VoiceFile:
    """A customer's prompt. Its audio is stored once for each content, by hash."""

    account_id: int
    name: str
    sha256: str
    n_bytes: int
    duration_ms: int
    state: Review = Review.UPLOADED
    reason: str = ""
    level_dbm0: float = 0.0
    peak_dbm0: float = 0.0


@dataclass(frozen=True)
class Template:
    """A text with variables, shared by the applications of an account (FAQ 6.9)."""

    id: str
    account_id: int
    name: str
    content: str
    state: Review = Review.UPLOADED
    reason: str = ""
    language: str = "zh"


@dataclass(frozen=True)
class Call:
    """An accepted request: one session, one CDR. `b_number` is "" where only A is called."""

    session: str
    app_key: str
    account_id: int
    service: Service
    accepted_at: datetime
    display_a: str
    """The number A sees: after the fall-back for a paused one."""
    a_number: str
    display_b: str = ""
    b_number: str = ""
    bind_number: str = ""
    status_url: str = ""
    fee_url: str = ""
    user_data: str = ""
    wants_party_type: bool = False
    record: bool = False
    recording_name: str = ""
    """File name of the recording, if there is to be one: yyMMddHHmmss and digits, `.wav`."""
    request: Mapping[str, object] = field(default_factory=dict, repr=False)
    """As received, without the verification code and without what templates were filled with."""
    worker: str = ""

    @property
    def legs(self) -> int:
        """How many legs it occupies."""
        return 2 if self.service is Service.CALLBACK else 1


class EventKind(Enum):
    """What a worker tells of a call: the customer's status events, and at last the record."""

    CALLOUT = "callout"
    ALERTING = "alerting"
    ANSWER = "answer"
    COLLECT_INFO = "collectInfo"
    DISCONNECT = "disconnect"
    RECORD = "record"


@dataclass(frozen=True)
class CallEvent:
    """One event of a call; (session, seq) names it for ever, seq counts from 1 without a gap.

    Attributes:
        party: whose leg; None for DISCONNECT and RECORD.
        digits: of COLLECT_INFO.
        state_code, release_point: of DISCONNECT.
        ended_by: of DISCONNECT; None when the platform ended the call.
        record: of RECORD: `CallRecord.as_json()`, and "tts": {"plays": n, "seconds": s}.
    """

    session: str
    seq: int
    kind: EventKind
    at: datetime
    party: Party | None = None
    digits: str = field(default="", repr=False)
    state_code: int = 0
    release_point: int = 0
    ended_by: Party | None = None
    record: Mapping[str, object] | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Recording:
    """A finished recording on disk."""

    name: str
    session: str
    app_key: str
    path: str
    n_bytes: int
    duration_s: float
    created_at: datetime


class PushKind(Enum):
    """What is pushed to a customer."""

    STATUS = "status"
    FEE = "fee"


class PushState(Enum):
    """Of an outbox row: to be sent (again), taken by the receiver, or given up into the spool."""

    PENDING = "pending"
    DELIVERED = "delivered"
    SPOOLED = "spooled"


@dataclass(frozen=True)
class Push:
    """One row of the outbox: a status event, or one CDR.

    Attributes:
        id: ascending; 0 for a row that is not stored yet.
        seq: of a status event within its session; 0 for a CDR.
        body: statusInfo's envelope, or one FeeInfo.
        group: CDRs that go in one message share it, from their first attempt on; "" before.
        due_at: when it may be sent (again).
    """

    id: int
    kind: PushKind
    app_key: str
    session: str
    seq: int
    url: str
    body: Mapping[str, object] = field(repr=False)
    created_at: datetime
    due_at: datetime
    attempts: int = 0
    state: PushState = PushState.PENDING
    group: str = ""
    last_error: str = ""


class Role(Enum):
    """What an operator of the admin API may do (ivrcore.service.admin.roles)."""

    OWNER = "owner"
    OPERATOR = "operator"
    REVIEWER = "reviewer"
    READER = "reader"


@dataclass(frozen=True)
class Operator:
    """Somebody who administers. `account_id`: the only account they see, None for the whole platform."""

    name: str
    role: Role
    account_id: int | None = None
    key_hash: str = field(default="", repr=False)
    created_at: datetime | None = None


@dataclass(frozen=True)
class AuditEntry:
    """One change, as the audit log keeps it.

    Attributes:
        id: ascending; 0 for an entry that is not stored yet.
        who: an operator, or `cli:` and the user of the operating system.
        what: the change: `app.create`, `voice.review`.
        target: a path, below `accounts/<id>` for whatever belongs to an account.
        detail: what was changed to what; without secrets.
    """

    id: int
    at: datetime
    who: str
    what: str
    target: str
    detail: Mapping[str, object] = field(default_factory=dict)
