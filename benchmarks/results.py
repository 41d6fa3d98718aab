"""What `make bench` found, as rows, and the page that shows them: benchmarks/RESULTS.md.

A row states its budget in words that can be computed: "≤ 20", "≥ 1000", "≤ 0.35 × Asterisk". Whether it was
met is read off the row, never written by hand.
"""

from dataclasses import dataclass


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
