"""What the OpenAPI document says of the admin API, made of the table of operations."""

from copy import deepcopy
from typing import TypeAlias

from pydantic import BaseModel
from pydantic.alias_generators import to_camel
from pydantic.json_schema import models_json_schema

from ivrcore.service.admin.answers import (
    ErrorBody,
)
from ivrcore.service.admin.operations import OPERATIONS, ROOT, Operation

Json: TypeAlias = dict[str, object]

SECURITY: Json = {
    "OperatorKey": {
        "type": "http",
        "scheme": "bearer",
        "description": "The key of an operator of the admin API.",
    }
}

_REFS = "#/components/schemas/{model}"
_JSON = "application/json"
_REFUSALS = {
    400: "A parameter is missing or wrong.",
    401: "There is no key, or it is wrong.",
    403: "The operator's role does not allow it.",
    404: "There is nothing by this address that the operator sees.",
    408: "The request was not whole in time.",
    409: "A rule of the service forbids it, or a running call does.",
    413: "The body is too long.",
    429: "Too many failures from this address.",
    500: "Internal error.",
    503: "The store is busy.",
}
_PATH_SCHEMAS: dict[str, Json] = {"account": {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}}


def schemas() -> Json:
    """The models of requests and answers, by name."""
    models: list[type[BaseModel]] = [ErrorBody]
    for operation in OPERATIONS:
        if operation.request is not None:
            models.append(operation.request)
        if isinstance(operation.answer, type):
            models.append(operation.answer)
    unique = list(dict.fromkeys(models))
    _, definitions = models_json_schema([(model, "validation") for model in unique], ref_template=_REFS)
    made: Json = deepcopy(definitions["$defs"])
    for schema in made.values():
        assert isinstance(schema, dict)
        for told in schema.get("properties", {}).values():
            told.pop("title", None)
    return made


def paths() -> Json:
    """The operations, by path and method."""
    made: dict[str, Json] = {}
    for operation in OPERATIONS:
        made.setdefault(ROOT + operation.path, {})[operation.method.lower()] = _operation(operation)
    return dict(made)


def _operation(operation: Operation) -> Json:
    told: Json = {
        "operationId": "admin" + to_camel(operation.name)[0].upper() + to_camel(operation.name)[1:],
        "summary": operation.summary,
        "tags": ["admin"],
        "security": [{"OperatorKey": []}],
        "parameters": _parameters(operation),
        "responses": {
            str(operation.status): _answer(operation),
            **{str(status): _refusal(status) for status in _REFUSALS},
        },
    }
    if operation.request is not None:
        content: Json = {_JSON: {"schema": {"$ref": _REFS.format(model=operation.request.__name__)}}}
        if operation.raw:
            content["application/octet-stream"] = {"schema": {"type": "string", "format": "binary"}}
        told["requestBody"] = {"required": True, "content": content}
    return told


def _parameters(operation: Operation) -> list[Json]:
    names = [part[1:-1] for part in operation.path.split("/") if part.startswith("{")]
    found: list[Json] = [
        {
            "name": name,
            "in": "path",
            "required": True,
            "schema": _PATH_SCHEMAS.get(name, {"type": "string", "minLength": 1, "maxLength": 128}),
        }
        for name in names
    ]
    for query in operation.queries:
        parameter: Json = {"name": query.name, "in": "query", "required": False, "schema": query.schema}
        if query.description:
            parameter["description"] = query.description
        found.append(parameter)
    return found


def _answer(operation: Operation) -> Json:
    if operation.answer is None:
        return {"description": "Done."}
    if isinstance(operation.answer, str):
        schema: Json = {"type": "string", "contentMediaType": operation.answer}
        return {"description": operation.summary, "content": {operation.answer: {"schema": schema}}}
    reference = {"$ref": _REFS.format(model=operation.answer.__name__)}
    return {"description": operation.summary, "content": {_JSON: {"schema": reference}}}


def _refusal(status: int) -> Json:
    reference = {"$ref": _REFS.format(model=ErrorBody.__name__)}
    return {"description": _REFUSALS[status], "content": {_JSON: {"schema": reference}}}
