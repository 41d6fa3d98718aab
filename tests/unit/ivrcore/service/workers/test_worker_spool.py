"""What a worker has to tell, on disk: complete, in order, cut by a kill, without room."""

import errno
import logging
import os
import stat
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from ivrcore.events import Party
from ivrcore.service.model import CallEvent, EventKind
from ivrcore.service.workers.encoding import event_from_json, event_to_json
from ivrcore.service.workers.errors import SpoolError
from ivrcore.service.workers.spool import SessionSpool, read_spools

AT = datetime(2026, 3, 1, 8, 15, 30, 123456, tzinfo=UTC)
TAKEN = {"service": "callback", "legs": 2}

EVENTS = (
    CallEvent("s1", 1, EventKind.CALLOUT, AT, Party.A),
    CallEvent("s1", 2, EventKind.COLLECT_INFO, AT, Party.A, digits="12#"),
    CallEvent("s1", 3, EventKind.DISCONNECT, AT, state_code=8101, release_point=514, ended_by=Party.B),
    CallEvent("s1", 4, EventKind.RECORD, AT, record={"session": "s1", "名": ["x\ny"], "n": 1.5}),
)


def spooled(directory: Path, *events: CallEvent) -> SessionSpool:
    spool = SessionSpool(directory, "s1", TAKEN)
    for event in events:
        assert spool.append(event)
    return spool


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: event.kind.value)
def test_event_comes_back_from_its_json(event: CallEvent) -> None:
    assert event_from_json("s1", event_to_json(event)) == event


def test_moment_is_written_in_utc() -> None:
    shanghai = timezone(timedelta(hours=8))
    event = replace(EVENTS[0], at=AT.astimezone(shanghai))
    assert event_to_json(event)["at"] == "2026-03-01T08:15:30.123456+00:00"


def test_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        event_from_json("s1", {**event_to_json(EVENTS[0]), "at": "2026-03-01T08:15:30"})


def test_spool_is_read_back_in_order(tmp_path: Path) -> None:
    spooled(tmp_path, *EVENTS).close()
    (found,) = read_spools(tmp_path)
    assert (found.session, found.taken, found.events) == ("s1", TAKEN, EVENTS)
    assert (found.complete, found.last_seq) == (True, 4)


def test_session_that_was_only_taken_is_known(tmp_path: Path) -> None:
    spooled(tmp_path).close()
    (found,) = read_spools(tmp_path)
    assert (found.events, found.complete, found.last_seq) == ((), False, 0)


@pytest.mark.parametrize("keep_bytes", range(1, 40, 3))
def test_line_that_a_kill_cut_is_none(tmp_path: Path, keep_bytes: int) -> None:
    spool = spooled(tmp_path, *EVENTS[:2])
    whole = spool.path.stat().st_size
    spool.append(EVENTS[2])
    spool.close()
    os.truncate(spool.path, whole + keep_bytes)
    (found,) = read_spools(tmp_path)
    assert found.events == EVENTS[:2]


def test_line_that_was_cut_at_the_first_is_a_session_all_the_same(tmp_path: Path) -> None:
    (tmp_path / "s1.jsonl").write_bytes(b'{"service":"call')
    (found,) = read_spools(tmp_path)
    assert (found.session, found.taken, found.events) == ("s1", {}, ())


def test_story_ends_at_a_line_that_is_no_event(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    spool = spooled(tmp_path, EVENTS[0])
    with spool.path.open("ab") as file:
        file.write(b"\0\0\0\n")
    spool.append(EVENTS[1])
    spool.close()
    with caplog.at_level(logging.ERROR):
        (found,) = read_spools(tmp_path)
    assert found.events == EVENTS[:1]
    assert "line 3 is not an event" in caplog.text


def test_only_this_user_may_read(tmp_path: Path) -> None:
    spool = spooled(tmp_path / "spool", *EVENTS)
    assert stat.S_IMODE(spool.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(spool.path.parent.stat().st_mode) == 0o700


def test_session_is_taken_once(tmp_path: Path) -> None:
    spooled(tmp_path)
    with pytest.raises(SpoolError, match="File exists"):
        SessionSpool(tmp_path, "s1", TAKEN)


def test_event_is_with_the_kernel_before_anything_is_synced(tmp_path: Path) -> None:
    spooled(tmp_path, *EVENTS)
    assert read_spools(tmp_path)[0].complete


@pytest.mark.parametrize("accepted", [0, 7])
def test_event_without_room_comes_with_the_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, accepted: int
) -> None:
    spool = spooled(tmp_path, EVENTS[0])
    real = os.write

    def full(file: int, data: bytes) -> int:
        if not accepted:
            raise OSError(errno.ENOSPC, "No space left on device")
        return real(file, data[:accepted])

    monkeypatch.setattr(os, "write", full)
    assert not spool.append(EVENTS[1])
    assert not spool.sync()
    monkeypatch.undo()
    assert read_spools(tmp_path)[0].events == EVENTS[:1]
    assert spool.append(EVENTS[2])
    assert spool.sync()
    assert read_spools(tmp_path)[0].events == EVENTS[:3]


def test_session_is_not_taken_on_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_file: int, _data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(SpoolError, match="no room"):
        SessionSpool(tmp_path, "s1", TAKEN)
    assert list(tmp_path.iterdir()) == []


def test_removed_spool_is_gone(tmp_path: Path) -> None:
    spool = spooled(tmp_path, *EVENTS)
    spool.remove()
    spool.remove()
    assert read_spools(tmp_path) == []


def test_directory_that_is_not_there_holds_nothing(tmp_path: Path) -> None:
    assert read_spools(tmp_path / "absent") == []
