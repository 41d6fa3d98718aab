"""What a worker has to tell, on disk until the front end has stored it.

    spool/<session>.jsonl   first line: the session is taken; then one event a line, in the order of its seq

What is on disk when: a line is given to the kernel before its event is sent, so that nothing is lost with
the worker. It is fsynced soon after, in a thread; a recording's captures go only when its RECORD is. Against
the loss of power the front end's database stands: what was accepted is in it, whatever a spool has.
A line that was cut by a kill is no line. The files are this user's alone (collected digits); no code and no
spoken text is in them.
"""

import json
import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ivrcore.service.model import CallEvent, EventKind
from ivrcore.service.workers.encoding import event_from_json, event_to_json
from ivrcore.service.workers.errors import SpoolError
from media.merge import sync_directory

log = logging.getLogger("ivrcore.worker")

_SUFFIX = ".jsonl"


class SessionSpool:
    """One session's file, on its worker's side."""

    def __init__(self, directory: Path, session: str, taken: Mapping[str, Any]) -> None:
        """Make the file, with what is to be known of the session before its first event.

        Raises:
            SpoolError: it is there already, or cannot be written.
        """
        self.path = directory / f"{session}{_SUFFIX}"
        self._unwritten = b""
        try:
            directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file = os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND, 0o600)
        except OSError as error:
            raise SpoolError(f"{self.path}: {error.strerror}") from error
        self._size = 0
        self._put(taken)
        if self._unwritten:
            self.remove()
            raise SpoolError(f"{self.path}: no room")

    def append(self, event: CallEvent) -> bool:
        """Give one event to the kernel; does not wait for the disk.

        Returns:
            False when the disk is full: the event comes with the next one that can be written.
        """
        return self._put(event_to_json(event))

    def sync(self) -> bool:
        """Wait until everything appended is on disk; blocks, call it in a thread. False: it is not."""
        try:
            os.fsync(self._file)
            sync_directory(self.path.parent)
        except OSError as error:
            log.error("%s: cannot be synced: %s", self.path, error.strerror)
            return False
        return not self._unwritten

    def close(self) -> None:
        """Leave the file for whoever comes next."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def remove(self) -> None:
        """Everything is stored elsewhere."""
        self.close()
        with suppress(OSError):
            self.path.unlink()

    def _put(self, raw: Mapping[str, Any]) -> bool:
        # One write of whole lines: only a kill, or a full disk, can cut it.
        self._unwritten += json.dumps(raw, ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
        try:
            written = os.write(self._file, self._unwritten)
            if written < len(self._unwritten):
                os.ftruncate(self._file, self._size)
                raise OSError(28, os.strerror(28))
        except OSError as error:
            log.error("%s: an event waits for room: %s", self.path, error.strerror)
            return False
        self._size += written
        self._unwritten = b""
        return True


@dataclass(frozen=True)
class SpooledSession:
    """What a worker left of one session.

    Attributes:
        taken: the first line; empty when it was cut.
        events: in the order of their seq.
    """

    session: str
    path: Path
    taken: Mapping[str, Any] = field(repr=False)
    events: tuple[CallEvent, ...] = ()

    @property
    def complete(self) -> bool:
        """Whether its record is there."""
        return any(event.kind is EventKind.RECORD for event in self.events)

    @property
    def last_seq(self) -> int:
        """Of its last event; 0 when nothing happened yet."""
        return self.events[-1].seq if self.events else 0

    def remove(self) -> None:
        """Everything is stored elsewhere.

        Raises:
            SpoolError: it cannot be removed.
        """
        try:
            self.path.unlink(missing_ok=True)
        except OSError as error:
            raise SpoolError(f"{self.path}: {error.strerror}") from error


def read_spools(directory: Path) -> list[SpooledSession]:
    """Every session that a dead worker left, by name; blocks for the disk.

    Raises:
        SpoolError: the directory or a file cannot be read.
    """
    try:
        paths = sorted(directory.glob(f"*{_SUFFIX}"))
        return [_read(path) for path in paths]
    except OSError as error:
        raise SpoolError(f"{error.filename}: {error.strerror}") from error


def _read(path: Path) -> SpooledSession:
    session = path.name[: -len(_SUFFIX)]
    lines = path.read_bytes().split(b"\n")[:-1]  # what follows the last line's end was cut
    taken: Mapping[str, Any] = {}
    events: list[CallEvent] = []
    for number, line in enumerate(lines):
        try:
            raw = json.loads(line)
            if number == 0:
                taken = raw
            else:
                events.append(event_from_json(session, raw))
        except (ValueError, KeyError, TypeError):
            # What cannot be read ends the story: a later event without this one would be out of order.
            log.error("%s: line %d is not an event", path, number + 1)
            break
    return SpooledSession(session, path, taken, tuple(events))
