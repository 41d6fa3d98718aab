"""`ivrcore init`: a settings file, the tables, and a first account with one application."""

import os
import secrets
import string
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import Connection

from ivrcore.service.model import Account, ClientApp, Number, Service
from ivrcore.service.ops.offline import offline_store
from ivrcore.service.ops.template import commented_toml
from ivrcore.service.settings import SettingsError, load
from ivrcore.service.store import accounts, numbers

KEY_LENGTH = 28
SECRET_LENGTH = 40
_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True)
class First:
    """What is made besides the file.

    Attributes:
        numbers: fixed-line numbers issued to the application, as displayNbr shows them.
        bind_number: their business number.
    """

    account: str = "first"
    application: str = "first"
    service: Service = Service.CALLBACK
    recording: bool = True
    numbers: tuple[str, ...] = ()
    bind_number: str = ""


@dataclass(frozen=True)
class Initialised:
    """What was made. The secret is in the store, and nowhere else."""

    path: Path
    app_key: str
    secret: str = field(repr=False)

    def text(self) -> str:
        """What is printed, once."""
        return (
            f"Settings: {self.path}\n"
            f"app_key: {self.app_key}\n"
            f"app_secret: {self.secret}\n"
            "The secret is not shown again.\n"
        )


def run_init(path: Path, first: First | None = None) -> Initialised:
    """Write the file (mode 0600), make the tables, and the first account and application.

    When the store refuses, the file is removed, so that the command can be given again.

    Raises:
        SettingsError: there is such a file already, it cannot be written, or the environment holds a value
            that cannot be.
        StoreError: the store cannot be opened, or has such an account already.
    """
    first = first or First()
    _write_new(path, commented_toml({"recording.link_secret": _random(SECRET_LENGTH)}))
    try:
        settings = load(path)
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        made = Initialised(path, _random(KEY_LENGTH), _random(SECRET_LENGTH))
        with offline_store(settings, upgrade=True) as database:
            database.run_now(_make_first, first, made, datetime.now(UTC))
    except OSError as error:
        path.unlink()
        raise SettingsError(f"{error.filename}: {error.strerror}") from None
    except BaseException:
        path.unlink()
        raise
    return made


def _make_first(connection: Connection, first: First, made: Initialised, now: datetime) -> None:
    account = accounts.add_account(connection, Account(id=0, name=first.account, sp_id=first.account))
    app = ClientApp(
        app_key=made.app_key,
        secret=made.secret,
        account=account,
        name=first.application,
        service=first.service,
        # Only a callback can be recorded (FAQ 2.3).
        recording=first.recording and first.service is Service.CALLBACK,
    )
    accounts.add_app(connection, app, now)
    for number in first.numbers:
        issued = Number(number, account.id, made.app_key, bind_number=first.bind_number, issued_at=now)
        numbers.add_number(connection, issued, now)


def _write_new(path: Path, text: str) -> None:
    """Make the file, for this user's eyes, unless there is one: not even by way of a link."""
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        raise SettingsError(f"{path}: exists already, and is left as it is") from None
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise SettingsError(f"{path}: {error.strerror}") from None


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
