"""Files that are computed once and then only read: rendered speech, waiting music.

Safe without locks: each writer works in a directory of its own and renames, so that of two at once the
later one replaces the file by the same content. A name must therefore follow from everything the content
depends on.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable
from pathlib import Path

from media.errors import MediaFileError


def content_key(*parts: str | int | float) -> str:
    """A file name's worth of hash, 32 hexadecimal digits, of everything the content depends on.

    The parts are kept apart ("ab", "c" is not "a", "bc"), and nothing of them can be read from the result:
    a spoken text may hold a verification code.
    """
    return hashlib.sha256(json.dumps(parts, ensure_ascii=False).encode()).hexdigest()[:32]


def rendered_once(target: Path, render: Callable[[Path], object]) -> Path:
    """The target, rendered first if it is not there yet.

    Args:
        target: its directory is created when missing.
        render: writes one complete file to the path it is given, or raises; called at most once.

    Returns:
        The target.

    Raises:
        MediaFileError: the directory or the file cannot be written.
        Whatever `render` raises; then there is no target.
    """
    if target.exists():
        return target
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".rendering-", dir=target.parent) as directory:
            fresh = Path(directory) / target.name
            render(fresh)
            fresh.replace(target)
    except OSError as error:
        raise MediaFileError(f"{target}: cannot write: {error.strerror}") from error
    return target
