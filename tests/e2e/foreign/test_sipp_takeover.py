"""A far end that wants more than its leg, or asks what nobody knows: refused, and the talk goes on."""

import pytest

from tests.e2e.callback.sounds import TALK_A, TALK_B
from tests.e2e.foreign.meeting import Meeting, Met

pytestmark = pytest.mark.e2e

TRANSFER = Meeting("refers")
TAKE_OVER = Meeting("replaces")
QUESTIONS = Meeting("asks-what-nobody-knows")

GONE = (408, 481)
"""The final responses to a request in a dialog that end the dialog (RFC 5057 section 5.1)."""


def talk_went_on(met: Met, seconds: float) -> bool:
    """Both heard each other all the time, without a break."""
    stretches = met.ear.stretches + met.sipp_ear.stretches
    return [one.name for one in stretches] == [TALK_B, TALK_A] and all(
        one.end_s - one.start_s > seconds for one in stretches
    )


@pytest.mark.meeting(TRANSFER)
def test_transfer_is_declined_and_the_talk_goes_on(met: Met) -> None:
    assert met.verdict == (0, 0, "B")
    assert talk_went_on(met, 1.7)


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
    assert talk_went_on(met, 1.7)


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
    assert talk_went_on(met, 1.7)
