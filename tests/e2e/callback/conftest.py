"""Callbacks through the command line: the scenarios that tests name, and parties of one test alone."""

import inspect
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from sip.softphone import Script
from tests.e2e.callback.sounds import Sounds
from tests.e2e.callback.stage import LOOK_AHEAD, FinishedCall, Scenario, Stage
from tests.e2e.callback.starvation import STARVED_S
from tests.e2e.loopback.parties import Phone
from tests.e2e.loopback.wirephone import WirePhone

NewPhone = Callable[[Script], Phone]


def pytest_configure(config: pytest.Config) -> None:
    """The mark that names a test's scenario."""
    config.addinivalue_line("markers", "scenario(scenario): the callback whose result the test judges")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Judge a scenario's call; make a starved one again, at most twice, before it counts as failed.

    On a machine that has no CPU for a call's processes, 100 ms are no measure of the core.
    """
    scenario = _scenario(pyfuncitem)
    if scenario is None:
        return None
    stage, call = pyfuncitem.funcargs["stage"], pyfuncitem.funcargs["call"]
    assert isinstance(stage, Stage)
    assert isinstance(call, FinishedCall)
    others = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    for attempts_left in (2, 1, 0):
        try:
            pyfuncitem.obj(**{**others, "call": call})
        except AssertionError as error:
            if call.starved_s < STARVED_S or not attempts_left:
                raise
            warnings.warn(
                f"{call.starved_s * 1000:.0f} ms without a CPU, made again after: {error}", stacklevel=1
            )
            call = stage.again(scenario)
        else:
            break
    return True


@pytest.fixture(scope="session")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    """Where scenarios are played; its telephones are gone at the end of the session."""
    stage = Stage(tmp_path_factory.mktemp("stage"))
    try:
        yield stage
    finally:
        stage.close()


@pytest.fixture
def call(request: pytest.FixtureRequest, stage: Stage) -> FinishedCall:
    """The finished call of the test's scenario."""
    items = request.session.items
    here = items.index(request.node)
    of_module = [_scenario(item) for item in items[here:] if item.path == request.node.path]
    ahead = list(dict.fromkeys(scenario for scenario in of_module if scenario is not None))
    for scenario in ahead[:LOOK_AHEAD]:
        stage.prepare(scenario)
    return stage.result(ahead[0])


def _scenario(item: pytest.Item) -> Scenario | None:
    mark = item.get_closest_marker("scenario")
    if mark is None:
        return None
    (scenario,) = mark.args
    assert isinstance(scenario, Scenario)
    return scenario


@pytest.fixture(scope="session")
def sounds(stage: Stage) -> Sounds:
    """The sounds of these calls."""
    return stage.sounds


@pytest.fixture
def parties() -> Iterator[ExitStack]:
    """Ends what it was given, the last one first."""
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def new_phone(parties: ExitStack, sounds: Sounds, tmp_path: Path) -> NewPhone:
    """Makes softphones of this test alone."""

    def make(script: Script) -> Phone:
        return parties.enter_context(Phone(tmp_path / "cache", sounds.in_files(script)))

    return make


@pytest.fixture
def wire(parties: ExitStack) -> WirePhone:
    """A far end of two sockets, which does what the test says."""
    return parties.enter_context(WirePhone())
