"""A request becomes one call and one CDR, whatever happens in between."""

from collections.abc import Callable
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, TypeVar

import pytest
from twisted.internet.defer import Deferred

from ivrcore.cdr import RecordingRecord
from ivrcore.events import Party
from ivrcore.service.api.errors import Refusal
from ivrcore.service.api.fields import Reading
from ivrcore.service.api.models import CallbackOrder, read
from ivrcore.service.api.ports import Accepted, Idempotency
from ivrcore.service.content import shelf
from ivrcore.service.model import CallEvent, EventKind, PushKind, Service
from ivrcore.service.sections import BarredPolicy, CallSettings
from ivrcore.service.store import accounts, calls, cdrs, events, idempotency, outbox, recordings
from ivrcore.service.store.errors import StoreClosed
from ivrcore.service.testing import DISPLAY_A, DISPLAY_B, NOW, A, B, Bench
from ivrcore.service.workers.errors import NoWorker
from ivrcore.service.workers.listener import LostCall

T = TypeVar("T")


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def fired(deferred: "Deferred[T]") -> T:
    """The value of a Deferred that must have fired; raises its failure."""
    values: list[Any] = []
    deferred.addBoth(values.append)
    assert values, "not fired"
    if hasattr(values[0], "raiseException"):
        values[0].raiseException()
    value: T = values[0]
    return value


def submit(bench: Bench, key: str = "", **changes: object) -> Accepted:
    asked = {"displayNbr": DISPLAY_A, "callerNbr": A, "displayCalleeNbr": DISPLAY_B, "calleeNbr": B}
    order = read(CallbackOrder, {**asked, **changes}, Reading())
    answer = Idempotency(key, "d" * 64, lambda accepted: (200, accepted.session)) if key else None
    return fired(bench.calls.submit(bench.app(Service.CALLBACK), order, answer))


def refuse(*_: object) -> None:
    raise OSError("disk full")


def event(session: str, seq: int, kind: EventKind, party: Party | None = None, **more: Any) -> CallEvent:
    return CallEvent(session, seq, kind, NOW + timedelta(seconds=seq), party, **more)


def whole_call(session: str, recording: Path | None = None) -> list[CallEvent]:
    """Both answer, B hangs up after a talk of 61 s."""
    leg = {"calledAt": "2026-03-01T08:15:31Z", "rangAt": None, "endedAt": None, "q850": 16, "sipStatus": 200}
    legs = {
        "A": {"number": A, "display": DISPLAY_A, **leg, "answeredAt": "2026-03-01T08:15:33.000Z"},
        "B": {"number": B, "display": DISPLAY_B, **leg, "answeredAt": "2026-03-01T08:15:35.000Z"},
    }
    record = {
        "session": session,
        "stateCode": 0,
        "releasePoint": 0,
        "endedBy": "B",
        "startedAt": "2026-03-01T08:15:30.000Z",
        "talkStartedAt": "2026-03-01T08:15:35.000Z",
        "endedAt": "2026-03-01T08:16:36.000Z",
        "legs": legs,
        "collected": [],
        "recording": recording and {"path": str(recording), "reason": "", "duration_s": 61.0},
        "tts": {"plays": 0, "seconds": 0.0},
    }
    return [
        event(session, 1, EventKind.CALLOUT, Party.A),
        event(session, 2, EventKind.ANSWER, Party.A),
        event(session, 3, EventKind.CALLOUT, Party.B),
        event(session, 4, EventKind.ANSWER, Party.B),
        event(session, 5, EventKind.DISCONNECT, ended_by=Party.B),
        event(session, 6, EventKind.RECORD, record=record),
    ]


def completed(bench: Bench, session: str) -> "cdrs.Cdr":
    found = bench.database.run_now(cdrs.cdr, session)
    assert found is not None
    return found


def test_accepted_request_is_stored_before_it_is_handed_over(bench: Bench) -> None:
    stored: list[bool] = []
    dispatch = bench.dispatcher.dispatch

    def looking(job: Any) -> "Deferred[str]":
        stored.append(bench.database.run_now(calls.is_open, job.session))
        return dispatch(job)

    bench.dispatcher.dispatch = looking  # type: ignore[method-assign]
    accepted = submit(bench)
    assert stored == [True]
    call = bench.database.run_now(calls.call, accepted.session)
    assert call is not None
    assert call.worker == "w1"
    assert accepted.idle_port == 9


def test_sessions_differ_and_have_the_published_shape(bench: Bench) -> None:
    one, other = submit(bench).session, submit(bench, callerNbr="+8613800138009").session
    assert one != other
    head, host = one.split("@")
    assert head.split("_")[0] == "1201"
    assert head.split("_")[3] == "20260301081530"
    assert host == "callenabler1.example.com"


def test_whole_call_is_pushed_in_order_and_billed(bench: Bench) -> None:
    session = submit(bench, userData="o-1").session
    for one in whole_call(session):
        fired(bench.calls.event(one))
    assert bench.pushes.kinds == ["callout", "answer", "callout", "answer", "disconnect"]
    assert bench.pushes.pushed[-1].body["statusInfo"] == {
        "sessionId": session,
        "timestamp": "2026-03-01 08:15:35",
        "caller": DISPLAY_B,
        "called": B,
        "stateCode": 0,
        "stateDesc": "The user releases the call.",
        "userData": "o-1",
    }
    cdr = completed(bench, session)
    assert (cdr.billed_minutes_a, cdr.billed_minutes_b) == (2, 2)  # 63 s and 61 s
    assert Decimal(cdr.amount) == Decimal("0.72")
    (fee,) = bench.database.run_now(outbox.due, NOW + timedelta(hours=1), 10)
    assert (fee.kind, fee.url) == (PushKind.FEE, "http://sp.example.com/fee")
    assert fee.body["fwdAnswerTime"] == "2026-03-01 08:15:35"
    assert bench.pushes.wakes == 1
    assert bench.ports.total == 0


def test_event_that_comes_twice_is_pushed_once(bench: Bench) -> None:
    session = submit(bench).session
    for one in whole_call(session):
        fired(bench.calls.event(one))
        fired(bench.calls.event(one))
    assert len(bench.pushes.pushed) == 5
    assert len(bench.database.run_now(outbox.due, NOW + timedelta(hours=1), 10)) == 1
    assert [told.ended for told in bench.told].count(True) == 1


def test_event_of_an_unknown_call_is_acknowledged_and_dropped(bench: Bench) -> None:
    assert fired(bench.calls.event(event("1201_9_9_9@h", 1, EventKind.CALLOUT, Party.A))) is None
    assert bench.pushes.pushed == []


def test_durable_events_go_to_the_outbox_with_their_number(tmp_path: Path) -> None:
    bench = Bench(tmp_path, durable=True)
    session = submit(bench).session
    for one in whole_call(session)[:3]:
        fired(bench.calls.event(one))
    rows = bench.database.run_now(outbox.pending_of_session, session)
    assert [(row.kind, row.seq) for row in rows] == [(PushKind.STATUS, seq) for seq in (1, 2, 3)]


def test_recording_is_noted_with_its_call(bench: Bench, tmp_path: Path) -> None:
    session = submit(bench, recordFlag="true").session
    file = tmp_path / "26030108153000000000001.wav"
    file.write_bytes(b"12345")
    for one in whole_call(session, file):
        fired(bench.calls.event(one))
    recording = bench.database.run_now(recordings.recording, file.name)
    assert recording is not None
    assert (recording.session, recording.n_bytes, recording.duration_s) == (session, 5, 61.0)


def test_eleventh_call_at_once_gets_1020165(bench: Bench) -> None:
    for n in range(10):
        submit(bench, callerNbr=f"+861380013801{n}", calleeNbr=f"+861380013802{n}")
        bench.clock.advance(1.0)
    with pytest.raises(Refusal) as caught:
        submit(bench, callerNbr="+8613800138030", calleeNbr="+8613800138031")
    assert caught.value.result.code == "1020165"
    assert len(bench.database.run_now(calls.open_calls)) == 10


def test_front_end_that_goes_waits_for_the_orders_that_wait_for_legs(bench: Bench) -> None:
    assert fired(bench.calls.handed_over()) is None
    bench.dispatcher.queue = []
    sessions = [submit(bench, callerNbr=f"+861380013801{n}").session for n in range(2)]
    gone: list[None] = []
    bench.calls.stop_accepting()
    bench.calls.handed_over().addCallback(gone.append)
    assert gone == []
    bench.dispatcher.queue[0].callback("w1")
    assert gone == []
    bench.dispatcher.queue[1].errback(NoWorker("no leg was free within 10 s"))
    assert gone == [None]
    assert [bench.database.run_now(calls.is_open, session) for session in sessions] == [True, False]
    assert completed(bench, sessions[1]).state_code == 7109


def test_order_that_is_refused_is_not_waited_for(bench: Bench) -> None:
    with pytest.raises(Refusal):
        submit(bench, waitVoice="nowhere.wav")
    assert fired(bench.calls.handed_over()) is None


def test_voice_file_deleted_between_the_checks_and_the_acceptance_refuses_the_order(bench: Bench) -> None:
    read_only = bench.database.read

    def and_delete(*what: Any) -> "Deferred[Any]":
        planned = read_only(*what)
        bench.database.run_now(shelf.delete_voice, bench.app(Service.CALLBACK).account.id, "wait.wav")
        return planned

    bench.database.read = and_delete  # type: ignore[assignment,method-assign]
    with pytest.raises(Refusal, match=r"wait\.wav does not exist"):
        submit(bench, waitVoice="wait.wav")
    assert bench.ports.total == 0
    assert bench.dispatcher.jobs == []
    assert bench.database.run_now(calls.open_calls) == []


def test_port_is_given_back_when_the_store_refuses(bench: Bench) -> None:
    database = bench.database
    original, calls.accept = calls.accept, refuse  # type: ignore[assignment]
    try:
        with pytest.raises(OSError, match="disk full"):
            submit(bench)
    finally:
        calls.accept = original
    assert bench.ports.total == 0
    assert bench.dispatcher.jobs == []
    assert database.run_now(calls.open_calls) == []


def test_number_called_three_times_a_day_is_left_alone(bench: Bench) -> None:
    for _ in range(3):
        submit(bench)
    with pytest.raises(Refusal) as caught:
        submit(bench)
    assert caught.value.result.code == "1011006"
    assert bench.ports.total == 3


def test_call_without_legs_ends_with_7109(bench: Bench) -> None:
    bench.dispatcher.full = True
    session = submit(bench).session
    cdr = completed(bench, session)
    assert (cdr.state_code, cdr.fee["ulFailReason"], cdr.fee["sipStatusCode"]) == (7109, 522, 503)
    assert bench.pushes.kinds == ["disconnect"]
    assert bench.ports.total == 0


def test_barred_destination_fails_with_8001_and_is_never_dialled(tmp_path: Path) -> None:
    bench = Bench(tmp_path, settings=CallSettings(barred=BarredPolicy.FAIL))
    session = submit(bench, calleeNbr="+85223456789").session
    assert completed(bench, session).state_code == 8001
    assert bench.dispatcher.jobs == []


def test_lost_call_keeps_what_was_told_of_it(bench: Bench, tmp_path: Path) -> None:
    session = submit(bench, recordFlag="true").session
    for one in whole_call(session)[:4]:
        fired(bench.calls.event(one))
    file = tmp_path / "saved.wav"
    file.write_bytes(b"x")
    lost = {session: LostCall(4, RecordingRecord(file, "", 12.0))}
    fired(bench.calls.lost(lost, "worker w1 was killed"))
    assert bench.pushes.kinds[-1] == "disconnect"
    cdr = completed(bench, session)
    assert cdr.state_code == 8020
    assert cdr.fee["fwdAnswerTime"] == "2026-03-01 08:15:34"
    assert bench.database.run_now(recordings.recording, "saved.wav") is not None
    fired(bench.calls.lost(lost, "again"))
    assert bench.pushes.kinds.count("disconnect") == 1
    assert [one.seq for one in bench.database.run_now(events.of, session)] == [1, 2, 3, 4, 5, 6]


def test_lost_call_that_had_told_its_end_keeps_that_end(bench: Bench) -> None:
    session = submit(bench).session
    for one in whole_call(session)[:5]:
        fired(bench.calls.event(one))
    fired(bench.calls.lost({session: LostCall(5)}, "killed"))
    assert bench.pushes.kinds.count("disconnect") == 1
    assert completed(bench, session).state_code == 0


def test_open_calls_that_no_worker_has_are_ended_at_the_start(bench: Bench) -> None:
    kept = submit(bench).session
    gone = submit(bench, callerNbr="+8613800138009", calleeNbr="+8613800138008").session
    opened = fired(bench.calls.rebuild())
    assert bench.ports.total == 2
    assert fired(bench.calls.forsake(opened, frozenset({kept}))) == 1
    assert completed(bench, gone).state_code == 8020
    assert bench.ports.total == 1
    assert bench.database.run_now(calls.is_open, kept)


def test_call_that_ended_after_it_was_counted_gives_its_port_back(bench: Bench) -> None:
    session = submit(bench).session
    opened = fired(bench.calls.rebuild())
    bench.database.run_now(calls.end, session, NOW)  # by whom counted it before us
    fired(bench.calls.forsake(opened, frozenset()))
    assert bench.ports.total == 0


def test_end_that_the_store_refuses_is_stored_later(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.dispatcher.queue = []
    session = submit(bench).session
    with monkeypatch.context() as locked:
        locked.setattr(cdrs, "complete", refuse)
        bench.dispatcher.queue[0].errback(NoWorker("none"))
        bench.clock.advance(0.5)
        assert (completed(bench, session).ended_at, bench.ports.total) == (None, 1)
    bench.clock.advance(1.0)
    assert (completed(bench, session).state_code, bench.ports.total) == (7109, 0)
    assert bench.pushes.kinds == ["disconnect"]
    assert bench.clock.clock.getDelayedCalls() == []


def test_end_of_a_closed_store_is_left_to_the_next_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def closed(*_: object, **__: object) -> None:
        raise StoreClosed("the store is closed")

    bench.dispatcher.queue = []
    session = submit(bench).session
    monkeypatch.setattr(bench.database, "run_now", closed)
    bench.dispatcher.queue[0].errback(NoWorker("none"))
    monkeypatch.undo()
    assert bench.clock.clock.getDelayedCalls() == []
    assert bench.database.run_now(calls.is_open, session)


def test_settled_waits_for_the_event_that_is_being_stored(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    session = submit(bench).session
    assert bench.calls.settled().called
    storing: list[Deferred[Any]] = []

    def run(*_: object, **__: object) -> "Deferred[Any]":
        storing.append(Deferred())
        return storing[-1]

    monkeypatch.setattr(bench.database, "run", run)
    bench.calls.event(whole_call(session)[0])
    settled = bench.calls.settled()
    assert not settled.called
    storing[0].callback(None)
    assert settled.called


def test_stop_reaches_the_worker(bench: Bench) -> None:
    session = submit(bench).session
    fired(bench.calls.stop(bench.app(Service.CALLBACK), session))
    assert bench.dispatcher.stopped == [session]


@pytest.mark.parametrize("which", ["unknown", "over", "foreign"])
def test_stop_of_a_call_that_is_not_running_is_refused(bench: Bench, which: str) -> None:
    session = submit(bench).session
    app = bench.app(Service.CALLBACK)
    if which == "over":
        for one in whole_call(session):
            fired(bench.calls.event(one))
    if which == "foreign":
        app = bench.app(Service.NOTIFICATION)
    with pytest.raises(Refusal) as caught:
        fired(bench.calls.stop(app, "1201_0_0_0@x" if which == "unknown" else session))
    assert caught.value.result.code == "1020152"


@pytest.mark.parametrize("late", ["fails", "is taken"])
def test_stop_of_a_call_that_waits_for_legs(bench: Bench, late: str) -> None:
    bench.dispatcher.queue = []
    session = submit(bench).session
    fired(bench.calls.stop(bench.app(Service.CALLBACK), session))
    (waiting,) = bench.dispatcher.queue
    if late == "fails":
        waiting.errback(RuntimeError("withdrawn"))
        assert completed(bench, session).state_code == 8017
    else:
        waiting.callback("w2")
        assert bench.dispatcher.stopped == [session, session]


def test_answer_is_stored_under_its_idempotency_key(bench: Bench) -> None:
    session = submit(bench, key="k-1").session
    known = bench.database.run_now(idempotency.find, bench.apps[Service.CALLBACK], "k-1")
    assert known is not None
    assert (known.status, known.body) == (200, session)


def test_key_that_another_node_has_stored_meanwhile_is_in_use(bench: Bench) -> None:
    submit(bench, key="k-1")
    with pytest.raises(Refusal) as caught:
        submit(bench, key="k-1", callerNbr="+8613800138009")
    assert caught.value.http_status == 409
    assert bench.ports.total == 1


def test_nothing_is_accepted_while_ending(bench: Bench) -> None:
    bench.calls.stop_accepting()
    with pytest.raises(Refusal) as caught:
        submit(bench)
    assert caught.value.result.code == "1010010"


def test_too_many_requests_a_second_wait_and_then_are_refused(bench: Bench) -> None:
    key = bench.apps[Service.CALLBACK]
    bench.database.run_now(accounts.set_app, key, calls_per_second=1.0)
    submit(bench)
    waiting: list[object] = []
    order = read(
        CallbackOrder,
        {"displayNbr": DISPLAY_A, "callerNbr": A, "displayCalleeNbr": DISPLAY_B, "calleeNbr": B},
        Reading(),
    )
    later: Callable[[], Deferred[Accepted]] = lambda: bench.calls.submit(  # noqa: E731
        bench.app(Service.CALLBACK), order, None
    )
    later().addBoth(waiting.append)
    assert waiting == []
    with pytest.raises(Refusal):
        fired(later())
    bench.clock.advance(1.0)
    assert isinstance(waiting[0], Accepted)


def test_recording_that_was_finished_late_is_noted_with_its_call(bench: Bench, tmp_path: Path) -> None:
    session = submit(bench, recordFlag="true").session
    for one in whole_call(session):
        fired(bench.calls.event(one))
    file = tmp_path / "late.wav"
    file.write_bytes(b"x")
    fired(bench.calls.lost({session: LostCall(6, RecordingRecord(file, "", 9.0))}, "the disk was full"))
    assert bench.database.run_now(recordings.recording, "late.wav") is not None
    assert bench.pushes.kinds.count("disconnect") == 1
