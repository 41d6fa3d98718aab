"""The two programs that benchmarks/bench_calls.py compares, each alone on its core: ours and Asterisk 22.

Both are started afresh for every run, so that memory counts from the same point. A subject begins its calls
at an even pace; what it costs is read from /proc by whoever measures.
"""

import json
import os
import shlex
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from benchmarks.calls_load import ROOT, SUBJECT_CORE, free_port
from media.g711 import alaw_encode
from media.wav import read_pcm
from sip.rtp_ports import FIRST_PORT, LAST_PORT

TESTBED = ROOT / "docker/asterisk/testbed"
ANSWER_DEADLINE_S = 60.0
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
        self._env = {
            **os.environ,
            "IVRCORE_ASTERISK_INSTANCE": os.environ.get("IVRCORE_ASTERISK_INSTANCE", "bench"),
            "IVRCORE_ASTERISK_SIP_PORT": str(free_port()),
            "IVRCORE_ASTERISK_DIGEST_PORT": str(free_port()),
            "IVRCORE_ASTERISK_AMI_PORT": str(free_port()),
            "IVRCORE_ASTERISK_RTP_RANGE": ASTERISK_RTP_RANGE,
            "IVRCORE_ASTERISK_STATE": str(state),
            "IVRCORE_PYTHON": sys.executable,
        }
        state.mkdir(parents=True)
        (state / "bench-prompt.alaw").write_bytes(alaw_encode(read_pcm(job.prompt)).tobytes())
        told = self._testbed("up")
        settings = dict(line.partition("=")[::2] for line in shlex.split(told))
        try:
            self._ami = Ami(settings["IVRCORE_ASTERISK_HOST"], int(settings["IVRCORE_ASTERISK_AMI_PORT"]))
            self.pid = self._asterisk_pid()
            taskset = ["taskset", "--all-tasks", "--cpu-list", "--pid", str(SUBJECT_CORE), str(self.pid)]
            subprocess.run(taskset, check=True, capture_output=True)
            with (state / "etc/extensions.conf").open("a") as dialplan:
                dialplan.write(DIALPLAN)
            # Its log of every step of every call is for tests; no service would keep it.
            for command in ("dialplan reload", "core set verbose 0"):
                self._ami.ask(Action="Command", Command=command)
            self.version = self._ami.ask(Action="CoreSettings")["AsteriskVersion"]
        except BaseException:
            self._testbed("down")
            raise

    def _testbed(self, *arguments: str) -> str:
        done = subprocess.run(
            [TESTBED, *arguments], env=self._env, stdout=subprocess.PIPE, text=True, timeout=600.0, check=True
        )
        return done.stdout

    def _asterisk_pid(self) -> int:
        """Of the newest Asterisk whose state is ours: container engines disagree on how to ask them."""
        wanted = f"{self._env['IVRCORE_ASTERISK_STATE']} "
        for entry in Path("/proc").iterdir():
            try:
                if (entry / "comm").read_text() == "asterisk\n" and wanted in (
                    entry / "mountinfo"
                ).read_text():
                    return int(entry.name)
            except OSError:
                continue
        raise RuntimeError("Asterisk does not run")

    @property
    def pids(self) -> tuple[int, ...]:
        return (self.pid,)

    def begin(self) -> None:
        self.more(self._job.calls)

    def more(self, calls: int) -> None:
        job, began_s = self._job, time.monotonic()
        for number in range(calls):
            time.sleep(max(0.0, began_s + number * job.every_s - time.monotonic()))
            self._ami.ask(
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
        self._testbed("down")


class Ami:
    """The manager interface, as far as it is needed here; events are switched off."""

    def __init__(self, host: str, port: int) -> None:
        self._socket = socket.create_connection((host, port), timeout=ANSWER_DEADLINE_S)
        self._lines = self._socket.makefile("r", encoding="utf-8", newline="\r\n")
        self._lines.readline()  # its greeting
        self.ask(Action="Login", Username="ivrcore", Secret="ivrcore-lab", Events="off")

    def ask(self, **headers: str) -> dict[str, str]:
        """The headers of the answer.

        Raises:
            RuntimeError: it is an error.
        """
        self._socket.sendall(("".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n").encode())
        answer: dict[str, str] = {}
        while (line := self._lines.readline().rstrip("\r\n")) or not answer:
            name, _, value = line.partition(": ")
            answer[name] = value
        if answer.get("Response") not in ("Success", "Goodbye"):
            raise RuntimeError(f"{headers['Action']}: {answer}")
        return answer
