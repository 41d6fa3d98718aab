"""Endpoints for the tests of our own build; gone at the end of their test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.e2e.engine.rtp_ground import RestingCore

NewRestingCore = Callable[..., RestingCore]


@pytest.fixture
def parties() -> Iterator[ExitStack]:
    """Ends everybody at the end of the test."""
    with ExitStack() as parties:
        yield parties


@pytest.fixture
def new_core(parties: ExitStack, tmp_path: Path) -> NewRestingCore:
    """Starts a stack and waits for it: `new_core(quarantine_s, **settings)`."""

    def start(quarantine_s: float, **settings: object) -> RestingCore:
        core = parties.enter_context(RestingCore(tmp_path, quarantine_s, **settings))
        core.wait("ready")
        return core

    return start
