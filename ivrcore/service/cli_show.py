"""How the administration's commands print lists: a table for a person, tab-separated lines for a pipe."""

import sys
from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.table import Table


def show(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Print a list."""
    texts = [[_text(cell) for cell in row] for row in rows]
    if not sys.stdout.isatty():
        for line in (columns, *texts):
            print("\t".join(line))  # noqa: T201
        return
    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    for line in texts:
        table.add_row(*line)
    Console(markup=False, emoji=False, highlight=False).print(table)


def say(line: str) -> None:
    """Print a line."""
    print(line)  # noqa: T201


def complain(line: str) -> None:
    """Print a line to standard error."""
    print(f"ivrcore: {line}", file=sys.stderr)  # noqa: T201


def _text(cell: object) -> str:
    match cell:
        case None:
            return "-"
        case bool():
            return "yes" if cell else "no"
        case float():
            return f"{cell:.1f}"
        case _:
            return " ".join(str(cell).split())
