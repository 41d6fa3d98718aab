"""The store, as the commands of the administration use it: beside a running service, or without one.

They call the same functions as the admin API, on the store itself rather than over HTTP: so they work before
there is any operator, while the service is down, and with no key lying about. Who may read the settings and
write the store decides; the audit log names the user of the operating system.
"""

import getpass
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from ivrcore.service.admin.by import By
from ivrcore.service.admin.ports import Places
from ivrcore.service.model import Account, ClientApp, Number
from ivrcore.service.ops.offline import offline_store
from ivrcore.service.settings import ServiceSettings
from ivrcore.service.store import accounts, numbers
from ivrcore.service.store.database import Database
from ivrcore.service.store.errors import NotFound


@dataclass(frozen=True)
class AdminDesk:
    """An open store and its directories."""

    database: Database
    places: Places

    def change(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Carry out a change, which is told who makes it, and commit."""
        by = By(f"cli:{_user()}", datetime.now(UTC))
        return self.database.run_now(function, by, *args, **kwargs)

    def look(self, function: Callable[..., Any], *args: Any) -> Any:
        """Read."""
        return self.database.run_now(function, *args)

    def account(self, named: str) -> Account:
        """The account of a name or an id; "" for the only one there is. Raises NotFound."""
        found: Account = self.look(_account, named)
        return found

    def app(self, app_key: str) -> ClientApp:
        """An application of any account. Raises NotFound."""
        found: ClientApp | None = self.look(accounts.app, app_key)
        if found is None:
            raise NotFound(f"there is no application {app_key}")
        return found

    def number(self, number: str) -> Number:
        """A number of any account. Raises NotFound."""
        found: Number | None = self.look(numbers.number, number)
        if found is None:
            raise NotFound(f"there is no number {number}")
        return found


@contextmanager
def admin_desk(settings: ServiceSettings) -> Iterator[AdminDesk]:
    """Open the store of the settings. Raises StoreError: it is not there, or is of another version."""
    with offline_store(settings) as database:
        yield AdminDesk(database, Places.below(settings.data_dir))


def _account(connection: Connection, named: str) -> Account:
    if not named:
        known = accounts.accounts(connection)
        if len(known) == 1:
            return known[0]
        raise NotFound(f"there are {len(known)} accounts: name one with --account")
    found = accounts.account_named(connection, named)
    if found is None and named.isascii() and named.isdecimal() and len(named) <= 9:
        found = accounts.account(connection, int(named))
    if found is None:
        raise NotFound(f"there is no account {named}")
    return found


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no such user in this container
        return "unknown"
