"""Changes of a talk under way: hold, moved audio, another codec, session timers; judged by what is heard."""

from dataclasses import replace

import pytest

from tests.e2e.callback.ear import EAR_S, EDGE_S, Ear
from tests.e2e.callback.sounds import PRE_VOICE, RINGBACK, TALK_A, TALK_B
from tests.e2e.foreign.meeting import OTHER_PORT, PHONE_B, STUMBLES_S, Meeting, Met
from tests.e2e.foreign.rtp_party import PCMA, PCMU

pytestmark = pytest.mark.e2e

STREAMED = Meeting("streams")
STREAMED_BY_A = Meeting("streams", phone=PHONE_B, sipp_is_a=True)
HELD = Meeting("holds", options=("--record",))
UPDATED = Meeting("updates")
OFFERED_LATE = Meeting("offers-late")
OTHER_CODEC = Meeting("changes-codec")
MOVED_IN_PROMPT = Meeting(
    "moves-in-prompt",
    phone=replace(PHONE_B, hang_up_after_s=1.0),
    sipp_is_a=True,
    options=("--pre-voice", PRE_VOICE),
)
REFRESHED = Meeting("timer-refreshes")
TOO_SMALL = Meeting("timer-too-small")
REFRESHED_BY_US = Meeting("timer-refreshed-by-core", long=True)
EXPIRED = Meeting("timer-expires", long=True)

BREAK_S = 0.4
"""The longest break of a talk whose stream was restarted: a jitter buffer filled anew, and ten packets
until pjmedia believes a new source after a straggler of the old one."""


# -- a stream of SIPp's own RTP stack -----------------------------------------------------------------------


@pytest.mark.meeting(STREAMED)
def test_file_that_sipp_streams_is_heard_by_a(met: Met) -> None:
    assert met.verdict == (0, 0, "B")
    assert met.ear.order()[-1:] == [TALK_B]
    assert met.ear.last(TALK_B).end_s - met.ear.first(TALK_B).start_s > 2.6
    assert abs(met.ear.first(TALK_B).level_db) < 1.0


@pytest.mark.meeting(STREAMED_BY_A)
def test_file_that_sipp_streams_is_heard_by_b(met: Met) -> None:
    assert met.verdict == (0, 0, "A")
    assert met.ear.order() == [TALK_A]
    assert met.ear.last(TALK_A).end_s - met.ear.first(TALK_A).start_s > 2.2
    assert met.leg("A") == (16, 0)


# -- hold (RFC 3264 section 8.4) ----------------------------------------------------------------------------


def holds_s(met: Met) -> list[float]:
    """When the core agreed to each change: music, silence, talk again."""
    return [met.monotonic_s(answer.at_s) for answer in met.played.from_core("200 INVITE")]


def heard_between(ear: Ear, start_s: float, end_s: float) -> float:
    """Seconds of known sounds between two moments."""
    return sum(max(0.0, min(one.end_s, end_s) - max(one.start_s, start_s)) for one in ear.stretches)


@pytest.mark.meeting(HELD)
def test_party_on_hold_hears_the_music_and_then_silence_and_then_the_talk(met: Met) -> None:
    assert met.verdict == (0, 0, "B")
    assert met.ear.order() == [TALK_B]
    music_s, silence_s, talk_s = holds_s(met)
    assert heard_between(met.ear, music_s, silence_s) > 1.2 - STUMBLES_S
    assert heard_between(met.ear, silence_s + EAR_S, talk_s) == 0.0
    assert heard_between(met.ear, talk_s, talk_s + 1.5) > 1.5 - BREAK_S


@pytest.mark.meeting(HELD)
def test_who_holds_is_told_nothing_until_it_takes_the_talk_up_again(met: Met) -> None:
    music_s, _, talk_s = holds_s(met)
    assert heard_between(met.sipp_ear, music_s - 1.5, music_s) > 1.5 - STUMBLES_S
    assert heard_between(met.sipp_ear, talk_s, talk_s + 1.5) > 1.5 - BREAK_S
    held = [packet for packet in met.packets[0] if music_s + 0.1 < packet.at_s < talk_s - 0.1]
    assert len(held) <= 2  # one packet now and then keeps a NAT open


@pytest.mark.meeting(HELD)
def test_recording_goes_on_over_a_hold(met: Met) -> None:
    recording = met.record["recording"]
    assert recording["path"] is not None
    assert recording["duration_s"] == pytest.approx(5.4, abs=0.3)


# -- moved audio --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "meeting",
    [
        pytest.param(meeting, id=meeting.sipp, marks=pytest.mark.meeting(meeting))
        for meeting in (UPDATED, OFFERED_LATE)
    ],
)
def test_talk_follows_the_audio_to_another_port(met: Met, meeting: Meeting) -> None:
    assert met.verdict == (0, 0, "B")
    assert met.ear.order() == [TALK_B, OTHER_PORT]
    assert met.ear.first(OTHER_PORT).start_s - met.ear.last(TALK_B).end_s < BREAK_S
    assert met.ear.last(OTHER_PORT).end_s - met.ear.first(OTHER_PORT).start_s > 1.5 - BREAK_S
    here, there = met.packets
    assert len(there) > (1.5 - BREAK_S) * 50
    assert here[-1].at_s < there[0].at_s + BREAK_S
    assert met.sipp_ear.order() == [TALK_A]


@pytest.mark.meeting(UPDATED)
def test_update_without_sdp_changes_nothing(met: Met) -> None:
    first, second = met.played.from_core("200 UPDATE")
    assert first.body == ""
    assert "m=audio" in second.body
    assert met.heard_s(TALK_B) > 1.5 - STUMBLES_S  # from the answer, over this UPDATE, to the next one


@pytest.mark.meeting(OFFERED_LATE)
def test_invite_without_sdp_gets_an_offer_of_all_codecs(met: Met) -> None:
    (answer,) = met.played.from_core("200 INVITE")
    assert answer.payload_types[:3] == [8, 0, 9]


@pytest.mark.meeting(MOVED_IN_PROMPT)
def test_pre_voice_goes_on_where_it_was_when_a_moves_its_audio(met: Met) -> None:
    assert met.verdict == (0, 0, "B")
    assert met.sipp_ear.order() == [PRE_VOICE, RINGBACK, TALK_B]
    pre_voice = [one for one in met.sipp_ear.stretches if one.name == PRE_VOICE]
    assert pre_voice[0].signal_start_s < EDGE_S
    assert sum(one.end_s - one.start_s for one in pre_voice) > 1.6 - BREAK_S
    began_s = [one.start_s - one.signal_start_s for one in pre_voice]
    assert max(began_s) - min(began_s) < 0.1  # no part of it was played twice
    assert len(met.packets[1]) > 50


# -- codecs -------------------------------------------------------------------------------------------------


@pytest.mark.meeting(OTHER_CODEC)
def test_talk_goes_over_to_another_codec(met: Met) -> None:
    assert met.verdict == (0, 0, "B")
    kinds = [packet.payload_type for packet in met.packets[0]]
    assert kinds == sorted(kinds, key=[PCMA, PCMU].index)
    assert kinds.count(PCMA) > 50
    assert kinds.count(PCMU) > 100
    assert met.ear.order() == [TALK_B]
    assert met.sipp_ear.order() == [TALK_A]
    assert met.heard_s(TALK_B) > 3.6 - 2 * BREAK_S


@pytest.mark.meeting(OTHER_CODEC)
def test_offer_of_no_common_codec_is_refused_and_the_talk_goes_on(met: Met) -> None:
    (refusal,) = (
        traced for traced in met.played.log if not traced.by_sipp and re_invite_refused(traced.name)
    )
    refused_s = met.monotonic_s(refusal.message.at_s)
    assert met.ear.last(TALK_B).end_s > refused_s + 0.9
    assert met.sipp_ear.last(TALK_A).end_s > refused_s + 0.9
    assert met.leg("B") == (16, 0)


def re_invite_refused(name: str) -> bool:
    return name in ("488 INVITE", "500 INVITE")


# -- session timers (RFC 4028) ------------------------------------------------------------------------------


@pytest.mark.meeting(REFRESHED)
def test_far_end_may_refresh_the_session_by_update_and_by_invite(met: Met) -> None:
    assert met.verdict == (0, 0, "B")
    (by_update,) = met.played.from_core("200 UPDATE")
    (by_invite,) = met.played.from_core("200 INVITE")
    for answer in (by_update, by_invite):
        assert answer.header("Session-Expires") == "90;refresher=uac"
    assert met.ear.order() == [TALK_B]
    assert met.sipp_ear.order() == [TALK_A]
    assert met.heard_s(TALK_B) > 2.3 - BREAK_S


@pytest.mark.meeting(REFRESHED)
def test_session_interval_below_90_seconds_is_refused(met: Met) -> None:
    (refusal,) = met.played.from_core("422 UPDATE")
    assert refusal.header("Min-SE") == "90"


@pytest.mark.meeting(TOO_SMALL)
def test_call_comes_again_with_the_interval_a_422_asks_for(met: Met) -> None:
    first, second = met.played.from_core("INVITE")
    assert (first.header("Session-Expires"), first.header("Min-SE")) == ("1800", "90")
    assert (second.header("Session-Expires"), second.header("Min-SE")) == ("3600", "3600")
    assert met.verdict == (0, 0, "B")
    assert met.ear.order() == [TALK_B]


@pytest.mark.meeting(REFRESHED_BY_US)
def test_we_refresh_after_half_the_interval_and_nobody_hears_it(met: Met) -> None:
    assert met.verdict == (0, 0, "B")
    (update,) = met.played.from_core("UPDATE")
    (ack,) = met.played.from_core("ACK")
    assert update.at_s - ack.at_s == pytest.approx(45.0, abs=1.0)
    refreshed_s = met.monotonic_s(update.at_s)
    for ear in (met.ear, met.sipp_ear):
        assert heard_between(ear, refreshed_s - 1.0, refreshed_s + 1.0) > 2.0 - STUMBLES_S
    assert (met.ear.order(), met.sipp_ear.order()) == ([TALK_B], [TALK_A])


@pytest.mark.meeting(EXPIRED)
def test_session_that_is_not_refreshed_ends_after_two_thirds(met: Met) -> None:
    (bye,) = met.played.from_core("BYE")
    (ack,) = met.played.from_core("ACK")
    assert bye.at_s - ack.at_s == pytest.approx(60.0, abs=1.0)
    assert met.verdict == (0, 0, "B")
    assert met.leg("B") == (102, 408)
    assert met.phone.report("ended")["by_remote"] is True
    assert met.phone.at_s("ended") - met.monotonic_s(bye.at_s) < 0.1
