"""Which file is played in a notification and in a verification, judged before the call."""

from pathlib import Path

import numpy as np
import pytest

from ivrcore import spoken_code
from ivrcore.contents import Text
from ivrcore.events import Content, Spoken
from ivrcore.request import VerificationRequest
from ivrcore.sounds import ToneFiles, sounds_for_notification, sounds_for_verification
from media.errors import MediaFileError, MediaFormatError, SpeechError
from media.speech.testing import HumEngine
from media.speech.voice import ENGLISH, MANDARIN, Voice
from media.wav import violations, write_alaw
from sip.leg import Sound

REQUEST = VerificationRequest("8001", "8100", "4802", has_pre_tone=True, has_pos_tone=True)


@pytest.fixture
def prompt(tmp_path: Path) -> Path:
    path = tmp_path / "prompt.wav"
    write_alaw(path, np.full(8000, 1000, dtype=np.int16))
    return path


@pytest.fixture
def no_wav(tmp_path: Path) -> Path:
    path = tmp_path / "letter.wav"
    path.write_text("no sound at all")
    return path


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    directory = tmp_path / "memory"
    directory.mkdir()
    monkeypatch.setattr(spoken_code, "_IN_MEMORY", directory)
    return directory


# ---- notifications


def test_elements_are_files_and_texts_in_order(prompt: Path, tmp_path: Path) -> None:
    engine = HumEngine()
    sounds = sounds_for_notification([prompt, Text("你好"), prompt], tmp_path / "cache", engine)
    assert list(sounds) == [Content(0), Content(1), Content(2)]
    assert sounds[Content(0)] == sounds[Content(2)] == Sound(prompt)
    assert violations(sounds[Content(1)].path) == ()
    assert engine.spoken == [("你好", MANDARIN)]


def test_text_is_spoken_once_for_all_calls(tmp_path: Path) -> None:
    engine = HumEngine()
    for _ in range(2):
        sounds_for_notification([Text("你好")], tmp_path / "cache", engine)
    assert len(engine.spoken) == 1


@pytest.mark.parametrize(
    ("text", "voice"),
    [
        ("您的快递到了", MANDARIN),
        ("Gate 2 请上车", MANDARIN),
        ("Your parcel is here", ENGLISH),
        ("12", MANDARIN),
    ],
)
def test_voice_follows_the_writing(text: str, voice: Voice) -> None:
    assert Text(text).voice == voice


def test_text_is_in_no_repr() -> None:
    assert "secret" not in repr(Text("secret"))


def test_file_of_another_format_is_refused_by_element(prompt: Path, tmp_path: Path) -> None:
    wrong = tmp_path / "stereo.wav"
    data = bytearray(prompt.read_bytes())
    data[22] = 2  # channels, RIFF header bytes 22 and 23
    wrong.write_bytes(data)
    with pytest.raises(MediaFormatError, match=r"^element 2: .*channel"):
        sounds_for_notification([prompt, wrong], tmp_path / "cache", HumEngine())


def test_missing_file_is_refused_by_element(prompt: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaFileError, match=r"^element 1: .*absent"):
        sounds_for_notification([tmp_path / "absent.wav", prompt], tmp_path / "cache", HumEngine())


def test_text_that_cannot_be_spoken_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpeechError):
        sounds_for_notification([Text("x")], tmp_path / "cache", HumEngine(fails=True))


# ---- verification codes


def test_verification_has_its_tones_and_its_code(prompt: Path, tmp_path: Path) -> None:
    found = sounds_for_verification(REQUEST, ToneFiles(prompt, prompt), tmp_path / "cache", HumEngine())
    assert found.sounds[Spoken.PRE_TONE] == found.sounds[Spoken.POS_TONE] == Sound(prompt)
    assert found.sounds[Spoken.CODE] == Sound(found.code.path)
    found.code.forget()


def test_tones_are_optional(tmp_path: Path) -> None:
    found = sounds_for_verification(REQUEST, ToneFiles(), tmp_path / "cache", HumEngine())
    assert list(found.sounds) == [Spoken.CODE]


@pytest.mark.parametrize("name", ["preTone", "posTone"])
def test_bad_tone_is_refused_by_name_and_leaves_no_code(
    name: str, prompt: Path, no_wav: Path, tmp_path: Path, memory: Path
) -> None:
    files = ToneFiles(no_wav, prompt) if name == "preTone" else ToneFiles(prompt, no_wav)
    with pytest.raises((MediaFileError, MediaFormatError), match=f"^{name}: "):
        sounds_for_verification(REQUEST, files, tmp_path / "cache", HumEngine())
    assert list(memory.iterdir()) == []
