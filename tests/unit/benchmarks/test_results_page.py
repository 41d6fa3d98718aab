"""What the page of results says of its rows: values, ratios, budgets, and parts that failed."""

import pytest

from benchmarks.results import Part, Row, page_of, table_of


def row(ours: float | None, asterisk: float | None = None, budget: str = "", note: str = "") -> Row:
    return Row("figure", "ms", ours, asterisk, budget, note)


def part(*rows: Row, title: str = "Delays", failed: str = "") -> Part:
    return Part(title, "python benchmarks/x.py", rows, failed, 30.0, (0.1, 1.2))


@pytest.mark.parametrize(
    ("ours", "asterisk", "budget", "met"),
    [
        (20.0, None, "≤ 20", True),
        (20.1, None, "≤ 20", False),
        (-40.0, None, "≤ 30", True),
        (1000.0, None, "≥ 1000", True),
        (999.0, None, "≥ 1000", False),
        (35.0, 100.0, "≤ 0.35 × Asterisk", True),
        (36.0, 100.0, "≤ 0.35 × Asterisk", False),
        (250.0, 100.0, "≥ 2.5 × Asterisk", True),
        (249.0, 100.0, ">= 2.5 x Asterisk's", False),
        (2.0, 1.0, "<= 2.5 x Asterisk", True),
    ],
)
def test_budget_is_judged_by_the_value_or_by_the_ratio(
    ours: float, asterisk: float | None, budget: str, met: bool
) -> None:
    assert row(ours, asterisk, budget).met is met


@pytest.mark.parametrize(
    ("ours", "asterisk", "budget"),
    [(1.0, 2.0, ""), (None, None, "≤ 20"), (1.0, None, "≤ 0.35 × Asterisk"), (1.0, 0.0, "≥ 0.6 × Asterisk")],
)
def test_budget_without_figures_to_judge_it_by_is_neither_met_nor_missed(
    ours: float | None, asterisk: float | None, budget: str
) -> None:
    assert row(ours, asterisk, budget).met is None


def test_budget_in_words_alone_is_an_error() -> None:
    with pytest.raises(ValueError, match="figure: no budget: 'as little as possible'"):
        _ = row(1.0, None, "as little as possible").met


def test_line_has_both_values_their_ratio_and_the_verdict() -> None:
    line = table_of([row(12.34, 100.4, "≤ 0.35 × Asterisk", "by | hand")]).splitlines()[-1]
    assert line == "| figure | ms | 12.3 | 100 | 0.123 | ≤ 0.35 × Asterisk | yes | by / hand |"


def test_line_has_a_dash_for_what_was_not_measured() -> None:
    assert table_of([row(1234.5)]).splitlines()[-1] == "| figure | ms | 1,234 | — | — | — | — |  |"


def test_missed_budget_stands_out_in_the_table_and_is_named_above() -> None:
    missed = Row("prompt start, p95", "ms", 25.0, None, "≤ 20")
    page = page_of([part(row(1.0, None, "≤ 2"), missed)], "make bench", "2026-01-01", {})
    assert "Budgets met: 1 of 2. Not met: prompt start, p95.\n" in page
    assert "| prompt start, p95 | ms | 25.0 | — | — | ≤ 20 | **no** |  |" in page


def test_budget_without_a_figure_is_named() -> None:
    page = page_of([part(row(1.0, None, "≥ 0.6 × Asterisk"))], "make bench", "2026-01-01", {})
    assert "Budgets met: 0 of 0. Without a figure to judge: figure." in page


def test_failed_part_is_named_at_the_top_and_says_why_at_its_place() -> None:
    parts = [part(title="Rate", failed="RuntimeError: no call came"), part(row(1.0))]
    page = page_of(parts, "make bench", "2026-01-01", {})
    assert "**Failed, so not measured: Rate.**" in page
    assert page.index("## Rate") < page.index("Failed: RuntimeError: no call came") < page.index("## Delays")
    assert "| figure | ms | 1.00 |" in page


def test_page_has_command_day_time_machine_and_versions() -> None:
    page = page_of([part(row(1.0))], "make bench", "2026-01-01", {"asterisk": "22.10"})
    assert "Made by `make bench` on 2026-01-01, in 0.5 minutes." in page
    assert "- Machine: " in page
    assert "cores, Linux " in page
    assert "- asterisk: 22.10" in page
    assert "`python benchmarks/x.py`, 30 s, load average 0.1 to 1.2." in page
