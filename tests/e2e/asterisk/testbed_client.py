"""What a test does with a running testbed: place a call, read what the robot recorded, ask Asterisk.

Left out: starting and stopping it (conftest.py), and the softphone itself (softphone.py, a child process).
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from media.errors import MediaError
from media.types import Pcm16
from media.wav import read_pcm

SOFTPHONE = Path(__file__).with_name("softphone.py")
TESTBED = Path(__file__).resolve().parents[3] / "docker" / "asterisk" / "testbed"
STARTUP_S = 20.0
RECORDING_DEADLINE_S = 5.0


@dataclass(frozen=True)
class Response:
    """One SIP response to the INVITE."""

    at_s: float
    code: int
    reason: str
    sdp: bool


@dataclass(frozen=True)
class Digit:
    """One key as the far end's RTP event or INFO reported it."""

    at_s: float
    digit: str
    method: str
    duration_ms: int


@dataclass(frozen=True)
class CallReport:
    """What one call looked like to the softphone; times in seconds since its INVITE."""

    responses: tuple[Response, ...]
    digits: tuple[Digit, ...]
    packets_received: int
    bye_at_s: float | None
    """When the far end hung up, None if it did not."""
    bye_reason: str
    end_code: int
    heard: Path
    """WAV of what the softphone heard, from the first media on."""

    @property
    def codes(self) -> tuple[int, ...]:
        """The responses' codes, each run of equal ones once."""
        codes = [response.code for response in self.responses]
        return tuple(code for n, code in enumerate(codes) if n == 0 or code != codes[n - 1])

    def first(self, code: int) -> Response:
        """The first response of this code; StopIteration if there was none."""
        return next(response for response in self.responses if response.code == code)


@dataclass(frozen=True)
class Recording:
    """What a robot heard and said from its answer on, sample for sample."""

    heard: Pcm16
    said: Pcm16


class Testbed:
    """A running instance, known by its settings (the KEY=VALUE lines of `testbed up`)."""

    __test__ = False

    def __init__(self, settings: Mapping[str, str], environment: Mapping[str, str], directory: Path) -> None:
        """Settings, the environment for the `testbed` script, and where softphones may leave files."""
        self.state = Path(settings["IVRCORE_ASTERISK_STATE"])
        self.signals = Path(settings["IVRCORE_ASTERISK_SIGNALS"])
        self.sip_port = int(settings["IVRCORE_ASTERISK_SIP_PORT"])
        self.digest_port = int(settings["IVRCORE_ASTERISK_DIGEST_PORT"])
        first, last = settings["IVRCORE_ASTERISK_RTP_RANGE"].split("-")
        self.rtp_ports = int(first), int(last)
        self._ami_port = int(settings["IVRCORE_ASTERISK_AMI_PORT"])
        self._environment = dict(environment)
        self._directory = directory

    def signal(self, name: str) -> Pcm16:
        """One of the known signals, whole."""
        return read_pcm(self.signals / "wav" / f"{name}.wav")

    def cli(self, command: str) -> str:
        """Output of one Asterisk CLI command."""
        run = [str(TESTBED), "rx", command]
        return subprocess.run(run, env=self._environment, check=True, capture_output=True, text=True).stdout

    def teach(self, robots: Mapping[str, str]) -> None:
        """Tell Asterisk what each robot does: number to parameters (AstDB family `robot`).

        By the manager interface: a CLI command for each would take longer than the calls.
        """
        address = ("127.0.0.1", self._ami_port)
        with socket.create_connection(address, 10.0) as peer, peer.makefile("rwb") as ami:

            def act(action: str, **fields: str) -> None:
                lines = [f"Action: {action}", *(f"{name}: {value}" for name, value in fields.items())]
                ami.write("".join(f"{line}\r\n" for line in [*lines, ""]).encode())
                ami.flush()
                block: list[bytes] = []
                # An event may come between, even with events off: FullyBooted follows the login.
                while not any(line.startswith(b"Response: ") for line in block):
                    block = list(iter(ami.readline, b"\r\n"))
                assert b"Response: Success\r\n" in block, block

            act("Login", Username="ivrcore", Secret="ivrcore-lab", Events="off")
            for number, parameters in robots.items():
                act("DBPut", Family="robot", Key=number, Val=parameters)

    def heard_file(self, number: str, call_id: str) -> Path:
        """What the robot of one call heard, once it is whole."""
        self.recording(number, call_id)
        (path,) = (self.state / "recordings").glob(f"{number}-{call_id}-*-heard.wav")
        return path

    def uri(self, number: str, port: int | None = None) -> str:
        """Where to dial a number; by default through the open trunk."""
        return f"sip:{number}@127.0.0.1:{port or self.sip_port}"

    def start_softphone(self, name: str, *arguments: str, play: str = "talk-5") -> "RunningSoftphone":
        """Start a softphone that says a known signal; name is for its files."""
        heard = self._directory / f"{name}.wav"
        command = [sys.executable, str(SOFTPHONE), "--record", str(heard)]
        command += ["--play", str(self.signals / "wav" / f"{play}.wav"), *arguments]
        return RunningSoftphone(subprocess.Popen(command, stdout=subprocess.PIPE, text=True), heard)

    def call(self, number: str, *arguments: str, port: int | None = None, seconds: float = 3.0) -> CallReport:
        """Call a number, hang up after so many seconds unless the far end did, and report."""
        phone = self.start_softphone(
            f"{number}-{time.monotonic_ns()}",
            "--uri",
            self.uri(number, port),
            "--seconds",
            str(seconds),
            *arguments,
        )
        return phone.report(seconds)

    def recording(self, number: str, call_id: str) -> Recording:
        """Both recordings of the one call to this number with this id, waited for until they are whole."""
        stem = self.state / "recordings"
        end_s = time.monotonic() + RECORDING_DEADLINE_S
        while True:
            found = [sorted(stem.glob(f"{number}-{call_id}-*-{side}.wav")) for side in ("heard", "said")]
            if [len(paths) for paths in found] == [1, 1] and all(_is_whole(paths[0]) for paths in found):
                return Recording(read_pcm(found[0][0]), read_pcm(found[1][0]))
            if time.monotonic() > end_s:
                raise TimeoutError(f"no whole recording of {number} with id {call_id}: {found}")
            time.sleep(0.02)


class RunningSoftphone:
    """A softphone process under way."""

    def __init__(self, process: "subprocess.Popen[str]", heard: Path) -> None:
        self._process = process
        self._heard = heard
        self._events: list[dict[str, object]] = []

    def wait_for(self, event: str) -> None:
        """Read events up to one of this kind; EOFError if the process ends before."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            # pjlib prints some lines of its own before its log can be turned off.
            if line.startswith("{"):
                self._events.append(json.loads(line))
                if self._events[-1]["event"] == event:
                    return
        raise EOFError(f"softphone ended without {event}: {self._events}")

    def report(self, seconds: float) -> CallReport:
        """Wait for its end, at most STARTUP_S beyond the call's length, and report."""
        try:
            output, _ = self._process.communicate(timeout=seconds + STARTUP_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise
        assert self._process.returncode == 0, f"softphone failed: {output}"
        self._events += [json.loads(line) for line in output.splitlines() if line.startswith("{")]
        return _report(self._events, self._heard)


def _report(events: list[dict[str, object]], heard: Path) -> CallReport:
    """The events of one softphone, sorted out."""

    def fields(kind: str) -> list[dict[str, object]]:
        return [
            {k: v for k, v in event.items() if k != "event"} for event in events if event["event"] == kind
        ]

    media, bye, end = fields("media"), fields("bye"), fields("end")
    return CallReport(
        responses=tuple(Response(**event) for event in fields("response")),  # type: ignore[arg-type]
        digits=tuple(Digit(**event) for event in fields("digit")),  # type: ignore[arg-type]
        packets_received=int(str(media[-1]["received"])) if media else 0,
        bye_at_s=float(str(bye[0]["at_s"])) if bye else None,
        bye_reason=str(bye[0]["reason"]) if bye else "",
        end_code=int(str(end[0]["code"])),
        heard=heard,
    )


def _is_whole(path: Path) -> bool:
    """Whether the header's size is the file's: Asterisk completes it after the hang-up, on another thread."""
    header = path.read_bytes()[:8]
    if len(header) < 8 or int.from_bytes(header[4:8], "little") != path.stat().st_size - 8:
        return False
    try:
        return len(read_pcm(path)) > 0
    except MediaError:
        return False
