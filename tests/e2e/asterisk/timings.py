"""The promises on time, measured on the wire over every cell that shows them.

On the wire, because Asterisk's recordings know no time of day and its own handling would be in the figures. A
prompt's first sample is in the first packet that holds the first 20 ms of its file, A-law code by A-law code.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from media.g711 import alaw_encode
from media.wav import read_pcm
from tests.e2e.asterisk.batch import Batch, Evidence
from tests.e2e.callback.sounds import HINT, PRE_VOICE

PACKET_SAMPLES = 160


@dataclass(frozen=True)
class Promise:
    """One promise: `ms` gives its measurements in a cell, `limit_ms` holds for 95 of 100."""

    text: str
    limit_ms: float
    ms: Callable[[Evidence], Iterable[float]]


@dataclass(frozen=True)
class Distribution:
    """Measurements in milliseconds."""

    promise: Promise
    sorted_ms: tuple[float, ...]

    def percentile_ms(self, percent: float) -> float:
        """By the nearest rank from above, so that a few measurements flatter nobody."""
        return float(np.percentile(self.sorted_ms, percent, method="higher"))

    def __str__(self) -> str:
        if not self.sorted_ms:
            return f"{self.promise.text}: not measured"
        p50, p95 = self.percentile_ms(50), self.percentile_ms(95)
        return (
            f"{self.promise.text}: p50 {p50:.1f} ms, p95 {p95:.1f} ms, max {self.sorted_ms[-1]:.1f} ms "
            f"({len(self.sorted_ms)} times; p95 at most {self.promise.limit_ms:.0f} ms)"
        )


def measure(batch: Batch, promise: Promise) -> Distribution:
    """Over all cells of a batch."""
    return Distribution(promise, tuple(sorted(ms for evidence in batch.all() for ms in promise.ms(evidence))))


def _first_packet(batch: Batch, prompt: str) -> bytes:
    pcm = read_pcm(Path(batch.sounds.path(prompt)))
    return alaw_encode(pcm[:PACKET_SAMPLES]).tobytes()


def pre_voice_ms(evidence: Evidence) -> Iterable[float]:
    """From A's 200 to the packet with preVoice's first sample."""
    if evidence.cell.pre_voice and "A" in evidence.heard:
        leg = evidence.leg("A")
        answer = leg.final()
        assert answer is not None
        first_s = leg.sent_after(answer.at_s, _first_packet(evidence.batch, PRE_VOICE))
        assert first_s is not None, f"{evidence.cell.id}: preVoice never left"
        yield 1000.0 * (first_s - answer.at_s)


def hint_ms(evidence: Evidence) -> Iterable[float]:
    """From B's 200 to the packets with the hint's first sample, the later of the two parties'."""
    if evidence.cell.hint and "B" in evidence.heard:
        answer = evidence.leg("B").final()
        assert answer is not None
        codes = _first_packet(evidence.batch, HINT)
        first_s = [evidence.leg(party).sent_after(answer.at_s, codes) for party in "AB"]
        assert None not in first_s, f"{evidence.cell.id}: the hint never left"
        yield 1000.0 * (max(at_s for at_s in first_s if at_s is not None) - answer.at_s)


def release_ms(evidence: Evidence) -> Iterable[float]:
    """From one leg's end, a BYE or a refusal, to our BYE or CANCEL to the other."""
    legs = {party: evidence.leg(party) for party in "AB" if evidence.record["legs"][party]["calledAt"]}
    for party, leg in legs.items():
        other = legs.get("B" if party == "A" else "A")
        bye, final = leg.request("BYE"), leg.final()
        ended = final if final is not None and 300 <= final.status != 487 else bye
        if other is None or ended is None or ended.from_core:
            continue
        ours = next((m for m in other.messages if m.from_core and m.method in ("BYE", "CANCEL")), None)
        assert ours is not None, f"{evidence.cell.id}: {party} left, and the other was not released"
        yield 1000.0 * (ours.at_s - ended.at_s)


PROMISES = (
    Promise("A's answer to the first sample of preVoice", 40.0, pre_voice_ms),
    Promise("B's answer to both parties' hint", 60.0, hint_ms),
    Promise("one leg's end to the other's BYE or CANCEL", 100.0, release_ms),
)
