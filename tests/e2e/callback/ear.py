"""What one party heard, on the clock that all processes of a machine share.

A telephone's recording begins when its media does; the telephone reports that moment. What it holds left its
jitter buffer: later than the wire by `EAR_S` at the most.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from media.fingerprint import Heard, KnownSignal, gaps, identify
from media.types import SAMPLE_RATE_HZ, Pcm16
from media.wav import read_pcm

EDGE_S = 0.020
"""How exactly a fingerprint's edges are known."""

SLIP_S = 0.020
"""What a telephone's jitter buffer may leave out of a stretch: two of its frames of 10 ms."""

PAUSE_S = 0.150
"""From one sound to the next where nothing is sent between them: the telephone's emptied jitter buffer fills
again, 40 ms, and ticks."""

EAR_S = 0.120
"""From an act of the core to the telephone's recording of it: 40 ms of jitter buffer, three ticks of 20 ms
(the core's, the telephone's, its recorder's), and an edge."""

DELAY_S = 0.200
"""From one telephone's mouth to the other's ear: two jitter buffers of 40 ms, and six ticks of 20 ms."""


@dataclass(frozen=True, eq=False)
class Ear:
    """Stretches in monotonic seconds, sorted by start."""

    pcm: Pcm16
    started_s: float
    known: Mapping[str, Pcm16]
    stretches: tuple[Heard, ...]
    audible: tuple[tuple[float, float], ...]
    """(start, end) of everything that was not silence, known or not."""

    @classmethod
    def of(cls, recording: Path, started_s: float, known: Sequence[KnownSignal]) -> "Ear":
        """Listen to a telephone's recording."""
        pcm = read_pcm(recording)
        edges = [0.0, *(edge for gap in gaps(pcm) for edge in gap), pcm.size / SAMPLE_RATE_HZ]
        return cls(
            pcm,
            started_s,
            {signal.name: signal.pcm for signal in known},
            tuple(
                replace(one, start_s=one.start_s + started_s, end_s=one.end_s + started_s)
                for one in identify(pcm, known)
            ),
            tuple(
                (start + started_s, end + started_s)
                for start, end in zip(edges[::2], edges[1::2], strict=True)
                if end > start
            ),
        )

    def order(self) -> list[str]:
        """Names in the order in which each was first heard."""
        return list(dict.fromkeys(one.name for one in self.stretches))

    def first(self, name: str) -> Heard:
        """The first stretch of a sound."""
        found = [one for one in self.stretches if one.name == name]
        assert found, f"{name} was not heard, but {self.story()}"
        return found[0]

    def last(self, name: str) -> Heard:
        """The last stretch of a sound."""
        found = [one for one in self.stretches if one.name == name]
        assert found, f"{name} was not heard, but {self.story()}"
        return found[-1]

    def heard_whole(self, name: str) -> bool:
        """Whether a prompt was heard from its first sample to its last.

        A slip of the telephone's jitter buffer in the last few frames leaves too little for a stretch to go
        on; so the last 40 ms are looked for by themselves.
        """
        one = self.first(name)
        signal = self.known[name].astype(np.float64)
        if one.signal_start_s > EDGE_S:
            return False
        if one.whole:
            return True
        tail = signal[-40 * SAMPLE_RATE_HZ // 1000 :]
        due = round((one.start_s - one.signal_start_s - self.started_s) * SAMPLE_RATE_HZ) + signal.size
        slip = round(SLIP_S * SAMPLE_RATE_HZ)
        region = self.pcm[max(0, due - tail.size - slip) : due + slip].astype(np.float64)
        likeness = np.correlate(region, tail) / (tail @ tail)
        return bool(one.end_s > one.start_s + signal.size / SAMPLE_RATE_HZ - 0.1 and likeness.max() > 0.9)

    def unexplained(self, shortest_s: float = 0.1) -> list[tuple[float, float]]:
        """Where something was heard that is none of the known sounds.

        Shorter than `shortest_s` it may be what a jitter buffer made of a slip at a stretch's edge.
        """
        out = []
        for start_s, end_s in self.audible:
            at_s = start_s
            for one in self.stretches:
                if one.start_s - at_s >= shortest_s and one.start_s <= end_s:
                    out.append((at_s, one.start_s))
                at_s = max(at_s, one.end_s)
            if end_s - at_s >= shortest_s:
                out.append((at_s, end_s))
        return out

    def story(self) -> str:
        """For the message of a failed assertion."""
        return ", ".join(
            f"{one.name} {one.start_s:.3f} to {one.end_s:.3f}" + (" whole" if one.whole else "")
            for one in self.stretches
        )
