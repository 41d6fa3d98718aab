"""Voice files: each property that can be wrong is refused by its name, and a conversion puts it right."""

import hashlib
import io
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile

from ivrcore.service.content.voices import (
    MAX_SOURCE_S,
    Prepared,
    Property,
    VoiceFileError,
    prepare,
    prepare_file,
    verdicts,
    violations,
)
from media import wav
from media.errors import MediaFileError
from media.types import Pcm16
from media.wav import SERVICE_MAX_FILE_BYTES

NAME = "wait_voice-1@lab.wav"


def tone(seconds: float = 1.0, rate_hz: int = 8000, amplitude: float = 8000.0) -> Pcm16:
    """A sine of 440 Hz."""
    return np.rint(amplitude * np.sin(2 * np.pi * 440 * np.arange(int(seconds * rate_hz)) / rate_hz)).astype(
        np.int16
    )


def riff(tag: int, rate_hz: int, channels: int, bits: int, data: bytes) -> bytes:
    """A WAV file with the header one asks for."""
    frame = channels * bits // 8
    fmt = struct.pack("<HHIIHH", tag, channels, rate_hz, rate_hz * frame, frame, bits)
    body = b"WAVEfmt " + struct.pack("<I", len(fmt)) + fmt + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def alaw(n_samples: int = 8000) -> bytes:
    """A right one."""
    return riff(6, 8000, 1, 8, bytes([0xD5, 0x35]) * (n_samples // 2))


def pcm16(seconds: float = 1.0, rate_hz: int = 8000, channels: int = 1) -> bytes:
    """16-bit PCM."""
    file = io.BytesIO()
    with wave.open(file, "wb") as out:
        out.setnchannels(channels)
        out.setsampwidth(2)
        out.setframerate(rate_hz)
        out.writeframes(np.repeat(tone(seconds, rate_hz), channels).astype("<i2").tobytes())
    return file.getvalue()


def of_size(n_bytes: int) -> bytes:
    """A right file of a size, header and all."""
    header = len(alaw(0))
    return riff(6, 8000, 1, 8, b"\xd5" * (n_bytes - header))


def lying(size_at: int) -> bytes:
    """A header with a false size at an offset."""
    audio = bytearray(alaw())
    audio[size_at : size_at + 4] = struct.pack("<I", 4000)
    return bytes(audio)


# 44 bytes of header: RIFF size at 4, data size at 40.
DEFECTS: dict[str, tuple[bytes, set[Property]]] = {
    "24 kHz": (riff(6, 24000, 1, 8, b"\xd5" * 24000), {Property.SAMPLE_RATE, Property.BIT_RATE}),
    "stereo": (riff(6, 8000, 2, 8, b"\xd5" * 16000), {Property.CHANNELS, Property.BIT_RATE}),
    "mu-law": (riff(7, 8000, 1, 8, b"\xff" * 8000), {Property.ENCODING}),
    "16 bit": (pcm16(), {Property.ENCODING, Property.BITS, Property.BIT_RATE}),
    "2 MB and a byte": (of_size(SERVICE_MAX_FILE_BYTES + 1), {Property.SIZE}),
    "truncated": (alaw()[:-3000], {Property.HEADER}),
    "cut in its header": (alaw()[:30], {Property.CONTAINER}),
    "RIFF size lies": (lying(4), {Property.HEADER}),
    "not a WAV": (b"ID3\x04" + bytes(5000), {Property.CONTAINER}),
    "empty": (b"", {Property.CONTAINER}),
    "no audio": (alaw(0), {Property.AUDIO}),
    "everything": (
        pcm16(1, 24000, 2),
        {Property.ENCODING, Property.SAMPLE_RATE, Property.CHANNELS, Property.BITS, Property.BIT_RATE},
    ),
}


@pytest.mark.parametrize(("audio", "wrong"), DEFECTS.values(), ids=DEFECTS)
def test_a_defect_is_refused_with_its_property_named(
    audio: bytes, wrong: set[Property], tmp_path: Path
) -> None:
    with pytest.raises(VoiceFileError) as refused:
        prepare(audio, NAME, tmp_path)
    assert {violation.property for violation in refused.value.violations} == wrong
    for violation in refused.value.violations:
        assert violation.text in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_a_data_size_that_lies_is_named(tmp_path: Path) -> None:
    with pytest.raises(VoiceFileError, match="data") as refused:
        prepare(lying(40), NAME, tmp_path)
    assert {violation.property for violation in refused.value.violations} == {Property.HEADER}


@pytest.mark.parametrize(
    "name",
    [
        "wait voice.wav",
        "",
        "a/b.wav",
        "等待.wav",
        "a" * 129,
        "a.wav\n",
        "a\0.wav",
        "ａ.wav",
        "a+b.wav",
        "a\\b",
    ],
)
def test_a_name_of_other_characters_is_refused(name: str, tmp_path: Path) -> None:
    for to_convert in (False, True):
        with pytest.raises(VoiceFileError) as refused:
            prepare(alaw(), name, tmp_path, to_convert=to_convert)
        assert [violation.property for violation in refused.value.violations] == [Property.NAME]
        assert not refused.value.could_be_converted


@pytest.mark.parametrize("name", ["a", "A-b_c.d@e.wav", "9", "a" * 128])
def test_a_name_of_letters_digits_and_four_marks_is_taken(name: str, tmp_path: Path) -> None:
    assert prepare(alaw(), name, tmp_path).name == name


def test_name_and_format_are_told_together(tmp_path: Path) -> None:
    with pytest.raises(VoiceFileError) as refused:
        prepare(DEFECTS["mu-law"][0], "a b.wav", tmp_path)
    assert [v.property for v in refused.value.violations] == [Property.NAME, Property.ENCODING]


def test_a_file_of_exactly_2_mb_is_taken(tmp_path: Path) -> None:
    assert prepare(of_size(SERVICE_MAX_FILE_BYTES), NAME, tmp_path).n_bytes == SERVICE_MAX_FILE_BYTES


def test_a_right_file_is_kept_byte_for_byte_and_measured(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    wav.write_alaw(path, tone(2.0))
    audio = path.read_bytes()
    for to_convert in (False, True):
        prepared = prepare(audio, NAME, tmp_path, to_convert=to_convert)
        assert prepared.audio == audio
        assert prepared.sha256 == hashlib.sha256(audio).hexdigest()
        assert (prepared.n_bytes, prepared.duration_ms, prepared.converted) == (len(audio), 2000, False)
        # A sine of amplitude 8000: 20 log10(8000 / 32768) + 3.14 = -9.11 dBm0; A-law adds a little.
        assert prepared.level_dbm0 == pytest.approx(-9.11, abs=0.1)
        assert prepared.peak_dbm0 == pytest.approx(-9.11, abs=0.3)


def test_silence_is_a_voice_file(tmp_path: Path) -> None:
    path = tmp_path / "silence.wav"
    wav.write_alaw(path, np.zeros(8000, np.int16))
    assert prepare_file(path, NAME, tmp_path).level_dbm0 < -60


@pytest.mark.parametrize(
    "audio",
    [pcm16(1, 24000, 2), pcm16(), DEFECTS["mu-law"][0], DEFECTS["truncated"][0], lying(40)],
    ids=["24 kHz stereo", "16 bit", "mu-law", "truncated", "header lies"],
)
def test_a_conversion_puts_it_right(audio: bytes, tmp_path: Path) -> None:
    prepared = prepare(audio, NAME, tmp_path, to_convert=True)
    assert prepared.converted
    out = tmp_path / "out.wav"
    out.write_bytes(prepared.audio)
    assert violations(out, NAME) == ()


def test_a_conversion_takes_other_containers_and_levels_them(tmp_path: Path) -> None:
    path = tmp_path / "speech.flac"
    soundfile.write(path, tone(1.0, 16000, 500.0) / 32768, 16000)
    prepared = prepare_file(path, NAME, tmp_path, to_convert=True)
    assert prepared.level_dbm0 == pytest.approx(-16.0, abs=0.3)
    assert prepared.duration_ms == 1000


def test_what_is_too_long_for_2_mb_is_not_even_decoded(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.flac"
    soundfile.write(path, np.zeros(int((MAX_SOURCE_S + 1) * 8000), np.int16), 8000)
    monkeypatch.setattr("media.convert.to_alaw_wav", lambda *_: pytest.fail("decoded"))
    with pytest.raises(VoiceFileError, match="263 s long, at most 262 s fit") as refused:
        prepare_file(path, NAME, tmp_path, to_convert=True)
    assert refused.value.violations[0].property is Property.SIZE


@pytest.mark.parametrize("audio", [b"", b"no audio at all" * 100], ids=["empty", "text"])
def test_what_cannot_be_converted_is_refused_without_a_path_of_ours(audio: bytes, tmp_path: Path) -> None:
    with pytest.raises(VoiceFileError) as refused:
        prepare(audio, NAME, tmp_path, to_convert=True)
    assert refused.value.violations[0].property is Property.CONTAINER
    assert str(tmp_path) not in str(refused.value)
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_another_error(tmp_path: Path) -> None:
    with pytest.raises(MediaFileError):
        prepare_file(tmp_path / "none.wav", NAME, tmp_path)
    with pytest.raises(MediaFileError):
        verdicts(tmp_path, NAME)


def test_a_scratch_directory_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(MediaFileError, match="scratch"):
        prepare(alaw(), NAME, tmp_path / "file" / "scratch")


def test_every_property_has_a_verdict(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    path.write_bytes(alaw())
    told = verdicts(path, NAME)
    assert [verdict.property for verdict in told] == list(Property)
    assert all(verdict.ok for verdict in told)
    path.write_bytes(DEFECTS["everything"][0])
    wrong = {verdict.property for verdict in verdicts(path, "a b") if verdict.ok is False}
    assert wrong == {Property.NAME, *DEFECTS["everything"][1]}


def test_what_no_header_tells_has_no_verdict(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    path.write_bytes(DEFECTS["not a WAV"][0])
    told = {verdict.property: verdict.ok for verdict in verdicts(path, NAME)}
    assert told[Property.CONTAINER] is False
    assert told[Property.SIZE] is True
    assert told[Property.ENCODING] is None


def test_no_repr_holds_the_audio() -> None:
    assert "audio" not in repr(Prepared(NAME, b"0123", "0" * 64, 1, 0.0, 0.0))


@pytest.mark.parametrize("make", [lambda: alaw(), lambda: pcm16()], ids=["right", "wrong"])
def test_nothing_is_left_in_the_scratch_directory(make: Callable[[], bytes], tmp_path: Path) -> None:
    prepare(make(), NAME, tmp_path / "deep" / "scratch", to_convert=True)
    assert not list((tmp_path / "deep" / "scratch").iterdir())
