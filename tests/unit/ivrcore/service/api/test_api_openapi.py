"""The OpenAPI document against the models, and the served API against the document."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
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
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from ivrcore.service.api.models import CallbackOrder, NotificationOrder, StopOrder, VerificationOrder
from ivrcore.service.api.openapi import DOCUMENT, SANDBOX, document
from ivrcore.service.api.settings import ApiSettings
from ivrcore.service.api.testing import KEY, ServedApi, World, demo_app, signed
from ivrcore.service.model import Recording, Service

STRICT = ApiSettings(lenient=False, block_failures=10**9, record_domain="record.example.com")

APPS = {
    "click2Call": "appOfCallbacks",
    "callnotify": "appOfNotifications",
    "callVerify": "appOfVerifications",
}


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedApi]:
    """An API that takes what its document says, and nothing else."""
    path = Path(tmp_path_factory.mktemp("recordings") / "a.wav")
    path.write_bytes(b"audio")
    world = World(now=datetime.now(UTC))
    for service, app_key in zip(Service, APPS.values(), strict=True):
        world.apps[app_key] = demo_app(service, app_key)
    world.recordings["a.wav"] = Recording("a.wav", "s", KEY, str(path), 5, 1.0, world.now)
    with ServedApi(world, STRICT) as api:
        yield api


CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
    negative_data_rejection,
]

Operation: TypeAlias = APIOperation[Any, Any, Any, Any]
Case: TypeAlias = schemathesis.Case[Any]

SCHEMA = schemathesis.openapi.from_dict(document(STRICT))
# The sandbox paths lead to the same handlers. Of a request without parameters nothing can be wrong.
CASES = [
    pytest.param(operation, mode, id=f"{mode.value} {operation.label}")
    for operation in (found.ok() for found in SCHEMA.get_all_operations() if isinstance(found, Ok))
    for mode in GenerationMode
    if not operation.path.startswith(SANDBOX)
    and (mode is GenerationMode.POSITIVE or operation.path != DOCUMENT)
]


@pytest.mark.parametrize(("operation", "mode"), CASES)
def test_every_answer_is_documented(operation: Operation, mode: GenerationMode, strict: ServedApi) -> None:
    app_key = next((key for name, key in APPS.items() if name in operation.path), KEY)

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=20,
        derandomize=True,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    def exchange(case: Case) -> None:
        signature = signed(app_key, at=strict.world.now)
        response = case.call(base_url=strict.base, headers=signature, allow_redirects=False)
        case.validate_response(response, checks=CHECKS)

    exchange()


def test_what_the_document_was_tried_with_was_also_taken(strict: ServedApi) -> None:
    # Otherwise everything above might have been refused at the door.
    kinds = {type(order) for order in strict.world.service.orders}
    assert kinds == {CallbackOrder, NotificationOrder, VerificationOrder}


def test_every_model_has_its_schema_with_every_parameter() -> None:
    schemas = document(ApiSettings(tts_content=True))["components"]["schemas"]  # type: ignore[index]
    for model in (CallbackOrder, NotificationOrder, VerificationOrder, StopOrder):
        names = {field.alias for field in model.model_fields.values()}
        assert set(schemas[model.__name__]["properties"]) == names
        mandatory = {field.alias for field in model.model_fields.values() if field.is_required()}
        assert set(schemas[model.__name__]["required"]) == mandatory


def test_flags_are_texts_and_no_default_stands_for_absence() -> None:
    text = json.dumps(document(ApiSettings()))
    assert '"default": ""' not in text
    assert '"default": false' not in text
    flag = document(ApiSettings())["components"]["schemas"]["CallbackOrder"]["properties"]["recordFlag"]  # type: ignore[index]
    assert flag == {"type": "string", "enum": ["true", "false"], "default": "false"}


def test_the_document_tells_what_the_settings_switch_on() -> None:
    plain = json.dumps(document(ApiSettings()))
    assert "ttsContent" not in plain
    assert "fastlogin" not in plain
    full = json.dumps(document(ApiSettings(tts_content=True, old_logins=True)))
    assert "ttsContent" in full
    assert "/rest/fastlogin/v1.0" in full
