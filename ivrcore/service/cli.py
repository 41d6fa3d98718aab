"""The service's commands: `ivrcore init`, `serve`, `bill`, `recordings` and `cdr replay`.

Each loads the settings, calls one function, and turns what it raises into one line.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from ivrcore.service.model import Service

if TYPE_CHECKING:  # what a service needs takes half a second to load: `ivrcore call` need not wait for it
    from ivrcore.service.settings import ServiceSettings

commands = typer.Typer(add_completion=False)
cdr = typer.Typer(add_completion=False, help="CDRs that could not be pushed.")
commands.add_typer(cdr, name="cdr")

T = TypeVar("T")

Config = Annotated[Path, typer.Option("--config", "-c", help="The service's settings.")]
CONFIG = Path("ivrcore.toml")


def carried_out(path: Path, act: "Callable[[ServiceSettings], T]") -> T:
    """Load the settings and act; whatever a person can mend ends in one line and status 2."""
    from ivrcore.service.settings import SettingsError, load
    from ivrcore.service.store.errors import StoreError
    from ivrcore.service.workers.errors import WorkerError
    from media.errors import MediaError
    from sip.errors import SipError

    try:
        return act(load(path))
    except (SettingsError, StoreError, WorkerError, SipError, MediaError, OSError, ValueError) as error:
        print(f"ivrcore: {' '.join(str(error).split())}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(2) from None


@commands.command()
def init(
    path: Annotated[Path, typer.Argument(help="The settings file to write.")] = CONFIG,
    account: Annotated[str, typer.Option(help="Name of the first account.")] = "first",
    name: Annotated[str, typer.Option(help="Name of its first application.")] = "first",
    service: Annotated[Service, typer.Option(help="What that application may order.")] = Service.CALLBACK,
    number: Annotated[
        list[str] | None, typer.Option(help="A fixed-line number of it, +… (several: repeat).")
    ] = None,
    bind_number: Annotated[str, typer.Option(help="Their business number.")] = "",
) -> None:
    """Write a commented settings file, and make the store with a first application."""
    from ivrcore.service.ops.init import First, run_init
    from ivrcore.service.settings import SettingsError
    from ivrcore.service.store.errors import StoreError

    first = First(account, name, service, numbers=tuple(number or ()), bind_number=bind_number)
    try:
        print(run_init(path, first).text(), end="")  # noqa: T201
    except (SettingsError, StoreError, OSError, ValueError) as error:
        print(f"ivrcore: {error}", file=sys.stderr)  # noqa: T201
        raise typer.Exit(2) from None


@commands.command()
def serve(
    config: Config = CONFIG,
    check: Annotated[bool, typer.Option("--check", help="Only say whether the settings can work.")] = False,
) -> None:
    """Serve the voice-call API until SIGTERM; SIGHUP leaves the calls to the next `serve`."""
    if check:
        from ivrcore.service.wiring import check_settings

        carried_out(config, check_settings)
        print(f"{config}: the settings can work")  # noqa: T201
        return
    from ivrcore.service.serve import run_serve

    raise typer.Exit(carried_out(config, run_serve))


@commands.command()
def bill(
    month: Annotated[str, typer.Option(help="YYYY-MM.")],
    as_csv: Annotated[bool, typer.Option("--csv", help="For a spreadsheet.")] = False,
    config: Config = CONFIG,
) -> None:
    """Print a month's statement: calls and number rent of every application."""
    from ivrcore.service.rules.statement import run_bill

    print(carried_out(config, lambda settings: run_bill(settings, month, as_csv=as_csv)), end="")  # noqa: T201


@commands.command()
def recordings(
    day: Annotated[str, typer.Option(help="YYYY-MM-DD, in UTC.")],
    app_key: Annotated[str, typer.Option(help="Of this application only.")] = "",
    config: Config = CONFIG,
) -> None:
    """List a day's recordings, for a download at night."""
    from ivrcore.service.rules.retention import run_recordings

    print(carried_out(config, lambda settings: run_recordings(settings, day, owner=app_key)), end="")  # noqa: T201


@cdr.command()
def replay(
    files: Annotated[list[Path] | None, typer.Argument(help="Of cdr-spool/; none for all of them.")] = None,
    url: Annotated[str, typer.Option(help="Push them there instead of to their own addresses.")] = "",
    config: Config = CONFIG,
) -> None:
    """Push spooled CDRs again."""
    from ivrcore.service.notify.replay import run_cdr_replay

    def act(settings: "ServiceSettings") -> int:
        return run_cdr_replay(settings, files or (), url or None)

    raise typer.Exit(carried_out(config, act))
