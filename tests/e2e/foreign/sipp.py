"""SIPp as one party of a call: it plays a scenario of sipp/ and tells by its exit status if it went so."""

import re
import signal
import socket
import subprocess
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.foreign.tools import require
from tests.e2e.loopback.wirephone import SipMessage

SCENARIOS = Path(__file__).with_name("sipp")
MESSAGE_LOG = "messages.log"
DEADLINE_S = 10.0
LONGEST_CALL_S = 90

_ENTRY = re.compile(
    r"^-{40,} (\S+ \S+)\n(?:UDP|TCP) message (sent|received) [^\n]*\n\n(.*?)(?=^-{40,} |\Z)",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Traced:
    """One message of SIPp's own log; at_s is wall-clock time."""

    by_sipp: bool
    message: SipMessage

    @property
    def name(self) -> str:
        """The method of a request; status and method of a response, such as "200 INVITE"."""
        if self.message.method != "SIP/2.0":
            return self.message.method
        method = self.message.header("CSeq").split()[1]
        return f"{self.message.start_line.split()[1]} {method}"


@dataclass(frozen=True)
class Played:
    """A scenario that is over."""

    status: int
    log: tuple[Traced, ...]
    complaints: str

    def from_core(self, name: str) -> list[SipMessage]:
        """Every message of that name that the core sent, retransmissions included."""
        return [traced.message for traced in self.log if not traced.by_sipp and traced.name == name]

    def from_sipp(self, name: str) -> list[SipMessage]:
        """Every message of that name that SIPp sent."""
        return [traced.message for traced in self.log if traced.by_sipp and traced.name == name]

    def story(self) -> str:
        """The exchange in short."""
        return ", ".join(("-> " if traced.by_sipp else "<- ") + traced.name for traced in self.log)


class Sipp:
    """One SIPp on loopback that takes one call."""

    def __init__(self, scenario: str, folder: Path, *options: str, **keys: object) -> None:
        """Start it.

        Args:
            scenario: stem of a file in sipp/.
            folder: for its logs, and with the files it streams.
            options: more of the command line.
            keys: what stands for [key] in the scenario.
        """
        self._scenario = scenario
        self._messages = folder / MESSAGE_LOG
        self._errors = folder / "errors.log"
        self.port, media_port = _free_port(), _free_port()
        command = [
            *(require("sipp"), "-sf", str(SCENARIOS / f"{scenario}.xml"), "-m", "1", "-nostdin"),
            *("-i", "127.0.0.1", "-p", str(self.port), "-mi", "127.0.0.1", "-mp", str(media_port)),
            *("-timeout", f"{LONGEST_CALL_S}s", "-timeout_error"),
            *("-trace_msg", "-message_file", str(self._messages)),
            *("-trace_err", "-error_file", str(self._errors)),
        ]
        command += options
        for key, value in keys.items():
            command += ["-key", key, str(value)]
        # Both streams stay unread: SIPp draws its screen on one of them.
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(folder / "stderr.log").open("w"),
        )
        self._folder = folder

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()

    @property
    def pid(self) -> int:
        """Of its process."""
        return self._process.pid

    @property
    def uri(self) -> str:
        """What to dial."""
        return f"sip:sipp@127.0.0.1:{self.port}"

    def finish(self) -> Played:
        """Wait for the end of the scenario; one that goes on is stopped, and then its status is not 0."""
        try:
            self._process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        complaints = "".join(
            path.read_text(errors="replace")
            for path in (self._errors, self._folder / "stderr.log")
            if path.exists()
        )
        log = read_log(self._messages.read_text()) if self._messages.exists() else ()
        return Played(self._process.returncode, log, f"{self._scenario}: {complaints}")


def read_log(text: str) -> tuple[Traced, ...]:
    """The messages of a SIPp message log, in order."""
    return tuple(
        Traced(direction == "sent", SipMessage(_as_sent(text), datetime.fromisoformat(stamp).timestamp()))
        for stamp, direction, text in _ENTRY.findall(text.replace("\r\n", "\n"))
    )


def _as_sent(logged: str) -> str:
    """A message with its line ends, and the empty line that a log of one without body may lack."""
    head, _, body = logged.strip("\n").partition("\n\n")
    return head.replace("\n", "\r\n") + "\r\n\r\n" + (body.replace("\n", "\r\n") + "\r\n" if body else "")


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        return int(udp.getsockname()[1])
