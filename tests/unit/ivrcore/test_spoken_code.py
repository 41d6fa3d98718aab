"""A spoken code: digit by digit, the same each time, and gone afterwards."""

import stat
from pathlib import Path

import numpy as np
import pytest

from ivrcore import spoken_code
from ivrcore.request import Language
from ivrcore.spoken_code import SpokenCode, spoken
from media.errors import MediaFileError, SpeechError
from media.speech.cache import SpeechCache
from media.speech.testing import CHARACTER_MS, HumEngine
from media.speech.voice import ENGLISH, MANDARIN
from media.types import SAMPLE_RATE_HZ, Pcm16
from media.wav import read_pcm, violations

MS = SAMPLE_RATE_HZ // 1000


@pytest.fixture
def engine() -> HumEngine:
    return HumEngine()


@pytest.fixture
def speech(engine: HumEngine, tmp_path: Path) -> SpeechCache:
    return SpeechCache(engine, tmp_path / "cache")


@pytest.fixture(autouse=True)
def memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where codes are kept, for the test to look into."""
    directory = tmp_path / "memory"
    directory.mkdir()
    monkeypatch.setattr(spoken_code, "_IN_MEMORY", directory)
    return directory


def silent(pcm: Pcm16) -> bool:
    return not pcm.any()


def test_digits_are_spoken_one_by_one_with_pauses(speech: SpeechCache) -> None:
    pcm = spoken("17", Language.CHINESE, speech)
    digit, pause, end = CHARACTER_MS * MS, 250 * MS, 1000 * MS
    assert pcm.size == digit + pause + digit + end
    one, seven = read_pcm(speech.speak("一", MANDARIN)), read_pcm(speech.speak("七", MANDARIN))
    assert np.array_equal(pcm[:digit], one)
    assert silent(pcm[digit : digit + pause])
    assert np.array_equal(pcm[digit + pause : -end], seven)
    assert silent(pcm[-end:])


def test_silence_after_the_last_digit_keeps_repetitions_apart(speech: SpeechCache) -> None:
    pcm = spoken("4", Language.CHINESE, speech)
    assert pcm.size == (CHARACTER_MS + 1000) * MS


@pytest.mark.parametrize(
    ("language", "words"),
    [
        (Language.CHINESE, ["零", "一", "二", "三", "四", "五", "六", "七", "八", "九"]),
        (
            Language.ENGLISH,
            ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"],
        ),
    ],
)
def test_every_digit_has_its_word_and_voice(
    language: Language, words: list[str], engine: HumEngine, speech: SpeechCache
) -> None:
    spoken("01234567", language, speech)
    spoken("89", language, speech)
    voice = MANDARIN if language is Language.CHINESE else ENGLISH
    assert engine.spoken == [(word, voice) for word in words]


def test_digit_is_spoken_once_for_all_calls(engine: HumEngine, speech: SpeechCache) -> None:
    spoken("1221", Language.CHINESE, speech)
    spoken("2112", Language.CHINESE, speech)
    assert [text for text, _ in engine.spoken] == ["一", "二"]


def test_two_calls_with_one_code_sound_the_same(speech: SpeechCache) -> None:
    first, second = (SpokenCode("4802", Language.ENGLISH, speech) for _ in range(2))
    assert first.path != second.path
    assert first.path.read_bytes() == second.path.read_bytes()


def test_file_is_of_the_service_format(speech: SpeechCache) -> None:
    assert violations(SpokenCode("48021399", Language.ENGLISH, speech).path) == ()


def test_file_is_this_users_alone(speech: SpeechCache, memory: Path) -> None:
    code = SpokenCode("4802", Language.CHINESE, speech)
    assert memory in code.path.parents
    assert stat.S_IMODE(code.path.parent.stat().st_mode) == 0o700


def test_name_does_not_tell_the_code(speech: SpeechCache) -> None:
    path = SpokenCode("4802", Language.CHINESE, speech).path
    assert "4802" not in str(path.relative_to(path.parents[1]))[len("ivrcore-") + 8 :]
    assert path.name == "code.wav"


def test_forgotten_code_leaves_nothing(speech: SpeechCache, memory: Path) -> None:
    code = SpokenCode("4802", Language.CHINESE, speech)
    code.forget()
    assert list(memory.iterdir()) == []
    code.forget()


def test_cache_holds_single_digits_only(speech: SpeechCache, tmp_path: Path) -> None:
    SpokenCode("4802", Language.CHINESE, speech)
    sizes = {path.name: read_pcm(path).size for path in (tmp_path / "cache").iterdir()}
    assert list(sizes.values()) == [CHARACTER_MS * MS] * 4


def test_digit_that_cannot_be_spoken_leaves_nothing(tmp_path: Path, memory: Path) -> None:
    with pytest.raises(SpeechError) as failed:
        SpokenCode("4802", Language.CHINESE, SpeechCache(HumEngine(fails=True), tmp_path / "cache"))
    assert "4802" not in str(failed.value)
    assert list(memory.iterdir()) == []


def test_code_that_cannot_be_written_leaves_nothing(
    speech: SpeechCache, memory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, pcm: Pcm16) -> None:
        path.with_suffix(".part").touch()
        raise MediaFileError(f"{path}: no space left")

    monkeypatch.setattr(spoken_code, "write_alaw", full)
    with pytest.raises(MediaFileError, match="no space left"):
        SpokenCode("4802", Language.CHINESE, speech)
    assert list(memory.iterdir()) == []


def test_system_without_memory_files_uses_its_temporary_directory(
    speech: SpeechCache, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spoken_code, "_IN_MEMORY", tmp_path / "none")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    code = SpokenCode("4802", Language.CHINESE, speech)
    assert code.path.parents[1] == tmp_path
    code.forget()
