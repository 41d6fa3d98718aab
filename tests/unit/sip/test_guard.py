"""The guard of an endpoint: one timer, a look at every leg that is up, and who is gone is told."""

from dataclasses import dataclass, field

import pytest

from sip.inactivity import InactivityLimits, Signs
from sip.manual_reactor import ManualReactor
from sip.pjsua.guard import GuardedLeg, InactivityGuard

LIMITS = InactivityLimits(20.0, 100.0)
LOOK_S = 2.0


@dataclass(eq=False)
class FarEnd:
    """A leg of which the test says what has come."""

    now: Signs | None = field(default_factory=lambda: Signs(0, 0))
    lost: list[float] = field(default_factory=list)
    looks: int = 0
    others: list["FarEnd"] = field(default_factory=list)

    def signs(self) -> Signs | None:
        self.looks += 1
        return self.now

    def report_media_lost(self, quiet_s: float) -> None:
        self.lost.append(quiet_s)
        for other in self.others:
            other.now = None


@pytest.fixture
def reactor() -> ManualReactor:
    return ManualReactor()


def guarding(reactor: ManualReactor, *legs: GuardedLeg, limits: InactivityLimits = LIMITS) -> InactivityGuard:
    guard = InactivityGuard(limits, reactor, lambda: legs)
    guard.begin()
    return guard


def pass_s(reactor: ManualReactor, seconds: float, *talking: FarEnd) -> None:
    """Time, in which `talking` far ends send fifty packets a second."""
    for _ in range(round(seconds)):
        for leg in talking:
            assert leg.now is not None
            leg.now = Signs(leg.now.rtp_packets + 50, leg.now.rtcp_reports, leg.now.on_hold)
        reactor.advance(1.0)


def test_far_end_that_falls_silent_is_told_within_two_looks_of_the_limit(reactor: ManualReactor) -> None:
    leg = FarEnd()
    guarding(reactor, leg)
    pass_s(reactor, 60, leg)
    pass_s(reactor, 19)
    assert leg.lost == []
    pass_s(reactor, 2 * LOOK_S)
    assert leg.lost == [pytest.approx(20.0)]


def test_far_end_that_talks_is_never_told(reactor: ManualReactor) -> None:
    leg = FarEnd()
    guarding(reactor, leg)
    pass_s(reactor, 3600, leg)
    assert leg.lost == []
    assert leg.looks == 1800


def test_reports_without_audio_keep_a_muted_telephone_up(reactor: ManualReactor) -> None:
    leg = FarEnd()
    guarding(reactor, leg)
    for reports in range(1, 21):  # one every 5 s (RFC 3550 section 6.2)
        leg.now = Signs(0, reports)
        pass_s(reactor, 5)
    assert leg.lost == []


def test_leg_that_is_not_up_is_left_alone_and_its_time_begins_with_the_answer(reactor: ManualReactor) -> None:
    leg = FarEnd(now=None)
    guarding(reactor, leg)
    pass_s(reactor, 300)  # it rings
    leg.now = Signs(0, 0)
    pass_s(reactor, 19)
    assert leg.lost == []
    pass_s(reactor, 2 * LOOK_S)
    assert len(leg.lost) == 1


def test_hold_has_its_own_limit(reactor: ManualReactor) -> None:
    leg = FarEnd(now=Signs(500, 3, on_hold=True))
    guarding(reactor, leg)
    pass_s(reactor, 99)
    assert leg.lost == []
    pass_s(reactor, 2 * LOOK_S)
    assert leg.lost == [pytest.approx(100.0)]


def test_it_is_told_again_when_nobody_ends_the_leg(reactor: ManualReactor) -> None:
    leg = FarEnd()
    guarding(reactor, leg)
    pass_s(reactor, 64)
    assert len(leg.lost) == 3


def test_only_the_far_end_that_is_gone_is_told(reactor: ManualReactor) -> None:
    gone, there = FarEnd(), FarEnd()
    guarding(reactor, gone, there)
    pass_s(reactor, 30, there)
    assert (len(gone.lost), there.lost) == (1, [])


def test_legs_that_a_report_ends_are_not_looked_at_in_between(reactor: ManualReactor) -> None:
    # Both are gone. What the first report causes must not change the row of legs that is being looked at.
    a, b = FarEnd(), FarEnd()
    a.others, b.others = [b], [a]
    guarding(reactor, a, b)
    pass_s(reactor, 30)
    assert (len(a.lost), len(b.lost)) == (1, 1)


def test_process_that_stood_still_accuses_nobody(reactor: ManualReactor) -> None:
    # Ten minutes in one step: the packets of that time may still be in the sockets, uncounted.
    leg = FarEnd(now=Signs(1000, 5))
    guarding(reactor, leg)
    pass_s(reactor, 4)
    reactor.clock.rightNow += 600.0
    reactor.advance(0.0)
    assert leg.lost == []
    pass_s(reactor, 30, leg)
    assert leg.lost == []


def test_leg_that_ended_is_forgotten(reactor: ManualReactor) -> None:
    legs = [FarEnd()]
    InactivityGuard(LIMITS, reactor, lambda: tuple(legs)).begin()
    pass_s(reactor, 18)
    old = legs.pop()
    legs.append(FarEnd())  # the next call's, with the same signs
    pass_s(reactor, 6)
    assert (old.lost, legs[0].lost) == ([], [])


def test_guard_without_limits_never_looks(reactor: ManualReactor) -> None:
    leg = FarEnd()
    guarding(reactor, leg, limits=InactivityLimits())
    assert reactor.clock.getDelayedCalls() == []
    pass_s(reactor, 100)
    assert leg.looks == 0


def test_guard_that_ends_leaves_no_timer(reactor: ManualReactor) -> None:
    guard = guarding(reactor, FarEnd())
    pass_s(reactor, 5)
    guard.end()
    assert reactor.clock.getDelayedCalls() == []
    guard.end()
