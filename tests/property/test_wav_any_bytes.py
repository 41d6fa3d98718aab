"""Any bytes under the name of a WAV file: an answer or a MediaError, never another exception."""

import struct
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from media.errors import MediaError
from media.g711 import alaw_decode, alaw_encode
from media.wav import read_info, read_pcm, repair, validate, violations, write_alaw

AUDIO = bytes(range(128, 188))
HEADER = (
    struct.pack("<4sI4s4sIHHIIHH", b"RIFF", 108, b"WAVE", b"fmt ", 16, 6, 1, 8000, 8000, 1, 8)
    + struct.pack("<4sII", b"fact", 4, len(AUDIO))
    + struct.pack("<4sI", b"data", len(AUDIO))
)
VALID = HEADER + AUDIO

INTERESTING_SIZES = st.sampled_from([0, 1, 7, 8, 16, 59, 60, 61, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1])


@contextmanager
def stored(content: bytes) -> Iterator[Path]:
    # Not tmp_path: hypothesis runs many examples within one test function's fixture.
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "any.wav"
        path.write_bytes(content)
        yield path


def ask_everything(path: Path) -> None:
    for question in (read_info, read_pcm, violations, validate, repair, violations):
        try:
            question(path)
        except MediaError as error:
            text = str(error)
        else:
            continue
        assert "any.wav: " in text
        assert "\n" not in text


@st.composite
def mutations(draw: st.DrawFn) -> bytes:
    content = bytearray(VALID)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(0, len(content) - 1)))
        match draw(st.sampled_from(["byte", "size", "cut", "insert", "delete"])):
            case "byte":
                content[at : at + 1] = draw(st.binary(min_size=1, max_size=1))
            case "size":
                content[at : at + 4] = struct.pack("<I", draw(INTERESTING_SIZES))
            case "cut":
                del content[at:]
            case "insert":
                content[at:at] = draw(st.binary(max_size=20))
            case "delete":
                del content[at : at + draw(st.integers(1, 12))]
    return bytes(content)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_raise_nothing_but_media_errors(content: bytes) -> None:
    with stored(content) as path:
        ask_everything(path)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_random_bytes_behind_a_riff_header_raise_nothing_but_media_errors(content: bytes) -> None:
    with stored(b"RIFF\0\0\0\0WAVE" + content) as path:
        ask_everything(path)


@settings(deadline=None, max_examples=400)
@given(mutations())
def test_mutations_of_a_valid_file_raise_nothing_but_media_errors(content: bytes) -> None:
    with stored(content) as path:
        ask_everything(path)


@settings(deadline=None, max_examples=200)
@given(mutations())
def test_no_header_claims_more_audio_than_the_file_holds(content: bytes) -> None:
    with stored(content) as path:
        try:
            info = read_info(path)
        except MediaError:
            return
        assert info.data_bytes <= len(content)


@settings(deadline=None, max_examples=200)
@given(mutations())
def test_repair_succeeds_once_and_for_all_or_changes_nothing(content: bytes) -> None:
    with stored(content) as path:
        try:
            info = repair(path)
        except MediaError:
            assert path.read_bytes() == content
            return
        repaired = path.read_bytes()
        assert repair(path) == info
        assert path.read_bytes() == repaired
        assert not any("size in the header" in line for line in violations(path))


@settings(deadline=None)
@given(st.integers(0, len(AUDIO)), INTERESTING_SIZES, INTERESTING_SIZES)
def test_repair_recovers_what_is_on_disk_whatever_the_sizes_say(
    n_bytes: int, riff_bytes: int, data_bytes: int
) -> None:
    header = bytearray(HEADER)
    header[4:8] = struct.pack("<I", riff_bytes)
    header[-4:] = struct.pack("<I", data_bytes)
    with stored(bytes(header) + AUDIO[:n_bytes]) as path:
        # One byte more than an odd size is that chunk's pad byte by every reading of the standard.
        padded = data_bytes % 2 == 1 and data_bytes + 1 == n_bytes
        expected = n_bytes - 1 if padded else n_bytes
        assert repair(path).n_samples == expected
        assert (
            read_pcm(path).tolist() == alaw_decode(np.frombuffer(AUDIO[:expected], dtype=np.uint8)).tolist()
        )


@settings(deadline=None)
@given(st.lists(st.integers(-32768, 32767), max_size=50))
def test_what_is_written_is_read_back(samples: list[int]) -> None:
    pcm = np.array(samples, dtype=np.int16)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "any.wav"
        write_alaw(path, pcm)
        np.testing.assert_array_equal(read_pcm(path), alaw_decode(alaw_encode(pcm)))
        assert list(Path(directory).iterdir()) == [path]
