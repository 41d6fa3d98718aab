"""Holds what the parties of the callback heard against the rules; nothing here knows how the core did it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ivrcore.cdr import CallRecord
from ivrcore.codes import StateCode
from ivrcore.demo.rule import EDGE_S, Ear, Finding, end, near, never, order, start, whole
from ivrcore.demo.scenario import CLOCK_SCALE
from ivrcore.events import Prompt
from media.fingerprint import Heard
from media.wav import read_info, violations

LIMIT_TOLERANCE_S = 0.100

TALK_A, TALK_B = "talk of A", "talk of B"


@dataclass(frozen=True)
class Evidence:
    """All there is to judge."""

    a: Ear
    b: Ear
    record: CallRecord
    in_recording: Sequence[Heard]
    spoken_offset_s: float
    """By how much later B began to speak than A."""
    talk_s: float
    """Length of the loop each party speaks."""


def judge(evidence: Evidence) -> list[Finding]:
    """Every rule the demo shows."""
    a, b = evidence.a, evidence.b
    return [
        *_pre_voice(a, b),
        *_waiting(a, b),
        *_hint(a, b),
        *_warning(a, b),
        *_limit(a, b, evidence.record),
        *_recording(evidence),
    ]


def _pre_voice(a: Ear, b: Ear) -> list[Finding]:
    pre_voice = a.first(Prompt.PRE_VOICE.value)
    return [
        whole(a, Prompt.PRE_VOICE.value),
        never(b, Prompt.PRE_VOICE.value),
        order("preVoice follows A's answer", a.answered_s, start(pre_voice)),
        near("preVoice starts at A's answer (+-100 ms)", a.answered_s, start(pre_voice), 0.1),
        order("B's INVITE comes after preVoice's last sample at A's ear", end(pre_voice), b.invited_s),
    ]


def _waiting(a: Ear, b: Ear) -> list[Finding]:
    wait, ringback = a.first(Prompt.WAIT_VOICE.value), a.first(Prompt.RINGBACK.value)
    return [
        order(
            "waitVoice follows preVoice", end(a.first(Prompt.PRE_VOICE.value)), start(wait), slack_s=EDGE_S
        ),
        order("ringback follows waitVoice", end(wait), start(ringback), slack_s=EDGE_S),
        order("ringback is over when B has answered (+100 ms)", end(ringback), b.answered_s + 0.1),
        never(b, Prompt.WAIT_VOICE.value),
        never(b, Prompt.RINGBACK.value),
    ]


def _hint(a: Ear, b: Ear) -> list[Finding]:
    hint = Prompt.RECORD_HINT.value
    return [
        whole(a, hint),
        whole(b, hint),
        order("A hears B only after the hint", end(a.first(hint)), start(a.first(TALK_B)), EDGE_S),
        order("B hears A only after the hint", end(b.first(hint)), start(b.first(TALK_A)), EDGE_S),
    ]


def _warning(a: Ear, b: Ear) -> list[Finding]:
    warning = Prompt.LAST_MINUTE.value
    due_s = b.answered_s + 60.0 / CLOCK_SCALE
    findings = []
    for ear, other in ((a, TALK_B), (b, TALK_A)):
        heard = ear.first(warning)
        findings += [
            whole(ear, warning),
            near(f"{ear.party} is warned one minute (scaled) before the end", due_s, start(heard), 0.1),
            _underneath(ear, other, heard),
            order(
                f"{ear.party} hears the talk until the end (-100 ms)",
                ear.ended_s - 0.1,
                end(ear.last(other)),
                slack_s=EDGE_S,
            ),
        ]
    return findings


def _underneath(ear: Ear, talk: str, warning: Heard | None) -> Finding:
    """The other party's level while the warning plays, against its level before."""
    rule = f"{ear.party} hears the other 15 dB down (+-3) underneath the warning"
    if warning is None:
        return Finding(rule, "no warning", ok=False)
    middle_s = (warning.start_s + warning.end_s) / 2
    under = next((s for s in ear.heard if s.name == talk and s.start_s < middle_s < s.end_s), None)
    before = ear.first(talk)
    if under is None or before is None:
        return Finding(rule, "the other is not heard", ok=False)
    drop_db = under.level_db - before.level_db
    return Finding(rule, f"{drop_db:+.1f} dB", ok=abs(drop_db + 15.0) <= 3.0)


def _limit(a: Ear, b: Ear, record: CallRecord) -> list[Finding]:
    due_s = b.answered_s + 120.0 / CLOCK_SCALE
    code = record.verdict.state_code
    return [
        near("A is hung up at the limit", due_s, a.ended_s, LIMIT_TOLERANCE_S),
        near("B is hung up at the limit", due_s, b.ended_s, LIMIT_TOLERANCE_S),
        Finding("the record says: maximum duration", f"stateCode {code}", ok=code == StateCode.MAX_DURATION),
    ]


def _recording(evidence: Evidence) -> list[Finding]:
    recording = evidence.record.recording
    if recording is None or recording.path is None:
        return [Finding("the talk is recorded", recording.reason if recording else "no recording", ok=False)]
    path: Path = recording.path
    wrong = violations(path)
    info = read_info(path)
    talks = {name: [s for s in evidence.in_recording if s.name == name] for name in (TALK_A, TALK_B)}
    findings = [
        Finding(
            "the recording is A-law, 8000 Hz, mono, 64 kbit/s",
            "; ".join(wrong) or f"{info.duration_s:.3f} s",
            ok=not wrong,
        )
    ]
    for name, stretches in talks.items():
        heard_s = sum(stretch.end_s - stretch.start_s for stretch in stretches)
        findings.append(
            Finding(
                f"the {name} is in the recording, throughout",
                f"{heard_s:.3f} of {info.duration_s:.3f} s",
                ok=heard_s > info.duration_s - 0.1,
            )
        )
    if talks[TALK_A] and talks[TALK_B]:
        # Where each party is in its own signal at one moment of the recording tells when it began to speak.
        began = {name: _began_s(stretches[0], evidence.talk_s) for name, stretches in talks.items()}
        apart_s = (began[TALK_B] - began[TALK_A]) - evidence.spoken_offset_s
        apart_s = (apart_s + evidence.talk_s / 2) % evidence.talk_s - evidence.talk_s / 2
        findings.append(
            Finding(
                "A and B are aligned as they spoke (+-20 ms, and 20 ms for the telephones' own ticks)",
                f"{apart_s * 1000:+.0f} ms",
                ok=abs(apart_s) <= 2 * EDGE_S,
            )
        )
    return findings


def _began_s(stretch: Heard, talk_s: float) -> float:
    return (stretch.start_s - stretch.signal_start_s) % talk_s
