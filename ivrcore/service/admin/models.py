"""The requests of the admin API: one pydantic model each, for the wire and for /openapi.json.

Attributes are in snake_case and travel in camelCase. Unlike the customers' API nothing is lenient here: an
unknown member or a number in quotes is refused by its name. Secrets are in no repr and in no error.
"""

import base64
import binascii
import json
from ipaddress import ip_network
from typing import Annotated, Any, Literal, Self, TypeAlias, TypeVar

from pydantic import (
    AfterValidator,
    AliasGenerator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    model_validator,
)
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError

from ivrcore.service.admin.address import is_push_address
from ivrcore.service.admin.errors import AdminError
from ivrcore.service.api.errors import Refusal
from ivrcore.service.api.models import parse_json
from ivrcore.service.model import (
    NumberState,
    Review,
    Role,
    Service,
    Standing,
)

_NO_CONTROL = r"^[^\x00-\x1f\x7f]*$"

Name: TypeAlias = Annotated[str, Field(min_length=1, max_length=64, pattern=_NO_CONTROL)]
Reason: TypeAlias = Annotated[str, Field(max_length=512, pattern=_NO_CONTROL)]
AppKey: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
PhoneNumber: TypeAlias = Annotated[str, Field(pattern=r"^\+[0-9]{3,30}$")]


def _address(value: str) -> str:
    if value and not is_push_address(value):
        raise PydanticCustomError("address", "http(s)://host is needed, with a port and a path if need be")
    return value


PushAddress: TypeAlias = Annotated[
    str,
    Field(max_length=512, pattern=r"^(https?://[!-~]{1,500})?$", description="Empty: no pushes."),
    AfterValidator(_address),
]
OperatorName: TypeAlias = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,48}$")]


def _whole(value: object) -> object:
    return int(value) if isinstance(value, float) and value.is_integer() else value  # 10.0 is one in JSON


AccountId: TypeAlias = Annotated[int, Field(ge=1, le=2**31 - 1), BeforeValidator(_whole)]
Concurrency: TypeAlias = Annotated[int, Field(ge=0, le=100_000), BeforeValidator(_whole)]
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


def _no_default(schema: dict[str, Any]) -> None:
    schema.pop("default", None)


_UNNAMED: Any = Field(default=None, json_schema_extra=_no_default)
"""Of what a change need not name: null is no value of it, so the default is none of its type."""


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

    standing: Standing = _UNNAMED
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

    name: Name = _UNNAMED
    standing: Standing = _UNNAMED
    recording: bool = _UNNAMED
    status_url: PushAddress = _UNNAMED
    fee_url: PushAddress = _UNNAMED
    concurrency: Concurrency = _UNNAMED
    calls_per_second: CallsPerSecond = _UNNAMED
    allowed_ips: Annotated[tuple[Network, ...], Field(max_length=64)] = _UNNAMED


class NewNumber(Wire):
    """A fixed-line number to be issued, with its business number."""

    number: PhoneNumber
    bind_number: PhoneNumber | None = None
    app_key: AppKey | None = None
    shared: bool = False


class NumberChange(Change):
    """What of a number can be changed. Released is for ever; appKey null gives it to no application."""

    state: NumberState = _UNNAMED
    app_key: AppKey | None = None
    shared: bool = _UNNAMED


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
