"""Every test of the store runs on SQLite and on PostgreSQL.

`stage` and `empty` are the same two databases for every test of a process, emptied before each; a test that
closes, locks or fills its database takes `store_url`, a database of its own.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests import postgres
from tests.unit.ivrcore.service.store.stage import Stage, fill, wipe


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
    """A SQLite of the test's own, with empty tables."""
    path = tmp_path / "store.db"
    shutil.copyfile(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def postgresql_url(cluster: postgres.Cluster, postgresql_template: str) -> Iterator[str]:
    """A PostgreSQL database of the test's own, with empty tables."""
    name = cluster.create_database(postgresql_template)
    yield cluster.url(name)
    cluster.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def store_url(request: pytest.FixtureRequest) -> str:
    """Either, of the test's own, with empty tables."""
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture(scope="session")
def kept_sqlite(sqlite_template: Path) -> Iterator[Stage]:
    """The SQLite that tests share."""
    path = sqlite_template.with_name("kept.db")
    shutil.copyfile(sqlite_template, path)
    stage = Stage(f"sqlite:///{path}")
    yield stage
    stage.close()


@pytest.fixture(scope="session")
def kept_postgresql(cluster: postgres.Cluster, postgresql_template: str) -> Iterator[Stage]:
    """The PostgreSQL database that tests share."""
    stage = Stage(cluster.url(cluster.create_database(postgresql_template)))
    yield stage
    stage.close()


@pytest.fixture(params=["sqlite", "postgresql"])
def empty(request: pytest.FixtureRequest) -> Stage:
    """A store with empty tables."""
    stage: Stage = request.getfixturevalue(f"kept_{request.param}")
    stage.now(wipe)
    return stage


@pytest.fixture
def stage(empty: Stage) -> Stage:
    """A store with two accounts and their applications."""
    fill(empty)
    return empty
