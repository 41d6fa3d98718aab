"""Accounts and their applications (FAQ 4.4 to 4.6): who may order what, and where events are sent."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypedDict, Unpack

from sqlalchemy import Connection, RowMapping, func, select, update

from ivrcore.service.model import Account, ClientApp, Service, Standing
from ivrcore.service.store.errors import NotFound, RefusedChange
from ivrcore.service.store.rows import insert_if_new, micros
from ivrcore.service.store.schema import accounts as account_rows
from ivrcore.service.store.schema import applications

MOST_APPS = 5
"""Applications of an account (FAQ 4.6)."""

LONGEST_NAME = 64


class AccountChanges(TypedDict, total=False):
    """What of an account can be changed."""

    standing: Standing
    concurrency: int | None
    password: str


class AppChanges(TypedDict, total=False):
    """What of an application can be asked to change; `service` is always refused, unless it is the same."""

    secret: str
    name: str
    service: Service
    standing: Standing
    recording: bool
    status_url: str
    fee_url: str
    concurrency: int
    calls_per_second: float
    allowed_ips: tuple[str, ...]


def add_account(connection: Connection, account: Account) -> Account:
    """Store a new account. Its id is given here when it is 0; the account as it is stored is returned.

    Raises:
        RefusedChange: there is one of the same id, name or sp_id.
    """
    _check_name(account.name)
    values = _account_values(account)
    if account.id:
        values["id"] = account.id
    if not insert_if_new(connection, account_rows, values):
        raise RefusedChange(f"there is an account of this id, name or sp_id already: {account.name}")
    if account.id and connection.dialect.name == "postgresql":
        # PostgreSQL counts ids apart from the rows.
        highest = select(func.max(account_rows.c.id)).scalar_subquery()
        connection.execute(select(func.setval("accounts_id_seq", highest)))
    row = (
        connection.execute(select(account_rows).where(account_rows.c.sp_id == account.sp_id)).mappings().one()
    )
    return _account(row)


def account(connection: Connection, account_id: int) -> Account | None:
    """One account, None if there is none."""
    return _one_account(connection, account_rows.c.id == account_id)


def account_named(connection: Connection, name: str) -> Account | None:
    """The account of a user name, as the oldest login style gives it."""
    return _one_account(connection, account_rows.c.name == name)


def accounts(connection: Connection) -> list[Account]:
    """Every account, by id."""
    rows = connection.execute(select(account_rows).order_by(account_rows.c.id)).mappings()
    return [_account(row) for row in rows]


def set_account(connection: Connection, account_id: int, **changes: Unpack[AccountChanges]) -> Account:
    """Change an account.

    Raises:
        NotFound: there is none.
    """
    before = account(connection, account_id)
    if before is None:
        raise NotFound(f"there is no account {account_id}")
    values = _account_values(before) | dict(changes)
    values["standing"] = Standing(values["standing"]).value
    connection.execute(update(account_rows).where(account_rows.c.id == account_id).values(**values))
    after = account(connection, account_id)
    assert after is not None
    return after


def add_app(connection: Connection, app: ClientApp, now: datetime) -> None:
    """Store a new application of an account that is stored.

    Raises:
        NotFound: the account is not stored.
        RefusedChange: the account has five, or one of this name whatever its case; the name is empty or too
            long; an address holds a blank; the app_key is in use.
    """
    # The row's lock makes two at once count one after the other (on SQLite there is one writer).
    of_account = select(account_rows.c.id).where(account_rows.c.id == app.account.id).with_for_update()
    if connection.execute(of_account).first() is None:
        raise NotFound(f"there is no account {app.account.id}")
    _check_name(app.name)
    _check_addresses(app)
    count = select(func.count()).select_from(applications).where(applications.c.account_id == app.account.id)
    if connection.execute(count).scalar_one() >= MOST_APPS:
        raise RefusedChange(f"an account has at most {MOST_APPS} applications")
    _check_free(connection, app)
    values = _app_values(app) | {"app_key": app.app_key, "created_us": micros(now)}
    if not insert_if_new(connection, applications, values):
        raise RefusedChange(f"there is an application with this app_key already: {app.app_key}")


def app(connection: Connection, app_key: str) -> ClientApp | None:
    """One application with its account, None if there is none."""
    row = connection.execute(_APPS.where(applications.c.app_key == app_key)).mappings().first()
    return None if row is None else _app(row)


def apps(connection: Connection, account_id: int) -> list[ClientApp]:
    """The applications of an account, in the order they were made."""
    query = _APPS.where(applications.c.account_id == account_id)
    rows = connection.execute(query.order_by(applications.c.created_us, applications.c.app_key)).mappings()
    return [_app(row) for row in rows]


def set_app(connection: Connection, app_key: str, **changes: Unpack[AppChanges]) -> ClientApp:
    """Change an application, all of what is given or nothing.

    Raises:
        NotFound: there is none.
        RefusedChange: the service is fixed, recording stays on once it is, an address holds a blank, or the
            name is in use.
    """
    before = app(connection, app_key)
    if before is None:
        raise NotFound(f"there is no application {app_key}")
    after = _changed(before, changes)
    if after.service is not before.service:
        raise RefusedChange("the service of an application is fixed when it is made")
    if before.recording and not after.recording:
        raise RefusedChange("recording cannot be switched off again")
    _check_name(after.name)
    _check_addresses(after)
    _check_free(connection, after)
    connection.execute(
        update(applications).where(applications.c.app_key == app_key).values(**_app_values(after))
    )
    return after


_APPS = select(
    applications,
    *(column.label(f"account_{column.name}") for column in account_rows.c if column.name != "id"),
).join(account_rows, applications.c.account_id == account_rows.c.id)


def _changed(before: ClientApp, changes: Mapping[str, Any]) -> ClientApp:
    unknown = changes.keys() - AppChanges.__annotations__.keys()
    if unknown:
        raise RefusedChange(f"an application has no {min(unknown)} that could be changed")
    fields = {name: getattr(before, name) for name in AppChanges.__annotations__}
    return ClientApp(app_key=before.app_key, account=before.account, **(fields | dict(changes)))


def _check_name(name: str) -> None:
    if not name.strip():
        raise RefusedChange("a name is needed")
    if len(name) > LONGEST_NAME:
        raise RefusedChange(f"a name has at most {LONGEST_NAME} characters")


def _check_addresses(app: ClientApp) -> None:
    for what, address in (("status_url", app.status_url), ("fee_url", app.fee_url)):
        if any(character.isspace() for character in address):
            raise RefusedChange(f"{what} holds a blank or a line break")


def _check_free(connection: Connection, app: ClientApp) -> None:
    same = select(applications.c.app_key).where(
        applications.c.account_id == app.account.id,
        applications.c.folded_name == app.name.casefold(),
        applications.c.app_key != app.app_key,
    )
    if connection.execute(same).first() is not None:
        raise RefusedChange(f"the account has an application of this name already: {app.name}")


def _account_values(account: Account) -> dict[str, Any]:
    return {
        "name": account.name,
        "sp_id": account.sp_id,
        "standing": account.standing.value,
        "concurrency": account.concurrency,
        "password": account.password,
    }


def _app_values(app: ClientApp) -> dict[str, Any]:
    return {
        "account_id": app.account.id,
        "secret": app.secret,
        "name": app.name,
        "folded_name": app.name.casefold(),
        "service": app.service.value,
        "standing": app.standing.value,
        "recording": app.recording,
        "status_url": app.status_url,
        "fee_url": app.fee_url,
        "concurrency": app.concurrency,
        "calls_per_second": app.calls_per_second,
        "allowed_ips": json.dumps(app.allowed_ips),
    }


def _one_account(connection: Connection, where: Any) -> Account | None:
    row = connection.execute(select(account_rows).where(where)).mappings().first()
    return None if row is None else _account(row)


def _account(row: RowMapping) -> Account:
    return Account(
        id=row["id"],
        name=row["name"],
        sp_id=row["sp_id"],
        standing=Standing(row["standing"]),
        concurrency=row["concurrency"],
        password=row["password"],
    )


def _app(row: RowMapping) -> ClientApp:
    return ClientApp(
        app_key=row["app_key"],
        secret=row["secret"],
        account=Account(
            id=row["account_id"],
            name=row["account_name"],
            sp_id=row["account_sp_id"],
            standing=Standing(row["account_standing"]),
            concurrency=row["account_concurrency"],
            password=row["account_password"],
        ),
        name=row["name"],
        service=Service(row["service"]),
        standing=Standing(row["standing"]),
        recording=row["recording"],
        status_url=row["status_url"],
        fee_url=row["fee_url"],
        concurrency=row["concurrency"],
        calls_per_second=row["calls_per_second"],
        allowed_ips=tuple(json.loads(row["allowed_ips"])),
    )
