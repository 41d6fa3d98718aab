"""Changes of operators, each with its line in the audit log in one transaction."""

import re
from dataclasses import dataclass, field

from sqlalchemy import Connection

from ivrcore.service.admin.by import By, account_target
from ivrcore.service.admin.keys import hashed, new_key
from ivrcore.service.model import Operator, Role
from ivrcore.service.store import operators
from ivrcore.service.store.errors import NotFound, RefusedChange

NAME = re.compile(r"[A-Za-z0-9_-]{1,48}", re.ASCII)


@dataclass(frozen=True)
class WithKey:
    """An operator with their key, which is shown this once."""

    operator: Operator
    key: str = field(repr=False)


def create_operator(
    connection: Connection, by: By, name: str, role: Role, account_id: int | None = None
) -> WithKey:
    """Make an operator, for one account or for the whole platform.

    Raises:
        NotFound: there is no such account.
        RefusedChange: the name is in use, or is none.
    """
    if not NAME.fullmatch(name):
        raise RefusedChange("an operator's name has 1 to 48 letters, digits, - or _")
    key = new_key(name)
    operators.add_operator(connection, Operator(name, role, account_id, hashed(key)), by.at)
    made = _existing(connection, name)
    by.note(connection, "operator.create", _target(made), {"role": role.value})
    return WithKey(made, key)


def replace_key(connection: Connection, by: By, name: str) -> WithKey:
    """Give an operator a new key; the old one is good no more. Raises NotFound."""
    operator = _existing(connection, name)
    key = new_key(name)
    operators.set_key(connection, name, hashed(key))
    by.note(connection, "operator.key", _target(operator))
    return WithKey(operator, key)


def delete_operator(connection: Connection, by: By, name: str) -> None:
    """Forget an operator, whose key is good no more.

    Raises:
        NotFound: there is none of this name.
        RefusedChange: it is the last owner of the platform.
    """
    operator = _existing(connection, name)
    owners = [
        one.name
        for one in operators.operators(connection)
        if one.role is Role.OWNER and one.account_id is None
    ]
    if owners == [name]:
        raise RefusedChange("the last owner of the platform cannot be deleted")
    operators.delete_operator(connection, name)
    by.note(connection, "operator.delete", _target(operator), {"role": operator.role.value})


def _existing(connection: Connection, name: str) -> Operator:
    operator = operators.operator(connection, name)
    if operator is None:
        raise NotFound(f"there is no operator {name}")
    return operator


def _target(operator: Operator) -> str:
    if operator.account_id is None:
        return f"operators/{operator.name}"
    return account_target(operator.account_id, "operators", operator.name)
