"""`ivrcore init`: the file it writes, what it makes in the store, and what it leaves alone."""

import os
import re
import stat
import tomllib
from collections.abc import Iterator
from datetime import timedelta, timezone
from decimal import Decimal
from enum import Enum
from pathlib import Path

import pytest
from pydantic import BaseModel, SecretStr

from ivrcore.service.model import ClientApp, Number, Service, Standing
from ivrcore.service.ops.init import First, Initialised, run_init
from ivrcore.service.ops.offline import offline_store
from ivrcore.service.ops.template import WIDTH, commented_toml, toml_value
from ivrcore.service.rules.statement import run_bill
from ivrcore.service.sections import NumberPolicy
from ivrcore.service.settings import ENVIRONMENT, ServiceSettings, SettingsError, load, section_of
from ivrcore.service.store import accounts, numbers
from ivrcore.service.store.errors import StoreError


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(ENVIRONMENT)]:
        monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "ivrcore.toml"


def stored_apps(path: Path) -> list[ClientApp]:
    with offline_store(load(path)) as database:
        return [
            app
            for account in database.run_now(accounts.accounts)
            for app in database.run_now(accounts.apps, account.id)
        ]


def stored_numbers(path: Path, account_id: int) -> list[Number]:
    with offline_store(load(path)) as database:
        return database.run_now(numbers.numbers_of_account, account_id)


def test_written_file_gives_the_defaults(file: Path) -> None:
    file.write_text(commented_toml(), encoding="utf-8")
    from_file, defaults = load(file).model_dump(), load(None).model_dump()
    assert from_file.pop("data_dir") == file.parent / defaults.pop("data_dir")
    assert from_file == defaults


def every_setting(model: type[BaseModel] = ServiceSettings, path: str = "") -> Iterator[tuple[str, str]]:
    """(section, key) of every setting."""
    for name, field in model.model_fields.items():
        inner = section_of(field)
        if inner is None:
            yield path, name
        else:
            yield from every_setting(inner, f"{path}.{name}".strip("."))


def test_written_file_has_every_setting_once_below_its_description() -> None:
    """Generated from the models: a setting that is added to them is in the file."""
    section, found, described = "", [], False
    for line in commented_toml().splitlines():
        bare = line.removeprefix("# ")
        if heading := re.fullmatch(r"\[\[?([a-z.]+)\]?\]", bare):
            section = heading[1]
        elif key := re.fullmatch(r"([a-z0-9_]+) = .*", bare):
            assert described, f"{section}.{key[1]}"
            found.append((section, key[1]))
        described = line.startswith("#")
    assert sorted(found) == sorted(every_setting())


def test_written_file_with_its_examples_is_a_file_that_loads(file: Path) -> None:
    """Every commented line that looks like a setting can be uncommented."""
    lines = commented_toml().splitlines()
    setting = re.compile(r"# ((\[\[[a-z]+\]\])|([a-z0-9_]+ = .*))")
    bare = [line.removeprefix("# ") if setting.fullmatch(line) else line for line in lines]
    file.write_text("\n".join(bare), encoding="utf-8")
    settings = load(file)
    assert [(trunk.name, trunk.host) for trunk in settings.trunks] == [("carrier", "sip.carrier.example")]
    assert settings.http.certificate is None


def test_lines_of_the_written_file_fit_a_terminal() -> None:
    assert max(map(len, commented_toml().splitlines())) <= WIDTH + 2


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (True, "true"),
        (8080, "8080"),
        (0.5, "0.5"),
        (86400.0, "86400.0"),
        ("", '""'),
        ('a "quoted" \\ path', r'"a \"quoted\" \\ path"'),
        ("line\nbreak\x7f", r'"line\nbreak\u007F"'),
        ("电话", '"电话"'),
        (Path("a/b"), '"a/b"'),
        (Decimal("0.18"), '"0.18"'),
        (NumberPolicy.CHINA, '"china"'),
        (SecretStr("s"), '"s"'),
        ((), "[]"),
        (("PCMA", "PCMU"), '["PCMA", "PCMU"]'),
    ],
)
def test_value_is_written_as_toml_reads_it(value: object, text: str) -> None:
    assert toml_value(value) == text
    read = tomllib.loads(f"x = {text}")["x"]
    match value:
        case SecretStr():
            assert read == value.get_secret_value()
        case Enum():
            assert read == value.value
        case tuple():
            assert tuple(read) == value
        case Path() | Decimal():
            assert read == str(value)
        case _:
            assert read == value


def test_value_toml_has_none_of_is_refused() -> None:
    with pytest.raises(TypeError, match="TOML has no object"):
        toml_value(object())


def test_init_makes_an_application_with_its_key_and_secret(file: Path) -> None:
    made = run_init(file)
    (app,) = stored_apps(file)
    assert (app.app_key, app.secret) == (made.app_key, made.secret)
    assert (app.account.name, app.name, app.service) == ("first", "first", Service.CALLBACK)
    assert app.standing is app.account.standing is Standing.ACTIVE
    assert app.recording


def test_init_makes_what_it_is_told(file: Path) -> None:
    first = First(
        "acme",
        "reminders",
        Service.NOTIFICATION,
        True,
        ("+8675528000001", "+8675528000002"),
        "+8675500000001",
    )
    made = run_init(file, first)
    (app,) = stored_apps(file)
    assert (app.account.name, app.name, app.service) == ("acme", "reminders", Service.NOTIFICATION)
    assert not app.recording  # only a callback can be recorded (FAQ 2.3)
    issued = stored_numbers(file, app.account.id)
    assert [(number.number, number.app_key, number.bind_number) for number in issued] == [
        ("+8675528000001", made.app_key, "+8675500000001"),
        ("+8675528000002", made.app_key, "+8675500000001"),
    ]


def test_init_shows_the_secret_once_and_keeps_it_out_of_the_file(file: Path) -> None:
    made = run_init(file)
    assert made.secret in made.text()
    assert made.app_key in made.text()
    assert made.secret not in repr(made)
    assert made.secret not in file.read_text(encoding="utf-8")


def test_keys_are_long_and_new_each_time(tmp_path: Path) -> None:
    made: list[Initialised] = []
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        made.append(run_init(tmp_path / name / "ivrcore.toml"))
    assert len({made[0].secret, made[1].secret, made[0].app_key, made[1].app_key}) == 4
    assert all(re.fullmatch("[A-Za-z0-9]{28}", one.app_key) for one in made)
    assert all(re.fullmatch("[A-Za-z0-9]{40}", one.secret) for one in made)


def test_file_and_data_are_for_this_user_alone(file: Path) -> None:
    before = os.umask(0)
    try:
        run_init(file)
    finally:
        os.umask(before)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((file.parent / "ivrcore-data").stat().st_mode) == 0o700


def test_links_are_signed_with_a_key_of_their_own(file: Path) -> None:
    made = run_init(file)
    key = load(file).recording.link_secret.get_secret_value()
    assert len(key) == 40
    assert key != made.secret


def test_file_that_is_there_is_left_alone(file: Path) -> None:
    file.write_text("mine", encoding="utf-8")
    with pytest.raises(SettingsError, match="exists already"):
        run_init(file)
    assert file.read_text(encoding="utf-8") == "mine"
    assert not (file.parent / "ivrcore-data").exists()


def test_link_is_not_followed(file: Path, tmp_path: Path) -> None:
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(SettingsError, match="exists already"):
        run_init(file)
    assert not (tmp_path / "elsewhere").exists()


def test_store_that_is_there_is_left_alone_and_the_file_taken_back(file: Path) -> None:
    first = run_init(file)
    file.unlink()
    with pytest.raises(StoreError):
        run_init(file)
    assert not file.exists()
    run_init(file, First(account="second"))
    assert stored_apps(file)[0].app_key == first.app_key


def test_init_can_be_given_again_after_a_mistake(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVRCORE_HTTP__PORT", "x")
    with pytest.raises(SettingsError, match="IVRCORE_HTTP__PORT"):
        run_init(file)
    assert not file.exists()
    monkeypatch.delenv("IVRCORE_HTTP__PORT")
    assert run_init(file).app_key


def test_data_that_cannot_be_made_is_one_line(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (file.parent / "plain").write_text("", encoding="utf-8")
    monkeypatch.setenv("IVRCORE_DATA_DIR", str(file.parent / "plain" / "data"))
    with pytest.raises(SettingsError, match="Not a directory"):
        run_init(file)
    assert not file.exists()


def test_directory_of_the_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file or directory"):
        run_init(tmp_path / "missing" / "ivrcore.toml")


def test_store_of_the_environment_is_used(
    file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IVRCORE_STORE__URL", f"sqlite:///{tmp_path / 'other.db'}")
    made = run_init(file)
    assert (tmp_path / "other.db").exists()
    assert [app.app_key for app in stored_apps(file)] == [made.app_key]


def test_first_number_is_on_the_statement_of_its_month(file: Path) -> None:
    """From init to bill: the first month is charged on the day of issue (FAQ 3.1)."""
    run_init(file, First(numbers=("+8675528000001",)))
    with offline_store(load(file)) as database:
        (number,) = [
            number
            for account in database.run_now(accounts.accounts)
            for number in database.run_now(numbers.numbers_of_account, account.id)
        ]
    assert number.issued_at is not None
    in_china = number.issued_at.astimezone(timezone(timedelta(hours=8)))
    assert ",1,30.00,30.00" in run_bill(load(file), f"{in_china:%Y-%m}", as_csv=True)
