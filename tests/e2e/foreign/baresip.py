"""baresip as a telephone: registered at the testbed, driven over TCP, speaking a file, keeping what it hears.

It needs a network interface beside loopback and names that one's address in its SDP; the testbed answers to
where its packets come from. `aubridge` without a partner is its loudspeaker: it swallows sound at the right
pace, and `sndfile` writes down what passes.
"""

import json
import re
import socket
import subprocess
import time
import wave
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np
from scipy.signal import resample_poly

from media.convert import load_audio
from media.types import SAMPLE_RATE_HZ, Pcm16
from tests.e2e.foreign.tools import require

REGISTRATION_S = 20.0
DEADLINE_S = 10.0
MODULES = "/usr/lib/baresip/modules"

CODECS = {"PCMA": "pcma", "PCMU": "pcmu", "G722": "g722/16000"}
"""Our names for codecs, and those of an account of baresip."""


class Baresip:
    """One baresip with one account of the testbed; it answers every call at once."""

    def __init__(self, account: str, registrar_port: int, folder: Path, codec: str, talk: Pcm16) -> None:
        """Start it.

        Args:
            account: 1001 to 1010.
            folder: made, and filled with its files.
            codec: the only one it knows, by our name for it.
            talk: spoken once, from the answer on.
        """
        program = require("baresip")
        folder.mkdir(parents=True)
        self._recordings = folder / "heard"
        self._recordings.mkdir()
        rate_hz = 16_000 if codec == "G722" else SAMPLE_RATE_HZ
        _write_pcm(folder / "talk.wav", talk, rate_hz)
        sip_port, self._control_port = _free_ports(2)
        (folder / "config").write_text(_config(folder, sip_port, self._control_port, rate_hz))
        (folder / "accounts").write_text(
            f"<sip:{account}@127.0.0.1:{registrar_port}>;auth_user={account};auth_pass=ivrcore-{account}"
            f";audio_codecs={CODECS[codec]};answermode=auto;regint=600\n"
        )
        self._output = folder / "output.log"
        self._process = subprocess.Popen(
            [program, "-f", str(folder)],
            stdin=subprocess.DEVNULL,
            stdout=self._output.open("w"),
            stderr=subprocess.STDOUT,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        try:
            self._process.wait(DEADLINE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    @property
    def output(self) -> str:
        """What it printed so far."""
        return self._output.read_text(errors="replace")

    def wait_for(self, pattern: str, *, deadline_s: float) -> None:
        """Until it has printed a line that matches.

        Raises:
            AssertionError: it did not in time, or it ended.
        """
        until_s = time.monotonic() + deadline_s
        while not re.search(pattern, self.output):
            ended = self._process.poll() is not None
            assert not ended, f"baresip ended: {self.output[-2000:]}"
            assert time.monotonic() < until_s, f"no '{pattern}' from baresip: {self.output[-2000:]}"
            time.sleep(0.05)

    def wait_until_registered(self) -> None:
        """Until the registrar has said 200."""
        self.wait_for(r"200 OK .*\[\d+ binding", deadline_s=REGISTRATION_S)

    def hang_up(self) -> None:
        """End its call: one netstring of JSON to its control port."""
        order = json.dumps({"command": "hangup", "params": "", "token": "1"})
        with socket.create_connection(("127.0.0.1", self._control_port), timeout=DEADLINE_S) as control:
            control.sendall(f"{len(order)}:{order},".encode())
            control.recv(1024)

    @property
    def codecs(self) -> set[str]:
        """Of its calls, both directions, by our names."""
        return set(re.findall(r"Set audio (?:de|en)coder: (\w+)", self.output))

    def heard(self) -> Pcm16:
        """Its only call, from the answer on, at 8000 Hz."""
        (path,) = self._recordings.glob("*-dec.wav")
        return load_audio(path)


def _config(folder: Path, sip_port: int, control_port: int, rate_hz: int) -> str:
    modules = "".join(f"module {name}.so\n" for name in ("g711", "g722", "aufile", "aubridge", "sndfile"))
    return f"""\
sip_listen 127.0.0.1:{sip_port}
call_max_calls 1
statmode_default off
audio_source aufile,{folder}/talk.wav
audio_player aubridge,ear
audio_alert aubridge,ear
ausrc_srate {rate_hz}
auplay_srate {rate_hz}
ausrc_channels 1
auplay_channels 1
audio_buffer 20-160
jitter_buffer_delay 2-10
module_path {MODULES}
{modules}module_tmp uuid.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen 127.0.0.1:{control_port}
snd_path {folder}/heard
"""


def _write_pcm(path: Path, pcm: Pcm16, rate_hz: int) -> None:
    """16-bit PCM, at twice the rate of a telephone where the codec has it: aufile does not resample."""
    samples = pcm
    if rate_hz != SAMPLE_RATE_HZ:
        wide = resample_poly(pcm.astype(np.float64), rate_hz // SAMPLE_RATE_HZ, 1)
        samples = np.clip(np.round(wide), -32768, 32767).astype(np.int16)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.tobytes())


def _free_ports(count: int) -> list[int]:
    """Ports that are free for UDP and TCP, with the next one of each: baresip takes it for TLS."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as tcp, socket.socket() as above:
            tcp.bind(("127.0.0.1", 0))
            port = int(tcp.getsockname()[1])
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
                try:
                    above.bind(("127.0.0.1", port + 1))
                    udp.bind(("127.0.0.1", port))
                except OSError:
                    continue
        found.append(port)
    return found
