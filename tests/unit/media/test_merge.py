"""media.merge: what each sample of a merged recording is, and what a failure leaves behind."""

import resource
import signal
import struct
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from media import g711, merge, wav
from media.errors import MediaFileError, MediaFormatError
from media.merge import SILENT_CODE, Capture, Layout
from media.types import Coded8


def _capture(path: Path, codes: Coded8, tag: int = 6, channels: int = 1, rate_hz: int = 8000) -> Path:
    """An A-law WAV as pjmedia's recorder leaves it: a 16-byte fmt chunk, a fact chunk of 0, no pad byte."""
    fmt = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * channels, channels, 8)
    body = b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"fact" + struct.pack("<II", 4, 0)
    body += b"data" + struct.pack("<I", codes.size) + codes.tobytes()
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def _codes(*linear: int) -> Coded8:
    return g711.alaw_encode(np.array(linear, dtype=np.int16))


def _noise(n_samples: int, seed: int) -> Coded8:
    return np.random.default_rng(seed).integers(0, 256, n_samples, dtype=np.uint8)


def _data(path: Path, channels: int = 1) -> Coded8:
    """The samples of a merged file, found by the 58-byte header and its own counts."""
    content = path.read_bytes()
    assert content[50:54] == b"data"
    (n_bytes,) = struct.unpack("<I", content[54:58])
    assert n_bytes % channels == 0
    return np.frombuffer(content[58 : 58 + n_bytes], dtype=np.uint8)


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


def test_both_legs_are_summed_in_linear(tmp_path: Path) -> None:
    a = _capture(tmp_path / "a.wav", _codes(1000, -2000, 8000))
    b = _capture(tmp_path / "b.wav", _codes(3000, 1000, 8000))
    n_samples = merge.merge(Capture(a), Capture(b), tmp_path / "m.wav")
    assert n_samples == 3
    # By hand, ITU-T G.711 table 1a: 1000 -> 1008, 3000 -> 3008, sum 4016, in the interval [3968, 4096) ->
    # 4032. -2000 -> -2016, 1000 -> 1008, sum -1008 is itself a value. 8000 -> 8064, twice is 16128 in
    # [15872, 16384) -> 16128.
    assert g711.alaw_decode(_data(tmp_path / "m.wav")).tolist() == [4032, -1008, 16128]


def test_loud_sum_saturates_instead_of_wrapping(tmp_path: Path) -> None:
    a = _capture(tmp_path / "a.wav", _codes(30000, -30000))
    b = _capture(tmp_path / "b.wav", _codes(30000, -30000))
    merge.merge(Capture(a), Capture(b), tmp_path / "m.wav")
    assert g711.alaw_decode(_data(tmp_path / "m.wav")).tolist() == [32256, -32256]  # the last A-law value


def test_every_code_against_a_silent_leg_stays_the_same_code(tmp_path: Path) -> None:
    codes = np.arange(256, dtype=np.uint8)
    talk = _capture(tmp_path / "a.wav", codes)
    quiet = _capture(tmp_path / "b.wav", np.full(256, SILENT_CODE, dtype=np.uint8))
    merge.merge(Capture(talk), Capture(quiet), tmp_path / "ab.wav")
    merge.merge(Capture(quiet), Capture(talk), tmp_path / "ba.wav")
    assert np.array_equal(_data(tmp_path / "ab.wav"), codes)
    assert np.array_equal(_data(tmp_path / "ba.wav"), codes)


def test_silent_code_is_what_the_encoder_makes_of_zero() -> None:
    assert g711.alaw_encode(np.zeros(1, dtype=np.int16))[0] == SILENT_CODE


def test_sum_does_not_depend_on_which_leg_is_which(tmp_path: Path) -> None:
    a = _capture(tmp_path / "a.wav", np.repeat(np.arange(256, dtype=np.uint8), 256))
    b = _capture(tmp_path / "b.wav", np.tile(np.arange(256, dtype=np.uint8), 256))
    merge.merge(Capture(a), Capture(b), tmp_path / "ab.wav")
    merge.merge(Capture(b), Capture(a), tmp_path / "ba.wav")
    assert (tmp_path / "ab.wav").read_bytes() == (tmp_path / "ba.wav").read_bytes()


def test_shorter_leg_is_padded_with_silence(tmp_path: Path) -> None:
    a = _capture(tmp_path / "a.wav", _noise(500, 1))
    b = _capture(tmp_path / "b.wav", _noise(200, 2))
    assert merge.merge(Capture(a), Capture(b), tmp_path / "m.wav") == 500
    merged = _data(tmp_path / "m.wav")
    assert np.array_equal(merged[200:], _noise(500, 1)[200:])
    assert not np.array_equal(merged[:200], _noise(500, 1)[:200])


def test_offset_puts_silence_before_a_leg(tmp_path: Path) -> None:
    a = _capture(tmp_path / "a.wav", _noise(100, 1))
    b = _capture(tmp_path / "b.wav", _noise(50, 2))
    assert merge.merge(Capture(a), Capture(b, offset_samples=160), tmp_path / "m.wav") == 210
    merged = _data(tmp_path / "m.wav")
    assert np.array_equal(merged[:100], _noise(100, 1))
    assert (merged[100:160] == SILENT_CODE).all()
    assert np.array_equal(merged[160:], _noise(50, 2))


def test_leg_without_capture_is_silence(tmp_path: Path) -> None:
    b = _capture(tmp_path / "b.wav", _noise(300, 2))
    assert merge.merge(Capture(None), Capture(b), tmp_path / "m.wav") == 300
    assert np.array_equal(_data(tmp_path / "m.wav"), _noise(300, 2))


def test_stereo_has_leg_a_left_and_leg_b_right(tmp_path: Path) -> None:
    a = _capture(tmp_path / "a.wav", _noise(400, 1))
    b = _capture(tmp_path / "b.wav", _noise(300, 2))
    assert merge.merge(Capture(a), Capture(b), tmp_path / "s.wav", Layout.STEREO) == 400
    frames = _data(tmp_path / "s.wav", 2).reshape(-1, 2)
    assert np.array_equal(frames[:, 0], _noise(400, 1))
    assert np.array_equal(frames[:300, 1], _noise(300, 2))
    assert (frames[300:, 1] == SILENT_CODE).all()
    info = wav.read_info(tmp_path / "s.wav")
    assert (info.channels, info.n_samples) == (2, 400)


@pytest.mark.parametrize("extra", [-1, 0, 1])
@pytest.mark.parametrize("layout", list(Layout))
def test_block_edges_leave_no_trace(
    tmp_path: Path, extra: int, layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    a = Capture(_capture(tmp_path / "a.wav", _noise(2 * merge.BLOCK_SAMPLES + extra, 1)))
    b = Capture(_capture(tmp_path / "b.wav", _noise(merge.BLOCK_SAMPLES, 2)), offset_samples=777)
    merge.merge(a, b, tmp_path / "blocks.wav", layout)
    monkeypatch.setattr(merge, "BLOCK_SAMPLES", 1 << 24)
    merge.merge(a, b, tmp_path / "whole.wav", layout)
    assert (tmp_path / "blocks.wav").read_bytes() == (tmp_path / "whole.wav").read_bytes()


def test_merged_file_is_what_the_service_promises(tmp_path: Path) -> None:
    a = _capture(tmp_path / "a.wav", _noise(8001, 1))
    merge.merge(Capture(a), Capture(None), tmp_path / "m.wav")
    info = wav.read_info(tmp_path / "m.wav")
    assert info.encoding is wav.Encoding.ALAW
    assert (info.sample_rate_hz, info.channels, info.bits_per_sample, info.n_samples) == (8000, 1, 8, 8001)
    assert wav.violations(tmp_path / "m.wav") == ()
    content = (tmp_path / "m.wav").read_bytes()
    assert len(content) % 2 == 0, "a chunk of odd length is followed by a pad byte"
    assert struct.unpack("<I", content[4:8])[0] == len(content) - 8


def test_aligned_leg_keeps_its_codes_on_the_clock_of_the_recording(tmp_path: Path) -> None:
    leg = Capture(_capture(tmp_path / "b.wav", _noise(200, 2)), offset_samples=80)
    merge.align(leg, 400, tmp_path / "aligned.wav")
    codes = _data(tmp_path / "aligned.wav")
    assert np.array_equal(codes[80:280], _noise(200, 2))
    assert (codes[:80] == SILENT_CODE).all()
    assert (codes[280:] == SILENT_CODE).all()
    assert codes.size == 400


def test_end_counts_the_offset_only_of_a_leg_that_was_captured(tmp_path: Path) -> None:
    empty = _capture(tmp_path / "a.wav", _noise(0, 1))
    full = _capture(tmp_path / "b.wav", _noise(10, 1))
    assert merge.end_samples(Capture(None, 500)) == 0
    assert merge.end_samples(Capture(empty, 500)) == 0
    assert merge.end_samples(Capture(full, 500)) == 510


def test_header_that_promises_more_than_the_file_holds_is_not_believed(tmp_path: Path) -> None:
    path = _capture(tmp_path / "a.wav", _noise(1000, 1))
    with path.open("r+b") as file:
        file.truncate(56 + 640)
    assert merge.end_samples(Capture(path)) == 640


def test_ten_minutes_need_less_than_a_megabyte_of_memory(tmp_path: Path) -> None:
    ten_minutes = 10 * 60 * 8000  # 4.8 MB of A-law a leg, 19 MB if someone decoded both at once
    a = _capture(tmp_path / "a.wav", _noise(ten_minutes, 1))
    b = _capture(tmp_path / "b.wav", _noise(ten_minutes, 2))
    tracemalloc.start()
    try:
        merge.merge(Capture(a), Capture(b), tmp_path / "m.wav")
        peak_bytes = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak_bytes < 2**20
    assert _data(tmp_path / "m.wav").size == ten_minutes


def test_full_disk_leaves_neither_target_nor_part(tmp_path: Path) -> None:
    a = _capture(tmp_path / "a.wav", _noise(20000, 1))
    with _largest_file(4096), pytest.raises(MediaFileError, match=r"m\.wav"):
        merge.merge(Capture(a), Capture(None), tmp_path / "m.wav")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.wav"]


def test_full_disk_leaves_an_older_target_as_it_was(tmp_path: Path) -> None:
    a = _capture(tmp_path / "a.wav", _noise(20000, 1))
    target = tmp_path / "m.wav"
    target.write_bytes(b"older")
    with _largest_file(4096), pytest.raises(MediaFileError):
        merge.merge(Capture(a), Capture(None), target)
    assert target.read_bytes() == b"older"


def test_target_in_a_missing_directory_is_refused(tmp_path: Path) -> None:
    a = _capture(tmp_path / "a.wav", _noise(100, 1))
    with pytest.raises(MediaFileError, match="nowhere"):
        merge.merge(Capture(a), Capture(None), tmp_path / "nowhere" / "m.wav")


def test_missing_capture_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaFileError, match=r"gone\.wav"):
        merge.merge(Capture(tmp_path / "gone.wav"), Capture(None), tmp_path / "m.wav")
    assert not (tmp_path / "m.wav").exists()


@pytest.mark.parametrize(("tag", "channels", "rate_hz"), [(7, 1, 8000), (6, 2, 8000), (6, 1, 16000)])
def test_capture_of_another_format_is_refused(tmp_path: Path, tag: int, channels: int, rate_hz: int) -> None:
    a = _capture(tmp_path / "a.wav", _noise(100, 1), tag, channels, rate_hz)
    name = {6: "A-law", 7: "mu-law"}[tag]
    with pytest.raises(MediaFormatError, match=f"not {name} with {channels} channels at {rate_hz} Hz"):
        merge.merge(Capture(a), Capture(None), tmp_path / "m.wav")


@pytest.mark.parametrize("content", [b"OggS" + bytes(60), b"RIFF" + struct.pack("<I", 4) + b"WAVE", b""])
def test_file_without_audio_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.wav").write_bytes(content)
    with pytest.raises(MediaFileError, match=r"a\.wav"):
        merge.end_samples(Capture(tmp_path / "a.wav"))


def test_result_beyond_four_gigabytes_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    a = _capture(tmp_path / "a.wav", _noise(100, 1))
    with pytest.raises(MediaFormatError, match="do not fit"):
        merge.merge(Capture(a, offset_samples=2**32), Capture(None), tmp_path / "m.wav")
    assert not (tmp_path / "m.wav.part").exists()
