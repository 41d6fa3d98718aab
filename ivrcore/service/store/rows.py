"""How values are written in the tables: moments, JSON, and rows that may be there already."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any, cast

from sqlalchemy import Connection, RowMapping, Table
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.engine import CursorResult

from ivrcore.service.model import Service

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def micros(moment: datetime) -> int:
    """Microseconds since 1970, exact. Raises TypeError for a naive moment."""
    return (moment - EPOCH) // MICROSECOND


def moment(n_us: int) -> datetime:
    """The aware UTC moment of microseconds since 1970."""
    return EPOCH + timedelta(microseconds=n_us)


def moment_or_none(n_us: int | None) -> datetime | None:
    """As `moment`; None stays None."""
    return None if n_us is None else moment(n_us)


def to_json(value: Mapping[str, object] | list[object]) -> str:
    """Compact JSON, in its own characters: Chinese text stays readable, and short."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def of_json(text: str) -> dict[str, object]:
    """The object that `to_json` wrote."""
    return cast(dict[str, object], json.loads(text))


def ordered(row: RowMapping) -> dict[str, Any]:
    """What a call and its CDR both tell of what was ordered, as arguments of either."""
    return {
        "session": row["session"],
        "app_key": row["app_key"],
        "account_id": row["account_id"],
        "service": Service(row["service"]),
        "accepted_at": moment(row["accepted_us"]),
        "display_a": row["display_a"],
        "a_number": row["a_number"],
        "display_b": row["display_b"],
        "b_number": row["b_number"],
        "bind_number": row["bind_number"],
    }


def insert_if_new(connection: Connection, table: Table, values: Mapping[str, object]) -> bool:
    """Insert one row; False, and no change, when one of its keys is there already.

    Two transactions may try at once: the second waits for the first, and then learns which it is.
    """
    result = connection.execute(_insert_if_new(connection.dialect.name, table), dict(values))
    return changed(result) == 1


@cache
def _insert_if_new(dialect: str, table: Table) -> Any:
    """The statement without its values: made once, for making it takes longer than the database does."""
    insert: Any = postgresql.insert if dialect == "postgresql" else sqlite.insert
    # SQLAlchemy forgets the count of an INSERT unless told, and the new id, asked back, would take its place.
    return insert(table).on_conflict_do_nothing().inline().execution_options(preserve_rowcount=True)


def changed(result: CursorResult[Any]) -> int:
    """How many rows an INSERT, UPDATE or DELETE changed."""
    return result.rowcount
