"""Operators: who may use the admin API, by the hash of their key."""

from datetime import datetime

from sqlalchemy import Connection, RowMapping, delete, select, update

from ivrcore.service.model import Operator, Role
from ivrcore.service.store.errors import NotFound, RefusedChange
from ivrcore.service.store.rows import insert_if_new, micros, moment
from ivrcore.service.store.schema import accounts
from ivrcore.service.store.schema import operators as operator_rows


def add_operator(connection: Connection, operator: Operator, now: datetime) -> None:
    """Store a new operator.

    Raises:
        NotFound: its account is not stored.
        RefusedChange: there is one of this name.
    """
    if operator.account_id is not None:
        query = select(accounts.c.id).where(accounts.c.id == operator.account_id)
        if connection.execute(query).first() is None:
            raise NotFound(f"there is no account {operator.account_id}")
    values = {
        "name": operator.name,
        "role": operator.role.value,
        "account_id": operator.account_id,
        "key_hash": operator.key_hash,
        "created_us": micros(now),
    }
    if not insert_if_new(connection, operator_rows, values):
        raise RefusedChange(f"there is an operator of this name already: {operator.name}")


def operator(connection: Connection, name: str) -> Operator | None:
    """One operator, None if there is none."""
    row = connection.execute(select(operator_rows).where(operator_rows.c.name == name)).mappings().first()
    return None if row is None else _operator(row)


def operators(connection: Connection) -> list[Operator]:
    """Every operator, by name."""
    rows = connection.execute(select(operator_rows).order_by(operator_rows.c.name)).mappings()
    return [_operator(row) for row in rows]


def set_key(connection: Connection, name: str, key_hash: str) -> None:
    """Replace an operator's key. Raises NotFound if there is none."""
    done = connection.execute(
        update(operator_rows).where(operator_rows.c.name == name).values(key_hash=key_hash)
    )
    if not done.rowcount:
        raise NotFound(f"there is no operator {name}")


def delete_operator(connection: Connection, name: str) -> None:
    """Forget an operator. Raises NotFound if there is none."""
    if not connection.execute(delete(operator_rows).where(operator_rows.c.name == name)).rowcount:
        raise NotFound(f"there is no operator {name}")


def _operator(row: RowMapping) -> Operator:
    return Operator(
        name=row["name"],
        role=Role(row["role"]),
        account_id=row["account_id"],
        key_hash=row["key_hash"],
        created_at=moment(row["created_us"]),
    )
