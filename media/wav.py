"""WAV files of the telephone side: read, judged, written and repaired.

Read are mono 8000 Hz A-law, mu-law and 16-bit PCM; written is A-law alone, the format of every prompt and
recording. The chunks are found by `media.riff` because the standard library's `wave` refuses A-law.
Resampling and other containers are left to `media.convert`.

A header that lies is believed no further than the file goes: sizes beyond the end of the file are clipped,
and a data chunk that was never completed (size 0 or 0xFFFFFFFF with bytes following, as a killed recorder
leaves it) reaches to the end of the file. `violations` names every such lie; `repair` writes the true sizes.

Source: Microsoft/IBM Multimedia Programming Interface 1.0 (WAVE), RFC 2361 (format tags).
"""

import os
import struct
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import BinaryIO

import numpy as np

from media import riff
from media.errors import MediaFileError, MediaFormatError
from media.g711 import alaw_decode, alaw_encode, ulaw_decode
from media.riff import StrPath, WaveLayout
from media.types import SAMPLE_RATE_HZ, Pcm16

SERVICE_BIT_RATE_BPS = 64_000
SERVICE_MAX_FILE_BYTES = 2 * 1024 * 1024
"""The service's "2 MB": binary megabytes, of the whole file with its header."""


class Encoding(Enum):
    """How the samples of a WAV file are coded; the value is the name for a person."""

    PCM = "PCM"
    ALAW = "A-law"
    ULAW = "mu-law"
    OTHER = "other"


@dataclass(frozen=True)
class WavInfo:
    """What a WAV file says of itself, with the sizes corrected by the length of the file.

    For `Encoding.OTHER` the number of samples is estimated from the byte rate of the header.
    """

    encoding: Encoding
    sample_rate_hz: int
    channels: int
    bits_per_sample: int
    data_bytes: int
    n_samples: int
    duration_s: float


_TAG_PCM, _TAG_ALAW, _TAG_ULAW, _TAG_EXTENSIBLE = 0x0001, 0x0006, 0x0007, 0xFFFE
_ENCODING_OF_TAG = {_TAG_PCM: Encoding.PCM, _TAG_ALAW: Encoding.ALAW, _TAG_ULAW: Encoding.ULAW}
_NAME_OF_TAG = {
    0x0002: "Microsoft ADPCM",
    0x0003: "IEEE float",
    0x0011: "IMA ADPCM",
    0x0031: "GSM 06.10",
    0x0055: "MPEG layer 3",
}
_ALAW_HEADER_BYTES = 58  # RIFF 12, fmt 8 + 18, fact 8 + 4, data 8: what `write_alaw` puts before the audio
# WAVE_FORMAT_EXTENSIBLE: the format tag is the start of a GUID that ends in these 14 bytes.
_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")


@dataclass(frozen=True)
class _Format:
    """The fields of a fmt chunk."""

    tag: int
    channels: int
    sample_rate_hz: int
    byte_rate: int
    bits_per_sample: int

    @property
    def encoding(self) -> Encoding:
        return _ENCODING_OF_TAG.get(self.tag, Encoding.OTHER)

    @property
    def encoding_name(self) -> str:
        if self.encoding is Encoding.OTHER:
            return _NAME_OF_TAG.get(self.tag, f"format tag 0x{self.tag:04x}")
        return str(self.encoding.value)

    @property
    def frame_bytes(self) -> int:
        """Bytes of one sample of all channels; 0 where samples have no fixed size."""
        match self.encoding:
            case Encoding.ALAW | Encoding.ULAW:
                return self.channels
            case Encoding.PCM:
                return self.channels * ((self.bits_per_sample + 7) // 8)
            case Encoding.OTHER:
                return 0

    def n_samples(self, data_bytes: int) -> int:
        if self.frame_bytes:
            return data_bytes // self.frame_bytes
        return data_bytes * self.sample_rate_hz // self.byte_rate if self.byte_rate else 0


def read_info(path: StrPath) -> WavInfo:
    """Properties of a WAV file of any encoding; reads its headers only.

    Raises:
        MediaFileError: missing, unreadable, not a regular file, or no RIFF WAVE file with fmt and data chunk.
    """
    with riff.opened(path, "rb") as file:
        return _info(riff.locate(file, path))


def read_pcm(path: StrPath) -> Pcm16:
    """Samples of a mono 8000 Hz file in A-law, mu-law or 16-bit PCM.

    A file cut short gives what is there; a data chunk of no bytes gives an empty array.

    Returns:
        int16, shape (n_samples,), a new array.

    Raises:
        MediaFormatError: a property is another one; the text names each.
        MediaFileError: as for `read_info`.
    """
    with riff.opened(path, "rb") as file:
        layout = riff.locate(file, path)
        fmt = _parse_format(layout.fmt_body)
        wrong = _unreadable_properties(fmt)
        if wrong:
            raise MediaFormatError(f"{path}: {'; '.join(wrong)}")
        file.seek(layout.data.body_at)
        data = file.read(layout.data_bytes)
    if fmt.encoding is Encoding.PCM:
        return np.frombuffer(data, dtype="<i2", count=len(data) // 2).astype(np.int16)
    codes = np.frombuffer(data, dtype=np.uint8)
    return alaw_decode(codes) if fmt.encoding is Encoding.ALAW else ulaw_decode(codes)


def write_alaw(path: StrPath, pcm: Pcm16) -> None:
    """Write mono 8000 Hz A-law, whole or not at all.

    The file grows under its name with `.part` appended, is synced and renamed, and the directory synced:
    whoever sees the name sees the whole file, even after a power cut. An error leaves no `.part` behind, and
    an older file under `path` as it was.

    Args:
        path: target; an existing file is replaced.
        pcm: mono samples at 8000 Hz, int16, shape (n_samples,), n_samples may be 0; not modified.

    Raises:
        MediaFormatError: wrong dtype or shape, or too long for a RIFF file (4 GiB).
        MediaFileError: the file cannot be written.
    """
    codes = alaw_encode(pcm).tobytes()
    if len(codes) + _ALAW_HEADER_BYTES >= riff.SIZE_UNKNOWN:
        raise MediaFormatError(f"audio is {len(codes)} samples long, must fit a WAV file of under 4 GiB")
    # All but PCM have the size of an extension (0) in fmt, and a fact chunk with the number of samples.
    fmt = struct.pack("<HHIIHHH", _TAG_ALAW, 1, SAMPLE_RATE_HZ, SAMPLE_RATE_HZ, 1, 8, 0)
    chunks = _chunk(b"fmt ", fmt) + _chunk(b"fact", struct.pack("<I", len(codes))) + _chunk(b"data", codes)
    _write_atomically(Path(path), _chunk(b"RIFF", b"WAVE" + chunks))


def violations(path: StrPath) -> tuple[str, ...]:
    """What keeps a file from being a prompt of the service: A-law, 8000 Hz, mono, 64 kbit/s, at most 2 MB.

    Returns:
        One line a property, each with the value found and the value needed, in this order: container,
        encoding, sample rate, channels, bits, bit rate, size, false header sizes, no audio. Empty: usable.

    Raises:
        MediaFileError: missing, unreadable or not a regular file. Anything wrong inside the file is a line.
    """
    with riff.opened(path, "rb") as file:
        oversize = _oversize(riff.length_bytes(file))
        try:
            layout = riff.locate(file, path)
        except riff.ContainerError as error:
            return (error.reason, *oversize)
    fmt = _parse_format(layout.fmt_body)
    wrong = []
    if fmt.encoding is not Encoding.ALAW:
        wrong.append(f"encoding is {fmt.encoding_name}, must be A-law")
    wrong += _wrong_rate_and_channels(fmt)
    if fmt.bits_per_sample != 8:
        wrong.append(f"bits per sample is {fmt.bits_per_sample}, must be 8")
    if fmt.byte_rate * 8 != SERVICE_BIT_RATE_BPS:
        bit_rate = f"{fmt.byte_rate * 8 / 1000:.10g} kbit/s"
        wrong.append(f"bit rate is {bit_rate}, must be {SERVICE_BIT_RATE_BPS // 1000} kbit/s")
    wrong += oversize
    wrong += layout.lies
    if fmt.n_samples(layout.data_bytes) == 0:
        wrong.append("audio is 0 samples long, must be at least 1")
    return tuple(wrong)


def validate(path: StrPath) -> None:
    """Raise unless `violations` finds nothing.

    Raises:
        MediaFormatError: the text names every offending property.
        MediaFileError: missing, unreadable or not a regular file.
    """
    wrong = violations(path)
    if wrong:
        raise MediaFormatError(f"{path}: {'; '.join(wrong)}")


def repair(path: StrPath) -> WavInfo:
    """Write the true sizes into the header of a capture whose writer was killed, in place and synced.

    The audio reaches to the end of the file, unless the data chunk is followed by whole chunks. Only the
    RIFF, data and fact sizes change, and only where they are wrong; the audio never moves, so that a repair
    can be repeated, even one that was itself cut off. Half a sample at the end of 16-bit PCM is cut away.

    Returns:
        The properties after the repair.

    Raises:
        MediaFormatError: samples have no fixed size in this encoding, or the file is too long for RIFF sizes.
        MediaFileError: nothing to recover (empty, shorter than a header, header never written, not RIFF WAVE,
            no fmt or data chunk), or the file cannot be written.
    """
    with riff.opened(path, "r+b") as file:
        _refuse_missing_header(file, path)
        layout = riff.locate(file, path)
        fmt = _parse_format(layout.fmt_body)
        if fmt.frame_bytes == 0:
            raise MediaFormatError(
                f"{path}: encoding is {fmt.encoding_name} with {fmt.channels} channels, "
                "must be one with samples of a fixed size"
            )
        file_bytes, data_bytes = layout.file_bytes, layout.data_bytes
        if not layout.chunks_follow:
            available = file_bytes - layout.data.body_at
            data_bytes = available - available % fmt.frame_bytes
            file_bytes = layout.data.body_at + data_bytes
        if file_bytes - 8 >= riff.SIZE_UNKNOWN:
            raise MediaFormatError(f"{path}: file size is {file_bytes} bytes, must be under 4 GiB")
        sizes = {4: file_bytes - 8, layout.data.size_at: data_bytes}
        if layout.fact is not None and layout.fact.declared_bytes >= 4:
            sizes[layout.fact.body_at] = data_bytes // fmt.frame_bytes
        for at, size in sizes.items():
            _correct_size(file, at, size)
        file.truncate(file_bytes)
        file.flush()
        os.fsync(file.fileno())
        return _info(riff.locate(file, path))


def _parse_format(body: bytes) -> _Format:
    """The fields of a fmt chunk's body of at least 16 bytes."""
    tag, channels, sample_rate_hz, byte_rate, _, bits_per_sample = struct.unpack_from("<HHIIHH", body)
    if tag == _TAG_EXTENSIBLE and body[26:40] == _SUBFORMAT_TAIL:
        tag = int.from_bytes(body[24:26], "little")
    return _Format(tag, channels, sample_rate_hz, byte_rate, bits_per_sample)


def _info(layout: WaveLayout) -> WavInfo:
    fmt = _parse_format(layout.fmt_body)
    n_samples = fmt.n_samples(layout.data_bytes)
    return WavInfo(
        encoding=fmt.encoding,
        sample_rate_hz=fmt.sample_rate_hz,
        channels=fmt.channels,
        bits_per_sample=fmt.bits_per_sample,
        data_bytes=layout.data_bytes,
        n_samples=n_samples,
        duration_s=n_samples / fmt.sample_rate_hz if fmt.sample_rate_hz else 0.0,
    )


def _wrong_rate_and_channels(fmt: _Format) -> list[str]:
    wrong = []
    if fmt.sample_rate_hz != SAMPLE_RATE_HZ:
        wrong.append(f"sample rate is {fmt.sample_rate_hz} Hz, must be {SAMPLE_RATE_HZ} Hz")
    if fmt.channels != 1:
        wrong.append(f"number of channels is {fmt.channels}, must be 1 (mono)")
    return wrong


def _unreadable_properties(fmt: _Format) -> list[str]:
    """What `read_pcm` cannot read, which is less than the service refuses."""
    wrong = []
    if fmt.encoding is Encoding.OTHER:
        wrong.append(f"encoding is {fmt.encoding_name}, must be A-law, mu-law or PCM")
    wrong += _wrong_rate_and_channels(fmt)
    needed_bits = {Encoding.PCM: 16, Encoding.ALAW: 8, Encoding.ULAW: 8}.get(fmt.encoding)
    if needed_bits is not None and fmt.bits_per_sample != needed_bits:
        wrong.append(f"bits per sample is {fmt.bits_per_sample}, must be {needed_bits}")
    return wrong


def _oversize(file_bytes: int) -> list[str]:
    if file_bytes <= SERVICE_MAX_FILE_BYTES:
        return []
    return [f"file size is {file_bytes} bytes, must be at most {SERVICE_MAX_FILE_BYTES} bytes (2 MB)"]


def _chunk(name: bytes, body: bytes) -> bytes:
    return struct.pack("<4sI", name, len(body)) + body + b"\0" * (len(body) % 2)


def _write_atomically(target: Path, content: bytes) -> None:
    part = Path(f"{target}.part")
    try:
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(target)
        directory = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(directory)  # or the new name could be lost with the power
        finally:
            os.close(directory)
    except (OSError, ValueError) as error:
        _remove_quietly(part)
        raise MediaFileError(f"{target}: {riff.reason_of(error)}") from error
    except BaseException:
        _remove_quietly(part)
        raise


def _remove_quietly(part: Path) -> None:
    # The error that brought us here is the one to report.
    with suppress(OSError, ValueError):
        part.unlink()


def _refuse_missing_header(file: BinaryIO, path: StrPath) -> None:
    """Say plainly that nothing can be repaired where the writer never got as far as its header."""
    smallest = riff.RIFF_HEADER_BYTES + 2 * riff.CHUNK_HEADER_BYTES + riff.FMT_MIN_BYTES
    file_bytes = riff.length_bytes(file)
    file.seek(0)
    start = file.read(smallest)
    if not start:
        raise MediaFileError(f"{path}: is empty, its writer ended before the header reached the disk")
    if not any(start):
        raise MediaFileError(
            f"{path}: header is all zeros, its writer ended before the header reached the disk"
        )
    if file_bytes < smallest:
        raise MediaFileError(
            f"{path}: is {file_bytes} bytes long, too short for a WAV header ({smallest} bytes)"
        )


def _correct_size(file: BinaryIO, at: int, size: int) -> None:
    value = struct.pack("<I", size)
    file.seek(at)
    if file.read(4) != value:
        file.seek(at)
        file.write(value)
