"""What sampled telephones hear at the knee: the right voice all the time, or what is wrong.

A gap is 40 ms or more in which the voice is not there. What a jitter buffer puts in or leaves out
(media.fingerprint tells such slips) is counted beside it.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.calls_run import VOICE_A, VOICE_B, VOICE_PROMPT, VOICE_S
from media.fingerprint import Heard, KnownSignal, gaps, identify
from media.g711 import alaw_decode
from media.testsignal import talk
from media.types import SAMPLE_RATE_HZ

LONGEST_GAP_S = 0.04


@dataclass(frozen=True)
class Ear:
    """What a sampled telephone heard.

    Attributes:
        wrong: what is, in one line; "" for nothing.
        slips: jumps of 60 ms or less within the voice.
    """

    name: str
    wrong: str
    slips: int = 0


def listened(file: Path, voice: int) -> Ear:
    """What a telephone heard, raw A-law, that should be one voice all the time."""
    pcm = alaw_decode(np.frombuffer(file.read_bytes(), np.uint8))
    known = [
        KnownSignal(str(seed), talk(seed, VOICE_S), loop=True) for seed in (VOICE_A, VOICE_B, VOICE_PROMPT)
    ]
    found = identify(pcm, known)
    wrong = wrong_in(found, gaps(pcm), str(voice), pcm.size / SAMPLE_RATE_HZ)
    return Ear(file.stem, wrong, sum(len(one.slips) for one in found))


def wrong_in(found: list[Heard], silent: list[tuple[float, float]], voice: str, duration_s: float) -> str:
    """One line: a gap, another voice, too little; "" when nothing is wrong."""
    if silent:
        return f"silence from {silent[0][0]:.3f} to {silent[0][1]:.3f} s"
    names = sorted({one.name for one in found})
    if names != [voice]:
        return f"heard voices {', '.join(names) or 'none'}, not {voice} alone"
    edges_s = [0.0, *(edge_s for one in found for edge_s in (one.start_s, one.end_s)), duration_s]
    for end_s, start_s in zip(edges_s[::2], edges_s[1::2], strict=True):
        if start_s - end_s > LONGEST_GAP_S:
            return f"the voice is not heard from {end_s:.3f} to {start_s:.3f} s"
    return ""
