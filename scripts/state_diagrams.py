#!/usr/bin/env python3
"""Draws the state diagrams of the call flows from a walk over the flows themselves.

    scripts/state_diagrams.py            writes docs/states/
    scripts/state_diagrams.py --check    fails when docs/states/ no longer says what the flows do

What the walk found decides which arrows there are and what they are called; only the places of the states
are set here. scripts/state_picture.py draws them.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # runs from a checkout, installed or not

from ivrcore.events import Event  # noqa: E402
from ivrcore.flows import callback, excuses, notification, verification  # noqa: E402
from ivrcore.flows.excuses import Excuse  # noqa: E402
from ivrcore.flows.testing import PLAIN  # noqa: E402
from ivrcore.flows.walk import Edge, nothing, vocabulary, walk  # noqa: E402
from ivrcore.request import (  # noqa: E402
    CalleeMedia,
    NotificationElement,
    NotificationRequest,
    VerificationRequest,
)
from scripts.state_picture import MAIN_X, SIDE_X, Arrow, Layout, Picture, by_kind  # noqa: E402

EVENTS = vocabulary(digits=("", "1"))

Edges = Iterator[Edge[object, None]]


def edges_of_callback() -> Edges:
    """Every edge of the callback, under every kind of request."""
    recordings = ((False, False), (True, False), (True, True))
    for pre_voice, wait_voice, media, (record, hint) in product(
        (False, True), (False, True), CalleeMedia, recordings
    ):
        request = replace(
            PLAIN,
            play_pre_voice=pre_voice,
            wait_voice=wait_voice,
            callee_media=media,
            record=record,
            record_hint=hint,
            max_duration_min=2,
        )
        yield from walk(callback.start(request), partial(callback.step, request), EVENTS, nothing, None)


def edges_of_notification() -> Edges:
    """Every edge of the notification, under two elements of every kind."""
    kinds = (
        NotificationElement(),
        NotificationElement(collect=1),
        NotificationElement(collect=1, replay=True),
    )
    for elements in product(kinds, repeat=2):
        request = NotificationRequest("A", "", elements, max_replays=1)
        step = partial(notification.step, request)
        yield from walk(notification.start(request), step, EVENTS, nothing, None)


def edges_of_verification() -> Edges:
    """Every edge of the verification, under every kind of request."""
    for pre, pos, times in product((False, True), (False, True), (0, 2)):
        request = VerificationRequest("A", "", "0", has_pre_tone=pre, has_pos_tone=pos, times=times)
        step = partial(verification.step, request)
        yield from walk(verification.start(request), step, EVENTS, nothing, None)


def arrows_of(edges: Edges, names: Iterable[str]) -> tuple[Arrow, ...]:
    """Every arrow that changes or orders something, in the order of the states' names."""
    events: dict[tuple[str, str], set[Event]] = {}
    orders: dict[tuple[str, str], dict[str, dict[str, None]]] = {}
    for edge in edges:
        if edge.event is None or edge.idle:
            continue
        key = type(edge.state).__name__, type(edge.target).__name__
        events.setdefault(key, set()).add(edge.event)
        kinds = orders.setdefault(key, {}).setdefault(type(edge.event).__name__, {})
        kinds.update(dict.fromkeys(type(command).__name__ for command in edge.commands))
    return tuple(
        Arrow(
            source,
            target,
            tuple(event for event in EVENTS if event in events[source, target]),
            {kind: tuple(names) for kind, names in orders[source, target].items()},
        )
        for source, target in product(tuple(names), repeat=2)
        if (source, target) in events
    )


# ---- the diagrams


@dataclass(frozen=True)
class Diagram:
    """One flow's page and picture."""

    name: str
    title: str
    edges: Callable[[], Edges]
    ignored: tuple[Excuse, ...]
    layout: Layout


DIAGRAMS = (
    Diagram(
        "callback",
        "States of a callback",
        edges_of_callback,
        excuses.IGNORED,
        Layout(
            {
                "CallingA": (MAIN_X, 110),
                "PlayingPreVoice": (SIDE_X, 270),
                "DrainingPreVoice": (SIDE_X, 410),
                "CallingB": (MAIN_X, 560),
                "PlayingHint": (SIDE_X, 720),
                "Talking": (MAIN_X, 880),
            },
            height=1020,
            last_row_y=955,
            loop_inset_px=20,
        ),
    ),
    Diagram(
        "notification",
        "States of a notification",
        edges_of_notification,
        notification.IGNORED,
        Layout(
            {
                "CallingA": (MAIN_X, 110),
                "PlayingContent": (MAIN_X, 290),
                "Collecting": (SIDE_X, 450),
                "Draining": (MAIN_X, 610),
            },
            height=770,
            last_row_y=705,
            loop_inset_px=4,
        ),
    ),
    Diagram(
        "verification",
        "States of a verification call",
        edges_of_verification,
        verification.IGNORED,
        Layout(
            {
                "CallingA": (MAIN_X, 110),
                "PlayingPreTone": (SIDE_X, 270),
                "PlayingCode": (MAIN_X, 430),
                "PlayingPosTone": (SIDE_X, 590),
                "Draining": (MAIN_X, 750),
            },
            height=910,
            last_row_y=845,
            loop_inset_px=4,
        ),
    ),
)


# ---- the page


def page(arrows: tuple[Arrow, ...], title: str, picture: str, ignored: tuple[Excuse, ...]) -> str:
    """The same as text: a mermaid diagram, a table of what each event does, and what does nothing."""
    lines = [
        f"# {title}",
        "",
        "Drawn by `scripts/state_diagrams.py` from a walk over the flow; not edited by hand.",
        "",
        f"![{title}]({picture})",
        "",
        "```mermaid",
        "stateDiagram-v2",
        "    [*] --> CallingA",
        *(f"    {arrow.source} --> {arrow.target}: {'<br/>'.join(arrow.labels)}" for arrow in arrows),
        "    Ended --> [*]",
        "```",
        "",
        "## What each event does",
        "",
        "Orders: each kind that any request may call for, once. Which are given depends on the request and",
        "on what happened before.",
        "",
        "| in | event | then | orders |",
        "|---|---|---|---|",
    ]
    for arrow in arrows:
        for (kind, _), label in zip(by_kind(arrow.events), arrow.labels, strict=True):
            then = "stays" if arrow.source == arrow.target else arrow.target
            orders = ", ".join(arrow.orders[kind]) or "–"
            lines.append(f"| {arrow.source} | `{_in_table(label)}` | {then} | {orders} |")
    lines += ["", "## What does nothing, and why", "", "| event | in | why |", "|---|---|---|"]
    lines += [f"| {entry.kind.__name__} | {', '.join(entry.states)} | {entry.reason} |" for entry in ignored]
    return "\n".join(lines) + "\n"


def _in_table(label: str) -> str:
    return label.replace("|", "\\|")


# ---- the command


def documents() -> dict[str, str]:
    """File name to content."""
    made: dict[str, str] = {}
    for diagram in DIAGRAMS:
        arrows = arrows_of(diagram.edges(), diagram.layout.places)
        picture = f"{diagram.name}.svg"
        made[f"{diagram.name}.md"] = page(arrows, diagram.title, picture, diagram.ignored)
        made[picture] = Picture(arrows, diagram.title, diagram.layout).svg()
    return made


def main(arguments: list[str] | None = None) -> int:
    """Writes the documents, or with --check compares them; 1 when one is stale or missing."""
    parser = argparse.ArgumentParser(description="Draw the state diagrams of the call flows.")
    parser.add_argument("--check", action="store_true", help="write nothing, fail when a file is stale")
    parser.add_argument("--directory", type=Path, default=ROOT / "docs" / "states")
    options = parser.parse_args(arguments)
    directory: Path = options.directory
    stale = []
    for name, content in documents().items():
        path = directory / name
        if options.check:
            if not path.exists() or path.read_text(encoding="utf-8") != content:
                stale.append(path)
        else:
            directory.mkdir(parents=True, exist_ok=True)
            path.write_text(content, encoding="utf-8")
    for path in stale:
        print(f"{path} is stale: run scripts/state_diagrams.py", file=sys.stderr)
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
