"""Every operation of the admin API in one table: its path, who may ask it, what it takes and what it gives.

The routes, the check of roles and /openapi.json are all made of this table.
"""

from dataclasses import dataclass, field
from typing import TypeAlias

from ivrcore.service.admin import answers as a
from ivrcore.service.admin import models as m
from ivrcore.service.admin.models import Wire
from ivrcore.service.admin.roles import Action

ROOT = "/admin/v1"
MAX_LIMIT = 1000


@dataclass(frozen=True)
class Query:
    """A parameter in the query. `schema`: as in the document; what is no string is read as an integer."""

    name: str
    schema: dict[str, object]
    description: str = ""


LIMIT = Query("limit", {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": 100})
_ID = {"type": "integer", "minimum": 1, "maximum": 2**31 - 1}

Answer: TypeAlias = type[Wire] | str | None
"""A model, a media type, or nothing at all (204)."""


@dataclass(frozen=True)
class Operation:
    """One operation.

    Attributes:
        name: of the handler, and in camelCase the operationId.
        action: what the role must allow; None: any operator may.
        raw: the request may be the file itself instead of JSON.
    """

    method: str
    path: str
    name: str
    summary: str
    action: Action | None
    answer: Answer
    request: type[Wire] | None = None
    status: int = 200
    queries: tuple[Query, ...] = field(default=())
    raw: bool = False

    @property
    def of_account(self) -> bool:
        """Whether it is about one account, named in its path."""
        return self.path.startswith("/accounts/{account}")

    @property
    def has_target(self) -> bool:
        """Whether its path names something that may not be there."""
        return "{" in self.path


_ACCOUNT = "/accounts/{account}"
_APPS, _APP = f"{_ACCOUNT}/apps", f"{_ACCOUNT}/apps/{{appKey}}"
_NUMBERS, _NUMBER = f"{_ACCOUNT}/numbers", f"{_ACCOUNT}/numbers/{{number}}"
_VOICES, _VOICE = f"{_ACCOUNT}/voices", f"{_ACCOUNT}/voices/{{name}}"
_TEMPLATES, _TEMPLATE = f"{_ACCOUNT}/templates", f"{_ACCOUNT}/templates/{{id}}"
_OPERATORS, _OPERATOR = "/operators", "/operators/{name}"

OPERATIONS = (
    Operation("GET", "/me", "me", "Who asks.", None, a.OperatorBody),
    Operation(
        "GET", "/accounts", "list_accounts", "The accounts the operator sees.", Action.READ, a.AccountList
    ),
    Operation(
        "POST",
        "/accounts",
        "create_account",
        "Make an account.",
        Action.CHANGE_ACCOUNTS,
        a.AccountBody,
        m.NewAccount,
        201,
    ),
    Operation("GET", _ACCOUNT, "get_account", "One account.", Action.READ, a.AccountBody),
    Operation(
        "PATCH",
        _ACCOUNT,
        "change_account",
        "Change an account.",
        Action.CHANGE_ACCOUNTS,
        a.AccountBody,
        m.AccountChange,
    ),
    Operation("GET", _APPS, "list_apps", "An account's applications.", Action.READ, a.AppList),
    Operation(
        "POST",
        _APPS,
        "create_app",
        "Make an application; its secret is shown this once.",
        Action.CHANGE_APPS,
        a.AppWithSecret,
        m.NewAppBody,
        201,
    ),
    Operation("GET", _APP, "get_app", "One application.", Action.READ, a.AppBody),
    Operation(
        "PATCH", _APP, "change_app", "Change an application.", Action.CHANGE_APPS, a.AppBody, m.AppChange
    ),
    Operation(
        "POST",
        f"{_APP}/secret",
        "replace_secret",
        "A new secret; the old one is good no more.",
        Action.CHANGE_APPS,
        a.AppWithSecret,
    ),
    Operation("GET", _NUMBERS, "list_numbers", "An account's numbers.", Action.READ, a.NumberList),
    Operation(
        "POST",
        _NUMBERS,
        "issue_number",
        "Issue a number.",
        Action.ISSUE_NUMBERS,
        a.NumberBody,
        m.NewNumber,
        201,
    ),
    Operation("GET", _NUMBER, "get_number", "One number.", Action.READ, a.NumberBody),
    Operation(
        "PATCH",
        _NUMBER,
        "change_number",
        "Pause, resume, release, assign or share a number.",
        Action.CHANGE_NUMBERS,
        a.NumberBody,
        m.NumberChange,
    ),
    Operation("GET", _VOICES, "list_voices", "An account's voice files.", Action.READ, a.VoiceList),
    Operation(
        "PUT",
        _VOICE,
        "put_voice",
        "Upload a voice file, as the body itself or in JSON.",
        Action.CHANGE_CONTENT,
        a.VoiceBody,
        m.VoiceUpload,
        raw=True,
        queries=(Query("convert", {"type": "boolean"}, "Make it right where it is not."),),
    ),
    Operation("GET", _VOICE, "get_voice", "One voice file.", Action.READ, a.VoiceBody),
    Operation(
        "DELETE", _VOICE, "delete_voice", "Delete a voice file.", Action.CHANGE_CONTENT, None, status=204
    ),
    Operation("GET", f"{_VOICE}/audio", "voice_audio", "What is heard.", Action.READ, "audio/wav"),
    Operation("GET", f"{_VOICE}/waveform", "voice_waveform", "Its waveform.", Action.READ, "image/png"),
    Operation(
        "POST",
        f"{_VOICE}/review",
        "review_voice",
        "Approve or reject a voice file.",
        Action.REVIEW,
        a.VoiceBody,
        m.ReviewBody,
    ),
    Operation("GET", _TEMPLATES, "list_templates", "An account's templates.", Action.READ, a.TemplateList),
    Operation(
        "POST",
        _TEMPLATES,
        "add_template",
        "Add a template; its id is made here.",
        Action.CHANGE_CONTENT,
        a.TemplateBody,
        m.TemplateText,
        201,
    ),
    Operation(
        "PUT",
        _TEMPLATE,
        "put_template",
        "Add a template under an id, or replace it.",
        Action.CHANGE_CONTENT,
        a.TemplateBody,
        m.TemplateText,
    ),
    Operation("GET", _TEMPLATE, "get_template", "One template.", Action.READ, a.TemplateBody),
    Operation(
        "DELETE", _TEMPLATE, "delete_template", "Delete a template.", Action.CHANGE_CONTENT, None, status=204
    ),
    Operation(
        "POST",
        f"{_TEMPLATE}/review",
        "review_template",
        "Approve or reject a template.",
        Action.REVIEW,
        a.TemplateBody,
        m.ReviewBody,
    ),
    Operation(
        "GET",
        "/cdrs",
        "search_calls",
        "Calls of the last two months.",
        Action.SEARCH_CALLS,
        a.CallList,
        queries=(
            Query(
                "fragment",
                {"type": "string", "maxLength": 256},
                "Of sessionId, caller or callee; none for all.",
            ),
            Query("account", _ID),
            LIMIT,
        ),
    ),
    Operation(
        "GET",
        "/audit",
        "list_audit",
        "The audit log, the last change first.",
        Action.READ_AUDIT,
        a.AuditList,
        queries=(Query("account", _ID), Query("before", _ID, "Only smaller ids."), LIMIT),
    ),
    Operation(
        "GET", _OPERATORS, "list_operators", "Every operator.", Action.CHANGE_OPERATORS, a.OperatorList
    ),
    Operation(
        "POST",
        _OPERATORS,
        "create_operator",
        "Make an operator; the key is shown this once.",
        Action.CHANGE_OPERATORS,
        a.OperatorWithKey,
        m.NewOperator,
        201,
    ),
    Operation(
        "DELETE",
        _OPERATOR,
        "delete_operator",
        "Forget an operator.",
        Action.CHANGE_OPERATORS,
        None,
        status=204,
    ),
    Operation(
        "POST",
        f"{_OPERATOR}/key",
        "replace_key",
        "A new key; the old one is good no more.",
        Action.CHANGE_OPERATORS,
        a.OperatorWithKey,
    ),
)
