"""Files of given-up CDRs: whole or not there, and only such files are read."""

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from ivrcore.service.notify.spool import SpooledChunk, SpoolError, move_to_done, read_chunk, write_chunk

CHUNK = SpooledChunk(
    group="5f0c",
    app_key="app",
    url="https://sp.example.com/fee",
    fees=(
        {"sessionId": "a", "callEndTime": "2026-03-01 08:17:40", "userData": "订单"},
        {"sessionId": "b", "callEndTime": "2026-03-01 08:17:40"},
    ),
    attempts=7,
    last_error="HTTP 500",
    spooled_at="2026-03-01T14:17:42+00:00",
)


def test_a_chunk_comes_back_as_it_was_written(tmp_path: Path) -> None:
    path = write_chunk(tmp_path / "cdr-spool", CHUNK)
    assert path.name == "20260301081740-5f0c.json"
    assert read_chunk(path) == CHUNK


def test_a_file_holds_the_message_as_it_was_pushed(tmp_path: Path) -> None:
    content = json.loads(write_chunk(tmp_path, CHUNK).read_text(encoding="utf-8"))
    assert content["body"] == {"eventType": "fee", "feeLst": list(CHUNK.fees)}


def test_written_again_it_is_the_same_file(tmp_path: Path) -> None:
    assert write_chunk(tmp_path, CHUNK) == write_chunk(tmp_path, CHUNK)
    assert len(list(tmp_path.iterdir())) == 1


def test_only_the_owner_can_read_a_file(tmp_path: Path) -> None:
    assert stat.S_IMODE(write_chunk(tmp_path, CHUNK).stat().st_mode) == 0o600


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_chunk(tmp_path, CHUNK)
    assert list(tmp_path.iterdir()) == []


def test_a_group_cannot_lead_out_of_the_directory(tmp_path: Path) -> None:
    path = write_chunk(tmp_path / "spool", replace(CHUNK, group="../../x/y"))
    assert path.parent == tmp_path / "spool"


def test_a_delivered_file_moves_to_done(tmp_path: Path) -> None:
    path = write_chunk(tmp_path, CHUNK)
    moved = move_to_done(path)
    assert (moved, path.exists()) == (tmp_path / "done" / path.name, False)
    assert read_chunk(moved) == CHUNK


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"{}",
        b"\xff\xfe",
        b'{"version":1}',
        b'{"version":1,"body":{"feeLst":[]}}',
        b'{"version":1,"body":{"feeLst":[1]},"group":"","appKey":"","url":"","attempts":1}',
        b'{"version":2,"body":{"feeLst":[{}]}}',
        b'{"version":1,"body":{"feeLst":[{}]},"group":"","appKey":"","url":"","attempts":"x"}',
    ],
)
def test_what_is_no_spooled_chunk_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.json"
    path.write_bytes(content)
    with pytest.raises(SpoolError, match="no spooled CDRs"):
        read_chunk(path)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpoolError, match="No such file"):
        read_chunk(tmp_path / "missing.json")
