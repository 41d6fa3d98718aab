"""Addresses that pushes go to: which are any, and what of them may be told."""

import re
from urllib.parse import urlsplit

_SHAPE = re.compile(r"https?://[!-~]{1,500}", re.ASCII)


def is_push_address(url: str) -> bool:
    """Whether it has a host and a port that can be; whether it may be reached is asked at each push."""
    if not _SHAPE.fullmatch(url):
        return False
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def without_query(url: str) -> str:
    """An address without what may be a secret in it: its user and its query."""
    if not is_push_address(url):
        return ""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
