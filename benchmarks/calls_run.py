"""One run of a subject under calls: begin some, look, begin more. For benchmarks/bench_calls.py and knee.py.

The subject is pinned to one core; SIPp and rtp_load to the other. A step is a window of time in which calls
only stay up: what it cost, what every telephone heard, how the recordings grew.
"""

import os
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

import numpy as np

from benchmarks.calls_load import cpu_s, recorded_bytes
from benchmarks.calls_subjects import Asterisk, Job, Ours, Subject
from benchmarks.robots import robots
from benchmarks.rtp_load import Counts, Party, Telephones, counting_telephones
from media.testsignal import talk
from media.types import SAMPLE_RATE_HZ, Pcm16
from media.wav import write_alaw

SUBJECTS: dict[str, Callable[[Path, Job], Subject]] = {"ours": Ours, "asterisk": Asterisk}
VOICE_S = 4.0
"""Of each voice before it repeats itself: whole frames of 20 ms."""

VOICE_A, VOICE_B, VOICE_PROMPT = 0, 1, 2
SETTLE_S = 2.0
ALAW_BYTES_S = 8000
WRITTEN_AT_ONCE_BYTES = 32768
"""By Asterisk: four seconds of a recording."""

WIDEST_GAP_MS = 40.0
MOST_UNLIKE = 0.01
"""Of the packets, by content. Concealed as in G.711 Appendix I, that costs a call 3.6 of R:
95 × 1 / (1 + 25.1), ITU-T G.107 with the Bpl of G.113. A jitter buffer that is served too late shows here
first, long before packets are lost on the wire."""

LATEST_P999_MS, LATEST_MS = 10.0, 40.0
"""A generator that is later than this has no say about the gaps of others: half of the 20 ms that a gap may
be longer than it should."""


@dataclass(frozen=True)
class Step:
    """A window of steady calls.

    Attributes:
        calls: that should be up; `recordings`: that should grow.
        core_percent: processor time of the subject, in per cent of one core.
        counts: of rtp_load, None where robots talked.
        grown: recordings that grew as fast as time.
    """

    kind: str
    who: str
    calls: int
    core_percent: float
    load_average: float
    counts: Counts | None = None
    grown: int = 0
    recordings: int = 0

    @property
    def whole(self) -> str:
        """For a person: recordings that grew, of those that there should be."""
        return f"{self.grown} of {self.recordings}" if self.recordings else ""

    @property
    def generator_faults(self) -> tuple[str, ...]:
        """Why this window says nothing about the subject."""
        counts = self.counts
        if counts is None:
            return ("nobody counted",)
        found = []
        if counts.late_p999_ms > LATEST_P999_MS or counts.late_max_ms > LATEST_MS:
            found.append(
                f"the generator woke up late: p99.9 {counts.late_p999_ms:.1f} ms, "
                f"at the most {counts.late_max_ms:.1f} ms"
            )
        if unsent := sum(party.unsent for party in counts.parties):
            found.append(f"the generator could not send {unsent} packets")
        return tuple(found)

    @property
    def faults(self) -> tuple[str, ...]:
        """Why the subject does not carry these calls; none: it does."""
        if self.counts is None:
            return ()
        found = []
        parties = self.counts.parties
        talking = min(party.talking - party.deaf for party in parties)
        if talking < self.calls:
            found.append(f"{talking} of {self.calls} calls set up")
        if lost := sum(party.lost for party in parties):
            found.append(f"{lost} packets lost")
        if missing := sum(party.missing for party in parties):
            found.append(f"{missing} packets never sent")
        received = sum(party.received for party in parties)
        unlike = received - sum(party.known for party in parties)
        if unlike > MOST_UNLIKE * received:
            found.append(f"{100 * unlike / received:.1f} % of the packets unlike what was said")
        gap_ms = max(party.gap_p999_ms for party in parties)
        if gap_ms > WIDEST_GAP_MS:
            found.append(f"gap p99.9 {gap_ms:.0f} ms")
        if self.grown < self.recordings:
            found.append(f"{self.whole} recordings grew")
        return tuple(found)

    def __str__(self) -> str:
        text = f"{self.kind:7}{self.who:9}{self.calls:5} calls {self.core_percent:6.1f} % of a core"
        if self.counts is not None:
            parties = self.counts.parties
            received = sum(party.received for party in parties)
            known = sum(party.known for party in parties)
            text += (
                f", {sum(p.sent for p in parties)} packets sent, {received} heard"
                f" ({received - known} unlike what was said, {sum(p.jumps for p in parties)} jumps),"
                f" {sum(p.lost for p in parties)} lost, {sum(p.missing for p in parties)} never sent,"
                f" gap p99.9 {max(p.gap_p999_ms for p in parties):.0f} ms,"
                f" longest {max(p.gap_max_ms for p in parties)} ms,"
                f" generator late p99.9 {self.counts.late_p999_ms:.1f} ms"
            )
        return text + (f", recordings grown: {self.whole}" if self.whole else "")


class Run:
    """A subject with its telephones; a context manager."""

    def __init__(
        self,
        folder: Path,
        who: str,
        kind: str,
        *,
        most: int,
        every_s: float,
        prompt_s: float,
        counted: bool = True,
    ) -> None:
        """Nothing starts yet.

        Args:
            folder: of this run alone; is made.
            who: ours or asterisk.
            kind: see Job.
            most: calls at once.
            every_s: between two beginnings.
            prompt_s: how long the prompt lasts, and robots talk.
            counted: rtp_load talks; else robots do, uncounted.
        """
        self._folder, self._who, self._kind = folder, who, kind
        self._most, self._every_s, self._prompt_s = most, every_s, prompt_s
        self._counted = counted
        self._stack = ExitStack()
        self._calls = 0
        self.phones: Telephones | None = None
        self.subject: Subject

    def __enter__(self) -> Self:
        folder = self._folder
        folder.mkdir(parents=True)
        prompt = folder / "prompt.wav"
        write_alaw(prompt, repeated(talk(VOICE_PROMPT, VOICE_S), self._prompt_s))
        with ExitStack() as stack:
            if self._counted:
                self.phones = stack.enter_context(
                    counting_telephones(folder / "phones", self._most, parties_of(self._kind))
                )
                uris = self.phones.uris
            else:
                voices = [repeated(party.says, self._prompt_s) for party in parties_of(self._kind)]
                uris = stack.enter_context(robots(folder / "robots", self._most, voices))
            job = Job(self._kind, uris[0], uris[-1], prompt, self._most, self._every_s)
            self.subject = SUBJECTS[self._who](folder / self._who, job)
            stack.callback(self.subject.end)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def more(self, calls: int) -> None:
        """Begin so many more; they are up when this returns, if the subject can."""
        self.subject.more(calls)
        self._calls += calls
        time.sleep(SETTLE_S)

    def step(self, window_s: float) -> Step:
        """Look for so long."""
        subject = self.subject
        lengths = recorded_bytes(subject.recordings)
        if self.phones is not None:
            self.phones.rtp.window()
        began_s, first_s = time.monotonic(), self._cpu_s()
        time.sleep(window_s)
        spent_s, took_s = self._cpu_s() - first_s, time.monotonic() - began_s
        counts = self.phones.rtp.report() if self.phones is not None else None
        now = recorded_bytes(subject.recordings)
        # Of a whole one all but the last block is in sight; one of no call, or a silent one, does not grow.
        least = max(1.0, 0.98 * ALAW_BYTES_S * took_s - WRITTEN_AT_ONCE_BYTES)
        recorded = self._kind == "record"
        return Step(
            kind=self._kind,
            who=self._who,
            calls=self._calls,
            core_percent=100.0 * spent_s / took_s,
            load_average=os.getloadavg()[0],
            counts=counts,
            grown=sum(now.get(path, 0) - length >= least for path, length in lengths.items())
            if recorded
            else 0,
            recordings=self._calls * (2 if self._who == "ours" else 1) if recorded else 0,
        )

    def _cpu_s(self) -> float:
        return sum(cpu_s(pid) for pid in self.subject.pids)


def parties_of(kind: str) -> tuple[Party, ...]:
    """Who takes part in calls of a kind, and what each says and should hear."""
    a, b, prompt = (talk(seed, VOICE_S) for seed in (VOICE_A, VOICE_B, VOICE_PROMPT))
    return (Party(a, b), Party(b, a)) if kind == "record" else (Party(a, prompt),)


def repeated(pcm: Pcm16, duration_s: float) -> Pcm16:
    """A voice over and over, so long."""
    n_samples = round(duration_s * SAMPLE_RATE_HZ)
    return np.tile(pcm, -(-n_samples // pcm.size))[:n_samples]
