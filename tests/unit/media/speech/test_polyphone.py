"""Characters with several readings: each word as a dictionary has it, and as espeak-ng speaks it."""

import ctypes.util
import os
import re
from pathlib import Path

import numpy as np
import pytest

from media.speech.espeak import EspeakEngine
from media.speech.polyphone import with_readings
from media.speech.voice import MANDARIN
from media.wav import read_pcm

needs_espeak = pytest.mark.skipif(
    ctypes.util.find_library("espeak-ng") is None and not os.environ.get("CI"),
    reason="libespeak-ng is not installed (Debian: espeak-ng)",
)

WORDS = {
    "银行": "hang2",
    "行人": "xing2",
    "重庆": "chong2",
    "重量": "zhong4",
    "音乐": "yue4",
    "快乐": "le4",
    "中奖": "zhong4",
    "长度": "chang2",
    "校长": "zhang3",
    "首都": "du1",
    "还款": "hai2",
    "调查": "diao4",
    "空调": "tiao2",
    "会计": "kuai4",
    "便宜": "pian2",
    "方便": "bian4",
    "投降": "xiang2",
    "参加": "can1",
    "人参": "shen1",
    "没收": "mo4",
    "没有": "mei2",
    "强迫": "qiang3",
    "效率": "lv4",
    "率领": "shuai4",
    "头发": "fa4",
    "发现": "fa1",
    "干净": "gan1",
    "干部": "gan4",
    "正月": "zheng1",
    "正确": "zheng4",
    "省略": "sheng3",
    "反省": "xing3",
    "着急": "zhao2",
    "歌曲": "qu3",
    "星宿": "xiu4",
    "宿舍": "su4",
    "兴奋": "xing1",
    "高兴": "xing4",
    "应该": "ying1",
    "反应": "ying4",
}


@pytest.mark.parametrize(("word", "syllable"), WORDS.items())
def test_character_is_read_as_its_word_says(word: str, syllable: str) -> None:
    assert syllable in re.findall("[a-z]+[1-5]", with_readings(word))


def test_character_by_itself_and_what_is_not_ambiguous_stay() -> None:
    assert with_readings("您的验证码是一二三四") == "您的验证码是一二三四"
    assert with_readings("行") == "行"


def test_sentence_keeps_its_other_characters_and_signs() -> None:
    assert with_readings("我的银行卡，请查收。") == "我的银hang2卡，请cha2收。"


def test_syllables_and_letters_beside_each_other_are_parted() -> None:
    assert with_readings("长度") == "chang2 du4"
    assert with_readings("V音乐") == "V音yue4"
    assert with_readings("V长度V") == "V chang2 du4 V"


@pytest.mark.parametrize("text", ["", " ", "，。", "book a table", "V I P", "\U0001f600", "二〇一七"])
def test_text_without_ambiguous_words_is_left_alone(text: str) -> None:
    assert with_readings(text) == text


@needs_espeak
@pytest.mark.parametrize(
    ("word", "sounds_like"), [("银行", "银航"), ("重庆", "虫庆"), ("音乐", "音月"), ("中奖", "众奖")]
)
def test_word_sounds_as_characters_of_that_one_reading(tmp_path: Path, word: str, sounds_like: str) -> None:
    spoken = []
    for n, text in enumerate((word, sounds_like)):
        EspeakEngine().synthesize(text, MANDARIN, tmp_path / f"{n}.wav")
        spoken.append(read_pcm(tmp_path / f"{n}.wav"))
    assert np.array_equal(spoken[0], spoken[1])
