"""From a call's history to the front end: in order, once stored never again, never lost."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone

from ivrcore.cdr import CallRecord, Entry
from ivrcore.commands import CloseCall, Dial, Report, Status, Verdict
from ivrcore.events import Party
from ivrcore.flow import Called
from ivrcore.preparation import flow_of, record_without_call
from ivrcore.service.model import CallEvent, EventKind
from ivrcore.service.workers.outgoing import Outgoing
from ivrcore.service.workers.spool import SessionSpool, read_spools
from ivrcore.service.workers.status import StatusEvents
from sip.manual_reactor import ManualReactor
from tests.unit.ivrcore.service.workers.jobs import callback

OFFSET_S = 1.0e9
A, B = Party.A, Party.B


def at(seconds: float) -> datetime:
    return datetime.fromtimestamp(OFFSET_S + seconds, UTC)


# ---- history to events


def events_of(*entries: Entry, record: CallRecord | None = None) -> list[CallEvent]:
    told: list[CallEvent] = []
    status = StatusEvents("s1", OFFSET_S, told.append)
    for entry in entries:
        status.observe(entry)
    if record is not None:
        status.record(record)
    return told


def test_reports_are_events_with_their_moment_and_party() -> None:
    told = events_of(
        Entry(1.0, Dial(A)),
        Entry(1.0, Report(Status.CALLOUT, A)),
        Entry(2.5, Report(Status.ALERTING, B)),
        Entry(9.0, Report(Status.COLLECT_INFO, A, "12#")),
    )
    assert told == [
        CallEvent("s1", 1, EventKind.CALLOUT, at(1.0), A),
        CallEvent("s1", 2, EventKind.ALERTING, at(2.5), B),
        CallEvent("s1", 3, EventKind.COLLECT_INFO, at(9.0), A, digits="12#"),
    ]


def test_disconnect_says_how_the_call_ended_and_comes_once() -> None:
    close = CloseCall(Verdict(8101, 514, ended_by=B))
    told = events_of(Entry(5.0, Report(Status.DISCONNECT)), Entry(5.0, close), Entry(5.1, close))
    assert told == [
        CallEvent("s1", 1, EventKind.DISCONNECT, at(5.0), state_code=8101, release_point=514, ended_by=B)
    ]


def test_call_that_was_broken_off_is_disconnected_all_the_same() -> None:
    (event,) = events_of(Entry(5.0, CloseCall(Verdict(8000))))
    assert (event.kind, event.state_code) == (EventKind.DISCONNECT, 8000)


def test_record_is_the_last_event_and_has_the_whole_record() -> None:
    record = record_without_call(
        "s1",
        flow_of(callback("s1").task),
        Verdict(8005),
        now_s=7.0,
        utc_offset_s=OFFSET_S,
        observe=lambda _entry: None,
    )
    assert record.a.number == Called("+8613900000001", "").number
    (event,) = events_of(record=record)
    assert (event.seq, event.kind, event.at, event.record) == (1, EventKind.RECORD, at(7.0), record.as_json())
    assert record.as_json()["tts"] == {"plays": 0, "seconds": 0.0}


# ---- events to the front end


class Post:
    """One session's events, a disk and a front end that the test moves."""

    def __init__(self, folder: Path) -> None:
        self.reactor = ManualReactor()
        self.spool = SessionSpool(folder, "s1", {})
        self.sent: list[tuple[int, Deferred[Any]]] = []
        self.syncs: list[Deferred[Any]] = []
        self.forgotten = 0
        self.settled: list[str] = []
        self.outgoing = Outgoing(
            "s1",
            self.spool,
            self.reactor,
            self._in_thread,
            forget=self._forget,
            settled=self.settled.append,
        )

    def _in_thread(self, work: Any, *arguments: object) -> "Deferred[Any]":
        done: Deferred[Any] = Deferred()
        done.addCallback(lambda _: work(*arguments))
        self.syncs.append(done)
        return done

    def _forget(self, _session: str) -> "Deferred[None]":
        self.forgotten += 1
        return succeed(None)

    def send(self, event: CallEvent) -> "Deferred[Any]":
        answer: Deferred[Any] = Deferred()
        self.sent.append((event.seq, answer))
        return answer

    def tell(self, seq: int, kind: EventKind = EventKind.ALERTING) -> None:
        self.outgoing.tell(CallEvent("s1", seq, kind, at(seq), record={} if seq == 9 else None))

    def record(self, seq: int) -> None:
        self.outgoing.tell(CallEvent("s1", seq, EventKind.RECORD, at(seq), record={"session": "s1"}))

    def sync(self) -> None:
        while self.syncs:
            self.syncs.pop(0).callback(None)

    @property
    def seqs(self) -> list[int]:
        return [seq for seq, _ in self.sent]

    def store(self) -> None:
        self.sent[-1][1].callback({})


@pytest.fixture
def post(tmp_path: Path) -> Post:
    return Post(tmp_path)


def test_next_event_goes_when_the_one_before_is_stored(post: Post) -> None:
    post.outgoing.connect(post.send)
    post.tell(1)
    post.tell(2)
    assert post.seqs == [1]
    post.store()
    assert post.seqs == [1, 2]
    post.store()
    assert (post.seqs, post.outgoing.unacknowledged) == ([1, 2], 0)


def test_events_wait_for_a_front_end(post: Post) -> None:
    post.tell(1)
    post.tell(2)
    assert post.seqs == []
    post.outgoing.connect(post.send)
    post.store()
    assert post.seqs == [1, 2]


def test_event_in_flight_at_a_lost_connection_is_sent_again(post: Post) -> None:
    post.outgoing.connect(post.send)
    post.tell(1)
    post.tell(2)
    post.store()
    post.sent[-1][1].errback(ConnectionDone())
    post.outgoing.connect(None)
    post.tell(3)
    assert post.seqs == [1, 2]
    post.outgoing.connect(post.send)
    assert post.seqs == [1, 2, 2]
    post.store()
    assert post.seqs == [1, 2, 2, 3]


def test_late_answer_of_an_old_connection_moves_nothing(post: Post) -> None:
    post.outgoing.connect(post.send)
    post.tell(1)
    post.tell(2)
    old = post.sent[-1][1]
    post.outgoing.connect(lambda event: post.send(event))
    assert post.seqs == [1, 1]
    old.callback({})
    assert post.seqs == [1, 1]
    post.store()
    assert post.seqs == [1, 1, 2]


def test_event_that_could_not_be_stored_is_sent_again_after_a_pause(post: Post) -> None:
    post.outgoing.connect(post.send)
    post.tell(1)
    post.tell(2)
    for pause_s in (0.5, 1.0, 2.0):
        post.sent[-1][1].errback(RuntimeError("the database is locked"))
        post.reactor.advance(pause_s - 0.01)
        n_sent = len(post.sent)
        post.reactor.advance(0.01)
        assert len(post.sent) == n_sent + 1
    assert set(post.seqs) == {1}
    post.store()
    assert post.seqs[-1] == 2
    assert post.reactor.pending() == 0


def test_captures_go_when_the_record_is_on_disk_and_not_before(post: Post) -> None:
    post.tell(1)
    post.sync()
    assert post.forgotten == 0
    post.record(2)
    assert post.forgotten == 0
    post.sync()
    assert post.forgotten == 1
    assert read_spools(post.spool.path.parent)[0].complete


def test_spool_goes_when_the_record_is_stored_and_the_disk_is_done(post: Post) -> None:
    post.outgoing.connect(post.send)
    post.record(1)
    post.store()
    assert post.settled == []  # a thread has the file still
    post.sync()
    assert post.settled == ["s1"]
    assert read_spools(post.spool.path.parent) == []
    assert post.forgotten >= 1


def test_spool_stays_until_the_record_is_stored(post: Post) -> None:
    post.outgoing.connect(post.send)
    post.record(1)
    post.sync()
    assert post.settled == []
    post.store()
    assert post.settled == ["s1"]


def test_events_of_a_moment_are_synced_together(post: Post) -> None:
    for seq in range(1, 6):
        post.tell(seq)
    assert len(post.syncs) == 1
    post.syncs.pop().callback(None)
    assert len(post.syncs) == 1  # the four that came meanwhile
    post.sync()
    assert post.syncs == []


def test_captures_of_a_record_that_cannot_be_synced_go_with_its_acknowledgement(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(SessionSpool, "sync", lambda _self: False)
    post.outgoing.connect(post.send)
    post.record(1)
    post.sync()
    assert post.forgotten == 0
    post.store()
    assert (post.forgotten, post.settled) == (1, ["s1"])
