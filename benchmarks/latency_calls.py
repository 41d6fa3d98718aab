"""How soon a prompt starts, and what a bridge delays: measured at both ends of the wire, see latency.py.

Left out: percentiles and budgets.
"""

import random
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchmarks.calls_load import LOAD_CORE
from benchmarks.calls_subjects import Asterisk, Job, Ours, Subject
from benchmarks.far_end import SILENCE, Call, Line, Wire, on_core, payload_of
from media.g711 import alaw_encode
from media.testsignal import talk
from media.wav import write_alaw

SUBJECTS: dict[str, type[Ours] | type[Asterisk]] = {"ours": Ours, "asterisk": Asterisk}
TICK_S = 0.02
PROMPT_S = 2.0
PROMPT_EVERY_S = 0.2
PROMPT_PACKETS = 5
"""Of the prompt, until the telephone hangs up."""

TALK_EVERY_S = 1.4
MARKS = 3
FIRST_MARK, NEXT_MARK = 25, 6
"""Packets of the talk."""
AFTER_LAST_MARK_S = 0.2
RECOGNISED = 64
"""Codes of a mark that must be there: it may be cut over two packets."""

NO_SOUND = b"\x55\xd5"
GRACE_S = 8.0

# -- prompt start -------------------------------------------------------------------------------------------


class PromptEar(Line):
    """Answers at a moment of its own, listens for a prompt, and hangs up when it has heard some of it."""

    def __init__(self, wire: Wire, prompt: bytes) -> None:
        super().__init__(wire)
        self._prompt = prompt
        self._rng = random.Random(1)
        self._heard: dict[Call, list[tuple[float, int]]] = {}

    def answer_after_s(self, call: Call) -> float:  # noqa: ARG002
        return self._rng.uniform(0.0, 2 * TICK_S)

    def on_packet(self, call: Call, at_s: float, data: bytes) -> None:
        payload = payload_of(data)
        place = self._prompt.find(payload) if payload.strip(NO_SOUND) else -1
        if place < 0:
            return
        heard = self._heard.setdefault(call, [])
        heard.append((at_s, place))
        if len(heard) == PROMPT_PACKETS:
            self.bye(call)

    @property
    def n_over(self) -> int:
        """Calls that have ended."""
        return sum(call.ended_s is not None for call in self.calls)

    def starts_s(self) -> tuple[list[float], list[float], int]:
        """From each 200, from each ACK, and how many began with the prompt's first sample."""
        since_200, since_ack, whole = [], [], 0
        for call, heard in self._heard.items():
            first_s, place = heard[0]
            assert call.answered_s is not None
            since_200.append(first_s - call.answered_s)
            whole += place == 0
            if call.acked_s is not None:
                since_ack.append(first_s - call.acked_s)
        return since_200, since_ack, whole


def prompt_start(folder: Path, who: str, calls: int) -> PromptEar:
    """The telephone that has heard them all."""
    folder.mkdir(parents=True)
    prompt, pcm = folder / "prompt.wav", talk(2, PROMPT_S)
    write_alaw(prompt, pcm)
    with Wire() as wire:
        ear = PromptEar(wire, alaw_encode(pcm).tobytes())
        job = Job("prompt", ear.uri, ear.uri, prompt, calls, PROMPT_EVERY_S)
        _call(folder / who, who, job, wire, lambda: ear.n_over == calls)
    return ear


def _call(folder: Path, who: str, job: Job, wire: Wire, done: Callable[[], bool]) -> None:
    """Let a subject make its calls, and serve them until `done`."""
    with on_core(LOAD_CORE):
        subject: Subject = SUBJECTS[who](folder, job)
        try:
            wire.serve(subject.begin, done, job.calls * job.every_s + GRACE_S)
        finally:
            subject.end()


# -- bridge delay -------------------------------------------------------------------------------------------


class Talker(Line):
    """One party: streams silence with marks in it, and keeps what it hears that is no silence."""

    def __init__(self, wire: Wire, seed: int) -> None:
        super().__init__(wire)
        self._seed = seed
        self._marks: dict[tuple[Call, int], bytes] = {}
        self.sent: list[tuple[bytes, float]] = []
        self._heard: list[tuple[float, bytes]] = []

    def mark(self, call: Call) -> None:
        """Put marks into what is to come of a call's stream."""
        for n in range(MARKS):
            self._seed += 2
            self._marks[call, call.sent_packets + FIRST_MARK + n * NEXT_MARK] = alaw_encode(
                talk(self._seed, TICK_S)
            ).tobytes()

    def codes(self, call: Call, n: int) -> bytes:
        mark = self._marks.get((call, n))
        if mark is None:
            return SILENCE
        self.sent.append((mark, time.monotonic()))
        return mark

    def on_packet(self, call: Call, at_s: float, data: bytes) -> None:  # noqa: ARG002
        payload = payload_of(data)
        if payload.strip(NO_SOUND):
            self._heard.append((at_s, payload))

    def delays_s(self, other: "Talker") -> list[float]:
        """Of the other's marks: the place of a mark's first sample in its packet counts, too."""
        heard = b"".join(payload for _, payload in self._heard)
        ends = np.cumsum([len(payload) for _, payload in self._heard])
        found = []
        for mark, sent_s in other.sent:
            place = heard.find(mark[:RECOGNISED])
            if place >= 0:
                packet = int(np.searchsorted(ends, place, side="right"))
                at_s, payload = self._heard[packet]
                found.append(at_s + (place - (ends[packet] - len(payload))) / 8000 - sent_s)
        return found


class Called(Talker):
    """B: when it is up, both parties talk, and then it hangs up."""

    def __init__(self, wire: Wire, caller: Talker) -> None:
        super().__init__(wire, 1001)
        self._caller = caller
        self._rng = random.Random(2)

    def answer_after_s(self, call: Call) -> float:  # noqa: ARG002
        return self._rng.uniform(0.0, 2 * TICK_S)

    def on_ack(self, call: Call) -> None:
        super().on_ack(call)
        peers = [peer for peer in self._caller.calls if peer.acked_s is not None and peer.ended_s is None]
        for line, one in ((self, call), *((self._caller, peer) for peer in peers)):
            line.mark(one)
        talk_s = (FIRST_MARK + MARKS * NEXT_MARK) * TICK_S + AFTER_LAST_MARK_S
        self.wire.at(time.monotonic() + talk_s, lambda: self.bye(call))


class Caller(Talker):
    """A."""

    def __init__(self, wire: Wire) -> None:
        super().__init__(wire, 1000)
        self._rng = random.Random(3)

    def answer_after_s(self, call: Call) -> float:  # noqa: ARG002
        return self._rng.uniform(0.0, 2 * TICK_S)


def bridge_delay(folder: Path, who: str, talks: int) -> tuple[list[float], list[float]]:
    """Delays in seconds from A to B, and from B to A; what was lost is not in them."""
    folder.mkdir(parents=True)
    prompt = folder / "unused.wav"
    write_alaw(prompt, talk(2, 1.0))
    with Wire() as wire:
        a = Caller(wire)
        b = Called(wire, a)

        def over() -> bool:
            return len(a.calls) == talks and all(call.ended_s is not None for call in (*a.calls, *b.calls))

        job = Job("record", a.uri, b.uri, prompt, talks, TALK_EVERY_S)
        _call(folder / who, who, job, wire, over)
        return b.delays_s(a), a.delays_s(b)
