"""The headers that prove a push comes from the service (X-AKSK).

The FAQ says pushes carry none (10.7), the API pages describe two digests, newer and older: so three styles.
A receiver that ignores headers does not notice.
"""

import base64
import hashlib
import hmac
import secrets
from datetime import UTC, datetime
from enum import Enum

CONTENT_TYPE = "application/json;charset=UTF-8"
AUTHORIZATION = 'AKSK realm="SDP",profile="UsernameToken",type="Appkey"'


class PushSigning(Enum):
    """How pushes are signed."""

    NONE = "none"
    CURRENT = "current"
    """HMAC-SHA256 over url, nonce and time, each on a line of its own (pages of 2026)."""
    LEGACY = "legacy"
    """The same over the three without anything between them (pages of 2022 to 2024)."""


def push_headers(
    style: PushSigning, app_key: str, secret: str, url: str, *, nonce: str, created: datetime
) -> dict[str, str]:
    """All headers of a push that depend on its content or signature.

    Args:
        url: as the customer gave it. nonce: see `new_nonce`. created: aware; when the nonce was made.
    """
    headers = {"Content-Type": CONTENT_TYPE}
    if style is PushSigning.NONE:
        return headers
    stamp = created.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    separator = "\n" if style is PushSigning.CURRENT else ""
    digest = _digest(secret, separator.join((url, nonce, stamp)))
    headers["Authorization"] = AUTHORIZATION
    headers["X-AKSK"] = (
        f'UsernameToken Username="{app_key}", PasswordDigest="{digest}", Nonce="{nonce}", Created="{stamp}"'
    )
    return headers


def new_nonce() -> str:
    """32 random digits and letters, from the system's secure source."""
    return secrets.token_hex(16).upper()


def _digest(secret: str, message: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), message.encode(), hashlib.sha256).digest()).decode()
