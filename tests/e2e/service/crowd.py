"""Many telephones in one SIPp: each rings and answers at once, talks for a while, and hangs up."""

import socket
import subprocess
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.e2e.foreign.sipp import Traced, read_log
from tests.e2e.foreign.tools import require

SCENARIOS = Path(__file__).with_name("sipp")
START_S = 10.0
LONGEST_S = 900


class Crowd:
    """Telephones on one SIP port; `with` ends them."""

    def __init__(self, folder: Path, *, talk_ms: int, trace: bool = False) -> None:
        """Start them.

        Args:
            folder: for their logs; made here.
            talk_ms: from the answer until they hang up.
            trace: keep every SIP message, see `messages`.
        """
        folder.mkdir(parents=True)
        self._messages = folder / "messages.log"
        self._errors = folder / "errors.log"
        scenario = folder / "answers.xml"
        scenario.write_text((SCENARIOS / scenario.name).read_text().replace("TALK_MS", str(talk_ms)))
        self._port, media_port = _free_port(), _free_port()
        command = [
            *(require("sipp"), "-sf", str(scenario), "-nostdin"),
            *("-i", "127.0.0.1", "-p", str(self._port), "-mi", "127.0.0.1", "-mp", str(media_port)),
            *("-rtp_echo", "-timeout", f"{LONGEST_S}s", "-default_behaviors", "all,-abortunexp"),
            *("-trace_err", "-error_file", str(self._errors)),
        ]
        if trace:
            command += ["-trace_msg", "-message_file", str(self._messages), "-ringbuffer_size", "0"]
        self._process = subprocess.Popen(
            command,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(folder / "stderr.log").open("w"),
        )

    def __enter__(self) -> Self:
        end_s = time.monotonic() + START_S
        while not self._listens():
            assert self._process.poll() is None, f"SIPp did not start: {self.complaints()}"
            assert time.monotonic() < end_s, "SIPp does not listen"
            time.sleep(0.02)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        ended = self._process.poll()
        self._process.kill()
        self._process.wait()
        if kind is None:
            assert ended is None, f"SIPp ended with {ended}: {self.complaints()}"

    @property
    def address(self) -> str:
        """host:port to send numbers to."""
        return f"127.0.0.1:{self._port}"

    def messages(self) -> tuple[Traced, ...]:
        """Every SIP message so far."""
        return read_log(self._messages.read_text())

    def complaints(self) -> str:
        """What SIPp did not like: also calls whose other side was killed."""
        return self._errors.read_text(errors="replace")[-2000:] if self._errors.exists() else ""

    def _listens(self) -> bool:
        """Whether somebody has the port: SIPp binds it when it has read its scenario."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            try:
                probe.bind(("127.0.0.1", self._port))
            except OSError:
                return True
        return False


def _free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.bind(("127.0.0.1", 0))
        return int(udp.getsockname()[1])
