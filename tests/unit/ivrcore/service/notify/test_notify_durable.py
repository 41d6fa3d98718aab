"""Status events repeated until they are taken: order, numbers, back-off, a day's end, and restarts."""

from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, delete, select
from twisted.internet.defer import Deferred, fail, succeed

from ivrcore.service.model import Push, PushKind
from ivrcore.service.notify.client import PushClient, PushRules
from ivrcore.service.notify.durable import SEQUENCE_HEADER, DurableNotifier, backoff_s
from ivrcore.service.notify.slots import Slots
from ivrcore.service.notify.testing import OwnReactor, Receiver, RememberingPusher, Tried, in_turn, reply
from ivrcore.service.store import outbox
from ivrcore.service.store.errors import StoreBusy
from ivrcore.service.store.schema import outbox as rows
from ivrcore.service.store.testing import ImmediateDatabase
from sip.manual_reactor import ManualReactor

NOW = datetime(2026, 3, 1, 8, 15, 30, tzinfo=UTC)
URL = "http://a.example/status"


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ImmediateDatabase]:
    database = ImmediateDatabase(tmp_path_factory.mktemp("durable"))
    yield database
    database.close()


@pytest.fixture
def database(migrated: ImmediateDatabase) -> ImmediateDatabase:
    migrated.run_now(empty)
    return migrated


def empty(connection: Connection) -> None:
    connection.execute(delete(rows))


def state_of(database: ImmediateDatabase, session: str) -> dict[int, str]:
    def read(connection: Connection) -> dict[int, str]:
        query = select(rows.c.seq, rows.c.state).where(rows.c.session == session)
        return {row.seq: row.state for row in connection.execute(query)}

    return database.run_now(read)


class Stage:
    """A notifier on a clock that the test moves, over a store that stays."""

    def __init__(self, database: ImmediateDatabase, pusher: RememberingPusher, slots: int = 100) -> None:
        self.database = database
        self.pusher = pusher
        self.clock = ManualReactor()
        self.start_s = 0.0
        self.slots = slots
        self.restart()

    def restart(self) -> None:
        """Another process begins where this one ended."""
        self.reactor = ManualReactor()
        self.start_s += self.clock.seconds()
        self.clock = self.reactor
        self.notifier = DurableNotifier(
            self.pusher,
            lambda app_key: succeed(f"secret of {app_key}"),
            self.reactor,
            self.database,
            slots=Slots(self.slots),
            utc=self.utc,
        )

    def utc(self) -> datetime:
        return NOW + timedelta(seconds=self.start_s + self.clock.seconds())

    def add(self, session: str, seq: int, url: str = URL, told: bool = True) -> None:
        """Store an event, and tell the notifier as the service does."""
        push = Push(
            0,
            PushKind.STATUS,
            "app",
            session,
            seq,
            url,
            {"session": session, "seq": seq},
            self.utc(),
            self.utc(),
        )
        self.database.run_now(outbox.add, push)
        if told:
            self.notifier.notify(push)

    def jump(self, seconds: float) -> None:
        """Move the clock in one step: what is due in between is late, and done once."""
        self.reactor.clock.advance(seconds)

    @property
    def seen(self) -> list[tuple[str, int]]:
        return [(tried.body["session"], tried.body["seq"]) for tried in self.pusher.tried]


def test_an_event_is_pushed_at_once_with_its_number(database: ImmediateDatabase) -> None:
    stage = Stage(database, RememberingPusher(lambda _: True))
    stage.add("s", 1)
    stage.add("s", 2)
    assert [tried.headers for tried in stage.pusher.tried] == [{SEQUENCE_HEADER: "1"}, {SEQUENCE_HEADER: "2"}]
    assert stage.pusher.tried[0].secret == "secret of app"
    assert state_of(database, "s") == {1: "delivered", 2: "delivered"}


def test_the_next_event_leaves_only_after_the_one_before_was_taken(database: ImmediateDatabase) -> None:
    stage = Stage(database, RememberingPusher())
    stage.notifier.start()
    for seq in (1, 2, 3):
        stage.add("s", seq)
    stage.pusher.tried[0].finish(ok=False)
    assert stage.seen == [("s", 1)]
    stage.jump(1.5)
    stage.pusher.tried[1].finish()
    assert stage.seen == [("s", 1), ("s", 1), ("s", 2)]
    stage.pusher.tried[2].finish()
    stage.pusher.tried[3].finish()
    assert stage.seen[3:] == [("s", 3)]


def test_sessions_do_not_wait_for_each_other(database: ImmediateDatabase) -> None:
    stage = Stage(database, RememberingPusher(lambda tried: tried.body["session"] != "bad"))
    for seq in (1, 2):
        stage.add("bad", seq)
        stage.add("good", seq)
    assert stage.seen == [("bad", 1), ("good", 1), ("good", 2)]


def test_hung_sessions_leave_room_for_another_receiver(database: ImmediateDatabase) -> None:
    stage = Stage(database, RememberingPusher(), slots=4)
    for n in range(20):
        stage.add(f"hangs {n}", 1)
    stage.add("quick", 1, "http://b.example/")
    assert stage.seen[-1] == ("quick", 1)
    while stage.pusher.open:
        stage.pusher.open[0].finish()


def test_waits_double_to_a_minute() -> None:
    assert [backoff_s(n) for n in range(1, 9)] == [1, 2, 4, 8, 16, 32, 60, 60]
    assert backoff_s(100_000) == 60


def test_an_event_is_repeated_after_1_2_4_to_60_seconds(database: ImmediateDatabase) -> None:
    at_s: list[float] = []

    def judge(_: Tried) -> bool:
        at_s.append(stage.clock.seconds())
        return False

    stage = Stage(database, RememberingPusher(judge))
    stage.notifier.start()
    stage.add("s", 1)
    stage.reactor.advance(200.0)
    # 0, 1, 3, 7, 15, 31, 63, 123 and 183 s, each found by the next poll (every half a second).
    assert at_s == pytest.approx([0, 1, 3, 7, 15, 31, 63, 123, 183], abs=5.0)
    assert all(later - at_s[n] >= backoff_s(n + 1) for n, later in enumerate(at_s[1:]))


def test_an_event_is_given_up_after_24_hours_and_the_next_goes_on(database: ImmediateDatabase) -> None:
    stage = Stage(database, RememberingPusher(lambda tried: tried.body["seq"] != 1))
    stage.notifier.start()
    stage.add("s", 1)
    stage.jump(3600.0)
    stage.add("s", 2)
    while stage.utc() < NOW + timedelta(hours=23, minutes=50):
        stage.jump(600.0)
    for _ in range(8):
        stage.jump(60.0)
    assert state_of(database, "s") == {1: "pending", 2: "pending"}
    for _ in range(4):
        stage.jump(60.0)
    assert state_of(database, "s") == {1: "spooled", 2: "delivered"}
    assert stage.seen.count(("s", 1)) > 140
    assert stage.seen[-1] == ("s", 2)


def test_another_process_goes_on_where_one_ended(database: ImmediateDatabase) -> None:
    stage = Stage(database, RememberingPusher())
    stage.add("s", 1)
    stage.add("s", 2)
    stage.pusher.tried[0].finish()
    stage.restart()  # event 2 is under way, and nobody knows what became of it
    stage.notifier.start()
    assert stage.seen == [("s", 1), ("s", 2), ("s", 2)]
    stage.pusher.tried[-1].finish()
    assert state_of(database, "s") == {1: "delivered", 2: "delivered"}


def test_an_event_that_was_only_stored_is_found(database: ImmediateDatabase) -> None:
    stage = Stage(database, RememberingPusher(lambda _: True))
    stage.notifier.start()
    stage.add("s", 1, told=False)
    stage.jump(0.5)
    assert state_of(database, "s") == {1: "delivered"}


def test_a_store_that_refuses_is_asked_again(
    database: ImmediateDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(database, RememberingPusher(lambda _: True))
    stage.add("s", 1, told=False)
    with monkeypatch.context() as broken:
        broken.setattr(database, "read", lambda *_: fail(StoreBusy("locked")))
        stage.notifier.start()
        stage.add("s", 2)
        stage.jump(4.0)
    assert stage.seen == []
    stage.jump(6.0)
    stage.jump(0.5)
    assert stage.seen == [("s", 1), ("s", 2)]


def test_a_delivery_that_cannot_be_noted_is_repeated_not_lost(
    database: ImmediateDatabase, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(database, RememberingPusher(lambda _: True))
    stage.notifier.start()
    with monkeypatch.context() as broken:
        broken.setattr(database, "run", lambda *_: fail(StoreBusy("locked")))
        stage.add("s", 1)
    for _ in range(3):
        stage.jump(5.0)
    assert stage.seen == [("s", 1), ("s", 1)]
    assert state_of(database, "s") == {1: "delivered"}


def test_close_waits_for_what_is_under_way_and_leaves_the_rest(database: ImmediateDatabase) -> None:
    stage = Stage(database, RememberingPusher())
    stage.notifier.start()
    stage.add("s", 1)
    stage.add("s", 2)
    closed: Deferred[None] = stage.notifier.close(5.0)
    assert not closed.called
    stage.pusher.tried[0].finish()
    assert state_of(database, "s") == {1: "delivered", 2: "pending"}
    assert (stage.notifier.n_waiting, stage.reactor.clock.getDelayedCalls()) == (0, [])


def test_close_breaks_off_at_its_deadline(database: ImmediateDatabase) -> None:
    stage = Stage(database, RememberingPusher())
    for n in range(3):
        stage.add(f"s{n}", 1)
    ended: list[None] = []
    stage.notifier.close(5.0).addCallback(ended.append)
    stage.jump(5.0)
    assert ended == [None]
    assert state_of(database, "s1") == {1: "pending"}
    assert [push.attempts for push in database.run_now(outbox.due, stage.utc(), 10)] == [0, 0, 0]


@settings(max_examples=30)
@given(st.data())
def test_every_event_is_taken_once_in_order_whatever_receivers_and_restarts_do(
    migrated: ImmediateDatabase, data: st.DataObject
) -> None:
    migrated.run_now(empty)
    taken: defaultdict[str, list[int]] = defaultdict(list)

    def judge(tried: Tried) -> bool:
        ok = data.draw(st.booleans())
        if ok:
            taken[tried.body["session"]].append(int(tried.headers[SEQUENCE_HEADER]))
        return ok

    stage = Stage(migrated, RememberingPusher(judge))
    stage.notifier.start()
    n_stored: defaultdict[str, int] = defaultdict(int)
    for step in data.draw(st.lists(st.sampled_from(["a", "b", "c", "later", "restart"]), max_size=25)):
        if step == "later":
            stage.jump(data.draw(st.sampled_from([0.5, 3.0, 61.0])))
        elif step == "restart":
            stage.restart()
            stage.notifier.start()
        else:
            n_stored[step] += 1
            stage.add(step, n_stored[step], told=data.draw(st.booleans()))

    def take(tried: Tried) -> bool:
        taken[tried.body["session"]].append(tried.body["seq"])
        return True

    stage.pusher.judge = take
    for _ in range(3):
        stage.jump(61.0)
    assert dict(taken) == {session: list(range(1, n + 1)) for session, n in n_stored.items()}


def test_over_a_real_connection_an_event_is_repeated_until_it_is_taken(
    database: ImmediateDatabase, turning: OwnReactor
) -> None:
    with Receiver(in_turn(reply(500), reply(503), reply())) as receiver:
        client = PushClient(turning.reactor, turning.reactor.nameResolver, PushRules(lab=True))
        notifier = DurableNotifier(
            client, succeed_with_secret, turning.reactor, database, first_backoff_s=0.02, poll_s=0.01
        )
        notifier.start()
        now = datetime.now(UTC)
        for seq in (1, 2):
            push = Push(0, PushKind.STATUS, "app", "s", seq, receiver.url, {"seq": seq}, now, now)
            database.run_now(outbox.add, push)
            notifier.notify(push)
        turning.until(lambda: len(receiver.received) == 4 and not notifier.n_waiting)
        turning.result(notifier.close(5.0))
        client.close()
    sent = [received.headers[SEQUENCE_HEADER.lower()] for received in receiver.received]
    assert sent == ["1", "1", "1", "2"]
    assert state_of(database, "s") == {1: "delivered", 2: "delivered"}


def succeed_with_secret(_: str) -> "Deferred[str]":
    return succeed("secret")
