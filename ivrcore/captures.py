"""Whose captures are whose: several cores may share one data directory, and one of them may have been killed.

Every process keeps its captures in a room of its own, a directory with a file it holds locked (flock) as
long as it lives. The kernel releases the lock however the process ends. So at the next start, whichever
process can lock a room knows that its owner is gone, and finishes what lies there.

    captures/<room>/lock            held by the owner
    captures/<room>/<session>/      one recording in the making (media.recording)
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from uuid import uuid4

from media.errors import MediaError, MediaFileError
from media.recording import RecoveredRecording, forget, recover

_LOCK = "lock"
_NEW = ".new-"


class CaptureRoom:
    """This process's own room; its directory is made at once and removed by `close` when it is empty."""

    def __init__(self, captures: Path) -> None:
        """Make and lock a room.

        Raises:
            MediaFileError: the directory cannot be written.
        """
        name = f"{os.getpid()}-{uuid4().hex[:8]}"
        made = captures / f"{_NEW}{name}"
        try:
            made.mkdir(parents=True)
            self._lock = os.open(made / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
            fcntl.flock(self._lock, fcntl.LOCK_EX)
            # Under its name only when locked: nobody can take it for a dead one's.
            self.directory = made.rename(captures / name)
        except OSError as error:
            raise MediaFileError(f"{captures}: no captures can be made there: {error.strerror}") from error

    def close(self) -> None:
        """Give the room up; recordings that could not be finished stay for the next start."""
        with suppress(OSError):
            if [entry.name for entry in self.directory.iterdir()] == [_LOCK]:
                (self.directory / _LOCK).unlink()
                self.directory.rmdir()
        os.close(self._lock)


def finish_interrupted(captures: Path, finished: Path) -> Iterator[RecoveredRecording]:
    """Finish what killed processes left, one recording at a time; blocks for the disk.

    Raises:
        MediaFileError: the captures cannot be listed, or the place of finished recordings cannot be made.
    """
    try:
        finished.mkdir(parents=True, exist_ok=True)
        rooms = sorted(room for room in captures.iterdir() if room.is_dir()) if captures.exists() else []
    except OSError as error:
        raise MediaFileError(f"{error.filename}: {error.strerror}") from error
    for room in rooms:
        if room.name.startswith(_NEW):
            continue  # being made right now, or killed before anything could be captured
        with _locked(room) as owner_is_gone:
            if not owner_is_gone:
                continue
            for recovered in recover(room):
                if recovered.settled:
                    with suppress(MediaError):  # what cannot be removed now is reported again next time
                        forget(recovered.directory)
                yield recovered
            with suppress(OSError):
                if [entry.name for entry in room.iterdir()] == [_LOCK]:
                    (room / _LOCK).unlink()
                    room.rmdir()


@contextmanager
def _locked(room: Path) -> Iterator[bool]:
    try:
        lock = os.open(room / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError:
        yield False  # removed by another process in this moment, or not ours to touch
        return
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            yield False
            return
        yield True
    finally:
        os.close(lock)
