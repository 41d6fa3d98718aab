"""A core killed or interrupted in mid-call: what the next start makes of it, and what the parties see."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from media.fingerprint import identify
from media.wav import read_info, read_pcm, violations
from sip.softphone import Script
from tests.e2e.callback.conftest import NewPhone
from tests.e2e.callback.core import DEADLINE_S, Core, Finished, run_core
from tests.e2e.callback.ear import EDGE_S
from tests.e2e.callback.sounds import TALK_A, TALK_B, Sounds
from tests.e2e.loopback.parties import Phone

pytestmark = pytest.mark.e2e

LOST_S = 1.0
"""The most audio a kill may cost."""

AT_ONCE_S = 0.1


class Parties(NamedTuple):
    """Two telephones that talk until they are hung up."""

    a: Phone
    b: Phone


@pytest.fixture
def talkers(new_phone: NewPhone) -> Parties:
    """They are in a call that nobody ends after a kill: the pool hangs it up."""
    return Parties(
        new_phone(Script(ring_after_s=0.05, answer_after_s=0.2, talk=TALK_A)),
        new_phone(Script(ring_after_s=0.05, answer_after_s=0.2, talk=TALK_B)),
    )


def recording_core(talkers: Parties, data: Path, *options: str) -> Core:
    return Core(talkers.a.uri, talkers.b.uri, "--record", "--json", "--data", str(data), *options)


def next_start(new_phone: NewPhone, data: Path) -> Finished:
    """A later call of the same user, which A refuses."""
    busy = new_phone(Script(ring_after_s=None, answer_after_s=0.0, reject=486))
    return run_core(busy.uri, busy.uri, "--data", str(data))


def wait_until(fact: Callable[[], bool], what: str) -> None:
    until_s = time.monotonic() + DEADLINE_S
    while not fact():
        assert time.monotonic() < until_s, f"not in {DEADLINE_S} s: {what}"
        time.sleep(0.02)


def captured_s(data: Path) -> float:
    """The least that is on disk of either leg."""
    sizes = [path.stat().st_size for path in data.glob("captures/**/leg-*.wav")]
    return min(sizes, default=0) / 8000 if len(sizes) == 2 else 0.0


def captures(data: Path) -> list[Path]:
    return list(data.glob("captures/**/*.wav")) + list(data.glob("captures/**/*.json"))


def test_killed_core_s_recording_is_finished_by_the_next_start(
    talkers: Parties, new_phone: NewPhone, sounds: Sounds, tmp_path: Path
) -> None:
    with recording_core(talkers, tmp_path) as core:
        core.wait_for("recording starts")
        started_s = time.monotonic()
        wait_until(lambda: captured_s(tmp_path) > 4.0, "four seconds on disk")
        killed_s = time.monotonic()
        core.kill()
    assert list((tmp_path / "recordings").iterdir()) == []
    assert len(captures(tmp_path)) == 3

    finished = next_start(new_phone, tmp_path)
    (path,) = (tmp_path / "recordings").iterdir()
    assert finished.lines[0] == f"finished the recording of an interrupted call, {path.stem}: {path}"
    assert violations(path) == ()
    duration_s = read_info(path).duration_s
    assert killed_s - started_s - LOST_S < duration_s < killed_s - started_s + 0.5
    found = identify(read_pcm(path), sounds.known)
    assert {one.name for one in found} == {TALK_A, TALK_B}
    # Both legs reach to within a flush of the end: the shorter one is padded, not cut to a stump.
    for name in (TALK_A, TALK_B):
        assert max(one.end_s for one in found if one.name == name) > duration_s - LOST_S
    assert captures(tmp_path) == []
    assert list(tmp_path.glob("**/*.part")) == []


def test_interrupted_call_is_told_once_only(talkers: Parties, new_phone: NewPhone, tmp_path: Path) -> None:
    with recording_core(talkers, tmp_path) as core:
        wait_until(lambda: captured_s(tmp_path) > 1.0, "a second on disk")
        core.kill()
    told = next_start(new_phone, tmp_path).lines[0]
    assert told.startswith("finished the recording of an interrupted call, ")
    assert "none: " in told
    assert list((tmp_path / "recordings").iterdir()) == []
    assert captures(tmp_path) == []
    assert next_start(new_phone, tmp_path).lines[0].startswith("SIP on ")


def test_start_of_a_second_core_leaves_a_running_recording_alone(
    talkers: Parties, new_phone: NewPhone, tmp_path: Path
) -> None:
    with recording_core(talkers, tmp_path) as core:
        wait_until(lambda: captured_s(tmp_path) > 1.0, "a second on disk")
        assert next_start(new_phone, tmp_path).lines[0].startswith("SIP on ")
        wait_until(lambda: captured_s(tmp_path) > 3.2, "more than three seconds on disk")
        talkers.b.say("hangup")
        finished = core.finish()
    path = Path(finished.record["recording"]["path"])
    assert read_info(path).duration_s > 3.2
    assert violations(path) == ()


def test_ctrl_c_in_the_talk_ends_both_legs_and_writes_record_and_recording(
    talkers: Parties, sounds: Sounds, tmp_path: Path
) -> None:
    with recording_core(talkers, tmp_path) as core:
        core.wait_for("recording starts")
        wait_until(lambda: captured_s(tmp_path) > 3.2, "more than three seconds on disk")
        interrupted_s = time.monotonic()
        core.interrupt()
        finished = core.finish()
    for phone in talkers:
        ended = phone.wait("ended")
        assert (ended["q850"], ended["status"], ended["by_remote"]) == (16, 0, True)
        assert 0 < ended["at_s"] - interrupted_s < AT_ONCE_S
    record = finished.record
    assert (finished.status, record["stateCode"], record["endedBy"]) == (0, 8017, "platform")
    path = Path(record["recording"]["path"])
    assert violations(path) == ()
    pcm = read_pcm(path)
    assert {one.name for one in identify(pcm, sounds.known)} == {TALK_A, TALK_B}
    assert pcm.size / 8000 == pytest.approx(record["recording"]["duration_s"], abs=EDGE_S)
    assert captures(tmp_path) == []
    assert "Traceback" not in finished.stderr


def test_ctrl_c_while_b_rings_ends_both_legs(new_phone: NewPhone, tmp_path: Path) -> None:
    a = new_phone(Script(ring_after_s=None, answer_after_s=0.0))
    b = new_phone(Script(ring_after_s=0.0, answer_after_s=None))
    with recording_core(Parties(a, b), tmp_path) as core:
        core.wait_for("B rings")
        interrupted_s = time.monotonic()
        core.interrupt()
        finished = core.finish()
    assert 0 < a.wait("ended")["at_s"] - interrupted_s < AT_ONCE_S
    cancelled = b.wait("ended")
    assert cancelled["status"] == 487
    assert 0 < cancelled["at_s"] - interrupted_s < AT_ONCE_S
    assert (finished.status, finished.record["stateCode"]) == (1, 8017)
    assert "Traceback" not in finished.stderr
    assert captures(tmp_path) == []
