"""Who changes something, and when: what every change is given, for its line in the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection

from ivrcore.service.model import AuditEntry
from ivrcore.service.store import audit

_LONGEST_WHO = 64


@dataclass(frozen=True)
class By:
    """Who, and when."""

    who: str
    at: datetime

    def note(
        self, connection: Connection, what: str, target: str, detail: Mapping[str, object] | None = None
    ) -> None:
        """Add a line to the audit log, in the change's own transaction."""
        audit.note(connection, AuditEntry(0, self.at, self.who[:_LONGEST_WHO], what, target, detail or {}))


def account_target(account_id: int, *below: str) -> str:
    """Where an account, or something of it, stands in the audit log."""
    return "/".join(("accounts", str(account_id), *below))
