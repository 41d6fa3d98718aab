"""Calls with user agents that others wrote: the meetings that tests name."""

import inspect
import itertools
from collections.abc import Iterator

import pytest

from tests.e2e.asterisk.conftest import testbed as testbed  # the fixture
from tests.e2e.foreign.meeting import LOOK_AHEAD, Lanes, Meeting, Met
from tests.e2e.foreign.tools import require
from tests.e2e.second_try import may_try_again


def pytest_configure(config: pytest.Config) -> None:
    """The mark that names a test's meeting."""
    config.addinivalue_line("markers", "meeting(meeting): the call with SIPp whose result the test judges")


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> bool | None:
    """Judge a meeting; make one that fails again before it counts as failed (second_try.py)."""
    meeting = _meeting(pyfuncitem)
    if meeting is None:
        return None
    lanes, met = pyfuncitem.funcargs["lanes"], pyfuncitem.funcargs["met"]
    assert isinstance(lanes, Lanes)
    assert isinstance(met, Met)
    others = {name: pyfuncitem.funcargs[name] for name in inspect.signature(pyfuncitem.obj).parameters}
    for attempt in itertools.count():
        try:
            met = lanes.again(meeting) if attempt else met
            pyfuncitem.obj(**{**others, "met": met})
        except AssertionError as error:
            if not may_try_again(pyfuncitem.name, error, met.starved_s, attempt):
                raise
        else:
            break
    return True


@pytest.fixture(scope="session")
def lanes(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lanes]:
    """Where meetings are made; its telephones are gone at the end of the session."""
    require("sipp")
    lanes = Lanes(tmp_path_factory.mktemp("foreign"))
    try:
        yield lanes
    finally:
        lanes.close()


@pytest.fixture
def met(request: pytest.FixtureRequest, lanes: Lanes) -> Met:
    """The finished call of the test's meeting, which SIPp saw go by its scenario."""
    items = request.session.items
    here = items.index(request.node)
    own = _meeting(request.node)
    assert own is not None, "the test names no meeting"
    wanted = dict.fromkeys(meeting for item in items[here:] if (meeting := _meeting(item)) is not None)
    for meeting in wanted:
        if meeting.long:
            lanes.prepare(meeting)
    for meeting in [meeting for meeting in wanted if not meeting.long][:LOOK_AHEAD]:
        lanes.prepare(meeting)
    try:
        return lanes.result(own)
    except AssertionError as error:  # not played to its end
        if not may_try_again(request.node.name, error, 0.0, 0):
            raise
        return lanes.again(own)


def _meeting(item: pytest.Item) -> Meeting | None:
    mark = item.get_closest_marker("meeting")
    if mark is None:
        return None
    (meeting,) = mark.args
    assert isinstance(meeting, Meeting)
    return meeting
