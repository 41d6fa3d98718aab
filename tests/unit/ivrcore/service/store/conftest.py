"""Every test of the store runs on SQLite and on PostgreSQL."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.unit.ivrcore.service.store.stage import Stage, fill


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file with the tables made, to be copied."""
    path = tmp_path_factory.mktemp("store") / "template.db"
    stage = Stage(f"sqlite:///{path}")
    stage.db.upgrade()
    stage.close()  # the last connection empties the log into the file
    return path


@pytest.fixture(scope="session")
def cluster() -> Iterator[postgres.Cluster]:
    """A running PostgreSQL, without which the test is skipped, or fails in CI."""
    with postgres.shared() as running:
        yield running


@pytest.fixture(scope="session")
def postgresql_template(cluster: postgres.Cluster) -> str:
    """The name of a database with the tables made, to be copied."""
    name = cluster.create_database()
    stage = Stage(cluster.url(name))
    stage.db.upgrade()
    stage.close()
    return name


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """SQLite with empty tables."""
    path = tmp_path / "store.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(cluster: postgres.Cluster, postgresql_template: str) -> Iterator[str]:
    """PostgreSQL with empty tables."""
    name = cluster.create_database(postgresql_template)
    yield cluster.url(name)
    cluster.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """Either, with empty tables."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def empty(store_url: str) -> Iterator[Stage]:
    """A store with empty tables."""
    stage = Stage(store_url)
    yield stage
    stage.close()


@pytest.fixture
def stage(empty: Stage) -> Stage:
    """A store with two accounts and their applications."""
    fill(empty)
    return empty
