"""Migrations make exactly the tables of schema.py, and never touch a newer database."""

import sqlite3
import stat
import threading
from contextlib import closing
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from ivrcore.service.store import migrate
from ivrcore.service.store.errors import SchemaError
from ivrcore.service.store.migrations.versions import v0001_first
from ivrcore.service.store.schema import metadata
from tests import postgres
from tests.unit.ivrcore.service.store.stage import Stage, fill, n_rows


def differences(connection: Connection) -> list[object]:
    context = MigrationContext.configure(
        connection, opts={"compare_type": True, "compare_server_default": True}
    )
    return list(compare_metadata(context, metadata))


def pragma(connection: Connection, name: str) -> object:
    return connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()


@pytest.fixture(params=["sqlite", "postgresql"])
def bare(request: pytest.FixtureRequest, tmp_path: Path) -> Stage:
    """A database without any table."""
    if request.param == "sqlite":
        return Stage(f"sqlite:///{tmp_path / 'store.db'}")
    cluster: postgres.Cluster = request.getfixturevalue("cluster")
    return Stage(cluster.url(cluster.create_database()))


def test_migrated_schema_equals_the_metadata(bare: Stage) -> None:
    assert bare.now(differences) != []  # the comparison sees that nothing is there
    bare.db.upgrade()
    assert bare.now(differences) == []
    bare.db.check()
    bare.close()


def test_comparison_sees_a_column_that_differs(bare: Stage) -> None:
    bare.db.upgrade()
    bare.now(lambda connection: connection.execute(text("ALTER TABLE outbox DROP COLUMN last_error")))
    assert "last_error" in str(bare.now(differences))
    bare.close()


def test_upgrade_of_what_is_up_to_date_changes_nothing(bare: Stage) -> None:
    bare.db.upgrade()
    fill(bare)
    bare.db.upgrade()
    assert n_rows(bare, "applications") == 2
    bare.close()


def test_newer_schema_is_refused_in_one_line_and_left_alone(bare: Stage) -> None:
    bare.db.upgrade()
    bare.now(lambda connection: connection.execute(text("UPDATE alembic_version SET version_num = '9999'")))
    for refuse in (bare.db.upgrade, bare.db.check):
        with pytest.raises(SchemaError, match="9999") as refused:
            refuse()
        assert "\n" not in str(refused.value)
        assert migrate.head() in str(refused.value)
    version = bare.now(lambda connection: connection.execute(text("SELECT version_num FROM alembic_version")))
    assert version.scalar_one() == "9999"
    bare.close()


def test_database_without_tables_is_not_this_versions(bare: Stage) -> None:
    with pytest.raises(SchemaError, match="upgrade first"):
        bare.db.check()
    bare.close()


def test_upgrade_that_is_interrupted_leaves_no_table(bare: Stage) -> None:
    def interrupted(connection: Connection) -> None:
        migrate.upgrade(connection)
        assert "outbox" in inspect(connection).get_table_names()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bare.now(interrupted)
    assert bare.now(lambda connection: inspect(connection).get_table_names()) == []
    bare.db.upgrade()
    assert bare.now(differences) == []
    bare.close()


def test_two_that_start_at_once_upgrade_one_after_the_other(bare: Stage) -> None:
    stages = [bare, *(Stage(bare.url) for _ in range(3))]
    errors: list[BaseException] = []

    def upgrade(stage: Stage) -> None:
        try:
            stage.db.upgrade()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=upgrade, args=(stage,)) for stage in stages]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert bare.now(differences) == []
    for stage in stages:
        stage.close()


def test_first_schema_can_be_taken_back(bare: Stage) -> None:
    bare.db.upgrade()

    def down(connection: Connection) -> None:
        with Operations.context(MigrationContext.configure(connection)):
            v0001_first.downgrade()

    bare.now(down)
    assert bare.now(lambda connection: inspect(connection).get_table_names()) == ["alembic_version"]
    bare.close()


def test_new_file_is_its_owners_alone_and_keeps_what_is_committed(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    stage = Stage(f"sqlite:///{path}")
    stage.db.upgrade()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    values = [stage.now(pragma, name) for name in ("journal_mode", "synchronous", "foreign_keys")]
    assert values == ["wal", 2, 1]  # 2: FULL
    stage.close()
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_migrations_are_shipped_with_the_package() -> None:
    assert (migrate.MIGRATIONS / "versions" / "v0001_first.py").is_file()
    assert migrate.head() == v0001_first.revision
