"""media.speech.cache: what makes two texts the same file, and what does not."""

from dataclasses import replace
from pathlib import Path

import pytest

from media import wav
from media.errors import SpeechError
from media.speech.cache import SpeechCache
from media.speech.testing import HumEngine
from media.speech.voice import ENGLISH, MANDARIN, Voice, voice_for


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
        cache.speak("请稍后", replace(MANDARIN, rate_wpm=MANDARIN.rate_wpm + 1)),
        cache.speak("请稍后", replace(MANDARIN, pitch=MANDARIN.pitch + 1)),
        SpeechCache(_OtherEngine(), tmp_path).speak("请稍后", MANDARIN),
    }
    assert len(paths) == 6
    assert len({path.read_bytes() for path in paths}) >= 4


def test_name_of_the_file_does_not_give_the_code_away(tmp_path: Path) -> None:
    path = SpeechCache(HumEngine(), tmp_path).path_of("您的验证码是480213", MANDARIN)
    assert "480213" not in path.name
    assert not path.exists(), "asking for the path renders nothing"


@pytest.mark.parametrize(
    ("text", "voice", "words"),
    [
        ("1234", MANDARIN, "一二三四"),
        ("1234", ENGLISH, "one two three four"),
        ("2017/12/31 23:59:59", MANDARIN, "二零一七年十二月三十一日 二十三点五十九分五十九秒"),
        ("12.5% off", ENGLISH, "one two point five percent off"),
        ("请拨打13900000001", MANDARIN, "请拨打幺三九零零零零零零零幺"),
    ],
)
def test_engine_gets_words_not_figures(tmp_path: Path, text: str, voice: Voice, words: str) -> None:
    engine = HumEngine()
    path = SpeechCache(engine, tmp_path).speak(text, voice)
    assert engine.spoken == [(words, voice)]
    assert SpeechCache(engine, tmp_path).path_of(text, voice) == path


def test_texts_that_are_read_alike_are_one_file(tmp_path: Path) -> None:
    cache = SpeechCache(HumEngine(), tmp_path)
    assert cache.speak("还剩1分钟", MANDARIN) == cache.speak("还剩一分钟", MANDARIN)


@pytest.mark.parametrize(
    ("text", "voice"),
    [
        ("您的快递到了", MANDARIN),
        ("Gate 2 请上车", MANDARIN),
        ("Your parcel is here", ENGLISH),
        ("Ｈｉ", ENGLISH),
        ("12", MANDARIN),
        ("hi 㐂", MANDARIN),
        ("", MANDARIN),
    ],
)
def test_voice_follows_the_writing(text: str, voice: Voice) -> None:
    assert voice_for(text) == voice


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


@pytest.mark.parametrize("pitch", [-1, 100])
def test_voice_refuses_a_pitch_outside_the_scale(pitch: int) -> None:
    with pytest.raises(ValueError, match=f"pitch of voice cmn is {pitch}"):
        Voice("cmn", pitch=pitch)


def test_voice_reads_chinese_or_english() -> None:
    with pytest.raises(ValueError, match="'fr', must be zh or en"):
        Voice("fr-fr", language="fr")


@pytest.mark.parametrize("rate_wpm", [80, 450])
def test_voice_takes_both_ends_of_its_range(rate_wpm: int) -> None:
    assert Voice("cmn", rate_wpm).rate_wpm == rate_wpm
