"""Nonces that were seen: an authenticated request cannot be sent a second time (D3)."""

from datetime import datetime

from sqlalchemy import Connection, delete

from ivrcore.service.store.rows import changed, insert_if_new, micros
from ivrcore.service.store.schema import nonces


def first_use(connection: Connection, app_key: str, nonce: str, now: datetime) -> bool:
    """Remember an application's nonce; False: it has been used before. True exactly once, whoever asks."""
    return insert_if_new(connection, nonces, {"app_key": app_key, "nonce": nonce, "seen_us": micros(now)})


def sweep(connection: Connection, before: datetime) -> int:
    """Forget the nonces seen before a moment, whose requests are too old anyway. Returns how many."""
    return changed(connection.execute(delete(nonces).where(nonces.c.seen_us < micros(before))))
