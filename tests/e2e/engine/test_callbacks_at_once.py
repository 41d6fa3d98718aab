"""One worker of our own build of pjsua2 carries a hundred recorded callbacks at once, and each is right."""

import json
import os
import random
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from media.fingerprint import KnownSignal, identify
from media.g711 import alaw_encode
from media.testsignal import talk
from media.wav import read_pcm, violations
from sip.engine_choice import VARIABLE, chosen_engine
from sip.errors import SipConfigError
from tests.e2e.callback.core import ROOT
from tests.e2e.foreign.tools import require

CALLS = 100
EVERY_S = 0.05
TALK_S = 8.0
TALK_FILE_S = 4.0
SAMPLED = 20
"""Recordings that are listened to; every one is measured."""
DEADLINE_S = 90.0

SCENARIO = Path(__file__).with_name("sipp") / "talks.xml"

Facts = dict[str, Any]


def own_engine() -> Path | None:
    """What `make engine` built, None where there is none."""
    try:
        return chosen_engine({**os.environ, VARIABLE: os.environ.get(VARIABLE) or "own"})
    except SipConfigError:
        return None


pytestmark = [
    pytest.mark.e2e,
    pytest.mark.skipif(own_engine() is None, reason="no engine of our own: make engine"),
]


@contextmanager
def crowd(folder: Path, seed: int, talk_ms: int) -> Iterator[str]:
    """Telephones on one SIP port that all talk with this voice; yields what to dial."""
    folder.mkdir()
    (folder / "talk.alaw").write_bytes(alaw_encode(talk(seed, TALK_FILE_S)).tobytes())
    (folder / SCENARIO.name).write_text(SCENARIO.read_text().replace("TALK_MS", str(talk_ms)))
    port = free_port()
    command = [
        *(require("sipp"), "-sf", SCENARIO.name, "-nostdin", "-i", "127.0.0.1", "-p", str(port)),
        *("-mi", "127.0.0.1", "-mp", str(free_media_ports()), "-timeout", f"{DEADLINE_S:.0f}s"),
        *("-trace_err", "-error_file", str(folder / "errors.log")),
    ]
    with subprocess.Popen(
        command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            time.sleep(0.5)
            assert process.poll() is None, "SIPp did not start"
            yield f"sip:talker@127.0.0.1:{port}"
        finally:
            process.kill()


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def free_media_ports() -> int:
    """The first of a thousand ports for SIPp's streams, below the core's; another SIPp may have some."""
    for first in random.sample(range(3000, 15000, 1000), k=12):
        try:
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
                probe.bind(("127.0.0.1", first))
                return first
        except OSError:
            continue
    raise AssertionError("no free media ports")


@pytest.fixture(scope="module")
def facts(tmp_path_factory: pytest.TempPathFactory) -> Facts:
    """What the program told of its hundred calls."""
    folder = tmp_path_factory.mktemp("at-once")
    engine = own_engine()
    with ExitStack() as parties:
        a = parties.enter_context(crowd(folder / "a", 0, talk_ms=60_000))
        b = parties.enter_context(crowd(folder / "b", 1, talk_ms=round(TALK_S * 1000)))
        job = {"a": a, "b": b, "data": str(folder / "data"), "calls": CALLS, "every_s": EVERY_S}
        done = subprocess.run(
            [
                sys.executable,
                "-X",
                "faulthandler",
                "-m",
                "tests.e2e.engine.callbacks_at_once",
                json.dumps(job),
            ],
            cwd=ROOT,
            env={**os.environ, VARIABLE: str(engine)},
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
        )
    assert (done.returncode, done.stderr) == (0, "")
    told: Facts = json.loads(done.stdout)
    return told


def test_our_own_build_carries_them(facts: Facts) -> None:
    assert "own build" in facts["limits"]
    assert ", 1024 legs at once" in facts["limits"]


def test_two_hundred_legs_are_up_at_once(facts: Facts) -> None:
    assert facts["legs_at_once"] == 2 * CALLS


def test_every_call_talked_and_ended_normally(facts: Facts) -> None:
    assert [(call["stateCode"], call["talked"]) for call in facts["calls"]] == [(0, True)] * CALLS


def test_every_call_has_its_recording_of_the_whole_talk(facts: Facts) -> None:
    paths = [Path(call["recording"]["path"]) for call in facts["calls"]]
    assert len(set(paths)) == CALLS
    assert [violations(path) for path in paths] == [()] * CALLS
    durations_s = [call["recording"]["duration_s"] for call in facts["calls"]]
    assert min(durations_s) > TALK_S - 0.2
    assert max(durations_s) < TALK_S + 0.5


@pytest.mark.parametrize("sample", range(SAMPLED))
def test_both_talks_are_in_the_recording_from_end_to_end(facts: Facts, sample: int) -> None:
    call = facts["calls"][sample * CALLS // SAMPLED]
    known = [KnownSignal(name, talk(seed, TALK_FILE_S), loop=True) for seed, name in enumerate(("a", "b"))]
    found = identify(read_pcm(Path(call["recording"]["path"])), known)
    heard_s = {name: sum(one.end_s - one.start_s for one in found if one.name == name) for name in "ab"}
    assert min(heard_s.values()) > TALK_S - 0.4, found
