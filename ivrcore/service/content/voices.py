"""Voice files as customers hand them in: judged property by property, converted where asked for, measured.

The rule (FAQ 6.5): a WAV file in A-law, 8000 Hz, mono, 64 kbit/s, of at most 2 MB, under a name of letters,
digits and `- _ . @`. A silent file is fine: it is how an announcement is suppressed (FAQ 7.5).
"""

import hashlib
import re
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from tempfile import TemporaryDirectory

from media import level, wav
from media.errors import MediaError, MediaFileError
from media.types import SAMPLE_RATE_HZ
from media.wav import SERVICE_MAX_FILE_BYTES

NAME = re.compile(r"[A-Za-z0-9._@-]{1,128}", re.ASCII)

MAX_SOURCE_S = SERVICE_MAX_FILE_BYTES / SAMPLE_RATE_HZ
"""Longer sources cannot become a file of 2 MB, so they are not even decoded."""

HOW_TO_CONVERT = "ivrcore voice import --convert, or convert=true when it is uploaded, makes it right"


class Property(Enum):
    """What of a voice file can be wrong, in the order it is told."""

    NAME = "name"
    CONTAINER = "container"
    ENCODING = "encoding"
    SAMPLE_RATE = "sample rate"
    CHANNELS = "channels"
    BITS = "bits"
    BIT_RATE = "bit rate"
    SIZE = "size"
    HEADER = "header"
    AUDIO = "audio"


@dataclass(frozen=True)
class Violation:
    """A property that breaks the rule, with the value found and the value needed."""

    property: Property
    text: str


@dataclass(frozen=True)
class Verdict:
    """What became of one property of a file; `ok` is None where it could not be looked at."""

    property: Property
    ok: bool | None
    text: str


class VoiceFileError(ValueError):
    """A file that cannot be a voice file; every property that is wrong is in `violations`."""

    def __init__(self, violations: tuple[Violation, ...]) -> None:
        super().__init__("; ".join(violation.text for violation in violations))
        self.violations = violations

    @property
    def could_be_converted(self) -> bool:
        """Whether a conversion may put everything right that is wrong."""
        return all(violation.property is not Property.NAME for violation in self.violations)


@dataclass(frozen=True)
class Prepared:
    """A voice file that keeps the rule, ready to be stored.

    Attributes:
        level_dbm0: active speech level (ITU-T P.56); -inf for silence.
        converted: whether it is another one than what was handed in.
    """

    name: str
    audio: bytes = field(repr=False)
    sha256: str
    duration_ms: int
    level_dbm0: float
    peak_dbm0: float
    converted: bool = False

    @property
    def n_bytes(self) -> int:
        """Length of the file."""
        return len(self.audio)


# The beginnings of what media.wav.violations says.
_BEGINNINGS = {
    "encoding is": Property.ENCODING,
    "sample rate is": Property.SAMPLE_RATE,
    "number of channels is": Property.CHANNELS,
    "bits per sample is": Property.BITS,
    "bit rate is": Property.BIT_RATE,
    "file size is": Property.SIZE,
    "audio is": Property.AUDIO,
}


def violations(path: Path, name: str) -> tuple[Violation, ...]:
    """What keeps a file from being a voice file of this name; empty: nothing.

    Raises:
        MediaFileError: missing, unreadable or not a regular file.
    """
    lines = wav.violations(path)
    other = Property.HEADER if _is_wave(path) else Property.CONTAINER
    found = [*_wrong_name(name), *(Violation(_property_of(line, other), line) for line in lines)]
    return tuple(sorted(found, key=lambda violation: list(Property).index(violation.property)))


def verdicts(path: Path, name: str) -> tuple[Verdict, ...]:
    """One verdict a property, right or wrong.

    Raises:
        MediaFileError: missing, unreadable or not a regular file.
    """
    wrong: dict[Property, list[str]] = {}
    for violation in violations(path, name):
        wrong.setdefault(violation.property, []).append(violation.text)
    right = _found(path, name)
    return tuple(
        Verdict(one, False, "; ".join(wrong[one]))
        if one in wrong
        else Verdict(one, True if one in right else None, right.get(one, "cannot be told"))
        for one in Property
    )


def prepare(audio: bytes, name: str, scratch: Path, *, to_convert: bool = False) -> Prepared:
    """As `prepare_file`, for a file that was uploaded.

    Args:
        scratch: a directory for a moment's files; made if need be.
    """
    with _scratch(scratch) as directory:
        path = Path(directory) / "uploaded"
        path.write_bytes(audio)
        return prepare_file(path, name, scratch, to_convert=to_convert)


def prepare_file(path: Path, name: str, scratch: Path, *, to_convert: bool = False) -> Prepared:
    """Judge a file, convert it where asked for and needed, and measure what is to be stored.

    Takes a moment of one core: not for the reactor's thread.

    Raises:
        VoiceFileError: what is wrong, also after the conversion; or it cannot be converted.
        MediaFileError: missing, unreadable or not a regular file; the disk refuses.
    """
    wrong = violations(path, name)
    named_badly = any(violation.property is Property.NAME for violation in wrong)
    if wrong and (named_badly or not to_convert):
        raise VoiceFileError(wrong)
    if not wrong:
        return _measured(path, name, converted=False)
    with _scratch(scratch) as directory:
        target = Path(directory) / "converted.wav"
        _convert(path, target)
        left = violations(target, name)
        if left:
            raise VoiceFileError(left)
        return _measured(target, name, converted=True)


def _convert(source: Path, target: Path) -> None:
    import soundfile  # needed by conversions alone, as is media.convert

    from media import convert

    try:
        duration_s = float(soundfile.info(source).duration)
    except (soundfile.SoundFileError, OSError, TypeError):
        duration_s = 0.0  # media.convert knows more formats than this, and says what is wrong with the rest
    if duration_s > MAX_SOURCE_S:
        text = f"audio is {duration_s:.0f} s long, at most {MAX_SOURCE_S:.0f} s fit into a file of 2 MB"
        raise VoiceFileError((Violation(Property.SIZE, text),))
    try:
        convert.to_alaw_wav(source, target)
    except MediaError as error:
        # The path is a temporary one of ours, and means nothing to who uploaded.
        text = " ".join(str(error).replace(str(source), "the file").split())
        raise VoiceFileError((Violation(Property.CONTAINER, text),)) from error


def _measured(path: Path, name: str, *, converted: bool) -> Prepared:
    audio = path.read_bytes()
    pcm = wav.read_pcm(path)
    return Prepared(
        name=name,
        audio=audio,
        sha256=hashlib.sha256(audio).hexdigest(),
        duration_ms=round(pcm.size * 1000 / SAMPLE_RATE_HZ),
        level_dbm0=level.active_level_dbm0(pcm),
        peak_dbm0=level.peak_dbm0(pcm),
        converted=converted,
    )


def _scratch(parent: Path) -> TemporaryDirectory[str]:
    try:
        parent.mkdir(parents=True, exist_ok=True)
        return TemporaryDirectory(dir=parent, prefix="voice-")
    except OSError as error:
        raise MediaFileError(f"{parent}: {error.strerror}") from error


def _wrong_name(name: str) -> list[Violation]:
    if NAME.fullmatch(name):
        return []
    text = f"name is {name!r}, must be 1 to 128 letters, digits, or - _ . @"
    return [Violation(Property.NAME, text)]


def _property_of(line: str, other: Property) -> Property:
    return next((found for start, found in _BEGINNINGS.items() if line.startswith(start)), other)


def _is_wave(path: Path) -> bool:
    try:
        wav.read_info(path)
    except MediaFileError:
        return False
    return True


def _found(path: Path, name: str) -> dict[Property, str]:
    """What the right properties are, as far as the file tells."""
    told = {Property.NAME: name, Property.SIZE: f"{path.stat().st_size} bytes"}
    try:
        info = wav.read_info(path)
    except MediaFileError:
        return told
    return told | {
        Property.CONTAINER: "RIFF WAVE",
        Property.ENCODING: info.encoding.value,
        Property.SAMPLE_RATE: f"{info.sample_rate_hz} Hz",
        Property.CHANNELS: f"{info.channels}",
        Property.BITS: f"{info.bits_per_sample}",
        Property.BIT_RATE: "64 kbit/s",
        Property.HEADER: "sizes are those of the file",
        Property.AUDIO: f"{info.duration_s:.2f} s",
    }
