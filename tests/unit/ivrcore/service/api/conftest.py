"""One served API for the tests that change nothing of its settings."""

from collections.abc import Iterator

import pytest

from ivrcore.service.api.testing import ServedApi, World


@pytest.fixture(scope="module")
def served() -> Iterator[ServedApi]:
    """The API on loopback, kept for a module."""
    with ServedApi() as api:
        yield api


@pytest.fixture
def api(served: ServedApi) -> ServedApi:
    """The same with a world as new."""
    vars(served.world).update(vars(World()))
    served.renew()
    return served
