"""media.speech.command and choice: a program of the operator's speaks."""

import sys
import wave
from pathlib import Path

import numpy as np
import pytest

from media import level, wav
from media.errors import MediaFileError, SpeechError
from media.speech.cache import SpeechCache
from media.speech.choice import SpeechSettings, speech_engine
from media.speech.command import CommandEngine, words_of
from media.speech.espeak import EspeakEngine
from media.speech.voice import ENGLISH, MANDARIN, Voice

NOTE = """
import json, pathlib, sys
out, *rest = sys.argv[1:]
note = pathlib.Path(__file__).with_name("seen.json")
note.write_text(json.dumps([rest, sys.stdin.read()]), encoding="utf-8")
pathlib.Path(out).write_bytes(pathlib.Path(__file__).with_name("speech.wav").read_bytes())
"""


def write_speech(path: Path, rate_hz: int = 22050, channels: int = 1, silence_s: float = 0.5) -> None:
    """A hum of a second between two silences, as some engine writes it."""
    t_s = np.arange(rate_hz) / rate_hz
    hum = np.rint(3000 * np.sin(2 * np.pi * 300 * t_s)).astype(np.int16)
    quiet = np.zeros(int(silence_s * rate_hz), dtype=np.int16)
    samples = np.repeat(np.concatenate([quiet, hum, quiet])[:, None], channels, axis=1)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(rate_hz)
        file.writeframes(samples.tobytes())


@pytest.fixture
def mouth(tmp_path: Path) -> Path:
    """A program that writes speech and notes what it was given."""
    program = tmp_path / "mouth.py"
    program.write_text(NOTE, encoding="utf-8")
    write_speech(tmp_path / "speech.wav")
    return program


def seen(mouth: Path) -> tuple[list[str], str]:
    import json

    arguments, text = json.loads(mouth.with_name("seen.json").read_text(encoding="utf-8"))
    return arguments, text


def line(mouth: Path, *rest: str) -> str:
    return " ".join((f"'{sys.executable}'", f"'{mouth}'", "{wav}", *rest))


@pytest.mark.parametrize(("rate_hz", "channels"), [(8000, 1), (16000, 1), (22050, 1), (24000, 2), (48000, 2)])
def test_any_audio_becomes_a_prompt_of_the_service(
    mouth: Path, tmp_path: Path, rate_hz: int, channels: int
) -> None:
    write_speech(tmp_path / "speech.wav", rate_hz, channels)
    CommandEngine(line(mouth)).synthesize("您好", MANDARIN, tmp_path / "a.wav")
    wav.validate(tmp_path / "a.wav")
    pcm = wav.read_pcm(tmp_path / "a.wav")
    assert level.active_level_dbm0(pcm) == pytest.approx(-16.0, abs=0.5)
    loud = np.flatnonzero(np.abs(pcm.astype(int)) > 300)
    assert loud[0] / 8 <= 100
    assert (pcm.size - 1 - loud[-1]) / 8 <= 100
    assert 0.95 < (loud[-1] - loud[0]) / 8000 < 1.05


def test_text_is_one_argument_and_standard_input(mouth: Path, tmp_path: Path) -> None:
    text = "a 'b' \"c\" $(touch x) {wav} ; d\\"
    CommandEngine(line(mouth, "{text}")).synthesize(text, MANDARIN, tmp_path / "a.wav")
    assert seen(mouth) == ([text], text)


def test_text_that_is_no_argument_is_on_standard_input_alone(mouth: Path, tmp_path: Path) -> None:
    CommandEngine(line(mouth)).synthesize("验证码", MANDARIN, tmp_path / "a.wav")
    assert seen(mouth) == ([], "验证码")


def test_text_is_never_an_option(mouth: Path, tmp_path: Path) -> None:
    CommandEngine(line(mouth, "{text}")).synthesize("--output=/etc/x", MANDARIN, tmp_path / "a.wav")
    assert seen(mouth)[0] == [" --output=/etc/x"]


@pytest.mark.parametrize(("voice", "language"), [(MANDARIN, "zh"), (ENGLISH, "en")])
def test_voice_is_told(mouth: Path, tmp_path: Path, voice: Voice, language: str) -> None:
    places = ("{language}", "--voice={voice}", "{rate}/{pitch}")
    CommandEngine(line(mouth, *places)).synthesize("x", voice, tmp_path / "a.wav")
    assert seen(mouth)[0] == [language, f"--voice={voice.name}", f"{voice.rate_wpm}/{voice.pitch}"]


@pytest.mark.parametrize(
    ("command", "complaint"),
    [
        ("", "is empty"),
        ("   ", "is empty"),
        ("mouth {text}", r"no \{wav\}"),
        ("mouth {wav} {speed}", r"has \{speed\}; there are text, wav"),
        ("mouth {wav} {}", r"has \{\}"),
        ("mouth '{wav}", "cannot be read"),
    ],
)
def test_line_that_cannot_work_is_refused(command: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        words_of(command)


def test_quoted_words_of_a_line_stay_together() -> None:
    assert words_of("mouth --say 'a b' {wav}") == ("mouth", "--say", "a b", "{wav}")


@pytest.mark.parametrize(
    ("code", "complaint"),
    [
        ("raise SystemExit(input())", r"^speech command: exit status 1$"),
        ("pass", "wrote no audio that can be read"),
        ("import sys; open(sys.argv[1], 'w').write('no audio')", "wrote no audio that can be read"),
        ("import time; time.sleep(60)", "took longer than 0.7 s"),
    ],
)
def test_program_that_fails_is_reported_without_the_text(tmp_path: Path, code: str, complaint: str) -> None:
    (tmp_path / "p.py").write_text(code)
    engine = CommandEngine(line(tmp_path / "p.py"), time_out_s=0.7 if "sleep" in code else 20.0)
    with pytest.raises(SpeechError, match=complaint) as caught:
        engine.synthesize("480213", MANDARIN, tmp_path / "a.wav")
    assert "480213" not in str(caught.value)
    assert not (tmp_path / "a.wav").exists()


def test_silence_is_no_speech(mouth: Path, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "speech.wav"), "wb") as file:
        file.setparams((1, 2, 22050, 0, "NONE", ""))
        file.writeframes(bytes(44100))
    with pytest.raises(SpeechError, match="silence"):
        CommandEngine(line(mouth)).synthesize("x", MANDARIN, tmp_path / "a.wav")


def test_target_that_cannot_be_written_is_named(mouth: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaFileError, match="nowhere"):
        CommandEngine(line(mouth)).synthesize("x", MANDARIN, tmp_path / "nowhere" / "a.wav")


@pytest.mark.parametrize("text", ["", " ", "a\0b", "长" * 4001])
def test_text_that_cannot_be_spoken_starts_nothing(mouth: Path, tmp_path: Path, text: str) -> None:
    with pytest.raises(SpeechError, match="text"):
        CommandEngine(line(mouth)).synthesize(text, MANDARIN, tmp_path / "a.wav")
    assert not mouth.with_name("seen.json").exists()


def test_another_line_is_another_sound_and_is_in_no_name() -> None:
    one, same, other = (CommandEngine(command).name for command in ("a {wav}", "a  {wav}", "b {wav}"))
    assert one == same != other
    assert "wav" not in one


# ---- what is chosen


def test_default_is_espeak_with_files_of_the_same_name(tmp_path: Path) -> None:
    """Others compute where the default engine's prompts are: the choice must not move them."""
    chosen, plain = speech_engine(SpeechSettings()), EspeakEngine()
    assert chosen.name == plain.name
    for voice in (MANDARIN, ENGLISH):
        assert SpeechSettings().voiced(voice) == voice
        paths = {SpeechCache(engine, tmp_path).path_of("x", voice) for engine in (chosen, plain)}
        assert len(paths) == 1


def test_time_out_and_turns_do_not_change_the_sound() -> None:
    assert speech_engine(SpeechSettings(timeout_s=3.0, parallel=1)).name == EspeakEngine().name


@pytest.mark.parametrize(
    "settings", [SpeechSettings(voice="f2"), SpeechSettings(rate_percent=90), SpeechSettings(pitch=40)]
)
def test_what_is_set_about_the_voice_is_another_sound(settings: SpeechSettings) -> None:
    assert speech_engine(settings).name != EspeakEngine().name


def test_variant_speaks_both_languages() -> None:
    settings = SpeechSettings(voice="f2", rate_percent=50, pitch=40)
    assert settings.voiced(MANDARIN) == Voice("cmn-latn-pinyin+f2", MANDARIN.rate_wpm // 2, 40, "zh")
    assert settings.voiced(ENGLISH) == Voice("en-us+f2", ENGLISH.rate_wpm // 2, 40, "en")


def test_command_is_told_the_voice_that_was_set(mouth: Path, tmp_path: Path) -> None:
    settings = SpeechSettings("command", line(mouth, "{voice}", "{language}"), voice="zh_CN-girl")
    engine = speech_engine(settings)
    engine.synthesize("x", ENGLISH, tmp_path / "a.wav")
    assert seen(mouth)[0] == ["zh_CN-girl", "en"]


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        ({"engine": "festival"}, "'festival', must be espeak or command"),
        ({"engine": "command"}, "the speech command is empty"),
        ({"engine": "command", "command": "x"}, r"no \{wav\}"),
        ({"command": "x {wav}"}, "command is set"),
        ({"voice": "f2; rm"}, "name of a variant"),
        ({"rate_percent": 49}, "rate is 49 percent"),
        ({"rate_percent": 201}, "rate is 201 percent"),
        ({"pitch": 100}, "pitch is 100"),
        ({"timeout_s": 0.0}, "timeout_s is 0"),
        ({"timeout_s": float("nan")}, "timeout_s is nan"),
        ({"timeout_s": 601.0}, "timeout_s is 601"),
        ({"parallel": 0}, "parallel is 0"),
    ],
)
def test_setting_that_cannot_be_is_named(change: dict[str, object], complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        SpeechSettings(**change)  # type: ignore[arg-type]


@pytest.mark.parametrize("percent", [50, 200])
def test_every_rate_that_can_be_set_is_one_a_voice_can_have(percent: int) -> None:
    for voice in (MANDARIN, ENGLISH):
        SpeechSettings(rate_percent=percent).voiced(voice)
