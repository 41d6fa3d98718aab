"""cdr-spool/: CDRs nobody took in time, one JSON file for each message, for `ivrcore cdr replay` (FAQ 9.6).

A file has its name from the CDRs' moment and the message's group, so that writing it again after a crash
gives the same file, and the names sort by time.
"""

import json
import os
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

VERSION = 1
DONE = "done"
"""Where files go that were delivered after all."""


class SpoolError(ValueError):
    """A file that is no spooled chunk; the text is one line."""


@dataclass(frozen=True)
class SpooledChunk:
    """One message of CDRs that was given up.

    Attributes:
        fees: the FeeInfos. attempts: how often they were pushed. spooled_at: ISO 8601, UTC.
    """

    group: str
    app_key: str
    url: str
    fees: Sequence[Mapping[str, object]]
    attempts: int
    last_error: str
    spooled_at: str

    @property
    def file_name(self) -> str:
        """Its name in the spool."""
        ended = re.sub(r"\D", "", str(self.fees[0].get("callEndTime", ""))) if self.fees else ""
        return f"{ended or '0'}-{re.sub(r'[^A-Za-z0-9]', '', self.group)}.json"


def write_chunk(directory: Path, chunk: SpooledChunk) -> Path:
    """Write a chunk so that it is there whole, or not at all, whatever happens meanwhile.

    Raises:
        OSError: the disk refused.
    """
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / chunk.file_name
    content = {
        "version": VERSION,
        "group": chunk.group,
        "appKey": chunk.app_key,
        "url": chunk.url,
        "attempts": chunk.attempts,
        "lastError": chunk.last_error,
        "spooledAt": chunk.spooled_at,
        "body": {"eventType": "fee", "feeLst": list(chunk.fees)},
    }
    part = path.with_suffix(".part")
    try:
        # Numbers and recordings' names are the customer's business: nobody else on the machine reads them.
        part.touch(mode=0o600)
        with part.open("w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, indent=1)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise
    _sync(directory)
    return path


def read_chunk(path: Path) -> SpooledChunk:
    """Read what `write_chunk` wrote.

    Raises:
        SpoolError: it cannot be read, or is something else.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        fees = content["body"]["feeLst"]
        if content["version"] != VERSION or not fees or not all(isinstance(fee, dict) for fee in fees):
            raise SpoolError("no spooled CDRs of this version")
        return SpooledChunk(
            group=str(content["group"]),
            app_key=str(content["appKey"]),
            url=str(content["url"]),
            fees=tuple(fees),
            attempts=int(content["attempts"]),
            last_error=str(content["lastError"]),
            spooled_at=str(content["spooledAt"]),
        )
    except OSError as error:
        raise SpoolError(error.strerror or "cannot be read") from None
    except SpoolError:
        raise
    except (ValueError, KeyError, TypeError):
        raise SpoolError("no spooled CDRs") from None


def move_to_done(path: Path) -> Path:
    """Put a delivered file aside.

    Raises:
        OSError: the disk refused.
    """
    done = path.parent / DONE
    done.mkdir(exist_ok=True)
    target = done / path.name
    path.replace(target)
    _sync(done)
    return target


def _sync(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
