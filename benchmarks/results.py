"""What `make bench` found, as rows, and the page that shows them: benchmarks/RESULTS.md.

A row states its budget in words that can be computed: "≤ 20", "≥ 1000", "≤ 0.35 × Asterisk". Whether it was
met is read off the row, never written by hand.
"""

import os
import platform
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

_BUDGET = re.compile(r"(?P<way>≤|≥|<=|>=)\s*(?P<limit>\d+(?:\.\d+)?)(?P<ratio>.*\bAsterisk)?")
_HEAD = (
    "| figure | unit | ours | Asterisk | ratio | budget | met | note |",
    "|---|---|---|---|---|---|---|---|",
)
_DASH = "—"


@dataclass(frozen=True)
class Row:
    """One figure of ours, beside Asterisk's where Asterisk does the same.

    Attributes:
        what: the figure's name, unlike any other's.
        unit: of both values.
        ours, asterisk: None where it was not measured, or cannot be.
        budget: "≤" or "≥", a number, and "× Asterisk" where it is a ratio; "" for a figure without one.
        note: how it was measured, or what to know when reading it; one line.
    """

    what: str
    unit: str
    ours: float | None
    asterisk: float | None
    budget: str = ""
    note: str = ""

    @property
    def ratio(self) -> float | None:
        """Ours to Asterisk's."""
        return self.ours / self.asterisk if self.ours is not None and self.asterisk else None

    @property
    def met(self) -> bool | None:
        """Whether the budget was met; None without a budget, or without the figures to judge it by.

        Raises:
            ValueError: the budget cannot be computed.
        """
        if not self.budget:
            return None
        found = _BUDGET.match(self.budget)
        if found is None:
            raise ValueError(f"{self.what}: no budget: '{self.budget}'")
        value = self.ratio if found["ratio"] else self.ours
        if value is None:
            return None
        limit = float(found["limit"])
        return value <= limit if found["way"] in ("≤", "<=") else value >= limit


@dataclass(frozen=True)
class Part:
    """One of the benches, as it went.

    Attributes:
        failed: why it gave no rows, "" when it did.
        load_average: at its begin and its end: a machine that did other work gives noisy figures.
    """

    title: str
    command: str
    rows: tuple[Row, ...]
    failed: str
    took_s: float
    load_average: tuple[float, float]


def table_of(rows: Iterable[Row]) -> str:
    """A table in Markdown."""
    return "\n".join([*_HEAD, *map(_line, rows)])


def page_of(parts: Sequence[Part], command: str, when: str, versions: Mapping[str, str]) -> str:
    """The page.

    Args:
        command: what made it.
        when: the day, for a person.
        versions: of what was measured.
    """
    rows = [row for part in parts for row in part.rows]
    judged = [row for row in rows if row.met is not None]
    missed = [row.what for row in judged if not row.met]
    unknown = [row.what for row in rows if row.budget and row.met is None]
    failed = [part.title for part in parts if part.failed]
    minutes = sum(part.took_s for part in parts) / 60
    lines = [
        "# Results",
        "",
        f"Made by `{command}` on {when}, in {minutes:.1f} minutes.",
        "",
        f"- Machine: {machine()}",
        *(f"- {who}: {version}" for who, version in versions.items()),
        "- Method: a subject alone on core 0, the telephones on core 1; ours and Asterisk in turn, each",
        "  started afresh. Ratio: ours to Asterisk's. What a figure means stands at the top of its file.",
        "",
        f"Budgets met: {len(judged) - len(missed)} of {len(judged)}."
        + (f" Not met: {'; '.join(missed)}." if missed else "")
        + (f" Without a figure to judge: {'; '.join(unknown)}." if unknown else ""),
    ]
    if failed:
        lines += ["", f"**Failed, so not measured: {'; '.join(failed)}.**"]
    for part in parts:
        loads = " to ".join(f"{load:.1f}" for load in part.load_average)
        lines += ["", f"## {part.title}", "", f"`{part.command}`, {part.took_s:.0f} s, load average {loads}."]
        lines += ["", f"Failed: {part.failed}" if part.failed else table_of(part.rows)]
    return "\n".join([*lines, ""])


def machine() -> str:
    """Processor, cores, kernel, Python."""
    models = [x for x in Path("/proc/cpuinfo").read_text().splitlines() if x.startswith("model name")]
    model = models[0].partition(": ")[2] if models else platform.machine()
    return f"{model}, {os.cpu_count()} cores, Linux {platform.release()}, Python {platform.python_version()}"


def _line(row: Row) -> str:
    met = {True: "yes", False: "**no**", None: _DASH}[row.met]
    cells = (
        *(row.what, row.unit, _number(row.ours), _number(row.asterisk), _number(row.ratio)),
        *(row.budget or _DASH, met, row.note),
    )
    return "| " + " | ".join(cell.replace("|", "/") for cell in cells) + " |"


def _number(value: float | None) -> str:
    """With three digits that count."""
    if value is None:
        return _DASH
    size = abs(value)
    digits = 0 if size >= 100 else 1 if size >= 10 else 2 if size >= 1 else 3
    return f"{value:,.{digits}f}"
