"""What does listening for keys in the audio cost, with the pjsua2 build on this machine?

    python benchmarks/bench_tap.py [--seconds 20] [--legs 1 2 4] [--far-end talk|silence]

Question: the share of one core that each leg costs while its audio is tapped and searched for keys, against
the same calls with nobody listening. Unit: percent of one core. Budget: at most 1 % a leg.

One core process carries four calls with far ends of sockets, which send a talk or silence; that process alone
is measured, by its own processor time. Runs alternate, because a shared machine drifts.
"""

import argparse
import json
import os
import statistics
import tempfile
import threading
import time
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from media.g711 import alaw_encode
from media.testsignal import talk
from tests.e2e.loopback.parties import Core
from tests.e2e.loopback.wirephone import SipMessage, WirePhone

CALLS = 4
"""Carried throughout, tapped or not: what the prebuilt wheel can."""


def processor_s(pid: int) -> float:
    """User and system time of a process so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def talk_on(phone: WirePhone, invite: SipMessage, codes: bytes, stopped: threading.Event) -> None:
    """Send a talk until told to stop."""
    while not stopped.is_set():
        phone.speak(invite, codes)


def share(core: Core, seconds: float) -> float:
    """Percent of one core over some seconds."""
    before_s, started_s = processor_s(core.process.pid), time.monotonic()
    time.sleep(seconds)
    return 100 * (processor_s(core.process.pid) - before_s) / (time.monotonic() - started_s)


def listen(core: Core, legs: int) -> None:
    """Tap so many of the calls."""
    for number in range(CALLS):
        core.order("listen_for_digits", leg=f"L{number}", listen=number < legs)
    time.sleep(0.5)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seconds", type=float, default=20.0, help="for each number of legs")
    parser.add_argument("--legs", type=int, nargs="+", default=[1, 2, 4])
    parser.add_argument("--far-end", choices=["talk", "silence"], default="talk")
    options = parser.parse_args()
    speech = talk(1, 4.0)
    codes = alaw_encode(speech if options.far_end == "talk" else np.zeros_like(speech)).tobytes()
    stopped = threading.Event()
    shares: dict[int, list[float]] = {legs: [] for legs in (0, *options.legs)}
    with ExitStack() as stack:
        core = stack.enter_context(Core(Path(tempfile.mkdtemp())))
        core.wait("ready")
        speakers = []
        for number in range(CALLS):
            phone = stack.enter_context(WirePhone())
            core.dial(f"L{number}", phone.uri)
            invite = phone.expect("INVITE")
            phone.respond(invite, "200 OK", media=True)
            phone.expect("ACK")
            speakers.append(threading.Thread(target=talk_on, args=(phone, invite, codes, stopped)))
        core.wait_for("LegAnswered", CALLS)
        for speaker in speakers:
            speaker.start()
        slices = max(1, round(options.seconds / 5))
        for _ in range(slices):
            for legs in shares:
                listen(core, legs)
                shares[legs].append(share(core, options.seconds / slices))
        stopped.set()
        for speaker in speakers:
            speaker.join()
        false_keys = len(core.all("DigitReceived"))
    base = statistics.mean(shares[0])
    print(f"{CALLS} calls, the far ends send {options.far_end}")
    print(f"nobody listening: {base:.2f} % of a core")
    for legs in options.legs:
        more = statistics.mean(shares[legs]) - base
        print(f"{legs} tapped: {more:+.2f} % of a core, {more / legs:.2f} % a leg")
    print(json.dumps({"cpus": os.cpu_count(), "numpy": np.__version__, "keys heard in talk": false_keys}))


if __name__ == "__main__":
    main()
