"""`ivrcore say`: what it writes, what it prints, what it refuses."""

import ctypes.util
import os
import subprocess
import sys
from pathlib import Path

import pytest

from ivrcore.request import RequestError
from ivrcore.say_command import run_say, settings_of
from media import wav
from media.errors import MediaFileError, SpeechError
from media.speech.choice import SpeechSettings
from media.speech.testing import HumEngine
from media.speech.voice import ENGLISH, MANDARIN


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> HumEngine:
    engine = HumEngine()
    monkeypatch.setattr("ivrcore.say_command.speech_engine", lambda _settings, **_: engine)
    return engine


def test_file_is_a_prompt_and_the_words_are_printed(
    engine: HumEngine, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out.wav"
    assert run_say("剩1分钟", target, "", SpeechSettings()) == 0
    wav.validate(target)
    assert engine.spoken == [("剩一分钟", MANDARIN)]
    words, told = capsys.readouterr().out.splitlines()
    assert words == "剩一分钟"
    assert told == f"{target}: A-law, 8000 Hz, 0.40 s"


@pytest.mark.parametrize(
    ("text", "language", "words", "voice"),
    [
        ("room 12", "", "room one two", ENGLISH),
        ("room 12", "zh", "room 一二", MANDARIN),
        ("12", "", "一二", MANDARIN),
        ("12", "en", "one two", ENGLISH),
    ],
)
def test_language_is_that_of_the_text_unless_it_is_said(
    engine: HumEngine, tmp_path: Path, text: str, language: str, words: str, voice: object
) -> None:
    run_say(text, tmp_path / "out.wav", language, SpeechSettings())
    assert engine.spoken == [(words, voice)]


def test_nobody_speaks_for_a_directory_that_is_not_there(engine: HumEngine, tmp_path: Path) -> None:
    with pytest.raises(MediaFileError, match="no such directory"):
        run_say("x", tmp_path / "no" / "out.wav", "", SpeechSettings())
    assert engine.spoken == []


def test_text_without_words_is_refused(engine: HumEngine, tmp_path: Path) -> None:
    with pytest.raises(SpeechError):
        run_say("  ", tmp_path / "out.wav", "", SpeechSettings())
    assert not (tmp_path / "out.wav").exists()


def test_command_is_chosen_by_its_option() -> None:
    assert settings_of("") == SpeechSettings()
    assert settings_of("mouth {wav}") == SpeechSettings("command", "mouth {wav}")
    with pytest.raises(RequestError, match=r"^--speech-command: the speech command has no {wav}"):
        settings_of("mouth")


def ivrcore(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ivrcore", *arguments], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.skipif(
    ctypes.util.find_library("espeak-ng") is None and not os.environ.get("CI"),
    reason="libespeak-ng is not installed (Debian: espeak-ng)",
)
def test_shell_command_speaks(tmp_path: Path) -> None:
    done = ivrcore("say", "您好 12", str(tmp_path / "a.wav"))
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith("您好 一二\n")
    assert wav.violations(tmp_path / "a.wav") == ()


@pytest.mark.parametrize(
    "arguments",
    [
        ("say", "x", "{out}", "--speech-command", "mouth"),
        ("say", "x", "{out}", "--speech-command", "/no/where {wav}"),
        ("say", "x", "/no/where/a.wav"),
        ("notify", "8001", "--text", "x", "--speech-command", "mouth"),
    ],
)
def test_what_cannot_work_is_one_line_and_status_2(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    done = ivrcore(*(word.replace("{out}", str(tmp_path / "a.wav")) for word in arguments))
    assert done.returncode == 2
    assert done.stderr.startswith("ivrcore: ")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "a.wav").exists()
