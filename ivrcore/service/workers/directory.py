"""A worker's directory: who holds it, and a way to its socket however deep it lies.

    run/lock                     held by the front end
    run/workers/<id>/lock        held by the worker as long as it lives; its process id is in it
    run/workers/<id>/socket      where it listens
    run/workers/<id>/spool/      what it has to tell
    run/workers/<id>/captures/   recordings in the making
    run/workers/<id>/log         what it logs; kept as run/logs/<id>.log

The kernel gives a lock back however its holder ends: whoever can take it knows that the holder is gone.
"""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ivrcore.service.workers.errors import AlreadyRunning, WorkerError

LOCK = "lock"
SOCKET = "socket"
SPOOL = "spool"
CAPTURES = "captures"
LOG = "log"
SETTINGS = "settings.json"
TRACE = "sip.log"

_MOST_SOCKET_BYTES = 100
"""A Unix socket's path has 108 bytes with its end (unix(7)), 104 elsewhere."""

_KEPT_LOGS = 20


class Lock:
    """A file that is locked as long as this object, or at least this process, lives."""

    def __init__(self, path: Path) -> None:
        """Take it.

        Raises:
            AlreadyRunning: somebody has it.
            WorkerError: it cannot be made.
        """
        try:
            self._file = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        except OSError as error:
            raise WorkerError(f"{path}: {error.strerror}") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # It may have been removed, and be somebody else's new one, between the two.
            if os.fstat(self._file).st_ino != path.stat().st_ino:
                raise FileNotFoundError
        except OSError as error:
            os.close(self._file)
            raise AlreadyRunning(
                f"{path.parent} is in use (process {holder_of(path) or 'unknown'})"
            ) from error

    def sign(self) -> None:
        """Write our process id into it."""
        os.ftruncate(self._file, 0)
        os.pwrite(self._file, str(os.getpid()).encode(), 0)

    def release(self) -> None:
        """Give it back; a second time is fine."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


def holder_of(lock: Path) -> int:
    """The process id its holder wrote; 0 when there is none."""
    try:
        return int(lock.read_bytes())
    except (OSError, ValueError):
        return 0


@contextmanager
def reachable(socket: Path) -> Iterator[str]:
    """A path to a socket that is short enough to bind or connect to, as long as this holds.

    A deep data directory makes the real one too long; then it is a link in the system's own directory.
    """
    if len(os.fsencode(socket)) <= _MOST_SOCKET_BYTES:
        yield str(socket)
        return
    way = Path(tempfile.mkdtemp(prefix="ivr-"))  # this user's alone
    try:
        (way / "w").symlink_to(socket.parent.absolute())
        yield str(way / "w" / socket.name)
    finally:
        shutil.rmtree(way, ignore_errors=True)


def remove_directory(directory: Path) -> None:
    """Remove what a dead worker left, but for its log. Call it with its lock held; blocks for the disk."""
    logs = directory.parent.parent / "logs"
    with suppress(OSError):
        logs.mkdir(exist_ok=True)
        (directory / LOG).replace(logs / f"{directory.name}.log")
        for old in sorted(logs.iterdir(), key=lambda path: path.stat().st_mtime)[:-_KEPT_LOGS]:
            old.unlink()
    shutil.rmtree(directory, ignore_errors=True)
