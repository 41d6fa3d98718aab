"""From the INVITE to the answer as a foreign user agent sees it: challenges, forks, early media, refusals."""

import hashlib
import re
from dataclasses import replace

import pytest

from tests.e2e.callback.ear import EAR_S, EDGE_S
from tests.e2e.callback.sounds import RINGBACK, TALK_A, TALK_B, WAIT_VOICE
from tests.e2e.foreign.meeting import OTHER_PORT, PHONE_A, PHONE_B, STUMBLES_S, Meeting, Met
from tests.e2e.loopback.wirephone import SipMessage

pytestmark = pytest.mark.e2e

RIGHT = ("--user", "lab", "--password", "right")
WRONG = ("--user", "lab", "--password", "wrong")
WAITING = ("--wait-voice", WAIT_VOICE)

PROXY_ASKS = Meeting("challenges-407", options=RIGHT)
FORKED = Meeting("forks")
FORKED_TWICE = Meeting("forks-twice")
RELIABLE = Meeting("reliable")
RINGS_LATE = Meeting("rings-after-progress", options=WAITING)
PROMISED_ONLY = Meeting("promises-media", mute=True, options=WAITING)
REDIRECTED = Meeting("redirects")
CROSSED = Meeting("crosses-cancel", phone=replace(PHONE_A, hang_up_after_s=1.0))
EARLY_BYE = Meeting("hangs-up-too-early")

AT_ONCE_S = 0.1


# -- digest credentials (RFC 3261 section 22, RFC 2617) -----------------------------------------------------


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def proves(invite: SipMessage, password: str) -> bool:
    """Whether the Proxy-Authorization is that of user "lab" with this password (RFC 2617 section 3.2.2)."""
    fields = dict(re.findall(r'(\w+)="?([^",]+)"?', invite.header("Proxy-Authorization")))
    secret = md5(f"lab:{fields['realm']}:{password}")
    what = md5(f"INVITE:{invite.start_line.split()[1]}")
    wanted = md5(f"{secret}:{fields['nonce']}:{fields['nc']}:{fields['cnonce']}:auth:{what}")
    return bool(fields["response"] == wanted)


@pytest.mark.meeting(PROXY_ASKS)
def test_challenge_of_a_proxy_is_answered_with_the_password(met: Met) -> None:
    first, second = met.played.from_core("INVITE")
    assert first.headers("Proxy-Authorization") == []
    assert proves(second, "right")
    assert not proves(second, "wrong")
    assert second.header("Call-ID") == first.header("Call-ID")
    assert int(second.header("CSeq").split()[0]) == int(first.header("CSeq").split()[0]) + 1
    assert met.verdict == (0, 0, "B")
    assert met.ear.order() == [TALK_B]


@pytest.mark.meeting(Meeting("challenges-401", phone=PHONE_B, sipp_is_a=True, options=RIGHT))
def test_challenge_of_a_user_agent_is_answered_with_the_password(met: Met) -> None:
    # SIPp itself has compared the digest with the password.
    assert len(met.played.from_core("INVITE")) == 2
    assert met.verdict == (0, 0, "A")
    assert met.sipp_ear.order() == [RINGBACK, TALK_B]
    assert met.ear.order() == [TALK_A]


@pytest.mark.meeting(Meeting("challenges-401", phone=PHONE_B, sipp_is_a=True, options=WRONG))
def test_wrong_password_ends_the_call_as_refused_before_b_is_called(met: Met) -> None:
    assert met.verdict == (8105, 519, "platform")
    assert met.leg("A") == (21, 403)
    assert met.phone.reports == ()
    assert met.finished.status == 1


@pytest.mark.meeting(Meeting("challenges-again", options=WRONG))
def test_proxy_that_asks_again_and_again_is_given_up_after_four_invites(met: Met) -> None:
    invites = met.played.from_core("INVITE")
    assert len(invites) <= 4
    nonces = [re.findall(r'nonce="([^"]+)"', invite.header("Proxy-Authorization")) for invite in invites[1:]]
    assert len(nonces) == len({nonce for (nonce,) in nonces})  # none is answered twice
    assert met.verdict == (8105, 518, "platform")
    assert met.leg("B") == (21, 407)


# -- forks (RFC 3261 section 12.1.2 and 13.2.2.4) -----------------------------------------------------------


@pytest.mark.meeting(FORKED)
def test_fork_that_answers_has_the_call_and_the_talk(met: Met) -> None:
    assert met.verdict == (0, 0, "B")
    # The early media of each fork, one after the other, then the talk of the second.
    assert met.ear.order() == [TALK_B, OTHER_PORT]
    assert met.heard_s(OTHER_PORT) > 1.5 + 0.3
    assert met.sipp_ear.order() == [TALK_A]


@pytest.mark.meeting(FORKED)
def test_nothing_is_told_to_a_fork_that_did_not_answer(met: Met) -> None:
    lost, won = met.packets
    answered_s = met.sipp_ear.first(TALK_A).start_s
    assert lost[-1].at_s < answered_s
    assert won[-1].at_s > answered_s + 1.3


@pytest.mark.meeting(FORKED_TWICE)
def test_second_answer_of_a_fork_gets_ack_and_bye(met: Met) -> None:
    assert [bye.header("To")[-1] for bye in met.played.from_core("BYE")] == ["b"]
    assert [ack.header("To")[-1] for ack in met.played.from_core("ACK")] == ["a", "b"]


@pytest.mark.meeting(FORKED_TWICE)
def test_first_answer_of_a_fork_keeps_the_talk(met: Met) -> None:
    assert met.verdict == (0, 0, "B")
    assert met.leg("B") == (16, 0)
    assert met.ear.order() == [TALK_B]
    assert met.heard_s(TALK_B) > 1.5 - STUMBLES_S
    assert met.sipp_ear.order() == [TALK_A]


# -- provisional responses ----------------------------------------------------------------------------------


@pytest.mark.meeting(RELIABLE)
def test_every_reliable_provisional_response_is_acknowledged_by_prack(met: Met) -> None:
    assert [prack.header("RAck").split()[0] for prack in met.played.from_core("PRACK")] == ["1", "2"]
    assert met.record["legs"]["B"]["rangAt"] is not None


@pytest.mark.meeting(RELIABLE)
def test_reliable_183_opens_early_media_and_the_200_needs_no_sdp(met: Met) -> None:
    assert met.verdict == (0, 0, "B")
    assert met.ear.order() == [TALK_B]
    early_s = met.sipp_ear.first(TALK_A).start_s - met.ear.first(TALK_B).start_s
    assert 1.2 < early_s < 1.9  # B is heard from its 183 on, A from the answer on: 1.5 s apart
    assert met.sipp_ear.order() == [TALK_A]


@pytest.mark.meeting(RINGS_LATE)
def test_180_after_early_media_takes_nothing_from_what_a_hears(met: Met) -> None:
    assert met.verdict == (0, 0, "B")
    assert met.ear.order() in ([WAIT_VOICE, TALK_B], [TALK_B])  # the 183 may outrun waitVoice's first 300 ms
    assert met.heard_s(TALK_B) > 3.5 - STUMBLES_S  # two seconds of early media, and the talk
    assert met.sipp_ear.order() == [TALK_A]


@pytest.mark.meeting(PROMISED_ONLY)
def test_183_without_rtp_leaves_wait_voice_playing_until_the_answer(met: Met) -> None:
    assert met.verdict == (0, 0, "B")
    assert met.ear.order() == [WAIT_VOICE]
    answered_s = met.sipp_ear.first(TALK_A).start_s
    assert abs(met.ear.last(WAIT_VOICE).end_s - answered_s) < EAR_S + EDGE_S
    assert met.record["legs"]["B"]["rangAt"] is None


# -- calls that come to nothing -----------------------------------------------------------------------------


@pytest.mark.meeting(REDIRECTED)
def test_redirection_is_not_followed_and_the_call_ends(met: Met) -> None:
    assert len(met.played.from_core("INVITE")) == 1
    assert met.verdict == (8001, 518, "platform")
    assert met.leg("B") == (23, 302)
    assert met.phone.report("ended")["by_remote"] is True
    assert met.ear.order() in ([RINGBACK], [])  # the 302 comes on the heels of the 180


@pytest.mark.meeting(CROSSED)
def test_answer_that_crosses_our_cancel_is_acknowledged_and_hung_up(met: Met) -> None:
    assert [traced.name for traced in met.played.log][2:] == [
        *("CANCEL", "200 CANCEL", "200 INVITE", "ACK", "BYE", "200 BYE")
    ]
    assert met.verdict == (8009, 552, "A")
    assert met.record["talkStartedAt"] is None
    assert met.ear.order() == [RINGBACK]


@pytest.mark.meeting(EARLY_BYE)
def test_bye_while_ringing_is_taken_for_the_end_of_the_leg(met: Met) -> None:
    assert met.verdict == (8001, 518, "platform")
    assert met.leg("B") == (16, 0)
    assert met.record["talkStartedAt"] is None
    assert met.finished.status == 1
    assert met.ear.order() == [RINGBACK]


@pytest.mark.meeting(EARLY_BYE)
def test_a_is_released_when_b_says_bye_while_ringing(met: Met) -> None:
    assert met.phone.report("ended")["by_remote"] is True
    (bye,) = met.played.from_sipp("BYE")
    assert met.phone.at_s("ended") - met.monotonic_s(bye.at_s) < AT_ONCE_S
