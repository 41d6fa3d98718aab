"""A program, what `make bench` tells of the DTMF bank: legs in real time on one core, beside spandsp.

    OMP_NUM_THREADS=1 python benchmarks/bank_speed.py [--legs N] [--ticks N]

One line of JSON for each load of benchmarks/bench_dtmf.py: its name, how many legs one core hears in real
time in a bank of so many, and how many spandsp's C would, each leg by itself (the same on any load; none
without libspandsp2). The first half second is not counted: a bank that has just begun knows no leg's level.
Prompts are the recorded ones of a Debian package, fetched once; without it they are synthetic, and named so.

A program of its own, because numpy's threads are numbered when it is first imported.
"""

import argparse
import json
import os
import subprocess
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

import numpy as np  # noqa: E402

from benchmarks import dtmf_peer, dtmf_speech  # noqa: E402
from benchmarks.bench_dtmf import TICK, cost_of, loads  # noqa: E402
from media.dtmf.testing import talker, through_line  # noqa: E402
from media.types import SAMPLE_RATE_HZ  # noqa: E402

TICK_S = TICK / SAMPLE_RATE_HZ
PEER_SAMPLE_S = 20
TRIES = 5
WARM_UP_TICKS = 25
CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "ivrcore" / "bench"


@dataclass(frozen=True)
class Speed:
    """Legs in real time on one core."""

    load: str
    ours: float
    spandsp: float | None

    @classmethod
    def of(cls, line: str) -> Self:
        """From a line of this program."""
        return cls(**json.loads(line))


def speech() -> Path | None:
    """Where recorded prompts are; None where they cannot be had."""
    try:
        dtmf_speech.load(dtmf_speech.PACKAGES[0], CACHE)
    except (OSError, subprocess.CalledProcessError):
        return None
    return CACHE


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser(description="Speed of the DTMF bank beside spandsp.")
    parser.add_argument("--legs", type=int, default=4000)
    parser.add_argument("--ticks", type=int, default=150)
    options = parser.parse_args()
    sample = through_line(talker(PEER_SAMPLE_S, np.random.default_rng(1)))
    ticks = options.ticks + WARM_UP_TICKS
    cache = speech()
    for load, audio in loads(cache, options.legs, ticks).items():
        spent_s, _ = cost_of(audio, options.legs, ticks)
        ours = TICK_S / (sum(spent_s[WARM_UP_TICKS:]) / options.ticks / options.legs)
        name = load if cache else load.replace("prompts", "synthetic speech")
        spandsp = None
        if dtmf_peer.available():  # beside each load: the machine may be busy with other work
            spandsp = TICK_S / min(dtmf_peer.seconds_per_tick(sample, 1) for _ in range(TRIES))
        print(json.dumps(asdict(Speed(name, ours, spandsp))), flush=True)


if __name__ == "__main__":
    main()
