"""`ivrcore voice` and `template`: verdicts, batches that go on after a refusal, reviews."""

import json
import os
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

from ivrcore.cli import app
from ivrcore.service.cli_content import _bar
from ivrcore.service.model import Review, Template, VoiceFile
from ivrcore.service.ops.init import run_init
from ivrcore.service.ops.offline import offline_store
from ivrcore.service.settings import ENVIRONMENT, load
from ivrcore.service.store import audit, content
from media import wav


class Studio:
    """A settings file with its store, files to import, and the command line."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.config = directory / "ivrcore.toml"
        run_init(self.config)
        noise = np.random.default_rng(0).normal(0, 2000, 8000).astype(np.int16)
        self.right = directory / "right.wav"
        wav.write_alaw(self.right, noise)
        self.wide = directory / "wide.wav"
        soundfile.write(self.wide, noise, 24000)
        self.flac = directory / "speech.flac"
        soundfile.write(self.flac, noise, 16000)

    def ivrcore(self, *words: object, status: int = 0) -> str:
        """Run a command; what it printed."""
        result = CliRunner().invoke(app, [*map(str, words), "--config", str(self.config)])
        assert result.exit_code == status, result.output
        return result.output

    def voice(self, name: str) -> VoiceFile | None:
        with offline_store(load(self.config)) as database:
            return database.run_now(content.voice_file, 1, name)

    def template(self, template_id: str) -> Template | None:
        with offline_store(load(self.config)) as database:
            return database.run_now(content.template, 1, template_id)

    def whats(self) -> list[str]:
        with offline_store(load(self.config)) as database:
            return [entry.what for entry in database.run_now(audit.entries)]

    def contents(self) -> int:
        return len(list((self.directory / "ivrcore-data" / "voices").rglob("*.wav")))


@pytest.fixture
def studio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Studio:
    for name in [name for name in os.environ if name.startswith(ENVIRONMENT)]:
        monkeypatch.delenv(name)
    return Studio(tmp_path)


def check(*files: Path, status: int) -> str:
    result = CliRunner().invoke(app, ["voice", "check", *map(str, files)])
    assert result.exit_code == status, result.output
    return result.output


def test_a_check_has_a_verdict_for_each_property(studio: Studio) -> None:
    told = dict(line.split("\t")[:2] for line in check(studio.right, status=0).splitlines())
    assert set(told.values()) == {"verdict", "ok"}
    told = dict(line.split("\t")[:2] for line in check(studio.wide, status=1).splitlines()[:-1])
    assert {name for name, verdict in told.items() if verdict == "WRONG"} == {
        "encoding", "sample rate", "bits", "bit rate",
    }  # fmt: skip
    assert "--convert" in check(studio.wide, status=1)


def test_a_check_of_several_names_each_and_a_bad_name_needs_no_conversion(studio: Studio) -> None:
    named = studio.directory / "a b.wav"
    named.write_bytes(studio.right.read_bytes())
    output = check(studio.right, named, status=1)
    assert str(studio.right) in output
    assert "--convert" not in output
    assert "no such file" in check(studio.directory / "none.wav", status=2).lower()


def test_an_import_goes_on_after_a_refusal(studio: Studio) -> None:
    output = studio.ivrcore("voice", "import", studio.wide, studio.flac, studio.right, status=1)
    assert "wide.wav: encoding is PCM" in output
    assert "--convert" in output
    assert "speech.flac: " in output
    voice = studio.voice("right.wav")
    assert voice is not None
    assert (voice.state, studio.voice("wide.wav"), studio.contents()) == (Review.UPLOADED, None, 1)


def test_an_import_converts_and_approves_where_it_is_told_to(studio: Studio) -> None:
    output = studio.ivrcore("voice", "import", studio.flac, studio.right, "--convert", "--approve")
    assert output.splitlines() == ["speech.wav (converted)", "right.wav"]
    for name in ("speech.wav", "right.wav"):
        voice = studio.voice(name)
        assert voice is not None
        assert voice.state is Review.APPROVED
    assert studio.whats() == ["voice.review", "voice.upload"] * 2


def test_voices_are_reviewed_listed_drawn_and_deleted(studio: Studio) -> None:
    studio.ivrcore("voice", "import", studio.right)
    studio.ivrcore("voice", "reject", "right.wav", "--reason", "noise")
    assert "right.wav\trejected\t1.0" in studio.ivrcore("voice", "list")
    studio.ivrcore("voice", "approve", "right.wav")
    voice = studio.voice("right.wav")
    assert voice is not None
    assert (voice.state, voice.reason) == (Review.APPROVED, "")
    picture = studio.directory / "right.png"
    studio.ivrcore("voice", "waveform", "right.wav", picture)
    assert picture.read_bytes().startswith(b"\x89PNG")
    studio.ivrcore("voice", "delete", "right.wav")
    assert (studio.voice("right.wav"), studio.contents()) == (None, 0)
    assert "no voice file" in studio.ivrcore("voice", "delete", "right.wav", status=2)


def test_a_replaced_content_leaves_the_disk(studio: Studio) -> None:
    studio.ivrcore("voice", "import", studio.right)
    wav.write_alaw(studio.right, np.zeros(800, np.int16))
    studio.ivrcore("voice", "import", studio.right)
    assert studio.contents() == 1


def test_a_truncated_file_is_refused(studio: Studio) -> None:
    audio = studio.right.read_bytes()
    studio.right.write_bytes(audio[:-100])
    assert "must be" in studio.ivrcore("voice", "import", studio.right, status=1)
    studio.right.write_bytes(audio[:4] + struct.pack("<I", 1) + audio[8:])
    assert "RIFF size in the header is 1 bytes" in studio.ivrcore("voice", "import", studio.right, status=1)


TSV = "\n".join(
    (
        "id\tname\tcontent",
        "T1\tcode\t您的验证码是${NUM_6}",
        "",
        "T2\tbad\tcode ${NUM_6}",
        "T3\t\t请于${DATE}，${TIME}前",
    )
)


def test_templates_are_imported_from_a_table_and_a_refused_one_is_told(studio: Studio) -> None:
    file = studio.directory / "templates.tsv"
    file.write_text(TSV, encoding="utf-8")
    output = studio.ivrcore("template", "import", file, "--approve", status=1)
    assert "T2: a template begins with a Chinese character" in output
    first, third = studio.template("T1"), studio.template("T3")
    assert first is not None
    assert third is not None
    assert (first.name, first.content, first.state) == ("code", "您的验证码是${NUM_6}", Review.APPROVED)
    assert studio.template("T2") is None


def test_templates_are_imported_from_json_with_ids_made_for_them(studio: Studio) -> None:
    file = studio.directory / "templates.json"
    file.write_text(json.dumps([{"content": "您好"}, {"id": "T1", "content": "再见", "language": "zh"}]))
    made, named = studio.ivrcore("template", "import", file).split()
    assert named == "T1"
    template = studio.template(made)
    assert template is not None
    assert (template.content, template.state) == ("您好", Review.UPLOADED)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("id\tcontent\textra\nT1\t您好\tx\n", "there is no extra"),
        ("id\tcontent\nT1\t\n", "content is missing"),
        ("id\tcontent\nT1\t您好\tx\n", "more cells"),
        ("[1]", "no object"),
        ('[{"content": 1}]', "no object"),
        ("[{", "Expecting"),
    ],
)
def test_a_list_that_cannot_be_read_is_refused_whole(studio: Studio, text: str, told: str) -> None:
    file = studio.directory / "list"
    file.write_text(text, encoding="utf-8")
    assert told in studio.ivrcore("template", "import", file, status=2)
    assert studio.whats() == []


def test_a_template_is_added_reviewed_listed_and_deleted(studio: Studio) -> None:
    studio.ivrcore("template", "add", "您的验证码是${NUM_6}", "--id", "T1", "--name", "code")
    studio.ivrcore("template", "reject", "T1", "--reason", "too short")
    assert "T1\tcode\tzh\trejected\t您的验证码是${NUM_6}\ttoo short" in studio.ivrcore("template", "list")
    studio.ivrcore("template", "approve", "T1")
    studio.ivrcore("template", "delete", "T1")
    assert studio.template("T1") is None
    assert "no template" in studio.ivrcore("template", "delete", "T1", status=2)
    for options, told in ((("--id", "a b"), "1 to 32"), (("--name", "x" * 65), "at most 64")):
        assert told in studio.ivrcore("template", "add", "您好", *options, status=1)


def test_a_batch_shows_its_progress_where_somebody_looks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    things = ["a.wav", "b.wav"]
    assert list(_bar("voice files", things)(things)) == things
    assert capsys.readouterr().err == ""
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert list(_bar("voice files", things)(things)) == things
    captured = capsys.readouterr()
    assert "voice files" in captured.err
    assert captured.out == ""
