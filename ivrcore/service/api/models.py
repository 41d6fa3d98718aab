"""The requests and answers of the API: one pydantic model each, and the single source of /openapi.json.

Attributes are in snake_case and travel in the service's camelCase. Fields stand in the documented order, and
the first one that offends is the one that is named to the client. Nothing here asks a store: whether a number
may be used, a file exists or a template is approved is for those who take the order.
"""

import json
from collections.abc import Mapping
from typing import Annotated, Self, TypeVar

from pydantic import (
    AliasGenerator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic.alias_generators import to_camel

from ivrcore.request import (
    MAX_ELEMENTS,
    CalleeMedia,
    Language,
    WarnedParty,
)
from ivrcore.service.api.errors import Refusal, invalid
from ivrcore.service.api.fields import (
    BindNumber,
    CalleeNumber,
    CallerNumber,
    CollectInd,
    DisplayNumber,
    FileName,
    Flag,
    Keys,
    LanguageType,
    MaxDuration,
    PushUrl,
    Reading,
    SessionId,
    TemplateId,
    TemplateValues,
    Times,
    TtsContent,
    UserData,
    VerifyCode,
    reading_of,
    refuse,
)
from ivrcore.service.api.results import ResultCode

UNSTORED = frozenset({"verifyCode", "templateParas", "ttsContent", "collectContentTriggerReplaying"})
"""Parameters that may hold a secret: they are in no repr, log or store."""


class _Request(BaseModel):
    """What all requests share: frozen, unknown members ignored (D30), no value shown in an error."""

    model_config = ConfigDict(
        frozen=True,
        extra="ignore",
        alias_generator=AliasGenerator(alias=to_camel),
        hide_input_in_errors=True,
    )

    @model_validator(mode="before")
    @classmethod
    def _empty_is_absent(cls, data: object, info: ValidationInfo) -> object:
        if isinstance(data, Mapping) and reading_of(info).lenient:
            return {name: value for name, value in data.items() if value is not None and value != ""}
        return data

    def as_request(self) -> dict[str, object]:
        """The parameters that were sent, by their names on the wire, without what may be secret."""
        sent: dict[str, object] = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return _without_secrets(sent)


def _without_secrets(sent: Mapping[str, object]) -> dict[str, object]:
    kept: dict[str, object] = {}
    for name, value in sent.items():
        if name == "playInfoList" and isinstance(value, list):
            kept[name] = [_without_secrets(element) for element in value]
        elif name not in UNSTORED:
            kept[name] = value
    return kept


class CallbackOrder(_Request):
    """click2Call: call A, then B, and bridge them."""

    display_nbr: DisplayNumber
    caller_nbr: CallerNumber
    display_callee_nbr: DisplayNumber
    callee_nbr: CalleeNumber
    bind_nbr: BindNumber = ""
    max_duration: MaxDuration = 0
    last_min_voice: FileName = ""
    last_min_to_ue: Annotated[WarnedParty, Field(alias="lastMinToUE")] = WarnedParty.BOTH
    play_pre_voice: Flag = False
    pre_voice: FileName = ""
    wait_voice: FileName = ""
    callee_media: CalleeMedia = CalleeMedia.ALL
    status_url: PushUrl = ""
    fee_url: PushUrl = ""
    record_flag: Flag = False
    record_hint_tone: FileName = ""
    party_type_required_in_disconnect: Flag = False
    return_idle_port: Flag = False
    user_data: UserData = ""
    call_back_tone: FileName = ""

    def voices(self) -> tuple[str, ...]:
        """The files that must exist: those with an effect, and callBackTone (D8), in documented order."""
        named = (
            self.last_min_voice if self.max_duration else "",
            self.pre_voice if self.play_pre_voice else "",
            self.wait_voice,
            self.record_hint_tone if self.record_flag else "",
            self.call_back_tone,
        )
        return tuple(name for name in named if name)


class PlayContentInfo(_Request):
    """One element of a notification: a voice file, a template with its values, or a text (D9)."""

    notify_voice: FileName = ""
    template_id: TemplateId = ""
    template_paras: Annotated[TemplateValues, Field(repr=False)] = ()
    collect_ind: CollectInd = 0
    replay_after_collection: Flag = False
    collect_content_trigger_replaying: Annotated[Keys, Field(repr=False)] = ""
    tts_content: Annotated[TtsContent, Field(repr=False)] = ""

    @model_validator(mode="after")
    def _one_content(self) -> Self:
        contents = [bool(self.notify_voice), bool(self.template_id), bool(self.tts_content)]
        if not any(contents):
            refuse(parameter="notifyVoice")
        if sum(contents) > 1:
            refuse(parameter="templateId" if self.template_id else "ttsContent")
        if self.template_id and "template_paras" not in self.model_fields_set:
            refuse(parameter="templateParas")
        return self


class NotificationOrder(_Request):
    """callnotify: call A and play up to five elements."""

    display_nbr: DisplayNumber
    callee_nbr: CalleeNumber
    play_info_list: Annotated[tuple[PlayContentInfo, ...], Field(min_length=1, max_length=MAX_ELEMENTS)]
    status_url: PushUrl = ""
    fee_url: PushUrl = ""
    return_idle_port: Flag = False
    user_data: UserData = ""
    bind_nbr: BindNumber = ""

    def voices(self) -> tuple[str, ...]:
        """The files that must exist, in the order they are played."""
        return tuple(element.notify_voice for element in self.play_info_list if element.notify_voice)


class VerificationOrder(_Request):
    """callVerify: call A and speak a code."""

    display_nbr: DisplayNumber
    callee_nbr: CalleeNumber
    language_type: LanguageType
    pre_tone: FileName
    verify_code: Annotated[VerifyCode, Field(repr=False)]
    pos_tone: FileName = ""
    times: Times = 3
    status_url: PushUrl = ""
    fee_url: PushUrl = ""
    return_idle_port: Flag = False
    user_data: UserData = ""
    bind_nbr: BindNumber = ""

    @property
    def language(self) -> Language:
        """languageType."""
        return Language(self.language_type)

    def voices(self) -> tuple[str, ...]:
        """The files that must exist, in the order they are played."""
        return tuple(name for name in (self.pre_tone, self.pos_tone) if name)


class StopOrder(_Request):
    """callStop: release both legs of a running session."""

    session_id: Annotated[SessionId, Field(alias="sessionid")]
    signal: Annotated[str, Field(json_schema_extra={"const": "call_stop"})]

    @model_validator(mode="after")
    def _known_signal(self) -> Self:
        if self.signal != "call_stop":
            refuse(parameter="signal")
        return self


class ResultBody(BaseModel):
    """The answer to a request that starts nothing, and to every one that is refused."""

    resultcode: Annotated[str, Field(min_length=1, max_length=32)]
    resultdesc: Annotated[str, Field(min_length=1, max_length=128)]


class AcceptedBody(ResultBody):
    """The answer to an accepted order."""

    session_id: Annotated[str, Field(alias="sessionId", min_length=1, max_length=256)]
    idle_port: Annotated[int | None, Field(alias="idlePort", ge=0, le=65535)] = None


class TokenBody(ResultBody):
    """The answer to fastlogin and to a refresh; the oldest login style."""

    access_token: Annotated[str, Field(repr=False)]
    refresh_token: Annotated[str, Field(repr=False)]
    expires_in: Annotated[str, Field(description="seconds")]


R = TypeVar("R", bound=_Request)


def read(model: type[R], data: object, reading: Reading) -> R:
    """Read a request.

    Args:
        data: the parsed JSON.

    Raises:
        Refusal: it is no object, or a parameter offends; the first one in documented order is named.
    """
    if not isinstance(data, Mapping):
        raise invalid("body is not a JSON object")
    try:
        return model.model_validate(data, context=reading)
    except ValidationError as error:
        raise _refusal(error) from None


def _refusal(error: ValidationError) -> Refusal:
    first = error.errors(include_url=False, include_input=False)[0]
    about = first.get("ctx", {})
    names = [str(step) for step in first["loc"] if isinstance(step, str)]
    parameter = str(about.get("parameter") or (names[-1] if names else "body"))
    result = ResultCode.INVALID_REQUEST
    if first["type"] == "refused":
        result = ResultCode[str(about["result"])]
    return Refusal(result, parameter if result is ResultCode.INVALID_REQUEST else "")


def parse_json(body: bytes) -> object:
    """Parse a request's body.

    Raises:
        Refusal: not UTF-8, not JSON (NaN and Infinity are not), nested too deeply, a number too large,
            or a member that is there twice, of which one reader would take the first and another the last.
    """
    try:
        text = body.decode("utf-8-sig")  # a byte order mark is no sin of the client's
    except UnicodeDecodeError:
        raise invalid("body is not UTF-8") from None
    try:
        parsed: object = json.loads(
            text, parse_constant=_no_constant, parse_float=_finite, object_pairs_hook=_unique
        )
    except (ValueError, RecursionError):
        raise invalid("body is not JSON") from None
    return parsed


def _no_constant(name: str) -> object:
    raise ValueError(name)


def _finite(digits: str) -> float:
    number = float(digits)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number beyond what a double holds")
    return number


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    members = dict(pairs)
    if len(members) != len(pairs):
        seen: set[str] = set()
        for name, _ in pairs:
            if name in seen:
                shown = name if name.isascii() and name.isalnum() and len(name) <= 32 else "a member"
                raise invalid(f"{shown} is there twice")
            seen.add(name)
    return members
