"""A world around a call on a virtual clock, for tests: telephones, prompts, collections, a capture, timers.

`Circumstances` say how everything in the world will behave; `live` lets a flow live in it until nothing is
left to happen, and returns what it was told and what it ordered. A `Plan` is that for a callback.
The world is as rude as a network: reports come late, twice, and cross the flow's orders. What it never does
is what cannot happen: a leg that is over does not ring again, and a timer taken back does not expire in
place of a newer one of its name (the runner's promise, too).
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

from ivrcore.commands import (
    CancelTimer,
    Collect,
    Command,
    Dial,
    HangUp,
    OpenBridge,
    Play,
    StartRecording,
    StartTimer,
    Stop,
    StopCollecting,
)
from ivrcore.events import (
    CaptureFailed,
    Cause,
    DigitReceived,
    DigitsCollected,
    EarlyMediaStarted,
    Event,
    LegAnswered,
    LegHungUp,
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
from ivrcore.flows import callback
from ivrcore.flows.circumstances import CLEARED, Circumstances, Early, Fate, Pressed
from ivrcore.request import CallbackRequest

S = TypeVar("S")

HOUR_MS = 3_600_000
LONGEST_TALK_MS = 30 * HOUR_MS
"""When A gives up a talk that nothing else ends; longer than any limit."""

LOOPED = frozenset({Prompt.WAIT_VOICE, Prompt.RINGBACK})


@dataclass(frozen=True, kw_only=True)
class Plan(Circumstances):
    """A callback and its circumstances."""

    request: CallbackRequest


@dataclass(frozen=True)
class Entry:
    """One step of the flow: when, what it was told (None at the start), and what came of it."""

    at_ms: int
    event: Event | None
    before: object
    state: object
    commands: tuple[Command, ...]


def play_out(plan: Plan) -> tuple[Entry, ...]:
    """The whole callback, until nothing is left to happen."""
    step = partial(callback.step, plan.request)
    return live(plan, callback.start(plan.request), step, endless=not plan.request.max_duration_min)


def live(
    circumstances: Circumstances,
    first: tuple[S, tuple[Command, ...]],
    step: Callable[[S, Event], tuple[S, tuple[Command, ...]]],
    *,
    endless: bool = False,
) -> tuple[Entry, ...]:
    """The whole call of any flow, until nothing is left to happen.

    Args:
        first: what the flow's `start` returned.
        step: the flow's `step`, its request bound.
        endless: nothing else ends its talk, so A does at last.
    """
    return _World(circumstances, first, step, endless).run()


@dataclass
class _Leg:
    """The truth of a leg, which the flow hears of later."""

    answered: bool = False
    over: bool = False
    cue: Playable | None = None


class _World(Generic[S]):
    def __init__(
        self,
        plan: Circumstances,
        first: tuple[S, tuple[Command, ...]],
        step: Callable[[S, Event], tuple[S, tuple[Command, ...]]],
        endless: bool,
    ) -> None:
        self._plan = plan
        self._step = step
        self._endless = endless
        self._now_ms = 0
        self._sequence = 0
        # Of two things due at once a timer comes first, so that limits are exact.
        self._agenda: list[tuple[int, bool, int, Callable[[], None]]] = []
        self._legs: dict[Party, _Leg] = {}
        self._playing: dict[tuple[Party, Playable], int] = {}
        self._timers: dict[Timer, int] = {}
        self._collecting: int | None = None
        self._pressed = iter(plan.collections)
        self._entries: list[Entry] = []
        self._state, commands = first
        self._entries.append(Entry(0, None, self._state, self._state, commands))
        self._carry_out(commands)
        if plan.stop_ms is not None:
            self._report(StopOrdered(), plan.stop_ms)

    def run(self) -> tuple[Entry, ...]:
        while self._agenda:
            self._now_ms, _, _, happen = heapq.heappop(self._agenda)
            happen()
        return tuple(self._entries)

    def _in(self, delay_ms: int, happen: Callable[[], None], *, timer: bool = False) -> int:
        self._sequence += 1
        entry = (self._now_ms + delay_ms, not timer, self._sequence, happen)
        heapq.heappush(self._agenda, entry)
        return self._sequence

    def _report(self, event: Event, delay_ms: int = 0) -> None:
        self._in(delay_ms, lambda: self._tell(event))

    def _tell(self, event: Event) -> None:
        before = self._state
        self._state, commands = self._step(before, event)
        self._entries.append(Entry(self._now_ms, event, before, self._state, commands))
        self._carry_out(commands)

    def _carry_out(self, commands: tuple[Command, ...]) -> None:
        for command in commands:
            match command:
                case Dial(party, cue):
                    self._dial(party, cue)
                case HangUp(party):
                    self._hang_up(party)
                case Play(party, prompt):
                    self._play(party, prompt)
                case Stop(party, prompt):
                    self._stop(party, prompt)
                case StartTimer(timer, delay_ms):
                    self._start_timer(timer, delay_ms)
                case CancelTimer(timer):
                    self._cancel_timer(timer)
                case StartRecording() if self._plan.capture_fails_ms is not None:
                    self._report(CaptureFailed(), self._plan.capture_fails_ms)
                case Collect(party, length):
                    self._collect(party, length)
                case StopCollecting():
                    self._collecting = None
                case OpenBridge() if self._endless:
                    self._in(LONGEST_TALK_MS, lambda: self._end(Party.A, CLEARED, by_remote=True))

    # ---- telephones

    def _dial(self, party: Party, cue: Playable | None) -> None:
        leg = self._legs[party] = _Leg(cue=cue)
        telephone = self._plan.telephones[party]
        if cue is not None and self._fate(party, cue).fails_ms == 0:
            leg.cue = None
            self._report(PromptFailed(party, cue))
        for delay_ms, act in telephone.early:
            self._in(delay_ms, partial(self._act_early, party, act))
        if telephone.answers_ms is not None:
            self._in(telephone.answers_ms, lambda: self._answer(party))
        if telephone.refuses_ms is not None:
            self._in(telephone.refuses_ms, lambda: self._refuse(party))

    def _signal(self, event: Event, party: Party) -> None:
        telephone = self._plan.telephones[party]
        self._report(event, telephone.late_ms)
        if telephone.echo_ms is not None:
            self._report(event, telephone.late_ms + telephone.echo_ms)

    def _act_early(self, party: Party, act: Early) -> None:
        leg = self._legs[party]
        if leg.answered or leg.over:
            return
        if act is Early.SENDS_MEDIA:
            self._report(EarlyMediaStarted(party))
        else:
            self._signal(act.value(party), party)

    def _answer(self, party: Party) -> None:
        leg = self._legs[party]
        if leg.over:
            return
        leg.answered = True
        telephone = self._plan.telephones[party]
        self._signal(LegAnswered(party), party)
        for delay_ms in telephone.keys_ms:
            self._in(delay_ms, lambda: self._press(party))
        if telephone.falls_silent_ms is not None:
            self._in(telephone.falls_silent_ms, lambda: self._fall_silent(party))
        if telephone.hangs_up_ms is not None:
            self._in(telephone.hangs_up_ms, lambda: self._end(party, CLEARED, by_remote=True))
        if leg.cue is not None:
            # The flow may hear of the answer later than the party hears the prompt.
            self._play(party, leg.cue, late_ms=telephone.late_ms)

    def _refuse(self, party: Party) -> None:
        if not self._legs[party].answered:
            self._end(party, self._plan.telephones[party].refusal, by_remote=True)

    def _press(self, party: Party) -> None:
        if not self._legs[party].over:
            self._report(DigitReceived(party, "5"))

    def _fall_silent(self, party: Party) -> None:
        if not self._legs[party].over:
            self._signal(MediaLost(party), party)

    def _hang_up(self, party: Party) -> None:
        release_ms = self._plan.telephones[party].release_ms
        if release_ms is not None:
            self._in(release_ms, lambda: self._end(party, CLEARED, by_remote=False))

    def _end(self, party: Party, cause: Cause, *, by_remote: bool) -> None:
        leg = self._legs[party]
        if leg.over:
            return
        leg.over = True
        for key in [key for key in self._playing if key[0] is party]:
            del self._playing[key]
        self._signal(LegHungUp(party, cause, by_remote), party)

    # ---- prompts

    def _fate(self, party: Party, prompt: Playable) -> Fate:
        return self._plan.prompts.get((party, prompt), Fate())

    def _play(self, party: Party, prompt: Playable, late_ms: int = 0) -> None:
        if self._legs[party].over:
            return  # its end is on its way to the flow
        fate = self._fate(party, prompt)
        if fate.fails_ms is not None:
            delay_ms, event = fate.fails_ms, PromptFailed(party, prompt)
            self._ends_in(party, prompt, late_ms + delay_ms, event)
        elif prompt in LOOPED:
            self._playing[party, prompt] = 0
        else:
            self._ends_in(party, prompt, late_ms + fate.length_ms, PromptEnded(party, prompt))

    def _ends_in(self, party: Party, prompt: Playable, delay_ms: int, event: Event) -> None:
        def end() -> None:
            if self._playing.get((party, prompt)) != mark:
                return
            del self._playing[party, prompt]
            self._tell(event)
            echo_ms = self._fate(party, prompt).echo_ms
            if echo_ms is not None:
                self._report(event, echo_ms)

        mark = self._in(delay_ms, end)
        self._playing[party, prompt] = mark

    def _stop(self, party: Party, prompt: Playable) -> None:
        self._playing.pop((party, prompt), None)
        if self._fate(party, prompt).crosses:
            self._report(PromptEnded(party, prompt))

    # ---- collections

    def _collect(self, party: Party, length: int) -> None:
        pressed = next(self._pressed, Pressed())

        def end() -> None:
            if self._collecting == mark or pressed.crosses:
                self._collecting = None
                self._tell(DigitsCollected(party, pressed.digits[:length]))

        mark = self._in(pressed.after_ms, end)
        self._collecting = mark

    # ---- timers

    def _start_timer(self, timer: Timer, delay_ms: int) -> None:
        def expire() -> None:
            if self._timers.get(timer) == mark:
                del self._timers[timer]
                self._tell(TimerExpired(timer))

        mark = self._in(delay_ms, expire, timer=True)
        self._timers[timer] = mark

    def _cancel_timer(self, timer: Timer) -> None:
        if self._timers.pop(timer, None) is None or not self._plan.stale_timers:
            return

        def expire_all_the_same() -> None:
            if timer not in self._timers:
                self._tell(TimerExpired(timer))

        self._in(0, expire_all_the_same)
