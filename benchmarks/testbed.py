"""The container of docker/asterisk on one core, with a dialplan added: a subject, or telephones."""

import os
import shlex
import socket
import subprocess
import sys
from pathlib import Path

from benchmarks.calls_load import ROOT, free_port

SCRIPT = ROOT / "docker/asterisk/testbed"
ANSWER_DEADLINE_S = 60.0


class Testbed:
    """One instance, up from the beginning until `down`."""

    def __init__(self, state: Path, name: str, rtp_range: str, core: int, dialplan: str) -> None:
        """Start it.

        Args:
            state: its directory, in the container /state; may hold files already.
            name: its own among those of the bench.
            rtp_range: FIRST-LAST.
            core: it is pinned to.
            dialplan: is added to its extensions.conf.

        Raises:
            subprocess.CalledProcessError: no container can run here, or the image cannot be made.
            RuntimeError: it does not answer as Asterisk does.
        """
        self._state = state
        base = os.environ.get("IVRCORE_ASTERISK_INSTANCE", "bench")
        self._env = {
            **os.environ,
            "IVRCORE_ASTERISK_INSTANCE": f"{base}-{name}" if name else base,
            "IVRCORE_ASTERISK_SIP_PORT": str(free_port()),
            "IVRCORE_ASTERISK_DIGEST_PORT": str(free_port()),
            "IVRCORE_ASTERISK_AMI_PORT": str(free_port()),
            "IVRCORE_ASTERISK_RTP_RANGE": rtp_range,
            "IVRCORE_ASTERISK_STATE": str(state),
            "IVRCORE_PYTHON": sys.executable,
        }
        state.mkdir(parents=True, exist_ok=True)
        told = self._testbed("up")
        settings = dict(line.partition("=")[::2] for line in shlex.split(told))
        self.address = f"{settings['IVRCORE_ASTERISK_HOST']}:{settings['IVRCORE_ASTERISK_SIP_PORT']}"
        try:
            self.ami = Ami(settings["IVRCORE_ASTERISK_HOST"], int(settings["IVRCORE_ASTERISK_AMI_PORT"]))
            self.pid = self._asterisk_pid()
            taskset = ["taskset", "--all-tasks", "--cpu-list", "--pid", str(core), str(self.pid)]
            subprocess.run(taskset, check=True, capture_output=True)
            with (state / "etc/extensions.conf").open("a") as file:
                file.write(dialplan)
            # Its log of every step of every call is for tests; no service would keep it.
            for command in ("dialplan reload", "core set verbose 0"):
                self.ami.ask(Action="Command", Command=command)
            self.version = self.ami.ask(Action="CoreSettings")["AsteriskVersion"]
        except BaseException:
            self.down()
            raise

    def _testbed(self, verb: str) -> str:
        done = subprocess.run(
            [SCRIPT, verb], env=self._env, stdout=subprocess.PIPE, text=True, timeout=600.0, check=True
        )
        return done.stdout

    def _asterisk_pid(self) -> int:
        """Of the Asterisk whose state is ours: container engines disagree on how to ask them."""
        wanted = f"{self._state} "
        for entry in Path("/proc").iterdir():
            try:
                name, mounts = (entry / "comm").read_text(), (entry / "mountinfo").read_text()
            except OSError:
                continue
            if name == "asterisk\n" and wanted in mounts:
                return int(entry.name)
        raise RuntimeError("Asterisk does not run")

    def down(self) -> None:
        """Stop it; a second time is fine."""
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
