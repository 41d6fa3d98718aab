"""The kinds of parameter the requests are made of: how each is read, and how the OpenAPI document tells it.

Lenient reading (D27) takes what known clients send beside the documented form: numbers for texts, texts for
numbers, JSON booleans for "true" and "false", a list as JSON text, Base64 with line breaks. A parameter that
is null or "" then counts as absent.
"""

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, NoReturn, TypeAlias
from urllib.parse import urlsplit

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    StrictBool,
    StrictInt,
    StrictStr,
    ValidationInfo,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from ivrcore.request import MAX_DIGITS, MAX_DURATION_MIN, MAX_TIMES, Language
from ivrcore.service.api.results import ResultCode


@dataclass(frozen=True)
class Reading:
    """How a request is read; see ApiSettings for each."""

    lenient: bool = True
    tts_content: bool = False
    sip_uris: bool = False


def reading_of(info: ValidationInfo) -> Reading:
    """The reading a validation was started with."""
    return info.context if isinstance(info.context, Reading) else Reading()


def refuse(result: ResultCode = ResultCode.INVALID_REQUEST, parameter: str = "") -> NoReturn:
    """Fail a validation with a result code; `parameter` where it is not the validated one."""
    raise PydanticCustomError("refused", "refused", {"result": result.name, "parameter": parameter})


def _text(value: object, info: ValidationInfo) -> object:
    if reading_of(info).lenient and isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def _integer(value: object, info: ValidationInfo) -> object:
    if not reading_of(info).lenient:
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,6}", value, re.ASCII):
        return int(value)
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


_FLAGS = {"true": True, "false": False}


def _flag(value: object, info: ValidationInfo) -> object:
    lenient = reading_of(info).lenient
    if isinstance(value, str):
        return _FLAGS.get(value.lower() if lenient else value, value)
    return value if lenient else refuse()


def _texts(value: object, info: ValidationInfo) -> object:
    if reading_of(info).lenient and isinstance(value, str):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            refuse()
    return value


_LONE_SURROGATE = re.compile("[\ud800-\udfff]")
"""JSON can escape half a character; no store and no answer can hold it."""


def _matches(pattern: str, result: ResultCode = ResultCode.INVALID_REQUEST) -> Callable[[str], str]:
    compiled = re.compile(pattern, re.ASCII)

    def check(value: str) -> str:
        return value if compiled.fullmatch(value) and not _LONE_SURROGATE.search(value) else refuse(result)

    return check


def _schema(low: int, high: int, pattern: str, **more: object) -> WithJsonSchema:
    return WithJsonSchema(
        {"type": "string", "minLength": low, "maxLength": high, "pattern": f"^{pattern}$", **more}
    )


def _encoded_flag(value: bool) -> str:
    return "true" if value else "false"


Flag: TypeAlias = Annotated[
    StrictBool,
    BeforeValidator(_flag),
    PlainSerializer(_encoded_flag),
    WithJsonSchema({"type": "string", "enum": ["true", "false"]}),
]
"""A boolean that travels as the text "true" or "false"."""

MaxDuration: TypeAlias = Annotated[StrictInt, Field(ge=0, le=MAX_DURATION_MIN), BeforeValidator(_integer)]
CollectInd: TypeAlias = Annotated[StrictInt, Field(ge=0, le=MAX_DIGITS), BeforeValidator(_integer)]
Times: TypeAlias = Annotated[StrictInt, Field(ge=0, le=MAX_TIMES), BeforeValidator(_integer)]
LanguageType: TypeAlias = Annotated[
    StrictInt,
    Field(ge=Language.CHINESE.value, le=Language.ENGLISH.value, description="1 Chinese, 2 English (D10)."),
    BeforeValidator(_integer),
]

_NUMBER = r"\+?[0-9]{3,30}"
_SIP_URI = re.compile(r"sips?:[^\s<>\"\x00-\x1f\x7f]{1,250}", re.ASCII)


def _number_shape(result: ResultCode, dialled: bool) -> Callable[[str, ValidationInfo], str]:
    compiled = re.compile(_NUMBER, re.ASCII)

    def check(value: str, info: ValidationInfo) -> str:
        uri = dialled and reading_of(info).sip_uris and _SIP_URI.fullmatch(value)
        if uri or (len(value) >= 4 and compiled.fullmatch(value)):
            return value
        refuse(result)

    return check


def _number(
    result: ResultCode, dialled: bool = False
) -> tuple[AfterValidator, BeforeValidator, WithJsonSchema]:
    """A telephone number's shape; whether it may be called or shown is for ivrcore.service.rules."""
    return AfterValidator(_number_shape(result, dialled)), BeforeValidator(_text), _schema(4, 31, _NUMBER)


DisplayNumber: TypeAlias = Annotated[StrictStr, *_number(ResultCode.INVALID_DISPLAY_NUMBER)]
CallerNumber: TypeAlias = Annotated[StrictStr, *_number(ResultCode.INVALID_CALLER_NUMBER, dialled=True)]
CalleeNumber: TypeAlias = Annotated[StrictStr, *_number(ResultCode.INVALID_REQUEST, dialled=True)]
BindNumber: TypeAlias = Annotated[StrictStr, *_number(ResultCode.INVALID_BIND_NUMBER)]

_FILE = r"[A-Za-z0-9._@-]{1,128}"
FileName: TypeAlias = Annotated[
    StrictStr, AfterValidator(_matches(_FILE)), BeforeValidator(_text), _schema(1, 128, _FILE)
]
"""Of a voice file: digits, letters and `- _ . @`."""

_TEMPLATE_ID = r"[A-Za-z0-9._-]{1,32}"
TemplateId: TypeAlias = Annotated[
    StrictStr, AfterValidator(_matches(_TEMPLATE_ID)), BeforeValidator(_text), _schema(1, 32, _TEMPLATE_ID)
]

_CODE = r"[0-9]{1,8}"
VerifyCode: TypeAlias = Annotated[
    StrictStr, AfterValidator(_matches(_CODE)), BeforeValidator(_text), _schema(1, 8, _CODE)
]

_KEYS = r"[0-9*#A-D]{1,32}"
Keys: TypeAlias = Annotated[
    StrictStr, AfterValidator(_matches(_KEYS)), BeforeValidator(_text), _schema(1, 32, _KEYS)
]

_CONTROL = r"\u0000-\u001f\u007f"
_CHINESE = r"\u3000-\u303f\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff00-\uffef"
_BRACES = "{}"
_USER_DATA = f"[^{_BRACES}{_CONTROL}{_CHINESE}]{{1,256}}"


def _user_data(value: str) -> str:
    # The document's pattern is for readers of UTF-16 too, so ideographs beyond the basic plane are told here.
    if any("\U00020000" <= character <= "\U0003ffff" for character in value):
        refuse()
    return value


UserData: TypeAlias = Annotated[
    StrictStr,
    AfterValidator(_matches(_USER_DATA)),
    AfterValidator(_user_data),
    BeforeValidator(_text),
    _schema(1, 256, _USER_DATA),
]
"""The client's correlation text: no braces, no Chinese; no control characters, not every store keeps them."""

_SESSION = r"[\u0021-\u007e]{1,256}"
SessionId: TypeAlias = Annotated[StrictStr, AfterValidator(_matches(_SESSION)), _schema(1, 256, _SESSION)]

_VALUE = f"[^${_BRACES}{_CONTROL}]{{0,900}}"
TemplateValue: TypeAlias = Annotated[
    StrictStr, AfterValidator(_matches(_VALUE)), BeforeValidator(_text), _schema(0, 900, _VALUE)
]
"""What one variable of a template is filled with; its own rule is the template's."""

TemplateValues: TypeAlias = Annotated[tuple[TemplateValue, ...], BeforeValidator(_texts)]

MAX_TTS_BYTES = 900
"""Of a text in UTF-8, as of a template's."""


def _tts_content(value: str, info: ValidationInfo) -> str:
    if not reading_of(info).tts_content or not 1 <= len(value.encode()) <= MAX_TTS_BYTES:
        refuse()
    return value


_TTS = f"[^{_CONTROL}]{{1,900}}"
TtsContent: TypeAlias = Annotated[
    StrictStr, AfterValidator(_matches(_TTS)), AfterValidator(_tts_content), _schema(1, 900, _TTS)
]
"""A free text, where the setting allows it (D9)."""

_URL_STRICT = re.compile(r"https?://[A-Za-z0-9:./_#?&-]+", re.ASCII)
_URL_LENIENT = re.compile(r"https?://[A-Za-z0-9:./_#?&=%~+,\[\]-]+", re.ASCII)
MAX_URL_BASE64 = 128


def _push_url(value: str, info: ValidationInfo) -> str:
    lenient = reading_of(info).lenient
    if lenient:  # some encoders break lines, and some leave the padding away
        value = "".join(value.split())
        value += "=" * (-len(value) % 4)
    if len(value) > MAX_URL_BASE64:
        refuse()
    try:
        url = base64.b64decode(value, validate=True).decode("ascii")
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except (binascii.Error, ValueError):
        refuse()
    pattern = _URL_LENIENT if lenient else _URL_STRICT
    if not pattern.fullmatch(url) or not host or port == 0:
        refuse()
    return url


def _encoded_url(url: str) -> str:
    return base64.b64encode(url.encode()).decode()


PushUrl: TypeAlias = Annotated[
    StrictStr,
    AfterValidator(_push_url),
    PlainSerializer(_encoded_url),
    WithJsonSchema({"type": "string", "minLength": 1, "maxLength": 128, "contentEncoding": "base64"}),
]
"""An address for pushes: travels in Base64, and is decoded here (D21). "" stands for none."""
