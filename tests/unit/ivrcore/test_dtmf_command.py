"""`ivrcore dtmf`: the keys of a file as lines, as JSON and as a picture; bad files in one line."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from media.types import Pcm16
from media.wav import write_alaw


def keys(sent: list[tuple[float, float]], tone_ms: int = 80, pause_ms: int = 80) -> Pcm16:
    """Pairs of frequencies at -9 dBm0 a tone, one after the other, each after a pause."""
    amplitude = 32767 * 10 ** ((-9 - 3.14) / 20)
    parts = []
    for low_hz, high_hz in sent:
        at_s = np.arange(tone_ms * 8) / 8000
        parts.append(np.zeros(pause_ms * 8))
        parts.append(amplitude * (np.sin(2 * np.pi * low_hz * at_s) + np.sin(2 * np.pi * high_hz * at_s)))
    return np.concatenate([*parts, np.zeros(pause_ms * 8)]).round().astype(np.int16)


ONE_NINE_HASH = [(697.0, 1209.0), (852.0, 1477.0), (941.0, 1477.0)]


def run(*arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "ivrcore", "dtmf", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "keys.wav"
    write_alaw(path, keys(ONE_NINE_HASH))
    return path


def test_keys_come_as_lines_with_start_and_length(recording: Path) -> None:
    done = run(str(recording))
    assert done.returncode == 0
    lines = [line.split() for line in done.stdout.splitlines()]
    assert [line[0] for line in lines] == ["1", "9", "#"]
    # 80 ms of pause, then 160 ms from one start to the next
    assert [float(line[1]) for line in lines] == pytest.approx([0.080, 0.240, 0.400], abs=0.003)
    assert all(int(line[3]) == pytest.approx(80, abs=3) for line in lines)


def test_json_is_a_list_of_digits_with_times(recording: Path) -> None:
    found = json.loads(run(str(recording), "--json").stdout)
    assert [entry["digit"] for entry in found] == ["1", "9", "#"]
    assert found[2]["end_s"] - found[2]["start_s"] == pytest.approx(0.080, abs=0.003)


def test_picture_is_a_png(recording: Path, tmp_path: Path) -> None:
    picture = tmp_path / "keys.png"
    assert run(str(recording), "--plot", str(picture)).returncode == 0
    assert picture.read_bytes().startswith(b"\x89PNG")


def test_file_without_keys_prints_nothing(tmp_path: Path) -> None:
    write_alaw(tmp_path / "silence.wav", np.zeros(8000, dtype=np.int16))
    done = run(str(tmp_path / "silence.wav"))
    assert (done.returncode, done.stdout) == (0, "")


@pytest.mark.parametrize("arguments", [["missing.wav"], [__file__]])
def test_file_that_is_no_audio_is_named_in_one_line(arguments: list[str]) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert Path(arguments[0]).name in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_picture_that_cannot_be_written_is_named(recording: Path) -> None:
    done = run(str(recording), "--plot", "/nonexistent/keys.png")
    assert done.returncode == 2
    assert "/nonexistent/keys.png" in done.stderr
    assert "Traceback" not in done.stderr
