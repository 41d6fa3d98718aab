"""The root of the site: what Klein cannot read is refused here, in JSON."""

# Twisted leaves these calls without types.
# mypy: disallow-untyped-calls=False

import re
from collections.abc import Mapping
from urllib.parse import unquote_to_bytes

from twisted.web.resource import Resource, getChildForRequest
from twisted.web.server import Request

from ivrcore.service.api.errors import Refusal, invalid
from ivrcore.service.api.results import ResultCode
from ivrcore.service.api.server import JSON, refusal_body_for

_LABEL = r"[A-Za-z0-9_-]{1,63}"
_HOST = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*\.?|\[[0-9A-Fa-f:.]{{2,45}}\])(?::[0-9]{{1,5}})?", re.ASCII)
_METHOD = re.compile(rb"[A-Z]{1,20}")


class Root(Resource):
    """Hands a request to the routes, or to what is served beside them.

    Args:
        routes: Klein's resource.
        beside: by the first segment of the path.
    """

    isLeaf = True  # noqa: N815

    def __init__(self, routes: Resource, beside: Mapping[str, Resource]) -> None:
        super().__init__()
        self._routes = routes
        self._beside = {name.encode(): resource for name, resource in beside.items()}

    def render(self, request: Request) -> bytes | int:
        """Answer a request."""
        refusal = _unreadable(request)
        if refusal is None:
            steps = request.postpath or []
            if steps and steps[0] in self._beside:
                resource = self._beside[steps.pop(0)]
                return _rendered(getChildForRequest(resource, request), request)
            return _rendered(self._routes, request)
        request.setResponseCode(refusal.http_status)
        request.responseHeaders.setRawHeaders("content-type", [JSON])
        return refusal_body_for(request.path, refusal)


def _rendered(resource: Resource, request: Request) -> bytes | int:
    answer: bytes | int = resource.render(request)
    return answer


def _unreadable(request: Request) -> Refusal | None:
    if not _METHOD.fullmatch(request.method):
        return Refusal(ResultCode.INVALID_API)
    try:
        unquote_to_bytes(request.path).decode()
    except UnicodeDecodeError:
        return Refusal(ResultCode.INVALID_API, "", 404)
    host = request.getHeader(b"host") or b""
    if host and (len(host) > 260 or not _HOST.fullmatch(host.decode("latin-1"))):
        return invalid("Host", 400)
    return None
