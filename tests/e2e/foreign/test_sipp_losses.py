"""Lost and repeated messages: what comes again is answered again, and nobody hears of it."""

from dataclasses import replace

import pytest

from tests.e2e.callback.sounds import RINGBACK, TALK_A, TALK_B
from tests.e2e.foreign.meeting import PHONE_A, STUMBLES_S, Meeting, Met

pytestmark = pytest.mark.e2e

# SIPp itself takes a repeated message for an echo of its own and hides it, unless told not to.
AS_IT_COMES = ("-nr",)

LOST_200 = Meeting("loses-200")
LOST_ACK = Meeting("loses-ack", sipp_options=AS_IT_COMES)
REPEATED_BYE = Meeting("repeats-bye", sipp_options=AS_IT_COMES)
LOST_BYE = Meeting("loses-bye", phone=replace(PHONE_A, hang_up_after_s=2.0), sipp_options=AS_IT_COMES)


def talk_lasted(met: Met, seconds: float) -> bool:
    """Both heard each other for so long, and nothing else but ringback before."""
    at_least_s = seconds - STUMBLES_S
    return (
        (met.ear.order()[-1:], met.sipp_ear.order()) == ([TALK_B], [TALK_A])
        and met.heard_s(TALK_B) > at_least_s
        and met.told_s(TALK_A) > at_least_s
    )


@pytest.mark.meeting(LOST_200)
def test_answer_that_was_lost_counts_from_its_repetition(met: Met) -> None:
    assert met.verdict == (0, 0, "B")
    assert len(met.played.from_core("ACK")) == 1
    assert met.ear.order() == [RINGBACK, TALK_B]
    ringback = met.ear.first(RINGBACK)
    assert 0.35 < ringback.end_s - ringback.start_s < 0.7  # B's 200 came 500 ms after its 180
    assert talk_lasted(met, 1.5)


@pytest.mark.meeting(LOST_ACK)
def test_every_repetition_of_a_200_is_acknowledged_again(met: Met) -> None:
    acks = met.played.from_core("ACK")
    assert len(met.played.from_sipp("200 INVITE")) == len(acks) == 3
    assert len({ack.header("CSeq") for ack in acks}) == 1


@pytest.mark.meeting(LOST_ACK)
def test_repeated_200_is_no_second_answer(met: Met) -> None:
    assert met.verdict == (0, 0, "B")
    assert sum("B answered" in line for line in met.finished.lines) == 1
    assert talk_lasted(met, 2.3)


@pytest.mark.meeting(REPEATED_BYE)
def test_repeated_bye_is_answered_again_though_the_call_is_over(met: Met) -> None:
    answers = met.played.from_core("200 BYE")
    assert len(met.played.from_sipp("BYE")) == len(answers) == 2
    assert answers[1].text == answers[0].text
    assert met.verdict == (0, 0, "B")
    assert talk_lasted(met, 1.2)


@pytest.mark.meeting(LOST_BYE)
def test_our_bye_comes_again_when_it_was_lost(met: Met) -> None:
    first, second = met.played.from_core("BYE")
    assert 0.4 < second.at_s - first.at_s < 0.8  # timer E, T1 = 500 ms (RFC 3261 section 17.1.2.2)
    assert second.text == first.text
    assert met.verdict == (0, 0, "A")


@pytest.mark.meeting(LOST_BYE)
def test_record_does_not_wait_for_a_lost_bye(met: Met) -> None:
    (first, _) = met.played.from_core("BYE")
    assert abs(met.moment_s(met.record["endedAt"]) - met.monotonic_s(first.at_s)) < 0.1
