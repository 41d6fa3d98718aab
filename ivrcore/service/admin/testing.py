"""The admin API on a loopback socket, over a store of its own, with an operator of each kind."""

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, execute

from ivrcore.service.admin import accounts as account_changes
from ivrcore.service.admin import operators as operator_changes
from ivrcore.service.admin.by import By
from ivrcore.service.admin.ports import AdminPorts, Places
from ivrcore.service.api.settings import ApiSettings
from ivrcore.service.api.testing import Reply, ServedApi, World
from ivrcore.service.model import Account, ClientApp, Number, Role, Service
from ivrcore.service.store.testing import ImmediateDatabase

NOW = datetime(2026, 3, 1, 8, 15, 30, tzinfo=UTC)
NUMBER = "+8675528000001"
OTHER_NUMBER = "+8675528000009"


class AdminWorld:
    """Two accounts, an application and a number each, and an operator for each role on either level.

    Attributes:
        keys: of operators, by (role, account id or None).
        apps: of each account, by its id.
    """

    def __init__(self, directory: Path, settings: ApiSettings | None = None) -> None:
        self.database = ImmediateDatabase(directory)
        self.places = Places.below(directory)
        self.now = NOW
        self.keys: dict[tuple[Role, int | None], str] = {}
        self.apps: dict[int, ClientApp] = {}
        by = By("test", NOW)
        for account_id, number in ((1, NUMBER), (2, OTHER_NUMBER)):
            made = Account(account_id, f"account{account_id}", f"sp{account_id}")
            self.run(account_changes.create_account, by, made)
            new = account_changes.NewApp("calls", Service.CALLBACK)
            self.apps[account_id] = self.run(account_changes.create_app, by, account_id, new)
            issued = Number(number, account_id, None, "+8675528000099")
            self.run(account_changes.issue_number, by, issued)
        for role in Role:
            for account in (None, 1):
                name = f"{role.value}-{account or 'all'}"
                made_operator = self.run(operator_changes.create_operator, by, name, role, account)
                self.keys[role, account] = made_operator.key
        self.api = ServedApi(World(), settings or ApiSettings(), admin=self.ports())

    def ports(self) -> AdminPorts:
        """This world as the admin API sees it."""
        return AdminPorts(self.database, self.places, _at_once, lambda: self.now)

    def run(self, function: Callable[..., Any], *args: object, **kwargs: object) -> Any:
        """Carry out and commit."""
        return self.database.run_now(function, *args, **kwargs)

    def ask(
        self,
        method: str,
        path: str,
        body: bytes | Mapping[str, object] | None = None,
        role: Role = Role.OWNER,
        account: int | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """One request below /admin/v1, by an operator of the kind."""
        key = self.keys[role, account]
        told = {"Authorization": f"Bearer {key}", "Content-Type": "application/json", **(headers or {})}
        return self.api.request(method, f"/admin/v1{path}", body, told)

    def upload(self, name: str, audio: bytes, query: str = "", **who: Any) -> Reply:
        """A voice file of account 1, as the body itself."""
        headers = {"Content-Type": "audio/wav"}
        return self.ask("PUT", f"/accounts/1/voices/{name}{query}", audio, headers=headers, **who)

    def close(self) -> None:
        """End the store's threads."""
        self.database.close()


def error_of(reply: Reply) -> tuple[int, str, str]:
    """HTTP status, code and parameter of a refusal."""
    error: dict[str, str] = json.loads(reply.body)["error"]
    return reply.status, error["code"], error["parameter"]


def _at_once(work: Callable[[], Any]) -> "Deferred[Any]":
    return execute(partial(work))
