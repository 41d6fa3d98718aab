"""Runs the processes that speak: so many at once, killed whole when their time is over.

Waiting for a turn counts as time: whoever asks for speech knows when there is an answer.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import IO

from media.errors import SpeechError

_LAST_WORDS_BYTES = 4096


class Children:
    """The processes of one engine. Any number of threads may share it.

    Args:
        name: the engine's, for errors.
        time_out_s: for one text, its turn included.
        parallel: how many run at once.
    """

    def __init__(self, name: str, time_out_s: float, parallel: int) -> None:
        self._name = name
        self._time_out_s = time_out_s
        self._turns = threading.BoundedSemaphore(parallel)

    @contextmanager
    def turn(self) -> Iterator[float]:
        """Wait for a turn; gives the moment (monotonic seconds) when the text must be spoken.

        Raises:
            SpeechError: none came in time.
        """
        until_s = time.monotonic() + self._time_out_s
        if not self._turns.acquire(timeout=self._time_out_s):
            raise SpeechError(f"{self._name}: had no turn within {self._time_out_s:g} s")
        try:
            yield until_s
        finally:
            self._turns.release()

    def run(
        self,
        arguments: Sequence[str],
        text: str,
        until_s: float,
        *,
        environment: Mapping[str, str] | None = None,
        leashed: bool = False,
        quoted: bool = True,
        complaints: int | None = None,
    ) -> None:
        """Run one process to its end; the text is its standard input.

        Args:
            until_s: of `turn`; then it is killed, with every process it started.
            leashed: it is ended in time also when we are killed; for one that does not see to it itself.
            quoted: an error tells its last line; for a process that does not repeat the text.
            complaints: a descriptor for its standard error; None keeps it for the error.

        Raises:
            SpeechError: it cannot be started, took too long, or ended with a status.
        """
        if shutil.which(arguments[0]) is None:
            raise SpeechError(f"{self._name}: cannot be started: there is no program {arguments[0]}")
        # Files, not pipes: a grandchild that got away would hold a pipe open, and us at its end.
        with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as said:
            given.write(text.encode("utf-8", "replace"))
            given.seek(0)
            try:
                process = subprocess.Popen(
                    [*(_leash(until_s) if leashed else ()), *arguments],
                    stdin=given,
                    stdout=subprocess.DEVNULL,
                    stderr=said if complaints is None else complaints,
                    env=environment,
                    start_new_session=True,  # a group of its own, to be killed as one
                )
            except (OSError, ValueError) as error:
                raise SpeechError(f"{self._name}: cannot be started: {error}") from error
            try:
                status = process.wait(max(0.0, until_s - time.monotonic()))
            except subprocess.TimeoutExpired as error:
                raise SpeechError(f"{self._name}: took longer than {self._time_out_s:g} s") from error
            finally:
                # Also what it left running when it ended by itself.
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            if status != 0:
                reason = f": {_last_line(said)}" if quoted else ""
                raise SpeechError(f"{self._name}: exit status {status}{reason}")


def _leash(until_s: float) -> tuple[str, ...]:
    """Ends the process also when we are gone: a killed worker's children would hang for ever."""
    program = shutil.which("timeout")  # coreutils
    if program is None:
        return ()
    # After we would have; with its group, which `timeout` makes itself the leader of.
    left_s = max(0.0, until_s - time.monotonic()) + 1.0
    return (program, "-s", "KILL", f"{left_s:.3f}")


def _last_line(said: IO[bytes]) -> str:
    size = said.seek(0, os.SEEK_END)
    said.seek(max(0, size - _LAST_WORDS_BYTES))
    lines = said.read().decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else "no reason given"
