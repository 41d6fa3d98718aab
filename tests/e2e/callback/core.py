"""The core as its user starts it: `python -m ivrcore call`, a child process with a deadline."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

ROOT = Path(__file__).parents[3]
DEADLINE_S = 60.0
"""Long for any call of these tests, so that a loaded machine fails none."""

Record = dict[str, Any]


@dataclass(frozen=True)
class Finished:
    """What a core left behind."""

    status: int
    stdout: str
    stderr: str

    @property
    def record(self) -> Record:
        """The end-of-call record, printed with --json."""
        record: Record = json.loads(self.stdout)
        return record

    @property
    def lines(self) -> list[str]:
        """Of standard error."""
        return self.stderr.splitlines()


class Core:
    """One run of the command line."""

    def __init__(self, *arguments: str, command: str = "call") -> None:
        self._stderr: list[str] = []
        self._stdout: list[str] = []
        self._news = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-m", "ivrcore", command, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={**os.environ, "COLUMNS": "80"},
        )
        self._readers = [
            threading.Thread(target=self._read, args=pair)
            for pair in ((self.process.stdout, self._stdout), (self.process.stderr, self._stderr))
        ]
        for reader in self._readers:
            reader.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for reader in self._readers:
            reader.join()

    def wait_for(self, text: str, *, deadline_s: float = DEADLINE_S) -> None:
        """Until a line of standard error holds the text.

        Raises:
            AssertionError: it did not come in time, or the core ended before.
        """
        until_s = time.monotonic() + deadline_s
        with self._news:
            while not any(text in line for line in self._stderr):
                over = not self._readers[1].is_alive()
                assert not over, f"no '{text}' before the end, but {self._stderr}"
                assert time.monotonic() < until_s, f"no '{text}' in {deadline_s} s, but {self._stderr}"
                self._news.wait(0.05)

    def has_told(self, text: str) -> bool:
        """Whether a line of standard error holds the text so far."""
        with self._news:
            return any(text in line for line in self._stderr)

    def kill(self) -> None:
        """SIGKILL."""
        self.process.kill()
        self.process.wait()

    def interrupt(self) -> None:
        """Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def finish(self, *, deadline_s: float = DEADLINE_S) -> Finished:
        """Wait for its end.

        Raises:
            AssertionError: it goes on; it is killed.
        """
        try:
            status = self.process.wait(deadline_s)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise AssertionError(f"the core goes on after {deadline_s} s: {self._stderr}") from None
        for reader in self._readers:
            reader.join()
        return Finished(status, "".join(self._stdout), "".join(self._stderr))

    def _read(self, stream: Any, lines: list[str]) -> None:
        with stream:
            for line in stream:
                with self._news:
                    lines.append(line)
                    self._news.notify_all()


def run_core(*arguments: str, command: str = "call", deadline_s: float = DEADLINE_S) -> Finished:
    """Start a core and wait for its end."""
    with Core(*arguments, command=command) as core:
        return core.finish(deadline_s=deadline_s)
