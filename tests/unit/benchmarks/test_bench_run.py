"""The one entry of the benches: a part that fails takes no other along."""

import pytest

from benchmarks.bench import run
from benchmarks.parts import BENCHES, Bench, Tell
from benchmarks.results import Row

ROW = Row("figure", "ms", 1.0, None)


def works(quick: bool, tell: Tell) -> list[Row]:
    tell(f"quick: {quick}")
    return [ROW]


def fails(_quick: bool, _tell: Tell) -> list[Row]:
    raise RuntimeError("no engine of our own\nmake engine")


def budget_nobody_can_judge(_quick: bool, _tell: Tell) -> list[Row]:
    return [Row("figure", "ms", 1.0, None, "little")]


def test_part_that_fails_is_told_and_the_next_one_runs(capsys: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    benches = (Bench("a", "A", "python a.py", fails), Bench("b", "B", "python b.py", works))
    first, second = run(benches, True, said.append)
    assert (first.failed, first.rows) == ("RuntimeError: no engine of our own", ())
    assert (second.failed, second.rows) == ("", (ROW,))
    assert "Traceback" in capsys.readouterr().err
    assert any(line.endswith("[1/2 a] failed: RuntimeError: no engine of our own") for line in said)
    assert any(line.endswith("[2/2 b] quick: True") for line in said)


def test_budget_that_cannot_be_judged_fails_its_part_and_not_the_page() -> None:
    (part,) = run((Bench("a", "A", "python a.py", budget_nobody_can_judge),), False, lambda _: None)
    assert part.failed == "ValueError: figure: no budget: 'little'"


def test_short_form_is_named_in_the_command_where_there_is_one() -> None:
    benches = (Bench("a", "A", "python a.py", works), Bench("b", "B", "python b.py", works, False))
    assert [part.command for part in run(benches, True, lambda _: None)] == [
        "python a.py --quick",
        "python b.py",
    ]
    assert run(benches, False, lambda _: None)[0].command == "python a.py"


def test_parts_have_names_of_their_own() -> None:
    assert len({bench.name for bench in BENCHES}) == len(BENCHES) >= 8
