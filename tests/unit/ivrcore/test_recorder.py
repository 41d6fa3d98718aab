"""One call's recording: what the record says of it, also when the disk gave way."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred, maybeDeferred

from ivrcore import recorder as recorder_module
from ivrcore.cdr import RecordingRecord
from ivrcore.recorder import Recorder, RecordingPlace
from media.errors import MediaFileError
from media.recording import recover
from media.testsignal import talk
from media.wav import read_info, write_alaw
from sip.testing import ScriptedLeg

TALK_S = 10.0


def at_once(work: Callable[..., object], *arguments: object) -> "Deferred[object]":
    """Instead of a thread."""
    return maybeDeferred(work, *arguments)


class Call:
    """A recording under way; its clock is moved by hand."""

    def __init__(self, folder: Path, name: str = "") -> None:
        self.now_s = 100.0
        self.recorder = Recorder(
            "call",
            RecordingPlace(folder / "captures", folder / "recordings"),
            at_once,
            utc=lambda: 1e9,
            monotonic=lambda: self.now_s,
            name=name,
        )
        self.legs = ScriptedLeg.alone("A"), ScriptedLeg.alone("B")
        self.folder = folder

    def start(self) -> None:
        self.recorder.prepare()
        self.recorder.start(*self.legs)

    def capture(self, *seconds: float) -> None:
        """What pjmedia would have written of A and of B."""
        for seed, (leg, length_s) in enumerate(zip(self.legs, seconds, strict=True)):
            assert leg.capturing is not None
            write_alaw(leg.capturing, talk(seed, length_s))

    def end(self, *, keep: bool = True, reason: str = "", talk_s: float = TALK_S) -> RecordingRecord:
        self.now_s += talk_s
        records: list[RecordingRecord] = []
        self.recorder.end(keep=keep, reason=reason).addCallback(records.append)
        for leg in self.legs:
            leg.journal.reactor.advance()  # their files are closed a turn later
        (record,) = records
        return record

    def forget(self) -> None:
        """The record is stored."""
        done: list[None] = []
        self.recorder.forget().addCallback(done.append)
        assert done == [None]


@pytest.fixture
def call(tmp_path: Path) -> Call:
    return Call(tmp_path)


def test_whole_recording_has_no_reason(call: Call) -> None:
    call.start()
    call.capture(TALK_S - 0.06, TALK_S - 0.04)
    record = call.end()
    assert record.reason == ""
    assert record.path == call.folder / "recordings" / "call.wav"
    assert read_info(record.path).duration_s == pytest.approx(TALK_S - 0.04)


def test_outcome_stays_in_the_journal_until_it_is_forgotten(call: Call) -> None:
    call.start()
    call.capture(TALK_S, TALK_S)
    record = call.end()
    (kept,) = recover(call.folder / "captures")
    assert (kept.session, kept.result.path, kept.settled) == ("call", record.path, True)
    call.forget()
    assert list((call.folder / "captures").iterdir()) == []
    assert record.path is not None
    assert record.path.exists()


def test_file_has_the_name_its_owner_gave_it(tmp_path: Path) -> None:
    call = Call(tmp_path, name="26030108155210310000001.wav")
    call.start()
    call.capture(TALK_S, TALK_S)
    assert call.end().path == tmp_path / "recordings" / "26030108155210310000001.wav"


def test_preparation_need_not_wait_for_the_disk(call: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[int] = []
    monkeypatch.setattr(os, "fsync", synced.append)
    call.recorder.prepare(durable=False)
    assert synced == []
    done: list[None] = []
    call.recorder.make_durable().addCallback(done.append)
    assert (len(synced), done) == (3, [None])  # the journal, its directory, and the directory of that


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), None])
def test_call_goes_on_when_the_disk_says_no(
    call: Call, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: OSError | None
) -> None:
    def fsync(_file: int) -> None:
        if error is not None:
            raise error

    monkeypatch.setattr(os, "fsync", fsync)
    call.recorder.prepare(durable=False)
    done: list[None] = []
    call.recorder.make_durable().addCallback(done.append)
    assert done == [None]
    assert ("Input/output error" in caplog.text) == (error is not None)


@pytest.mark.parametrize("n_bytes", [259, 260])
def test_path_that_no_recorder_takes_is_refused_before_the_call(tmp_path: Path, n_bytes: int) -> None:
    rest = n_bytes - len(os.fsencode(tmp_path / "captures" / "call" / "leg-a.wav"))
    folder = tmp_path / ("d" * (rest - 1))
    recorder = Call(folder).recorder
    if n_bytes <= 259:
        recorder.prepare()
        assert recorder.prepared
    else:
        with pytest.raises(MediaFileError, match="260 bytes are more than the 259"):
            recorder.prepare()
        assert not recorder.prepared
        assert not (folder / "captures").exists()


def test_recording_cut_by_a_full_disk_says_how_much_it_lacks(call: Call) -> None:
    call.start()
    call.capture(4.0, 3.9)
    record = call.end()
    assert record.path is not None
    assert record.reason == "captured 4.000 s of a talk of 10.000 s"


def test_leg_without_capture_is_told_beside_the_cut(call: Call) -> None:
    call.start()
    call.capture(4.0, 1.0)
    assert call.legs[1].capturing is not None
    call.legs[1].capturing.unlink()
    assert call.end().reason == "leg B was not captured; captured 4.000 s of a talk of 10.000 s"


def test_dropped_recording_keeps_its_reason_alone(call: Call) -> None:
    call.start()
    call.capture(2.0, 2.0)
    record = call.end(keep=False, reason="too short", talk_s=2.0)
    assert (record.path, record.reason) == (None, "too short")
    assert list((call.folder / "recordings").iterdir()) == []


def test_recording_that_never_started_is_dropped_without_a_trace(call: Call) -> None:
    call.recorder.prepare()
    record = call.end(keep=False, reason="no talk")
    assert (record.path, record.reason) == (None, "no talk")
    call.forget()
    assert not (call.folder / "captures" / "call").exists()


def test_capture_directory_that_cannot_be_removed_does_not_hide_the_file(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forget(_directory: Path) -> None:
        raise MediaFileError("cannot remove the capture directory")

    monkeypatch.setattr(recorder_module, "forget", forget)
    call.start()
    call.capture(TALK_S, TALK_S)
    record = call.end()
    call.forget()
    assert record.path is not None
    assert record.path.exists()
    assert record.reason == ""


def test_file_that_cannot_be_written_is_a_reason_and_the_captures_stay(
    call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    def finish(_plan: object) -> None:
        raise MediaFileError("No space left on device")

    monkeypatch.setattr(recorder_module, "finish", finish)
    call.start()
    call.capture(TALK_S, TALK_S)
    record = call.end()
    assert (record.path, record.reason) == (None, "No space left on device")
    assert len(list((call.folder / "captures" / "call").glob("*.wav"))) == 2
