"""`ivrcore account`, `app`, `number`, `operator`: what they change, print and note in the audit log."""

import getpass
import os
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from ivrcore.cli import app
from ivrcore.service.admin.keys import fits
from ivrcore.service.model import AuditEntry, NumberState, Standing
from ivrcore.service.ops.init import First, run_init
from ivrcore.service.ops.offline import offline_store
from ivrcore.service.settings import ENVIRONMENT, load
from ivrcore.service.store import accounts, audit, numbers, operators

NUMBER = "+8675528000001"


class House:
    """A settings file with its store, and the command line."""

    def __init__(self, directory: Path) -> None:
        self.config = directory / "ivrcore.toml"
        self.made = run_init(self.config, First(account="Lab", application="Calls"))

    def ivrcore(self, *words: str, status: int = 0) -> str:
        """Run a command; what it printed."""
        result: Result = CliRunner().invoke(app, [*words, "--config", str(self.config)])
        assert result.exit_code == status, result.output
        return result.output

    def look(self, function: object, *args: object) -> object:
        with offline_store(load(self.config)) as database:
            return database.run_now(function, *args)  # type: ignore[arg-type]

    def log(self) -> list[AuditEntry]:
        found = self.look(audit.entries)
        assert isinstance(found, list)
        return found


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> House:
    for name in [name for name in os.environ if name.startswith(ENVIRONMENT)]:
        monkeypatch.delenv(name)
    return House(tmp_path)


def test_an_account_is_made_changed_and_listed(house: House) -> None:
    assert house.ivrcore("account", "create", "Second", "--concurrency", "5") == "account 2\n"
    house.ivrcore("account", "set", "Second", "--standing", "suspended", "--concurrency", "-1")
    lines = house.ivrcore("account", "list").splitlines()
    assert lines[0].split("\t") == ["id", "name", "sp_id", "standing", "concurrency"]
    assert lines[2].split("\t") == ["2", "Second", "Second", "suspended", "-"]
    assert [entry.what for entry in house.log()] == ["account.change", "account.create"]
    assert house.log()[0].who == f"cli:{getpass.getuser()}"


def test_an_application_shows_its_secret_once_and_can_get_another(house: House) -> None:
    house.ivrcore("account", "create", "Second")
    told = house.ivrcore("app", "create", "Tell", "--service", "notification", "--account", "2")
    key, secret = (line.partition(": ")[2] for line in told.splitlines()[:2])
    replaced = house.ivrcore("app", "secret", key).splitlines()[0].partition(": ")[2]
    stored = house.look(accounts.app, key)
    assert stored.secret == replaced != secret  # type: ignore[attr-defined]
    listed = house.ivrcore("app", "list", "--account", "Second")
    assert key in listed
    for hidden in (secret, replaced):
        assert hidden not in listed
        assert all(hidden not in str(entry) for entry in house.log())


def test_an_application_is_changed_by_what_is_given(house: House) -> None:
    key = house.made.app_key
    house.ivrcore("app", "set", key, "--name", "Other", "--concurrency", "3", "--standing", "suspended")
    stored = house.look(accounts.app, key)
    assert (stored.name, stored.concurrency, stored.standing) == ("Other", 3, Standing.SUSPENDED)  # type: ignore[attr-defined]
    assert stored.recording  # type: ignore[attr-defined]
    assert "nothing to change" in house.ivrcore("app", "set", key, status=2)


def test_a_number_is_issued_paused_resumed_assigned_and_released(house: House) -> None:
    house.ivrcore("number", "issue", NUMBER, "--bind-number", "+8675528000088")
    steps = (
        (("pause",), NumberState.PAUSED, None),
        (("resume",), NumberState.IN_USE, None),
        (("assign", "--app", house.made.app_key, "--shared"), NumberState.IN_USE, house.made.app_key),
        (("release",), NumberState.RELEASED, house.made.app_key),
    )
    for (word, *options), state, app_key in steps:
        house.ivrcore("number", word, NUMBER, *options)
        stored = house.look(numbers.number, NUMBER)
        assert (stored.state, stored.app_key) == (state, app_key)  # type: ignore[attr-defined]
    assert "released" in house.ivrcore("number", "resume", NUMBER, status=2)
    assert [entry.what for entry in house.log()] == [
        "number.release", "number.assign", "number.resume", "number.pause", "number.issue",
    ]  # fmt: skip
    assert house.ivrcore("number", "list").splitlines()[1].split("\t")[0] == NUMBER


def test_the_first_operator_needs_no_other(house: House) -> None:
    key = house.ivrcore("operator", "create", "root", "--role", "owner").splitlines()[0].partition(": ")[2]
    stored = house.look(operators.operator, "root")
    assert fits(key, stored.key_hash)  # type: ignore[attr-defined]
    house.ivrcore("operator", "create", "anna", "--role", "reviewer", "--account", "Lab")
    assert "anna\treviewer\t1" in house.ivrcore("operator", "list")
    other = house.ivrcore("operator", "key", "root").splitlines()[0].partition(": ")[2]
    assert other != key
    assert "last owner" in house.ivrcore("operator", "delete", "root", status=2)
    house.ivrcore("operator", "delete", "anna")
    assert "anna" not in house.ivrcore("operator", "list")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("account", "create", "Lab"), "already"),
        (("account", "set", "Nobody", "--concurrency", "1"), "no account Nobody"),
        (("app", "set", "none", "--name", "x"), "no application none"),
        (("app", "create", "Calls", "--service", "callback"), "already"),
        (("app", "create", "R", "--service", "verification", "--recording"), "only a callback"),
        (("app", "create", "U", "--service", "callback", "--fee-url", "sp.example.com"), "http(s)://host"),
        (("number", "pause", "+86000"), "no number"),
        (("operator", "key", "nobody"), "no operator"),
        (("operator", "create", "a.b", "--role", "reader"), "letters"),
    ],
)
def test_what_is_refused_is_one_line_and_not_in_the_log(
    house: House, words: tuple[str, ...], told: str
) -> None:
    output = house.ivrcore(*words, status=2)
    assert told in output
    assert len(output.splitlines()) == 1
    assert house.log() == []


def test_the_account_is_to_be_named_where_there_are_two(house: House) -> None:
    assert house.made.app_key in house.ivrcore("app", "list")
    house.ivrcore("account", "create", "Second")
    assert "--account" in house.ivrcore("app", "list", status=2)


def test_without_a_store_one_line_says_so(tmp_path: Path) -> None:
    config = tmp_path / "none.toml"
    config.write_text("")
    result = CliRunner().invoke(app, ["account", "list", "--config", str(config)])
    assert (result.exit_code, "there is no store" in result.output) == (2, True)
