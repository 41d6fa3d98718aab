"""What each operation of the admin API does, by the name the table gives it.

Handlers read and change the store by plain functions; whatever these raise becomes an answer.
"""

from datetime import timedelta
from typing import Any

from pydantic.alias_generators import to_camel

from ivrcore.service.admin import accounts as changes
from ivrcore.service.admin import operators as operator_changes
from ivrcore.service.admin.answers import (
    AccountBody,
    AccountList,
    AppBody,
    AppList,
    AppWithSecret,
    AuditBody,
    AuditList,
    CallBody,
    CallList,
    NumberBody,
    NumberList,
    OperatorBody,
    OperatorList,
    OperatorWithKey,
)
from ivrcore.service.admin.asked import Asked
from ivrcore.service.admin.by import account_target
from ivrcore.service.admin.content_handlers import ContentHandlers
from ivrcore.service.admin.errors import AdminError
from ivrcore.service.admin.models import (
    AccountChange,
    AppChange,
    Change,
    NewAccount,
    NewAppBody,
    NewNumber,
    NewOperator,
    NumberChange,
)
from ivrcore.service.admin.operators import WithKey
from ivrcore.service.admin.roles import Action, may, sees
from ivrcore.service.model import Account, Number, NumberState
from ivrcore.service.store import accounts, audit, cdrs, numbers, operators

SEARCH_BACK = timedelta(days=62)
"""Calls are found for two months (FAQ 9.10)."""

_LIMITS = frozenset({"standing", "concurrency", "calls_per_second"})
"""Of an application: what the platform decides, not the account."""


class Handlers(ContentHandlers):
    """Accounts, applications, numbers, operators and what happened; content is in the class above."""

    async def me(self, asked: Asked) -> OperatorBody:
        """Who asks."""
        return OperatorBody.of(asked.operator)

    # -- accounts -----------------------------------------------------------------------------------------

    async def list_accounts(self, asked: Asked) -> AccountList:
        """Those the operator sees."""
        found = await self._read(accounts.accounts)
        seen = [AccountBody.of(one) for one in found if sees(asked.operator, one.id)]
        return AccountList.model_construct(items=seen)

    async def create_account(self, asked: Asked) -> AccountBody:
        """A new one; its spId is its name, unless it is given."""
        new = asked.order(NewAccount)
        account = Account(0, new.name, new.sp_id or new.name, concurrency=new.concurrency)
        return AccountBody.of(await self._run(changes.create_account, asked.by, account))

    async def get_account(self, asked: Asked) -> AccountBody:
        """One."""
        return AccountBody.of(await self._read(changes.existing, asked.account_id))

    async def change_account(self, asked: Asked) -> AccountBody:
        """Its standing, or how many calls it may have at once (null: any number)."""
        wanted = _wanted(asked.order(AccountChange))
        return AccountBody.of(await self._run(changes.change_account, asked.by, asked.account_id, **wanted))

    # -- applications -------------------------------------------------------------------------------------

    async def list_apps(self, asked: Asked) -> AppList:
        """All of an account."""
        await self._read(changes.existing, asked.account_id)
        found = await self._read(accounts.apps, asked.account_id)
        return AppList.model_construct(items=[AppBody.of(app) for app in found])

    async def create_app(self, asked: Asked) -> AppWithSecret:
        """A new one, with the secret that is told this once."""
        order = asked.order(NewAppBody)
        _check_limits(asked, order.model_fields_set)
        limits = changes.Limits(order.concurrency, order.calls_per_second)
        new = changes.NewApp(
            order.name,
            order.service,
            order.recording,
            order.status_url,
            order.fee_url,
            order.allowed_ips,
            limits,
        )
        app = await self._run(changes.create_app, asked.by, asked.account_id, new)
        return AppWithSecret.of(app, app_secret=app.secret)

    async def get_app(self, asked: Asked) -> AppBody:
        """One."""
        return AppBody.of(await self._read(changes.app_of, asked.account_id, asked.path["appKey"]))

    async def change_app(self, asked: Asked) -> AppBody:
        """Whatever is given, all or nothing."""
        wanted = _wanted(asked.order(AppChange))
        _check_limits(asked, wanted.keys())
        key = asked.path["appKey"]
        return AppBody.of(await self._run(changes.change_app, asked.by, asked.account_id, key, **wanted))

    async def replace_secret(self, asked: Asked) -> AppWithSecret:
        """A new secret, told this once."""
        app = await self._run(changes.replace_secret, asked.by, asked.account_id, asked.path["appKey"])
        return AppWithSecret.of(app, app_secret=app.secret)

    # -- numbers ------------------------------------------------------------------------------------------

    async def list_numbers(self, asked: Asked) -> NumberList:
        """All of an account, released ones included."""
        await self._read(changes.existing, asked.account_id)
        found = await self._read(numbers.numbers_of_account, asked.account_id)
        return NumberList.model_construct(items=[NumberBody.of(number) for number in found])

    async def issue_number(self, asked: Asked) -> NumberBody:
        """A new one for the account."""
        new = asked.order(NewNumber)
        number = Number(
            new.number,
            asked.account_id,
            new.app_key,
            new.bind_number or "",
            new.shared,
            issued_at=asked.by.at,
        )
        return NumberBody.of(await self._run(changes.issue_number, asked.by, number))

    async def get_number(self, asked: Asked) -> NumberBody:
        """One."""
        return NumberBody.of(await self._read(changes.number_of, asked.account_id, asked.path["number"]))

    async def change_number(self, asked: Asked) -> NumberBody:
        """Its state, its application, whether others may use it: in one transaction."""
        order = asked.order(NumberChange)
        wanted = _wanted(order)
        changed = await self._run(_change_number, asked, asked.path["number"], wanted)
        return NumberBody.of(changed)

    # -- operators ----------------------------------------------------------------------------------------

    async def list_operators(self, _asked: Asked) -> OperatorList:
        """All."""
        found = await self._read(operators.operators)
        return OperatorList.model_construct(items=[OperatorBody.of(operator) for operator in found])

    async def create_operator(self, asked: Asked) -> OperatorWithKey:
        """A new one, with the key that is told this once."""
        new = asked.order(NewOperator)
        made: WithKey = await self._run(
            operator_changes.create_operator, asked.by, new.name, new.role, new.account
        )
        return OperatorWithKey.of(made.operator, key=made.key)

    async def delete_operator(self, asked: Asked) -> None:
        """Forget one."""
        await self._run(operator_changes.delete_operator, asked.by, asked.path["name"])

    async def replace_key(self, asked: Asked) -> OperatorWithKey:
        """A new key, told this once."""
        made: WithKey = await self._run(operator_changes.replace_key, asked.by, asked.path["name"])
        return OperatorWithKey.of(made.operator, key=made.key)

    # -- what happened ------------------------------------------------------------------------------------

    async def search_calls(self, asked: Asked) -> CallList:
        """By a fragment of session or number, two months back."""
        fragment = str(asked.query.get("fragment", ""))
        since = asked.by.at - SEARCH_BACK
        found = await self._read(cdrs.search, _account_seen(asked), fragment, asked.limit, since)
        return CallList.model_construct(items=[CallBody.of(cdr) for cdr in found])

    async def list_audit(self, asked: Asked) -> AuditList:
        """One page."""
        account_id = _account_seen(asked)
        below = "" if account_id is None else account_target(account_id)
        found = await self._read(audit.entries, below, asked.limit, asked.number("before"))
        return AuditList.model_construct(items=[AuditBody.of(entry) for entry in found])


def _wanted(order: Change) -> dict[str, Any]:
    """What a change names, by attribute."""
    return {name: getattr(order, name) for name in sorted(order.model_fields_set)}


def _check_limits(asked: Asked, named: Any) -> None:
    touched = sorted(_LIMITS & set(named))
    if touched and not may(asked.operator, Action.CHANGE_LIMITS):
        text = f"an operator of an account may not {Action.CHANGE_LIMITS.value}"
        raise AdminError(403, text, to_camel(touched[0]))


def _account_seen(asked: Asked) -> int | None:
    """Whose data are asked for: an account's own operator gets no others. Raises AdminError 404."""
    wanted = asked.number("account")
    if wanted is None:
        return asked.operator.account_id
    if not sees(asked.operator, wanted):
        raise AdminError(404, "there is no such account", "account")
    return wanted


def _change_number(connection: Any, asked: Asked, number: str, wanted: dict[str, Any]) -> Number:
    by, account_id = asked.by, asked.account_id
    current = changes.number_of(connection, account_id, number)
    if "app_key" in wanted or "shared" in wanted:
        app_key = wanted.get("app_key", current.app_key)
        shared = wanted.get("shared", current.shared)
        current = changes.assign_number(connection, by, account_id, number, app_key, shared=shared)
    state: NumberState | None = wanted.get("state")
    if state is not None:
        current = changes.set_number_state(connection, by, account_id, number, state)
    return current
