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
from contextlib import suppress
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


class AbandonedRoom:
    """The room of a killed process, locked for us: its recordings are finished, and not yet forgotten."""

    def __init__(self, directory: Path, lock: int) -> None:
        """Finish what lies there; blocks for the disk.

        Raises:
            MediaFileError: it cannot be listed.
        """
        self.directory = directory
        self._lock = lock
        self.recordings = tuple(recover(directory))

    def forget(self) -> None:
        """Their outcomes are stored elsewhere now. What could not be finished stays for another time."""
        for recovered in self.recordings:
            if recovered.settled:
                with suppress(MediaError):  # what cannot be removed now is reported again next time
                    forget(recovered.directory)
        with suppress(OSError):
            if [entry.name for entry in self.directory.iterdir()] == [_LOCK]:
                (self.directory / _LOCK).unlink()
                self.directory.rmdir()

    def release(self) -> None:
        """Let others have the room, if it is still there; a second time is fine."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1


def abandoned_rooms(captures: Path, finished: Path) -> Iterator[AbandonedRoom]:
    """Finish what killed processes left, room by room; blocks for the disk.

    Each room is the caller's to `forget`, once its recordings are stored, and to `release`.

    Raises:
        MediaFileError: the captures cannot be listed, or the place of finished recordings cannot be made.
    """
    try:
        finished.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MediaFileError(f"{error.filename}: {error.strerror}") from error
    for room in unfinished_rooms(captures):
        lock = _try_lock(room)
        if lock is None:
            continue
        try:
            abandoned = AbandonedRoom(room, lock)
        except MediaError:
            os.close(lock)
            raise
        yield abandoned


def unfinished_rooms(captures: Path) -> list[Path]:
    """Every room, whoever has it.

    Raises:
        MediaFileError: the captures cannot be listed.
    """
    try:
        rooms = sorted(room for room in captures.iterdir() if room.is_dir()) if captures.exists() else []
    except OSError as error:
        raise MediaFileError(f"{error.filename}: {error.strerror}") from error
    # A new one is being made right now, or its maker was killed before anything could be captured.
    return [room for room in rooms if not room.name.startswith(_NEW)]


def finish_interrupted(captures: Path, finished: Path) -> Iterator[RecoveredRecording]:
    """Finish what killed processes left, one recording at a time; blocks for the disk.

    A room is forgotten when the recording after its last one is asked for: take note of each before.

    Raises:
        MediaFileError: as abandoned_rooms.
    """
    for room in abandoned_rooms(captures, finished):
        try:
            yield from room.recordings
            room.forget()
        finally:
            room.release()


def _try_lock(room: Path) -> int | None:
    try:
        lock = os.open(room / _LOCK, os.O_CREAT | os.O_RDWR, 0o600)
    except OSError:
        return None  # removed by another process in this moment, or not ours to touch
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(lock)
        return None
    return lock
