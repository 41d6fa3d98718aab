"""The ground over Asterisk: a robot subscriber a call, and the command line as its user has it.

What a robot heard is Asterisk's own recording, which begins with its answer. Keys by RFC 4733 and INFO are at
least 100 ms long here, in band on and off whole packets (docker/asterisk/README.md, limits).
"""

from math import inf
from pathlib import Path

from media.g711 import alaw_encode
from tests.e2e.asterisk.testbed_client import Testbed
from tests.e2e.asterisk.wire import Capture, Leg, read_legs
from tests.e2e.callback.core import Core
from tests.e2e.callback.ear import Ear
from tests.e2e.callback.starvation import StarvationWatch
from tests.e2e.one_leg.cases import CASES, IN_BAND, INFO, RFC4733, Case, Customer
from tests.e2e.one_leg.judge import Evidence, history_of
from tests.e2e.one_leg.sounds import Sounds
from tests.e2e.second_try import ATTEMPTS

EAR_S = 0.06
"""Three ticks of 20 ms, ours and Asterisk's."""

MODES = {RFC4733: "rfc4733", IN_BAND: "inband", INFO: "info"}
PACKET_SAMPLES = 160


class AsteriskGround:
    """A number of its own for every case and attempt; `close` ends the capture of the wire."""

    lanes = 6

    def __init__(self, testbed: Testbed, folder: Path) -> None:
        self._testbed = testbed
        self._folder = folder
        self._data = folder / "data"
        self.sounds = Sounds(folder / "sounds", self._data)
        testbed.teach({number(case, n): parameters(case.customer) for case in CASES for n in range(ATTEMPTS)})
        self.on_wire = Capture.possible()
        ports = testbed.sip_port, testbed.rtp_ports
        self._capture = Capture(folder / "wire.pcap", *ports) if self.on_wire else None

    def close(self) -> None:
        """The wire is not listened to any more; `legs` may be read."""
        if self._capture is not None:
            self._capture.stop()
            self._capture = None

    def call(self, case: Case, attempt: int) -> Evidence:
        """See calls.Ground."""
        robot, shown = number(case, attempt), f"556{attempt}{CASES.index(case):04}"
        command, *order = self.sounds.in_files(case.order)
        arguments = ("--trunk", f"127.0.0.1:{self._testbed.sip_port}", "--display", shown, "--json")
        with Core(robot, *order, *arguments, "--data", str(self._data), command=command) as core:
            core.wait_for("A is called")  # what it waited for before is no call's concern
            with StarvationWatch([core.process.pid]) as watch:
                finished = core.finish()
        (self._folder / f"{robot}.log").write_text(f"{case.id}\n{finished.stderr}{finished.stdout}")
        at_s = {text: at_s for at_s, text in history_of(finished)}
        ear, answered_s, ended_s = None, 0.0, 0.0
        if case.customer.answers:
            answered_s = at_s["A answered"]
            ended_s = at_s["A hung up"] if "A hung up" in at_s else at_s["A is hung up"]
            heard = self._testbed.heard_file(robot, shown)
            ear = Ear.of(heard, answered_s, self.sounds.known(case.speaks))
        return Evidence(
            case,
            finished,
            ear,
            answered_s=answered_s,
            ended_s=ended_s,
            ear_s=EAR_S,
            lost_s=0.0,
            starved_s=watch.longest_s,
            attempt=attempt,
        )

    def legs(self) -> dict[str, Leg]:
        """All that went over the wire, by the number dialled; nothing when nobody listened."""
        if not self.on_wire:
            return {}
        return read_legs(self._folder / "wire.pcap", self._testbed.sip_port)

    def packets_of(self, sound: str) -> tuple[bytes, bytes]:
        """The A-law codes of a file's first packet and of its last."""
        pcm = next(one.pcm for one in self.sounds.known(None) if one.name == sound)
        first, last = pcm[:PACKET_SAMPLES], pcm[-PACKET_SAMPLES:]
        return alaw_encode(first).tobytes(), alaw_encode(last).tobytes()


def number(case: Case, attempt: int) -> str:
    """The robot of one call."""
    return f"7110{7 + attempt}{CASES.index(case):04}"


def parameters(customer: Customer) -> str:
    """A customer in the testbed's words."""
    said = {
        "progress": "trying" if customer.busy else "ringing",
        "ring_s": "0.1" if customer.answers or customer.busy else "86400",
        "answer": "yes" if customer.answers else "no",
        "say": "silence",
        "hangup_s": "0" if customer.stays_s == inf else f"{customer.stays_s:g}",
        "mode": MODES[customer.by],
    }
    if customer.busy:
        said["cause"] = "17"
    if customer.keys:
        said |= {"keys": customer.keys, "after_ms": f"{1000 * customer.after_s:.0f}"}
        said |= {"on_ms": str(customer.on_ms), "off_ms": str(customer.off_ms)}
    return ";".join(f"{name}={value}" for name, value in said.items())
