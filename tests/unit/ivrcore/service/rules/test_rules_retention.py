"""What is swept, when, and what stays."""

import logging
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from ivrcore.service.model import Account, Call, ClientApp, Recording, Service
from ivrcore.service.rules.retention import Sweeper, Swept, limits, months_before, run_recordings
from ivrcore.service.sections import ApiSection, RetentionSettings, StoreSettings
from ivrcore.service.settings import ServiceSettings
from ivrcore.service.store import accounts, calls, cdrs, nonces, recordings
from ivrcore.service.store.testing import ImmediateDatabase

NOW = datetime(2026, 3, 31, 12, tzinfo=UTC)
APP = "key"
INSTANT = timedelta(microseconds=1)


class Attic:
    """A store with one application, and a sweeper at NOW."""

    def __init__(self, directory: Path, **retention: Any) -> None:
        self.directory = directory
        self.database = ImmediateDatabase(directory)
        self.settings = ServiceSettings(
            data_dir=directory,
            store=StoreSettings(url=f"sqlite:///{directory / 'store.db'}"),
            retention=RetentionSettings(**retention),
        )
        self.sweeper = Sweeper(self.database, self.settings, lambda: NOW)
        account = self.database.run_now(accounts.add_account, Account(0, "one", "sp1"))
        self.account = account
        app = ClientApp(APP, "s", account, "one", Service.CALLBACK)
        self.database.run_now(accounts.add_app, app, NOW)

    def add_recording(self, name: str, created: datetime, path: Path | None = None) -> Path:
        path = path or self.directory / name
        if not path.exists():
            path.write_bytes(b"RIFF")
        recording = Recording(name, f"session of {name}", APP, str(path), 4, 3.5, created)
        self.database.run_now(recordings.add, recording)
        return path

    def add_call(self, session: str, ended: datetime | None) -> None:
        call = Call(session, APP, self.account.id, Service.CALLBACK, NOW - timedelta(days=400), "1", "2")
        self.database.run_now(calls.accept, call)
        if ended is not None:
            self.database.run_now(calls.end, session, ended)
            self.database.run_now(cdrs.complete, session, ended, 0, {}, {}, 1, 1, Decimal(0))

    def sweep(self) -> Swept:
        done: list[Swept] = []
        self.sweeper.sweep().addCallback(done.append)
        return done[0]

    def has_recording(self, name: str) -> bool:
        return self.database.run_now(recordings.recording, name) is not None

    def has_call(self, session: str) -> bool:
        return self.database.run_now(calls.call, session) is not None


@pytest.fixture
def attic(tmp_path: Path) -> Iterator[Attic]:
    made = Attic(tmp_path)
    yield made
    made.database.close()


def test_limits_are_those_of_the_faq() -> None:
    """Recordings 7 days (8.1), details 2 months (9.10)."""
    found = limits(ServiceSettings(), NOW)
    assert found.recordings == datetime(2026, 3, 24, 12, tzinfo=UTC)
    assert found.details == datetime(2026, 1, 31, 12, tzinfo=UTC)
    assert found.answers == datetime(2026, 3, 30, 12, tzinfo=UTC)


def test_nonces_live_as_long_as_a_header_could_be_good_again() -> None:
    """Twice the window, and eight hours where Created is read in either zone."""
    either = limits(ServiceSettings(), NOW).nonces
    assert either == NOW - timedelta(seconds=600, hours=8)
    utc = ServiceSettings(api=ApiSection.model_validate({"created_zone": "utc", "clock_window_s": 60}))
    assert limits(utc, NOW).nonces == NOW - timedelta(seconds=120)


@pytest.mark.parametrize(
    ("moment", "months", "expected"),
    [
        (datetime(2026, 3, 15, tzinfo=UTC), 2, datetime(2026, 1, 15, tzinfo=UTC)),
        (datetime(2026, 1, 15, tzinfo=UTC), 1, datetime(2025, 12, 15, tzinfo=UTC)),
        (datetime(2026, 4, 30, tzinfo=UTC), 2, datetime(2026, 2, 28, tzinfo=UTC)),
        (datetime(2028, 4, 30, tzinfo=UTC), 2, datetime(2028, 2, 29, tzinfo=UTC)),
        (datetime(2026, 12, 31, tzinfo=UTC), 12, datetime(2025, 12, 31, tzinfo=UTC)),
        (datetime(2026, 2, 1, tzinfo=UTC), 26, datetime(2023, 12, 1, tzinfo=UTC)),
    ],
)
def test_months_before_ends_on_a_day_there_is(moment: datetime, months: int, expected: datetime) -> None:
    assert months_before(moment, months) == expected


def test_recording_goes_after_seven_days_with_its_file(attic: Attic) -> None:
    old = attic.add_recording("old.wav", NOW - timedelta(days=7) - INSTANT)
    young = attic.add_recording("young.wav", NOW - timedelta(days=7))
    assert attic.sweep().recordings == 1
    assert (old.exists(), attic.has_recording("old.wav")) == (False, False)
    assert (young.exists(), attic.has_recording("young.wav")) == (True, True)


def test_recording_whose_file_is_gone_already_is_forgotten(attic: Attic) -> None:
    attic.add_recording("old.wav", NOW - timedelta(days=8)).unlink()
    assert attic.sweep().recordings == 1
    assert not attic.has_recording("old.wav")


def test_recording_that_cannot_be_deleted_stays_and_is_logged(
    attic: Attic, caplog: pytest.LogCaptureFixture
) -> None:
    directory = attic.directory / "a directory"
    directory.mkdir()
    attic.add_recording("stuck.wav", NOW - timedelta(days=9), directory)
    gone = attic.add_recording("old.wav", NOW - timedelta(days=8))
    with caplog.at_level(logging.ERROR):
        assert attic.sweep().recordings == 1
    assert not gone.exists()
    assert attic.has_recording("stuck.wav")
    assert "stuck.wav stays" in caplog.text


def test_many_recordings_go_in_batches(tmp_path: Path) -> None:
    attic = Attic(tmp_path, sweep_batch=2)
    for index in range(5):
        attic.add_recording(f"{index}.wav", NOW - timedelta(days=8, seconds=index))
    assert attic.sweep().recordings == 5
    assert not list(tmp_path.glob("*.wav"))
    attic.database.close()


def test_details_go_after_two_months(attic: Attic) -> None:
    limit = datetime(2026, 1, 31, 12, tzinfo=UTC)
    attic.add_call("old", limit - INSTANT)
    attic.add_call("young", limit)
    attic.add_call("open", None)
    assert attic.sweep().calls == 1
    assert [attic.has_call(session) for session in ("old", "young", "open")] == [False, True, True]


def test_nonces_and_answers_go_when_they_are_of_no_use(attic: Attic) -> None:
    attic.database.run_now(nonces.first_use, APP, "old", NOW - timedelta(days=1))
    attic.database.run_now(nonces.first_use, APP, "young", NOW - timedelta(hours=1))
    assert attic.sweep().nonces == 1
    assert attic.database.run_now(nonces.first_use, APP, "old", NOW)
    assert not attic.database.run_now(nonces.first_use, APP, "young", NOW)


def test_delivered_cdr_files_go_with_the_details(attic: Attic) -> None:
    spool = attic.settings.cdr_spool_dir
    limit_s = datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()
    paths = {name: spool / "done" / name for name in ("old.json", "young.json")} | {
        "waits": spool / "waits.json"
    }
    (spool / "done").mkdir(parents=True)
    for name, path in paths.items():
        path.write_text("{}", encoding="utf-8")
        os.utime(path, (limit_s, limit_s if name == "young.json" else limit_s - 1))
    assert attic.sweep() == Swept(files=1)
    assert [path.exists() for path in paths.values()] == [False, True, True]


def test_delivered_file_that_cannot_be_deleted_stays(attic: Attic, caplog: pytest.LogCaptureFixture) -> None:
    stuck = attic.settings.cdr_spool_dir / "done" / "a directory"
    stuck.mkdir(parents=True)
    os.utime(stuck, (0, 0))
    with caplog.at_level(logging.ERROR):
        assert attic.sweep() == Swept()
    assert stuck.exists()
    assert "a directory stays" in caplog.text


def test_second_sweep_finds_nothing(attic: Attic) -> None:
    attic.add_recording("old.wav", NOW - timedelta(days=8))
    attic.add_call("old", NOW - timedelta(days=90))
    assert attic.sweep() == Swept(recordings=1, calls=1)
    assert attic.sweep() == Swept()


class SlowDatabase(ImmediateDatabase):
    """Answers its first reading when the test lets it, or fails it."""

    held: "Deferred[Any] | None" = None

    def read(self, function: Any, *args: Any, **kwargs: Any) -> "Deferred[Any]":
        if self.held is None:
            self.held = Deferred()
            return self.held
        return super().read(function, *args, **kwargs)


def test_sweep_does_not_start_while_one_is_under_way(tmp_path: Path) -> None:
    database = SlowDatabase(tmp_path)
    sweeper = Sweeper(database, ServiceSettings(), lambda: NOW)
    done: list[str] = []
    sweeper.sweep().addCallback(lambda _: done.append("first"))
    sweeper.sweep().addCallback(lambda _: done.append("second"))
    assert done == ["second"]
    assert database.held is not None
    database.held.callback([])
    assert done == ["second", "first"]
    database.close()


def test_sweep_that_failed_leaves_the_way_free(tmp_path: Path) -> None:
    database = SlowDatabase(tmp_path)
    database.run_now(nonces.first_use, APP, "old", NOW - timedelta(days=1))
    sweeper = Sweeper(database, ServiceSettings(), lambda: NOW)
    errors: list[object] = []
    sweeper.sweep().addErrback(lambda failure: errors.append(failure.value))
    assert database.held is not None
    database.held.errback(OSError("gone"))
    assert [str(error) for error in errors] == ["gone"]
    done: list[Swept] = []
    sweeper.sweep().addCallback(done.append)
    assert done == [Swept(nonces=1)]
    database.close()


def test_recordings_of_a_day_are_listed_for_a_download_at_night(attic: Attic) -> None:
    day = datetime(2026, 3, 30, tzinfo=UTC)
    attic.add_recording("first.wav", day)
    path = attic.add_recording("last.wav", day + timedelta(days=1) - INSTANT)
    attic.add_recording("next.wav", day + timedelta(days=1))
    lines = run_recordings(attic.settings, "2026-03-30").splitlines()
    assert [line.split("\t")[0] for line in lines] == ["first.wav", "last.wav"]
    assert lines[1].split("\t") == ["last.wav", APP, "session of last.wav", "4", "3.500", str(path)]


def test_recordings_of_one_application_are_listed(attic: Attic) -> None:
    attic.add_recording("mine.wav", NOW)
    assert run_recordings(attic.settings, "2026-03-31", owner=APP).startswith("mine.wav\t")
    assert run_recordings(attic.settings, "2026-03-31", owner="another") == ""


@pytest.mark.parametrize("day", ["", "today", "2026-02-30", "2026-3-1"])
def test_what_is_no_day_is_refused_with_its_text(attic: Attic, day: str) -> None:
    with pytest.raises(ValueError, match="is no day"):
        run_recordings(attic.settings, day)
