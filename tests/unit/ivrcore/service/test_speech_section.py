"""[speech] in the settings: from the file to the worker that speaks."""

import os
from pathlib import Path

import pytest

from ivrcore.service.settings import ENVIRONMENT, SettingsError, load
from ivrcore.service.wiring import supervisor_settings
from ivrcore.service.workers.settings import WorkerSettings
from media.speech.choice import SpeechSettings

WHOLE = """
[speech]
engine = "command"
command = "mouth --out {wav} {text}"
voice = "girl"
rate = 90
pitch = 40
timeout_s = 7.5
parallel = 2
"""


@pytest.fixture(autouse=True)
def _no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(ENVIRONMENT)]:
        monkeypatch.delenv(name)


def test_default_is_the_engine_that_everybody_has() -> None:
    assert load(None).speech.choice() == SpeechSettings()


def test_what_is_set_reaches_the_worker(tmp_path: Path) -> None:
    (tmp_path / "ivrcore.toml").write_text(WHOLE)
    worker = supervisor_settings(load(tmp_path / "ivrcore.toml")).worker
    worker.save(tmp_path / "settings.json")
    expected = SpeechSettings("command", "mouth --out {wav} {text}", "girl", 90, 40, 7.5, 2)
    assert WorkerSettings.load(tmp_path / "settings.json").speech == worker.speech == expected


def test_environment_can_name_the_program(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IVRCORE_SPEECH__ENGINE", "command")
    monkeypatch.setenv("IVRCORE_SPEECH__COMMAND", "mouth {wav}")
    assert load(None).speech.choice() == SpeechSettings("command", "mouth {wav}")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('engine = "command"', "speech: the speech command is empty"),
        ('engine = "command"\ncommand = "mouth"', "speech: the speech command has no {wav}"),
        ('command = "mouth {wav}"', 'speech: command is set and engine is "espeak"'),
        ('engine = "festival"', "speech.engine: "),
        ('voice = "f2 f3"', "speech: voice is 'f2 f3'"),
        ("rate = 40", "speech.rate: "),
        ("pitch = 100", "speech.pitch: "),
        ("timeout_s = 0", "speech.timeout_s: "),
        ("parallel = 0", "speech.parallel: "),
        ("speed = 1", "speech.speed: no such setting"),
    ],
)
def test_mistake_is_one_line_that_names_the_setting(tmp_path: Path, text: str, message: str) -> None:
    file = tmp_path / "ivrcore.toml"
    file.write_text(f"[speech]\n{text}\n")
    with pytest.raises(SettingsError) as caught:
        load(file)
    assert str(caught.value).startswith(f"{file}: {message}")
    assert "\n" not in str(caught.value)
