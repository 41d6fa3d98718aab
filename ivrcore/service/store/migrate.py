"""Brings the tables to this version's schema, and refuses to touch a newer one.

The migrations are ordinary modules below `migrations/versions`, run by Alembic as a library: no ini file, no
command. One upgrade is one transaction on both databases, so a kill leaves the old schema or the new one.
"""

from pathlib import Path
from typing import Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from ivrcore.service.store.errors import SchemaError
from ivrcore.service.store.schema import metadata

MIGRATIONS = Path(__file__).parent / "migrations"

_UPGRADE_LOCK = 0x697672636F7265
"""Of PostgreSQL's advisory locks: "ivrcore". Two processes that start at once upgrade one after the other."""


def upgrade(connection: Connection) -> None:
    """Bring the tables to the head revision, in the caller's transaction.

    Raises:
        SchemaError: the tables were made by a newer version.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _UPGRADE_LOCK})
    config, script = _scripts()
    _refuse_unknown(connection, script)

    def steps(revision: Any, _context: MigrationContext) -> Any:
        return script._upgrade_revs("head", revision)

    with EnvironmentContext(config, script, fn=steps) as environment:
        # Alembic thinks SQLite cannot roll DDL back; it can, when the transaction is begun by BEGIN.
        environment.configure(connection=connection, target_metadata=metadata, transactional_ddl=True)
        environment.run_migrations()


def head() -> str:
    """The revision of this version's schema."""
    _, script = _scripts()
    return script.get_current_head() or ""


def check(connection: Connection) -> None:
    """Raise SchemaError, with what to do, unless the tables have this version's schema."""
    _, script = _scripts()
    _refuse_unknown(connection, script)
    if MigrationContext.configure(connection).get_current_revision() != script.get_current_head():
        raise SchemaError("the database has no tables, or those of an older version: run the upgrade first")


def _scripts() -> tuple[Config, ScriptDirectory]:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config, ScriptDirectory.from_config(config)


def _refuse_unknown(connection: Connection, script: ScriptDirectory) -> None:
    current = MigrationContext.configure(connection).get_current_revision()
    known = {revision.revision for revision in script.walk_revisions()}
    if current is not None and current not in known:
        raise SchemaError(
            f"the database has schema {current}, which this version does not know (its own is "
            f"{script.get_current_head()}): use the newer version of the program that made it"
        )
