"""The OpenAPI document, made of the pydantic models: nothing in it is written twice."""

from collections.abc import Iterable
from copy import deepcopy
from typing import TypeAlias

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from ivrcore.service.admin import openapi as admin
from ivrcore.service.api import recordings
from ivrcore.service.api.models import (
    AcceptedBody,
    CallbackOrder,
    NotificationOrder,
    ResultBody,
    StopOrder,
    TokenBody,
    VerificationOrder,
)
from ivrcore.service.api.results import ResultCode
from ivrcore.service.api.settings import ApiSettings

Json: TypeAlias = dict[str, object]

CALLBACK = "/rest/httpsessions/click2Call/v2.0"
NOTIFY = "/rest/httpsessions/callnotify/v2.0"
NOTIFY_OLD = "/rest/httpsessions/callnotify/v1.0"
VERIFY = "/rest/httpsessions/callVerify/v1.0"
STOP = "/rest/httpsessions/callStop/v2.0"
RECORD = "/rest/provision/voice/record/v1.0"
SANDBOX = "/sandbox"
LOGIN = "/rest/fastlogin/v1.0"
REFRESH = "/omp/oauth/refresh"
LOGOUT = "/rest/logout/v1.0"
RECORDING_FILE = f"{recordings.PATH}/{{name}}"
DOCUMENT = "/openapi.json"

PATHS = (CALLBACK, NOTIFY, NOTIFY_OLD, VERIFY, STOP, RECORD, DOCUMENT, LOGIN, REFRESH, LOGOUT)
"""Those that metrics tell apart."""

_REFS = "#/components/schemas/{model}"
_JSON = "application/json"
_AUDIO = "audio/wav"
_STATUSES = {
    400: "A header or attribute of the authentication is missing or wrong, or the request is no HTTP.",
    403: "Refused; resultcode and resultdesc tell why.",
    404: "There is nothing by this address.",
    408: "The request was not whole in time.",
    409: "A request with the same Idempotency-Key is being carried out.",
    413: "The body is too long.",
    422: "The Idempotency-Key was used for another request.",
    500: "Internal error.",
}


def document(settings: ApiSettings, *, with_admin: bool = False) -> Json:
    """The document, as /openapi.json gives it; the admin API is in it where it is served."""
    models: list[type[BaseModel]] = [
        CallbackOrder, NotificationOrder, VerificationOrder, StopOrder, AcceptedBody, ResultBody, TokenBody,
    ]  # fmt: skip
    _, definitions = models_json_schema([(model, "validation") for model in models], ref_template=_REFS)
    schemas = deepcopy(definitions["$defs"])
    for schema in schemas.values():
        _tidy(schema)
    if not settings.tts_content:
        del schemas["PlayContentInfo"]["properties"]["ttsContent"]
    _either_content(schemas["PlayContentInfo"])
    if not settings.old_logins:
        del schemas["TokenBody"]
    told: Json = {
        "openapi": "3.1.0",
        "info": {
            "title": "Voice calls",
            "version": "1",
            "description": "Callback, notification and verification calls. Result codes: " + _codes(),
        },
        "paths": _paths(settings),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "XAKSK": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "X-AKSK",
                    "description": 'UsernameToken Username="app_key", PasswordDigest="Base64(HMAC-SHA256('
                    'secret, Nonce + Created))", Nonce="…", Created="yyyy-MM-ddTHH:mm:ssZ"; and '
                    'Authorization: AKSK realm="SDP",profile="UsernameToken",type="Appkey".',
                }
            },
        },
    }
    if with_admin:
        components = told["components"]
        assert isinstance(components, dict)
        schemas |= admin.schemas()
        components["securitySchemes"] |= admin.SECURITY
        told["paths"] = _paths(settings) | admin.paths()
    return told


def _codes() -> str:
    return "; ".join(f"{result.code} {result.text}" for result in ResultCode)


def _tidy(schema: Json) -> None:
    """Take out pydantic's titles, and the defaults that only stand for absence in Python."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return
    for told in properties.values():
        told.pop("title", None)
        if told.get("default") in ("", [], None):
            told.pop("default", None)
        elif isinstance(told.get("default"), bool):
            told["default"] = "true" if told["default"] else "false"


def _either_content(element: Json) -> None:
    """What PlayContentInfo checks as a whole: one content, and values with a template."""
    properties = element["properties"]
    assert isinstance(properties, dict)
    contents = [name for name in ("notifyVoice", "templateId", "ttsContent") if name in properties]
    element["oneOf"] = [
        {"required": [name, "templateParas"] if name == "templateId" else [name]} for name in contents
    ]


def _paths(settings: ApiSettings) -> Json:
    paths: Json = {}
    orders = (
        (CALLBACK, "CreateVoiceCallback", CallbackOrder),
        (NOTIFY, "CreateVoiceNotification", NotificationOrder),
        (NOTIFY_OLD, "CreateVoiceNotificationV1", NotificationOrder),
        (VERIFY, "CreateVoiceVerificationCode", VerificationOrder),
    )
    for path, operation, model in orders:
        paths[path] = {"post": _post(operation, model, AcceptedBody, (_IDEMPOTENCY_KEY,))}
    paths[STOP] = {"post": _post("StopCall", StopOrder, ResultBody, ())}
    for path in list(paths):
        told = deepcopy(paths[path])
        assert isinstance(told, dict)
        told["post"]["operationId"] += "Sandbox"
        paths[SANDBOX + path] = told
    paths[RECORD] = {"get": _record()}
    paths[RECORDING_FILE] = {"get": _recording_file()}
    paths[DOCUMENT] = {"get": _own_document()}
    if settings.old_logins:
        paths |= _old_logins()
    return paths


def _answer(model: type[BaseModel], description: str) -> Json:
    reference = {"$ref": _REFS.format(model=model.__name__)}
    return {"description": description, "content": {_JSON: {"schema": reference}}}


def _refusals(statuses: Iterable[int]) -> Json:
    return {str(status): _answer(ResultBody, _STATUSES[status]) for status in statuses}


_IDEMPOTENCY_KEY: Json = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "A repetition of the request under the same key within 24 hours gets the first answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": 128, "pattern": "^[!-~]{1,128}$"},
}


def _post(
    operation: str, request: type[BaseModel], answer: type[BaseModel], headers: tuple[Json, ...]
) -> Json:
    body = {"$ref": _REFS.format(model=request.__name__)}
    return {
        "operationId": operation,
        "summary": (request.__doc__ or "").splitlines()[0],
        "security": [{"XAKSK": []}],
        "parameters": list(headers),
        "requestBody": {"required": True, "content": {_JSON: {"schema": body}}},
        "responses": {
            "200": _answer(answer, "Accepted."),
            **_refusals((400, 403, 408, 409, 413, 422, 500) if headers else (400, 403, 408, 413, 500)),
        },
    }


def _query(name: str, high: int) -> Json:
    return {
        "name": name,
        "in": "query",
        "required": True,
        "schema": {"type": "string", "minLength": 1, "maxLength": high},
    }


def _record() -> Json:
    return {
        "operationId": "ShowVoiceRecord",
        "summary": "Where a recording can be fetched.",
        "security": [{"XAKSK": []}],
        "parameters": [_query("fileName", 128), _query("recordDomain", 128)],
        "responses": {
            "301": {
                "description": "The address, good for a while, is in Location.",
                "headers": {"Location": {"schema": {"type": "string"}, "required": True}},
            },
            **_refusals((400, 403, 408, 413, 500)),
        },
    }


def _recording_file() -> Json:
    content = {_AUDIO: {"schema": {"type": "string", "contentMediaType": _AUDIO}}}
    return {
        "operationId": "GetRecording",
        "summary": "A recording, by the signed address of ShowVoiceRecord.",
        "parameters": [
            {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}},
            _query("Expires", 16),
            _query("Signature", 64),
        ],
        "responses": {
            "200": {"description": "The whole of it.", "content": content},
            "206": {"description": "The range that was asked for.", "content": content},
            "304": {"description": "Not changed since."},
            "416": {"description": "No such range."},
            **_refusals((400, 403, 404, 408, 413, 500)),
        },
    }


def _own_document() -> Json:
    return {
        "operationId": "GetDocument",
        "summary": "This document.",
        "responses": {
            "200": {"description": "OpenAPI 3.1.", "content": {_JSON: {"schema": {"type": "object"}}}},
            **_refusals((400, 403, 408, 413, 500)),
        },
    }


def _old_logins() -> Json:
    paths: Json = {}
    steps: tuple[tuple[str, str, type[BaseModel], tuple[str, ...]], ...] = (
        (LOGIN, "FastLogin", TokenBody, ("app_key", "username")),
        (REFRESH, "RefreshToken", TokenBody, ("app_key", "app_secret", "refresh_token")),
        (LOGOUT, "LogOut", ResultBody, ("app_key", "access_token")),
    )
    for path, operation, answer, parameters in steps:
        responses: Json = {"200": _answer(answer, "Done."), **_refusals((400, 403, 408, 413, 500))}
        queries = [_query(name, 128) for name in parameters]
        paths[path] = {"post": {"operationId": operation, "parameters": queries, "responses": responses}}
    return paths
