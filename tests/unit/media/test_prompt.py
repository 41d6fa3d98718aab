"""media.prompt: every built-in prompt can go straight to a caller."""

import ctypes.util
import os
from pathlib import Path

import pytest

from media import prompt, wav
from media.errors import SpeechError
from media.prompt import BuiltinPrompt
from media.speech.espeak import EspeakEngine
from media.speech.testing import HumEngine
from media.speech.voice import MANDARIN

SPOKEN = [name for name in BuiltinPrompt if name is not BuiltinPrompt.WAIT_VOICE]


@pytest.mark.parametrize("name", list(BuiltinPrompt))
@pytest.mark.parametrize("engine", [HumEngine(), EspeakEngine()], ids=["hum", "espeak"])
def test_every_prompt_keeps_the_rule_of_the_service(
    tmp_path: Path, name: BuiltinPrompt, engine: HumEngine | EspeakEngine
) -> None:
    if (
        isinstance(engine, EspeakEngine)
        and ctypes.util.find_library("espeak-ng") is None
        and "CI" not in os.environ
    ):
        pytest.skip("libespeak-ng is not installed (Debian: espeak-ng)")
    path = prompt.builtin(name, tmp_path, engine)
    wav.validate(path)
    assert path.parent == tmp_path
    assert 0.9 < wav.read_info(path).duration_s < 15


def test_words_of_the_service_are_read_as_it_reads_them(tmp_path: Path) -> None:
    engine = HumEngine()
    prompt.builtin(BuiltinPrompt.PRE_VOICE, tmp_path, engine)
    prompt.builtin(BuiltinPrompt.LAST_MIN_VOICE, tmp_path, engine)
    assert engine.spoken == [("正在为您转接中，请稍后", MANDARIN), ("本次通话时长还剩一分钟", MANDARIN)]


def test_recording_hint_says_that_the_call_is_recorded() -> None:
    assert "录音" in prompt.TEXTS[BuiltinPrompt.RECORD_HINT]


@pytest.mark.parametrize("name", list(BuiltinPrompt))
def test_prompt_is_rendered_on_first_use_only(tmp_path: Path, name: BuiltinPrompt) -> None:
    engine = HumEngine()
    first = prompt.builtin(name, tmp_path, engine)
    written_at = first.stat().st_mtime_ns
    assert prompt.builtin(name, tmp_path, engine) == first
    assert first.stat().st_mtime_ns == written_at
    assert len(engine.spoken) == (name in SPOKEN)


def test_prompts_are_different_files(tmp_path: Path) -> None:
    assert len({prompt.builtin(name, tmp_path, HumEngine()) for name in BuiltinPrompt}) == len(BuiltinPrompt)


def test_music_needs_no_speech_engine(tmp_path: Path) -> None:
    wav.validate(prompt.builtin(BuiltinPrompt.WAIT_VOICE, tmp_path, HumEngine(fails=True)))


@pytest.mark.parametrize("name", SPOKEN)
def test_engine_that_fails_leaves_no_prompt(tmp_path: Path, name: BuiltinPrompt) -> None:
    with pytest.raises(SpeechError):
        prompt.builtin(name, tmp_path, HumEngine(fails=True))
    assert list(tmp_path.iterdir()) == []


def test_prompts_are_named_by_the_request_parameter_they_stand_in_for() -> None:
    assert [name.value for name in BuiltinPrompt] == [
        "preVoice",
        "lastMinVoice",
        "recordHintTone",
        "waitVoice",
    ]
