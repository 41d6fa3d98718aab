"""media.speech.espeak: real speech where libespeak-ng is, and each way in which its child can fail."""

import ctypes.util
import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from media import level, wav
from media.errors import MediaFileError, SpeechError
from media.speech import espeak
from media.speech.espeak import EspeakEngine
from media.speech.finish import MAX_TEXT_CHARACTERS
from media.speech.voice import ENGLISH, MANDARIN, Voice
from media.types import Pcm16

needs_espeak = pytest.mark.skipif(
    ctypes.util.find_library("espeak-ng") is None and not os.environ.get("CI"),
    reason="libespeak-ng is not installed (Debian: espeak-ng)",
)


def _python(code: str) -> tuple[str, ...]:
    """A stand-in for the child process; it gets the same arguments, `sys.argv[5]` is the file to write."""
    return (sys.executable, "-c", code)


@needs_espeak
@pytest.mark.parametrize(
    ("voice", "text", "syllables"),
    [
        (MANDARIN, "正在为您转接中，请稍后", 10),
        (MANDARIN, "您的验证码是四八零二一三", 12),
        (MANDARIN, "您的 Huawei 订单", 7),
        (ENGLISH, "please hold the line", 5),
    ],
)
def test_text_becomes_a_prompt_of_the_service(
    tmp_path: Path, voice: Voice, text: str, syllables: int
) -> None:
    target = tmp_path / "speech.wav"
    EspeakEngine().synthesize(text, voice, target)
    wav.validate(target)
    pcm = wav.read_pcm(target)
    assert 0.12 * syllables < pcm.size / 8000 < 0.6 * syllables
    assert level.active_level_dbm0(pcm) == pytest.approx(-16.0, abs=1.0)
    assert level.peak_dbm0(pcm) <= 3.0
    frames = np.abs(pcm[: pcm.size // 80 * 80].astype(int)).reshape(-1, 80).max(axis=1)
    loud = np.flatnonzero(frames > frames.max() / 50)
    assert loud[0] * 10 <= 100
    assert (frames.size - 1 - loud[-1]) * 10 <= 100
    assert [path.name for path in tmp_path.iterdir()] == ["speech.wav"]


@needs_espeak
def test_same_text_sounds_the_same_and_another_one_does_not(tmp_path: Path) -> None:
    engine = EspeakEngine()
    for name, text in (("a", "一二三"), ("b", "四五六"), ("c", "一二三")):
        engine.synthesize(text, MANDARIN, tmp_path / name)
    a, b, c = ((tmp_path / name).read_bytes() for name in "abc")
    assert a == c
    assert a != b


@needs_espeak
def test_chinese_characters_are_spoken_not_spelt(tmp_path: Path) -> None:
    # A voice that does not know the script would name each character ("Chinese letter"), a second apiece.
    EspeakEngine().synthesize("通话时长", MANDARIN, tmp_path / "a.wav")
    assert wav.read_info(tmp_path / "a.wav").duration_s < 4 * 0.5


@needs_espeak
def test_rate_is_the_speed_of_speech(tmp_path: Path) -> None:
    for rate_wpm in (120, 240):
        EspeakEngine().synthesize(
            "本次通话时长还剩一分钟", replace(MANDARIN, rate_wpm=rate_wpm), tmp_path / f"{rate_wpm}.wav"
        )
    slow, fast = (wav.read_info(tmp_path / f"{rate}.wav").duration_s for rate in (120, 240))
    assert 1.5 < slow / fast < 2.5


@needs_espeak
def test_level_can_be_chosen_and_is_part_of_the_name(tmp_path: Path) -> None:
    engine = EspeakEngine(level_dbm0=-24.0)
    engine.synthesize("请稍后", MANDARIN, tmp_path / "a.wav")
    assert level.active_level_dbm0(wav.read_pcm(tmp_path / "a.wav")) == pytest.approx(-24.0, abs=0.5)
    assert engine.name != EspeakEngine().name


@needs_espeak
def test_no_sound_card_display_or_player_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in ("DISPLAY", "PULSE_SERVER", "XDG_RUNTIME_DIR", "HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("PATH", "/nowhere")
    EspeakEngine().synthesize("请稍后", MANDARIN, tmp_path / "a.wav")
    assert wav.violations(tmp_path / "a.wav") == ()


@needs_espeak
def test_unknown_voice_is_an_error_not_another_voice(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="no-such-voice"):
        EspeakEngine().synthesize("请稍后", Voice("no-such-voice"), tmp_path / "a.wav")
    assert list(tmp_path.iterdir()) == []


@needs_espeak
def test_text_without_anything_to_say_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SpeechError):
        EspeakEngine().synthesize("，。", MANDARIN, tmp_path / "a.wav")
    assert list(tmp_path.iterdir()) == []


@needs_espeak
def test_target_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(MediaFileError, match="nowhere"):
        EspeakEngine().synthesize("请稍后", MANDARIN, tmp_path / "nowhere" / "a.wav")


@needs_espeak
def test_child_ends_by_itself_when_nobody_is_left_to_kill_it() -> None:
    # The driver loses the error of a file it cannot write and waits for ever.
    started = time.monotonic()
    child = subprocess.run(
        [
            sys.executable,
            "-m",
            "media.speech.render",
            "cmn-latn-pinyin",
            "180",
            "50",
            "0.5",
            "/nowhere/a.wav",
        ],
        input="请稍后".encode(),
        capture_output=True,
        cwd=Path(espeak.__file__).parents[2],
        timeout=20,
        check=False,
    )
    assert child.returncode != 0
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("text", ["", " \n", "a\0b", "长" * (MAX_TEXT_CHARACTERS + 1)])
def test_text_that_cannot_be_spoken_starts_no_process(tmp_path: Path, text: str) -> None:
    touched = tmp_path / "started"
    engine = EspeakEngine(command=_python(f"open({str(touched)!r}, 'w')"))
    with pytest.raises(SpeechError, match="text"):
        engine.synthesize(text, MANDARIN, tmp_path / "a.wav")
    assert not touched.exists()


@needs_espeak
def test_pitch_is_heard(tmp_path: Path) -> None:
    for pitch in (30, 70):
        EspeakEngine().synthesize("妈妈", replace(MANDARIN, pitch=pitch), tmp_path / f"{pitch}.wav")
    low_hz, high_hz = (_pitch_hz(wav.read_pcm(tmp_path / f"{pitch}.wav")) for pitch in (30, 70))
    assert 1.15 < high_hz / low_hz < 1.8


@needs_espeak
@pytest.mark.parametrize("voice", [MANDARIN, ENGLISH], ids=lambda voice: voice.name)
def test_default_voice_is_as_high_as_a_young_womans(tmp_path: Path, voice: Voice) -> None:
    text = "妈妈您慢慢来" if voice is MANDARIN else "mama may mow the lawn"
    EspeakEngine().synthesize(text, voice, tmp_path / "a.wav")
    assert 190 < _pitch_hz(wav.read_pcm(tmp_path / "a.wav")) < 270


@needs_espeak
def test_characters_are_not_spoken_as_english_words_with_a_number(tmp_path: Path) -> None:
    # 一 as "yi one" would be two words: as long as 一万, not as 一.
    for name, text in (("one", "一"), ("two", "一万")):
        EspeakEngine().synthesize(text, MANDARIN, tmp_path / name)
    one, two = (wav.read_info(tmp_path / name).duration_s for name in ("one", "two"))
    assert one < 0.75 * two


@needs_espeak
def test_english_words_in_a_chinese_text_are_spoken_by_the_english_voice(tmp_path: Path) -> None:
    engine = EspeakEngine()
    # "order" as pinyin is o-er-de-er, four syllables.
    for name, text in (("mixed", "您的 order"), ("chinese", "您的"), ("english", "order")):
        voice = replace(MANDARIN) if name != "english" else replace(ENGLISH, name=_english_of(MANDARIN))
        engine.synthesize(text, voice, tmp_path / name)
    mixed, chinese, english = (
        wav.read_info(tmp_path / name).duration_s for name in ("mixed", "chinese", "english")
    )
    assert mixed == pytest.approx(chinese + english, abs=0.25)


def _english_of(voice: Voice) -> str:
    return "en-us+" + voice.name.partition("+")[2]


def _pitch_hz(pcm: Pcm16) -> float:
    """The fundamental of the whole, by the peak of its autocorrelation between 120 and 400 Hz."""
    spectrum = np.fft.rfft(pcm.astype(np.float64), 2 * pcm.size)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)
    first, last = 8000 // 400, 8000 // 120
    return 8000 / (first + int(np.argmax(correlation[first:last])))


def test_child_that_hangs_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    code = f"import os, time; open({str(pid_file)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    with pytest.raises(SpeechError, match="longer than 1 s"):
        EspeakEngine(time_out_s=1.0, command=_python(code)).synthesize("请稍后", MANDARIN, tmp_path / "a.wav")
    with pytest.raises(ProcessLookupError):
        os.kill(int(pid_file.read_text()), 0)
    assert not (tmp_path / "a.wav").exists()


def test_failing_child_is_quoted_by_its_last_line(tmp_path: Path) -> None:
    engine = EspeakEngine(
        command=_python("import sys; sys.exit('noise\\nOSError: libespeak-ng.so.1 is missing')")
    )
    with pytest.raises(
        SpeechError, match=r"^espeak-ng: exit status 1: OSError: libespeak-ng.so.1 is missing$"
    ):
        engine.synthesize("请稍后", MANDARIN, tmp_path / "a.wav")


def test_child_that_dies_without_a_word_is_reported(tmp_path: Path) -> None:
    engine = EspeakEngine(command=_python("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)"))
    with pytest.raises(SpeechError, match="exit status -11: no reason given"):
        engine.synthesize("请稍后", MANDARIN, tmp_path / "a.wav")


def test_child_that_writes_nothing_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="wrote no audio"):
        EspeakEngine(command=_python("pass")).synthesize("请稍后", MANDARIN, tmp_path / "a.wav")


def test_child_that_writes_silence_is_reported(tmp_path: Path) -> None:
    code = (
        "import sys, wave\n"
        "with wave.open(sys.argv[5], 'wb') as f:\n"
        "    f.setparams((1, 2, 22050, 0, 'NONE', ''))\n"
        "    f.writeframes(bytes(44100))"
    )
    with pytest.raises(SpeechError, match="nothing to say"):
        EspeakEngine(command=_python(code)).synthesize("请稍后", MANDARIN, tmp_path / "a.wav")
    assert not (tmp_path / "a.wav").exists()


def test_command_that_does_not_exist_is_reported(tmp_path: Path) -> None:
    with pytest.raises(SpeechError, match="cannot be started"):
        EspeakEngine(command=("/nowhere/python",)).synthesize("请稍后", MANDARIN, tmp_path / "a.wav")


def test_text_travels_on_standard_input_and_is_in_no_error(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    code = (
        "import sys\n"
        f"open({str(seen)!r}, 'wb').write(repr(sys.argv).encode() + b'|' + sys.stdin.buffer.read())\n"
        "sys.exit('refused')"
    )
    with pytest.raises(SpeechError) as caught:
        EspeakEngine(command=_python(code)).synthesize("验证码480213", MANDARIN, tmp_path / "a.wav")
    arguments, text = seen.read_text(encoding="utf-8").split("|")
    assert "480213" not in arguments
    assert text == "验证码480213"
    assert "480213" not in str(caught.value)
