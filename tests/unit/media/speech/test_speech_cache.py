"""media.speech.cache: what makes two texts the same file, and what does not."""

from pathlib import Path

import pytest

from media import wav
from media.errors import SpeechError
from media.speech.cache import SpeechCache
from media.speech.testing import HumEngine
from media.speech.voice import ENGLISH, MANDARIN, Voice


class _OtherEngine(HumEngine):
    @property
    def name(self) -> str:
        return "hum 2"


def test_text_is_spoken_once(tmp_path: Path) -> None:
    engine = HumEngine()
    cache = SpeechCache(engine, tmp_path)
    first = cache.speak("请稍后", MANDARIN)
    assert cache.speak("请稍后", MANDARIN) == first
    assert engine.spoken == [("请稍后", MANDARIN)]
    assert wav.read_info(first).duration_s == 0.3


def test_cache_outlives_the_process_that_filled_it(tmp_path: Path) -> None:
    first = SpeechCache(HumEngine(), tmp_path).speak("请稍后", MANDARIN)
    engine = HumEngine()
    assert SpeechCache(engine, tmp_path).speak("请稍后", MANDARIN) == first
    assert engine.spoken == []


def test_text_voice_rate_and_engine_make_different_files(tmp_path: Path) -> None:
    cache = SpeechCache(HumEngine(), tmp_path)
    paths = {
        cache.speak("请稍后", MANDARIN),
        cache.speak("请稍候", MANDARIN),
        cache.speak("请稍后", ENGLISH),
        cache.speak("请稍后", Voice("cmn", MANDARIN.rate_wpm + 1)),
        SpeechCache(_OtherEngine(), tmp_path).speak("请稍后", MANDARIN),
    }
    assert len(paths) == 5
    assert len({path.read_bytes() for path in paths}) >= 4


def test_name_of_the_file_does_not_give_the_code_away(tmp_path: Path) -> None:
    path = SpeechCache(HumEngine(), tmp_path).path_of("您的验证码是480213", MANDARIN)
    assert "480213" not in path.name
    assert not path.exists(), "asking for the path renders nothing"


def test_failure_is_not_cached(tmp_path: Path) -> None:
    with pytest.raises(SpeechError):
        SpeechCache(HumEngine(fails=True), tmp_path).speak("请稍后", MANDARIN)
    assert list(tmp_path.iterdir()) == []
    assert SpeechCache(HumEngine(), tmp_path).speak("请稍后", MANDARIN).exists()


@pytest.mark.parametrize("name", ["", "  "])
def test_voice_needs_a_name(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        Voice(name)


@pytest.mark.parametrize("rate_wpm", [79, 451, 0, -1])
def test_voice_refuses_a_rate_nobody_understands(rate_wpm: int) -> None:
    with pytest.raises(ValueError, match=f"rate of voice cmn is {rate_wpm}"):
        Voice("cmn", rate_wpm)


@pytest.mark.parametrize("rate_wpm", [80, 450])
def test_voice_takes_both_ends_of_its_range(rate_wpm: int) -> None:
    assert Voice("cmn", rate_wpm).rate_wpm == rate_wpm
