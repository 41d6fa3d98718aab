"""Access tokens of the oldest login style.

Tokens are random and long, and only their SHA-256 is stored: who reads the database cannot use them.
"""

import secrets
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import Connection, delete, insert, select

from ivrcore.service.store.rows import changed, micros
from ivrcore.service.store.schema import tokens

LIFETIME = timedelta(hours=48)
"""Of an access token, as the service says in `expires_in`."""

_RANDOM_BYTES = 32


@dataclass(frozen=True)
class Token:
    """What a log-in hands out."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    app_key: str
    expires_at: datetime


def issue(connection: Connection, app_key: str, now: datetime, lifetime: timedelta = LIFETIME) -> Token:
    """Make an access token for an application."""
    token = Token(
        access_token=secrets.token_urlsafe(_RANDOM_BYTES),
        refresh_token=secrets.token_urlsafe(_RANDOM_BYTES),
        app_key=app_key,
        expires_at=now + lifetime,
    )
    connection.execute(
        insert(tokens).values(
            token=_digest(token.access_token),
            refresh=_digest(token.refresh_token),
            app_key=app_key,
            expires_us=micros(token.expires_at),
        )
    )
    return token


def find(connection: Connection, access_token: str, now: datetime) -> str | None:
    """The app_key of a token; None when it is unknown, revoked or expired."""
    query = select(tokens.c.app_key).where(
        tokens.c.token == _digest(access_token), tokens.c.expires_us > micros(now)
    )
    return connection.execute(query).scalar_one_or_none()


def refresh(
    connection: Connection, app_key: str, refresh_token: str, now: datetime, lifetime: timedelta = LIFETIME
) -> Token | None:
    """Exchange a refresh token for new ones, once; the old access token ends with it.

    None: it is unknown, used, or of another application. An expired access token can be refreshed until
    `sweep` forgets it.
    """
    # Deleting it is what decides: of two at once, one deletes a row and the other none.
    done = connection.execute(
        delete(tokens).where(tokens.c.refresh == _digest(refresh_token), tokens.c.app_key == app_key)
    )
    return issue(connection, app_key, now, lifetime) if done.rowcount else None


def revoke(connection: Connection, access_token: str) -> bool:
    """End a token and its refresh token. False: there is none."""
    return bool(changed(connection.execute(delete(tokens).where(tokens.c.token == _digest(access_token)))))


def sweep(connection: Connection, before: datetime) -> int:
    """Forget the tokens that expired before a moment. Returns how many."""
    return changed(connection.execute(delete(tokens).where(tokens.c.expires_us < micros(before))))


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
