"""Holds what the parties heard against the rules; nothing here knows how the core did it.

All moments are seconds since the first INVITE. A party's ear is its own recording: what left its
telephone's jitter buffer, 20 to 40 ms after the wire.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from ivrcore.cdr import CallRecord
from ivrcore.codes import StateCode
from ivrcore.demo.scenario import CLOCK_SCALE
from ivrcore.events import Prompt
from media.fingerprint import Heard
from media.wav import read_info, violations

EDGE_S = 0.020
"""The fingerprint's own tolerance on an edge."""

LIMIT_TOLERANCE_S = 0.100

TALK_A, TALK_B = "talk of A", "talk of B"


@dataclass(frozen=True)
class Finding:
    """One rule and what came of it."""

    rule: str
    measured: str
    ok: bool


@dataclass(frozen=True)
class Ear:
    """What one party heard, on the call's time axis, and what its telephone reported."""

    party: str
    heard: Sequence[Heard]
    answered_s: float
    invited_s: float
    ended_s: float

    def first(self, name: str) -> Heard | None:
        """The first stretch of a signal."""
        return next((stretch for stretch in self.heard if stretch.name == name), None)

    def last(self, name: str) -> Heard | None:
        """The last stretch of a signal."""
        return next((stretch for stretch in reversed(self.heard) if stretch.name == name), None)


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


def _whole(ear: Ear, name: str) -> Finding:
    stretch = ear.first(name)
    if stretch is None:
        return Finding(f"{ear.party} hears {name}, whole", "not heard", ok=False)
    return Finding(
        f"{ear.party} hears {name}, whole",
        f"{stretch.start_s:.3f} to {stretch.end_s:.3f} s" + ("" if stretch.whole else ", cut"),
        ok=stretch.whole,
    )


def _never(ear: Ear, name: str) -> Finding:
    stretch = ear.first(name)
    measured = "not heard" if stretch is None else f"heard from {stretch.start_s:.3f} s"
    return Finding(f"{ear.party} never hears {name}", measured, ok=stretch is None)


def _order(rule: str, earlier_s: float | None, later_s: float | None, slack_s: float = 0.0) -> Finding:
    if earlier_s is None or later_s is None:
        return Finding(rule, "one of the two did not happen", ok=False)
    return Finding(rule, f"{(later_s - earlier_s) * 1000:+.0f} ms", ok=later_s >= earlier_s - slack_s)


def _near(rule: str, expected_s: float, measured_s: float | None, tolerance_s: float) -> Finding:
    if measured_s is None:
        return Finding(rule, "did not happen", ok=False)
    return Finding(
        rule,
        f"{measured_s:.3f} s, {(measured_s - expected_s) * 1000:+.0f} ms off",
        ok=abs(measured_s - expected_s) <= tolerance_s,
    )


def _start(stretch: Heard | None) -> float | None:
    return None if stretch is None else stretch.start_s


def _end(stretch: Heard | None) -> float | None:
    return None if stretch is None else stretch.end_s


def _pre_voice(a: Ear, b: Ear) -> list[Finding]:
    pre_voice = a.first(Prompt.PRE_VOICE.value)
    return [
        _whole(a, Prompt.PRE_VOICE.value),
        _never(b, Prompt.PRE_VOICE.value),
        _order("preVoice follows A's answer", a.answered_s, _start(pre_voice)),
        _near("preVoice starts at A's answer (+-100 ms)", a.answered_s, _start(pre_voice), 0.1),
        _order("B's INVITE comes after preVoice's last sample at A's ear", _end(pre_voice), b.invited_s),
    ]


def _waiting(a: Ear, b: Ear) -> list[Finding]:
    wait, ringback = a.first(Prompt.WAIT_VOICE.value), a.first(Prompt.RINGBACK.value)
    return [
        _order(
            "waitVoice follows preVoice", _end(a.first(Prompt.PRE_VOICE.value)), _start(wait), slack_s=EDGE_S
        ),
        _order("ringback follows waitVoice", _end(wait), _start(ringback), slack_s=EDGE_S),
        _order("ringback is over when B has answered (+100 ms)", _end(ringback), b.answered_s + 0.1),
        _never(b, Prompt.WAIT_VOICE.value),
        _never(b, Prompt.RINGBACK.value),
    ]


def _hint(a: Ear, b: Ear) -> list[Finding]:
    hint = Prompt.RECORD_HINT.value
    return [
        _whole(a, hint),
        _whole(b, hint),
        _order("A hears B only after the hint", _end(a.first(hint)), _start(a.first(TALK_B)), EDGE_S),
        _order("B hears A only after the hint", _end(b.first(hint)), _start(b.first(TALK_A)), EDGE_S),
    ]


def _warning(a: Ear, b: Ear) -> list[Finding]:
    warning = Prompt.LAST_MINUTE.value
    due_s = b.answered_s + 60.0 / CLOCK_SCALE
    findings = []
    for ear, other in ((a, TALK_B), (b, TALK_A)):
        heard = ear.first(warning)
        findings += [
            _whole(ear, warning),
            _near(f"{ear.party} is warned one minute (scaled) before the end", due_s, _start(heard), 0.1),
            _underneath(ear, other, heard),
            _order(
                f"{ear.party} hears the talk until the end (-100 ms)",
                ear.ended_s - 0.1,
                _end(ear.last(other)),
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
        _near("A is hung up at the limit", due_s, a.ended_s, LIMIT_TOLERANCE_S),
        _near("B is hung up at the limit", due_s, b.ended_s, LIMIT_TOLERANCE_S),
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
