"""CDRs: merged by application, address and second, repeated as the same message, and given up into files."""

import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, select
from twisted.internet.defer import fail, succeed

from ivrcore.service.model import Push, PushKind
from ivrcore.service.notify import rows as notify_rows
from ivrcore.service.notify.bodies import wire_time
from ivrcore.service.notify.client import PushClient, PushRules
from ivrcore.service.notify.outbox import CdrOutbox
from ivrcore.service.notify.slots import Slots
from ivrcore.service.notify.testing import OwnReactor, Receiver, RememberingPusher, Tried, reply
from ivrcore.service.store import outbox
from ivrcore.service.store.errors import StoreBusy
from ivrcore.service.store.schema import outbox as rows
from ivrcore.service.store.testing import ImmediateDatabase
from sip.manual_reactor import ManualReactor

NOW = datetime(2026, 3, 1, 8, 17, 40, tzinfo=UTC)
URL = "http://a.example/fee"
HOUR_S = 3600.0


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImmediateDatabase]:
    database = ImmediateDatabase(tmp_path_factory.mktemp("outbox"))
    yield database
    database.close()


@pytest.fixture
def database(migrated: ImmediateDatabase) -> ImmediateDatabase:
    migrated.run_now(empty)
    return migrated


def empty(connection: Connection) -> None:
    connection.execute(delete(rows))


class Stage:
    """An outbox on a clock that the test moves, over a store and a spool that stay."""

    def __init__(
        self, database: ImmediateDatabase, pusher: RememberingPusher, spool: Path, slots: int = 100
    ) -> None:
        self.database = database
        self.pusher = pusher
        self.spool = spool
        self.slots = slots
        self.start_s = 0.0
        self.reactor = ManualReactor()
        self.restart()

    def restart(self) -> None:
        """Another process begins where this one ended."""
        self.start_s += self.reactor.seconds()
        self.reactor = ManualReactor()
        self.cdrs = CdrOutbox(
            self.pusher,
            lambda app_key: succeed(f"secret of {app_key}"),
            self.reactor,
            self.database,
            self.spool,
            slots=Slots(self.slots),
            utc=self.utc,
        )
        self.cdrs.start()

    def utc(self) -> datetime:
        return NOW + timedelta(seconds=self.start_s + self.reactor.seconds())

    def add(
        self,
        session: str,
        *,
        app: str = "app",
        url: str = URL,
        ended: datetime | None = None,
        told: bool = True,
    ) -> None:
        """Store a CDR, and wake the outbox as the service does."""
        fee = {"sessionId": session, "callEndTime": wire_time(ended or self.utc())}
        due_at = self.utc() + timedelta(seconds=1)
        self.database.run_now(
            outbox.add, Push(0, PushKind.FEE, app, session, 0, url, fee, self.utc(), due_at)
        )
        if told:
            self.cdrs.wake()

    def jump(self, seconds: float) -> None:
        """Move the clock in one step."""
        self.reactor.clock.advance(seconds)

    @property
    def chunks(self) -> list[list[str]]:
        """The sessions of each message, in the order they were pushed."""
        return [tried.sessions for tried in self.pusher.tried]

    def states(self) -> dict[str, str]:
        def read(connection: Connection) -> dict[str, str]:
            return {row.session: row.state for row in connection.execute(select(rows))}

        return self.database.run_now(read)

    @property
    def files(self) -> list[Path]:
        return sorted(self.spool.glob("*"))


def taking(_: Tried) -> bool:
    return True


def refusing(_: Tried) -> bool:
    return False


# Merging.


def test_cdrs_of_one_second_are_one_message_a_second_later(
    database: ImmediateDatabase, tmp_path: Path
) -> None:
    stage = Stage(database, RememberingPusher(taking), tmp_path)
    stage.add("a")
    stage.jump(0.4)
    stage.add("b")
    stage.jump(0.59)
    assert stage.chunks == []
    stage.jump(0.05)
    assert stage.chunks == [["a", "b"]]
    (tried,) = stage.pusher.tried
    assert (tried.kind, tried.app_key, tried.secret) == (PushKind.FEE, "app", "secret of app")
    assert tried.body["eventType"] == "fee"
    assert stage.states() == {"a": "delivered", "b": "delivered"}


def test_other_seconds_applications_and_addresses_are_other_messages(
    database: ImmediateDatabase, tmp_path: Path
) -> None:
    stage = Stage(database, RememberingPusher(taking), tmp_path)
    stage.add("a")
    stage.add("b", ended=NOW + timedelta(seconds=1))
    stage.add("c", app="other")
    stage.add("d", url="http://b.example/fee")
    stage.jump(1.1)
    assert sorted(stage.chunks) == [["a"], ["b"], ["c"], ["d"]]
    assert {(tried.app_key, tried.url) for tried in stage.pusher.tried} == {
        ("app", URL),
        ("other", URL),
        ("app", "http://b.example/fee"),
    }


def test_a_message_has_50_cdrs_at_most(database: ImmediateDatabase, tmp_path: Path) -> None:
    stage = Stage(database, RememberingPusher(taking), tmp_path)
    sessions = [f"s{n:03}" for n in range(120)]
    for session in sessions:
        stage.add(session)
    stage.jump(1.1)
    assert [len(chunk) for chunk in stage.chunks] == [50, 50, 20]
    assert [session for chunk in stage.chunks for session in chunk] == sessions


def test_calls_that_ended_first_are_told_first(database: ImmediateDatabase, tmp_path: Path) -> None:
    stage = Stage(database, RememberingPusher(taking), tmp_path)
    for session, second in (("late", 5), ("early", 1), ("middle", 3), ("early too", 1)):
        stage.add(session, ended=NOW + timedelta(seconds=second))
    stage.jump(1.1)
    assert stage.chunks == [["early", "early too"], ["middle"], ["late"]]


def test_a_cdr_that_was_only_stored_is_found(database: ImmediateDatabase, tmp_path: Path) -> None:
    stage = Stage(database, RememberingPusher(taking), tmp_path)
    stage.add("a", told=False)
    stage.jump(1.0)
    stage.jump(1.0)
    assert stage.chunks == [["a"]]


def test_a_backlog_of_one_receiver_is_sent_whole_and_once(
    database: ImmediateDatabase, tmp_path: Path
) -> None:
    stage = Stage(database, RememberingPusher(taking), tmp_path)
    for n in range(300):
        stage.add(f"s{n}", ended=NOW + timedelta(seconds=n // 240), told=False)
    stage.jump(2.0)
    sent = [session for chunk in stage.chunks for session in chunk]
    assert sorted(sent) == sorted(f"s{n}" for n in range(300))
    assert max(map(len, stage.chunks)) == 50


# Receivers that are slow.


def test_a_slow_receiver_delays_no_other(database: ImmediateDatabase, tmp_path: Path) -> None:
    stage = Stage(database, RememberingPusher(), tmp_path)
    for n in range(3):
        stage.add(f"slow {n}", ended=NOW + timedelta(seconds=n))
    stage.add("other app", app="other")
    stage.add("other url", url="http://b.example/fee")
    stage.jump(1.1)
    assert sorted(stage.chunks) == [["other app"], ["other url"], ["slow 0"]]
    for tried in stage.pusher.open:
        if tried.sessions != ["slow 0"]:
            tried.finish()
    stage.add("another", app="other")
    stage.jump(1.1)
    assert stage.chunks[-1] == ["another"]
    while stage.pusher.open:
        stage.pusher.open[0].finish()
    assert set(stage.states().values()) == {"delivered"}


def test_a_receiver_has_one_message_under_way(database: ImmediateDatabase, tmp_path: Path) -> None:
    stage = Stage(database, RememberingPusher(), tmp_path)
    stage.add("a")
    stage.add("b", ended=NOW + timedelta(seconds=1))
    stage.jump(1.1)
    stage.jump(5.0)
    assert stage.chunks == [["a"]]
    stage.pusher.tried[0].finish()
    assert stage.chunks == [["a"], ["b"]]
    stage.pusher.tried[1].finish()


def test_a_message_that_was_not_taken_does_not_hold_up_the_next(
    database: ImmediateDatabase, tmp_path: Path
) -> None:
    stage = Stage(database, RememberingPusher(lambda tried: tried.sessions != ["a"]), tmp_path)
    stage.add("a")
    stage.add("b", ended=NOW + timedelta(seconds=1))
    stage.jump(1.1)
    assert stage.chunks == [["a"], ["b"]]
    assert stage.states() == {"a": "pending", "b": "delivered"}


# Repeats.


def test_six_repeats_an_hour_apart_and_then_a_file(database: ImmediateDatabase, tmp_path: Path) -> None:
    at_s: list[float] = []

    def judge(_: Tried) -> bool:
        at_s.append(stage.reactor.seconds())
        return False

    stage = Stage(database, RememberingPusher(judge), tmp_path / "cdr-spool")
    stage.add("a")
    stage.add("b")
    stage.jump(1.1)
    for hour in range(1, 7):
        assert stage.files == []
        assert stage.states() == {"a": "pending", "b": "pending"}
        stage.jump(HOUR_S - 2.0)
        assert len(at_s) == hour
        stage.jump(2.0)
        stage.jump(1.0)
    gaps = [later - earlier for earlier, later in pairwise(at_s)]
    assert len(at_s) == 7
    assert all(HOUR_S <= gap < HOUR_S + 4.0 for gap in gaps)
    assert stage.chunks == [["a", "b"]] * 7
    assert stage.states() == {"a": "spooled", "b": "spooled"}
    assert stage.cdrs.n_spooled == 2
    (file,) = stage.files
    assert file.name.startswith("20260301081740-")
    content = json.loads(file.read_text())
    assert content["body"] == {
        "eventType": "fee",
        "feeLst": [
            {"sessionId": "a", "callEndTime": "2026-03-01 08:17:40"},
            {"sessionId": "b", "callEndTime": "2026-03-01 08:17:40"},
        ],
    }
    assert (content["appKey"], content["url"], content["attempts"]) == ("app", URL, 7)
    assert content["lastError"] == "HTTP 500"
    stage.jump(10 * HOUR_S)
    assert len(at_s) == 7


def test_a_repeat_is_the_same_message_whatever_came_meanwhile(
    database: ImmediateDatabase, tmp_path: Path
) -> None:
    stage = Stage(database, RememberingPusher(refusing), tmp_path)
    stage.add("a")
    stage.jump(1.1)
    stage.add("b", ended=NOW)  # the same second, told later
    stage.jump(1.1)
    stage.restart()
    stage.pusher.judge = taking
    stage.jump(HOUR_S + 2.0)
    assert stage.chunks == [["a"], ["b"], ["a"], ["b"]]


def test_a_success_ends_the_repeats(database: ImmediateDatabase, tmp_path: Path) -> None:
    stage = Stage(database, RememberingPusher(lambda _: len(stage.pusher.tried) == 3), tmp_path)
    stage.add("a")
    for _ in range(8):
        stage.jump(HOUR_S + 1.1)
    assert stage.chunks == [["a"]] * 3
    assert stage.states() == {"a": "delivered"}
    assert stage.files == []


def test_the_schedule_survives_restarts(database: ImmediateDatabase, tmp_path: Path) -> None:
    stage = Stage(database, RememberingPusher(refusing), tmp_path)
    stage.add("a")
    stage.jump(1.1)
    for _ in range(12):
        stage.jump(HOUR_S / 2 + 1.0)
        stage.restart()
    assert len(stage.chunks) == 7
    assert stage.states() == {"a": "spooled"}


def test_a_message_under_way_at_a_restart_is_repeated_as_it_was(
    database: ImmediateDatabase, tmp_path: Path
) -> None:
    stage = Stage(database, RememberingPusher(), tmp_path)
    stage.add("a")
    stage.add("b")
    stage.jump(1.1)
    stage.add("c", ended=NOW)
    stage.pusher.judge = taking
    stage.restart()
    stage.jump(2.5)
    assert stage.chunks == [["a", "b"], ["a", "b"], ["c"]]


# Troubles of our own.


def test_a_full_disk_delays_the_file_and_loses_nothing(
    database: ImmediateDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> Path:
        raise OSError(28, "No space left on device")

    stage = Stage(database, RememberingPusher(refusing), tmp_path / "cdr-spool")
    stage.add("a")
    stage.jump(1.1)
    with monkeypatch.context() as broken:
        broken.setattr(notify_rows, "write_chunk", full)
        for _ in range(6):
            stage.jump(HOUR_S + 2.0)
        assert stage.states() == {"a": "pending"}
        stage.jump(62.0)
    assert stage.files == []
    stage.jump(62.0)
    assert len(stage.files) == 1
    assert stage.states() == {"a": "spooled"}
    assert len(stage.chunks) == 7  # the file is tried again, the push is not


def test_a_crash_between_file_and_store_makes_the_same_file_again(
    database: ImmediateDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(database, RememberingPusher(refusing), tmp_path)
    stage.add("a")
    stage.jump(1.1)
    for _ in range(5):
        stage.jump(HOUR_S + 2.0)
    with monkeypatch.context() as broken:

        def dies(*_: object) -> None:
            raise StoreBusy("killed here")

        broken.setattr(outbox, "spooled", dies)
        stage.jump(HOUR_S + 2.0)
    assert (len(stage.files), stage.states()) == (1, {"a": "pending"})
    stage.restart()
    assert (len(stage.files), stage.states()) == (1, {"a": "spooled"})


def test_a_store_that_refuses_is_asked_again(
    database: ImmediateDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(database, RememberingPusher(taking), tmp_path)
    stage.add("a")
    with monkeypatch.context() as broken:
        broken.setattr(database, "read", lambda *_: fail(StoreBusy("locked")))
        stage.jump(1.1)
        broken.undo()
        broken.setattr(database, "run", lambda *_: fail(StoreBusy("locked")))
        stage.jump(6.0)
    assert stage.chunks == []
    stage.jump(6.0)
    stage.jump(1.0)
    assert stage.chunks == [["a"]]


def test_close_waits_for_the_message_under_way_and_begins_no_other(
    database: ImmediateDatabase, tmp_path: Path
) -> None:
    stage = Stage(database, RememberingPusher(), tmp_path)
    stage.add("a")
    stage.add("b", ended=NOW + timedelta(seconds=1))
    stage.jump(1.1)
    ended: list[None] = []
    stage.cdrs.close(30.0).addCallback(ended.append)
    stage.cdrs.wake()
    assert ended == []
    stage.pusher.tried[0].finish()
    assert ended == [None]
    assert stage.states() == {"a": "delivered", "b": "pending"}
    assert stage.reactor.clock.getDelayedCalls() == []


def test_close_breaks_off_at_its_deadline(database: ImmediateDatabase, tmp_path: Path) -> None:
    stage = Stage(database, RememberingPusher(), tmp_path)
    stage.add("a")
    stage.jump(1.1)
    ended: list[None] = []
    stage.cdrs.close(5.0).addCallback(ended.append)
    stage.jump(5.0)
    assert ended == [None]
    assert stage.states() == {"a": "pending"}
    # Our end is no failure of the receiver: the next start sends it at once, not in an hour.
    (again,) = database.run_now(outbox.due, stage.utc(), 10)
    assert (again.session, again.attempts) == ("a", 0)


# Whatever happens.


@settings(max_examples=20)
@given(st.data())
def test_every_cdr_is_taken_or_spooled_in_the_message_it_was_first_sent_in(
    migrated: ImmediateDatabase, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    migrated.run_now(empty)
    spool = tmp_path_factory.mktemp("spool")
    stage = Stage(migrated, RememberingPusher(lambda _: data.draw(st.booleans())), spool)
    n_added = 0
    steps = st.sampled_from(["add", "add elsewhere", "add of an earlier second", "later", "hour", "restart"])
    for step in data.draw(st.lists(steps, max_size=25)):
        match step:
            case "later":
                stage.jump(1.1)
            case "hour":
                stage.jump(HOUR_S + 1.0)
            case "restart":
                stage.restart()
            case _:
                n_added += 1
                ended = NOW if "earlier" in step else None
                stage.add(f"s{n_added}", url="http://b.example/" if "else" in step else URL, ended=ended)
    for _ in range(8):
        stage.jump(HOUR_S + 1.0)
        stage.jump(1.1)
    assert set(stage.states().values()) <= {"delivered", "spooled"}
    assert len(stage.states()) == n_added
    messages: defaultdict[str, set[tuple[str, ...]]] = defaultdict(set)
    for tried in stage.pusher.tried:
        assert len({(fee["callEndTime"]) for fee in tried.body["feeLst"]}) == 1
        for session in tried.sessions:
            messages[session].add(tuple(tried.sessions))
    assert all(len(chunks) == 1 for chunks in messages.values())
    spooled = [
        fee["sessionId"] for path in stage.files for fee in json.loads(path.read_text())["body"]["feeLst"]
    ]
    assert sorted(spooled) == sorted(name for name, state in stage.states().items() if state == "spooled")
    assert all(stage.chunks.count(chunk) <= 7 for chunk in stage.chunks)


def test_over_real_connections_seven_attempts_and_a_file(
    database: ImmediateDatabase, turning: OwnReactor, tmp_path: Path
) -> None:
    with Receiver(reply(200, b'{"resultcode":"1"}')) as receiver:
        client = PushClient(turning.reactor, turning.reactor.nameResolver, PushRules(lab=True))
        cdrs = CdrOutbox(
            client,
            lambda _: succeed("secret"),
            turning.reactor,
            database,
            tmp_path,
            interval=timedelta(seconds=0.05),
            merge_wait_s=0.01,
            poll_s=0.02,
        )
        now = datetime.now(UTC)
        for session in "ab":
            fee = {"sessionId": session, "callEndTime": "2026-03-01 08:17:40"}
            database.run_now(
                outbox.add, Push(0, PushKind.FEE, "app", session, 0, receiver.url, fee, now, now)
            )
        cdrs.start()
        turning.until(lambda: cdrs.n_spooled == 2)
        turning.result(cdrs.close(5.0))
        client.close()
    assert len(receiver.received) == 7
    assert len({received.body for received in receiver.received}) == 1
    (file,) = tmp_path.glob("*.json")
    assert json.loads(file.read_text())["lastError"] == "HTTP 200 with resultcode '1'"
