"""One served admin API for each module of tests; what a test changes, it makes anew."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from ivrcore.service.admin.testing import AdminWorld


@pytest.fixture(scope="module")
def admin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AdminWorld]:
    """The admin API on loopback, kept for a module."""
    world = AdminWorld(Path(tmp_path_factory.mktemp("admin")))
    with world.api:
        yield world
    world.close()
