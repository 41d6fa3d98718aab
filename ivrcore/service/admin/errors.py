"""How the admin API says no: `{"error": {"code", "message", "parameter"}}`, and `details` of a voice file."""

import json
from collections.abc import Mapping, Sequence

from ivrcore.service.api.errors import Refusal
from ivrcore.service.content.template import TemplateError
from ivrcore.service.content.voices import VoiceFileError
from ivrcore.service.store.errors import NotFound, RefusedChange, StoreBusy
from media.errors import MediaFileError

CODES = {
    400: "invalid",
    401: "unauthorized",
    403: "forbidden",
    404: "not_found",
    405: "method_not_allowed",
    408: "too_slow",
    409: "refused",
    413: "too_large",
    429: "too_many_failures",
    500: "internal",
    503: "busy",
}


class AdminError(Exception):
    """A request that is refused. The text is one line for a person, without a secret.

    Attributes:
        status: HTTP status, one of CODES.
        parameter: what of the request is wrong; "" for none in particular.
        details: every property of a voice file that is wrong.
    """

    def __init__(
        self, status: int, message: str, parameter: str = "", details: Sequence[Mapping[str, str]] = ()
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.parameter = parameter
        self.details = tuple(details)

    def body(self) -> bytes:
        """The answer."""
        error: dict[str, object] = {
            "code": CODES[self.status],
            "message": self.message,
            "parameter": self.parameter,
        }
        if self.details:
            error["details"] = [dict(detail) for detail in self.details]
        return json.dumps({"error": error}, ensure_ascii=False, separators=(",", ":")).encode()


def admin_error(error: BaseException) -> AdminError:
    """What a client is told of whatever was raised."""
    match error:
        case AdminError():
            return error
        case NotFound():
            return AdminError(404, str(error))
        case RefusedChange():
            return AdminError(409, str(error))
        case TemplateError():
            return AdminError(400, str(error), "content")
        case VoiceFileError():
            return of_voice_file(error)
        case Refusal():
            return AdminError(error.http_status if error.http_status in CODES else 400, error.description)
        case StoreBusy() | MediaFileError():
            return AdminError(503, "the store is busy; the same may succeed later")
        case _:
            return AdminError(500, "internal error")


def of_voice_file(error: VoiceFileError) -> AdminError:
    """Every property that is wrong; the first one is the parameter."""
    details = [
        {"property": violation.property.value, "message": violation.text} for violation in error.violations
    ]
    return AdminError(400, str(error), error.violations[0].property.value, details)
