"""Judges one call: what it left behind against its case.

Every function raises AssertionError with what was seen and what was due. An ear is behind the core by what
its telephone's jitter buffer and ticks take; the ground that made the call says by how much at the most.
"""

import re
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

from media.fingerprint import Heard
from tests.e2e.callback.core import Finished, Record
from tests.e2e.callback.ear import EDGE_S, Ear
from tests.e2e.one_leg.cases import CARRIED_OUT, TRANSPORTS, Case
from tests.e2e.one_leg.sounds import ELEMENT_S, ELEMENTS, SPOKEN_TEXT

TICKS_S = 0.04
"""Between the last sample of a sound and the first of the next (media-behaviour-notification.md, 1.6)."""

DRAIN_S = 0.1
LATE_S = 0.1
"""What a busy machine may add."""

_LINE = re.compile(r"^ *(\d+\.\d{3}) s  (.*?)(?:, [\w ]+ ready for the answer)?$")


@dataclass(frozen=True, eq=False)
class Evidence:
    """What one call left behind.

    Attributes:
        ear: what the customer heard; None when it did not answer.
        answered_s, ended_s: the customer's answer and the call's end there, in the ear's time.
        ear_s: the most by which the ear is behind the core.
        lost_s: what the telephone itself may lose of the first sound, before its jitter buffer is up.
        starved_s: the longest that the call's processes waited for a CPU.
        attempt: how often the call had been made before.
    """

    case: Case
    core: Finished
    ear: Ear | None
    answered_s: float
    ended_s: float
    ear_s: float
    lost_s: float
    starved_s: float
    attempt: int = 0

    @cached_property
    def record(self) -> Record:
        """The end-of-call record."""
        return self.core.record

    @cached_property
    def history(self) -> list[tuple[float, str]]:
        """What the command line told on the way."""
        return history_of(self.core)


def history_of(core: Finished) -> list[tuple[float, str]]:
    """(seconds since the INVITE, what happened), as told on the terminal."""
    found = (_LINE.match(line) for line in core.lines)
    return [(float(line[1]), line[2]) for line in found if line]


def judge(evidence: Evidence) -> None:
    """Everything."""
    check_record(evidence)
    check_keys(evidence)
    check_terminal(evidence)
    if evidence.case.hears:
        check_sounds(evidence)
        check_first_sample(evidence)
        check_pauses(evidence)
        check_hang_up(evidence)


def check_record(evidence: Evidence) -> None:
    """The verdict, the leg's moments in order, and the exit status."""
    record, case = evidence.record, evidence.case
    assert (record["stateCode"], record["releasePoint"], record["endedBy"]) == case.verdict
    leg = record["legs"]["A"]
    assert list(record["legs"]) == ["A"]
    assert (leg["answeredAt"] is not None) == case.customer.answers
    moments = [record["startedAt"], leg["calledAt"], leg["rangAt"], leg["answeredAt"], leg["endedAt"]]
    happened = [moment for moment in moments if moment is not None]
    assert happened == sorted(happened)
    done = case.customer.answers and case.verdict[0] == 0
    assert evidence.core.status == (0 if done else 1), evidence.core.stderr


def check_keys(evidence: Evidence) -> None:
    """Each collection with its keys, right and in order, and how each came."""
    case = evidence.case
    collected = evidence.record["collected"]
    assert [(one["element"], one["digits"]) for one in collected] == list(case.collected)
    for one in collected:
        assert one["transports"] == [case.customer.by] * len(one["digits"])
    assert case.customer.by in TRANSPORTS


def check_terminal(evidence: Evidence) -> None:
    """What was pressed or spoken is not told, nor does anything go wrong unseen."""
    stderr = evidence.core.stderr
    assert "Traceback" not in stderr
    secrets = [digits for _, digits in evidence.case.collected if len(digits) > 2]
    if evidence.case.speaks is not None:
        secrets.append(evidence.case.order[1])
    timeline = " ".join(text for _, text in evidence.history)
    assert not [secret for secret in secrets if secret in timeline]


def check_sounds(evidence: Evidence) -> None:
    """Those sounds in that order, each from its first word to its last, and nothing else."""
    ear, case = _ear(evidence), evidence.case
    assert tuple(one.name for one in ear.stretches) == case.hears, ear.story()
    whole = ear.stretches[:-1] if case.cut else ear.stretches
    clipped = [n for n, one in enumerate(whole) if not _is_whole(ear, one)]
    if clipped[:1] == [0] and 0.0 < whole[0].signal_start_s <= evidence.lost_s:
        del clipped[0]
    assert clipped == [], ear.story()
    if case.cut:
        last = ear.stretches[-1]
        assert not last.whole
        assert abs(last.end_s - evidence.ended_s) < evidence.ear_s + LATE_S, ear.story()
    # Speech fades: what is left of a word where it is 40 dB under its peak is no stretch of it.
    strange = ear.unexplained(0.2 if case.speaks or SPOKEN_TEXT in case.hears else 0.1)
    assert strange == [], f"{strange} besides {ear.story()}"


def check_first_sample(evidence: Evidence) -> None:
    """It comes with the answer: no silence before it, and nothing of it is lost."""
    first = _ear(evidence).stretches[0]
    late_s = first.start_s - evidence.answered_s
    assert -EDGE_S <= late_s <= evidence.ear_s, f"first sample {late_s * 1000:.0f} ms after the answer"


def check_pauses(evidence: Evidence) -> None:
    """An element without a collection is followed at once; no two sounds overlap."""
    ear, asks = _ear(evidence), "--collect" in evidence.case.order
    for before, after in pairwise(ear.stretches):
        pause_s = after.start_s - before.end_s
        assert pause_s > -EDGE_S, ear.story()
        if {before.name, after.name} <= set(ELEMENTS) and not asks:
            # The telephone's own clock may drop or repeat a frame in between.
            assert pause_s <= TICKS_S + EDGE_S, ear.story()


def check_hang_up(evidence: Evidence) -> None:
    """When everything was played: 100 ms after the last sample left, by the core's clock and at the ear."""
    if evidence.case.verdict != CARRIED_OUT:
        return
    ended_s = max(at_s for at_s, text in evidence.history if text.endswith(" ended for A"))
    (hung_up_s,) = (at_s for at_s, text in evidence.history if text == "A is hung up")
    assert -0.005 <= hung_up_s - ended_s - DRAIN_S <= LATE_S
    ear = _ear(evidence)
    last = ear.stretches[-1]
    assert evidence.ended_s - last.end_s >= DRAIN_S - evidence.ear_s, "the last word was not over"
    if last.name in ELEMENTS:  # speech ends in silence
        assert evidence.ended_s - last.end_s <= DRAIN_S + LATE_S, ear.story()
        lost_s = evidence.lost_s if len(ear.stretches) == 1 else 0.0
        assert last.end_s - last.start_s > ELEMENT_S - lost_s - EDGE_S, ear.story()


def _is_whole(ear: Ear, one: Heard) -> bool:
    """By the fingerprint, or by a look at the last 40 ms behind a slip of the jitter buffer."""
    return one.whole or replace(ear, stretches=(one,)).heard_whole(one.name)


def _ear(evidence: Evidence) -> Ear:
    assert evidence.ear is not None, "A did not answer"
    return evidence.ear
