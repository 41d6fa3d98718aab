"""Fixed-line numbers (FAQ 5): whose they are, which application shows them, and whether they are in use."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, case, select, update

from ivrcore.service.model import Number, NumberState
from ivrcore.service.store.errors import NotFound, RefusedChange
from ivrcore.service.store.rows import insert_if_new, micros, moment, moment_or_none
from ivrcore.service.store.schema import applications, numbers


def add_number(connection: Connection, number: Number, now: datetime) -> None:
    """Issue a number to an account; `now` is its moment of issue unless it names one.

    Raises:
        RefusedChange: it has been issued before, also when released since (its rent is on a statement); or
            its application is of another account.
    """
    if number.app_key is not None:
        _check_owner(connection, number.app_key, number.account_id)
    values = {
        "number": number.number,
        "account_id": number.account_id,
        "app_key": number.app_key,
        "bind_number": number.bind_number,
        "shared": number.shared,
        "state": number.state.value,
        "issued_us": micros(number.issued_at or now),
        "released_us": None if number.released_at is None else micros(number.released_at),
    }
    if not insert_if_new(connection, numbers, values):
        raise RefusedChange(f"the number has been issued already: {number.number}")


def number(connection: Connection, number: str) -> Number | None:
    """One number, None if it was never issued."""
    row = connection.execute(select(numbers).where(numbers.c.number == number)).mappings().first()
    return None if row is None else _number(row)


def numbers_of_account(connection: Connection, account_id: int) -> list[Number]:
    """Every number ever issued to an account, in their own order; released ones included."""
    return _numbers(connection, numbers.c.account_id == account_id)


def of_bind_number(connection: Connection, bind_number: str) -> list[Number]:
    """The numbers that were issued together with a business number (bindNbr), released ones included."""
    return _numbers(connection, numbers.c.bind_number == bind_number)


def usable(connection: Connection, account_id: int, app_key: str) -> list[Number]:
    """What of an account can stand in for a paused number of an application (FAQ 5.10).

    All its numbers in use: those of the application first, then shared ones, then the others. That a number
    is listed does not mean that the application may ask for it: see `Number.app_key` and `Number.shared`.
    """
    nearness = case((numbers.c.app_key == app_key, 0), (numbers.c.shared, 1), else_=2)
    query = select(numbers).where(
        numbers.c.account_id == account_id, numbers.c.state == NumberState.IN_USE.value
    )
    rows = connection.execute(query.order_by(nearness, numbers.c.number)).mappings()
    return [_number(row) for row in rows]


def set_number_state(connection: Connection, number: str, state: NumberState, now: datetime) -> None:
    """Pause a number, use it again, or release it for ever (FAQ 5.15).

    Raises:
        NotFound: it was never issued.
        RefusedChange: it has been released.
    """
    values: dict[str, Any] = {"state": state.value}
    if state is NumberState.RELEASED:
        values["released_us"] = micros(now)
    # In one statement: of two at once, one cannot bring back what the other released.
    done = connection.execute(
        update(numbers)
        .where(numbers.c.number == number, numbers.c.state != NumberState.RELEASED.value)
        .values(**values)
    )
    if done.rowcount:
        return
    known = connection.execute(select(numbers.c.number).where(numbers.c.number == number)).first()
    if known is None:
        raise NotFound(f"there is no number {number}")
    if state is not NumberState.RELEASED:
        raise RefusedChange(f"the number has been released, which is for ever: {number}")


def assign(connection: Connection, number: str, app_key: str | None, *, shared: bool) -> None:
    """Give a number to an application of its account, or to none, and say whether the others may use it.

    Raises:
        NotFound: there is no such number, or no such application.
        RefusedChange: the application is of another account.
    """
    row = connection.execute(select(numbers.c.account_id).where(numbers.c.number == number)).first()
    if row is None:
        raise NotFound(f"there is no number {number}")
    if app_key is not None:
        _check_owner(connection, app_key, row.account_id)
    connection.execute(
        update(numbers).where(numbers.c.number == number).values(app_key=app_key, shared=shared)
    )


def _check_owner(connection: Connection, app_key: str, account_id: int) -> None:
    query = select(applications.c.account_id).where(applications.c.app_key == app_key)
    owner = connection.execute(query).scalar_one_or_none()
    if owner is None:
        raise NotFound(f"there is no application {app_key}")
    if owner != account_id:
        raise RefusedChange("the number and the application are of different accounts")


def _numbers(connection: Connection, where: Any) -> list[Number]:
    rows = connection.execute(select(numbers).where(where).order_by(numbers.c.number)).mappings()
    return [_number(row) for row in rows]


def _number(row: RowMapping) -> Number:
    return Number(
        number=row["number"],
        account_id=row["account_id"],
        app_key=row["app_key"],
        bind_number=row["bind_number"],
        shared=row["shared"],
        state=NumberState(row["state"]),
        issued_at=moment(row["issued_us"]),
        released_at=moment_or_none(row["released_us"]),
    )
