"""Events and recordings: each stored once, and back as they were."""

from dataclasses import replace
from datetime import UTC, date, datetime

import pytest

from ivrcore.events import Party
from ivrcore.service.model import CallEvent, EventKind, Recording
from ivrcore.service.store import events, recordings
from ivrcore.service.store.errors import StoreConflict
from tests.unit.ivrcore.service.store.stage import (
    ACCOUNT,
    APP,
    NOW,
    OTHER_ACCOUNT,
    OTHER_APP,
    SECOND,
    Stage,
    accepted,
    an_event,
)

EVENTS = [
    an_event(1, party=Party.A),
    an_event(2, kind=EventKind.ALERTING, party=Party.B),
    an_event(3, kind=EventKind.ANSWER, party=Party.B),
    an_event(4, kind=EventKind.COLLECT_INFO, party=Party.A, digits="*12#"),
    an_event(5, kind=EventKind.DISCONNECT, state_code=8010, release_point=3, ended_by=Party.B),
    an_event(6, kind=EventKind.RECORD, record={"tts": {"plays": 1, "seconds": 2.5}, "reason": "再见"}),
]
RECORDING = Recording("r1.wav", "1_1@lab", APP.app_key, "/rec/r1.wav", 80_000, 10.0, NOW)


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: str(event.kind.value))
def test_event_comes_back_whole(stage: Stage, event: CallEvent) -> None:
    accepted(stage)
    assert stage.now(events.add, event)
    assert stage.now(events.of, event.session) == [event]


def test_events_of_a_call_come_by_their_sequence_number(stage: Stage) -> None:
    accepted(stage)
    accepted(stage, "another")
    for event in [*reversed(EVENTS), an_event(1, "another")]:
        assert stage.now(events.add, event)
    assert stage.now(events.of, "1_1@lab") == EVENTS
    assert stage.now(events.last_seq, "1_1@lab") == 6
    assert stage.now(events.last_seq, "another") == 1
    assert (stage.now(events.of, "unknown"), stage.now(events.last_seq, "unknown")) == ([], 0)


def test_event_that_is_known_stays_as_it_is(stage: Stage) -> None:
    accepted(stage)
    stage.now(events.add, EVENTS[0])
    assert not stage.now(events.add, replace(EVENTS[0], kind=EventKind.ANSWER))
    assert stage.now(events.of, "1_1@lab") == [EVENTS[0]]


def test_event_that_many_bring_at_once_is_new_to_one(stage: Stage) -> None:
    accepted(stage)
    runs = [stage.db.run(events.add, an_event(1 + n % 4)) for n in range(40)]
    assert stage.wait_all(runs).count(True) == 4
    assert [event.seq for event in stage.now(events.of, "1_1@lab")] == [1, 2, 3, 4]


def test_event_of_an_unknown_call_is_refused(stage: Stage) -> None:
    with pytest.raises(StoreConflict):
        stage.now(events.add, an_event(1, "unknown"))


def test_recording_comes_back_whole_and_stays_as_it_is(stage: Stage) -> None:
    assert stage.now(recordings.add, RECORDING)
    assert not stage.now(recordings.add, replace(RECORDING, path="/elsewhere"))
    assert stage.now(recordings.recording, "r1.wav") == RECORDING
    assert stage.now(recordings.of, "1_1@lab") == [RECORDING]
    assert stage.now(recordings.recording, "r2.wav") is None


def test_recording_is_removed_once(stage: Stage) -> None:
    stage.now(recordings.add, RECORDING)
    assert stage.now(recordings.remove, "r1.wav")
    assert not stage.now(recordings.remove, "r1.wav")
    assert stage.now(recordings.recording, "r1.wav") is None


def test_old_recordings_come_the_oldest_first_up_to_the_limit(stage: Stage) -> None:
    for n in (3, 1, 2, 0):
        stage.now(recordings.add, replace(RECORDING, name=f"r{n}", created_at=NOW + n * SECOND))
    before = NOW + 3 * SECOND  # r3 is as old as that, not older
    assert [r.name for r in stage.now(recordings.older_than, before, 10)] == ["r0", "r1", "r2"]
    assert [r.name for r in stage.now(recordings.older_than, before, 2)] == ["r0", "r1"]


def test_recordings_of_a_day_are_of_that_utc_day_and_that_owner(stage: Stage) -> None:
    day = date(2026, 3, 1)
    for name, at in {
        "before": datetime(2026, 2, 28, 23, 59, 59, 999_999, UTC),
        "first": datetime(2026, 3, 1, tzinfo=UTC),
        "last": datetime(2026, 3, 1, 23, 59, 59, 999_999, UTC),
        "after": datetime(2026, 3, 2, tzinfo=UTC),
    }.items():
        stage.now(recordings.add, replace(RECORDING, name=name, created_at=at))
    stage.now(recordings.add, replace(RECORDING, name="theirs", app_key=OTHER_APP.app_key))
    assert [r.name for r in stage.now(recordings.on_day, APP.app_key, day)] == ["first", "last"]
    assert [r.name for r in stage.now(recordings.on_day, ACCOUNT.id, day)] == ["first", "last"]
    assert [r.name for r in stage.now(recordings.on_day, OTHER_ACCOUNT.id, day)] == ["theirs"]
    assert stage.now(recordings.on_day, "nobody", day) == []
