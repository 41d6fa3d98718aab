"""The picture of a state diagram: arrows between the states of a flow, as plain SVG.

Plain, so that the same flow gives the same bytes on every machine. What a walk found decides which arrows
there are and what they are called; only the places of the states are set by hand (scripts/state_diagrams.py).
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, fields
from enum import Enum
from html import escape
from itertools import product

from ivrcore.events import Content, DigitsCollected, Event, KeyTransport


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
        return tuple(label_of(kind, events) for kind, events in by_kind(self.events))


def by_kind(events: Iterable[Event]) -> Iterator[tuple[str, list[Event]]]:
    kinds: dict[str, list[Event]] = {}
    for event in events:
        kinds.setdefault(type(event).__name__, []).append(event)
    yield from kinds.items()


def label_of(kind: str, events: list[Event]) -> str:
    """`PromptFailed(A, waitVoice|ringback)`: the values of each enumeration that occur.

    Raises:
        ValueError: the values are no product, so that one line would promise more than there is.
    """
    rows = [
        tuple(
            text for field in fields(event) if (text := _value(event, getattr(event, field.name))) is not None
        )
        for event in events
    ]
    columns = [tuple(dict.fromkeys(column)) for column in zip(*rows, strict=True)]
    if set(rows) != set(product(*columns)):
        raise ValueError(f"{kind} needs more than one line: {set(rows)}")
    values = ", ".join("|".join(column) for column in columns)
    return f"{kind}({values})" if values else kind


def _value(event: Event, value: object) -> str | None:
    """A value of an event as a label shows it, None for one that no flow tells apart."""
    match value:
        case KeyTransport():
            return None
        case Enum():
            return str(value.value)
        case Content():
            return "content"
        case str() if isinstance(event, DigitsCollected):
            return "digits" if value else "no digits"
    return None


Place = tuple[int, int, int, int]
"""Centre and size, in px."""

WIDE, TALL = 190, 56
MAIN_X, SIDE_X = 840, 520
WIDTH = 1480


@dataclass(frozen=True)
class Layout:
    """Where the states of a flow stand: two inner columns, and two bars to which straight ways lead.

    Attributes:
        height: of the picture. last_row_y: of the way from Releasing to Ended.
        loop_inset_px: of a loop on top of a state, from its left edge.
    """

    inner: Mapping[str, tuple[int, int]]
    height: int
    last_row_y: int
    loop_inset_px: int

    @property
    def places(self) -> dict[str, Place]:
        """Every state, in the order in which a call comes by."""
        top_y = 82
        bar_y, bar_px = (self.last_row_y + 33 + top_y) // 2, self.last_row_y + 33 - top_y
        return {
            **{name: (x, y, WIDE, TALL) for name, (x, y) in self.inner.items()},
            "Releasing": (1275, bar_y, 110, bar_px),
            "Ended": (75, bar_y, 110, bar_px),
        }


LINE_PX = 16
LOOP_PX = 34
FORK_PX = 45
"""How far from the middle of a box the two ways to the next one leave and arrive."""
BACK_PX = 14
"""How far below the middle of a box the way back to it arrives."""

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


class Picture:
    """Draws the arrows of one flow."""

    def __init__(self, arrows: tuple[Arrow, ...], title: str, layout: Layout) -> None:
        self._arrows = arrows
        self._title = title
        self._layout = layout
        self._places = layout.places
        self._to_ended = {arrow.source for arrow in arrows if arrow.target == "Ended"}

    def svg(self) -> str:
        """The whole picture."""
        height = self._layout.height
        parts = [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img">',
            f"<title>{escape(self._title)}</title>",
            f"<style>{STYLE}</style><defs>{TIP}</defs>",
            f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
            *self._start(),
            *(part for arrow in self._arrows for part in self._drawn(arrow)),
            *(part for name in self._places for part in self._state(name)),
            "</svg>",
        ]
        return "\n".join(parts) + "\n"

    def _state(self, name: str) -> Iterator[str]:
        x, y, width, height = self._places[name]
        kind = "over" if name in {"Releasing", "Ended"} else "state"
        yield (
            f'<rect class="{kind}" x="{x - width // 2}" y="{y - height // 2}" '
            f'width="{width}" height="{height}" rx="10"/>'
        )
        yield f'<text class="name" x="{x}" y="{y + 5}">{name}</text>'

    def _start(self) -> Iterator[str]:
        x, y, _, height = self._places["CallingA"]
        yield f'<circle cx="{x}" cy="{y - height // 2 - 52}" r="8" fill="#444"/>'
        yield _way((x, y - height // 2 - 44), (x, y - height // 2))

    def _drawn(self, arrow: Arrow) -> Iterator[str]:
        x, y, width, height = self._places[arrow.source]
        to_x, to_y, to_width, to_height = self._places[arrow.target]
        last_y = self._layout.last_row_y
        if arrow.source == arrow.target:
            yield from self._loop(arrow)
        elif arrow.source == "Releasing":
            yield _way((x - width // 2, last_y), (to_x + to_width // 2, last_y))
            yield from _text(arrow.labels, to_x + to_width // 2 + 16, last_y - 6)
        elif arrow.target == "Releasing":
            yield _way((x + width // 2, y), (to_x - to_width // 2, y))
            # To the right of the inner column, whichever column the way comes from.
            yield from _text(arrow.labels, self._places["CallingA"][0] + width // 2 + 20, y - 6)
        elif arrow.target == "Ended":
            yield _way((x - width // 2, y), (to_x + to_width // 2, y))
            yield from _text(arrow.labels, to_x + to_width // 2 + 16, y - 6)
        elif to_y < y:
            # Back up, below the way to Ended, which leaves from the same side.
            arrive_y = to_y + BACK_PX
            yield _way(
                (x - FORK_PX, y - height // 2), (x - FORK_PX, arrive_y), (to_x - to_width // 2, arrive_y)
            )
            yield from _text(arrow.labels, x - FORK_PX + 10, arrive_y + LINE_PX)
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

    def _loop(self, arrow: Arrow) -> Iterator[str]:
        x, y, width, height = self._places[arrow.source]
        centred = y + 5 + (len(arrow.labels) - 1) * LINE_PX // 2
        if arrow.source == "Releasing":
            side = x + width // 2
            yield _way((side, y - 14), (side + LOOP_PX, y - 14), (side + LOOP_PX, y + 14), (side, y + 14))
            yield from _text(arrow.labels, side + 10, y - 22)
        elif arrow.source in self._to_ended:
            # Its left side leads to Ended, so the loop is on top.
            top, left = y - height // 2, x - width // 2 + self._layout.loop_inset_px
            yield _way((left, top), (left, top - LOOP_PX), (left + 28, top - LOOP_PX), (left + 28, top))
            yield from _text(arrow.labels, left - 8, top - 6, "end")
        else:
            side = x - width // 2
            yield _way((side, y - 14), (side - LOOP_PX, y - 14), (side - LOOP_PX, y + 14), (side, y + 14))
            yield from _text(arrow.labels, side - LOOP_PX - 8, centred, "end")


def _way(*points: tuple[int, int]) -> str:
    return f'<polyline class="way" points="{" ".join(f"{x},{y}" for x, y in points)}"/>'


def _text(lines: tuple[str, ...], x: int, bottom_y: int, anchor: str = "start") -> Iterator[str]:
    """Lines whose last one stands on `bottom_y`."""
    for number, line in enumerate(reversed(lines)):
        y = bottom_y - number * LINE_PX
        yield f'<text x="{x}" y="{y}" text-anchor="{anchor}">{escape(line)}</text>'
