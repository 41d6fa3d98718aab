"""A second try for what fails in real time: see tests/e2e/second_try.py."""

import pytest

from tests.e2e.second_try import TRIES, most

TRIED_INSIDE = frozenset({"call", "met", "calls", "batch"})
"""Fixtures with calls made ahead of their tests, which repeat a call themselves: the test alone would judge
the same one again."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what pytest-rerunfailures is to repeat; it sets the test's own fixtures up anew."""
    for item in items:
        if not TRIED_INSIDE.intersection(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Note a repeated test."""
    if str(report.outcome) == "rerun":  # of pytest-rerunfailures
        message = getattr(getattr(report.longrepr, "reprcrash", None), "message", "") or str(report.longrepr)
        TRIES.append(f"{report.nodeid}: tried again after: {message.splitlines()[0] if message else ''}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List the second tries."""
    if TRIES:
        terminalreporter.section(f"second tries: {len(TRIES)}")
        for line in TRIES:
            terminalreporter.write_line(line)


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """Too many of them are a failure."""
    if len(TRIES) > most(session.testscollected) and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
