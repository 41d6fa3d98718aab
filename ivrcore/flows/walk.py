"""Walks a flow: every state it can reach, under every event there is.

The product of states and events is what a flow must answer for, so a test asserts over it and the
state diagrams are drawn from it. A flow has no time and few states: the walk is exhaustive, not a sample.
What a walk cannot say is how probable a path is, or that a world would send those events in that order.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from itertools import product
from types import UnionType
from typing import Generic, TypeAlias, TypeVar, Union, get_args, get_origin, get_type_hints

from ivrcore.commands import Command
from ivrcore.events import Cause, Content, Event, KeyTransport

S = TypeVar("S")
M = TypeVar("M")
AnyState = TypeVar("AnyState", covariant=True)
AnyMemory = TypeVar("AnyMemory", covariant=True)

SAMPLE_CAUSES = (
    Cause(q850=17, sip_status=486, state_code=8102),
    Cause(q850=47, sip_status=503, state_code=7109),
)
"""Busy, and no free port: the one cause the callback tells apart."""

SAMPLE_CONTENTS = (Content(0), Content(1))
"""The first element of a notification, and one after it."""

SAMPLE_DIGITS = ("5",)
"""The callback does not look at the digit itself."""


@dataclass(frozen=True)
class Edge(Generic[AnyState, AnyMemory]):
    """One event in one state, and what came of it.

    Attributes:
        state, event: the pair; `event` is None for the start of the call, whose `state` is the first one.
        commands, target: what the flow answered.
        memory, memory_after: what the caller's `remember` made of the path up to here, and of this edge.
    """

    state: AnyState
    memory: AnyMemory
    event: Event | None
    commands: tuple[Command, ...]
    target: AnyState
    memory_after: AnyMemory

    @property
    def idle(self) -> bool:
        """Nothing changed and nothing was ordered."""
        return self.state == self.target and not self.commands


def nothing(memory: None, event: Event | None, commands: tuple[Command, ...]) -> None:
    """A memory for walks that need none."""


def walk(
    first: tuple[S, tuple[Command, ...]],
    step: Callable[[S, Event], tuple[S, tuple[Command, ...]]],
    events: tuple[Event, ...],
    remember: Callable[[M, Event | None, tuple[Command, ...]], M],
    memory: M,
) -> Iterator[Edge[S, M]]:
    """Every edge of the flow, breadth first, each once; the first one is the start of the call.

    Args:
        first: what the flow's `start` returned.
        step: the flow's `step`, its request bound.
        events: the vocabulary, see `vocabulary`.
        remember: folds an edge into the memory of a path, such as which parties were dialled. A state
            reached with two different memories is walked twice, so keep memories few.
        memory: what is remembered before the start.

    Raises:
        IllegalEventError: from the flow, at a pair it has neither a rule nor an excuse for.
    """
    state, commands = first
    reached = remember(memory, None, commands)
    yield Edge(state, memory, None, commands, state, reached)
    seen = {(state, reached)}
    open_ends = [(state, reached)]
    for state, memory in open_ends:  # grows while it is walked
        for event in events:
            target, commands = step(state, event)
            reached = remember(memory, event, commands)
            yield Edge(state, memory, event, commands, target, reached)
            if (target, reached) not in seen:
                seen.add((target, reached))
                open_ends.append((target, reached))


def vocabulary(
    *, digits: tuple[str, ...] = SAMPLE_DIGITS, contents: tuple[Content, ...] = SAMPLE_CONTENTS
) -> tuple[Event, ...]:
    """Every event there is: each type with each value of what flows decide by, and samples of the rest.

    Args:
        digits: all that a flow tells apart, of keys and of collections.
        contents: of as many elements as the notification has, and one more.

    Raises:
        TypeError: an event has a field of a type nobody told this function how to fill.
    """
    samples: Samples = {
        Cause: SAMPLE_CAUSES,
        bool: (False, True),
        str: digits,
        Content: contents,
        KeyTransport: (KeyTransport.RFC4733,),  # no flow decides by it
    }
    return tuple(event for kind in get_args(Event) for event in _all_of(kind, samples))


Samples: TypeAlias = Mapping[type, tuple[object, ...]]


def _all_of(kind: type[Event], samples: Samples) -> Iterator[Event]:
    # The types are resolved, so that a quoted annotation is a type here as well.
    hints = get_type_hints(kind)
    build: Callable[..., Event] = kind
    for values in product(*(_values(hints[field.name], samples) for field in fields(kind))):
        yield build(*values)


def _values(kind: type, samples: Samples) -> tuple[object, ...]:
    if get_origin(kind) in (Union, UnionType):
        return tuple(value for member in get_args(kind) for value in _values(member, samples))
    if kind in samples:
        return samples[kind]
    if issubclass(kind, Enum):
        return tuple(kind)
    raise TypeError(f"no sample values for a field of type {kind.__name__}")
