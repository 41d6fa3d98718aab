"""Holds what the notified customer heard, and what was made of its keys, against the rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from ivrcore.cdr import CallRecord
from ivrcore.demo.notification_scenario import COLLECTED, DISPLAY
from ivrcore.demo.phone import Phone
from ivrcore.demo.rule import EDGE_S, Ear, Finding, end, near, order, start
from ivrcore.events import Content
from media.fingerprint import Heard
from sip.cause import NORMAL_CLEARING

FIRST, SECOND = Content(0).value, Content(1).value
DUE = (FIRST, FIRST, SECOND)
"""One replay."""

ANSWERED_S = 0.4
"""From a key to what it brings about, at the ear: a tone's 90 ms or an event's 30, a tick, the telephone's
jitter buffer; the rest is for a busy machine."""

DRAIN_S = 0.1
EAR_S = 0.08
"""By how much the ear may be behind the wire: the telephone's jitter buffer of 40 ms, and two ticks."""


@dataclass(frozen=True)
class NotificationEvidence:
    """All there is to judge.

    `pressed_s`: when the telephone pressed its keys. `last_s`: how long the last element is.
    """

    ear: Ear
    phone: Phone
    pressed_s: Sequence[float]
    last_s: float
    record: CallRecord


def judge_notification(evidence: NotificationEvidence) -> list[Finding]:
    """Every rule that this call shows."""
    return [*_signalling(evidence), *_elements(evidence.ear), *_keys(evidence), *_end(evidence)]


def _signalling(evidence: NotificationEvidence) -> list[Finding]:
    incoming = evidence.phone.report("incoming")
    shown = sorted({str(incoming.get("calling")), str(incoming.get("asserted"))})
    leg = evidence.record.a
    moments = (leg.called_at_s, leg.rang_at_s, leg.answered_at_s, leg.ended_at_s)
    happened = [moment_s for moment_s in moments if moment_s is not None]
    return [
        Finding("A sees the display number", ", ".join(shown), ok=shown == [DISPLAY]),
        Finding(
            "the record has the call, the ringing, the answer and the end, in this order",
            " < ".join(f"{moment_s - evidence.record.started_at_s:.3f}" for moment_s in happened) + " s",
            ok=len(happened) == len(moments) and happened == sorted(happened),
        ),
    ]


def _elements(ear: Ear) -> list[Finding]:
    heard = [stretch.name for stretch in ear.heard]
    names = ("the first element", "the first element, replayed", "the second element")
    return [
        Finding(
            "A hears the first element, the same again, the second one, and nothing else",
            ", ".join(heard) or "nothing",
            ok=tuple(heard) == DUE,
        ),
        *(_whole(ear, name, place) for place, name in enumerate(names)),
        near("the first element starts at A's answer (+-100 ms)", ear.answered_s, start(_at(ear, 0)), 0.1),
        Finding(
            "no element overlaps the next",
            ", ".join(
                f"{(after.start_s - before.end_s) * 1000:+.0f} ms" for before, after in pairwise(ear.heard)
            ),
            ok=all(after.start_s >= before.end_s - EDGE_S for before, after in pairwise(ear.heard)),
        ),
    ]


def _whole(ear: Ear, name: str, place: int) -> Finding:
    rule = f"A hears {name}, whole: no first or last word is clipped"
    stretch = _at(ear, place)
    if stretch is None:
        return Finding(rule, "not heard", ok=False)
    measured = f"{stretch.start_s:.3f} to {stretch.end_s:.3f} s" + ("" if stretch.whole else ", cut")
    return Finding(rule, measured, ok=stretch.whole)


def _keys(evidence: NotificationEvidence) -> list[Finding]:
    told = tuple(
        (one.digits, "+".join(transport.value for transport in one.transports))
        for one in evidence.record.collected
    )
    return [
        Finding(
            "the record has both keys, and how each came",
            ", ".join(f"{digits} by {transport}" for digits, transport in told) or "none",
            ok=told == COLLECTED,
        ),
        Finding(
            "both were pressed after the first element",
            ", ".join(str(one.element + 1) for one in evidence.record.collected) or "none",
            ok=[one.element for one in evidence.record.collected] == [0, 0],
        ),
        *_brings(evidence, 0, "the replay follows its key, in band, within 400 ms"),
        *_brings(evidence, 1, "the second element follows the other key, an RFC 4733 event, within 400 ms"),
    ]


def _brings(evidence: NotificationEvidence, key: int, rule: str) -> list[Finding]:
    follows = _at(evidence.ear, key + 1)
    if follows is None or key >= len(evidence.pressed_s):
        return [Finding(rule, "did not happen", ok=False)]
    late_s = follows.start_s - evidence.pressed_s[key]
    return [Finding(rule, f"{late_s * 1000:+.0f} ms", ok=0.0 <= late_s <= ANSWERED_S)]


def _end(evidence: NotificationEvidence) -> list[Finding]:
    ear, record = evidence.ear, evidence.record
    last = _at(ear, len(DUE) - 1)
    drain = "the hang-up follows 100 ms after its silence has left (+-80 ms: the ear is behind the wire)"
    ended = evidence.phone.report("ended")
    by = "A" if record.verdict.ended_by else "platform"
    return [
        order("A is hung up after the last word at its ear", end(last), ear.ended_s),
        Finding(drain, "did not happen", ok=False)
        if last is None
        else near(drain, last.start_s - last.signal_start_s + evidence.last_s + DRAIN_S, ear.ended_s, EAR_S),
        Finding(
            "our BYE means normal clearing",
            f"Q.850 {ended.get('q850')}",
            ok=bool(ended.get("by_remote")) and ended.get("q850") == NORMAL_CLEARING.q850,
        ),
        Finding(
            "the record says: carried out, ended by the platform",
            f"stateCode {record.verdict.state_code}, {by}",
            ok=record.verdict.state_code == 0 and record.verdict.ended_by is None,
        ),
    ]


def _at(ear: Ear, place: int) -> Heard | None:
    return ear.heard[place] if place < len(ear.heard) else None
