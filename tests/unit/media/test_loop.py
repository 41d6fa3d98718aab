"""Unrolled loops: end to end to the sample, long enough, and made once however many want them."""

from pathlib import Path

import numpy as np
import pytest

import media.loop
from media.errors import MediaFileError, MediaFormatError
from media.g711 import alaw_decode, alaw_encode
from media.loop import DEFAULT_SPAN_S, unroll, unrolled
from media.testsignal import talk
from media.types import SAMPLE_RATE_HZ, Pcm16
from media.wav import read_pcm, violations, write_alaw


def through_alaw(pcm: Pcm16) -> Pcm16:
    return alaw_decode(alaw_encode(pcm))


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "waitVoice.wav"
    write_alaw(path, talk(1, 0.7))
    return path


def test_unrolled_loop_repeats_without_a_seam() -> None:
    loop = talk(1, 0.7)
    long = unroll(loop, span_s=2.0)
    # Three passes of 0.7 s are the first to last 2 s.
    assert long.size == 3 * loop.size
    assert all(np.array_equal(long[n * loop.size : (n + 1) * loop.size], loop) for n in range(3))


@pytest.mark.parametrize(("length_s", "span_s", "passes"), [(0.5, 2.0, 4), (0.5, 2.01, 5), (3.0, 2.0, 1)])
def test_unrolled_loop_lasts_at_least_the_span_in_whole_passes(
    length_s: float, span_s: float, passes: int
) -> None:
    assert unroll(talk(1, length_s), span_s).size == passes * round(length_s * SAMPLE_RATE_HZ)


def test_default_span_is_three_ring_timers() -> None:
    assert DEFAULT_SPAN_S == 3 * 60.0


def test_loop_without_samples_is_refused() -> None:
    with pytest.raises(MediaFormatError, match="at least one sample"):
        unroll(np.zeros(0, dtype=np.int16))


def test_file_holds_the_unrolled_loop_in_the_service_s_format(source: Path, tmp_path: Path) -> None:
    path = unrolled(source, tmp_path / "cache", span_s=2.0)
    assert violations(path) == ()
    assert np.array_equal(read_pcm(path), np.tile(through_alaw(talk(1, 0.7)), 3))


def test_file_is_made_once_for_one_content_and_anew_for_another(source: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first = unrolled(source, cache, span_s=2.0)
    made_ns = first.stat().st_mtime_ns
    assert unrolled(source, cache, span_s=2.0) == first
    assert first.stat().st_mtime_ns == made_ns
    copy = tmp_path / "another-name.wav"
    copy.write_bytes(source.read_bytes())
    assert unrolled(copy, cache, span_s=2.0) == first
    assert unrolled(source, cache, span_s=3.0) != first
    write_alaw(source, talk(2, 0.7))
    assert unrolled(source, cache, span_s=2.0) != first


def test_file_that_stays_as_it_is_is_read_once(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = unrolled(source, tmp_path / "cache", span_s=2.0)

    def read_again(path: Path) -> Pcm16:
        raise AssertionError(f"{path} was read again")

    monkeypatch.setattr(media.loop, "read_pcm", read_again)
    assert unrolled(source, tmp_path / "cache", span_s=2.0) == first


def test_file_of_the_same_length_written_in_place_is_read_again(source: Path, tmp_path: Path) -> None:
    first = unrolled(source, tmp_path / "cache", span_s=2.0)
    other = tmp_path / "other.wav"
    write_alaw(other, talk(2, 0.7))
    source.write_bytes(other.read_bytes())
    second = unrolled(source, tmp_path / "cache", span_s=2.0)
    assert second != first
    assert np.array_equal(read_pcm(second), np.tile(through_alaw(talk(2, 0.7)), 3))


def test_cache_that_lost_the_loop_gets_it_again(source: Path, tmp_path: Path) -> None:
    first = unrolled(source, tmp_path / "cache", span_s=2.0)
    first.unlink()
    assert unrolled(source, tmp_path / "cache", span_s=2.0) == first
    assert np.array_equal(read_pcm(first), np.tile(through_alaw(talk(1, 0.7)), 3))


def test_missing_file_is_refused_and_read_when_it_has_come(source: Path, tmp_path: Path) -> None:
    late = tmp_path / "late.wav"
    with pytest.raises(MediaFileError):
        unrolled(late, tmp_path / "cache", span_s=2.0)
    late.write_bytes(source.read_bytes())
    assert unrolled(late, tmp_path / "cache", span_s=2.0) == unrolled(source, tmp_path / "cache", span_s=2.0)


def test_two_at_once_do_not_write_the_same_file(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[Path] = []

    def write_while_another_writes(path: Path, pcm: Pcm16) -> None:
        written.append(path)
        if len(written) == 1:
            unrolled(source, tmp_path / "cache", span_s=2.0)
        write_alaw(path, pcm)

    monkeypatch.setattr(media.loop, "write_alaw", write_while_another_writes)
    path = unrolled(source, tmp_path / "cache", span_s=2.0)
    assert len(written) == len(set(written)) == 2
    assert read_pcm(path).size == 3 * round(0.7 * SAMPLE_RATE_HZ)
    assert list(path.parent.iterdir()) == [path]


def test_cache_that_cannot_be_written_is_a_media_error(source: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("a file where the directory should be")
    with pytest.raises(MediaFileError, match="cannot write"):
        unrolled(source, tmp_path / "cache")
