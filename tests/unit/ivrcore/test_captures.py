"""Rooms of captures: a living owner is left alone, a dead one's recordings are finished."""

import os
import subprocess
import sys
from collections.abc import Generator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ivrcore.captures import (
    AbandonedRoom,
    CaptureRoom,
    abandoned_rooms,
    finish_interrupted,
    unfinished_rooms,
)
from media.errors import MediaFileError
from media.recording import CapturePlan, begin
from media.testsignal import talk
from media.wav import read_info, violations, write_alaw


def begin_call(room: Path, finished: Path, session: str, seconds: float) -> None:
    """Leave behind what a killed core leaves: a journal and two captures."""
    finished.mkdir(parents=True, exist_ok=True)
    plan = CapturePlan(
        session=session,
        directory=room / session,
        target=finished / f"{session}.wav",
        started_at=datetime(2026, 3, 1, 8, 15, 30, tzinfo=UTC),
    )
    paths = begin(plan)
    write_alaw(paths.leg_a, talk(1, seconds))
    write_alaw(paths.leg_b, talk(2, seconds))


def test_capture_of_a_living_process_is_left_alone(tmp_path: Path) -> None:
    room = CaptureRoom(tmp_path / "captures")
    begin_call(room.directory, tmp_path / "finished", "alive", 4.0)
    assert list(finish_interrupted(tmp_path / "captures", tmp_path / "finished")) == []
    assert (room.directory / "alive" / "capture.json").exists()
    room.close()


def test_capture_of_a_dead_process_is_finished_once(tmp_path: Path) -> None:
    room = CaptureRoom(tmp_path / "captures")
    begin_call(room.directory, tmp_path / "finished", "dead", 4.0)
    os.close(room._lock)  # what the kernel does for a killed process
    (recovered,) = finish_interrupted(tmp_path / "captures", tmp_path / "finished")
    assert recovered.session == "dead"
    assert recovered.result.path is not None
    assert violations(recovered.result.path) == ()
    assert read_info(recovered.result.path).duration_s == pytest.approx(4.0)
    assert list(finish_interrupted(tmp_path / "captures", tmp_path / "finished")) == []
    assert list((tmp_path / "captures").iterdir()) == []


def test_short_talk_of_a_dead_process_leaves_a_reason_and_no_file(tmp_path: Path) -> None:
    room = CaptureRoom(tmp_path / "captures")
    begin_call(room.directory, tmp_path / "finished", "short", 2.9)
    os.close(room._lock)
    (recovered,) = finish_interrupted(tmp_path / "captures", tmp_path / "finished")
    assert recovered.result.path is None
    assert "3.000 s" in recovered.result.reason
    assert list((tmp_path / "finished").iterdir()) == []


def test_lock_ends_with_a_killed_process(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from ivrcore.captures import CaptureRoom;"
        "room = CaptureRoom(Path(sys.argv[1])); print(room.directory, flush=True); time.sleep(60)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "captures")], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        room = Path(owner.stdout.readline().strip())
        begin_call(room, tmp_path / "finished", "killed", 4.0)
        assert list(finish_interrupted(tmp_path / "captures", tmp_path / "finished")) == []
        owner.kill()
        owner.wait()
    (recovered,) = finish_interrupted(tmp_path / "captures", tmp_path / "finished")
    assert recovered.session == "killed"
    assert recovered.settled


def test_room_that_is_empty_goes_when_it_is_closed(tmp_path: Path) -> None:
    CaptureRoom(tmp_path / "captures").close()
    assert list((tmp_path / "captures").iterdir()) == []


def test_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "captures").write_text("a file in the way")
    with pytest.raises(MediaFileError, match="captures"):
        CaptureRoom(tmp_path / "captures")


def test_missing_captures_are_no_interrupted_ones(tmp_path: Path) -> None:
    assert list(finish_interrupted(tmp_path / "nowhere", tmp_path / "finished")) == []


def abandon(tmp_path: Path, *sessions: str) -> None:
    """A room whose owner is dead, with a recording of each session."""
    room = CaptureRoom(tmp_path / "captures")
    for session in sessions:
        begin_call(room.directory, tmp_path / "finished", session, 4.0)
    os.close(room._lock)


def rooms(tmp_path: Path) -> list[AbandonedRoom]:
    return list(abandoned_rooms(tmp_path / "captures", tmp_path / "finished"))


def test_recording_is_told_again_until_its_owner_has_stored_it(tmp_path: Path) -> None:
    abandon(tmp_path, "a", "b")
    (room,) = rooms(tmp_path)
    room.release()  # killed before it was stored
    (room,) = rooms(tmp_path)
    assert [recovered.session for recovered in room.recordings] == ["a", "b"]
    room.forget()
    room.release()
    room.release()
    assert rooms(tmp_path) == []
    assert len(list((tmp_path / "finished").iterdir())) == 2


def test_room_that_is_being_finished_is_nobody_else_s(tmp_path: Path) -> None:
    abandon(tmp_path, "a")
    (room,) = rooms(tmp_path)
    assert rooms(tmp_path) == []
    assert [path.name for path in unfinished_rooms(tmp_path / "captures")] == [room.directory.name]
    room.release()


def test_recording_that_could_not_be_finished_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    abandon(tmp_path, "a")

    def finish(_plan: object) -> None:
        raise MediaFileError("No space left on device")

    monkeypatch.setattr("media.recording.finish", finish)
    (room,) = rooms(tmp_path)
    assert [recovered.settled for recovered in room.recordings] == [False]
    room.forget()
    room.release()
    monkeypatch.undo()
    (room,) = rooms(tmp_path)
    assert [recovered.settled for recovered in room.recordings] == [True]
    room.forget()
    room.release()


def test_reader_that_stops_in_the_middle_is_told_again(tmp_path: Path) -> None:
    abandon(tmp_path, "a", "b")
    telling = finish_interrupted(tmp_path / "captures", tmp_path / "finished")
    assert isinstance(telling, Generator)
    next(telling)
    telling.close()
    told = [one.session for one in finish_interrupted(tmp_path / "captures", tmp_path / "finished")]
    assert told == ["a", "b"]
