"""What holds in every history of a call of one party, whichever service made it, and where it lives."""

from collections import Counter

from hypothesis import strategies as st

from ivrcore.codes import StateCode
from ivrcore.commands import (
    CancelTimer,
    CloseCall,
    Collect,
    Command,
    Dial,
    HangUp,
    Play,
    Report,
    StartTimer,
    Status,
    Stop,
    StopCollecting,
)
from ivrcore.events import (
    DigitsCollected,
    Event,
    LegAnswered,
    LegHungUp,
    MediaLost,
    Party,
    Playable,
    PromptEnded,
    PromptFailed,
    StopOrdered,
    Timer,
    TimerExpired,
)
from ivrcore.flows.circumstances import Early, Fate, Pressed, Telephone
from ivrcore.flows.one_leg_testing import BUSY, NO_PORTS
from ivrcore.flows.world import Entry

A = Party.A
DRAIN_MS = 100
RELEASE_MS = 5000


class Ledger:
    """Follows one history as a person with the handset and a stop-watch would, and asserts what must hold.

    Attributes:
        heard: every sound A heard to its end, in order. begun: every one that started.
        collected: the digits of every collection that ended, in order.
        reason: the event at which the flow began to end the call; released_ms: when.
    """

    def __init__(self, ring_timeout_s: int) -> None:
        self.ring_ms = ring_timeout_s * 1000
        self.now_ms = 0
        self.cue: Playable | None = None
        self.answered_ms: int | None = None
        self.over = self.told = False
        self.hears: Playable | None = None
        self.begun: list[Playable] = []
        self.heard: list[Playable] = []
        self.collecting: int | None = None
        self.collected: list[str] = []
        self.timers: dict[Timer, int] = {}
        self.reports: list[Report] = []
        self.closed: list[CloseCall] = []
        self.released_ms: int | None = None
        self.reason: Event | None = None
        self.drained_ms: int | None = None

    def read(self, entry: Entry) -> None:
        """One step: what was told, then what was ordered, then how things stand."""
        assert entry.at_ms >= self.now_ms
        self.now_ms = entry.at_ms
        if entry.event is not None:
            self._told(entry.event)
        assert not self.closed or entry.commands == ()
        for command in entry.commands:
            self._ordered(command, entry)
        if self.released_ms is None and (self.told or self.closed):
            self.released_ms, self.reason = self.now_ms, entry.event
        self._stands()

    def _told(self, event: Event) -> None:
        match event:
            case LegAnswered(Party.A) if self.answered_ms is None and not self.over and not self.told:
                self.answered_ms = self.now_ms
                self.hears = self.cue
                if self.cue is not None:
                    self.begun.append(self.cue)
            case LegHungUp(Party.A):
                self.over, self.hears = True, None
            case PromptEnded(Party.A, prompt) if prompt == self.hears:
                self.heard.append(prompt)
                self.hears = None
            case PromptFailed(Party.A, prompt) if prompt in (self.hears, self.cue):
                self.hears = None
            case DigitsCollected(Party.A, digits) if self.collecting is not None:
                self.collected.append(digits)
                self.collecting = None
            case TimerExpired(timer) if self.timers.get(timer) == self.now_ms:
                del self.timers[timer]

    def _ordered(self, command: Command, entry: Entry) -> None:
        assert not self.closed, "an order after CloseCall"
        match command:
            case Dial(party, cue):
                assert party is A
                assert entry.event is None
                assert cue is not None
                self.cue = cue
            case HangUp(party):
                assert party is A
                assert not self.over
                assert not self.told
                self.told, self.hears = True, None
            case Play(party, prompt):
                assert party is A
                assert self.answered_ms is not None
                assert not self.over
                assert self.hears is None, f"{prompt.value} over {self.hears}"
                assert self.collecting is None, "a sound in a collection"
                self.hears = prompt
                self.begun.append(prompt)
            case Collect(party, length):
                assert party is A
                assert self.hears is None
                assert self.collecting is None
                assert self.answered_ms is not None
                self.collecting = length
            case StopCollecting():
                assert self.collecting is not None
                self.collecting = None
            case StartTimer(timer, delay_ms):
                self.timers[timer] = self.now_ms + delay_ms
                if timer is Timer.DRAIN:
                    assert self.hears is None
                    self.drained_ms = self.now_ms + delay_ms
            case CancelTimer(timer):
                self.timers.pop(timer, None)
            case Report(Status.COLLECT_INFO, party, digits):
                assert party is A
                assert entry.event == DigitsCollected(A, digits)
                assert digits
                self.reports.append(command)
            case Report():
                assert command not in self.reports
                self.reports.append(command)
            case CloseCall():
                assert self.reports[-1] == Report(Status.DISCONNECT)
                assert self.over or entry.event == TimerExpired(Timer.RELEASE)
                self.closed.append(command)
            case _:
                raise AssertionError(f"{command} in a call of one party")

    def _stands(self) -> None:
        """Each timer runs exactly while what it limits goes on, and A is never left in silence."""
        if self.closed:
            assert self.timers == {}
            return
        if self.released_ms is not None:
            assert self.timers == {Timer.RELEASE: self.released_ms + RELEASE_MS}
            assert self.collecting is None
            return
        if self.answered_ms is None:
            assert self.timers == {Timer.RING: self.ring_ms}
            return
        draining = self.drained_ms is not None
        assert self.timers == ({Timer.DRAIN: self.drained_ms} if draining else {})
        busy = (self.hears is not None) + (self.collecting is not None) + draining
        assert busy == 1, "A hears one thing, is listened to, or is about to be hung up"

    def finish(self) -> None:
        """Nothing is left to happen."""
        assert len(self.closed) == 1, "the call never ended"
        assert self.over or self.told
        verdict = self.closed[0].verdict
        match self.reason:
            case StopOrdered():
                assert verdict.state_code == StateCode.STOP_ORDERED
            case TimerExpired(Timer.RING):
                assert self.released_ms == self.ring_ms
                assert verdict.state_code == StateCode.RING_TIMEOUT
            case TimerExpired(Timer.DRAIN):
                assert self.released_ms == self.drained_ms
                assert verdict.state_code == StateCode.HUNG_UP_AFTER_CONNECT
            case PromptFailed():
                assert verdict.state_code == StateCode.PLAY_FAILED
            case MediaLost():
                assert self.answered_ms is not None
                assert (verdict.state_code, verdict.release_point) == (8001, 8001)
            case DigitsCollected(_, digits):
                assert digits == ""
                assert (verdict.state_code, verdict.release_point) == (8008, 100)
            case LegHungUp(_, cause):
                if self.answered_ms is None:
                    assert (verdict.state_code, verdict.ended_by) == (cause.state_code, None)
                else:
                    assert (verdict.state_code, verdict.ended_by) == (0, A)
                return
            case _:
                raise AssertionError(f"{self.reason} is no reason to end a call")
        assert verdict.ended_by is None


# ---- the worlds

WAITS_MS = (0, 1, 20, 99, 100, 101, 500, 1499, 1500, 1501, 4999, 5000, 5001, 20_000)
LONG_WAITS_MS = (59_999, 60_000, 60_001, 25 * 3_600_000)
SHORT = st.sampled_from(WAITS_MS)
# Weighted by repetition, which st.one_of would take out again.
SELDOM = st.sampled_from((None,) * 9 * len(WAITS_MS) + WAITS_MS + LONG_WAITS_MS)


def telephones(hangs_up: bool) -> st.SearchStrategy[Telephone]:
    """A's telephone; one that `hangs_up` always does so at last."""
    never = () if hangs_up else (None,) * 3 * len(WAITS_MS)
    return st.builds(
        Telephone,
        early=st.lists(st.tuples(SHORT, st.sampled_from(Early)), max_size=4).map(tuple),
        answers_ms=st.sampled_from(WAITS_MS * 4 + LONG_WAITS_MS + (None,) * 4),
        refuses_ms=SELDOM,
        hangs_up_ms=st.sampled_from(never + WAITS_MS + LONG_WAITS_MS[:-1]),
        keys_ms=st.lists(SHORT, max_size=3).map(tuple),
        falls_silent_ms=SELDOM,
        refusal=st.sampled_from((BUSY, NO_PORTS)),
        late_ms=st.sampled_from((0, 0, 0, 1, 60, 700)),
        release_ms=st.sampled_from((0, 0, 20, 700, 4999, 5000, 5001, None)),
        echo_ms=st.sampled_from((None, None, 0, 20, 700)),
    )


# No echo: a sound is played again here, and a leg tells each end once (sip.leg).
FATES = st.sampled_from(
    (
        *[Fate()] * 12,
        *[Fate(length_ms=0), Fate(length_ms=20), Fate(length_ms=90_000)] * 2,
        Fate(fails_ms=0),
        Fate(fails_ms=700),
    )
)

COLLECTIONS = st.lists(
    st.builds(
        Pressed,
        digits=st.sampled_from(("", "1", "1", "1", "2", "12", "#0")),
        after_ms=SHORT,
        crosses=st.booleans(),
    ),
    max_size=12,
).map(tuple)


class Seen:
    """What the histories came by: a world that never goes somewhere proves nothing about it."""

    def __init__(self) -> None:
        self.states: Counter[str] = Counter()
        self.orders: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self.too_late: Counter[str] = Counter()

    def take(self, entry: Entry, *, over: bool) -> None:
        """One entry; `over`: the flow has begun to end the call."""
        self.states[type(entry.state).__name__] += 1
        self.orders.update(type(command).__name__ for command in entry.commands)
        if over and entry.event is not None and not entry.commands:
            self.too_late[type(entry.event).__name__] += 1

    def end(self, reason: Event | None) -> None:
        """One call, and at what the flow began to end it."""
        self.reasons[reason.timer.value if isinstance(reason, TimerExpired) else type(reason).__name__] += 1

    def judge(self, *, states: set[str], collects: bool) -> None:
        """Asserts that the world went everywhere, and often."""
        orders = {Dial, HangUp, Play, StartTimer, CancelTimer, Report, CloseCall}
        reasons = {"LegHungUp", "StopOrdered", "PromptFailed", "MediaLost", "ring", "drain"}
        late = {"LegRang", "FailureAnnounced", "EarlyMediaStarted", "LegAnswered", "LegHungUp"}
        late |= {"PromptEnded", "DigitReceived", "StopOrdered", "TimerExpired", "MediaLost"}
        if collects:
            orders |= {Collect, StopCollecting}
            reasons |= {"DigitsCollected"}
            late |= {"DigitsCollected"}
        del self.too_late["PromptFailed"]  # a failure that crosses a hang-up is too rare to be counted on
        assert Stop.__name__ not in self.orders, "nothing here is ever cut short"
        for counter, expected in (
            (self.states, states),
            (self.orders, {kind.__name__ for kind in orders}),
            (self.reasons, reasons),
            (self.too_late, late),
        ):
            assert set(counter) == expected, set(counter) ^ expected
            assert min(counter.values()) >= 5, counter
