"""Changes of accounts, applications and numbers, each with its line in the audit log in one transaction.

The rules are the store's (ivrcore.service.store.accounts, numbers); here is what an operator may order.
"""

from dataclasses import dataclass, field
from typing import Unpack

from sqlalchemy import Connection

from ivrcore.service.admin.address import is_push_address, without_query
from ivrcore.service.admin.by import By, account_target
from ivrcore.service.admin.keys import APP_KEY_LENGTH, SECRET_LENGTH, random_text
from ivrcore.service.model import Account, ClientApp, Number, NumberState, Service
from ivrcore.service.store import accounts, numbers
from ivrcore.service.store.accounts import AccountChanges, AppChanges
from ivrcore.service.store.errors import NotFound, RefusedChange

_ADDRESSES = ("status_url", "fee_url")


@dataclass(frozen=True)
class Limits:
    """What an application may use at once."""

    concurrency: int = 10
    calls_per_second: float = 50.0


@dataclass(frozen=True)
class NewApp:
    """What an application is made of; its key and secret are made here."""

    name: str
    service: Service
    recording: bool = False
    status_url: str = ""
    fee_url: str = ""
    allowed_ips: tuple[str, ...] = ()
    limits: Limits = field(default=Limits())


def existing(connection: Connection, account_id: int) -> Account:
    """One account. Raises NotFound."""
    account = accounts.account(connection, account_id)
    if account is None:
        raise NotFound(f"there is no account {account_id}")
    return account


def app_of(connection: Connection, account_id: int, app_key: str) -> ClientApp:
    """One application of an account. Raises NotFound, also for another account's."""
    app = accounts.app(connection, app_key)
    if app is None or app.account.id != account_id:
        raise NotFound(f"the account has no application {app_key}")
    return app


def number_of(connection: Connection, account_id: int, number: str) -> Number:
    """One number of an account. Raises NotFound, also for another account's."""
    found = numbers.number(connection, number)
    if found is None or found.account_id != account_id:
        raise NotFound(f"the account has no number {number}")
    return found


def create_account(connection: Connection, by: By, account: Account) -> Account:
    """Make an account. Raises RefusedChange: name or sp_id are in use."""
    made = accounts.add_account(connection, account)
    by.note(
        connection,
        "account.create",
        account_target(made.id),
        {"name": made.name, "spId": made.sp_id, "concurrency": made.concurrency},
    )
    return made


def change_account(
    connection: Connection, by: By, account_id: int, **changes: Unpack[AccountChanges]
) -> Account:
    """Change an account. Raises NotFound."""
    after = accounts.set_account(connection, account_id, **changes)
    detail: dict[str, object] = {}
    if "standing" in changes:
        detail["standing"] = after.standing.value
    if "concurrency" in changes:
        detail["concurrency"] = after.concurrency
    if "password" in changes:
        detail["password"] = "replaced"
    by.note(connection, "account.change", account_target(account_id), detail)
    return after


def create_app(connection: Connection, by: By, account_id: int, new: NewApp) -> ClientApp:
    """Make an application; the secret in what is returned is not to be had again.

    Raises:
        NotFound: there is no such account.
        RefusedChange: the account has five, or one of this name; only a callback can be recorded (FAQ 2.3);
            an address for pushes is none.
    """
    _check_recording(new.service, recording=new.recording)
    _check_addresses(new.status_url, new.fee_url)
    app = ClientApp(
        app_key=random_text(APP_KEY_LENGTH),
        secret=random_text(SECRET_LENGTH),
        account=existing(connection, account_id),
        name=new.name,
        service=new.service,
        recording=new.recording,
        status_url=new.status_url,
        fee_url=new.fee_url,
        concurrency=new.limits.concurrency,
        calls_per_second=new.limits.calls_per_second,
        allowed_ips=new.allowed_ips,
    )
    accounts.add_app(connection, app, by.at)
    detail = {"name": app.name, "service": app.service.value, "recording": app.recording}
    by.note(connection, "app.create", _app_target(app), detail)
    return app


def change_app(
    connection: Connection, by: By, account_id: int, app_key: str, **changes: Unpack[AppChanges]
) -> ClientApp:
    """Change an application; not its secret, see `replace_secret`.

    Raises:
        NotFound: the account has none of this key.
        RefusedChange: the service is fixed, recording stays on, or the name is in use.
    """
    before = app_of(connection, account_id, app_key)
    _check_recording(before.service, recording=changes.get("recording", False))
    _check_addresses(changes.get("status_url", ""), changes.get("fee_url", ""))
    after = accounts.set_app(connection, app_key, **changes)
    detail: dict[str, object] = {}
    for name in changes:
        value = getattr(after, name)
        if name in _ADDRESSES:
            value = without_query(value)
        detail[name] = getattr(value, "value", value)
    by.note(connection, "app.change", _app_target(after), detail)
    return after


def replace_secret(connection: Connection, by: By, account_id: int, app_key: str) -> ClientApp:
    """Give an application a new secret; the old one is good no more. Raises NotFound."""
    app_of(connection, account_id, app_key)
    after = accounts.set_app(connection, app_key, secret=random_text(SECRET_LENGTH))
    by.note(connection, "app.secret", _app_target(after))
    return after


def issue_number(connection: Connection, by: By, number: Number) -> Number:
    """Issue a number to an account.

    Raises:
        NotFound: there is no such account or application.
        RefusedChange: it has been issued before, or the application is another account's.
    """
    existing(connection, number.account_id)
    numbers.add_number(connection, number, by.at)
    detail = {"bindNumber": number.bind_number, "appKey": number.app_key, "shared": number.shared}
    by.note(connection, "number.issue", _number_target(number), detail)
    return number_of(connection, number.account_id, number.number)


def set_number_state(
    connection: Connection, by: By, account_id: int, number: str, state: NumberState
) -> Number:
    """Pause a number, use it again, or release it for ever.

    Raises:
        NotFound: the account has no such number.
        RefusedChange: it has been released.
    """
    before = number_of(connection, account_id, number)
    numbers.set_number_state(connection, number, state, by.at)
    words = {
        NumberState.IN_USE: "number.resume",
        NumberState.PAUSED: "number.pause",
        NumberState.RELEASED: "number.release",
    }
    by.note(connection, words[state], _number_target(before), {"before": before.state.value})
    return number_of(connection, account_id, number)


def assign_number(
    connection: Connection, by: By, account_id: int, number: str, app_key: str | None, *, shared: bool
) -> Number:
    """Give a number to an application or to none, and say whether the others may use it.

    Raises:
        NotFound: the account has no such number or application.
        RefusedChange: the application is another account's, or the number has been released.
    """
    before = number_of(connection, account_id, number)
    if before.state is NumberState.RELEASED:
        raise RefusedChange(f"the number has been released, which is for ever: {number}")
    numbers.assign(connection, number, app_key, shared=shared)
    by.note(connection, "number.assign", _number_target(before), {"appKey": app_key, "shared": shared})
    return number_of(connection, account_id, number)


def _check_recording(service: Service, *, recording: bool) -> None:
    if recording and service is not Service.CALLBACK:
        raise RefusedChange("only a callback can be recorded")


def _check_addresses(*urls: str) -> None:
    for url in urls:
        if url and not is_push_address(url):
            raise RefusedChange("an address for pushes is http(s)://host, with a port and a path if need be")


def _app_target(app: ClientApp) -> str:
    return account_target(app.account.id, "apps", app.app_key)


def _number_target(number: Number) -> str:
    return account_target(number.account_id, "numbers", number.number)
