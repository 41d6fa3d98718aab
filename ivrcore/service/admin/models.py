"""The requests and answers of the admin API: one pydantic model each, for the wire and for /openapi.json.

Attributes are in snake_case and travel in camelCase. Unlike the customers' API nothing is lenient here: an
unknown member or a number in quotes is refused by its name. Secrets are in no repr and in no error.
"""

import base64
import binascii
import json
import math
from datetime import datetime
from ipaddress import ip_network
from typing import Annotated, Literal, Self, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    AliasGenerator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from ivrcore.service.admin.errors import AdminError
from ivrcore.service.api.errors import Refusal
from ivrcore.service.api.models import parse_json
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

_NO_CONTROL = r"^[^\x00-\x1f\x7f]*$"

Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=64, pattern=_NO_CONTROL)]
Reason: TypeAlias = Annotated[str, Field(max_length=512, pattern=_NO_CONTROL)]
AppKey: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
PhoneNumber: TypeAlias = Annotated[str, Field(pattern=r"^\+[0-9]{3,30}$")]
PushAddress: TypeAlias = Annotated[
    str, Field(max_length=512, pattern=r"^(https?://[!-~]{1,500})?$", description="Empty: no pushes.")
]
OperatorName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,48}$")]
AccountId: TypeAlias = Annotated[int, Field(ge=1, le=2**31 - 1)]
Concurrency: TypeAlias = Annotated[int, Field(ge=0, le=100_000)]
CallsPerSecond: TypeAlias = Annotated[float, Field(gt=0, le=10_000, allow_inf_nan=False)]


def _network(value: str) -> str:
    try:
        return str(ip_network(value, strict=False))
    except ValueError:
        raise PydanticCustomError("network", "an address or a network (CIDR) is needed") from None


Network: TypeAlias = Annotated[
    str, Field(max_length=64, pattern=r"^[0-9A-Fa-f:./]+$"), AfterValidator(_network)
]


class Wire(BaseModel):
    """What all of them share."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="forbid",
        alias_generator=AliasGenerator(alias=to_camel),
        hide_input_in_errors=True,
    )


class Change(Wire):
    """A change names at least one thing."""

    model_config = ConfigDict(json_schema_extra={"minProperties": 1})

    @model_validator(mode="after")
    def _something(self) -> Self:
        if not self.model_fields_set:
            raise PydanticCustomError("nothing", "nothing to change")
        return self


# -- requests ---------------------------------------------------------------------------------------------


class NewAccount(Wire):
    """A customer."""

    name: Name
    sp_id: Annotated[str | None, Field(min_length=1, max_length=64, pattern=_NO_CONTROL)] = None
    concurrency: Concurrency | None = None


class AccountChange(Change):
    """What of an account can be changed."""

    standing: Standing | None = None
    concurrency: Concurrency | None = None


class NewAppBody(Wire):
    """An application; its key and secret are made here, the service is fixed from then on."""

    name: Name
    service: Service
    recording: bool = False
    status_url: PushAddress = ""
    fee_url: PushAddress = ""
    concurrency: Concurrency = 10
    calls_per_second: CallsPerSecond = 50.0
    allowed_ips: Annotated[tuple[Network, ...], Field(max_length=64)] = ()


class AppChange(Change):
    """What of an application can be changed; recording can be switched on, never off."""

    name: Name | None = None
    standing: Standing | None = None
    recording: bool | None = None
    status_url: PushAddress | None = None
    fee_url: PushAddress | None = None
    concurrency: Concurrency | None = None
    calls_per_second: CallsPerSecond | None = None
    allowed_ips: Annotated[tuple[Network, ...] | None, Field(max_length=64)] = None


class NewNumber(Wire):
    """A fixed-line number to be issued, with its business number."""

    number: PhoneNumber
    bind_number: PhoneNumber | None = None
    app_key: AppKey | None = None
    shared: bool = False


class NumberChange(Change):
    """What of a number can be changed. Released is for ever; appKey null gives it to no application."""

    state: NumberState | None = None
    app_key: AppKey | None = None
    shared: bool | None = None


MAX_BASE64 = 4_000_000


def _decoded(value: str) -> str:
    try:
        base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise PydanticCustomError("base64", "Base64 is needed") from None
    return value


class VoiceUpload(Wire):
    """A voice file in JSON; as the raw body of the request it needs no Base64."""

    audio: Annotated[
        str,
        Field(
            min_length=4, max_length=MAX_BASE64, repr=False, json_schema_extra={"contentEncoding": "base64"}
        ),
        AfterValidator(_decoded),
    ]
    convert: bool = False

    @property
    def content(self) -> bytes:
        """The file."""
        return base64.b64decode(self.audio)


class ReviewBody(Wire):
    """A verdict; a rejection has a reason."""

    state: Literal["approved", "rejected"]
    reason: Reason = ""

    @model_validator(mode="after")
    def _reasoned(self) -> Self:
        if self.state == "rejected" and not self.reason.strip():
            raise PydanticCustomError("reason", "a rejection needs a reason", {"parameter": "reason"})
        return self

    @property
    def verdict(self) -> Review:
        """As the store has it."""
        return Review(self.state)


class TemplateText(Wire):
    """A template's text, at most 900 bytes of UTF-8; the rules are those of FAQ 6.7."""

    content: Annotated[str, Field(min_length=1, max_length=900, pattern=r"^[^\x00-\x09\x0b-\x1f\x7f]+$")]
    name: Annotated[str, Field(max_length=64, pattern=_NO_CONTROL)] = ""
    language: Literal["zh", "en"] = "zh"


class NewOperator(Wire):
    """An operator, of the whole platform unless an account is named."""

    name: OperatorName
    role: Role
    account: AccountId | None = None


# -- answers ----------------------------------------------------------------------------------------------


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


M = TypeVar("M", bound=Wire)


def read(model: type[M], body: bytes) -> M:
    """Read a request.

    Raises:
        AdminError: 400, no JSON, or the first parameter that offends.
    """
    try:
        parsed = parse_json(body)
    except Refusal as refusal:
        raise AdminError(400, refusal.detail) from None
    try:
        return model.model_validate_json(json.dumps(parsed))
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        names = [str(step) for step in first["loc"] if isinstance(step, str)]
        told = first.get("ctx", {}).get("parameter") or ".".join(names)
        raise AdminError(400, first["msg"], str(told)[:64]) from None


def wire(answer: Wire) -> bytes:
    """An answer as it is sent."""
    return answer.model_dump_json(by_alias=True, warnings=False).encode()


def _level(value: float) -> float | None:
    return round(value, 2) if math.isfinite(value) else None
