"""media.recording: one call, one file, one reason, whatever is killed when."""

import json
import os
import resource
import signal
import struct
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from media import merge, recording, wav
from media.errors import MediaFileError, MediaFormatError
from media.merge import Layout
from media.recording import CapturePaths, CapturePlan, RecordingResult
from media.types import Coded8

STARTED_AT = datetime(2026, 3, 1, 8, 15, 52, tzinfo=UTC)


def _noise(n_samples: int, seed: int) -> Coded8:
    return np.random.default_rng(seed).integers(0, 256, n_samples, dtype=np.uint8)


def _capture(path: Path, codes: Coded8, closed: bool = True) -> None:
    """What pjmedia's recorder leaves: sizes in place when it was closed, zeros when it was killed."""
    fmt = struct.pack("<HHIIHH", 6, 1, 8000, 8000, 1, 8)
    body = b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"fact" + struct.pack("<II", 4, 0)
    body += b"data" + struct.pack("<I", codes.size if closed else 0) + codes.tobytes()
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body) if closed else 0) + body)


def _plan(tmp_path: Path, session: str = "s1") -> CapturePlan:
    (tmp_path / "out").mkdir(exist_ok=True)
    return CapturePlan(
        session, tmp_path / "captures" / session, tmp_path / "out" / f"{session}.wav", STARTED_AT
    )


def _captured(
    plan: CapturePlan, n_a_samples: int = 32000, n_b_samples: int = 30000, closed: bool = True
) -> CapturePaths:
    paths = recording.begin(plan)
    _capture(paths.leg_a, _noise(n_a_samples, 1), closed)
    _capture(paths.leg_b, _noise(n_b_samples, 2), closed)
    return paths


def _files(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


@contextmanager
def _largest_file(n_bytes: int) -> Iterator[None]:
    """A disk that is full after n bytes: the kernel refuses the write itself, in the middle of the file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)


def test_begin_leaves_a_journal_that_knows_everything(tmp_path: Path) -> None:
    plan = replace(_plan(tmp_path), offset_b_samples=160, keep_legs=True, layout=Layout.STEREO)
    paths = recording.begin(plan)
    journal = json.loads((plan.directory / "capture.json").read_text())
    assert journal == {
        "version": 1,
        "session": "s1",
        "started_at": "2026-03-01T08:15:52+00:00",
        "target": str(plan.target),
        "min_ms": 3000,
        "layout": "stereo",
        "keep_legs": True,
        "legs": [
            {"file": paths.leg_a.name, "offset_samples": 0},
            {"file": paths.leg_b.name, "offset_samples": 160},
        ],
        "outcome": None,
    }
    assert _files(plan.directory) == ["capture.json"], "no capture yet, and no half-written journal"


def test_journal_keeps_utc_whatever_zone_the_caller_lives_in(tmp_path: Path) -> None:
    shanghai = STARTED_AT.astimezone(timezone(timedelta(hours=8)))
    plan = replace(_plan(tmp_path), started_at=shanghai)
    recording.begin(plan)
    assert (
        json.loads((plan.directory / "capture.json").read_text())["started_at"] == "2026-03-01T08:15:52+00:00"
    )


@pytest.mark.parametrize(
    "change",
    [
        {"min_ms": -1},
        {"offset_a_samples": -1},
        {"offset_b_samples": -1},
        {"started_at": datetime(2026, 3, 1)},
    ],
)
def test_plan_refuses_what_cannot_be(tmp_path: Path, change: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="recording of s1"):
        replace(_plan(tmp_path), **change)  # type: ignore[arg-type]


def test_begin_refuses_a_directory_that_holds_a_recording(tmp_path: Path) -> None:
    recording.begin(_plan(tmp_path))
    with pytest.raises(MediaFileError, match="already holds a recording"):
        recording.begin(replace(_plan(tmp_path), session="s2"))


def test_begin_refuses_to_replace_a_finished_file(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    plan.target.write_bytes(b"somebody's talk")
    with pytest.raises(MediaFileError, match="does not replace"):
        recording.begin(plan)


def test_begin_refuses_a_target_nobody_could_write(tmp_path: Path) -> None:
    plan = replace(_plan(tmp_path), target=tmp_path / "nowhere" / "s1.wav")
    with pytest.raises(MediaFileError, match="nowhere"):
        recording.begin(plan)
    assert not plan.directory.exists()


def test_begin_reports_a_directory_it_cannot_create(tmp_path: Path) -> None:
    (tmp_path / "captures").write_text("a file where the directory should be")
    with pytest.raises(MediaFileError, match="cannot prepare"):
        recording.begin(_plan(tmp_path))


def test_begin_on_a_full_disk_leaves_no_journal(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    with _largest_file(10), pytest.raises(MediaFileError, match=r"capture\.json"):
        recording.begin(plan)
    assert _files(plan.directory) == []
    recording.begin(plan)  # and the same session may try again


def test_finished_recording_is_the_sum_of_both_legs(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    paths = _captured(plan)
    merge.merge(merge.Capture(paths.leg_a), merge.Capture(paths.leg_b), tmp_path / "expected.wav")
    result = recording.finish(plan)
    assert result == RecordingResult(plan.target, "", 4.0)
    assert plan.target.read_bytes() == (tmp_path / "expected.wav").read_bytes()
    assert wav.violations(plan.target) == ()
    assert _files(plan.directory) == ["capture.json"]
    assert _files(plan.target.parent) == ["s1.wav"]


def test_finishing_twice_makes_one_recording(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    _captured(plan)
    result = recording.finish(plan)
    plan.target.unlink()  # fetched and deleted by its owner
    assert recording.finish(plan) == result
    assert not plan.target.exists()


def test_better_offsets_may_be_known_only_at_the_end(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    _captured(plan)
    result = recording.finish(replace(plan, offset_b_samples=8000))
    assert result.duration_s == (30000 + 8000) / 8000


def test_stereo_and_leg_files_are_made_on_request(tmp_path: Path) -> None:
    plan = replace(_plan(tmp_path), layout=Layout.STEREO, keep_legs=True)
    _captured(plan)
    recording.finish(plan)
    assert _files(plan.target.parent) == ["s1-a.wav", "s1-b.wav", "s1.wav"]
    assert wav.read_info(plan.target).channels == 2
    leg_a, leg_b = (plan.target.with_stem(f"s1-{leg}") for leg in "ab")
    assert np.array_equal(np.frombuffer(leg_a.read_bytes()[58:], np.uint8), _noise(32000, 1))
    assert np.array_equal(np.frombuffer(leg_b.read_bytes()[58:], np.uint8)[:30000], _noise(30000, 2))
    assert wav.read_info(leg_b).n_samples == 32000, "on the recording's clock, hence as long as it"


@pytest.mark.parametrize(("n_samples", "kept"), [(23_999, False), (24_000, True)])
def test_three_seconds_are_the_shortest_recording(tmp_path: Path, n_samples: int, kept: bool) -> None:
    plan = _plan(tmp_path)
    _captured(plan, n_samples, 160)
    result = recording.finish(plan)
    assert (result.path is not None) == plan.target.exists() == kept
    assert result.duration_s == n_samples / 8000


def test_dropped_recording_keeps_its_reason(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    _captured(plan, 16000, 16000)
    assert recording.finish(plan) == RecordingResult(None, "shorter than 3.000 s: 2.000 s", 2.0)
    assert _files(plan.directory) == ["capture.json"]
    [found] = recording.recover(plan.directory.parent)
    assert found.result.reason == "shorter than 3.000 s: 2.000 s"


@pytest.mark.parametrize(("missing", "name"), [("leg_a", "A"), ("leg_b", "B")])
def test_leg_without_capture_is_silence_and_said_so(tmp_path: Path, missing: str, name: str) -> None:
    plan = _plan(tmp_path)
    getattr(_captured(plan), missing).unlink()
    result = recording.finish(plan)
    assert result.path == plan.target
    assert result.reason == f"leg {name} was not captured"


def test_no_capture_at_all_gives_a_reason_and_no_file(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    recording.begin(plan)
    assert recording.finish(plan) == RecordingResult(None, "nothing was captured", 0.0)
    assert not plan.target.exists()


def test_captures_killed_before_their_first_flush_hold_nothing(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    paths = recording.begin(plan)
    paths.leg_a.write_bytes(b"")
    paths.leg_b.write_bytes(b"RIFF\0\0\0\0WAVE")
    assert recording.finish(plan).reason == "nothing was captured"


def test_full_disk_keeps_the_captures_for_another_attempt(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    paths = _captured(plan)
    before = [path.read_bytes()[56:] for path in (paths.leg_a, paths.leg_b)]
    with _largest_file(8192), pytest.raises(MediaFileError, match=r"s1\.wav"):
        recording.finish(plan)
    assert _files(plan.target.parent) == []
    assert [path.read_bytes()[56:] for path in (paths.leg_a, paths.leg_b)] == before
    assert recording.finish(plan).path == plan.target


def test_capture_of_another_format_is_refused_and_kept(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    paths = _captured(plan)
    content = paths.leg_a.read_bytes()
    paths.leg_a.write_bytes(content[:20] + struct.pack("<H", 7) + content[22:])  # mu-law
    with pytest.raises(MediaFormatError, match=r"leg-a\.wav"):
        recording.finish(plan)
    assert paths.leg_b.exists()
    assert not plan.target.exists()


def test_finish_without_begin_is_refused(tmp_path: Path) -> None:
    with pytest.raises(MediaFileError, match=r"capture\.json"):
        recording.finish(_plan(tmp_path))


def test_discard_removes_the_captures_and_keeps_the_reason(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    _captured(plan)
    assert recording.discard(plan, "B never answered").path is None
    assert _files(plan.directory) == ["capture.json"]
    assert recording.finish(plan) == RecordingResult(None, "B never answered", 0.0)


def test_discard_does_not_take_back_a_finished_recording(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    _captured(plan)
    result = recording.finish(plan)
    assert recording.discard(plan, "too late") == result
    assert plan.target.exists()


def test_forget_removes_the_directory_and_leaves_the_recording(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    _captured(plan)
    recording.finish(plan)
    recording.forget(plan.directory)
    assert not plan.directory.exists()
    assert plan.target.exists()
    recording.forget(plan.directory)  # and again: nothing happens


def test_forget_refuses_what_is_not_settled(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    paths = _captured(plan)
    with pytest.raises(MediaFileError, match="not settled"):
        recording.forget(plan.directory)
    assert paths.leg_a.exists()


def test_recovery_repairs_captures_of_a_killed_process(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    paths = _captured(plan, closed=False)
    assert struct.unpack("<I", paths.leg_a.read_bytes()[52:56]) == (0,), "as the kill left it"
    [found] = recording.recover(plan.directory.parent)
    assert found.settled
    assert (found.session, found.started_at) == ("s1", STARTED_AT)
    assert found.result == RecordingResult(plan.target, "", 4.0)
    assert wav.read_info(plan.target).n_samples == 32000
    whole = _plan(tmp_path, "s2")
    _captured(whole, closed=True)
    recording.finish(whole)
    assert plan.target.read_bytes() == whole.target.read_bytes(), "nothing of the talk is lost by the kill"


def test_recovery_keeps_the_options_of_the_call(tmp_path: Path) -> None:
    plan = replace(_plan(tmp_path), layout=Layout.STEREO, keep_legs=True, min_ms=5000, offset_b_samples=16000)
    _captured(plan, closed=False)
    [found] = recording.recover(plan.directory.parent)
    assert found.result.duration_s == (30000 + 16000) / 8000
    assert _files(plan.target.parent) == ["s1-a.wav", "s1-b.wav", "s1.wav"]


def test_recovery_drops_a_call_below_the_minimum(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    _captured(plan, 8000, 8000, closed=False)
    [found] = recording.recover(plan.directory.parent)
    assert found.settled
    assert found.result == RecordingResult(None, "shorter than 3.000 s: 1.000 s", 1.0)
    assert _files(plan.target.parent) == []


def test_recovering_again_reports_the_same_until_forgotten(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    _captured(plan, closed=False)
    root = plan.directory.parent
    first = recording.recover(root)
    written_at = plan.target.stat().st_mtime_ns
    assert recording.recover(root) == first
    assert plan.target.stat().st_mtime_ns == written_at, "reported twice, made once"
    recording.forget(plan.directory)
    assert recording.recover(root) == []


def test_recovery_leaves_calls_alone_that_are_still_going_on(tmp_path: Path) -> None:
    live, dead = _plan(tmp_path, "live"), _plan(tmp_path, "dead")
    paths = _captured(live, closed=False)
    _captured(dead, closed=False)
    before = paths.leg_a.read_bytes()
    assert [found.session for found in recording.recover(live.directory.parent, skip={"live"})] == ["dead"]
    assert paths.leg_a.read_bytes() == before


@pytest.mark.parametrize(
    "journal",
    ["", "{", "[]", '{"version": 1}', '{"version": 2}', '{"version": 1, "session": 3}', "\x00" * 40],
)
def test_unreadable_journal_does_not_stop_the_others(tmp_path: Path, journal: str) -> None:
    bad, good = _plan(tmp_path, "bad"), _plan(tmp_path, "good")
    paths = _captured(bad)
    _captured(good)
    (bad.directory / "capture.json").write_text(journal)
    first, second = recording.recover(bad.directory.parent)
    assert (first.session, first.settled, first.started_at, first.result.path) == ("bad", False, None, None)
    assert "capture.json" in first.result.reason
    assert paths.leg_a.exists(), "a person may still save it"
    assert second.result.path == good.target


def test_recording_that_cannot_be_finished_now_is_tried_again(tmp_path: Path) -> None:
    plan = _plan(tmp_path)
    _captured(plan, closed=False)
    root = plan.directory.parent
    with _largest_file(8192):
        [found] = recording.recover(root)
    assert not found.settled
    assert "s1.wav" in found.result.reason
    assert _files(plan.target.parent) == []
    [found] = recording.recover(root)
    assert found.settled
    assert found.result.path == plan.target


def test_directory_without_journal_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "captures" / "empty").mkdir(parents=True)
    (tmp_path / "captures" / "other").mkdir()
    (tmp_path / "captures" / "other" / "notes.txt").write_text("not ours")
    (tmp_path / "captures" / "file").write_text("not ours")
    assert recording.recover(tmp_path / "captures") == []
    assert _files(tmp_path / "captures") == ["empty", "file", "other"]


def test_nothing_to_recover_where_nothing_was_captured(tmp_path: Path) -> None:
    assert recording.recover(tmp_path / "never") == []


def test_root_that_is_no_directory_is_named(tmp_path: Path) -> None:
    (tmp_path / "root").write_text("")
    with pytest.raises(MediaFileError, match="root"):
        recording.recover(tmp_path / "root")


def _killed_at(step: int, work: Callable[[], object]) -> bool:
    """Run work in a child that SIGKILLs itself before its n-th file operation; True when it came to an end.

    The interpreter's audit events stand before every open, rename and unlink, so the walk needs no change
    to the code.
    """
    child = os.fork()
    if child == 0:
        left = step

        def hook(event: str, _args: tuple[object, ...]) -> None:
            nonlocal left
            if event in {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir"}:
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                left -= 1

        sys.addaudithook(hook)
        try:
            work()
        finally:
            os._exit(0)
    status = os.waitpid(child, 0)[1]
    return os.WIFEXITED(status)


@pytest.mark.parametrize("keep_legs", [False, True])
def test_kill_before_any_file_operation_leaves_no_half_file_and_loses_nothing(
    tmp_path: Path, keep_legs: bool
) -> None:
    expected = replace(_plan(tmp_path, "expected"), keep_legs=keep_legs)
    _captured(expected)
    recording.finish(expected)
    for step in range(100):
        plan = replace(_plan(tmp_path, f"call{step}"), keep_legs=keep_legs)
        root = tmp_path / f"root{step}"
        plan = replace(plan, directory=root / "call")
        _captured(plan, closed=False)
        ended = _killed_at(step, lambda plan=plan: recording.finish(plan))  # type: ignore[misc]
        if plan.target.exists():
            assert plan.target.read_bytes() == expected.target.read_bytes(), f"half a file after step {step}"
        # The recovery is killed too, at the same distance, and only the one after it is left in peace.
        _killed_at(step, lambda root=root: recording.recover(root))  # type: ignore[misc]
        [found] = recording.recover(root)
        assert found.settled, found.result.reason
        assert found.result == RecordingResult(plan.target, "", 4.0)
        assert plan.target.read_bytes() == expected.target.read_bytes()
        assert _files(plan.directory) == ["capture.json"]
        if ended:
            break
    else:
        pytest.fail("the walk never came to the end of finish")
    assert step >= 8, "journal read, stats, repairs, part, rename, journal, captures: each was cut once"
    assert [name for name in _files(expected.target.parent) if name.endswith(".part")] == []


def test_kill_inside_begin_leaves_a_session_that_may_begin_again(tmp_path: Path) -> None:
    for step in range(20):
        plan = replace(_plan(tmp_path), directory=tmp_path / f"root{step}" / "call")
        ended = _killed_at(step, lambda plan=plan: recording.begin(plan))  # type: ignore[misc]
        found = recording.recover(plan.directory.parent)
        if (plan.directory / "capture.json").exists():
            assert [one.result.reason for one in found] == ["nothing was captured"]
        else:
            assert found == []
            recording.begin(plan)
        if ended:
            break
    else:
        pytest.fail("the walk never came to the end of begin")
    assert step >= 3
