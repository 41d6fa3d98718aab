"""Which voice files and templates the calls of an account that are up have been ordered with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sqlalchemy import Connection

from ivrcore.service.store import calls

VOICE_PARAMETERS = (
    "preVoice", "waitVoice", "recordHintTone", "lastMinVoice", "callBackTone", "preTone", "posTone",
    "notifyVoice",
)  # fmt: skip
TEMPLATE_PARAMETER = "templateId"


@dataclass(frozen=True)
class InUse:
    """Names that calls were ordered with."""

    voices: frozenset[str] = field(default=frozenset())
    templates: frozenset[str] = field(default=frozenset())


def named(request: Mapping[str, object]) -> InUse:
    """The names in a request as it was received."""
    elements = request.get("playInfoList")
    parts = [request, *(elements if isinstance(elements, list) else [])]
    voices: set[str] = set()
    templates: set[str] = set()
    for part in parts:
        if not isinstance(part, Mapping):
            continue
        voices.update(str(part[name]) for name in VOICE_PARAMETERS if part.get(name))
        if part.get(TEMPLATE_PARAMETER):
            templates.add(str(part[TEMPLATE_PARAMETER]))
    return InUse(frozenset(voices), frozenset(templates))


def in_use(connection: Connection, account_id: int) -> InUse:
    """The names that calls which have not ended were ordered with: no more than a port has calls."""
    found = [named(call.request) for call in calls.open_calls(connection) if call.account_id == account_id]
    return InUse(
        frozenset().union(*(names.voices for names in found)),
        frozenset().union(*(names.templates for names in found)),
    )
