"""The elements of `ivrcore notify`, written in the order in which they are heard.

    --file menu.wav --collect 1 --replay-on 1 --text "Thank you"

--file and --text begin an element; --collect and --replay-on belong to the one before them.
"""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import typer
from typer.core import TyperCommand

from ivrcore.contents import ContentSource, Text
from ivrcore.request import NotificationElement, RequestError

ANY = "any"
"""For --replay-on: whatever is pressed."""

_META = "ivrcore.elements"
_NAMES = ("file", "text", "collect", "replay_on")


class InOrder(TyperCommand):
    """A command that remembers in which order its element options were given."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]  # its own name for the same class
        """As of every command, with the order noted in the context."""
        values, _, order = self.make_parser(ctx).parse_args(args=list(args))
        given = {name: iter(values.get(name) or ()) for name in _NAMES}
        ctx.meta[_META] = [
            (param.name, str(next(given[param.name]))) for param in order if param.name in given
        ]
        return super().parse_args(ctx, args)


def elements_of(ctx: typer.Context) -> tuple[tuple[NotificationElement, ContentSource], ...]:
    """The elements of a command line.

    Raises:
        RequestError: an option has no element before it, or no sense there.
    """
    return parse(ctx.meta[_META])


def parse(options: Sequence[tuple[str, str]]) -> tuple[tuple[NotificationElement, ContentSource], ...]:
    """Elements of (option, value) pairs in their order.

    Raises:
        RequestError: as `elements_of`.
    """
    elements: list[tuple[NotificationElement, ContentSource]] = []
    for name, value in options:
        if name == "file":
            elements.append((NotificationElement(), Path(value)))
        elif name == "text":
            elements.append((NotificationElement(), Text(value)))
        elif not elements:
            raise RequestError(f"--{name.replace('_', '-')} comes after the --file or --text it belongs to")
        else:
            element, source = elements[-1]
            changed = _collecting(element, value) if name == "collect" else _replayed(element, value)
            elements[-1] = changed, source
    for element, _ in elements:
        if len(element.trigger) > element.collect:
            raise RequestError(f"--collect {element.collect} never brings the keys of --replay-on")
    return tuple(elements)


def _collecting(element: NotificationElement, value: str) -> NotificationElement:
    try:
        return replace(element, collect=int(value))
    except ValueError as error:  # RequestError is one as well, and says more
        raise error if isinstance(error, RequestError) else RequestError("--collect is no number") from error


def _replayed(element: NotificationElement, value: str) -> NotificationElement:
    if value == ANY:
        if not element.collect:
            raise RequestError(f"--replay-on {ANY} comes after a --collect")
        return replace(element, replay=True, trigger="")
    if not value:
        raise RequestError(f"--replay-on needs keys, or '{ANY}'")
    # The keys say how many there are to collect, unless that was said.
    return replace(element, collect=element.collect or len(value), replay=True, trigger=value)
