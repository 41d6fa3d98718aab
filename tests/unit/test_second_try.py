"""The rule by which an end-to-end test is tried again, and its limit, in a pytest of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e import second_try
from tests.e2e.callback.starvation import STARVED_S
from tests.e2e.second_try import TRIES, may_try_again, most

ROOT = Path(__file__).resolve().parents[2]
CONFTEST = ROOT / "tests/e2e/conftest.py"
ERROR = AssertionError("the digits were 12\nand more")


@pytest.fixture(autouse=True)
def _no_tries() -> Iterator[None]:
    before = list(TRIES)
    TRIES.clear()
    yield
    TRIES[:] = before


def test_first_failure_has_another_try_with_a_processor() -> None:
    assert may_try_again("a call", ERROR, 0.0, 0)


def test_second_failure_has_none_with_a_processor() -> None:
    assert not may_try_again("a call", ERROR, STARVED_S / 2, 1)


def test_starved_call_has_three_attempts() -> None:
    assert [may_try_again("a call", ERROR, STARVED_S, attempt) for attempt in range(3)] == [True, True, False]


def test_tries_are_noted_by_name_and_first_line() -> None:
    may_try_again("a call", ERROR, 0.012, 0)
    may_try_again("a call", ERROR, 0.0, 1)
    assert TRIES == ["a call: 12 ms without a CPU, tried again after: the digits were 12"]


@pytest.mark.parametrize(("tests", "tries"), [(1, 3), (100, 3), (300, 6)])
def test_a_run_may_have_a_fiftieth_of_its_tests_and_three(tests: int, tries: int) -> None:
    assert most(tests) == tries


def _run(folder: Path, body: str) -> subprocess.CompletedProcess[str]:
    """A run of its own with the conftest of the end-to-end tests."""
    (folder / "conftest.py").write_text(CONFTEST.read_text())
    (folder / "test_it.py").write_text("import pathlib\nHERE = pathlib.Path(__file__).parent\n" + body)
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder)]
    return subprocess.run(
        [*command, str(folder)],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


FAILS_ONCE = """
import pytest

@pytest.mark.parametrize("number", range({tests}))
def test_fails_once(number):
    mark = HERE / f"tried-{{number}}"
    tried = mark.exists()
    mark.touch()
    assert tried, "not at once"
"""


def test_what_fails_once_passes_and_is_listed(tmp_path: Path) -> None:
    run = _run(tmp_path, FAILS_ONCE.format(tests=1))
    assert run.returncode == 0, run.stdout
    assert "second tries: 1" in run.stdout
    assert "not at once" in run.stdout


def test_what_fails_twice_fails(tmp_path: Path) -> None:
    run = _run(tmp_path, "\ndef test_fails():\n    assert False\n")
    assert run.returncode == 1, run.stdout


def test_too_many_second_tries_fail_the_run(tmp_path: Path) -> None:
    run = _run(tmp_path, FAILS_ONCE.format(tests=most(0) + 1))
    assert "4 passed" in run.stdout
    assert run.returncode == 1, run.stdout


def test_what_repeats_its_calls_itself_is_not_repeated(tmp_path: Path) -> None:
    body = "\nimport pytest\n\n@pytest.fixture\ndef call(): ...\n\ndef test_fails(call):\n    assert False\n"
    run = _run(tmp_path, body)
    assert run.returncode == 1
    assert "second tries" not in run.stdout


def test_limit_is_a_share_of_the_run() -> None:
    assert 0 < second_try.SHARE < 0.05
