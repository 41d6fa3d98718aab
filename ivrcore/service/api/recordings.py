"""The address of a recording: signed, good for a while, and served with ranges.

The API answers 301 with such an address; whoever has it needs no key until it expires (D12).
"""

import hashlib
import hmac
import os
import re
from datetime import datetime
from pathlib import Path
from urllib.parse import quote

from twisted.web.server import Request
from twisted.web.static import File

from ivrcore.service.api.errors import Refusal, invalid
from ivrcore.service.api.results import ResultCode

PATH = "/recordings"
NAME = re.compile(r"[A-Za-z0-9._@-]{1,128}", re.ASCII)
"""Of a recording; nothing else is looked up."""

MAX_RANGES = 8
"""In one request. Past it the whole file is sent, as if no range had been asked for (RFC 9110, 14.2)."""


def no_recording(status: int | None = None) -> Refusal:
    """The answer for a recording that is unknown, foreign, or deleted by now."""
    return Refusal(ResultCode.INVALID_REQUEST, "fileName does not exist", status)


class RecordAddress:
    """Makes and checks signed addresses.

    Args:
        key: at least 16 bytes; whoever knows it can fetch every recording.
        life_s: how long an address is good for.
    """

    def __init__(self, key: bytes, life_s: int) -> None:
        self._key = key
        self._life_s = life_s

    def make(self, base_url: str, name: str, now: datetime) -> str:
        """The address of a recording below `base_url` (scheme and host)."""
        expires = int(now.timestamp()) + self._life_s
        query = f"Expires={expires}&Signature={self._signature(name, str(expires))}"
        return f"{base_url.rstrip('/')}{PATH}/{quote(name)}?{query}"

    def check(self, name: str, expires: str, signature: str, now: datetime) -> None:
        """Accept an address that was made here and is not over.

        Raises:
            Refusal: `Invalid request.Signature`, or `Invalid request.Expires` once it is over.
        """
        if not hmac.compare_digest(self._signature(name, expires).encode(), signature.encode()):
            raise invalid("Signature")
        if int(expires) <= now.timestamp():  # signed, so it is a number
            raise invalid("Expires")

    def _signature(self, name: str, expires: str) -> str:
        return hmac.new(self._key, f"{name}\n{expires}".encode(), hashlib.sha256).hexdigest()


def file_resource(path: str, name: str, request: Request) -> File:
    """A recording as a resource that answers GET and HEAD, whole or in ranges.

    Raises:
        Refusal: 404, the file is gone.
    """
    try:
        stat = os.stat(path)  # noqa: PTH116 - one call for size and time
    except OSError:
        raise no_recording(404) from None
    etag = f'"{stat.st_size:x}-{stat.st_mtime_ns:x}"'
    request.responseHeaders.setRawHeaders("etag", [etag])
    request.responseHeaders.setRawHeaders("cache-control", ["private, no-store"])
    request.responseHeaders.setRawHeaders("content-disposition", [f'attachment; filename="{name}"'])
    _drop_stale_range(request, etag)
    return File(str(Path(path)), defaultType="audio/wav")


def _drop_stale_range(request: Request, etag: str) -> None:
    """Ask for the whole file where a range would mix two versions (If-Range), or is made to cost much."""
    unless_changed = request.getHeader("if-range")
    ranges = request.getHeader("range") or ""
    if (unless_changed is not None and unless_changed.strip() != etag) or ranges.count(",") >= MAX_RANGES:
        request.requestHeaders.removeHeader(b"range")
