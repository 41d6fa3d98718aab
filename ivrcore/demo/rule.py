"""What the judges share: a rule with its finding, a party's ear, and the shapes a rule can have.

All moments are seconds since the first INVITE. A party's ear is its own recording: what left its
telephone's jitter buffer, 20 to 40 ms after the wire.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from media.fingerprint import Heard

EDGE_S = 0.020
"""The fingerprint's own tolerance on an edge."""


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


def whole(ear: Ear, name: str) -> Finding:
    """The first stretch of a prompt has its first word and its last."""
    stretch = ear.first(name)
    if stretch is None:
        return Finding(f"{ear.party} hears {name}, whole", "not heard", ok=False)
    return Finding(
        f"{ear.party} hears {name}, whole",
        f"{stretch.start_s:.3f} to {stretch.end_s:.3f} s" + ("" if stretch.whole else ", cut"),
        ok=stretch.whole,
    )


def never(ear: Ear, name: str) -> Finding:
    """A signal that is the other party's alone."""
    stretch = ear.first(name)
    measured = "not heard" if stretch is None else f"heard from {stretch.start_s:.3f} s"
    return Finding(f"{ear.party} never hears {name}", measured, ok=stretch is None)


def order(rule: str, earlier_s: float | None, later_s: float | None, slack_s: float = 0.0) -> Finding:
    """One moment is not before another."""
    if earlier_s is None or later_s is None:
        return Finding(rule, "one of the two did not happen", ok=False)
    return Finding(rule, f"{(later_s - earlier_s) * 1000:+.0f} ms", ok=later_s >= earlier_s - slack_s)


def near(rule: str, expected_s: float, measured_s: float | None, tolerance_s: float) -> Finding:
    """A moment is where it should be."""
    if measured_s is None:
        return Finding(rule, "did not happen", ok=False)
    return Finding(
        rule,
        f"{measured_s:.3f} s, {(measured_s - expected_s) * 1000:+.0f} ms off",
        ok=abs(measured_s - expected_s) <= tolerance_s,
    )


def start(stretch: Heard | None) -> float | None:
    """Its first sample, None for what was not heard."""
    return None if stretch is None else stretch.start_s


def end(stretch: Heard | None) -> float | None:
    """Its last sample, None for what was not heard."""
    return None if stretch is None else stretch.end_s
