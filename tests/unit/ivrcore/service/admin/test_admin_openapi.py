"""The admin API against its part of the OpenAPI document."""

from typing import Any, TypeAlias

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from ivrcore.service.admin.operations import OPERATIONS, ROOT
from ivrcore.service.admin.testing import AdminWorld
from ivrcore.service.api.openapi import document
from ivrcore.service.api.settings import ApiSettings
from ivrcore.service.model import Role

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]

Operation: TypeAlias = APIOperation[Any, Any, Any, Any]
Case: TypeAlias = schemathesis.Case[Any]


def without_security() -> dict[str, Any]:
    """The document as if anybody could ask: else keys of its own making go before ours."""
    told: dict[str, Any] = document(ApiSettings(), with_admin=True)
    del told["components"]["securitySchemes"]
    for methods in told["paths"].values():
        for operation in methods.values():
            operation.pop("security", None)
    return told


SCHEMA = schemathesis.openapi.from_dict(without_security())
CASES = [
    pytest.param(operation, mode, id=f"{mode.value} {operation.label}")
    for operation in (found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok))
    for mode in GenerationMode
    if operation.path.startswith(ROOT)
    and (mode is GenerationMode.POSITIVE or list(operation.iter_parameters()) or operation.body)
]


@pytest.mark.parametrize(("operation", "mode"), CASES)
def test_every_answer_of_the_admin_api_is_documented(
    operation: Operation, mode: GenerationMode, admin: AdminWorld
) -> None:
    tried(operation, mode, admin)


def tried(operation: Operation, mode: GenerationMode, admin: AdminWorld, examples: int = 6) -> int:
    """Exchange a few requests by the document; how many were taken."""
    taken = 0

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=examples,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    def exchange(case: Case) -> None:
        nonlocal taken
        # Else nearly every account would be unknown, and nothing behind it tried.
        if mode is GenerationMode.POSITIVE and case.path_parameters:
            case.path_parameters["account"] = 1
            case.path_parameters["appKey"] = admin.apps[1].app_key
        headers = {"Authorization": f"Bearer {admin.keys[Role.OWNER, None]}"}
        response = case.call(base_url=admin.api.base, headers=headers, allow_redirects=False)
        assert response.status_code not in (401, 429)
        case.validate_response(response, checks=CHECKS)
        taken += response.status_code < 300

    exchange()
    return taken


@pytest.mark.parametrize("path", ["/accounts/{account}", "/accounts/{account}/apps/{appKey}"])
def test_what_the_admin_api_is_tried_with_is_also_taken(path: str, admin: AdminWorld) -> None:
    # Otherwise everything above might have been refused at the door.
    assert tried(SCHEMA[ROOT + path]["PATCH"], GenerationMode.POSITIVE, admin, 20)


def test_the_document_has_every_operation_and_none_without_the_admin_api() -> None:
    paths = document(ApiSettings(), with_admin=True)["paths"]
    assert isinstance(paths, dict)
    told = {(method.upper(), path) for path, methods in paths.items() for method in methods}
    assert {(one.method, ROOT + one.path) for one in OPERATIONS} <= told
    assert not any(path.startswith("/admin") for path in document(ApiSettings())["paths"])  # type: ignore[attr-defined]


def test_the_served_document_is_this_one(admin: AdminWorld) -> None:
    reply = admin.api.request("GET", "/openapi.json")
    paths = reply.json["paths"]
    assert isinstance(paths, dict)
    assert f"{ROOT}/accounts/{{account}}/voices/{{name}}" in paths
