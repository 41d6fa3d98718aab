"""media.merge against a sum made with whole arrays, for any lengths, offsets and block sizes."""

import struct
import tempfile
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from media import g711, merge
from media.merge import SILENT_CODE, Capture, Layout
from media.types import Coded8

LEGS = st.tuples(st.integers(0, 700), st.integers(0, 300), st.integers(0, 2**32 - 1))


def _codes(n_samples: int, seed: int) -> Coded8:
    return np.random.default_rng(seed).integers(0, 256, n_samples, dtype=np.uint8)


def _capture(path: Path, codes: Coded8) -> Path:
    fmt = struct.pack("<HHIIHH", 6, 1, 8000, 8000, 1, 8)
    body = (
        b"WAVEfmt " + struct.pack("<I", 16) + fmt + b"data" + struct.pack("<I", codes.size) + codes.tobytes()
    )
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)
    return path


def _on_clock(codes: Coded8, offset: int, n_samples: int) -> Coded8:
    line = np.full(n_samples, SILENT_CODE, dtype=np.uint8)
    line[offset : offset + codes.size] = codes
    return line


def _linear(codes: Coded8) -> np.ndarray[tuple[int, ...], np.dtype[np.int32]]:
    return np.where(codes == SILENT_CODE, 0, g711.alaw_decode(codes)).astype(np.int32)


@settings(deadline=None, derandomize=True)
@given(a=LEGS, b=LEGS, block=st.integers(1, 400), layout=st.sampled_from(Layout))
def test_streamed_merge_equals_the_sum_of_whole_arrays(
    a: tuple[int, int, int], b: tuple[int, int, int], block: int, layout: Layout
) -> None:
    codes = [_codes(n_samples, seed) for n_samples, _, seed in (a, b)]
    offsets = (a[1], b[1])
    n_samples = max(offset + leg.size if leg.size else 0 for leg, offset in zip(codes, offsets, strict=True))
    lines = [
        _on_clock(leg, offset if leg.size else 0, n_samples)
        for leg, offset in zip(codes, offsets, strict=True)
    ]
    if layout is Layout.STEREO:
        expected = np.column_stack(lines).reshape(-1)
    else:
        summed = np.clip(_linear(lines[0]) + _linear(lines[1]), -32768, 32767).astype(np.int16)
        expected = g711.alaw_encode(summed)
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        legs = [
            Capture(_capture(directory / f"{index}.wav", leg), offset)
            for index, (leg, offset) in enumerate(zip(codes, offsets, strict=True))
        ]
        usual, merge.BLOCK_SAMPLES = merge.BLOCK_SAMPLES, block
        try:
            assert merge.merge(legs[0], legs[1], directory / "m.wav", layout) == n_samples
        finally:
            merge.BLOCK_SAMPLES = usual
        content = (directory / "m.wav").read_bytes()
    assert np.array_equal(np.frombuffer(content[58 : 58 + expected.size], dtype=np.uint8), expected)
    assert struct.unpack("<I", content[54:58])[0] == expected.size
