"""What a disturbed network does to a leg's capture: how far it slips, for how long, and what is lost.

    python benchmarks/bench_jitter.py [--list | CASE ...]

A far end of our own speaks noise, one packet every 20 ms, and delays, drops or repeats packets as the case
says; the core captures the leg through its jitter buffer. Each 250 ms of the capture are then looked for in
what was spoken. Both captures of a call go through such a buffer each, so a slip of one is what the parties
of a recording are apart.

Units: ms and s. No budget: docs/media-behaviour.md section 8 quotes the table. Run it on an idle machine; a
stall of the machine itself shows as a slip of the undisturbed case, and root's far end stutters least.
"""

import argparse
import heapq
import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402
import numpy.typing as npt  # noqa: E402
from scipy.signal import fftconvolve  # noqa: E402

from media.g711 import alaw_encode  # noqa: E402
from media.types import SAMPLE_RATE_HZ, Pcm16  # noqa: E402
from media.wav import read_pcm  # noqa: E402
from sip.pjsua.priority import PRIORITY  # noqa: E402
from tests.e2e.loopback.parties import Core  # noqa: E402
from tests.e2e.loopback.wirephone import PACKET_SAMPLES, PCMA, SipMessage, WirePhone  # noqa: E402

PACKET_S = 0.02
FIRST_DISTURBED, SPOKEN_S = 200, 20.0
"""Undisturbed for 4 s, so that the buffer has settled; 20 s in all."""
WINDOW, HOP = SAMPLE_RATE_HZ // 4, SAMPLE_RATE_HZ // 8
SURE = 0.3
"""Correlation above which a window is found: noise of one party against itself, half of it lost."""
BACK_MS = 10.0

Delay = Callable[[int], tuple[float, ...]]
"""Packet number -> seconds by which each copy of it is late; empty for a lost one."""


def stall(length_s: float) -> Delay:
    """Nothing comes for a while, then everything at once: a burst."""
    return lambda k: (max(0.0, length_s - max(0, k - FIRST_DISTURBED) * PACKET_S) * (k >= FIRST_DISTURBED),)


def spread(length_s: float) -> Delay:
    """Every packet late by a different time, evenly spread."""
    dice = random.Random(1)
    return lambda k: (dice.uniform(0, length_s) * (k >= FIRST_DISTURBED),)


def loss(share: float) -> Delay:
    """Single packets missing, at random."""
    dice = random.Random(2)
    return lambda k: () if k >= FIRST_DISTURBED and dice.random() < share else (0.0,)


def hole(length_s: float) -> Delay:
    """All packets of a while missing."""
    end = FIRST_DISTURBED + round(length_s / PACKET_S)
    return lambda k: () if FIRST_DISTURBED <= k < end else (0.0,)


def repeated_stalls(length_s: float, every_s: float) -> Delay:
    """A burst again and again."""
    period, one = round(every_s / PACKET_S), stall(length_s)
    return lambda k: one(k if k < FIRST_DISTURBED else FIRST_DISTURBED + (k - FIRST_DISTURBED) % period)


CASES: dict[str, Delay] = {
    "undisturbed": lambda _k: (0.0,),
    "jitter of 0 to 30 ms": spread(0.030),
    "loss of 5 %": loss(0.05),
    "hole of 200 ms": hole(0.2),
    "burst after 100 ms": stall(0.1),
    "burst after 300 ms": stall(0.3),
    "bursts after 300 ms, every 5 s": repeated_stalls(0.3, 5.0),
    "delay grows by 200 ms": lambda k: (0.2 * (k >= FIRST_DISTURBED),),
    "every fifth packet twice": lambda k: (0.0,) if k % 5 else (0.0, 0.005),
}


@dataclass(frozen=True)
class Slips:
    """How a capture lies against what was spoken.

    Attributes:
        largest_ms: the furthest from its place before the disturbance; late is positive.
        back_s: from the begin of the disturbance until it stays within 10 ms; inf: not at the end either.
        last_ms: where it is at the end.
        unknown_s: in which nothing spoken was recognised: concealed, or just being squeezed.
    """

    largest_ms: float
    back_s: float
    last_ms: float
    unknown_s: float


def slips(capture: Pcm16, spoken: Pcm16, disturbed_s: float) -> Slips:
    """Compare them, window by window; `disturbed_s`: of the capture, from when on."""
    places = [(at / SAMPLE_RATE_HZ, _place(capture[at : at + WINDOW], spoken, at)) for at in _starts(capture)]
    before = [
        place for at_s, place in places if place is not None and disturbed_s - 2 < at_s < disturbed_s - 1
    ]
    assert before, "nothing was recognised before the disturbance"
    rest = float(np.median(before))
    found = [
        (at_s, (rest - place) * 1000 / SAMPLE_RATE_HZ)
        for at_s, place in places
        if place is not None and at_s >= disturbed_s - 1
    ]
    away_s = [at_s for at_s, late_ms in found if abs(late_ms) > BACK_MS + 0.5]
    settled = abs(found[-1][1]) <= BACK_MS + 0.5
    n_unknown = sum(place is None for at_s, place in places if at_s >= disturbed_s - 1)
    return Slips(
        largest_ms=max((late_ms for _, late_ms in found), key=abs),
        back_s=(max(away_s) - disturbed_s + WINDOW / SAMPLE_RATE_HZ if away_s else 0.0) if settled else inf,
        last_ms=found[-1][1],
        unknown_s=n_unknown * HOP / SAMPLE_RATE_HZ,
    )


def _starts(capture: Pcm16) -> range:
    return range(0, capture.size - WINDOW + 1, HOP)


def _place(window: Pcm16, spoken: Pcm16, at: int) -> int | None:
    """Where the window lies in what was spoken, less where it lies in the capture; None: nowhere."""
    reach = SAMPLE_RATE_HZ
    first = max(0, at - reach)
    region = spoken[first : at + WINDOW + reach].astype(np.float64)
    sought = window.astype(np.float64)
    if region.size < WINDOW or not sought.any():
        return None
    energy: npt.NDArray[np.float64] = np.cumsum(np.concatenate([[0.0], region**2]))
    norms = np.sqrt((energy[WINDOW:] - energy[:-WINDOW]) * (sought @ sought)) + 1.0
    likeness = fftconvolve(region, sought[::-1], "valid") / norms
    best = int(likeness.argmax())
    return first + best - at if likeness[best] > SURE else None


class UnsteadyPhone(WirePhone):
    """A far end whose network misbehaves."""

    def speak_through(self, invite: SipMessage, codes: bytes, delay: Delay) -> None:
        """Send A-law, each packet when the network lets it arrive; sequence and timestamp as spoken."""
        due = [
            (number * PACKET_S + late_s, number)
            for number in range(len(codes) // PACKET_SAMPLES)
            for late_s in delay(number)
        ]
        heapq.heapify(due)
        _speak_on_time()
        first_sequence, first_ticks, begin_s = self._sequence, self._timestamp_ticks, time.monotonic()
        while due:
            at_s, number = heapq.heappop(due)
            time.sleep(max(0.0, begin_s + at_s - time.monotonic()))
            self._sequence = first_sequence + number
            self._timestamp_ticks = first_ticks + number * PACKET_SAMPLES
            self.send_rtp(invite, PCMA, codes[number * PACKET_SAMPLES :][:PACKET_SAMPLES])


def _speak_on_time() -> None:
    """The far end shall not stutter by itself: before ordinary work, where the system permits it."""
    with suppress(PermissionError):
        os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(PRIORITY))


def measure(delay: Delay, folder: Path, spoken_s: float = SPOKEN_S) -> Slips:
    """One call through one network."""
    noise = np.random.default_rng(7).normal(0, 2000, round(spoken_s * SAMPLE_RATE_HZ))
    spoken = noise.clip(-20000, 20000).astype(np.int16)
    path = folder / f"{time.monotonic_ns()}.wav"
    with Core(folder) as core, UnsteadyPhone() as phone:
        core.dial("A", phone.uri)
        invite = phone.expect("INVITE")
        phone.respond(invite, "200 OK", media=True)
        phone.expect("ACK")
        core.order("start_capture", leg="A", path=str(path))
        core.wait("CaptureStarted")
        phone.speak_through(invite, alaw_encode(spoken).tobytes(), delay)
        core.order("stop_capture", leg="A")
        core.wait("capture_closed")
        core.hang_up("A")
        phone.respond(phone.expect("BYE"), "200 OK")
        core.wait("LegHungUp")
    return slips(read_pcm(path), spoken, FIRST_DISTURBED * PACKET_S)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="what a disturbed network does to a capture")
    parser.add_argument("cases", nargs="*", metavar="CASE", default=list(CASES))
    parser.add_argument("--list", action="store_true", help="name the cases")
    options = parser.parse_args()
    if options.list:
        print("\n".join(CASES))
        return
    print("| network | largest slip | back within 10 ms after | at the end | not recognised |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for case in options.cases:
            found = measure(CASES[case], Path(folder))
            back = "not in 16 s" if found.back_s == inf else f"{found.back_s:.1f} s"
            row = f"{found.largest_ms:+.0f} ms", back, f"{found.last_ms:+.0f} ms", f"{found.unknown_s:.1f} s"
            print(f"| {case} | {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    main()
