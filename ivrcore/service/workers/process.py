"""Starting a worker so that it outlives us, and ending one that does not answer."""

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import ivrcore
from ivrcore.service.workers.directory import LOG, SETTINGS
from ivrcore.service.workers.errors import WorkerError
from ivrcore.service.workers.settings import WorkerSettings

log = logging.getLogger("ivrcore.workers")

REFUSED = 2
"""Exit status of a command that cannot work, after a line that says what to change."""

_SOURCE_ROOT = Path(ivrcore.__file__).parents[1]


class Child(Protocol):
    """A process we started."""

    @property
    def pid(self) -> int: ...

    def poll(self) -> int | None:
        """Its exit status, None while it runs."""


class Spawn(Protocol):
    """Starts a worker in its directory, which has its settings."""

    def __call__(self, directory: Path) -> Child: ...


def make_directory(directory: Path, settings: WorkerSettings) -> None:
    """What a worker finds at its start.

    Raises:
        WorkerError: it cannot be written.
    """
    try:
        directory.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise WorkerError(f"{directory}: {error.strerror}") from error
    settings.save(directory / SETTINGS)


def spawn(directory: Path, command: Sequence[str] | None = None) -> subprocess.Popen[bytes]:
    """Start a worker in a session of its own: neither Ctrl-C nor our end reaches it.

    Raises:
        WorkerError: it cannot be started.
    """
    # The child finds this package wherever we run, installed or not.
    paths = [str(_SOURCE_ROOT), os.environ.get("PYTHONPATH", "")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
    arguments = [*(command or (sys.executable, "-m", "ivrcore", "worker")), str(directory.absolute())]
    try:
        with (directory / LOG).open("ab") as output:
            return subprocess.Popen(
                arguments,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=directory,
                env=environment,
                start_new_session=True,
            )
    except OSError as error:
        raise WorkerError(f"{arguments[0]}: cannot be started: {error.strerror}") from error


def refusal(directory: Path, status: int | None) -> str:
    """Why a worker of ours refused its settings, in the line it left; "" when that is not how it ended."""
    if status != REFUSED:
        return ""
    try:
        lines = (directory / LOG).read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return ""
    return lines[-1].removeprefix("ivrcore: ") if lines else ""


def kill(pid: int) -> None:
    """SIGKILL; fine when it is gone."""
    if pid > 1:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)
