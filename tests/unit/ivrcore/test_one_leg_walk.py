"""The whole product of states and events of the two services that call one party."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from types import ModuleType
from typing import TypeAlias, get_args

import pytest

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
    StopCollecting,
)
from ivrcore.events import (
    Content,
    DigitsCollected,
    Event,
    IllegalEventError,
    LegAnswered,
    LegHungUp,
    LegRang,
    Party,
    PromptEnded,
    Timer,
    TimerExpired,
)
from ivrcore.flows import notification, verification
from ivrcore.flows.excuses import Excuse, find
from ivrcore.flows.one_leg import CallingA
from ivrcore.flows.release import Ended, Releasing
from ivrcore.flows.walk import Edge, vocabulary, walk
from ivrcore.request import NotificationElement, NotificationRequest, VerificationRequest

A, B = Party.A, Party.B
TRIGGER = "1"
EVENTS = vocabulary(digits=("", TRIGGER, "5"), contents=(Content(0), Content(1), Content(2)))

ELEMENTS = (
    NotificationElement(),
    NotificationElement(collect=1),
    NotificationElement(collect=1, replay=True, trigger=TRIGGER),
    NotificationElement(collect=1, replay=True),
)
"""Every kind of element there is."""

NOTIFICATIONS = tuple(
    NotificationRequest("8001", "8100", elements, max_replays=2)
    for n_elements in (1, 2)
    for elements in product(ELEMENTS, repeat=n_elements)
)
VERIFICATIONS = tuple(
    VerificationRequest("8001", "8100", "42", has_pre_tone=pre, has_pos_tone=pos, times=times)
    for pre, pos, times in product((False, True), (False, True), (0, 1, 3, 9))
)


@dataclass(frozen=True)
class Legs:
    """What a path has done with its one leg, and whether keys are being collected."""

    dialled: bool = False
    answered: bool = False
    over: bool = False
    told: bool = False
    collecting: bool = False


def remember(legs: Legs, event: Event | None, commands: tuple[Command, ...]) -> Legs:
    match event:
        case LegHungUp(Party.A):
            legs = replace(legs, over=True)
        case LegAnswered(Party.A) if not legs.told and not legs.over:
            legs = replace(legs, answered=True)
        case DigitsCollected(Party.A):
            legs = replace(legs, collecting=False)
    for command in commands:
        match command:
            case Dial():
                legs = replace(legs, dialled=True)
            case HangUp():
                legs = replace(legs, told=True)
            case Collect():
                legs = replace(legs, collecting=True)
            case StopCollecting():
                legs = replace(legs, collecting=False)
    return legs


Walked: TypeAlias = Edge[object, Legs]


@dataclass(frozen=True)
class Service:
    """One flow under all its requests."""

    flow: ModuleType
    states: frozenset[type]
    excuses: tuple[Excuse, ...]
    walks: Callable[[], Iterator[Walked]]


def notifications() -> Iterator[Walked]:
    for request in NOTIFICATIONS:
        yield from walk(
            notification.start(request), partial(notification.step, request), EVENTS, remember, Legs()
        )


def verifications() -> Iterator[Walked]:
    for request in VERIFICATIONS:
        yield from walk(
            verification.start(request), partial(verification.step, request), EVENTS, remember, Legs()
        )


SERVICES = {
    "notification": Service(
        notification, frozenset(get_args(notification.State)), notification.IGNORED, notifications
    ),
    "verification": Service(
        verification, frozenset(get_args(verification.State)), verification.IGNORED, verifications
    ),
}


@pytest.fixture(scope="module", params=SERVICES)
def service(request: pytest.FixtureRequest) -> Service:
    return SERVICES[request.param]


@dataclass(frozen=True)
class Whole:
    """The walks of all requests, and the excuses that were really used."""

    edges: tuple[Walked, ...]
    excused: frozenset[tuple[str, type]]


@pytest.fixture(scope="module")
def whole(service: Service) -> Whole:
    excused: set[tuple[str, type]] = set()

    def spy(table: tuple[Excuse, ...], state: object, event: Event) -> Excuse | None:
        entry = find(table, state, event)
        if entry is not None:
            excused.add((type(state).__name__, entry.kind))
        return entry

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(service.flow, "find", spy)
        edges = tuple(dict.fromkeys(service.walks()))
    return Whole(edges, frozenset(excused))


@pytest.fixture(scope="module")
def edges(whole: Whole) -> tuple[Walked, ...]:
    return whole.edges


def over(state: object) -> bool:
    return isinstance(state, Releasing | Ended)


# ---- rules and excuses


def test_walk_reaches_every_state_of_the_flow(service: Service, edges: tuple[Walked, ...]) -> None:
    assert {type(edge.target) for edge in edges} == service.states


def test_every_event_is_tried_in_every_state(edges: tuple[Walked, ...]) -> None:
    # IllegalEventError would come out of the walk.
    tried: dict[type, set[Event | None]] = {}
    for edge in edges:
        tried.setdefault(type(edge.state), set()).add(edge.event)
    assert all(set(EVENTS) <= events for events in tried.values())


def test_pair_without_rule_or_excuse_is_a_bug(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    without = tuple(entry for entry in service.excuses if entry.kind is not LegRang)
    monkeypatch.setattr(service.flow, "IGNORED", without)
    with pytest.raises(IllegalEventError, match=r"CallingA has no rule for LegRang\(party=<Party.B"):
        for _ in service.walks():
            pass


def test_no_excuse_is_dead(service: Service, whole: Whole) -> None:
    assert whole.excused == {(name, entry.kind) for entry in service.excuses for name in entry.states}


def test_no_pair_is_excused_twice(service: Service) -> None:
    pairs = Counter((name, entry.kind) for entry in service.excuses for name in entry.states)
    assert [pair for pair, times in pairs.items() if times > 1] == []


def test_excuses_name_states_of_the_flow_and_give_reasons(service: Service) -> None:
    names = {name for entry in service.excuses for name in entry.states}
    assert names == {kind.__name__ for kind in service.states}
    assert all(entry.reason for entry in service.excuses)


# ---- the end


def test_ended_is_absorbing_and_silent(edges: tuple[Walked, ...]) -> None:
    after = [edge for edge in edges if isinstance(edge.state, Ended)]
    assert after
    assert all(edge.idle for edge in after)


def test_every_path_into_ended_closes_the_call_once_and_last(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        closed = [command for command in edge.commands if isinstance(command, CloseCall)]
        if isinstance(edge.target, Ended) and not isinstance(edge.state, Ended):
            assert closed == [edge.commands[-1]] == [CloseCall(edge.target.verdict)], edge
            assert edge.commands[-2] == Report(Status.DISCONNECT), edge
        else:
            assert closed == [], edge
            assert Report(Status.DISCONNECT) not in edge.commands, edge


def test_verdict_stands_once_the_call_is_being_released(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        if isinstance(edge.state, Releasing):
            assert isinstance(edge.target, Releasing | Ended)
            assert edge.target.verdict == edge.state.verdict, edge


def test_ended_is_reached_from_every_state(edges: tuple[Walked, ...]) -> None:
    back: dict[tuple[object, Legs], set[tuple[object, Legs]]] = {}
    for edge in edges:
        back.setdefault((edge.target, edge.memory_after), set()).add((edge.state, edge.memory))
    reached = [node for node in back if isinstance(node[0], Ended)]
    seen = set(reached)
    for node in reached:
        for before in back.get(node, set()) - seen:
            seen.add(before)
            reached.append(before)
    assert {(edge.state, edge.memory) for edge in edges if edge.event is not None} <= seen


# ---- the leg


def test_a_is_dialled_once_and_nobody_else(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        for command in edge.commands:
            if isinstance(command, Dial):
                assert edge.event is None, edge
            if isinstance(command, Dial | HangUp | Play | Collect | StopCollecting):
                assert command.party is A, edge
            if isinstance(command, Report):
                assert command.party is not B, edge


def test_leg_is_told_to_end_once_and_only_while_it_is_open(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        told = [command for command in edge.commands if isinstance(command, HangUp)]
        assert len(told) <= (not edge.memory.told and not edge.memory_after.over), edge


def test_leg_is_over_or_told_to_end_once_the_call_is(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        if over(edge.target):
            assert edge.memory_after.over or edge.memory_after.told, edge
        if isinstance(edge.target, Releasing):
            assert edge.target.waiting == frozenset({A}), edge
            assert not edge.memory_after.over, edge


def test_call_closes_only_when_the_leg_reported_or_the_guard_expired(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        if any(isinstance(command, CloseCall) for command in edge.commands):
            assert edge.memory_after.over or edge.event == TimerExpired(Timer.RELEASE), edge


def test_release_takes_every_timer_back_and_starts_only_the_guard(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        if over(edge.target) and not over(edge.state):
            cancelled = {command.timer for command in edge.commands if isinstance(command, CancelTimer)}
            assert cancelled == set(Timer) - {Timer.RELEASE}, edge
            started = {command.timer for command in edge.commands if isinstance(command, StartTimer)}
            assert started <= {Timer.RELEASE}, edge


# ---- media


def test_nothing_plays_before_the_answer_or_after_the_end(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        if isinstance(edge.target, CallingA) or over(edge.target):
            assert not any(isinstance(command, Play | Collect) for command in edge.commands), edge


def test_only_what_ended_is_followed_and_by_one_thing(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        begun = [command for command in edge.commands if isinstance(command, Play | Collect)]
        assert len(begun) <= 1, edge
        if begun:
            assert isinstance(edge.event, PromptEnded | DigitsCollected), edge
            assert edge.event.party is A, edge


def test_collections_never_overlap_and_none_outlives_the_call(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        if any(isinstance(command, Collect) for command in edge.commands):
            assert not edge.memory.collecting, edge
        if over(edge.target):
            assert not edge.memory_after.collecting, edge
        if edge.memory_after.collecting:
            assert isinstance(edge.target, notification.Collecting), edge


def test_collect_info_is_told_only_with_the_digits_of_a_collection(edges: tuple[Walked, ...]) -> None:
    for edge in edges:
        told = [c for c in edge.commands if isinstance(c, Report) and c.status is Status.COLLECT_INFO]
        ends = isinstance(edge.event, DigitsCollected) and edge.event.party is A and edge.memory.collecting
        if ends and isinstance(edge.event, DigitsCollected) and edge.event.digits:
            assert told == [Report(Status.COLLECT_INFO, A, edge.event.digits)], edge
        else:
            assert told == [], edge


# ---- what an event may not depend on


def test_who_reported_a_hangup_first_changes_nothing(edges: tuple[Walked, ...]) -> None:
    ways: dict[object, set[object]] = {}
    for edge in edges:
        if isinstance(edge.event, LegHungUp):
            same = (edge.state, edge.memory, edge.event.party, edge.event.cause)
            ways.setdefault(same, set()).add((edge.target, edge.commands))
    assert ways
    assert all(len(way) == 1 for way in ways.values())


def test_numbers_and_code_decide_nothing() -> None:
    for notified in NOTIFICATIONS[::5]:
        bare = notified.without_numbers()
        assert notification.start(notified) == notification.start(bare)
    for verified in VERIFICATIONS:
        step, bare_step = (partial(verification.step, one) for one in (verified, verified.without_numbers()))
        first = verification.start(verified)
        assert list(walk(first, step, EVENTS, remember, Legs())) == list(
            walk(first, bare_step, EVENTS, remember, Legs())
        )
