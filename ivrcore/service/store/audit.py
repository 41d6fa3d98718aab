"""The audit log: who changed what, and when. Entries are added, and never changed."""

from sqlalchemy import Connection, RowMapping, insert, or_, select

from ivrcore.service.model import AuditEntry
from ivrcore.service.store.rows import micros, moment, of_json, to_json
from ivrcore.service.store.schema import audit


def note(connection: Connection, entry: AuditEntry) -> None:
    """Add an entry, in the transaction of the change it tells of; its id is given here."""
    connection.execute(
        insert(audit).values(
            at_us=micros(entry.at),
            who=entry.who,
            what=entry.what,
            target=entry.target,
            detail=to_json(entry.detail),
        )
    )


def entries(
    connection: Connection, below: str = "", limit: int = 100, before_id: int | None = None
) -> list[AuditEntry]:
    """The latest entries, the last one first.

    Args:
        below: only those of this target, or of one below it; "" for all.
        before_id: only older ones: to turn the page.
    """
    query = select(audit)
    if below:
        under = audit.c.target.startswith(f"{below}/", autoescape=True)
        query = query.where(or_(audit.c.target == below, under))
    if before_id is not None:
        query = query.where(audit.c.id < before_id)
    rows = connection.execute(query.order_by(audit.c.id.desc()).limit(limit)).mappings()
    return [_entry(row) for row in rows]


def _entry(row: RowMapping) -> AuditEntry:
    return AuditEntry(
        id=row["id"],
        at=moment(row["at_us"]),
        who=row["who"],
        what=row["what"],
        target=row["target"],
        detail=of_json(row["detail"]),
    )
