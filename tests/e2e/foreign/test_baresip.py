"""A whole callback between two registered softphones that others wrote, once with each codec."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest

from media.fingerprint import identify
from media.wav import read_pcm, violations, write_alaw
from tests.e2e.asterisk.testbed_client import Testbed
from tests.e2e.callback.core import Core, Finished
from tests.e2e.callback.ear import EDGE_S, Ear
from tests.e2e.callback.sounds import HINT, PRE_VOICE, TALK_A, TALK_B, Sounds
from tests.e2e.foreign.baresip import CODECS, Baresip
from tests.e2e.foreign.tools import require

pytestmark = [pytest.mark.e2e, pytest.mark.asterisk]

ACCOUNTS = {"PCMA": ("1001", "1002"), "PCMU": ("1003", "1004"), "G722": ("1005", "1006")}
TALK_S = 4.0
STUMBLES_S = 0.4
CALL_S = 40.0


@dataclass(frozen=True)
class Callback:
    """One callback that is over."""

    finished: Finished
    ear_a: Ear
    ear_b: Ear
    spoken: tuple[set[str], set[str]]
    """The codecs each baresip says it used."""
    ours: list[str]
    """The codec of every stream the core opened."""
    sounds: Sounds


@pytest.fixture(scope="module")
def callbacks(
    testbed: Testbed, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Callback]]]:
    """One callback with each codec, all at once."""
    require("baresip")
    folder = tmp_path_factory.mktemp("baresip")
    sounds = Sounds(folder)
    with ThreadPoolExecutor(len(CODECS)) as pool:
        yield {codec: pool.submit(call_back, codec, testbed, folder / codec, sounds) for codec in CODECS}


@pytest.fixture(params=list(CODECS))
def callback(request: pytest.FixtureRequest, callbacks: dict[str, Future[Callback]]) -> tuple[str, Callback]:
    """A codec and its callback."""
    return request.param, callbacks[request.param].result()


def call_back(codec: str, testbed: Testbed, folder: Path, sounds: Sounds) -> Callback:
    """Two baresips that know one codec, and a core that offers no other.

    Asterisk answers by its own order (PCMA first) and transcodes, so it would decide among several.
    """
    trace = folder / "core.trace"
    talks = [read_pcm(Path(sounds.path(name))) for name in (TALK_A, TALK_B)]
    options = [
        *("--trunk", f"127.0.0.1:{testbed.sip_port}", "--codecs", codec),
        *("--display-a", "95588", "--display-b", "95588", "--json", "--record"),
        *("--pre-voice", sounds.path(PRE_VOICE), "--record-hint", sounds.path(HINT)),
        *("--data", str(folder / "data"), "--trace", str(trace)),
    ]
    with ExitStack() as stack:
        a, b = (
            stack.enter_context(Baresip(account, testbed.sip_port, folder / account, codec, talk))
            for account, talk in zip(ACCOUNTS[codec], talks, strict=True)
        )
        for phone in (a, b):
            phone.wait_until_registered()
        core = stack.enter_context(Core(*ACCOUNTS[codec], *options))
        core.wait_for("A and B hear each other")
        time.sleep(TALK_S)  # the talk itself
        b.hang_up()
        finished = core.finish(deadline_s=CALL_S)
        a.wait_for("session closed", deadline_s=5.0)
    ears = []
    for phone, name in ((a, "a"), (b, "b")):
        path = folder / f"heard-{name}.wav"
        write_alaw(path, phone.heard())
        ears.append(Ear.of(path, 0.0, sounds.known))
    streams = re.findall(r"Audio updated, stream #0: (\w+)", trace.read_text(errors="replace"))
    return Callback(finished, ears[0], ears[1], (a.codecs, b.codecs), streams, sounds)


def test_baresips_hear_the_prompts_and_then_each_other(callback: tuple[str, Callback]) -> None:
    _, call = callback
    assert call.ear_a.order() == [PRE_VOICE, HINT, TALK_B]
    assert call.ear_b.order() == [HINT, TALK_A]
    for ear, talk in ((call.ear_a, TALK_B), (call.ear_b, TALK_A)):
        heard = [one for one in ear.stretches if one.name == talk]
        assert sum(one.end_s - one.start_s for one in heard) > TALK_S - STUMBLES_S
        assert abs(heard[0].level_db) < 1.0
        assert ear.unexplained() == []


def test_prompts_are_whole_at_a_baresip(callback: tuple[str, Callback]) -> None:
    _, call = callback
    assert call.ear_a.heard_whole(PRE_VOICE)
    assert call.ear_a.heard_whole(HINT)
    assert call.ear_b.heard_whole(HINT)
    assert call.ear_a.first(PRE_VOICE).end_s <= call.ear_a.first(HINT).start_s + EDGE_S


def test_codec_is_the_same_from_the_core_to_the_telephones(callback: tuple[str, Callback]) -> None:
    codec, call = callback
    assert call.spoken == ({codec}, {codec})
    assert set(call.ours) == {codec}
    assert len(call.ours) >= 2  # a stream to each party


def test_record_tells_of_a_normal_call_that_b_ended(callback: tuple[str, Callback]) -> None:
    _, call = callback
    record = call.finished.record
    assert call.finished.status == 0
    assert (record["stateCode"], record["releasePoint"], record["endedBy"]) == (0, 0, "B")
    assert [(leg["q850"], leg["sipStatus"]) for leg in record["legs"].values()] == [(16, 0), (16, 0)]


def test_recording_has_what_both_baresips_said(callback: tuple[str, Callback]) -> None:
    _, call = callback
    path = Path(call.finished.record["recording"]["path"])
    assert violations(path) == ()
    talks = [signal for signal in call.sounds.known if signal.name in (TALK_A, TALK_B)]
    heard = identify(read_pcm(path), talks)
    for talk in (TALK_A, TALK_B):
        seconds = sum(one.end_s - one.start_s for one in heard if one.name == talk)
        assert seconds > TALK_S - STUMBLES_S
