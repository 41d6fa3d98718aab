"""Reading, judging, writing and repairing, on files put together here byte by byte."""

import os
import re
import struct
import wave
from pathlib import Path

import numpy as np
import pytest

from media import riff
from media.errors import MediaFileError, MediaFormatError
from media.g711 import alaw_decode, alaw_encode, ulaw_encode
from media.types import Pcm16
from media.wav import Encoding, WavInfo, read_info, read_pcm, repair, validate, violations, write_alaw

N_SAMPLES = 800
PCM: Pcm16 = (12000 * np.sin(2 * np.pi * 450 * np.arange(N_SAMPLES) / 8000)).astype(np.int16)
ALAW = alaw_encode(PCM).tobytes()
EXTENSIBLE_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def chunk(name: bytes, body: bytes, declared: int | None = None) -> bytes:
    return (
        struct.pack("<4sI", name, len(body) if declared is None else declared)
        + body
        + b"\0" * (len(body) % 2)
    )


def fmt(
    tag: int = 6, channels: int = 1, rate: int = 8000, bits: int = 8, byte_rate: int | None = None
) -> bytes:
    frame = channels * bits // 8
    return struct.pack(
        "<HHIIHH", tag, channels, rate, rate * frame if byte_rate is None else byte_rate, frame, bits
    )


def wav_file(path: Path, *chunks: bytes, riff_bytes: int | None = None) -> Path:
    path.write_bytes(chunk(b"RIFF", b"WAVE" + b"".join(chunks), riff_bytes))
    return path


def alaw_file(path: Path, body: bytes = ALAW) -> Path:
    return wav_file(path, chunk(b"fmt ", fmt()), chunk(b"data", body))


def killed_capture(path: Path, audio: bytes = ALAW) -> Path:
    """What pjmedia leaves of an A-law recording when its process is killed: 56 bytes of header, sizes 0."""
    header = chunk(b"fmt ", fmt()) + chunk(b"fact", struct.pack("<I", 0)) + chunk(b"data", b"")
    path.write_bytes(chunk(b"RIFF", b"WAVE" + header, declared=0) + audio)
    return path


# read_info and read_pcm


def test_info_of_an_alaw_file(tmp_path: Path) -> None:
    assert read_info(alaw_file(tmp_path / "a.wav")) == WavInfo(
        encoding=Encoding.ALAW,
        sample_rate_hz=8000,
        channels=1,
        bits_per_sample=8,
        data_bytes=800,
        n_samples=800,
        duration_s=0.1,
    )


def test_info_of_a_stereo_pcm_file_counts_samples_of_one_channel(tmp_path: Path) -> None:
    path = wav_file(
        tmp_path / "a.wav", chunk(b"fmt ", fmt(1, 2, 44100, 16)), chunk(b"data", b"\0" * 44100 * 4)
    )
    info = read_info(path)
    assert (info.encoding, info.channels, info.bits_per_sample) == (Encoding.PCM, 2, 16)
    assert info.n_samples == 44100
    assert info.duration_s == 1.0


def test_info_of_another_encoding_estimates_its_length_from_the_byte_rate(tmp_path: Path) -> None:
    # GSM 06.10 in WAV: 1625 bytes a second.
    path = wav_file(
        tmp_path / "a.wav", chunk(b"fmt ", fmt(0x31, bits=0, byte_rate=1625)), chunk(b"data", b"\0" * 3250)
    )
    info = read_info(path)
    assert info.encoding is Encoding.OTHER
    assert info.duration_s == 2.0


def test_info_survives_a_header_of_zeros_only_in_its_fields(tmp_path: Path) -> None:
    info = read_info(wav_file(tmp_path / "a.wav", chunk(b"fmt ", b"\0" * 16), chunk(b"data", ALAW)))
    assert info.encoding is Encoding.OTHER
    assert (info.n_samples, info.duration_s) == (0, 0.0)


def test_alaw_mulaw_and_pcm_are_read_alike(tmp_path: Path) -> None:
    mulaw = wav_file(tmp_path / "u.wav", chunk(b"fmt ", fmt(7)), chunk(b"data", ulaw_encode(PCM).tobytes()))
    linear = wav_file(
        tmp_path / "p.wav", chunk(b"fmt ", fmt(1, bits=16)), chunk(b"data", PCM.astype("<i2").tobytes())
    )
    np.testing.assert_array_equal(read_pcm(alaw_file(tmp_path / "a.wav")), alaw_decode(alaw_encode(PCM)))
    # Half the width of the interval 11000 to 12000 lies in: 256 in both laws.
    assert int(np.abs(read_pcm(mulaw).astype(np.int32) - PCM).max()) <= 256
    np.testing.assert_array_equal(read_pcm(linear), PCM)


def test_file_of_the_standard_library_is_read(tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "p.wav"), "wb") as writer:
        writer.setnchannels(1)
        writer.setsampwidth(2)
        writer.setframerate(8000)
        writer.writeframes(PCM.astype("<i2").tobytes())
    np.testing.assert_array_equal(read_pcm(tmp_path / "p.wav"), PCM)


@pytest.mark.parametrize(
    ("tag", "encoding"), [(1, Encoding.PCM), (6, Encoding.ALAW), (7, Encoding.ULAW), (3, Encoding.OTHER)]
)
def test_extensible_format_is_read_through_to_its_subformat(
    tmp_path: Path, tag: int, encoding: Encoding
) -> None:
    extension = struct.pack("<HHIH", 22, 8, 4, tag) + EXTENSIBLE_TAIL
    path = wav_file(tmp_path / "a.wav", chunk(b"fmt ", fmt(0xFFFE) + extension), chunk(b"data", ALAW))
    assert read_info(path).encoding is encoding


def test_extensible_format_of_a_foreign_guid_is_another_encoding(tmp_path: Path) -> None:
    extension = struct.pack("<HHIH", 22, 8, 4, 6) + EXTENSIBLE_TAIL[:-1] + b"\0"
    path = wav_file(tmp_path / "a.wav", chunk(b"fmt ", fmt(0xFFFE) + extension), chunk(b"data", ALAW))
    assert read_info(path).encoding is Encoding.OTHER


def test_extensible_format_cut_short_is_another_encoding(tmp_path: Path) -> None:
    path = wav_file(tmp_path / "a.wav", chunk(b"fmt ", fmt(0xFFFE)), chunk(b"data", ALAW))
    assert read_info(path).encoding is Encoding.OTHER


def test_only_the_data_chunk_is_audio(tmp_path: Path) -> None:
    path = wav_file(
        tmp_path / "a.wav",
        chunk(b"LIST", b"odd"),
        chunk(b"fmt ", fmt()),
        chunk(b"data", ALAW),
        chunk(b"LIST", b"behind"),
    )
    np.testing.assert_array_equal(read_pcm(path), alaw_decode(np.frombuffer(ALAW, dtype=np.uint8)))


def test_killed_capture_is_read_to_its_end(tmp_path: Path) -> None:
    assert read_pcm(killed_capture(tmp_path / "a.wav")).shape == (N_SAMPLES,)


def test_half_a_sample_at_the_end_of_pcm_is_dropped(tmp_path: Path) -> None:
    path = wav_file(
        tmp_path / "a.wav", chunk(b"fmt ", fmt(1, bits=16)), chunk(b"data", b"\x01\x00\x02\x00\x03")
    )
    assert read_pcm(path).tolist() == [1, 2]


def test_data_chunk_of_no_bytes_gives_an_empty_array(tmp_path: Path) -> None:
    pcm = read_pcm(alaw_file(tmp_path / "a.wav", b""))
    assert pcm.shape == (0,)
    assert pcm.dtype == np.int16


def test_what_is_read_may_be_written_to(tmp_path: Path) -> None:
    path = wav_file(tmp_path / "p.wav", chunk(b"fmt ", fmt(1, bits=16)), chunk(b"data", b"\x01\x00"))
    pcm = read_pcm(path)
    pcm[0] = 7
    assert read_pcm(path).tolist() == [1]


@pytest.mark.parametrize(
    ("header", "sentence"),
    [
        (fmt(3, bits=32), "encoding is IEEE float, must be A-law, mu-law or PCM"),
        (fmt(0x1234), "encoding is format tag 0x1234, must be A-law, mu-law or PCM"),
        (fmt(rate=16000), "sample rate is 16000 Hz, must be 8000 Hz"),
        (fmt(channels=2), "number of channels is 2, must be 1 (mono)"),
        (fmt(channels=0), "number of channels is 0, must be 1 (mono)"),
        (fmt(1, bits=8), "bits per sample is 8, must be 16"),
        (fmt(1, bits=24), "bits per sample is 24, must be 16"),
        (fmt(6, bits=16), "bits per sample is 16, must be 8"),
        (fmt(7, bits=16), "bits per sample is 16, must be 8"),
    ],
)
def test_reading_refuses_other_properties_by_name(tmp_path: Path, header: bytes, sentence: str) -> None:
    path = wav_file(tmp_path / "a.wav", chunk(b"fmt ", header), chunk(b"data", ALAW))
    with pytest.raises(MediaFormatError) as caught:
        read_pcm(path)
    assert str(caught.value) == f"{path}: {sentence}"


def test_reading_names_every_wrong_property_at_once(tmp_path: Path) -> None:
    path = wav_file(tmp_path / "a.wav", chunk(b"fmt ", fmt(1, 2, 44100, 24)), chunk(b"data", ALAW))
    with pytest.raises(
        MediaFormatError, match=r"44100 Hz.*; number of channels is 2.*; bits per sample is 24"
    ):
        read_pcm(path)


@pytest.mark.parametrize("content", [b"", b"RIFX\0\0\0\0WAVE", b"just text, no audio at all"])
def test_reading_what_is_no_wav_file_is_a_file_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    for read in (read_info, read_pcm):
        with pytest.raises(MediaFileError, match=r"a\.wav: container is"):
            read(tmp_path / "a.wav")


def test_path_may_be_a_string(tmp_path: Path) -> None:
    assert read_info(str(alaw_file(tmp_path / "a.wav"))).n_samples == 800


# violations and validate


def test_right_file_breaks_no_rule(tmp_path: Path) -> None:
    path = alaw_file(tmp_path / "a.wav")
    assert violations(path) == ()
    validate(path)


@pytest.mark.parametrize(
    ("header", "sentences"),
    [
        (fmt(7), ("encoding is mu-law, must be A-law",)),
        (
            fmt(1, 1, 24000, 16),
            (
                "encoding is PCM, must be A-law",
                "sample rate is 24000 Hz, must be 8000 Hz",
                "bits per sample is 16, must be 8",
                "bit rate is 384 kbit/s, must be 64 kbit/s",
            ),
        ),
        (
            fmt(6, 2),
            ("number of channels is 2, must be 1 (mono)", "bit rate is 128 kbit/s, must be 64 kbit/s"),
        ),
        (fmt(6, rate=8000, byte_rate=1625), ("bit rate is 13 kbit/s, must be 64 kbit/s",)),
        (fmt(6, byte_rate=7999), ("bit rate is 63.992 kbit/s, must be 64 kbit/s",)),
        (fmt(0x55, byte_rate=8000), ("encoding is MPEG layer 3, must be A-law",)),
    ],
)
def test_each_wrong_property_is_one_sentence(
    tmp_path: Path, header: bytes, sentences: tuple[str, ...]
) -> None:
    path = wav_file(tmp_path / "a.wav", chunk(b"fmt ", header), chunk(b"data", ALAW))
    assert violations(path) == sentences


def test_largest_allowed_file_passes_and_one_byte_more_does_not(tmp_path: Path) -> None:
    limit = 2 * 1024 * 1024
    exact = alaw_file(tmp_path / "a.wav", b"\xd5" * (limit - 44))
    assert exact.stat().st_size == limit
    assert violations(exact) == ()
    larger = alaw_file(tmp_path / "b.wav", b"\xd5" * (limit - 42))
    assert violations(larger) == ("file size is 2097154 bytes, must be at most 2097152 bytes (2 MB)",)


def test_lines_come_in_their_order_when_everything_is_wrong(tmp_path: Path) -> None:
    audio = b"\0" * (2 * 1024 * 1024)
    path = wav_file(
        tmp_path / "a.wav",
        chunk(b"fmt ", fmt(1, 2, 44100, 16)),
        chunk(b"data", audio, declared=0),
        riff_bytes=0,
    )
    starts = [line.split(" is ")[0] for line in violations(path)]
    assert starts == [
        "encoding",
        "sample rate",
        "number of channels",
        "bits per sample",
        "bit rate",
        "file size",
        "RIFF size in the header",
        "data size in the header",
    ]


def test_wrong_container_and_size_are_both_named(tmp_path: Path) -> None:
    (tmp_path / "a.mp3").write_bytes(b"ID3" + b"\0" * 3_000_000)
    assert violations(tmp_path / "a.mp3") == (
        "container is not RIFF, must be a RIFF WAVE file",
        "file size is 3000003 bytes, must be at most 2097152 bytes (2 MB)",
    )


def test_file_without_audio_breaks_the_rule(tmp_path: Path) -> None:
    assert violations(alaw_file(tmp_path / "a.wav", b"")) == ("audio is 0 samples long, must be at least 1",)


def test_file_cut_short_breaks_the_rule(tmp_path: Path) -> None:
    path = alaw_file(tmp_path / "a.wav")
    path.write_bytes(path.read_bytes()[:444])
    assert violations(path) == (
        "RIFF size in the header is 836 bytes, must be 436 bytes",
        "data size in the header is 800 bytes, must be 400 bytes (the file is cut short)",
    )


def test_missing_file_is_an_error_and_no_violation(tmp_path: Path) -> None:
    with pytest.raises(MediaFileError, match="No such file"):
        violations(tmp_path / "gone.wav")
    with pytest.raises(MediaFileError, match="No such file"):
        validate(tmp_path / "gone.wav")


def test_validate_names_the_file_and_every_violation(tmp_path: Path) -> None:
    path = wav_file(tmp_path / "hello.wav", chunk(b"fmt ", fmt(1, 1, 24000, 16)), chunk(b"data", ALAW))
    with pytest.raises(MediaFormatError) as caught:
        validate(path)
    assert str(caught.value) == f"{path}: " + "; ".join(violations(path))
    assert str(caught.value).count(";") == 3


def test_validate_of_no_wav_file_is_a_format_error(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"")
    with pytest.raises(MediaFormatError, match=r"container is empty \(0 bytes\)"):
        validate(tmp_path / "a.wav")


# write_alaw


def test_written_file_has_the_header_of_an_alaw_file_with_fact_chunk(tmp_path: Path) -> None:
    write_alaw(tmp_path / "a.wav", PCM)
    content = (tmp_path / "a.wav").read_bytes()
    # 58 bytes: RIFF 12, fmt 8 + 18, fact 8 + 4, data 8.
    assert content[:4] + content[8:16] == b"RIFFWAVEfmt "
    assert struct.unpack("<I", content[4:8]) == (len(content) - 8,)
    assert struct.unpack("<IHHIIHHH", content[16:38]) == (18, 6, 1, 8000, 8000, 1, 8, 0)
    assert struct.unpack("<4sII", content[38:50]) == (b"fact", 4, N_SAMPLES)
    assert struct.unpack("<4sI", content[50:58]) == (b"data", N_SAMPLES)
    assert content[58:] == ALAW


@pytest.mark.parametrize("n_samples", [0, 1, 2, 799, 800])
def test_written_file_is_read_back_whole(tmp_path: Path, n_samples: int) -> None:
    write_alaw(tmp_path / "a.wav", PCM[:n_samples])
    np.testing.assert_array_equal(read_pcm(tmp_path / "a.wav"), alaw_decode(alaw_encode(PCM[:n_samples])))
    assert (tmp_path / "a.wav").stat().st_size % 2 == 0
    assert violations(tmp_path / "a.wav") == (
        () if n_samples else ("audio is 0 samples long, must be at least 1",)
    )


def test_writing_leaves_nothing_but_the_file(tmp_path: Path) -> None:
    write_alaw(tmp_path / "a.wav", PCM)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.wav"]


def test_writing_replaces_an_older_file_and_a_stale_part(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"older and longer" * 1000)
    (tmp_path / "a.wav.part").write_bytes(b"of a killed process" * 1000)
    write_alaw(tmp_path / "a.wav", PCM)
    assert read_info(tmp_path / "a.wav").n_samples == N_SAMPLES
    assert not (tmp_path / "a.wav.part").exists()


def test_name_appears_only_after_the_content_is_synced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[list[str]] = []
    sync = os.fsync

    def watching_fsync(fd: int) -> None:
        seen.append(sorted(entry.name for entry in tmp_path.iterdir()))
        if len(seen) == 1:
            assert os.fstat(fd).st_size == 58 + N_SAMPLES
        sync(fd)

    monkeypatch.setattr(os, "fsync", watching_fsync)
    write_alaw(tmp_path / "a.wav", PCM)
    assert seen == [["a.wav.part"], ["a.wav"]]  # the file first, then its directory


def test_full_disk_leaves_the_older_file_and_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "a.wav").write_bytes(b"older")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(MediaFileError, match=r"a\.wav: No space left on device"):
        write_alaw(tmp_path / "a.wav", PCM)
    assert (tmp_path / "a.wav").read_bytes() == b"older"
    assert not (tmp_path / "a.wav.part").exists()


def test_interrupted_writing_leaves_no_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(fd: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_alaw(tmp_path / "a.wav", PCM)
    assert list(tmp_path.iterdir()) == []


def test_writing_over_a_directory_is_a_file_error_and_leaves_no_part(tmp_path: Path) -> None:
    (tmp_path / "a.wav").mkdir()
    with pytest.raises(MediaFileError, match="directory"):
        write_alaw(tmp_path / "a.wav", PCM)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.wav"]


@pytest.mark.parametrize("name", ["missing/a.wav", "nul\0.wav", "long" * 100 + ".wav"])
def test_impossible_targets_are_file_errors(tmp_path: Path, name: str) -> None:
    with pytest.raises(MediaFileError):
        write_alaw(tmp_path / name, PCM)
    assert list(tmp_path.iterdir()) == []


def test_samples_of_another_type_are_refused_before_anything_is_written(tmp_path: Path) -> None:
    with pytest.raises(MediaFormatError, match="must be int16"):
        write_alaw(tmp_path / "a.wav", PCM.astype(np.float32))
    assert list(tmp_path.iterdir()) == []


def test_audio_too_long_for_riff_sizes_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(riff, "SIZE_UNKNOWN", 58 + N_SAMPLES)
    with pytest.raises(MediaFormatError, match="800 samples long"):
        write_alaw(tmp_path / "a.wav", PCM)
    write_alaw(tmp_path / "a.wav", PCM[:-1])


# repair


def test_repair_restores_sizes_after_crash(tmp_path: Path) -> None:
    path = killed_capture(tmp_path / "a.wav")
    info = repair(path)
    assert (info.encoding, info.n_samples, info.duration_s) == (Encoding.ALAW, 800, 0.1)
    assert violations(path) == ()
    content = path.read_bytes()
    assert struct.unpack("<I", content[4:8]) == (len(content) - 8,)
    assert struct.unpack("<4sII", content[36:48]) == (b"fact", 4, 800)
    assert struct.unpack("<4sI", content[48:56]) == (b"data", 800)
    assert content[56:] == ALAW


@pytest.mark.parametrize("stale_bytes", [1, 400, 798, 4000, 0xFFFFFFFF])
def test_repair_replaces_stale_sizes(tmp_path: Path, stale_bytes: int) -> None:
    path = wav_file(
        tmp_path / "a.wav",
        chunk(b"fmt ", fmt() + b"\0\0"),
        chunk(b"data", ALAW, declared=stale_bytes),
        riff_bytes=36,
    )
    assert repair(path).n_samples == N_SAMPLES
    assert violations(path) == ()
    assert path.read_bytes()[46:] == ALAW


@pytest.mark.parametrize("n_bytes", [0, 1, 2, 799, 800])
def test_repair_is_idempotent(tmp_path: Path, n_bytes: int) -> None:
    path = killed_capture(tmp_path / "a.wav", ALAW[:n_bytes])
    first = repair(path)
    content = path.read_bytes()
    assert first.n_samples == n_bytes
    assert repair(path) == first
    assert path.read_bytes() == content


def test_repair_leaves_a_sound_file_with_trailing_chunks_alone(tmp_path: Path) -> None:
    path = wav_file(
        tmp_path / "a.wav", chunk(b"fmt ", fmt()), chunk(b"data", ALAW[:799]), chunk(b"LIST", b"software")
    )
    content = path.read_bytes()
    assert repair(path).n_samples == 799
    assert path.read_bytes() == content


def test_repair_leaves_the_files_we_write_alone(tmp_path: Path) -> None:
    write_alaw(tmp_path / "a.wav", PCM[:799])
    content = (tmp_path / "a.wav").read_bytes()
    assert repair(tmp_path / "a.wav").n_samples == 799
    assert (tmp_path / "a.wav").read_bytes() == content


def test_repair_cut_off_half_way_can_be_repeated(tmp_path: Path) -> None:
    # The RIFF size is written first; a second crash right after it leaves the other two at zero.
    path = killed_capture(tmp_path / "a.wav")
    content = bytearray(path.read_bytes())
    content[4:8] = struct.pack("<I", len(content) - 8)
    path.write_bytes(content)
    assert repair(path).n_samples == N_SAMPLES
    assert violations(path) == ()


def test_repair_counts_pcm_samples_and_cuts_half_a_sample_away(tmp_path: Path) -> None:
    path = wav_file(
        tmp_path / "a.wav", chunk(b"fmt ", fmt(1, bits=16)), chunk(b"data", b"", declared=0), riff_bytes=0
    )
    path.write_bytes(path.read_bytes() + b"\x01\0\x02\0\x03")
    assert repair(path).n_samples == 2
    assert path.stat().st_size == 44 + 4
    assert read_pcm(path).tolist() == [1, 2]
    assert repair(path).n_samples == 2


def test_repair_of_a_header_without_audio_gives_an_empty_file(tmp_path: Path) -> None:
    assert repair(killed_capture(tmp_path / "a.wav", b"")).n_samples == 0


def test_repair_syncs_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = killed_capture(tmp_path / "a.wav")
    content_at_sync: list[bytes] = []
    monkeypatch.setattr(os, "fsync", lambda _fd: content_at_sync.append(path.read_bytes()))
    repair(path)
    assert content_at_sync == [path.read_bytes()]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "is empty, its writer ended before the header reached the disk"),
        (b"\0" * 56 + ALAW, "header is all zeros, its writer ended before the header reached the disk"),
        (b"\0" * 20, "header is all zeros, its writer ended before the header reached the disk"),
        (b"RIFF\0\0\0\0WAVEfmt ", "is 16 bytes long, too short for a WAV header (44 bytes)"),
        (ALAW, "container is not RIFF, must be a RIFF WAVE file"),
        (b"RIFX" + b"\x01" * 60, "container is RIFX, must be RIFF"),
        (chunk(b"RIFF", b"WAVE" + b"\0" * 60), "container has no data chunk, must have one"),
    ],
)
def test_repair_refuses_what_cannot_be_recovered_and_changes_nothing(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(content)
    with pytest.raises(MediaFileError, match=re.escape(sentence)):
        repair(path)
    assert path.read_bytes() == content


@pytest.mark.parametrize("header", [fmt(0x55), fmt(6, channels=0), fmt(1, bits=0)])
def test_repair_refuses_samples_of_no_fixed_size(tmp_path: Path, header: bytes) -> None:
    path = wav_file(
        tmp_path / "a.wav", chunk(b"fmt ", header), chunk(b"data", ALAW, declared=0), riff_bytes=0
    )
    content = path.read_bytes()
    with pytest.raises(MediaFormatError, match="samples of a fixed size"):
        repair(path)
    assert path.read_bytes() == content


def test_repair_refuses_a_file_too_long_for_riff_sizes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = killed_capture(tmp_path / "a.wav")
    monkeypatch.setattr(riff, "SIZE_UNKNOWN", 800)
    with pytest.raises(MediaFormatError, match="under 4 GiB"):
        repair(path)


def test_repair_of_a_missing_file_creates_none(tmp_path: Path) -> None:
    with pytest.raises(MediaFileError, match="No such file"):
        repair(tmp_path / "gone.wav")
    assert list(tmp_path.iterdir()) == []
