"""media.rendered: a file is computed once, and is whole whoever looks at it when."""

import threading
from pathlib import Path

import pytest

from media.errors import MediaFileError, SpeechError
from media.rendered import content_key, rendered_once


def test_key_follows_from_every_part_and_their_borders() -> None:
    keys = {
        content_key(*parts)
        for parts in [("ab", "c"), ("a", "bc"), ("abc",), ("abc", ""), ("ab", "c", 1), (1, "1")]
    }
    assert len(keys) == 6
    assert content_key("ab", "c") == content_key("ab", "c")


def test_key_is_a_file_name_without_the_text() -> None:
    key = content_key("您的验证码是 480213", 180)
    assert len(key) == 32
    assert set(key) <= set("0123456789abcdef")


def test_file_is_rendered_on_first_use_only(tmp_path: Path) -> None:
    calls = []

    def render(path: Path) -> None:
        calls.append(path)
        path.write_text("sound")

    target = tmp_path / "new" / "cache" / "a.wav"
    assert rendered_once(target, render) == target
    assert rendered_once(target, render) == target
    assert target.read_text() == "sound"
    assert len(calls) == 1
    assert [path.name for path in target.parent.iterdir()] == ["a.wav"]


def test_failed_rendering_leaves_nothing_and_may_be_repeated(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_text("half")
        raise SpeechError("hoarse")

    with pytest.raises(SpeechError, match="hoarse"):
        rendered_once(tmp_path / "a.wav", fail)
    assert list(tmp_path.iterdir()) == []
    rendered_once(tmp_path / "a.wav", lambda path: path.write_text("sound"))
    assert (tmp_path / "a.wav").read_text() == "sound"


def test_nobody_sees_the_file_before_it_is_whole(tmp_path: Path) -> None:
    def render(path: Path) -> None:
        path.write_text("half")
        assert not (tmp_path / "a.wav").exists()
        path.write_text("whole")

    rendered_once(tmp_path / "a.wav", render)
    assert (tmp_path / "a.wav").read_text() == "whole"


def test_renderings_at_the_same_time_do_not_disturb_each_other(tmp_path: Path) -> None:
    together = threading.Barrier(8)
    results: list[str] = []

    def render(path: Path) -> None:
        with path.open("w") as file:
            for _ in range(100):
                file.write("sound ")
            together.wait(timeout=10)  # all eight hold a half-written file here
            file.write("end")

    def work() -> None:
        results.append(rendered_once(tmp_path / "a.wav", render).read_text())

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert results == ["sound " * 100 + "end"] * 8
    assert [path.name for path in tmp_path.iterdir()] == ["a.wav"]


def test_cache_that_cannot_be_created_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the directory should be")
    with pytest.raises(MediaFileError, match=r"a\.wav"):
        rendered_once(tmp_path / "cache" / "a.wav", lambda path: path.write_text("sound"))


def test_renderer_that_writes_nothing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MediaFileError, match=r"a\.wav"):
        rendered_once(tmp_path / "a.wav", lambda _path: None)
