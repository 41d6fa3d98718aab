"""The RIFF container of a WAV file: where its chunks are, and which of its sizes are true.

Knows chunk names and lengths only; what the fmt chunk means is `media.wav`'s business. Only headers are read,
so that a recording of any length is looked through in a few reads.

Source: Microsoft/IBM Multimedia Programming Interface and Data Specifications 1.0, chapter 2 (RIFF).
"""

import os
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal

from media.errors import MediaFileError

StrPath = str | os.PathLike[str]

RIFF_HEADER_BYTES = 12
CHUNK_HEADER_BYTES = 8
FMT_MIN_BYTES = 16
SIZE_UNKNOWN = 0xFFFFFFFF
"""The size that streaming writers put into a header they cannot complete; no true size reaches it."""

_MAX_CHUNKS = 1000  # a file of nothing but empty chunks must not keep us for minutes
_FMT_EXTENSIBLE_BYTES = 40  # the longest fmt chunk with a meaning


class ContainerError(MediaFileError):
    """The bytes are no WAV file; `reason` is the sentence without the file's name."""

    def __init__(self, path: StrPath, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.reason = reason


@dataclass(frozen=True)
class Chunk:
    """One chunk as its header declares it, which may reach beyond the end of the file."""

    name: bytes
    body_at: int
    declared_bytes: int

    @property
    def size_at(self) -> int:
        """Offset of the chunk's own size field."""
        return self.body_at - 4

    @property
    def next_at(self) -> int:
        """Offset of what follows, a chunk of odd length being padded with one byte."""
        return self.body_at + self.declared_bytes + self.declared_bytes % 2


@dataclass(frozen=True)
class WaveLayout:
    """Where things are in one WAV file.

    `data_bytes` is the true length of the audio; `lies` has a sentence for each false size in the header.
    `chunks_follow` is True if the data chunk ends where its header says and only whole chunks come after it.
    """

    file_bytes: int
    fmt_body: bytes
    fact: Chunk | None
    data: Chunk
    data_bytes: int
    chunks_follow: bool
    lies: tuple[str, ...]


@contextmanager
def opened(path: StrPath, mode: Literal["rb", "r+b"]) -> Iterator[BinaryIO]:
    """The open file; whatever the operating system refuses, in the block too, becomes a `MediaFileError`."""
    try:
        # Asked before opening, because opening a named pipe would block until somebody writes to it.
        is_file = stat.S_ISREG(Path(path).stat().st_mode)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        raise MediaFileError(f"{path}: {reason_of(error)}") from error
    if not is_file:
        raise MediaFileError(f"{path}: is not a regular file")
    try:
        with Path(path).open(mode) as file:
            yield file
    except OSError as error:
        raise MediaFileError(f"{path}: {reason_of(error)}") from error


def reason_of(error: OSError | ValueError) -> str:
    """What the operating system says, without the number and the path."""
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)


def length_bytes(file: BinaryIO) -> int:
    """Length of an open file; leaves the position at its end."""
    return file.seek(0, os.SEEK_END)


def locate(file: BinaryIO, path: StrPath) -> WaveLayout:
    """Find the fmt, fact and data chunks.

    Raises:
        ContainerError: not RIFF WAVE, no data chunk, or no sufficient fmt chunk before it.
    """
    file_bytes = length_bytes(file)
    file.seek(0)
    header = file.read(RIFF_HEADER_BYTES)
    fault = _fault_of_header(header)
    if fault:
        raise ContainerError(path, fault)
    found: dict[bytes, Chunk] = {}
    for chunk in _chunks(file, RIFF_HEADER_BYTES, file_bytes):
        found.setdefault(chunk.name, chunk)
        if chunk.name == b"data":
            break
    fmt, data = found.get(b"fmt "), found.get(b"data")
    if data is None:
        raise ContainerError(path, "container has no data chunk, must have one")
    if fmt is None:
        raise ContainerError(path, "container has no fmt chunk before its data chunk, must have one")
    if fmt.declared_bytes < FMT_MIN_BYTES:
        raise ContainerError(
            path, f"container has a fmt chunk of {fmt.declared_bytes} bytes, must be at least {FMT_MIN_BYTES}"
        )
    file.seek(fmt.body_at)
    fmt_body = file.read(min(fmt.declared_bytes, _FMT_EXTENSIBLE_BYTES))
    chunks_follow = _only_chunks_follow(file, data, file_bytes)
    data_bytes, data_lie = _true_data_bytes(data, file_bytes, chunks_follow)
    riff_bytes = int.from_bytes(header[4:8], "little")
    lies = []
    # Off by one is the pad byte of an odd chunk, which many writers count wrongly or leave out.
    if abs(riff_bytes - (file_bytes - 8)) > 1:
        lies.append(f"RIFF size in the header is {riff_bytes} bytes, must be {file_bytes - 8} bytes")
    if data_lie:
        lies.append(data_lie)
    return WaveLayout(
        file_bytes=file_bytes,
        fmt_body=fmt_body,
        fact=found.get(b"fact"),
        data=data,
        data_bytes=data_bytes,
        chunks_follow=chunks_follow,
        lies=tuple(lies),
    )


def _fault_of_header(header: bytes) -> str:
    """Why these first 12 bytes do not start a WAV file; empty if they do."""
    kind, form = header[:4], header[8:12]
    if not header:
        return "container is empty (0 bytes), must be a RIFF WAVE file"
    if kind in (b"RIFX", b"RF64", b"BW64"):
        return f"container is {kind.decode()}, must be RIFF"
    if kind != b"RIFF":
        return "container is not RIFF, must be a RIFF WAVE file"
    if len(header) < RIFF_HEADER_BYTES:
        return f"container is cut short after {len(header)} bytes, must be a RIFF WAVE file"
    if form != b"WAVE":
        return f"container is RIFF of form {ascii(form)[1:]}, must be RIFF WAVE"
    return ""


def _chunks(file: BinaryIO, at: int, file_bytes: int) -> Iterator[Chunk]:
    """Chunks from `at` on whose header is whole; ends at the first bytes that cannot be a chunk."""
    for _ in range(_MAX_CHUNKS):
        if at + CHUNK_HEADER_BYTES > file_bytes:
            return
        file.seek(at)
        name, declared_bytes = struct.unpack("<4sI", file.read(CHUNK_HEADER_BYTES))
        if not all(0x20 <= byte <= 0x7E for byte in name):
            return
        chunk = Chunk(name, at + CHUNK_HEADER_BYTES, declared_bytes)
        yield chunk
        at = chunk.next_at


def _only_chunks_follow(file: BinaryIO, data: Chunk, file_bytes: int) -> bool:
    """True if nothing but whole chunks, or nothing at all, stands between `data` and the end of the file."""
    last = data
    for chunk in _chunks(file, data.next_at, file_bytes):
        last = chunk
    # The pad byte of an odd last chunk may be missing.
    return last.body_at + last.declared_bytes <= file_bytes <= last.next_at


def _true_data_bytes(data: Chunk, file_bytes: int, chunks_follow: bool) -> tuple[int, str]:
    """How much audio there is, and the sentence to say if the header has another number."""
    declared, available = data.declared_bytes, file_bytes - data.body_at
    if chunks_follow:
        return declared, ""
    lie = f"data size in the header is {declared} bytes, must be {available} bytes"
    if declared in (0, SIZE_UNKNOWN):
        return available, f"{lie} (the header was never completed)"
    if declared > available:
        return available, f"{lie} (the file is cut short)"
    # Which of the two is wrong cannot be known; the header's number is the safe one to play.
    return declared, f"{lie} ({available - declared} bytes after it belong to no chunk)"
