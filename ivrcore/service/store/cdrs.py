"""CDRs: a row for each accepted request, completed exactly once."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, RowMapping, or_, select, update

from ivrcore.service.model import Service
from ivrcore.service.store.rows import changed, micros, moment_or_none, of_json, ordered, to_json
from ivrcore.service.store.schema import calls, cdrs


@dataclass(frozen=True)
class Cdr:
    """The record of one accepted request, with the numbers of its call.

    Attributes:
        ended_at: None while the call is open; the rest below it says nothing then.
        fee: the FeeInfo as it is pushed.
        record: `CallRecord.as_json()`.
        billed_minutes_a, billed_minutes_b: started minutes of each leg.
        amount: in the configured currency.
    """

    session: str
    app_key: str
    account_id: int
    service: Service
    accepted_at: datetime
    display_a: str
    a_number: str
    display_b: str
    b_number: str
    bind_number: str
    ended_at: datetime | None = None
    state_code: int | None = None
    fee: Mapping[str, object] = field(default_factory=dict, repr=False)
    record: Mapping[str, object] = field(default_factory=dict, repr=False)
    billed_minutes_a: int = 0
    billed_minutes_b: int = 0
    amount: Decimal = Decimal(0)


def complete(
    connection: Connection,
    session: str,
    ended_at: datetime,
    state_code: int,
    fee: Mapping[str, object],
    record: Mapping[str, object],
    billed_a: int,
    billed_b: int,
    amount: Decimal | str,
) -> bool:
    """Complete a CDR. True exactly once; False: it is unknown or has been completed, and stays as it is."""
    done = connection.execute(
        update(cdrs)
        .where(cdrs.c.session == session, cdrs.c.ended_us.is_(None))
        .values(
            ended_us=micros(ended_at),
            state_code=state_code,
            fee=to_json(fee),
            record=to_json(record),
            billed_minutes_a=billed_a,
            billed_minutes_b=billed_b,
            amount=str(amount),
        )
    )
    return changed(done) == 1


def cdr(connection: Connection, session: str) -> Cdr | None:
    """One CDR, complete or not; None if there is none."""
    row = connection.execute(_CDRS.where(cdrs.c.session == session)).mappings().first()
    return None if row is None else _cdr(row)


def between(connection: Connection, account_id: int | None, start: datetime, end: datetime) -> list[Cdr]:
    """The CDRs of calls that ended from `start` on and before `end`, in that order; None: of all accounts."""
    query = _CDRS.where(cdrs.c.ended_us >= micros(start), cdrs.c.ended_us < micros(end))
    if account_id is not None:
        query = query.where(cdrs.c.account_id == account_id)
    rows = connection.execute(query.order_by(cdrs.c.ended_us, cdrs.c.session)).mappings()
    return [_cdr(row) for row in rows]


def search(
    connection: Connection,
    account_id: int | None,
    fragment: str,
    limit: int,
    since: datetime | None = None,
) -> list[Cdr]:
    """The latest CDRs whose session or one of whose numbers holds a fragment, whatever its case (FAQ 9.10).

    Args:
        account_id: None for all accounts.
        fragment: taken literally; "" finds every one.
        since: leave out what was accepted before.
    """
    columns = (calls.c.session, calls.c.display_a, calls.c.a_number, calls.c.display_b, calls.c.b_number)
    query = _CDRS.where(or_(*(column.icontains(fragment, autoescape=True) for column in columns)))
    if account_id is not None:
        query = query.where(cdrs.c.account_id == account_id)
    if since is not None:
        query = query.where(cdrs.c.accepted_us >= micros(since))
    latest_first = query.order_by(cdrs.c.accepted_us.desc(), cdrs.c.session).limit(limit)
    return [_cdr(row) for row in connection.execute(latest_first).mappings()]


_OF_THE_CALL: tuple[Any, ...] = (
    calls.c.display_a,
    calls.c.a_number,
    calls.c.display_b,
    calls.c.b_number,
    calls.c.bind_number,
)
_CDRS = select(cdrs, *_OF_THE_CALL).join(calls, calls.c.session == cdrs.c.session)


def _cdr(row: RowMapping) -> Cdr:
    return Cdr(
        **ordered(row),
        ended_at=moment_or_none(row["ended_us"]),
        state_code=row["state_code"],
        fee=of_json(row["fee"]),
        record=of_json(row["record"]),
        billed_minutes_a=row["billed_minutes_a"],
        billed_minutes_b=row["billed_minutes_b"],
        amount=Decimal(row["amount"]),
    )
