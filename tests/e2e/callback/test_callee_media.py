"""What A hears of B's side before B answers: calleeMedia, early media, and a 183 that brings none."""

import time
from pathlib import Path

import numpy as np
import pytest

from media.fingerprint import identify
from media.g711 import alaw_decode
from media.types import SAMPLE_RATE_HZ
from sip.softphone import Script
from tests.e2e.callback.conftest import NewPhone
from tests.e2e.callback.core import Core
from tests.e2e.callback.ear import EAR_S, EDGE_S, PAUSE_S, Ear
from tests.e2e.callback.sounds import EARLY_MEDIA_B, RINGBACK, TALK_A, TALK_B, WAIT_VOICE, Sounds
from tests.e2e.callback.stage import FinishedCall, Scenario
from tests.e2e.loopback.wirephone import PCMA, WirePhone

pytestmark = pytest.mark.e2e

SENDS_EARLY_MEDIA = Script(
    ring_after_s=None,
    progress_after_s=0.8,
    early_media=EARLY_MEDIA_B,
    answer_after_s=2.4,
    talk=TALK_B,
    hang_up_after_s=1.0,
)
RINGS_THEN_SENDS_EARLY_MEDIA = Script(
    ring_after_s=0.5,
    progress_after_s=1.8,
    early_media=EARLY_MEDIA_B,
    answer_after_s=3.2,
    talk=TALK_B,
    hang_up_after_s=1.0,
)
ANNOUNCES_AND_FAILS = Script(
    ring_after_s=None,
    progress_after_s=0.8,
    progress_reason=1,
    early_media=EARLY_MEDIA_B,
    answer_after_s=2.4,
    reject=404,
)


def with_wait_voice(callee_media: str) -> tuple[str, ...]:
    return ("--wait-voice", WAIT_VOICE, "--callee-media", callee_media)


def follows(ear: Ear, before: str, after: str) -> None:
    assert -EDGE_S <= ear.first(after).start_s - ear.last(before).end_s < PAUSE_S


@pytest.mark.scenario(Scenario(b=SENDS_EARLY_MEDIA, options=with_wait_voice("all")))
def test_all_lets_early_media_take_the_place_of_wait_voice(call: FinishedCall) -> None:
    assert call.ear_a.order() == [WAIT_VOICE, EARLY_MEDIA_B, TALK_B]
    follows(call.ear_a, WAIT_VOICE, EARLY_MEDIA_B)
    assert call.ear_a.last(EARLY_MEDIA_B).end_s > call.b.at_s("answered") - EAR_S
    assert call.ear_b.order() == [TALK_A]
    # Early media is heard one way only: B hears A from the answer on.
    assert call.ear_b.first(TALK_A).start_s > call.b.at_s("answered")
    assert call.record["legs"]["B"]["rangAt"] is not None


@pytest.mark.scenario(Scenario(b=RINGS_THEN_SENDS_EARLY_MEDIA, options=with_wait_voice("all")))
def test_all_lets_early_media_take_the_place_of_ringback(call: FinishedCall) -> None:
    assert call.ear_a.order() == [WAIT_VOICE, RINGBACK, EARLY_MEDIA_B, TALK_B]
    follows(call.ear_a, WAIT_VOICE, RINGBACK)
    assert call.ear_a.last(RINGBACK).end_s <= call.ear_a.first(EARLY_MEDIA_B).start_s + EDGE_S


@pytest.mark.scenario(Scenario(b=RINGS_THEN_SENDS_EARLY_MEDIA, options=with_wait_voice("none")))
def test_none_keeps_wait_voice_until_the_answer(call: FinishedCall) -> None:
    assert call.ear_a.order() == [WAIT_VOICE, TALK_B]
    assert call.ear_a.last(WAIT_VOICE).end_s > call.b.at_s("answered") - EDGE_S
    assert call.record["legs"]["B"]["rangAt"] is not None


@pytest.mark.scenario(Scenario(b=SENDS_EARLY_MEDIA, options=with_wait_voice("fail")))
def test_fail_passes_no_early_media_of_a_call_that_succeeds(call: FinishedCall) -> None:
    assert call.ear_a.order() == [WAIT_VOICE, TALK_B]
    assert call.verdict == (0, 0, "B")


@pytest.mark.parametrize(
    "mode",
    [
        pytest.param(mode, marks=pytest.mark.scenario(Scenario(b=ANNOUNCES_AND_FAILS, options=options)))
        for mode, options in ((mode, with_wait_voice(mode)) for mode in ("all", "fail"))
    ],
)
def test_failure_announcement_is_heard_and_on_record(call: FinishedCall, mode: str) -> None:
    assert call.ear_a.order() == [WAIT_VOICE, EARLY_MEDIA_B]
    follows(call.ear_a, WAIT_VOICE, EARLY_MEDIA_B)
    assert call.verdict == (8002, 518, "platform")
    leg = call.record["legs"]["B"]
    assert (leg["q850"], leg["sipStatus"], leg["rangAt"]) == (1, 404, None)
    assert 0 <= call.a.at_s("ended") - call.b.at_s("hangup") < 0.1
    assert call.finished.status == 1


@pytest.mark.scenario(Scenario(b=ANNOUNCES_AND_FAILS, options=with_wait_voice("none")))
def test_none_keeps_a_failure_announcement_from_a(call: FinishedCall) -> None:
    assert call.ear_a.order() == [WAIT_VOICE]
    assert call.verdict[0] == 8002


def test_a_183_without_rtp_leaves_wait_voice_playing(
    new_phone: NewPhone, wire: WirePhone, sounds: Sounds, tmp_path: Path
) -> None:
    heard_a = tmp_path / "heard-a.wav"
    a = new_phone(Script(ring_after_s=0.05, answer_after_s=0.2, talk=TALK_A, hear=str(heard_a)))
    options = [sounds.path(option) for option in with_wait_voice("all")]
    with Core(a.uri, wire.uri, "--json", "--data", str(tmp_path / "data"), *options) as core:
        invite = wire.expect("INVITE", deadline_s=30.0)
        wire.respond(invite, "183 Session Progress", media=True)
        time.sleep(1.5)  # the stretch of waitVoice in question; there is no event to wait for
        wire.respond(invite, "200 OK", media=True)
        answered_s = wire.expect("ACK").at_s
        n_before = len(wire.packets)
        wire.wait_for_packets(n_before + 60)
        wire.bye(invite)
        finished = core.finish()
    a.wait("captured")
    ear = Ear.of(heard_a, float(a.wait("capture")["at_s"]), sounds.known)
    assert ear.order() == [WAIT_VOICE]
    assert abs(ear.last(WAIT_VOICE).end_s - answered_s - EAR_S / 2) < EAR_S / 2 + EDGE_S
    assert finished.record["legs"]["B"]["rangAt"] is None
    codes = b"".join(packet.payload for packet in wire.packets if packet.payload_type == PCMA)
    on_the_wire = alaw_decode(np.frombuffer(codes, dtype=np.uint8))
    assert {one.name for one in identify(on_the_wire, sounds.known)} == {TALK_A}
    assert on_the_wire.size > SAMPLE_RATE_HZ
