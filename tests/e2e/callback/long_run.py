"""Two hundred calls in one core, under way while other tests run: it takes minutes, and promises no time."""

import json
import signal
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from media.testsignal import talk
from media.wav import write_alaw
from sip.softphone import Script
from tests.e2e.callback.core import ROOT
from tests.e2e.loopback.pool import Pool

CALLS = 200
DEADLINE_S = 240.0

A_ANSWERS = Script(ring_after_s=None, answer_after_s=0.0)
B_HANGS_UP = Script(ring_after_s=0.0, answer_after_s=0.02, hang_up_after_s=0.3)
"""The talk is long enough to begin on a machine that is busy with other tests."""


class LongRun:
    """many_calls.py and its two telephones."""

    def __init__(self, pool: Pool, folder: Path) -> None:
        self.data = folder / "data"
        self._prompt = folder / "prompt.wav"
        self._output, self._complaints = folder / "stdout", folder / "stderr"
        self._pool = pool
        self._parties = ExitStack()

    def __enter__(self) -> Self:
        write_alaw(self._prompt, talk(0, 0.04))
        self.a, self.b = (
            self._parties.enter_context(self._pool.phone(script)) for script in (A_ANSWERS, B_HANGS_UP)
        )
        job = {"a": self.a.uri, "b": self.b.uri, "data": str(self.data), "prompt": str(self._prompt)}
        with self._output.open("w") as output, self._complaints.open("w") as complaints:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-X",
                    "faulthandler",
                    "-m",
                    "tests.e2e.callback.many_calls",
                    json.dumps({**job, "calls": CALLS}),
                ],
                stdout=output,
                stderr=complaints,
                cwd=ROOT,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._parties.close()

    def held_after(self) -> list[dict[str, Any]]:
        """What the core held after each call, once all are over.

        Raises:
            AssertionError: it failed, complained, or stood still: then the text has every thread's stack.
        """
        try:
            self._process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGABRT)
        status = self._process.wait(DEADLINE_S)
        assert (status, self._complaints.read_text()) == (0, "")
        return [json.loads(line) for line in self._output.read_text().splitlines()]
