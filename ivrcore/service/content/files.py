"""Where the audio of voice files is: once for each content, by its hash, whatever customers call it.

    voices/3f/3f1c9a….wav

A name and its state of review are rows of the store; this is only the disk.
"""

import hashlib
import os
import re
from pathlib import Path

from media.errors import MediaFileError

_HASH = re.compile(r"[0-9a-f]{64}")


def voice_path(directory: Path, sha256: str) -> Path:
    """Where a content is or will be.

    Raises:
        ValueError: no SHA-256 in lower-case hexadecimal.
    """
    if not _HASH.fullmatch(sha256):
        raise ValueError("not a SHA-256")
    return directory / sha256[:2] / f"{sha256}.wav"


def keep(directory: Path, audio: bytes) -> str:
    """Store a content once; returns its hash. On disk when this returns: `.part`, fsync, rename.

    Raises:
        MediaFileError: the disk refuses.
    """
    sha256 = hashlib.sha256(audio).hexdigest()
    path = voice_path(directory, sha256)
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.stat().st_size == len(audio):
            return sha256
        with part.open("wb") as file:
            file.write(audio)
            file.flush()
            os.fsync(file.fileno())
        part.rename(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise MediaFileError(f"{path}: {error.strerror}") from error
    return sha256


def drop(directory: Path, sha256: str) -> None:
    """Delete a content nobody names any more; a second time is fine."""
    voice_path(directory, sha256).unlink(missing_ok=True)
