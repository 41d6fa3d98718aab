"""Judges one cell: what it left behind (batch.py) against what the rules make of it (rules.py).

Every function raises AssertionError with what was seen and what was due. Times of a cell are judged with room
for a busy machine; the promises on time are judged over all cells together (timings.py).
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from media.dtmf import detect
from media.fingerprint import Heard, identify
from media.types import SAMPLE_RATE_HZ
from media.wav import read_pcm, violations
from tests.e2e.asterisk.batch import Evidence, early_sound
from tests.e2e.asterisk.rules import TALK_OF, TALK_OPENS, Expectation, Moment, Span
from tests.e2e.callback.ear import Ear
from tests.e2e.callback.sounds import HINT, PRE_VOICE, RINGBACK, WAIT_VOICE, WARNING

EVENT_S = 0.3
"""How late a moment of the history may be against the ideal clock: one busy machine runs both sides."""

EDGE_S = 0.06
"""How far an edge at the ear may be from its moment: three ticks of 20 ms, ours and Asterisk's."""

LATE_S = 0.1
"""What a busy machine may add to an edge; a jitter buffer adds the same to the other party's talk."""

SHORTEST_S = 0.25
"""What a fingerprint may need: a shorter span is not looked for, and so much of a talk may go without a name
beside a jump of the jitter buffer."""

HEARD_SHARE = 0.8
"""How much of a talk has to be recognised in all, jumps or not."""

OUR_PROMPTS = frozenset({PRE_VOICE, WAIT_VOICE, HINT, WARNING})
"""They come from our own clock, and pass no jitter buffer before the wire."""

RINGS_S = 1.0
"""A ring tone is audible for its first second; no span here is longer than its cadence of 5 s."""

MOUTH_TO_EAR_S = 0.25
SLIP_S = 0.06
"""One jump of the bridge's jitter buffer within a talk."""


def check_history(evidence: Evidence, expected: Expectation) -> None:
    """Every event once, in order and on time."""
    due = {moment.text for moment in expected.history}
    watched = due | _SIGNALLING
    told = [moment for moment in evidence.history if moment.text in watched]
    seen_order, due_order = (_in_order([moment.text for moment in one]) for one in (told, expected.history))
    assert seen_order == due_order, f"{seen_order} instead of {due_order}"
    assert expected.rings_a == any(moment.text == "ringback starts for A" for moment in evidence.history)
    for seen, ideal in zip(told, _like(told, expected.history), strict=True):
        assert -0.03 <= seen.at_s - ideal.at_s <= EVENT_S, f"{seen} was due at {ideal.at_s:.3f} s"


_SIGNALLING = frozenset(
    f"{party} {what}"
    for party in "AB"
    for what in (
        *("is called", "rings", "sends early media", "announces a failure", "answered", "pressed a key"),
        *("hung up", "is hung up", "is released"),
    )
) | {TALK_OPENS, "one minute is left", "the time is up", "ringing timed out"}


def _in_order(texts: list[str]) -> list[str]:
    """The history's order, but for two legs that are released together."""
    tail = [text for text in texts if text.endswith("is released")]
    return [text for text in texts if text not in tail] + sorted(tail)


def _like(told: list[Moment], ideal: list[Moment]) -> list[Moment]:
    """The ideal moments in the order in which they were told."""
    left = list(ideal)
    return [left.pop(next(n for n, one in enumerate(left) if one.text == moment.text)) for moment in told]


def check_record(evidence: Evidence, expected: Expectation) -> None:
    """The end-of-call record: how it ended, where, by whom, and each leg's part in it."""
    record = evidence.record
    verdict = (record["stateCode"], record["releasePoint"], record["endedBy"])
    assert verdict == expected.verdict, f"{verdict} instead of {expected.verdict}"
    for party, due in expected.legs.items():
        leg = record["legs"][party]
        assert (leg["calledAt"] is None) == (due is None)
        if due is None:
            continue
        seen = (leg["answeredAt"] is not None, leg["rangAt"] is not None, leg["q850"], leg["sipStatus"])
        assert seen == (due.answered, due.rang, due.q850, due.sip), f"leg {party}: {seen} instead of {due}"
    assert (record["talkStartedAt"] is not None) == any(m.text == TALK_OPENS for m in expected.history)
    assert evidence.core.status == (0 if record["talkStartedAt"] else 1)
    assert "Traceback" not in evidence.core.stderr


def check_recording(evidence: Evidence, expected: Expectation) -> None:
    """The file of a talk that was long enough, else the reason why there is none."""
    recording = evidence.record["recording"]
    if expected.recording is None:
        assert recording is None, recording
        return
    if isinstance(expected.recording, str):
        assert (recording["path"], recording["reason"]) == (None, expected.recording), recording
        assert not list(evidence.batch.recordings.glob(f"{evidence.record['session']}*"))
        return
    path = Path(recording["path"])
    assert violations(path) == ()
    pcm = read_pcm(path)
    seconds_long = pcm.size / SAMPLE_RATE_HZ
    assert abs(seconds_long - expected.recording) < LATE_S, (
        f"{seconds_long} s instead of {expected.recording} s"
    )
    found = identify(pcm, [one for one in evidence.known(early=None) if one.name in TALK_OF.values()])
    seconds = {
        name: sum(one.end_s - one.start_s for one in found if one.name == name) for name in TALK_OF.values()
    }
    for party, robot in (("A", evidence.cell.a), ("B", evidence.cell.b)):
        spoken_s = seconds_long if robot.says == "signal" else 0.0
        assert abs(seconds[TALK_OF[party]] - spoken_s) < 2 * LATE_S, f"recording: {seconds}"


def check_keys(evidence: Evidence, expected: Expectation) -> None:
    """What arrived of the other party's keys: as events by Asterisk's log, as tones in the robot's ear."""
    cell = evidence.cell
    for party in "AB":
        events = evidence.key_events(party)
        assert events == expected.key_events[party], f"{party} got the keys {events} as events"
        if cell.a.keys or cell.b.keys:
            tones = "".join(one.digit for one in detect(read_pcm(evidence.heard[party])))
            assert tones == expected.key_tones[party], f"{party} heard the keys {tones} as tones"


def check_wire(evidence: Evidence, expected: Expectation) -> None:
    """Our BYE or CANCEL tells the reason, and each party was shown the number it should see."""
    for party, leg in expected.legs.items():
        if leg is None:
            continue
        messages = evidence.leg(party).messages
        shown = evidence.record["legs"][party]["display"]
        for name in ("From", "P-Asserted-Identity"):
            assert f"sip:{shown}@" in messages[0].header(name), f"{name} to {party}"
    for party, q850 in expected.reason_to.items():
        ours = [m for m in evidence.leg(party).messages if m.from_core and m.method in ("BYE", "CANCEL")]
        assert ours, f"no BYE or CANCEL to {party}"
        reason = ours[0].header("Reason")
        assert f"Q.850;cause={q850};" in reason, f"{party} was told {reason} instead of {q850}"


@dataclass(frozen=True)
class Listening:
    """One party's ear, and the spans that were due with the moments at which they really were."""

    ear: Ear
    due: list[tuple[Span, float, float]]
    spoken_s: dict[str, float]
    """When a talk that is due was begun, by its name, where the history tells."""

    def seen(self, sound: str) -> list[Heard]:
        """The stretches of one sound."""
        return [one for one in self.ear.stretches if one.name == sound]

    def delay_s(self, span: Span) -> float:
        """How long the first of a talk that was heard had been under way: nothing stored is heard (4.5)."""
        one = self.seen(span.sound)[0]
        return one.start_s - (self.spoken_s[span.sound] + one.signal_start_s)


def listen(evidence: Evidence, expected: Expectation, party: str) -> Listening:
    """What a party that answered heard, beside what it should have."""
    early = early_sound(evidence.cell.b) if party == "A" else None
    ear = evidence.ear(party, early=early)
    due = []
    for span in expected.hears[party]:
        begin_s = evidence.at_s(span.begins) + span.after_s
        due.append((span, begin_s, min(evidence.at_s(span.ends), begin_s + span.length_s)))
    spoken_s = {span.sound: evidence.at_s(span.spoken_since) for span, *_ in due if span.spoken_since}
    return Listening(ear, due, spoken_s)


def check_heard(heard: Listening, expected: Expectation) -> None:
    """Those sounds, in that order, from when to when they should be, and nothing else."""
    long_enough = [
        (span, begin_s, end_s) for span, begin_s, end_s in heard.due if end_s - begin_s >= SHORTEST_S
    ]
    short = {span.sound for span, *_ in heard.due} - {span.sound for span, *_ in long_enough}
    # Their order follows from the edges; two that begin together, a talk and its warning, have none.
    seen, due = set(heard.ear.order()) - short, {span.sound for span, *_ in long_enough}
    assert seen == due, f"{heard.ear.story()} instead of {sorted(due)}"
    for span, begin_s, end_s in long_enough:
        _check_span(heard, expected, span, begin_s, end_s)
    if not any(expected.key_tones.values()):
        fleeting = [(begin_s, end_s) for span, begin_s, end_s in heard.due if span.sound in short]
        strange = [
            (from_s, to_s)
            for from_s, to_s in heard.ear.unexplained(SHORTEST_S)
            if not any(begin_s - EDGE_S < to_s and from_s < end_s + LATE_S for begin_s, end_s in fleeting)
        ]
        assert strange == [], f"unknown sounds at {strange} besides {heard.ear.story()}"


def _check_span(heard: Listening, expected: Expectation, span: Span, begin_s: float, end_s: float) -> None:
    seen = heard.seen(span.sound)
    first, last = seen[0], seen[-1]
    talk = span.sound in TALK_OF.values()
    ours = span.sound in OUR_PROMPTS or (span.sound == RINGBACK and expected.rings_a)
    late_s = MOUTH_TO_EAR_S if talk else LATE_S
    assert -EDGE_S <= first.start_s - begin_s <= late_s, f"{span}: due at {begin_s:.3f}, {heard.ear.story()}"
    audible_s = min(end_s, begin_s + RINGS_S) if span.sound == RINGBACK else end_s
    early_s = SHORTEST_S if talk else 2 * EDGE_S
    assert -early_s <= last.end_s - audible_s <= LATE_S, f"{span}: until {audible_s:.3f}, {heard.ear.story()}"
    share = sum(one.end_s - one.start_s for one in seen) / (audible_s - begin_s)
    assert share > HEARD_SHARE - (late_s / (audible_s - begin_s)), f"{span}: {share:.0%} of it was heard"
    if span.length_s <= end_s - begin_s + 1e-6:
        assert heard.ear.heard_whole(span.sound), f"{span} was not heard whole: {heard.ear.story()}"
    if span.spoken_since:
        assert -EDGE_S <= heard.delay_s(span) <= MOUTH_TO_EAR_S, (
            f"{span}: {heard.delay_s(span):.3f} s under way"
        )
    for one in seen:
        assert all(abs(slip.shift_s) <= (0.0 if ours else SLIP_S) for slip in one.slips), (
            f"{span}: {one.slips}"
        )


def is_exact(heard: Listening, span: Span) -> bool:
    """Whether a prompt that was due whole is at the ear sample for sample."""
    first = heard.seen(span.sound)[0]
    prompt = heard.ear.known[span.sound]
    at = round((first.start_s - first.signal_start_s - heard.ear.started_s) * SAMPLE_RATE_HZ)
    return bool(np.array_equal(heard.ear.pcm[at : at + prompt.size], prompt))
