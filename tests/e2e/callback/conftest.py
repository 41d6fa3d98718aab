"""Callbacks through the command line: the scenarios that tests name, and parties of one test alone."""

import inspect
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress

import pytest

from sip.softphone import Script
from tests.e2e.callback.long_run import LongRun
from tests.e2e.callback.sounds import Sounds
from tests.e2e.callback.stage import LOOK_AHEAD, FinishedCall, Scenario, Stage
from tests.e2e.loopback.parties import Phone
from tests.e2e.loopback.pool import Pool
from tests.e2e.loopback.wirephone import WirePhone
from tests.e2e.second_try import may_try_again

NewPhone = Callable[[Script], Phone]


def pytest_configure(config: pytest.Config) -> None:
    """The mark that names a test's scenario."""
    config.addinivalue_line("markers", "scenario(scenario): the callback whose result the test judges")
    config.addinivalue_line("markers", "begun_early(fixture): what takes minutes beside the tests before it")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Judge a scenario's call; make one that fails again before it counts as failed (second_try.py)."""
    scenario = _scenario(pyfuncitem)
    if scenario is None:
        return None
    stage, call = pyfuncitem.funcargs["stage"], pyfuncitem.funcargs["call"]
    assert isinstance(stage, Stage)
    assert isinstance(call, FinishedCall)
    others = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    for attempt in itertools.count():
        try:
            call = stage.again(scenario) if attempt else call
            pyfuncitem.obj(**{**others, "call": call})
        except AssertionError as error:
            if not may_try_again(pyfuncitem.name, error, call.starved_s, attempt):
                raise
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
    coming = (_scenario(item) for item in items[items.index(request.node) :])
    # Up to the next test that makes its own call: it may promise 100 ms, and is not to share the machine.
    of_stage = itertools.takewhile(lambda scenario: scenario is not None, coming)
    ahead = list(dict.fromkeys(scenario for scenario in of_stage if scenario is not None))
    for scenario in ahead[:LOOK_AHEAD]:
        stage.prepare(scenario)
    try:
        return stage.result(ahead[0])
    except AssertionError as error:  # not over in time
        if not may_try_again(request.node.name, error, 0.0, 0):
            raise
        return stage.again(ahead[0])


def _scenario(item: pytest.Item) -> Scenario | None:
    mark = item.get_closest_marker("scenario")
    if mark is None:
        return None
    (scenario,) = mark.args
    assert isinstance(scenario, Scenario)
    return scenario


@pytest.fixture(scope="session")
def long_run(pool: Pool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[LongRun]:
    """Two hundred calls."""
    with LongRun(pool, tmp_path_factory.mktemp("long-run")) as run:
        yield run


@pytest.fixture(scope="session", autouse=True)
def begun_early(request: pytest.FixtureRequest) -> None:
    """Begin what a selected test will judge, and takes minutes."""
    marks = (mark for item in request.session.items for mark in item.iter_markers("begun_early"))
    for fixture in dict.fromkeys(mark.args[0] for mark in marks):
        with suppress(Exception):  # what failed fails again in the test that asks for it
            request.getfixturevalue(fixture)


@pytest.fixture(scope="session")
def sounds(stage: Stage) -> Sounds:
    """The sounds of these calls."""
    return stage.sounds


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """Telephones of tests that make their own calls; gone at the end of the session."""
    pool = Pool(tmp_path_factory.mktemp("cache"))
    try:
        yield pool
    finally:
        pool.close()


@pytest.fixture
def parties(pool: Pool) -> Iterator[ExitStack]:
    """What this test has for itself."""
    with pool.guests() as guests:
        yield guests


@pytest.fixture
def new_phone(parties: ExitStack, sounds: Sounds, pool: Pool) -> NewPhone:
    """Makes softphones of this test alone."""

    def make(script: Script) -> Phone:
        return parties.enter_context(pool.phone(sounds.in_files(script)))

    return make


@pytest.fixture
def wire(parties: ExitStack) -> WirePhone:
    """A far end of two sockets, which does what the test says."""
    return parties.enter_context(WirePhone())
