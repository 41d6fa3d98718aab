"""Forgetting what is old: call details are kept for two months (FAQ 9.10).

Recordings have their own time, and their files: see `recordings.older_than`.
"""

from datetime import datetime

from sqlalchemy import Connection, delete, select

from ivrcore.service.model import PushState
from ivrcore.service.store.rows import changed, micros
from ivrcore.service.store.schema import calls, cdrs, outbox


def delete_details_before(connection: Connection, moment: datetime, limit: int | None = None) -> int:
    """Delete the calls that ended before a moment, with their events and CDRs, and pushes done before it.

    An open call stays, a call whose CDR is not complete stays, and so does a push that still waits.

    Args:
        limit: calls at the most, the longest ended first, so that writers do not wait long; call it again
            until it deletes none.

    Returns:
        How many calls were deleted.
    """
    old = (
        select(calls.c.session)
        .join(cdrs, cdrs.c.session == calls.c.session)
        .where(calls.c.ended_us < micros(moment), cdrs.c.ended_us.is_not(None))
        .order_by(calls.c.ended_us)
        .limit(limit)
    )
    n_deleted = changed(connection.execute(delete(calls).where(calls.c.session.in_(old))))
    connection.execute(
        delete(outbox).where(outbox.c.state != PushState.PENDING.value, outbox.c.due_us < micros(moment))
    )
    return n_deleted
