"""What a leg sends and hears, measured on the wire: prompts to the sample, early media, digits, captures."""

import math
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from media.g711 import alaw_encode
from media.level import level_dbm0
from media.testsignal import LEVEL_DBM0, talk
from media.wav import read_info, read_pcm
from sip.engine_choice import chosen_engine
from tests.e2e.loopback.parties import Core, Phone
from tests.e2e.loopback.wirephone import PACKET_SAMPLES, PCMA, TELEPHONE_EVENT, SipMessage, WirePhone

pytestmark = pytest.mark.e2e

TICK_S = 0.02
SILENCE = {0xD5, 0x55}
"""A-law of +0 and -0 (ITU-T G.711)."""


def answered(core: Core, wire: WirePhone, **more: Any) -> SipMessage:
    core.dial("A", wire.uri, **more)
    invite = wire.expect("INVITE")
    wire.respond(invite, "200 OK", media=True)
    wire.expect("ACK")
    core.wait("LegAnswered")
    return invite


def hung_up(core: Core, wire: WirePhone) -> None:
    core.hang_up("A")
    wire.respond(wire.expect("BYE"), "200 OK")
    core.wait("LegHungUp")


def codes_of(path: Path) -> bytes:
    return alaw_encode(read_pcm(path)).tobytes()


# -- prompts ------------------------------------------------------------------------------------------------


def test_first_packet_after_the_answer_carries_the_first_samples_of_the_cue(
    core: Core, wire: WirePhone, talks: dict[str, Path]
) -> None:
    core.dial("A", wire.uri, cue=str(talks["prompt"]))
    invite = wire.expect("INVITE")
    assert wire.packets == []
    wire.respond(invite, "200 OK", media=True)
    ack = wire.expect("ACK")
    n_packets = 50  # the whole prompt of one second
    packets = wire.wait_for_packets(n_packets)[:n_packets]
    assert packets[0].at_s - ack.at_s < 2 * TICK_S
    assert {packet.payload_type for packet in packets} == {PCMA}
    assert b"".join(packet.payload for packet in packets) == codes_of(talks["prompt"])
    assert np.unique(np.diff([packet.timestamp_ticks for packet in packets])).tolist() == [PACKET_SAMPLES]
    hung_up(core, wire)


def test_stopped_cue_stays_silent_through_a_re_invite(
    core: Core, wire: WirePhone, talks: dict[str, Path]
) -> None:
    core.dial("A", wire.uri, cue=str(talks["prompt"]))
    invite = wire.expect("INVITE")
    wire.respond(invite, "200 OK", media=True)
    wire.expect("ACK")
    wire.wait_for_packets(10)
    core.order("stop", leg="A", playback="cue")
    wire.wait_for_packets(20)
    wire.invite_again(invite)
    renewed = len(wire.packets)
    packets = wire.wait_for_packets(renewed + 30)[20:]
    assert {code for packet in packets for code in packet.payload} <= SILENCE
    hung_up(core, wire)


def test_cue_goes_on_through_a_re_invite(core: Core, wire: WirePhone, talks: dict[str, Path]) -> None:
    core.dial("A", wire.uri, cue=str(talks["prompt"]))
    invite = wire.expect("INVITE")
    wire.respond(invite, "200 OK", media=True)
    wire.expect("ACK")
    wire.wait_for_packets(10)
    wire.invite_again(invite)
    core.wait("PlaybackEnded", playback="cue")
    sent = b"".join(packet.payload for packet in wire.packets)
    codes = codes_of(talks["prompt"])
    assert codes[-20 * PACKET_SAMPLES :] in sent
    hung_up(core, wire)


def test_cue_waits_through_a_provisional_response_with_media(
    core: Core, wire: WirePhone, talks: dict[str, Path]
) -> None:
    core.dial("A", wire.uri, cue=str(talks["prompt"]))
    invite = wire.expect("INVITE")
    wire.respond(invite, "183 Session Progress", media=True)
    early = len(wire.wait_for_packets(10))
    assert all(set(packet.payload) <= SILENCE for packet in wire.packets[:early])
    wire.respond(invite, "200 OK", media=True)
    wire.expect("ACK")
    packets = wire.wait_for_packets(early + 60)
    sent = b"".join(packet.payload for packet in packets)
    assert codes_of(talks["prompt"])[: 40 * PACKET_SAMPLES] in sent
    hung_up(core, wire)


def test_prompt_arrives_whole_and_its_end_is_reported_within_two_ticks(
    core: Core, wire: WirePhone, talks: dict[str, Path]
) -> None:
    answered(core, wire)
    core.order("play", leg="A", playback="p", path=str(talks["prompt"]))
    ended = core.wait("PlaybackEnded", playback="p")
    packets = wire.packets
    sent = b"".join(packet.payload for packet in packets)
    prompt = codes_of(talks["prompt"])
    start = sent.index(prompt)
    last = packets[(start + len(prompt) - 1) // PACKET_SAMPLES]
    assert -0.005 < ended["at_s"] - last.at_s < 2 * TICK_S + 0.02
    assert len(core.all("PlaybackEnded")) == 1
    hung_up(core, wire)


def test_stopped_prompt_falls_silent_and_reports_no_end(
    core: Core, wire: WirePhone, talks: dict[str, Path]
) -> None:
    answered(core, wire)
    core.order("play", leg="A", playback="p", path=str(talks["prompt"]))
    wire.wait_for_packets(len(wire.packets) + 15)
    core.order("stop", leg="A", playback="p")
    core.order("level", leg="A")
    core.wait("level")  # the order before it was carried out
    settled = len(wire.packets) + 3
    packets = wire.wait_for_packets(settled + 50)
    assert all(set(packet.payload) <= SILENCE for packet in packets[settled:])
    assert core.all("PlaybackEnded") == []
    hung_up(core, wire)


def test_loop_goes_on_without_a_seam_until_it_is_stopped(
    core: Core, wire: WirePhone, talks: dict[str, Path]
) -> None:
    answered(core, wire)
    core.order("play", leg="A", playback="p", path=str(talks["prompt"]), loop=True)
    sent = b"".join(packet.payload for packet in wire.wait_for_packets(130))
    prompt = codes_of(talks["prompt"])
    assert prompt + prompt in sent
    hung_up(core, wire)


@pytest.mark.parametrize("content", [None, b"no audio at all"])
def test_prompt_that_cannot_be_played_is_reported_and_the_call_lives_on(
    core: Core, wire: WirePhone, tmp_path: Path, content: bytes | None
) -> None:
    broken = tmp_path / "broken.wav"
    if content is not None:
        broken.write_bytes(content)
    answered(core, wire)
    core.order("play", leg="A", playback="p", path=str(broken))
    failed = core.wait("PlaybackFailed", playback="p")
    assert "broken.wav" in failed["reason"]
    assert core.all("LegHungUp") == []
    hung_up(core, wire)


def test_cue_that_cannot_be_played_is_reported_before_the_answer(
    core: Core, wire: WirePhone, tmp_path: Path
) -> None:
    answered(core, wire, cue=str(tmp_path / "missing.wav"))
    reports = [report["event"] for report in core.reports]
    assert reports.index("PlaybackFailed") < reports.index("LegAnswered")
    hung_up(core, wire)


# -- early media --------------------------------------------------------------------------------------------


def test_early_media_is_rtp_and_not_a_bare_183(core: Core, wire: WirePhone) -> None:
    core.dial("A", wire.uri)
    invite = wire.expect("INVITE")
    wire.respond(invite, "183 Session Progress", media=True)
    core.wait("LegProgressed", status=183)
    wire.wait_for_packets(15)  # 300 ms of our own RTP later there is still none of theirs
    assert core.all("LegEarlyMediaStarted") == []
    wire.speak(invite, bytes(alaw_encode(talk(1, 0.2))))
    started = core.wait("LegEarlyMediaStarted")
    assert started["leg"] == "A"
    wire.respond(invite, "200 OK", media=True)
    wire.expect("ACK")
    core.wait("LegAnswered")
    assert len(core.all("LegEarlyMediaStarted")) == 1
    hung_up(core, wire)


def test_rtp_after_the_answer_is_no_early_media(core: Core, wire: WirePhone) -> None:
    invite = answered(core, wire)
    wire.speak(invite, bytes(alaw_encode(talk(1, 0.2))))
    hung_up(core, wire)
    assert core.all("LegEarlyMediaStarted") == []


# -- digits -------------------------------------------------------------------------------------------------


def test_digits_reach_a_softphone_once_each_and_in_order(core: Core, new_phone: Callable[..., Phone]) -> None:
    phone = new_phone(answer_after_s=0.0)
    core.dial("A", phone.uri)
    core.wait("LegAnswered")
    core.order("send_digits", leg="A", digits="12*#0")
    phone.wait("digit", digit="0")
    assert [report["digit"] for report in phone.all("digit")] == list("12*#0")
    assert {report["transport"] for report in phone.all("digit")} == {"rfc4733"}
    core.hang_up("A")
    core.wait("LegHungUp")


def test_digits_of_a_softphone_are_reported_once_each_and_in_order(
    core: Core, new_phone: Callable[..., Phone]
) -> None:
    phone = new_phone(answer_after_s=0.0, digits_after_s=0.2, digits="A9#1")
    core.dial("A", phone.uri)
    core.wait("DigitReceived", digit="1")
    digits = core.all("DigitReceived")
    assert [report["digit"] for report in digits] == list("A9#1")
    assert {report["transport"] for report in digits} == {"rfc4733"}
    core.hang_up("A")
    core.wait("LegHungUp")


def test_digit_is_sent_as_one_event_with_three_end_packets(core: Core, wire: WirePhone) -> None:
    answered(core, wire)
    core.order("send_digits", leg="A", digits="5")
    while not any(
        packet.payload_type == TELEPHONE_EVENT and packet.payload[1] & 0x80 for packet in wire.packets
    ):
        wire.wait_for_packets(len(wire.packets) + 1)
    packets = [
        packet for packet in wire.wait_for_packets(len(wire.packets) + 5) if packet.payload_type == 101
    ]
    assert {packet.payload[0] for packet in packets} == {5}
    assert len({packet.timestamp_ticks for packet in packets}) == 1  # RFC 4733 section 2.2
    assert [packet.marker for packet in packets] == [True] + [False] * (len(packets) - 1)
    assert sum(bool(packet.payload[1] & 0x80) for packet in packets) == 3  # section 2.5.1.4
    durations_ticks = [struct.unpack("!H", packet.payload[2:4])[0] for packet in packets]
    assert durations_ticks == sorted(durations_ticks)
    assert abs(durations_ticks[-1] - 1280) <= PACKET_SAMPLES  # 160 ms
    hung_up(core, wire)


DIGIT_PACKETS = [(160 * step, step == 1, False) for step in range(1, 6)] + [(960, False, True)] * 3
"""Duration in ticks, marker, end: a key held for 120 ms (RFC 4733 section 2.5.1)."""


def press(wire: WirePhone, invite: SipMessage, keys: list[int], first: int, last: int) -> None:
    """Send these keys, of each packet `first` up to `last` only: the others were lost on the way."""
    for key in keys:
        for duration_ticks, marker, end in DIGIT_PACKETS[first:last]:
            wire.send_event(invite, key, duration_ticks, marker=marker, end=end)
        wire.next_event(8000)


@pytest.mark.parametrize(
    ("first", "last"),
    [
        pytest.param(0, 8, id="whole"),
        pytest.param(2, 8, id="marker lost"),
        pytest.param(0, 5, id="ends lost"),
        pytest.param(3, 5, id="middle only"),
    ],
)
def test_digit_is_reported_once_whatever_was_lost(core: Core, wire: WirePhone, first: int, last: int) -> None:
    invite = answered(core, wire)
    press(wire, invite, [1, 1, 2], first, last)  # the same key twice is two digits
    core.wait("DigitReceived", digit="2")
    assert [report["digit"] for report in core.all("DigitReceived")] == ["1", "1", "2"]
    hung_up(core, wire)


def test_different_digits_arrive_by_one_packet_each(core: Core, wire: WirePhone) -> None:
    invite = answered(core, wire)
    press(wire, invite, [1, 2, 1], 7, 8)
    press(wire, invite, [3], 7, 8)
    core.wait("DigitReceived", digit="3")
    assert [report["digit"] for report in core.all("DigitReceived")] == ["1", "2", "1", "3"]
    hung_up(core, wire)


@pytest.mark.xfail(
    chosen_engine() is None,
    strict=True,
    reason="the wheel's pjmedia tells presses of a key apart by falling durations: one is missed",
)
def test_one_key_twice_arrives_by_one_packet_each(core: Core, wire: WirePhone) -> None:
    invite = answered(core, wire)
    press(wire, invite, [1, 1, 2], 7, 8)
    core.wait("DigitReceived", digit="2")
    assert len(core.all("DigitReceived", digit="1")) == 2


# -- captures and levels ------------------------------------------------------------------------------------


def test_capture_holds_what_was_sent_for_as_long_as_it_was_sent(
    core: Core, wire: WirePhone, tmp_path: Path
) -> None:
    capture = tmp_path / "a.wav"
    invite = answered(core, wire)
    core.order("start_capture", leg="A", path=str(capture))
    core.wait("CaptureStarted")
    spoken = talk(3, 2.0)
    wire.speak(invite, bytes(alaw_encode(spoken)))
    core.order("stop_capture", leg="A")
    core.wait("capture_closed")
    assert not read_info(capture).duration_s < 2.0
    assert read_info(capture).duration_s == pytest.approx(2.0, abs=0.3)
    heard = read_pcm(capture)
    loud = np.flatnonzero(np.abs(heard.astype(np.int32)) > 300)
    assert (loud[-1] - loud[0]) / 8000 == pytest.approx(2.0, abs=0.06)
    middle = heard[loud[0] + 4000 : loud[-1] - 4000]
    assert level_dbm0(middle) == pytest.approx(LEVEL_DBM0, abs=0.2)
    hung_up(core, wire)


def test_capture_of_a_leg_that_is_hung_up_is_completed(core: Core, wire: WirePhone, tmp_path: Path) -> None:
    capture = tmp_path / "a.wav"
    invite = answered(core, wire)
    core.order("start_capture", leg="A", path=str(capture))
    core.wait("CaptureStarted")
    wire.speak(invite, bytes(alaw_encode(talk(3, 1.0))))
    wire.bye(invite)
    core.wait("LegHungUp")
    core.order("stop_capture", leg="A")
    core.wait("capture_closed")
    info = read_info(capture)
    assert info.data_bytes == capture.stat().st_size - 56 - info.data_bytes % 2
    assert info.duration_s == pytest.approx(1.0, abs=0.3)


def test_capture_into_a_folder_that_is_missing_is_refused(
    core: Core, wire: WirePhone, tmp_path: Path
) -> None:
    answered(core, wire)
    core.order("start_capture", leg="A", path=str(tmp_path / "none" / "a.wav"))
    error = core.wait("error")
    assert error["type"] == "MediaFileError"
    assert "a.wav" in error["text"]
    hung_up(core, wire)


def test_leg_is_captured_once_at_a_time(core: Core, wire: WirePhone, tmp_path: Path) -> None:
    invite = answered(core, wire)
    core.order("start_capture", leg="A", path=str(tmp_path / "1.wav"))
    core.order("start_capture", leg="A", path=str(tmp_path / "2.wav"))
    assert core.wait("error")["type"] == "LegStateError"
    core.order("stop_capture", leg="A")
    core.wait("capture_closed")
    core.order("start_capture", leg="A", path=str(tmp_path / "2.wav"))
    wire.speak(invite, bytes(alaw_encode(talk(3, 0.4))))
    hung_up(core, wire)
    core.order("stop_capture", leg="A")
    core.wait_for("capture_closed", 2)
    assert read_info(tmp_path / "2.wav").duration_s == pytest.approx(0.4, abs=0.3)


def test_received_level_is_that_of_the_talk_and_silence_after_the_end(core: Core, wire: WirePhone) -> None:
    invite = answered(core, wire)
    spoken = bytes(alaw_encode(talk(3, 1.0)))
    speaker = threading.Thread(target=wire.speak, args=(invite, spoken))
    speaker.start()
    while speaker.is_alive():
        core.order("level", leg="A")
        speaker.join(0.1)
    levels_dbm0 = [report["level_dbm0"] for report in core.all("level")]
    assert np.median(levels_dbm0) == pytest.approx(LEVEL_DBM0, abs=1.5)
    hung_up(core, wire)
    core.order("level", leg="A")
    core.wait("level", level_dbm0=-math.inf)
