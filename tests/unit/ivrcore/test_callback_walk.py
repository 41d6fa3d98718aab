"""The whole product of states and events of the callback, for every combination of its switches."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from typing import TypeAlias, get_args

import pytest

from ivrcore.commands import (
    CancelTimer,
    CloseCall,
    Command,
    Dial,
    FinishRecording,
    HangUp,
    LowerTalk,
    OpenBridge,
    Play,
    RelayDigit,
    Report,
    RestoreTalk,
    StartRecording,
    StartTimer,
    Status,
    Stop,
)
from ivrcore.events import (
    Cause,
    Event,
    IllegalEventError,
    LegHungUp,
    LegRang,
    Party,
    Prompt,
    PromptFailed,
    Spoken,
    StopOrdered,
    Timer,
    TimerExpired,
)
from ivrcore.flows import callback, callback_states, excuses
from ivrcore.flows.callback_states import CallingA, CallingB, Ended, State
from ivrcore.flows.testing import PLAIN
from ivrcore.flows.walk import SAMPLE_CAUSES, SAMPLE_CONTENTS, Edge, nothing, vocabulary, walk
from ivrcore.request import CallbackRequest, CalleeMedia, WarnedParty

A, B = Party.A, Party.B
BOTH = frozenset(Party)
REQUESTS = tuple(
    dict.fromkeys(
        replace(
            PLAIN,
            play_pre_voice=pre_voice,
            wait_voice=wait_voice,
            callee_media=callee_media,
            record=record,
            record_hint=hint,
            max_duration_min=minutes,
            last_minute_to=warned,
        )
        for pre_voice, wait_voice, callee_media, record, hint, minutes, warned in product(
            (False, True), (False, True), CalleeMedia, (False, True), (False, True), (0, 1), WarnedParty
        )
    )
)
"""Every combination of the switches that differ; a hint without a recording does not."""

EVENTS = vocabulary()


@dataclass(frozen=True)
class Legs:
    """What a path has done with the legs.

    Attributes:
        dialled: these were called. over: these reported their end. told: these were told to end.
        recording: None before, True while, False after the capture.
    """

    dialled: frozenset[Party] = frozenset()
    over: frozenset[Party] = frozenset()
    told: frozenset[Party] = frozenset()
    recording: bool | None = None


def remember(legs: Legs, event: Event | None, commands: tuple[Command, ...]) -> Legs:
    if isinstance(event, LegHungUp) and event.party in legs.dialled:
        legs = replace(legs, over=legs.over | {event.party})
    for command in commands:
        match command:
            case Dial(party):
                legs = replace(legs, dialled=legs.dialled | {party})
            case HangUp(party):
                legs = replace(legs, told=legs.told | {party})
            case StartRecording():
                legs = replace(legs, recording=True)
            case FinishRecording():
                legs = replace(legs, recording=False)
    return legs


Walked: TypeAlias = Edge[State, Legs]


def walked(request: CallbackRequest) -> Iterator[Walked]:
    return walk(callback.start(request), partial(callback.step, request), EVENTS, remember, Legs())


@dataclass(frozen=True)
class Whole:
    """The walks of all requests.

    Attributes:
        edges: each once; of two requests that behave alike in an edge, one is enough.
        steps: how many steps it took.
        excused: the excuses that were really used, as (state name, event kind).
    """

    edges: tuple[Walked, ...]
    steps: int
    excused: frozenset[tuple[str, type]]


@pytest.fixture(scope="module")
def whole() -> Whole:
    excused: set[tuple[str, type]] = set()
    steps = 0

    def spy(state: object, event: Event) -> excuses.Excuse | None:
        entry = excuses.excuse(state, event)
        if entry is not None:
            excused.add((type(state).__name__, entry.kind))
        return entry

    edges: dict[Walked, None] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(callback, "excuse", spy)
        for request in REQUESTS:
            for edge in walked(request):
                edges[edge] = None
                steps += 1
    return Whole(tuple(edges), steps, frozenset(excused))


@pytest.fixture(scope="module")
def edges(whole: Whole) -> tuple[Walked, ...]:
    return whole.edges


def party_of(command: Command) -> Party | None:
    """The party a command is about, None when it names none."""
    match command:
        case (
            Dial(party)
            | HangUp(party)
            | Play(party)
            | Stop(party)
            | LowerTalk(party)
            | RestoreTalk(party)
            | RelayDigit(party)
        ):
            return party
        case Report(_, party):
            return party
    return None


# ---- the walk itself


def test_vocabulary_holds_every_event_there_is() -> None:
    playable = len(Prompt) + len(Spoken) + len(SAMPLE_CONTENTS)
    per_kind = Counter(type(event).__name__ for event in EVENTS)
    assert per_kind == {
        "LegRang": 2,
        "FailureAnnounced": 2,
        "EarlyMediaStarted": 2,
        "LegAnswered": 2,
        "LegHungUp": 2 * len(SAMPLE_CAUSES) * 2,
        "MediaLost": 2,
        "PromptEnded": 2 * playable,
        "PromptFailed": 2 * playable,
        "CaptureFailed": 1,
        "DigitReceived": 2,
        "DigitsCollected": 2,
        "StopOrdered": 1,
        "TimerExpired": len(Timer),
    }
    assert set(per_kind) == {kind.__name__ for kind in get_args(Event)}
    assert len(set(EVENTS)) == len(EVENTS)


def test_requests_hold_every_combination_of_switches() -> None:
    # preVoice, waitVoice: 2 each; calleeMedia: 3; no recording, recording, recording with a hint: 3;
    # with and without a limit: 2; who is warned: 3.
    assert len(REQUESTS) == 2 * 2 * 3 * 3 * 2 * 3


def test_walk_reaches_every_state_of_the_flow(edges: tuple[Walked, ...]) -> None:
    assert {type(edge.target) for edge in edges} == set(get_args(State))


def test_walk_tries_every_event_in_every_state_it_reaches() -> None:
    flow = partial(callback.step, PLAIN)
    first = callback.start(PLAIN)
    edges = list(walk(first, flow, EVENTS, nothing, None))
    states = {edge.target for edge in edges}
    pairs = [(edge.state, edge.event) for edge in edges if edge.event is not None]
    assert len(pairs) == len(set(pairs)) == len(states) * len(EVENTS)
    assert edges[0].event is None
    assert edges[0].commands == first[1]


def test_walk_takes_a_state_apart_that_two_memories_reach() -> None:
    def last_event(seen: str, event: Event | None, commands: tuple[Command, ...]) -> str:
        return type(event).__name__

    def flow(state: str, event: Event) -> tuple[str, tuple[Command, ...]]:
        return "over", ()

    events: tuple[Event, ...] = (LegRang(A), StopOrdered())
    edges = list(walk(("begun", ()), flow, events, last_event, ""))
    assert {(edge.target, edge.memory_after) for edge in edges} == {
        ("begun", "NoneType"),
        ("over", "LegRang"),
        ("over", "StopOrdered"),
    }


# ---- rules and excuses


def test_every_pair_is_handled_or_excused(whole: Whole) -> None:
    # IllegalEventError would come out of the walk.
    assert whole.steps > 100_000


def test_pair_without_rule_or_excuse_is_a_bug(monkeypatch: pytest.MonkeyPatch) -> None:
    without_rang = tuple(entry for entry in excuses.IGNORED if entry.kind is not LegRang)
    monkeypatch.setattr(excuses, "IGNORED", without_rang)
    with pytest.raises(IllegalEventError, match=r"CallingA has no rule for LegRang\(party=<Party.B"):
        for _ in walked(PLAIN):
            pass


def test_no_excuse_is_dead(whole: Whole) -> None:
    assert whole.excused == {(name, entry.kind) for entry in excuses.IGNORED for name in entry.states}


def test_no_pair_is_excused_twice() -> None:
    pairs = Counter((name, entry.kind) for entry in excuses.IGNORED for name in entry.states)
    assert [pair for pair, times in pairs.items() if times > 1] == []


def test_excuses_name_states_of_the_flow_and_give_reasons() -> None:
    assert {name for entry in excuses.IGNORED for name in entry.states} == {
        kind.__name__ for kind in get_args(State)
    }
    assert all(entry.reason for entry in excuses.IGNORED)


# ---- the end


def test_ended_is_absorbing_and_silent(edges: tuple[Walked, ...]) -> None:
    after = [edge for edge in edges if isinstance(edge.state, Ended)]
    assert after
    assert all(edge.idle for edge in after)


def test_every_path_into_ended_closes_the_call_once_and_last(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        closed = [command for command in edge.commands if isinstance(command, CloseCall)]
        if isinstance(edge.target, Ended) and not isinstance(edge.state, Ended):
            assert closed == [edge.commands[-1]], edge
            assert closed == [CloseCall(edge.target.verdict)], edge
        else:
            assert closed == [], edge


def test_disconnect_is_reported_with_the_close_and_only_then(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        closes = any(isinstance(command, CloseCall) for command in edge.commands)
        assert edge.commands.count(Report(Status.DISCONNECT)) == closes, edge


def test_verdict_stands_once_the_call_is_being_released(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        if isinstance(edge.state, callback_states.Releasing):
            assert isinstance(edge.target, callback_states.Releasing | Ended)
            assert edge.target.verdict == edge.state.verdict, edge


def test_ended_is_reached_from_every_state(edges: tuple[Walked, ...]) -> None:
    back: dict[tuple[State, Legs], set[tuple[State, Legs]]] = {}
    for edge in edges:
        back.setdefault((edge.target, edge.memory_after), set()).add((edge.state, edge.memory))
    reached = [node for node in back if isinstance(node[0], Ended)]
    seen = set(reached)
    for node in reached:
        for before in back.get(node, set()) - seen:
            seen.add(before)
            reached.append(before)
    assert {(edge.state, edge.memory_after if edge.event is None else edge.memory) for edge in edges} <= seen


# ---- legs


def test_each_party_is_dialled_at_most_once_and_a_first(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        for command in edge.commands:
            if isinstance(command, Dial):
                assert edge.memory.dialled == (frozenset({A}) if command.party is B else frozenset()), edge


def test_no_command_is_for_a_party_that_was_not_dialled(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        dialled = edge.memory.dialled
        for command in edge.commands:
            if isinstance(command, Dial):
                dialled |= {command.party}
            assert party_of(command) in {*dialled, None}, edge


def test_only_open_legs_are_told_to_end_and_once(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        open_legs = edge.memory_after.dialled - edge.memory_after.over - edge.memory.told
        told = [command.party for command in edge.commands if isinstance(command, HangUp)]
        assert len(told) == len(set(told)), edge
        assert set(told) <= open_legs, edge


def test_every_leg_is_over_or_told_to_end_in_releasing_and_after(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        if isinstance(edge.target, callback_states.Releasing | Ended):
            legs = edge.memory_after
            assert legs.dialled == legs.over | legs.told, edge


def test_releasing_waits_for_exactly_the_legs_that_have_not_reported(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        if isinstance(edge.target, callback_states.Releasing):
            assert edge.target.waiting == edge.memory_after.dialled - edge.memory_after.over, edge


def test_call_closes_only_when_every_leg_has_reported_or_the_guard_expired(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        if any(isinstance(command, CloseCall) for command in edge.commands):
            legs = edge.memory_after
            assert legs.over == legs.dialled or edge.event == TimerExpired(Timer.RELEASE), edge


def test_hangup_of_a_dialled_leg_releases_the_call_in_the_same_step(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        if isinstance(edge.event, LegHungUp) and edge.event.party in edge.memory.dialled:
            assert isinstance(edge.target, callback_states.Releasing | Ended), edge


# ---- media


def test_capture_begins_with_the_bridge_once_and_ends_once(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        for command in edge.commands:
            if isinstance(command, StartRecording):
                assert edge.memory.recording is None, edge
                assert OpenBridge() in edge.commands, edge
            if isinstance(command, FinishRecording):
                assert edge.memory.recording is True, edge
        if isinstance(edge.target, callback_states.Releasing | Ended):
            assert edge.memory_after.recording is not True, edge


def test_only_a_hears_what_is_played_before_b_answers(edges: tuple[Walked, ...]) -> None:
    # What a party hears before the talk; the hint and the warning go to both.
    for edge in edges:
        for command in edge.commands:
            if isinstance(command, Play | Stop) and command.party is B:
                assert command.prompt in {Prompt.RECORD_HINT, Prompt.LAST_MINUTE}, edge


def test_nothing_plays_on_its_own_before_a_answers(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        if isinstance(edge.target, CallingA):
            assert not any(isinstance(command, Play) for command in edge.commands), edge


def test_no_timer_but_the_guard_is_started_by_a_release(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        if isinstance(edge.target, callback_states.Releasing | Ended):
            started = {command.timer for command in edge.commands if isinstance(command, StartTimer)}
            assert started <= {Timer.RELEASE}, edge


def test_release_takes_every_timer_of_the_call_back(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        over = isinstance(edge.target, callback_states.Releasing | Ended)
        if over and not isinstance(edge.state, callback_states.Releasing | Ended):
            cancelled = {command.timer for command in edge.commands if isinstance(command, CancelTimer)}
            assert cancelled == set(Timer) - {Timer.RELEASE}, edge


# ---- what an event may not depend on


@pytest.mark.parametrize("request_", REQUESTS[:: len(REQUESTS) // 12])
def test_who_reported_a_hangup_first_changes_nothing(request_: CallbackRequest) -> None:
    # by_remote is for the record of the leg; the flow ends either way.
    for edge in walked(request_):
        if isinstance(edge.event, LegHungUp):
            other = replace(edge.event, by_remote=not edge.event.by_remote)
            assert callback.step(request_, edge.state, other) == (edge.target, edge.commands)


def test_numbers_of_the_parties_decide_nothing() -> None:
    for request in REQUESTS[:: len(REQUESTS) // 12]:
        assert list(walked(request)) == list(walked(request.without_numbers()))


@pytest.mark.parametrize(
    ("state", "event"),
    [
        (CallingB(callback_states.Hears.RINGBACK, rang=True), PromptFailed(B, Prompt.RINGBACK)),
        (CallingB(callback_states.Hears.WAIT_VOICE), PromptFailed(A, Prompt.PRE_VOICE)),
        (CallingA(), TimerExpired(Timer.LIMIT)),
        (CallingA(), LegHungUp(B, Cause(16, 0, 0))),
    ],
)
def test_excused_pair_leaves_the_state_as_it_is(state: State, event: Event) -> None:
    assert callback.step(PLAIN, state, event) == (state, ())
