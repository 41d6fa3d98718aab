"""The recording of a talk: when there is one, what is in it, and that nothing else is left."""

import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from media.fingerprint import identify
from media.wav import read_info, read_pcm, violations
from tests.e2e.callback.sounds import LENGTH_S, TALK_A, TALK_B
from tests.e2e.callback.stage import QUICK_B, FinishedCall, Scenario

pytestmark = pytest.mark.e2e

ALIGNED_S = 0.020 + 0.020
"""The promise, and a tick of the telephones: each begins to talk within one of its own after its answer."""

RECORDED = Scenario(b=replace(QUICK_B, hang_up_after_s=3.5), options=("--record",))


def recording(call: FinishedCall) -> Path:
    path = Path(call.record["recording"]["path"])
    assert path == call.data.absolute() / "recordings" / f"{call.record['session']}.wav"
    return path


@pytest.mark.scenario(Scenario(b=replace(QUICK_B, hang_up_after_s=2.0), options=("--record",)))
def test_talk_of_two_seconds_leaves_no_file_but_a_reason(call: FinishedCall) -> None:
    assert call.verdict == (0, 0, "B")
    assert call.record["recording"] == {
        "path": None,
        "reason": "the talk was shorter than 3.000 s",
        "duration_s": 0.0,
    }
    assert list((call.data / "recordings").iterdir()) == []
    assert list((call.data / "captures").iterdir()) == []
    assert call.finished.lines[-1] == "recording: none: the talk was shorter than 3.000 s"


@pytest.mark.scenario(RECORDED)
def test_talk_of_three_and_a_half_seconds_leaves_one_file_of_the_service_s_format(call: FinishedCall) -> None:
    path = recording(call)
    assert violations(path) == ()
    assert list((call.data / "recordings").iterdir()) == [path]
    assert list((call.data / "captures").iterdir()) == []
    info = read_info(path)
    talked_s = call.b.at_s("hangup") - call.talk_started_s
    assert talked_s > 3.0
    assert info.duration_s == pytest.approx(talked_s, abs=0.1)
    assert info.duration_s == pytest.approx(call.record["recording"]["duration_s"], abs=0.001)
    assert path.stat().st_size - info.data_bytes < 64


@pytest.mark.skipif(shutil.which("soxi") is None, reason="sox is not installed")
@pytest.mark.scenario(RECORDED)
def test_sox_reads_the_recording_as_a_law_mono_at_8000_hz(call: FinishedCall) -> None:
    facts = [
        subprocess.run(
            ["soxi", option, str(recording(call))], capture_output=True, text=True, check=True
        ).stdout.strip()
        for option in ("-r", "-c", "-e")
    ]
    assert facts == ["8000", "1", "A-law"]


@pytest.mark.scenario(RECORDED)
def test_both_talks_are_in_the_recording_aligned_as_they_were_spoken(call: FinishedCall) -> None:
    pcm = read_pcm(recording(call))
    talks = [signal for signal in call.sounds.known if signal.name in (TALK_A, TALK_B)]
    found = identify(pcm, talks)
    seconds = {
        name: sum(one.end_s - one.start_s for one in found if one.name == name) for name in (TALK_A, TALK_B)
    }
    talked_s = call.b.at_s("hangup") - call.talk_started_s
    assert seconds[TALK_A] > talked_s - 0.1
    # B has just answered: its first samples are 40 ms of our jitter buffer behind.
    assert seconds[TALK_B] > talked_s - 0.2
    began = {
        name: next(one.start_s - one.signal_start_s for one in found if one.name == name) for name in seconds
    }
    apart_s = (began[TALK_B] - began[TALK_A]) - (call.b.at_s("answered") - call.a.at_s("answered"))
    length_s = LENGTH_S[TALK_A]
    assert abs((apart_s + length_s / 2) % length_s - length_s / 2) <= ALIGNED_S


@pytest.mark.scenario(replace(RECORDED, options=()))
def test_without_record_nothing_is_written(call: FinishedCall) -> None:
    assert call.record["recording"] is None
    assert list(call.data.glob("captures/*")) == []
    assert list(call.data.glob("recordings/*")) == []
