"""Telephones that count: SIPp answers, rtp_load.c beside it talks, listens and says what it heard.

SIPp's own RTP streams fall behind above some hundred calls, and nobody counts them. rtp_load sends every
packet of every telephone on time, or says that it did not; and what a program under load does to the audio is
counted on every telephone, by sequence numbers, arrival times and content. It is compiled at first use and
kept.
"""

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self

from benchmarks.calls_load import LOAD_CORE, ROOT, free_port, free_ports
from media.g711 import alaw_encode
from media.types import Pcm16

SOURCE = Path(__file__).with_name("rtp_load.c")
HEADER = Path(__file__).with_name("rtp_count.h")
SCENARIO = ROOT / "tests/e2e/engine/sipp/answers.xml"
PORTS_FOR_SIPP = 4
"""It holds two pairs for media of its own, which it then does not use."""

LONGEST_S = 900.0
PACKETS_A_SECOND = 50


@dataclass(frozen=True)
class Party:
    """Telephones of one voice.

    Attributes:
        says: what each says, over and over, mono 8000 Hz, whole frames of 20 ms.
        expects: what each should hear, over and over.
    """

    says: Pcm16
    expects: Pcm16


@dataclass(frozen=True)
class Heard:
    """Counts over all telephones of a party, since the last `window`.

    Attributes:
        talking: telephones in a call now; `deaf`: those of them that heard nothing.
        sent, unsent: packets that left, and that the kernel did not take.
        received: packets, each counted once.
        missing: of those that should have come at 50 a second, by telephone, less 2 at the edges.
        lost: gaps in the sequence numbers; `doubled`, `disordered`: came twice, came after a later one.
        known: packets whose payload is a piece of what is expected, bit by bit.
        jumps: of those, how often one was not what follows at this moment.
        wide: telephones with a pause of 40 ms or more between two packets.
        gap_p50_ms, gap_p999_ms: time between two packets, over all of them, rounded up to 1 ms.
        gap_max_ms: the longest, rounded down.
        first_p50_ms, first_p95_ms, first_max_ms: first packet after our ACK, under 0 when it came before.
    """

    talking: int
    deaf: int
    sent: int
    unsent: int
    received: int
    missing: int
    lost: int
    doubled: int
    disordered: int
    known: int
    jumps: int
    wide: int
    gap_p50_ms: float
    gap_p999_ms: float
    gap_max_ms: float
    first_p50_ms: float
    first_p95_ms: float
    first_max_ms: float


@dataclass(frozen=True)
class Counts:
    """What rtp_load reports.

    Attributes:
        window_s: since the last `window`.
        realtime: it runs before all ordinary work.
        cpu_s: processor time it has used since its start.
        late_p999_ms, late_max_ms: by how much it woke up too late.
        parties: in the order in which they were named.
    """

    window_s: float
    realtime: bool
    cpu_s: float
    late_p999_ms: float
    late_max_ms: float
    parties: tuple[Heard, ...]

    @classmethod
    def of(cls, line: str) -> Self:
        """From its line of JSON."""
        told: dict[str, Any] = json.loads(line)
        names = [field.name for field in fields(Heard)]
        parties = tuple(Heard(**{name: one[name] for name in names}) for one in told.pop("groups"))
        return cls(**told, parties=parties)


def built() -> Path:
    """The program; compiled if this source was never compiled here.

    Raises:
        RuntimeError: there is no compiler, or it fails; one line.
    """
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ivrcore" / "bench"
    program = cache / f"rtp_load-{hashlib.sha256(SOURCE.read_bytes() + HEADER.read_bytes()).hexdigest()[:12]}"
    if program.exists():
        return program
    compiler = shutil.which("cc")
    if compiler is None:
        raise RuntimeError("rtp_load needs a C compiler, and there is no cc (Debian package gcc)")
    cache.mkdir(parents=True, exist_ok=True)
    made = program.with_suffix(f".{os.getpid()}")
    done = subprocess.run(
        [compiler, "-O2", "-o", made, SOURCE], capture_output=True, text=True, timeout=60.0, check=False
    )
    if done.returncode:
        raise RuntimeError(f"cc cannot compile {SOURCE.name}: {done.stderr.strip().partition(chr(10))[0]}")
    made.rename(program)
    return program


class RtpLoad:
    """The running program."""

    def __init__(self, folder: Path, first_port: int, legs: int, parties: Sequence[Party]) -> None:
        """Start it, on the load's core.

        Args:
            folder: for its files; is made.
            first_port: even; each party takes every other one of 2 × legs ports.

        Raises:
            RuntimeError: it cannot be compiled, or a port is taken.
        """
        folder.mkdir(parents=True)
        self._folder = folder
        self._first_port, self._legs = first_port, legs
        self.control = folder / "control"
        os.mkfifo(self.control)
        groups: list[str] = []
        for number, party in enumerate(parties):
            files = [folder / f"says-{number}.alaw", folder / f"expects-{number}.alaw"]
            for file, pcm in zip(files, (party.says, party.expects), strict=True):
                file.write_bytes(alaw_encode(pcm).tobytes())
            groups += [str(self.port(number, 0)), str(legs), *map(str, files)]
        self._process = subprocess.Popen(
            ["taskset", "-c", str(LOAD_CORE), str(built()), str(self.control), f"{LONGEST_S:.0f}", *groups],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._hear()
        self._fifo = self.control.open("w", buffering=1)

    def port(self, party: int, call: int) -> int:
        """Of one telephone."""
        return self._first_port + 2 * (party * self._legs + call)

    def _hear(self) -> str:
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(self._process.stderr.read().strip() or "rtp_load ended before its time")
        return line

    def tell(self, command: str) -> None:
        """A command as its source describes them."""
        self._fifo.write(f"{command}\n")

    def window(self) -> None:
        """Count anew from now on."""
        self.tell("window")

    def report(self) -> Counts:
        """The counts since the last `window`."""
        self.tell("report")
        return Counts.of(self._hear())

    def keep(self, party: int, call: int) -> Path:
        """Keep what one telephone hears from now on, a minute at the most.

        Returns:
            A file of raw A-law that is there after `end`.
        """
        path = self._folder / f"heard-{party}-{call}.alaw"
        self.tell(f"keep {self.port(party, call)} {path}")
        return path

    def end(self) -> None:
        """Stop it, files written; a second time is fine."""
        self._fifo.close()
        if self._process.poll() is None:
            self._process.terminate()
        try:
            self._process.communicate(timeout=10.0)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()


class Telephones:
    """Answering telephones: what to dial for each party, and their common RTP."""

    def __init__(self, rtp: RtpLoad, uris: tuple[str, ...]) -> None:
        self.rtp = rtp
        self.uris = uris


@contextmanager
def counting_telephones(folder: Path, legs: int, parties: Sequence[Party]) -> Iterator[Telephones]:
    """Telephones that answer at once and talk until they are hung up on; one SIPp and SIP port a party.

    Args:
        folder: for files; is made.
        legs: calls that a party can take at once.

    Raises:
        RuntimeError: SIPp or the compiler is missing, something did not start, too few ports.
    """
    sipp = shutil.which("sipp")
    if sipp is None:
        raise RuntimeError("sipp is not installed (Debian package sip-tester)")
    spare = 2 * legs * len(parties)
    first = free_ports(spare + PORTS_FOR_SIPP * len(parties))
    rtp = RtpLoad(folder, first, legs, parties)
    uris = []
    with ExitStack() as stack:
        stack.callback(rtp.end)
        for number in range(len(parties)):
            port = free_port()
            command = [
                *("taskset", "-c", str(LOAD_CORE), sipp, "-sf", str(SCENARIO), "-nostdin"),
                *("-i", "127.0.0.1", "-p", str(port)),
                *("-mi", "127.0.0.1", "-mp", str(first + spare + PORTS_FOR_SIPP * number)),
                *("-dynamicStart", str(rtp.port(number, 0)), "-dynamicStep", "2"),
                *("-dynamicMax", str(rtp.port(number, legs - 1))),
                *("-trace_logs", "-log_file", str(rtp.control)),
            ]
            process = stack.enter_context(
                subprocess.Popen(
                    command,
                    cwd=folder,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
            )
            stack.callback(process.kill)
            time.sleep(0.5)
            if process.poll() is not None:
                raise RuntimeError("SIPp did not start")
            uris.append(f"sip:talker@127.0.0.1:{port}")
        yield Telephones(rtp, tuple(uris))
