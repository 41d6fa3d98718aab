"""Where chunks are found, and which sizes are believed."""

import io
import os
import struct
from pathlib import Path

import pytest

from media.errors import MediaFileError
from media.riff import SIZE_UNKNOWN, ContainerError, WaveLayout, locate, opened

FMT = struct.pack("<HHIIHH", 6, 1, 8000, 8000, 1, 8)
AUDIO = b"\xd5" * 100


def chunk(name: bytes, body: bytes, declared: int | None = None) -> bytes:
    return (
        struct.pack("<4sI", name, len(body) if declared is None else declared)
        + body
        + b"\0" * (len(body) % 2)
    )


def wave(*chunks: bytes, declared: int | None = None) -> bytes:
    return chunk(b"RIFF", b"WAVE" + b"".join(chunks), declared)


def located(content: bytes) -> WaveLayout:
    return locate(io.BytesIO(content), "test.wav")


def test_audio_of_the_plainest_file_is_found() -> None:
    layout = located(wave(chunk(b"fmt ", FMT), chunk(b"data", AUDIO)))
    assert layout.data.body_at == 44  # 12 RIFF + 8 + 16 fmt + 8
    assert layout.data_bytes == 100
    assert layout.fmt_body == FMT
    assert layout.fact is None
    assert layout.chunks_follow
    assert layout.lies == ()


@pytest.mark.parametrize("extra", [b"four", b"odd", b""], ids=["even", "odd", "empty"])
def test_chunks_before_and_after_the_audio_are_stepped_over(extra: bytes) -> None:
    content = wave(
        chunk(b"LIST", extra),
        chunk(b"fmt ", FMT),
        chunk(b"junk", extra),
        chunk(b"data", AUDIO),
        chunk(b"id3 ", extra),
    )
    layout = located(content)
    assert content[layout.data.body_at :][: layout.data_bytes] == AUDIO
    assert layout.lies == ()


def test_fact_chunk_is_found_before_the_audio() -> None:
    layout = located(wave(chunk(b"fmt ", FMT), chunk(b"fact", b"\x64\0\0\0"), chunk(b"data", AUDIO)))
    assert layout.fact is not None
    assert layout.fact.body_at == 44
    assert layout.fact.declared_bytes == 4


def test_of_two_chunks_of_a_name_the_first_counts() -> None:
    other = struct.pack("<HHIIHH", 1, 2, 48000, 192000, 4, 16)
    content = wave(
        chunk(b"fmt ", FMT), chunk(b"fmt ", other), chunk(b"data", AUDIO), chunk(b"data", b"second")
    )
    layout = located(content)
    assert layout.fmt_body == FMT
    assert layout.data_bytes == 100


def test_odd_audio_is_padded_and_the_chunk_behind_it_still_found() -> None:
    layout = located(wave(chunk(b"fmt ", FMT), chunk(b"data", b"\xd5" * 99), chunk(b"LIST", b"text")))
    assert layout.data_bytes == 99
    assert layout.lies == ()


@pytest.mark.parametrize("riff_bytes", [135, 136])
def test_missing_pad_byte_after_odd_audio_is_no_lie(riff_bytes: int) -> None:
    # 4 WAVE + 24 fmt + 8 + 99 = 135 without the pad byte; writers that omit it count either way.
    content = wave(chunk(b"fmt ", FMT), chunk(b"data", b"\xd5" * 99), declared=riff_bytes)[:-1]
    layout = located(content)
    assert layout.data_bytes == 99
    assert layout.lies == ()


@pytest.mark.parametrize("wrong_by", [-2, 2])
def test_riff_size_wrong_by_more_than_a_pad_byte_is_a_lie(wrong_by: int) -> None:
    layout = located(wave(chunk(b"fmt ", FMT), chunk(b"data", AUDIO), declared=136 + wrong_by))
    assert layout.data_bytes == 100
    assert layout.lies == (f"RIFF size in the header is {136 + wrong_by} bytes, must be 136 bytes",)


def test_sizes_of_zero_mean_audio_to_the_end_of_the_file() -> None:
    layout = located(wave(chunk(b"fmt ", FMT), chunk(b"data", AUDIO, declared=0), declared=0))
    assert layout.data_bytes == 100
    assert not layout.chunks_follow
    assert layout.lies == (
        "RIFF size in the header is 0 bytes, must be 136 bytes",
        "data size in the header is 0 bytes, must be 100 bytes (the header was never completed)",
    )


def test_size_of_all_ones_means_audio_to_the_end_of_the_file() -> None:
    layout = located(wave(chunk(b"fmt ", FMT), chunk(b"data", AUDIO, declared=SIZE_UNKNOWN)))
    assert layout.data_bytes == 100
    assert layout.lies == (
        "data size in the header is 4294967295 bytes, must be 100 bytes (the header was never completed)",
    )


def test_empty_data_chunk_with_whole_chunks_behind_it_is_no_audio() -> None:
    layout = located(wave(chunk(b"fmt ", FMT), chunk(b"data", b""), chunk(b"LIST", b"made by hand")))
    assert layout.data_bytes == 0
    assert layout.lies == ()


def test_empty_data_chunk_at_the_end_is_no_audio() -> None:
    layout = located(wave(chunk(b"fmt ", FMT), chunk(b"data", b"")))
    assert layout.data_bytes == 0
    assert layout.lies == ()


def test_size_beyond_the_end_of_the_file_is_clipped() -> None:
    layout = located(wave(chunk(b"fmt ", FMT), chunk(b"data", AUDIO, declared=8000), declared=8036))
    assert layout.data_bytes == 100
    assert layout.lies == (
        "RIFF size in the header is 8036 bytes, must be 136 bytes",
        "data size in the header is 8000 bytes, must be 100 bytes (the file is cut short)",
    )


def test_stale_size_is_kept_but_named_when_audio_goes_on_behind_it() -> None:
    layout = located(wave(chunk(b"fmt ", FMT), chunk(b"data", AUDIO, declared=60)))
    assert layout.data_bytes == 60
    assert layout.lies == (
        "data size in the header is 60 bytes, must be 100 bytes (40 bytes after it belong to no chunk)",
    )


def test_chunk_behind_the_audio_that_is_cut_short_is_a_lie() -> None:
    layout = located(wave(chunk(b"fmt ", FMT), chunk(b"data", AUDIO), chunk(b"LIST", b"text", declared=400)))
    assert layout.data_bytes == 100
    assert not layout.chunks_follow
    assert len(layout.lies) == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "container is empty (0 bytes), must be a RIFF WAVE file"),
        (b"RIFF", "container is cut short after 4 bytes, must be a RIFF WAVE file"),
        (b"\0" * 100, "container is not RIFF, must be a RIFF WAVE file"),
        (b"ID3\x04 and then some MPEG", "container is not RIFF, must be a RIFF WAVE file"),
        (b"RIFX\0\0\0\x04WAVE", "container is RIFX, must be RIFF"),
        (b"RF64\xff\xff\xff\xffWAVE", "container is RF64, must be RIFF"),
        (b"RIFF\x04\0\0\0AVI ", "container is RIFF of form 'AVI ', must be RIFF WAVE"),
        (b"RIFF\x04\0\0\0\xff\0\n'", "must be RIFF WAVE"),
        (wave(), "container has no data chunk, must have one"),
        (wave(chunk(b"fmt ", FMT)), "container has no data chunk, must have one"),
        (wave(chunk(b"data", AUDIO)), "container has no fmt chunk before its data chunk, must have one"),
        (
            wave(chunk(b"data", AUDIO), chunk(b"fmt ", FMT)),
            "container has no fmt chunk before its data chunk, must have one",
        ),
        (
            wave(chunk(b"fmt ", FMT[:14]), chunk(b"data", AUDIO)),
            "container has a fmt chunk of 14 bytes, must be at least 16",
        ),
    ],
)
def test_what_is_no_wav_file_is_refused_with_one_sentence(content: bytes, reason: str) -> None:
    with pytest.raises(ContainerError) as caught:
        located(content)
    assert caught.value.reason.endswith(reason)
    assert str(caught.value) == f"test.wav: {caught.value.reason}"
    assert "\n" not in str(caught.value)


def test_endless_empty_chunks_do_not_keep_the_reader() -> None:
    # Over the limit the data chunk is not looked for any more.
    with pytest.raises(ContainerError, match="no data chunk"):
        located(wave(chunk(b"fmt ", FMT), *[chunk(b"junk", b"")] * 50_000, chunk(b"data", AUDIO)))


def test_name_that_is_not_printable_ends_the_search() -> None:
    with pytest.raises(ContainerError, match="no data chunk"):
        located(wave(chunk(b"fmt ", FMT), chunk(b"\xd5\xd5\xd5\xd5", b""), chunk(b"data", AUDIO)))


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaFileError, match=r"gone\.wav: No such file"), opened(tmp_path / "gone.wav", "rb"):
        pass


def test_directory_and_named_pipe_are_refused_without_blocking(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    for path in (tmp_path, tmp_path / "pipe.wav"):
        with pytest.raises(MediaFileError, match="is not a regular file"), opened(path, "rb"):
            pass


def test_nul_in_the_path_is_a_file_error() -> None:
    with pytest.raises(MediaFileError, match="null"), opened("a\0b.wav", "rb"):
        pass


def test_error_of_the_disk_inside_the_block_is_a_file_error(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF")
    with pytest.raises(MediaFileError, match=r"a\.wav: Input/output error"), opened(tmp_path / "a.wav", "rb"):
        raise OSError(5, "Input/output error")


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_file_without_permission_is_a_file_error(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(wave(chunk(b"fmt ", FMT), chunk(b"data", AUDIO)))
    (tmp_path / "a.wav").chmod(0)
    with pytest.raises(MediaFileError, match="Permission denied"), opened(tmp_path / "a.wav", "rb"):
        pass
