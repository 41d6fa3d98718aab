"""What a kill leaves of voice files goes, and nothing that anybody names or is just writing."""

import hashlib
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from ivrcore.service.content import shelf
from ivrcore.service.content.files import keep, voice_path
from ivrcore.service.content.orphans import KEPT, discard_parts, sweep_orphans, unnamed
from ivrcore.service.content.voices import Prepared
from ivrcore.service.content.waveform import picture_path
from ivrcore.service.model import Account
from ivrcore.service.store import accounts, content
from ivrcore.service.store.testing import ImmediateDatabase

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
OLD = NOW - KEPT - timedelta(seconds=1)
YOUNG = NOW - KEPT + timedelta(seconds=1)


def hash_of(audio: bytes) -> str:
    return hashlib.sha256(audio).hexdigest()


class Disk:
    """A shelf on disk and the rows of two accounts."""

    def __init__(self, directory: Path) -> None:
        self.database = ImmediateDatabase(directory)
        self.voices, self.pictures, self.scratch = (directory / name for name in ("voices", "pic", "scratch"))
        for number in (1, 2):
            self.run(accounts.add_account, Account(number, f"a{number}", f"sp{number}"))

    def run(self, function: Any, *args: Any) -> Any:
        return self.database.run_now(function, *args)

    def put(self, audio: bytes, name: str = "a.wav", account_id: int = 1) -> Path:
        """A voice file as it is uploaded."""
        prepared = Prepared(name, audio, hash_of(audio), 1500, -16.0, -4.0)
        self.run(shelf.put_voice, self.voices, account_id, prepared, NOW)
        return self.aged(voice_path(self.voices, prepared.sha256))

    def write(self, audio: bytes, at: datetime = OLD) -> Path:
        """A content whose upload was killed before its commit."""
        return self.aged(voice_path(self.voices, keep(self.voices, audio)), at)

    def draw(self, audio: bytes) -> Path:
        """A content's picture."""
        return self.make(picture_path(self.pictures, hash_of(audio)))

    def make(self, path: Path, at: datetime = OLD) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"half")
        return self.aged(path, at)

    def aged(self, path: Path, at: datetime = OLD) -> Path:
        os.utime(path, (at.timestamp(), at.timestamp()))
        return path

    def sweep(self) -> int:
        done: list[int] = []
        swept = sweep_orphans(self.database, self.voices, self.pictures, self.scratch, NOW)
        Deferred.fromCoroutine(swept).addCallback(done.append)
        return done[0]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path)
    made.put(b"always there", "z.wav", account_id=2)
    yield made
    made.database.close()


def test_content_that_nobody_names_goes_with_its_picture(disk: Disk) -> None:
    orphan, picture = disk.write(b"killed"), disk.draw(b"killed")
    assert disk.sweep() == 1
    assert not orphan.exists()
    assert not picture.exists()
    assert disk.sweep() == 0


def test_content_that_anybody_names_stays(disk: Disk) -> None:
    of_one, of_two = disk.put(b"one"), disk.put(b"two", account_id=2)
    picture = disk.draw(b"two")
    assert disk.sweep() == 0
    assert of_one.exists()
    assert of_two.exists()
    assert picture.exists()


def test_content_of_an_upload_that_is_just_being_stored_stays(disk: Disk) -> None:
    young = disk.write(b"being stored", YOUNG)
    assert disk.sweep() == 0
    assert young.exists()


def test_orphan_that_is_named_between_look_and_deletion_stays(disk: Disk) -> None:
    # The upload found the content there and wrote nothing: the file is as old as before.
    path = disk.write(b"again")
    (sha256,) = disk.run(unnamed, disk.voices, disk.pictures, NOW - KEPT)
    disk.put(b"again")
    assert not disk.run(shelf.drop_unused, disk.voices, disk.pictures, sha256)
    assert path.exists()


def test_replaced_content_whose_deletion_was_killed_goes_later(disk: Disk) -> None:
    first = disk.put(b"first")
    second = disk.put(b"second")  # under the same name; nobody came to drop_unused
    assert disk.sweep() == 1
    assert (first.exists(), second.exists()) == (False, True)


def test_picture_without_a_content_goes(disk: Disk) -> None:
    picture = disk.draw(b"gone")
    assert disk.sweep() == 1
    assert not picture.exists()


def test_parts_and_scratch_directories_of_the_killed_go_and_younger_ones_stay(disk: Disk) -> None:
    sha256 = hash_of(b"part")
    parts = [
        voice_path(disk.voices, sha256).with_name(f"{sha256}.wav.4711.part"),
        picture_path(disk.pictures, sha256).with_name(f"{sha256}.png.4711.1.part"),
    ]
    old = [disk.make(path) for path in parts]
    young = disk.make(parts[0].with_name(f"{sha256}.wav.4712.part"), YOUNG)
    disk.make(disk.scratch / "voice-abc" / "uploaded")
    disk.aged(disk.scratch / "voice-abc")
    disk.make(disk.scratch / "voice-def" / "uploaded")
    disk.aged(disk.scratch / "voice-def", YOUNG)
    assert discard_parts(disk.voices, disk.pictures, disk.scratch, NOW - KEPT) == 3
    assert [path.exists() for path in old] == [False, False]
    assert young.exists()
    assert [path.name for path in disk.scratch.iterdir()] == ["voice-def"]


def test_files_of_other_names_are_nobody_s_orphans(disk: Disk) -> None:
    strange = [disk.make(disk.voices / "ab" / name) for name in ("README", "ab.wav", f"{'g' * 64}.wav")]
    assert disk.sweep() == 0
    assert all(path.exists() for path in strange)


def test_store_without_any_voice_file_accuses_nothing(tmp_path: Path) -> None:
    # A new store beside the directories of another one, say: all that is there would be nobody's.
    disk = Disk(tmp_path)
    assert disk.sweep() == 0
    path, part = disk.write(b"of the other store"), disk.make(disk.voices / "ab" / "c.wav.1.part")
    assert disk.sweep() == 1
    assert (path.exists(), part.exists()) == (True, False)
    disk.database.close()


def test_names_of_many_contents_are_looked_up_in_parts(disk: Disk) -> None:
    named = disk.put(b"named")
    hashes = {hash_of(str(n).encode()) for n in range(1200)} | {named.stem}
    assert disk.run(content.named_contents, hashes) == {named.stem}
