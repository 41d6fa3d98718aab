"""The answers of the admin API: one pydantic model each, for the wire and for /openapi.json."""

import math
from datetime import datetime
from typing import Annotated, Self

from pydantic import Field

from ivrcore.service.admin.models import Wire
from ivrcore.service.model import (
    Account,
    AuditEntry,
    ClientApp,
    Number,
    NumberState,
    Operator,
    Review,
    Role,
    Service,
    Standing,
    Template,
    VoiceFile,
)
from ivrcore.service.store.cdrs import Cdr


class AccountBody(Wire):
    """An account."""

    id: int
    name: str
    sp_id: str
    standing: Standing
    concurrency: int | None

    @classmethod
    def of(cls, account: Account) -> Self:
        """As the store has it."""
        return cls.model_construct(
            id=account.id,
            name=account.name,
            sp_id=account.sp_id,
            standing=account.standing,
            concurrency=account.concurrency,
        )


class AppBody(Wire):
    """An application, without its secret."""

    app_key: str
    account: int
    name: str
    service: Service
    standing: Standing
    recording: bool
    status_url: str
    fee_url: str
    concurrency: int
    calls_per_second: float
    allowed_ips: tuple[str, ...]

    @classmethod
    def of(cls, app: ClientApp, **more: str) -> Self:
        """As the store has it."""
        return cls.model_construct(
            app_key=app.app_key,
            account=app.account.id,
            name=app.name,
            service=app.service,
            standing=app.standing,
            recording=app.recording,
            status_url=app.status_url,
            fee_url=app.fee_url,
            concurrency=app.concurrency,
            calls_per_second=app.calls_per_second,
            allowed_ips=app.allowed_ips,
            **more,  # type: ignore[arg-type]  # never _fields_set
        )


class AppWithSecret(AppBody):
    """An application with a secret that was just made, and is not told again."""

    app_secret: Annotated[str, Field(repr=False)]


class NumberBody(Wire):
    """A number."""

    number: str
    bind_number: str
    app_key: str | None
    shared: bool
    state: NumberState
    issued_at: datetime | None
    released_at: datetime | None

    @classmethod
    def of(cls, number: Number) -> Self:
        """As the store has it."""
        return cls.model_construct(
            number=number.number,
            bind_number=number.bind_number,
            app_key=number.app_key,
            shared=number.shared,
            state=number.state,
            issued_at=number.issued_at,
            released_at=number.released_at,
        )


class VoiceBody(Wire):
    """A voice file. Levels are those of its active speech, and of its peak."""

    name: str
    state: Review
    reason: str
    sha256: str
    bytes: int
    duration_ms: int
    level_dbm0: Annotated[float | None, Field(alias="levelDbm0")]
    peak_dbm0: Annotated[float | None, Field(alias="peakDbm0")]

    @classmethod
    def of(cls, voice: VoiceFile) -> Self:
        """As the store has it."""
        return cls.model_construct(
            name=voice.name,
            state=voice.state,
            reason=voice.reason,
            sha256=voice.sha256,
            bytes=voice.n_bytes,
            duration_ms=voice.duration_ms,
            level_dbm0=_level(voice.level_dbm0),
            peak_dbm0=_level(voice.peak_dbm0),
        )


class TemplateBody(Wire):
    """A template."""

    id: str
    name: str
    content: str
    language: str
    state: Review
    reason: str

    @classmethod
    def of(cls, template: Template) -> Self:
        """As the store has it."""
        return cls.model_construct(
            id=template.id,
            name=template.name,
            content=template.content,
            language=template.language,
            state=template.state,
            reason=template.reason,
        )


class CallBody(Wire):
    """A call's record, as the search finds it. What is null is not known before the call has ended."""

    session_id: str
    account: int
    app_key: str
    service: Service
    caller: Annotated[str, Field(description="Who was called first: callerNbr, or calleeNbr of one leg.")]
    callee: str
    display_caller: str
    display_callee: str
    accepted_at: datetime
    ended_at: datetime | None
    state_code: int | None
    minutes: int
    amount: str

    @classmethod
    def of(cls, cdr: Cdr) -> Self:
        """As the store has it."""
        return cls.model_construct(
            session_id=cdr.session,
            account=cdr.account_id,
            app_key=cdr.app_key,
            service=cdr.service,
            caller=cdr.a_number,
            callee=cdr.b_number,
            display_caller=cdr.display_a,
            display_callee=cdr.display_b,
            accepted_at=cdr.accepted_at,
            ended_at=cdr.ended_at,
            state_code=cdr.state_code,
            minutes=cdr.billed_minutes_a + cdr.billed_minutes_b,
            amount=str(cdr.amount),
        )


class AuditBody(Wire):
    """One change."""

    id: int
    at: datetime
    who: str
    what: str
    target: str
    detail: dict[str, object]

    @classmethod
    def of(cls, entry: AuditEntry) -> Self:
        """As the store has it."""
        return cls.model_construct(
            id=entry.id,
            at=entry.at,
            who=entry.who,
            what=entry.what,
            target=entry.target,
            detail=dict(entry.detail),
        )


class OperatorBody(Wire):
    """An operator, without their key."""

    name: str
    role: Role
    account: int | None

    @classmethod
    def of(cls, operator: Operator, **more: str) -> Self:
        """As the store has it."""
        return cls.model_construct(
            name=operator.name,
            role=operator.role,
            account=operator.account_id,
            **more,  # type: ignore[arg-type]  # never _fields_set
        )


class OperatorWithKey(OperatorBody):
    """An operator with a key that was just made, and is not told again."""

    key: Annotated[str, Field(repr=False)]


class AccountList(Wire):
    """Accounts, by id."""

    items: list[AccountBody]


class AppList(Wire):
    """Applications, in the order they were made."""

    items: list[AppBody]


class NumberList(Wire):
    """Numbers, released ones included."""

    items: list[NumberBody]


class VoiceList(Wire):
    """Voice files, by name."""

    items: list[VoiceBody]


class TemplateList(Wire):
    """Templates, by id."""

    items: list[TemplateBody]


class CallList(Wire):
    """Calls, the last one first."""

    items: list[CallBody]


class AuditList(Wire):
    """Changes, the last one first."""

    items: list[AuditBody]


class OperatorList(Wire):
    """Operators, by name."""

    items: list[OperatorBody]


class ErrorDetail(Wire):
    """One property of a voice file that is wrong."""

    property: str
    message: str


class ErrorMembers(Wire):
    """What is wrong. `parameter` is empty where no one parameter is."""

    code: str
    message: str
    parameter: str
    details: list[ErrorDetail] | None = None


class ErrorBody(Wire):
    """The answer to a request that is refused."""

    error: ErrorMembers


def wire(answer: Wire) -> bytes:
    """An answer as it is sent."""
    return answer.model_dump_json(by_alias=True, warnings=False).encode()


def _level(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None
