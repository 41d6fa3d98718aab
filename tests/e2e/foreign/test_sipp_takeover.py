"""A far end that wants more than its leg, or asks what nobody knows: refused, and the talk goes on."""

import pytest

from tests.e2e.callback.sounds import TALK_A, TALK_B
from tests.e2e.foreign.meeting import STUMBLES_S, Meeting, Met

pytestmark = pytest.mark.e2e

TRANSFER = Meeting("refers")
TAKE_OVER = Meeting("replaces")
QUESTIONS = Meeting("asks-what-nobody-knows")

GONE = (408, 481)
"""The final responses to a request in a dialog that end the dialog (RFC 5057 section 5.1)."""


TALK_S = {TRANSFER: 2.0, TAKE_OVER: 2.0, QUESTIONS: 2.0}
"""How long SIPp lets the talk last."""


def talk_went_on(met: Met, meeting: Meeting) -> bool:
    """Both heard each other and nothing else, to the end."""
    at_least_s = TALK_S[meeting] - STUMBLES_S
    return (
        (met.ear.order(), met.sipp_ear.order()) == ([TALK_B], [TALK_A])
        and met.heard_s(TALK_B) > at_least_s
        and met.told_s(TALK_A) > at_least_s
    )


@pytest.mark.meeting(TRANSFER)
def test_transfer_is_declined_and_the_talk_goes_on(met: Met) -> None:
    assert met.verdict == (0, 0, "B")
    assert talk_went_on(met, TRANSFER)


@pytest.mark.meeting(TRANSFER)
def test_whom_a_transfer_names_is_never_called(met: Met) -> None:
    called = [invite.start_line for invite in met.played.from_core("INVITE")]
    assert len(called) == 1
    assert "elsewhere" not in called[0]


@pytest.mark.meeting(TAKE_OVER)
def test_leg_is_not_given_to_a_stranger_who_names_its_dialog(met: Met) -> None:
    assert met.verdict == (0, 0, "B")
    assert met.leg("B") == (16, 0)
    assert met.played.from_core("BYE") == []
    assert talk_went_on(met, TAKE_OVER)


@pytest.mark.meeting(QUESTIONS)
def test_every_unknown_request_gets_a_final_response_that_leaves_the_dialog(met: Met) -> None:
    for method in ("OPTIONS", "INFO", "MESSAGE", "FROBNICATE"):
        (status,) = (
            int(traced.name.split()[0])
            for traced in met.played.log
            if not traced.by_sipp and traced.name.endswith(f" {method}")
        )
        assert status >= 200
        assert status not in GONE


@pytest.mark.meeting(QUESTIONS)
def test_unknown_requests_do_not_disturb_the_talk(met: Met) -> None:
    assert met.verdict == (0, 0, "B")
    assert talk_went_on(met, QUESTIONS)
