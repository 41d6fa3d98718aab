#!/usr/bin/env python3
"""Draws the state diagrams of the call flows from a walk over the flows themselves.

    scripts/state_diagrams.py            writes docs/states/
    scripts/state_diagrams.py --check    fails when docs/states/ no longer says what the flows do

The picture is plain SVG, so that the same flow gives the same bytes on every machine. What the walk
found decides which arrows there are and what they are called; only the places of the states are set here.
"""

import argparse
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, replace
from enum import Enum
from functools import partial
from html import escape
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))  # runs from a checkout, installed or not

from ivrcore.events import Event  # noqa: E402
from ivrcore.flows import callback  # noqa: E402
from ivrcore.flows.excuses import IGNORED  # noqa: E402
from ivrcore.flows.testing import PLAIN  # noqa: E402
from ivrcore.flows.walk import nothing, vocabulary, walk  # noqa: E402
from ivrcore.request import CalleeMedia  # noqa: E402

EVENTS = vocabulary()
START = "start"


@dataclass(frozen=True)
class Arrow:
    """All that leads from one state to another.

    Attributes:
        events: in the order of the vocabulary. orders: kinds of commands by kind of event.
    """

    source: str
    target: str
    events: tuple[Event, ...]
    orders: dict[str, tuple[str, ...]]

    @property
    def labels(self) -> tuple[str, ...]:
        """One line a kind of event."""
        return tuple(_label(kind, events) for kind, events in _by_kind(self.events))


def arrows_of_callback() -> tuple[Arrow, ...]:
    """Every arrow of the callback that changes or orders something, under every kind of request."""
    events: dict[tuple[str, str], set[Event]] = {}
    orders: dict[tuple[str, str], dict[str, dict[str, None]]] = {}
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
        step = partial(callback.step, request)
        for edge in walk(callback.start(request), step, EVENTS, nothing, None):
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
        for source, target in product(PLACES, PLACES)
        if (source, target) in events
    )


def _by_kind(events: Iterable[Event]) -> Iterator[tuple[str, list[Event]]]:
    kinds: dict[str, list[Event]] = {}
    for event in events:
        kinds.setdefault(type(event).__name__, []).append(event)
    yield from kinds.items()


def _label(kind: str, events: list[Event]) -> str:
    """`PromptFailed(A, waitVoice|ringback)`: the values of each enumeration that occur.

    Raises:
        ValueError: the values are no product, so that one line would promise more than there is.
    """
    names = [field.name for field in fields(events[0]) if isinstance(getattr(events[0], field.name), Enum)]
    found = {tuple(getattr(event, name) for name in names) for event in events}
    columns = [tuple(dict.fromkeys(getattr(event, name) for event in events)) for name in names]
    if found != set(product(*columns)):
        raise ValueError(f"{kind} needs more than one line: {found}")
    values = ", ".join("|".join(str(value.value) for value in column) for column in columns)
    return f"{kind}({values})" if values else kind


# ---- the picture

PLACES = {
    # Centre and size, in px. Releasing and Ended are bars, so that what leads there stays straight.
    "CallingA": (840, 110, 190, 56),
    "PlayingPreVoice": (520, 270, 190, 56),
    "DrainingPreVoice": (520, 410, 190, 56),
    "CallingB": (840, 560, 190, 56),
    "PlayingHint": (520, 720, 190, 56),
    "Talking": (840, 880, 190, 56),
    "Releasing": (1275, 535, 110, 906),
    "Ended": (75, 535, 110, 906),
}
WIDTH, HEIGHT = 1480, 1020
LINE_PX = 16
LOOP_PX = 34
FORK_PX = 45
"""How far from the middle of a box the two ways to the next one leave and arrive."""
LAST_ROW_Y = 955

STYLE = """
  text { font: 13px "DejaVu Sans", Verdana, Arial, sans-serif; fill: #222 }
  .name { font-weight: bold; font-size: 15px; text-anchor: middle }
  .state { fill: #eaf1fb; stroke: #33557f; stroke-width: 1.6 }
  .over { fill: #f1efea; stroke: #6d675c; stroke-width: 1.6 }
  .way { fill: none; stroke: #444; stroke-width: 1.3; marker-end: url(#tip) }
"""
TIP = (
    '<marker id="tip" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" orient="auto">'
    '<path d="M0 0 L10 5 L0 10 z" fill="#444"/></marker>'
)


def svg(arrows: tuple[Arrow, ...], title: str) -> str:
    """The whole picture."""
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}</style><defs>{TIP}</defs>",
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
        *_start(),
        *(part for arrow in arrows for part in _drawn(arrow)),
        *(part for name in PLACES for part in _state(name)),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _state(name: str) -> Iterator[str]:
    x, y, width, height = PLACES[name]
    kind = "over" if name in {"Releasing", "Ended"} else "state"
    yield (
        f'<rect class="{kind}" x="{x - width // 2}" y="{y - height // 2}" '
        f'width="{width}" height="{height}" rx="10"/>'
    )
    yield f'<text class="name" x="{x}" y="{y + 5}">{name}</text>'


def _start() -> Iterator[str]:
    x, y, _, height = PLACES["CallingA"]
    yield f'<circle cx="{x}" cy="{y - height // 2 - 52}" r="8" fill="#444"/>'
    yield _way((x, y - height // 2 - 44), (x, y - height // 2))


def _way(*points: tuple[int, int]) -> str:
    return f'<polyline class="way" points="{" ".join(f"{x},{y}" for x, y in points)}"/>'


def _text(lines: tuple[str, ...], x: int, bottom_y: int, anchor: str = "start") -> Iterator[str]:
    """Lines whose last one stands on `bottom_y`."""
    for number, line in enumerate(reversed(lines)):
        y = bottom_y - number * LINE_PX
        yield f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(line)}</text>'


def _drawn(arrow: Arrow) -> Iterator[str]:
    x, y, width, height = PLACES[arrow.source]
    to_x, to_y, to_width, to_height = PLACES[arrow.target]
    if arrow.source == arrow.target:
        yield from _loop(arrow)
    elif arrow.source == "Releasing":
        yield _way((x - width // 2, LAST_ROW_Y), (to_x + to_width // 2, LAST_ROW_Y))
        yield from _text(arrow.labels, to_x + to_width // 2 + 16, LAST_ROW_Y - 6)
    elif arrow.target == "Releasing":
        yield _way((x + width // 2, y), (to_x - to_width // 2, y))
        # To the right of the inner column, whichever column the way comes from.
        yield from _text(arrow.labels, PLACES["CallingA"][0] + width // 2 + 20, y - 6)
    elif arrow.target == "Ended":
        yield _way((x - width // 2, y), (to_x + to_width // 2, y))
        yield from _text(arrow.labels, to_x + to_width // 2 + 16, y - 6)
    elif x == to_x:
        # Beside the straight way from one box of the inner column to the next there is another.
        fork = FORK_PX if arrow.source in {"CallingA", "CallingB"} else 0
        yield _way((x + fork, y + height // 2), (x + fork, to_y - to_height // 2))
        yield from _text(arrow.labels, x + fork + 10, y + height // 2 + 34)
    else:
        between = y + height // 2 + 44
        leave = x - FORK_PX if to_x < x else x
        arrive = to_x - FORK_PX if to_x > x else to_x
        yield _way(
            (leave, y + height // 2), (leave, between), (arrive, between), (arrive, to_y - to_height // 2)
        )
        yield from _text(arrow.labels, (leave + arrive) // 2, between - 7, "middle")


def _loop(arrow: Arrow) -> Iterator[str]:
    x, y, width, height = PLACES[arrow.source]
    centred = y + 5 + (len(arrow.labels) - 1) * LINE_PX // 2
    if arrow.source == "Releasing":
        side = x + width // 2
        yield _way((side, y - 14), (side + LOOP_PX, y - 14), (side + LOOP_PX, y + 14), (side, y + 14))
        yield from _text(arrow.labels, side + 10, y - 22)
    elif arrow.source == "CallingA":
        # Its left side leads to Ended, so the loop is on top.
        top, left = y - height // 2, x - width // 2 + 20
        yield _way((left, top), (left, top - LOOP_PX), (left + 28, top - LOOP_PX), (left + 28, top))
        yield from _text(arrow.labels, left - 8, top - 6, "end")
    else:
        side = x - width // 2
        yield _way((side, y - 14), (side - LOOP_PX, y - 14), (side - LOOP_PX, y + 14), (side, y + 14))
        yield from _text(arrow.labels, side - LOOP_PX - 8, centred, "end")


# ---- the page


def page(arrows: tuple[Arrow, ...], title: str, picture: str) -> str:
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
        for (kind, _), label in zip(_by_kind(arrow.events), arrow.labels, strict=True):
            then = "stays" if arrow.source == arrow.target else arrow.target
            orders = ", ".join(arrow.orders[kind]) or "–"
            lines.append(f"| {arrow.source} | `{_in_table(label)}` | {then} | {orders} |")
    lines += ["", "## What does nothing, and why", "", "| event | in | why |", "|---|---|---|"]
    lines += [f"| {entry.kind.__name__} | {', '.join(entry.states)} | {entry.reason} |" for entry in IGNORED]
    return "\n".join(lines) + "\n"


def _in_table(label: str) -> str:
    return label.replace("|", "\\|")


# ---- the command


def documents() -> dict[str, str]:
    """File name to content."""
    arrows = arrows_of_callback()
    title = "States of a callback"
    return {"callback.md": page(arrows, title, "callback.svg"), "callback.svg": svg(arrows, title)}


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
