"""One request to the admin API, as a handler gets it, and what a handler may answer beside a model."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeVar

from twisted.web.server import Request

from ivrcore.service.admin.by import By
from ivrcore.service.admin.errors import AdminError
from ivrcore.service.admin.models import Wire, read
from ivrcore.service.admin.operations import Operation
from ivrcore.service.model import Operator

M = TypeVar("M", bound=Wire)

_INTEGER = re.compile(r"[0-9]{1,10}", re.ASCII)
_BOOLEANS = {"true": True, "false": False}


@dataclass(frozen=True)
class Reply:
    """An answer that is no JSON."""

    content_type: str
    body: bytes = field(repr=False)
    file_name: str = ""


@dataclass(frozen=True)
class Asked:
    """A request by somebody who may.

    Attributes:
        account_id: of the path; 0 where it names none.
        path: the parts of the path by their names.
        query: what was given, read by its kind.
    """

    operator: Operator
    by: By
    account_id: int
    path: Mapping[str, str]
    query: Mapping[str, int | bool | str]
    body: bytes = field(repr=False)
    content_type: str
    model: type[Wire] | None

    def order(self, model: type[M]) -> M:
        """The body, read. Raises AdminError 400."""
        assert model is self.model, "the table of operations names another model"
        return read(model, self.body)

    def number(self, name: str) -> int | None:
        """An integer of the query, None when it is not there."""
        value = self.query.get(name)
        return value if isinstance(value, int) else None

    @property
    def limit(self) -> int:
        """How many to list."""
        return self.number("limit") or 100


def query_of(operation: Operation, request: Request) -> dict[str, int | bool | str]:
    """The query's parameters, read.

    Raises:
        AdminError: 400, one is unknown, is there twice, or offends its schema.
    """
    given = request.args or {}
    known = {query.name: query for query in operation.queries}
    found: dict[str, int | bool | str] = {}
    for raw_name, values in given.items():
        name = raw_name.decode(errors="replace")
        if name not in known:
            raise AdminError(400, "there is no such parameter", name[:64])
        try:
            value = values[0].decode()
        except UnicodeDecodeError:
            raise AdminError(400, "not UTF-8", name) from None
        if len(values) > 1:
            raise AdminError(400, "it is there twice", name)
        found[name] = _read(name, value, known[name].schema)
    return found


def _read(name: str, value: str, schema: Mapping[str, object]) -> int | bool | str:
    match schema["type"]:
        case "integer":
            number = int(value) if _INTEGER.fullmatch(value) else -1
            low, high = int(str(schema["minimum"])), int(str(schema["maximum"]))
            if not low <= number <= high:
                raise AdminError(400, f"an integer from {low} to {high} is needed", name)
            return number
        case "boolean":
            if value not in _BOOLEANS:
                raise AdminError(400, "true or false is needed", name)
            return _BOOLEANS[value]
        case _:
            if len(value) > int(str(schema["maxLength"])) or "\0" in value:
                raise AdminError(400, f"at most {schema['maxLength']} characters, none of them NUL", name)
            return value
