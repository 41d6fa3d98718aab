"""Which recordings are on disk, by the name a customer downloads them under."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, RowMapping, delete, select

from ivrcore.service.model import Recording
from ivrcore.service.store.rows import changed, insert_if_new, micros, moment
from ivrcore.service.store.schema import applications, recordings


def add(connection: Connection, recording: Recording) -> bool:
    """Store a recording. False: there is one of this name; it stays as it is."""
    return insert_if_new(
        connection,
        recordings,
        {
            "name": recording.name,
            "session": recording.session,
            "app_key": recording.app_key,
            "path": recording.path,
            "n_bytes": recording.n_bytes,
            "duration_s": recording.duration_s,
            "created_us": micros(recording.created_at),
        },
    )


def recording(connection: Connection, name: str) -> Recording | None:
    """The recording of a name, None if there is none."""
    row = connection.execute(select(recordings).where(recordings.c.name == name)).mappings().first()
    return None if row is None else _recording(row)


def of(connection: Connection, session: str) -> list[Recording]:
    """The recordings of a call, the oldest first."""
    return _recordings(connection, recordings.c.session == session)


def older_than(connection: Connection, moment: datetime, limit: int) -> list[Recording]:
    """Recordings made before a moment, the oldest first."""
    return _recordings(connection, recordings.c.created_us < micros(moment), limit=limit)


def on_day(connection: Connection, owner: str | int, day: date) -> list[Recording]:
    """A UTC day's recordings of an application (its app_key) or an account (its id), the oldest first."""
    start = datetime.combine(day, time(tzinfo=UTC))
    if isinstance(owner, str):
        owned = recordings.c.app_key == owner
    else:
        of_account = select(applications.c.app_key).where(applications.c.account_id == owner)
        owned = recordings.c.app_key.in_(of_account)
    return _recordings(
        connection,
        owned,
        recordings.c.created_us >= micros(start),
        recordings.c.created_us < micros(start + timedelta(days=1)),
    )


def remove(connection: Connection, name: str) -> bool:
    """Forget a recording; its file is the caller's. False: there is none."""
    return changed(connection.execute(delete(recordings).where(recordings.c.name == name))) == 1


def _recordings(connection: Connection, *where: Any, limit: int | None = None) -> list[Recording]:
    query = select(recordings).where(*where).order_by(recordings.c.created_us, recordings.c.name)
    return [_recording(row) for row in connection.execute(query.limit(limit)).mappings()]


def _recording(row: RowMapping) -> Recording:
    return Recording(
        name=row["name"],
        session=row["session"],
        app_key=row["app_key"],
        path=row["path"],
        n_bytes=row["n_bytes"],
        duration_s=row["duration_s"],
        created_at=moment(row["created_us"]),
    )
