"""`ivrcore account`, `app`, `number` and `operator`: the administration, on the store of the settings."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from ivrcore.service.cli import CONFIG, Config, carried_out
from ivrcore.service.cli_show import say, show
from ivrcore.service.model import NumberState, Role, Service, Standing

if TYPE_CHECKING:  # as in ivrcore.service.cli
    from ivrcore.service.admin.desk import AdminDesk
    from ivrcore.service.settings import ServiceSettings

T = TypeVar("T")


def _group(about: str) -> typer.Typer:
    return typer.Typer(add_completion=False, no_args_is_help=True, help=about)


groups = typer.Typer(add_completion=False)
account = _group("Customers.")
app = _group("Applications of customers.")
number = _group("Fixed-line numbers.")
operator = _group("Who may use the admin API.")
for name, group in (("account", account), ("app", app), ("number", number), ("operator", operator)):
    groups.add_typer(group, name=name)

AccountOption = Annotated[str, typer.Option("--account", help="Name or id; not needed when there is one.")]
AppKey = Annotated[str, typer.Argument(help="The application's app_key.")]
PhoneNumber = Annotated[str, typer.Argument(help="As displayNbr shows it, +…")]


def at_desk(config: Path, act: "Callable[[AdminDesk], T]") -> T:
    """Open the store and act; whatever a person can mend ends in one line and status 2."""

    def with_settings(settings: "ServiceSettings") -> T:
        from ivrcore.service.admin.desk import admin_desk

        with admin_desk(settings) as desk:
            return act(desk)

    return carried_out(config, with_settings)


def _given(**options: Any) -> dict[str, Any]:
    """The options that were given."""
    given = {name: value for name, value in options.items() if value is not None}
    if not given:
        raise typer.BadParameter("nothing to change: see --help")
    return given


# -- accounts ---------------------------------------------------------------------------------------------


@account.command("list")
def list_accounts(config: Config = CONFIG) -> None:
    """List the accounts."""

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.store import accounts

        rows = [
            (one.id, one.name, one.sp_id, one.standing.value, one.concurrency)
            for one in desk.look(accounts.accounts)
        ]
        show(("id", "name", "sp_id", "standing", "concurrency"), rows)

    at_desk(config, act)


@account.command("create")
def create_account(
    name: Annotated[str, typer.Argument(help="At most 64 characters.")],
    sp_id: Annotated[str, typer.Option(help="As pushes name it; the name unless given.")] = "",
    concurrency: Annotated[int | None, typer.Option(min=0, help="Calls at once; none: any number.")] = None,
    config: Config = CONFIG,
) -> None:
    """Make an account."""

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.admin import accounts as changes
        from ivrcore.service.model import Account

        made = desk.change(changes.create_account, Account(0, name, sp_id or name, concurrency=concurrency))
        say(f"account {made.id}")

    at_desk(config, act)


@account.command("set")
def set_account(
    which: Annotated[str, typer.Argument(help="Name or id.")],
    standing: Annotated[Standing | None, typer.Option(help="A suspended one orders nothing.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=-1, help="Calls at once; -1: any number.")] = None,
    config: Config = CONFIG,
) -> None:
    """Change an account."""
    wanted = _given(standing=standing, concurrency=concurrency)
    if concurrency == -1:
        wanted["concurrency"] = None

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.admin import accounts as changes

        desk.change(changes.change_account, desk.account(which).id, **wanted)

    at_desk(config, act)


# -- applications -----------------------------------------------------------------------------------------


@app.command("list")
def list_apps(of_account: AccountOption = "", config: Config = CONFIG) -> None:
    """List an account's applications."""

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.store import accounts

        rows = [
            (one.app_key, one.name, one.service.value, one.standing.value, one.recording, one.concurrency)
            for one in desk.look(accounts.apps, desk.account(of_account).id)
        ]
        show(("app_key", "name", "service", "standing", "recording", "concurrency"), rows)

    at_desk(config, act)


@app.command("create")
def create_app(
    name: Annotated[str, typer.Argument(help="At most 64 characters; letters have no case.")],
    service: Annotated[Service, typer.Option(help="What it may order; fixed from now on.")],
    recording: Annotated[bool, typer.Option("--recording", help="Allow it; for ever.")] = False,
    status_url: Annotated[str, typer.Option(help="Where status events are pushed.")] = "",
    fee_url: Annotated[str, typer.Option(help="Where CDRs are pushed.")] = "",
    of_account: AccountOption = "",
    config: Config = CONFIG,
) -> None:
    """Make an application; its secret is shown this once."""

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.admin import accounts as changes

        new = changes.NewApp(name, service, recording, status_url, fee_url)
        made = desk.change(changes.create_app, desk.account(of_account).id, new)
        say(f"app_key: {made.app_key}\napp_secret: {made.secret}\nThe secret is not shown again.")

    at_desk(config, act)


@app.command("set")
def set_app(
    app_key: AppKey,
    name: Annotated[str | None, typer.Option(help="At most 64 characters.")] = None,
    standing: Annotated[Standing | None, typer.Option(help="A suspended one orders nothing.")] = None,
    recording: Annotated[bool | None, typer.Option("--recording", help="Allow it; for ever.")] = None,
    status_url: Annotated[str | None, typer.Option(help="Where status events are pushed.")] = None,
    fee_url: Annotated[str | None, typer.Option(help="Where CDRs are pushed.")] = None,
    concurrency: Annotated[int | None, typer.Option(min=0, help="Calls at once.")] = None,
    calls_per_second: Annotated[float | None, typer.Option(min=0.01, help="Orders a second.")] = None,
    config: Config = CONFIG,
) -> None:
    """Change an application."""
    wanted = _given(
        name=name,
        standing=standing,
        recording=recording,
        status_url=status_url,
        fee_url=fee_url,
        concurrency=concurrency,
        calls_per_second=calls_per_second,
    )

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.admin import accounts as changes

        desk.change(changes.change_app, desk.app(app_key).account.id, app_key, **wanted)

    at_desk(config, act)


@app.command("secret")
def replace_secret(app_key: AppKey, config: Config = CONFIG) -> None:
    """Give an application a new secret; the old one is good no more."""

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.admin import accounts as changes

        made = desk.change(changes.replace_secret, desk.app(app_key).account.id, app_key)
        say(f"app_secret: {made.secret}\nThe secret is not shown again.")

    at_desk(config, act)


# -- numbers ----------------------------------------------------------------------------------------------


@number.command("list")
def list_numbers(of_account: AccountOption = "", config: Config = CONFIG) -> None:
    """List an account's numbers, released ones included."""

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.store import numbers

        rows = [
            (one.number, one.bind_number or None, one.state.value, one.app_key, one.shared)
            for one in desk.look(numbers.numbers_of_account, desk.account(of_account).id)
        ]
        show(("number", "bind_number", "state", "app_key", "shared"), rows)

    at_desk(config, act)


@number.command("issue")
def issue_number(
    new: PhoneNumber,
    bind_number: Annotated[str, typer.Option(help="Its business number.")] = "",
    app_key: Annotated[str | None, typer.Option("--app", help="The application it is for.")] = None,
    shared: Annotated[bool, typer.Option("--shared", help="Every application may show it.")] = False,
    of_account: AccountOption = "",
    config: Config = CONFIG,
) -> None:
    """Issue a number to an account."""

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.admin import accounts as changes
        from ivrcore.service.model import Number

        issued = Number(new, desk.account(of_account).id, app_key, bind_number, shared)
        desk.change(changes.issue_number, issued)

    at_desk(config, act)


@number.command("assign")
def assign_number(
    which: PhoneNumber,
    app_key: Annotated[str | None, typer.Option("--app", help="None: it is nobody's.")] = None,
    shared: Annotated[bool, typer.Option("--shared", help="Every application may show it.")] = False,
    config: Config = CONFIG,
) -> None:
    """Give a number to an application of its account, or to none."""

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.admin import accounts as changes

        account_id = desk.number(which).account_id
        desk.change(changes.assign_number, account_id, which, app_key, shared=shared)

    at_desk(config, act)


@number.command("pause")
def pause_number(which: PhoneNumber, config: Config = CONFIG) -> None:
    """Let other numbers of the account be shown instead."""
    _set_state(config, which, NumberState.PAUSED)


@number.command("resume")
def resume_number(which: PhoneNumber, config: Config = CONFIG) -> None:
    """Use a paused number again."""
    _set_state(config, which, NumberState.IN_USE)


@number.command("release")
def release_number(which: PhoneNumber, config: Config = CONFIG) -> None:
    """Give a number back, for ever."""
    _set_state(config, which, NumberState.RELEASED)


def _set_state(config: Path, which: str, state: NumberState) -> None:
    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.admin import accounts as changes

        desk.change(changes.set_number_state, desk.number(which).account_id, which, state)

    at_desk(config, act)


# -- operators --------------------------------------------------------------------------------------------


@operator.command("list")
def list_operators(config: Config = CONFIG) -> None:
    """List the operators."""

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.store import operators

        rows = [(one.name, one.role.value, one.account_id) for one in desk.look(operators.operators)]
        show(("name", "role", "account"), rows)

    at_desk(config, act)


@operator.command("create")
def create_operator(
    name: Annotated[str, typer.Argument(help="Letters, digits, - and _.")],
    role: Annotated[Role, typer.Option(help="What they may do.")],
    of_account: Annotated[str, typer.Option("--account", help="Their only one; none: the platform.")] = "",
    config: Config = CONFIG,
) -> None:
    """Make an operator; the key is shown this once."""

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.admin import operators as changes

        account_id = desk.account(of_account).id if of_account else None
        made = desk.change(changes.create_operator, name, role, account_id)
        say(f"key: {made.key}\nThe key is not shown again.")

    at_desk(config, act)


@operator.command("key")
def replace_key(name: Annotated[str, typer.Argument()], config: Config = CONFIG) -> None:
    """Give an operator a new key; the old one is good no more."""

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.admin import operators as changes

        made = desk.change(changes.replace_key, name)
        say(f"key: {made.key}\nThe key is not shown again.")

    at_desk(config, act)


@operator.command("delete")
def delete_operator(name: Annotated[str, typer.Argument()], config: Config = CONFIG) -> None:
    """Forget an operator."""

    def act(desk: "AdminDesk") -> None:
        from ivrcore.service.admin import operators as changes

        desk.change(changes.delete_operator, name)

    at_desk(config, act)
