"""The two programs that benchmarks/bench_calls.py compares, each alone on its core: ours and Asterisk 22.

Both are started afresh for every run, so that memory counts from the same point. A subject begins its calls
at an even pace; what it costs is read from /proc by whoever measures.
"""

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.calls_load import ROOT, SUBJECT_CORE
from benchmarks.testbed import Testbed
from media.g711 import alaw_encode
from media.wav import read_pcm
from sip.rtp_ports import FIRST_PORT, LAST_PORT

MOST_WORKERS = 4
"""For whose RTP ports there is room: each needs two pairs a leg (sip.rtp_ports)."""

SPARE_LEGS = 24
"""Of an engine's: a leg that is over occupies its place until its last transaction ends."""

ASTERISK_RTP_RANGE = f"{FIRST_PORT}-19999"
"""Where ours has its own, for they take turns: 900 recorded calls. Below that of docker/asterisk/testbed."""

# `b`: recorded from the bridge on, as ours.
DIALPLAN = """
[bench]
exten => record,1,MixMonitor(/state/recordings/bench-${UNIQUEID}.alaw,b)
same => n,Dial(PJSIP/trunk/${B})
exten => prompt,1,Playback(/state/bench-prompt)
same => n,Hangup()
"""


@dataclass(frozen=True)
class Job:
    """Calls of one kind: `record`, a recorded callback from A to B, or `prompt`, A hears the prompt once.

    `calls` is what `begin` begins.
    """

    kind: str
    a: str
    b: str
    prompt: Path
    calls: int
    every_s: float

    @property
    def legs_a_call(self) -> int:
        """Two of a callback."""
        return 2 if self.kind == "record" else 1


class Subject(Protocol):
    """What is measured."""

    pid: int
    version: str
    recordings: Path

    @property
    def pids(self) -> tuple[int, ...]:
        """Of all its processes; `pid` is the first."""

    def begin(self) -> None:
        """Begin the job's calls; returns when the last one was begun."""

    def more(self, calls: int) -> None:
        """The same with so many more."""

    def end(self) -> None:
        """End the calls and the program."""


class Ours:
    """Our own engine: one worker's core, and a second one on the same processor when it has no leg left."""

    def __init__(self, folder: Path, job: Job) -> None:
        folder.mkdir(parents=True)
        self.recordings = folder / "data" / "captures"
        self._job = job
        self._data = folder / "data"
        self._workers = [Worker(self._data, job, 0)]
        self.pid = self._workers[0].pid
        self.version = self._workers[0].version

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(worker.pid for worker in self._workers)

    def begin(self) -> None:
        self.more(self._job.calls)

    def more(self, calls: int) -> None:
        left = calls
        while left:
            if not self._workers[-1].room:
                self._workers.append(Worker(self._data, self._job, len(self._workers)))
            worker = self._workers[-1]
            now = min(left, worker.room)
            worker.begin(now)
            left -= now

    def end(self) -> None:
        for worker in self._workers:
            worker.end()


class Worker:
    """One process of ours."""

    def __init__(self, data: Path, job: Job, number: int) -> None:
        """Start it; workers on one machine have ports of their own."""
        ports = (LAST_PORT + 1 - FIRST_PORT) // MOST_WORKERS
        first = FIRST_PORT + number * ports
        facts = {
            **job.__dict__,
            "prompt": str(job.prompt),
            "data": str(data),
            "rtp_ports": [first, first + ports - 1],
        }
        command = [sys.executable, "-m", "benchmarks.calls_core", json.dumps(facts)]
        self._process = subprocess.Popen(
            ["taskset", "-c", str(SUBJECT_CORE), *command],
            cwd=ROOT,
            env={**os.environ, "IVRCORE_ENGINE": os.environ.get("IVRCORE_ENGINE") or "own"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.pid = self._process.pid  # taskset becomes what it starts
        try:
            told = self._hear()
        except BaseException:
            self._process.kill()
            raise
        self.version = str(told["limits"])
        self.room = max(1, int(told["legs"]) - SPARE_LEGS) // job.legs_a_call

    def _hear(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the core ended before its time (make engine?)")
        told: dict[str, Any] = json.loads(line)
        return told

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def begin(self, calls: int) -> None:
        """Begin so many."""
        self._tell(str(calls))
        self._hear()
        self.room -= calls

    def end(self) -> None:
        """End its calls and itself."""
        try:
            self._tell("end")
            self._process.communicate(timeout=20.0)
        except (OSError, subprocess.TimeoutExpired):
            pass
        finally:
            self._process.kill()
            self._process.wait()


class Asterisk:
    """The container of docker/asterisk, with a dialplan of its own for the bench."""

    def __init__(self, folder: Path, job: Job) -> None:
        state = folder / "state"
        self.recordings = state / "recordings"
        self._job = job
        state.mkdir(parents=True)
        (state / "bench-prompt.alaw").write_bytes(alaw_encode(read_pcm(job.prompt)).tobytes())
        self._testbed = Testbed(state, "", ASTERISK_RTP_RANGE, SUBJECT_CORE, DIALPLAN)
        self.pid, self.version = self._testbed.pid, self._testbed.version

    @property
    def pids(self) -> tuple[int, ...]:
        return (self.pid,)

    def begin(self) -> None:
        self.more(self._job.calls)

    def more(self, calls: int) -> None:
        job, began_s = self._job, time.monotonic()
        for number in range(calls):
            time.sleep(max(0.0, began_s + number * job.every_s - time.monotonic()))
            self._testbed.ami.ask(
                Action="Originate",
                Channel=f"PJSIP/trunk/{job.a}",
                Context="bench",
                Exten=job.kind,
                Priority="1",
                CallerID="1000",
                Codecs="alaw",
                Variable=f"B={job.b}",
                Async="true",
            )

    def end(self) -> None:
        self._testbed.down()
