"""Notifications and verification codes to softphones of ours: what is heard and collected, how it ends."""

from collections.abc import Iterator

import pytest

from tests.e2e.one_leg.calls import Calls, selected_of
from tests.e2e.one_leg.cases import CASES, ON_LOOPBACK, Case
from tests.e2e.one_leg.loopback import Loopback

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Calls]:
    """Every selected call, all over before the first is judged."""
    ground = Loopback(tmp_path_factory.mktemp("one-leg"))
    try:
        yield Calls(ground, selected_of(request, ON_LOOPBACK))
    finally:
        ground.close()


@pytest.mark.parametrize("case", ON_LOOPBACK, ids=lambda case: case.id)
def test_call_to_one_party_keeps_the_rules(case: Case, calls: Calls) -> None:
    calls.judge(case)


def test_table_has_a_name_for_every_case() -> None:
    assert len({case.id for case in CASES}) == len(CASES) >= 20
