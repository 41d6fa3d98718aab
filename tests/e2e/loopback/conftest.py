"""Parties of loopback calls, each gone at the end of its test."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from media.testsignal import talk
from media.wav import write_alaw
from sip.softphone import Script
from tests.e2e.loopback.parties import Core, Phone
from tests.e2e.loopback.wirephone import WirePhone

NewPhone = Callable[..., Phone]


@pytest.fixture(scope="session")
def cache_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the stacks keep unrolled loops: made once for all tests."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="session")
def talks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The talk of each party, 4 s to be looped, and a prompt of 1 s."""
    folder = tmp_path_factory.mktemp("talks")
    files = {name: folder / f"{name}.wav" for name in ("a", "b", "prompt")}
    for seed, (name, path) in enumerate(files.items()):
        write_alaw(path, talk(seed, 1.0 if name == "prompt" else 4.0))
    return files


@pytest.fixture
def parties() -> Iterator[ExitStack]:
    """Ends what it was given, the last one first."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def core(parties: ExitStack, cache_dir: Path) -> Core:
    """Our stack, ready."""
    core = parties.enter_context(Core(cache_dir))
    core.wait("ready")
    return core


@pytest.fixture
def new_phone(parties: ExitStack, cache_dir: Path) -> NewPhone:
    """Makes softphones: `new_phone(answer_after_s=None)`, arguments as in sip.softphone.Script."""

    def make(**script: object) -> Phone:
        return parties.enter_context(Phone(cache_dir, Script(**script)))  # type: ignore[arg-type]

    return make


@pytest.fixture
def wire(parties: ExitStack) -> WirePhone:
    """A far end of two sockets."""
    return parties.enter_context(WirePhone())
