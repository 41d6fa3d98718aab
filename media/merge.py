"""Two A-law captures of one call become one file, block by block: a day needs no more memory than 3 s.

The two legs are on one clock: sample n of the result is sample n - offset of each leg. Where a leg has not
begun or is already over, it is silent. Nothing here decides whether a call deserves a recording; that is
`media.recording`.
"""

import os
import struct
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import numpy as np

from media import g711, level, riff, wav
from media.errors import MediaFileError, MediaFormatError
from media.types import SAMPLE_RATE_HZ, Coded8

BLOCK_SAMPLES = 1 << 16
"""8.2 s a block: large enough that the interpreter costs nothing, small enough to forget about."""

SILENT_CODE = 0xD5
"""What an A-law encoder makes of linear 0 (ITU-T G.711, table 1a, with the even bits inverted)."""

_MAX_DATA_BYTES = riff.SIZE_UNKNOWN - 64  # leaves room for the header itself
_WAVE_FORMAT_ALAW = 6  # RFC 2361, annex A


class Layout(Enum):
    """What the merged file looks like."""

    MONO = "mono"
    """The saturating sum of both legs: the service's own format."""

    STEREO = "stereo"
    """Leg A left, leg B right; the quality engineer's format."""


@dataclass(frozen=True)
class Capture:
    """One leg's capture and where it begins on the recording's clock.

    `path` is None for a leg that was never captured: it counts as silence of no length.
    """

    path: Path | None
    offset_samples: int = 0


def end_samples(capture: Capture) -> int:
    """Where a capture ends on the recording's clock, in samples; 0 when it holds no sample.

    Raises:
        MediaFileError: the file cannot be read.
        MediaFormatError: it is not mono A-law at 8000 Hz.
    """
    if capture.path is None:
        return 0
    n_samples = _n_samples(capture.path)
    return capture.offset_samples + n_samples if n_samples else 0


def merge(leg_a: Capture, leg_b: Capture, target: Path, layout: Layout = Layout.MONO) -> int:
    """Write both legs as one A-law WAV at 8000 Hz, streamed; the shorter one is padded with silence.

    Args:
        leg_a, leg_b: captures, mono A-law at 8000 Hz.
        target: appears complete or not at all: written as `<name>.part`, fsynced, renamed. An existing file
            is replaced.
        layout: mono sum or stereo.

    Returns:
        Length of the recording in samples per channel.

    Raises:
        MediaFileError: a capture cannot be read, or the target cannot be written (full disk).
        MediaFormatError: a capture is not mono A-law at 8000 Hz, or the result does not fit into a RIFF file.
    """
    n_samples = max(end_samples(leg_a), end_samples(leg_b))
    with ExitStack() as stack:
        reads = [stack.enter_context(_blocks_of(leg)) for leg in (leg_a, leg_b)]
        if layout is Layout.STEREO:

            def block(start: int, count: int) -> Coded8:
                return np.stack([read(start, count) for read in reads], axis=1).reshape(-1)

        else:

            def block(start: int, count: int) -> Coded8:
                a, b = (read(start, count) for read in reads)
                summed: Coded8 = _SUM[a, b]
                return summed

        _write(target, n_samples, 2 if layout is Layout.STEREO else 1, block)
    return n_samples


def align(leg: Capture, n_samples: int, target: Path) -> None:
    """Write one leg alone, code for code, on the recording's clock, with silence before and after it.

    Args:
        leg: as for `merge`.
        n_samples: length of the result, that of the merged recording, so that the files stay comparable.
        target: written as by `merge`; the same errors.
    """
    with _blocks_of(leg) as read:
        _write(target, n_samples, 1, read)


def _sum_table() -> Coded8:
    """All 65,536 sums of two A-law codes, uint8, shape (256, 256).

    A-law has no zero: its silence decodes to +8, and adding that would push the other leg over a decision
    value wherever it is quiet. So the silent code counts as 0 here, which makes code + silence the same
    code, for all 256.
    """
    linear = g711.alaw_decode(np.arange(256, dtype=np.uint8))
    linear[SILENT_CODE] = 0
    sums = level.mix(np.repeat(linear, 256), np.tile(linear, 256))
    return g711.alaw_encode(sums).reshape(256, 256)


_SUM = _sum_table()


def _n_samples(path: Path) -> int:
    """Length of a capture, checked to be what a leg's recorder writes."""
    info = wav.read_info(path)
    if (info.encoding, info.channels, info.sample_rate_hz) != (wav.Encoding.ALAW, 1, SAMPLE_RATE_HZ):
        raise MediaFormatError(
            f"{path}: a capture is mono A-law at {SAMPLE_RATE_HZ} Hz, not {info.encoding.value} with "
            f"{info.channels} channels at {info.sample_rate_hz} Hz"
        )
    return info.n_samples


@contextmanager
def _blocks_of(leg: Capture) -> Iterator[Callable[[int, int], Coded8]]:
    """A function (start, count) -> codes of one leg on the recording's clock, silence outside the capture."""
    if leg.path is None:
        yield lambda _start, count: np.full(count, SILENT_CODE, dtype=np.uint8)
        return
    n_samples = _n_samples(leg.path)
    with riff.opened(leg.path, "rb") as file:
        first_byte = riff.locate(file, leg.path).data.body_at

        def read(start: int, count: int) -> Coded8:
            codes = np.full(count, SILENT_CODE, dtype=np.uint8)
            begin = max(start, leg.offset_samples)
            end = min(start + count, leg.offset_samples + n_samples)
            if begin < end:
                file.seek(first_byte + begin - leg.offset_samples)
                got = np.frombuffer(file.read(end - begin), dtype=np.uint8)
                codes[begin - start : begin - start + got.size] = got
            return codes

        yield read


def _header(n_samples: int, channels: int) -> bytes:
    """RIFF header of an A-law file, 58 bytes: a coded format needs the extension size in fmt, and fact."""
    n_bytes = n_samples * channels
    fmt = struct.pack(
        "<HHIIHHH", _WAVE_FORMAT_ALAW, channels, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ * channels, channels, 8, 0
    )
    body = (
        struct.pack("<4s4sI", b"WAVE", b"fmt ", len(fmt)) + fmt + struct.pack("<4sII", b"fact", 4, n_samples)
    )
    body += struct.pack("<4sI", b"data", n_bytes)
    return struct.pack("<4sI", b"RIFF", len(body) + n_bytes + n_bytes % 2) + body


def _write(target: Path, n_samples: int, channels: int, block: Callable[[int, int], Coded8]) -> None:
    """Stream blocks into `<target>.part`, then put it in the target's place; a failure leaves nothing."""
    if n_samples * channels > _MAX_DATA_BYTES:
        raise MediaFormatError(
            f"{target}: {n_samples} samples on {channels} channels do not fit into a RIFF file"
        )
    part = target.with_name(target.name + ".part")
    try:
        with part.open("wb") as file:
            file.write(_header(n_samples, channels))
            for start in range(0, n_samples, BLOCK_SAMPLES):
                file.write(block(start, min(BLOCK_SAMPLES, n_samples - start)).tobytes())
            file.write(b"\0" * (n_samples * channels % 2))
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
        sync_directory(target.parent)
    except BaseException as error:
        # Also for an interrupt: half a recording must not wait for someone to mistake it for a whole one.
        with suppress(OSError):
            part.unlink()
        if isinstance(error, OSError):
            raise MediaFileError(f"{target}: cannot write the recording: {error.strerror}") from error
        raise


def sync_directory(directory: Path) -> None:
    """Make a rename in a directory survive a power cut.

    Raises:
        OSError: the directory cannot be opened or synced.
    """
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
