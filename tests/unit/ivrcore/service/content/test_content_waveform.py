"""The waveform's picture: right samples in it, drawn once, good for threads."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from ivrcore.service.content import waveform
from ivrcore.service.content.files import keep
from ivrcore.service.content.waveform import draw, envelope, picture, picture_path
from media import wav
from media.errors import MediaFileError

PNG = b"\x89PNG\r\n\x1a\n"


def stored(directory: Path, n_samples: int = 4000) -> str:
    path = directory / "in.wav"
    wav.write_alaw(path, np.linspace(-20000, 20000, n_samples).astype(np.int16))
    return keep(directory / "voices", path.read_bytes())


def test_each_column_has_the_lowest_and_highest_sample_of_its_stretch() -> None:
    pcm = np.array([0, 16384, -16384, 0, 8192, 8192, -8192, 0], np.int16)
    low, high = envelope(pcm, 2)
    assert low.tolist() == [-0.5, -0.25]
    assert high.tolist() == [0.5, 0.25]


@pytest.mark.parametrize("n_samples", [1, 3, 799, 800, 801, 12345])
def test_no_sample_is_left_out_whatever_the_length(n_samples: int) -> None:
    for at in (0, n_samples // 2, n_samples - 1):
        pcm = np.zeros(n_samples, np.int16)
        pcm[at] = 32767
        _, high = envelope(pcm, 800)
        assert high.max() == pytest.approx(1.0, abs=1e-4)
        assert high.size <= 800


def test_the_shortest_file_and_silence_have_a_picture() -> None:
    assert draw(np.zeros(1, np.int16)).startswith(PNG)
    assert draw(np.zeros(8000, np.int16)).startswith(PNG)


def test_a_picture_is_drawn_once_for_a_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sha256 = stored(tmp_path)
    first = picture(tmp_path / "voices", tmp_path / "pictures", sha256)
    assert first == picture_path(tmp_path / "pictures", sha256)
    assert first.read_bytes().startswith(PNG)
    monkeypatch.setattr(waveform, "draw", lambda _: pytest.fail("drawn again"))
    assert picture(tmp_path / "voices", tmp_path / "pictures", sha256) == first


def test_threads_draw_beside_each_other_and_leave_no_half_picture(tmp_path: Path) -> None:
    sha256 = stored(tmp_path)
    with ThreadPoolExecutor(3) as threads:
        barrier = threading.Barrier(3)

        def one(_: int) -> bytes:
            barrier.wait()
            return picture(tmp_path / "voices", tmp_path / "pictures", sha256).read_bytes()

        pictures = list(threads.map(one, range(3)))
    assert all(found.startswith(PNG) for found in pictures)
    assert [path.suffix for path in (tmp_path / "pictures").rglob("*") if path.is_file()] == [".png"]


def test_there_is_no_picture_of_what_is_not_stored(tmp_path: Path) -> None:
    with pytest.raises(MediaFileError):
        picture(tmp_path / "voices", tmp_path / "pictures", "0" * 64)
    with pytest.raises(ValueError, match="SHA-256"):
        picture_path(tmp_path, "../../etc/passwd")
