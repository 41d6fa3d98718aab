"""The callback in a world of telephones that do as they please: what holds in every history.

`Ledger` reads a history as a person with both handsets and a stop-watch would, from what the flow was
told and what it ordered, and knows none of the flow's states. How many histories are tried is
IVRCORE_HISTORIES in the environment, 10,000 by default.
"""

import os
from collections import Counter
from typing import get_args

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st

from ivrcore.codes import StateCode
from ivrcore.commands import (
    CancelTimer,
    CloseBridge,
    CloseCall,
    Collect,
    Command,
    Dial,
    FinishRecording,
    HangUp,
    LowerTalk,
    OpenBridge,
    PassEarlyMedia,
    Play,
    RelayDigit,
    Report,
    RestoreTalk,
    StartRecording,
    StartTimer,
    Status,
    Stop,
    StopCollecting,
)
from ivrcore.events import (
    CaptureFailed,
    DigitReceived,
    DigitsCollected,
    EarlyMediaStarted,
    Event,
    FailureAnnounced,
    LegAnswered,
    LegHungUp,
    LegRang,
    MediaLost,
    Party,
    Playable,
    Prompt,
    PromptEnded,
    PromptFailed,
    StopOrdered,
    Timer,
    TimerExpired,
)
from ivrcore.flows.callback_states import State
from ivrcore.flows.circumstances import Early, Fate, Telephone
from ivrcore.flows.testing import BUSY, NO_PORTS, PLAIN
from ivrcore.flows.world import Entry, Plan, play_out
from ivrcore.request import CallbackRequest, CalleeMedia, WarnedParty

HISTORIES = int(os.environ.get("IVRCORE_HISTORIES", "10000"))
ENOUGH_TO_JUDGE = 5000
"""From so many histories on, the world itself is judged: whether it went everywhere."""

A, B = Party.A, Party.B
MINUTE_MS = 60_000
DRAIN_MS = 60
MINIMUM_TALK_MS = 3000
RELEASE_MS = 5000
WARNED = {WarnedParty.A: {A}, WarnedParty.B: {B}, WarnedParty.BOTH: {A, B}}
ALONE = {Prompt.PRE_VOICE, Prompt.WAIT_VOICE, Prompt.RINGBACK, Prompt.RECORD_HINT}
"""What is heard with nothing beside it; the warning goes over the talk."""
OF_OTHER_CALLS = {"Collect", "StopCollecting", "DigitsCollected"}
"""Of the common vocabulary, what notifications alone use."""


class Ledger:
    """Follows one history and asserts what must hold."""

    def __init__(self, request: CallbackRequest) -> None:
        self.request = request
        self.limit_ms = request.max_duration_min * MINUTE_MS
        self.now_ms = 0
        # What the flow was told.
        self.answered: dict[Party, int] = {}
        self.over: set[Party] = set()
        self.rang = self.media = False
        self.announced: set[Party] = set()
        self.alerted: set[Party] = set()
        self.failed: set[tuple[Party, Playable]] = set()
        self.hinted: set[Party] = set()
        self.pre_voice_ended_ms: int | None = None
        # What it ordered.
        self.dialled: dict[Party, Playable | None] = {}
        self.told: set[Party] = set()
        self.playing: set[tuple[Party, Playable]] = set()
        self.early = False
        self.bridge = False
        self.opened_ms: int | None = None
        self.lowered: set[Party] = set()
        self.recording: bool | None = None
        self.warned_ms: int | None = None
        self.timers: dict[Timer, int] = {}
        self.reports: list[Report] = []
        self.closed: list[CloseCall] = []
        # When it began to end the call, and at what.
        self.released_ms: int | None = None
        self.reason: Event | None = None

    def read(self, entry: Entry) -> None:
        """One step: what was told, then what was ordered, then how things stand."""
        assert entry.at_ms >= self.now_ms
        self.now_ms = entry.at_ms
        was_released = self.released_ms is not None
        news = entry.event is not None and self._told(entry.event)
        if self.closed:
            assert entry.commands == ()
        for command in entry.commands:
            self._ordered(command, entry)
        if self.released_ms is None and (self.told or self.closed):
            self.released_ms, self.reason = self.now_ms, entry.event
        if not was_released and entry.event is not None and news:
            self._answered_at_once(entry.event, entry.commands)
        self._timers_fit()
        if self.released_ms is None:
            self._a_hears_as_asked()
            self._heard_alone()
            self._warning_kept()
            assert self.alerted == {r.party for r in self.reports if r.status is Status.ALERTING}
            assert self.bridge == (self.opened_ms is not None)
            assert self.recording is (True if self.bridge and self.request.record else None)
        else:
            assert not self.bridge
            assert not self.early
            assert self.recording is not True

    # ---- what the flow was told

    def _told(self, event: Event) -> bool:
        """Takes an event in; False for one that repeats or comes after the end of its leg."""
        match event:
            case LegAnswered(party):
                if party not in self.dialled or party in {*self.answered, *self.over, *self.told}:
                    return False
                self.answered[party] = self.now_ms
                cue = self.dialled[party]
                if cue is not None and (party, cue) not in self.failed:
                    self.playing.add((party, cue))
            case LegHungUp(party):
                if party in self.over:
                    return False
                self.over.add(party)
                self.playing = {key for key in self.playing if key[0] is not party}
            case LegRang(party):
                self.rang |= party is B
                self._rings(party)
            case FailureAnnounced(party):
                self.announced.add(party)
            case EarlyMediaStarted(party):
                self.media |= party is B
                # What announces a failure is no ringing.
                if party not in self.announced:
                    self._rings(party)
            case PromptEnded(party, prompt):
                if (party, prompt) not in self.playing:
                    return False
                self.playing.remove((party, prompt))
                if prompt is Prompt.RECORD_HINT:
                    self.hinted.add(party)
                if prompt is Prompt.PRE_VOICE:
                    self.pre_voice_ended_ms = self.now_ms
            case PromptFailed(party, prompt):
                self.failed.add((party, prompt))
                self.playing.discard((party, prompt))
            case TimerExpired(timer):
                if self.timers.get(timer) != self.now_ms:
                    return False
                del self.timers[timer]
        return True

    def _rings(self, party: Party) -> None:
        if party not in {*self.answered, *self.over, *self.told}:
            self.alerted.add(party)

    # ---- what it ordered

    def _ordered(self, command: Command, entry: Entry) -> None:
        assert not self.closed, "an order after CloseCall"
        match command:
            case Dial(party, cue):
                assert party not in self.dialled
                assert not self.told
                if party is B:
                    assert cue is None
                    assert A in self.answered
                    assert A not in self.over
                    if self.request.play_pre_voice:
                        assert self.pre_voice_ended_ms is not None
                        assert self.now_ms == self.pre_voice_ended_ms + DRAIN_MS
                self.dialled[party] = cue
            case HangUp(party):
                assert party in self.dialled
                assert party not in self.over
                assert party not in self.told
                self.told.add(party)
                self.playing = {key for key in self.playing if key[0] is not party}
            case Play(party, prompt):
                self._may_play(party, prompt)
                self.playing.add((party, prompt))
            case Stop(party, prompt):
                assert (party, prompt) in self.playing
                self.playing.remove((party, prompt))
            case PassEarlyMedia():
                assert self.media
                assert A in self.answered
                assert B not in self.answered
                self.early = True
            case OpenBridge():
                assert set(self.answered) == {A, B}
                assert not self.over
                assert not self.request.record_hint or self.hinted == {A, B}
                assert StartRecording() in entry.commands or not self.request.record
                self.bridge, self.early, self.opened_ms = True, False, self.now_ms
            case CloseBridge():
                assert self.bridge or self.early
                self.bridge = self.early = False
            case LowerTalk(party):
                assert self.bridge
                assert party not in self.lowered
                self.lowered.add(party)
            case RestoreTalk(party):
                assert party in self.lowered
                self.lowered.remove(party)
            case StartRecording():
                assert self.request.record
                assert OpenBridge() in entry.commands
                assert self.recording is None
                self.recording = True
            case FinishRecording(keep):
                assert self.recording is True
                assert self.opened_ms is not None
                long_enough = self.now_ms - self.opened_ms >= MINIMUM_TALK_MS
                assert keep == (long_enough and entry.event != CaptureFailed())
                self.recording = False
            case RelayDigit(party, digit):
                assert self.bridge
                assert entry.event == DigitReceived(party.other, digit)
            case StartTimer(timer, delay_ms):
                self.timers[timer] = self.now_ms + delay_ms
            case CancelTimer(timer):
                self.timers.pop(timer, None)
            case Report():
                assert command not in self.reports
                if command.status in {Status.ALERTING, Status.ANSWER}:
                    assert Report(Status.CALLOUT, command.party) in self.reports
                    assert Report(Status.ANSWER, command.party) not in self.reports
                self.reports.append(command)
            case CloseCall():
                assert self.reports[-1] == Report(Status.DISCONNECT)
                assert self.over == set(self.dialled) or entry.event == TimerExpired(Timer.RELEASE)
                self.closed.append(command)

    def _may_play(self, party: Party, prompt: Playable) -> None:
        assert party in self.answered
        assert party not in self.over | self.told
        assert (party, prompt) not in self.playing
        if prompt is Prompt.RECORD_HINT:
            assert self.request.record_hint
            assert B in self.answered
        if prompt is Prompt.LAST_MINUTE:
            assert self.limit_ms
            assert party in self.lowered
            assert party in WARNED[self.request.last_minute_to]
            assert self.opened_ms is not None
            assert self.now_ms == max(self._warning_due_ms(), self.opened_ms)
            self.warned_ms = self.now_ms

    def _warning_due_ms(self) -> int:
        return self.answered[B] + self.limit_ms - MINUTE_MS

    # ---- how things stand

    def _answered_at_once(self, event: Event, commands: tuple[Command, ...]) -> None:
        """What an event demands in its own step."""
        match event:
            case LegHungUp(party) if party in self.dialled:
                assert self.over | self.told == set(self.dialled)
            case MediaLost(party) if party in self.answered and party not in self.over:
                assert self.told | self.over == set(self.dialled)
            case StopOrdered() | CaptureFailed():
                assert self.told == set(self.dialled)
            case TimerExpired(Timer.LIMIT | Timer.RING):
                assert self.told == set(self.dialled)
            case PromptFailed(_, Prompt.PRE_VOICE | Prompt.RECORD_HINT):
                assert self.told == set(self.dialled)
            case LegAnswered(Party.A) if not self.request.play_pre_voice:
                assert B in self.dialled
            case LegAnswered(Party.B):
                hints = {(A, Prompt.RECORD_HINT), (B, Prompt.RECORD_HINT)}
                assert hints <= self.playing if self.request.record_hint else self.bridge
            case PromptEnded(_, Prompt.RECORD_HINT) if self.hinted == {A, B}:
                assert self.bridge
            case DigitReceived(party, digit):
                assert commands == ((RelayDigit(party.other, digit),) if self.bridge else ())

    def _a_hears_as_asked(self) -> None:
        """While B is called: waitVoice, ringback or B's side, as calleeMedia says."""
        if B not in self.dialled or B in self.answered:
            assert not self.early
            assert (A, Prompt.RINGBACK) not in self.playing
            return
        passes = {CalleeMedia.ALL: True, CalleeMedia.NONE: False, CalleeMedia.FAIL: B in self.announced}
        assert self.early == (self.media and passes[self.request.callee_media])
        rings = self.rang and self.request.callee_media is CalleeMedia.ALL and not self.early
        ringback, music = (A, Prompt.RINGBACK), (A, Prompt.WAIT_VOICE)
        assert (ringback in self.playing) == (rings and ringback not in self.failed)
        waits = self.request.wait_voice and not self.early and not rings
        assert (music in self.playing) == (waits and music not in self.failed)

    def _heard_alone(self) -> None:
        for party in self.dialled:
            sources = sum(1 for heard, prompt in self.playing if heard is party and prompt in ALONE)
            sources += self.bridge + (self.early and party is A)
            assert sources <= 1, f"{party} hears {sources} things at once: {self.playing}"

    def _warning_kept(self) -> None:
        """Nobody stays lowered once the warning is over, and nobody misses it."""
        assert self.lowered == {party for party, prompt in self.playing if prompt is Prompt.LAST_MINUTE}
        if self.limit_ms and self.opened_ms is not None and self.now_ms > self._warning_due_ms():
            assert self.warned_ms is not None or self.now_ms == self.opened_ms

    def _timers_fit(self) -> None:
        """Each timer runs exactly while what it limits goes on."""
        if self.closed:
            assert self.timers == {}
            return
        if self.released_ms is not None:
            assert self.timers == {Timer.RELEASE: self.released_ms + RELEASE_MS}
            return
        calling = set(self.dialled) - set(self.answered)
        assert (Timer.RING in self.timers) == bool(calling)
        draining = self.pre_voice_ended_ms is not None and B not in self.dialled
        assert (Timer.DRAIN in self.timers) == draining
        if B in self.answered and self.limit_ms:
            assert self.timers[Timer.LIMIT] == self.answered[B] + self.limit_ms
            assert self.now_ms < self.answered[B] + self.limit_ms
        else:
            assert not {Timer.LIMIT, Timer.WARNING} & set(self.timers)
        if self.recording and self.opened_ms is not None:
            due_ms = self.opened_ms + MINIMUM_TALK_MS
            assert self.timers.get(Timer.MINIMUM_TALK) == (due_ms if self.now_ms < due_ms else None)
        assert Timer.RELEASE not in self.timers

    # ---- the end

    def finish(self) -> None:
        """Nothing is left to happen."""
        assert len(self.closed) == 1, "the call never ended"
        assert self.over | self.told == set(self.dialled)
        assert self.released_ms is not None
        verdict = self.closed[0].verdict
        match self.reason:
            case StopOrdered():
                assert verdict.state_code == StateCode.STOP_ORDERED
            case TimerExpired(Timer.LIMIT):
                assert self.released_ms == self.answered[B] + self.limit_ms
                assert self.told == {A, B}
                assert verdict.state_code == StateCode.MAX_DURATION
            case TimerExpired(Timer.RING):
                code = StateCode.NO_ANSWER if B in self.dialled else StateCode.RING_TIMEOUT
                assert verdict.state_code == code
            case PromptFailed():
                assert verdict.state_code == StateCode.PLAY_FAILED
            case CaptureFailed():
                assert verdict.state_code == StateCode.RECORDING_FAILED
            case MediaLost(party):
                assert party in self.answered
                assert verdict.state_code == StateCode.NOT_REACHED
            case LegHungUp(party, cause):
                assert verdict.ended_by == (party if party in self.answered else None)
                if B in self.answered:
                    assert verdict.state_code == StateCode.HUNG_UP_AFTER_CONNECT
                elif party in self.answered:
                    assert verdict.state_code == StateCode.FIRST_PARTY_GAVE_UP
                elif party is B and B in self.announced:
                    assert verdict.state_code == StateCode.FAILURE_ANNOUNCEMENT
                else:
                    assert verdict.state_code == cause.state_code
                return
            case _:
                raise AssertionError(f"{self.reason} is no reason to end a call")
        assert verdict.ended_by is None


# ---- the worlds

# Small waits, and both sides of every limit there is.
WAITS_MS = (0, 1, 20, 59, 60, 61, 500, 1499, 1500, 1501, 2999, 3000, 3001, 4500, 4999, 5000, 5001)
LONG_WAITS_MS = (59_999, 60_000, 60_001, 61_500, 119_999, 120_000, 120_001, 25 * 3_600_000)
SHORT = st.sampled_from(WAITS_MS)
ANY = st.sampled_from(WAITS_MS + LONG_WAITS_MS)
# Weighted by repetition, which st.one_of would take out again.
SELDOM = st.sampled_from((None,) * 9 * len(WAITS_MS) + WAITS_MS + LONG_WAITS_MS)
LATE = st.sampled_from((0, 0, 0, 1, 60, 700))
TELEPHONES = st.builds(
    Telephone,
    early=st.lists(st.tuples(SHORT, st.sampled_from(Early)), max_size=4).map(tuple),
    answers_ms=st.sampled_from(WAITS_MS * 4 + LONG_WAITS_MS + (None,) * 4),
    refuses_ms=SELDOM,
    hangs_up_ms=st.sampled_from((None,) * 2 * len(WAITS_MS) + WAITS_MS + LONG_WAITS_MS),
    keys_ms=st.lists(ANY, max_size=2).map(tuple),
    falls_silent_ms=SELDOM,
    refusal=st.sampled_from((BUSY, NO_PORTS)),
    late_ms=LATE,
    release_ms=st.sampled_from((0, 0, 20, 700, 4999, 5000, 5001, None)),
    echo_ms=st.sampled_from((None, None, 0, 20, 700)),
)
FATES = st.sampled_from(
    (
        *[Fate()] * 6,
        Fate(length_ms=0),
        Fate(length_ms=20),
        Fate(length_ms=90_000),
        Fate(crosses=True),
        Fate(echo_ms=0),
        Fate(echo_ms=60),
        Fate(fails_ms=0),
        Fate(fails_ms=700),
        Fate(fails_ms=700, echo_ms=20),
    )
)
PROMPTS = st.fixed_dictionaries(
    {
        **{(A, prompt): FATES for prompt in Prompt},
        (B, Prompt.RECORD_HINT): FATES,
        (B, Prompt.LAST_MINUTE): FATES,
    }
)
REQUESTS = st.builds(
    CallbackRequest,
    caller=st.just(PLAIN.caller),
    callee=st.just(PLAIN.callee),
    display_caller=st.just(PLAIN.display_caller),
    display_callee=st.just(PLAIN.display_callee),
    play_pre_voice=st.booleans(),
    wait_voice=st.booleans(),
    callee_media=st.sampled_from(CalleeMedia),
    record=st.booleans(),
    record_hint=st.booleans(),
    max_duration_min=st.sampled_from((0, 1, 2, 1440)),
    last_minute_to=st.sampled_from(WarnedParty),
    ring_timeout_s=st.sampled_from((60, 60, 60, 5, 1)),
)
PLANS = st.builds(
    Plan,
    request=REQUESTS,
    telephones=st.fixed_dictionaries({A: TELEPHONES, B: TELEPHONES}),
    prompts=PROMPTS,
    stop_ms=SELDOM,
    capture_fails_ms=st.sampled_from((None,) * 2 * len(WAITS_MS) + WAITS_MS),
    stale_timers=st.booleans(),
)


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
        for command in entry.commands:
            name = type(command).__name__
            self.orders[f"{name} {command.keep}" if isinstance(command, FinishRecording) else name] += 1
        if over and entry.event is not None and not entry.commands:
            self.too_late[type(entry.event).__name__] += 1

    def judge(self) -> None:
        """Asserts that the world went everywhere, and often."""
        # A callback collects nothing.
        elsewhere = {FinishRecording, Collect, StopCollecting}
        orders = {kind.__name__ for kind in get_args(Command) if kind not in elsewhere}
        told = {kind.__name__ for kind in get_args(Event) if kind is not DigitsCollected}
        reasons = {"LegHungUp", "StopOrdered", "PromptFailed", "CaptureFailed", "MediaLost", "ring", "limit"}
        for counter, expected in (
            (self.states, {kind.__name__ for kind in get_args(State)}),
            (self.orders, orders | {"FinishRecording True", "FinishRecording False"}),
            (self.reasons, reasons),
            (self.too_late, told),
        ):
            assert set(counter) == expected - OF_OTHER_CALLS
            assert min(counter.values()) >= 10, counter


def test_every_history_keeps_the_rules() -> None:
    seen = Seen()

    @settings(
        max_examples=HISTORIES,
        deadline=None,
        derandomize=True,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(plan=PLANS)
    def keeps_the_rules(plan: Plan) -> None:
        ledger = Ledger(plan.request)
        entries = play_out(plan)
        for entry in entries:
            note(entry)
            ledger.read(entry)
            seen.take(entry, over=ledger.released_ms is not None)
        ledger.finish()
        reason = ledger.reason
        seen.reasons[reason.timer.value if isinstance(reason, TimerExpired) else type(reason).__name__] += 1

    keeps_the_rules()
    if HISTORIES >= ENOUGH_TO_JUDGE:
        seen.judge()
