"""The runner with one party: what the leg is ordered, when keys count, and what the record says."""

import json
import logging
from pathlib import Path

import pytest

from ivrcore.clock import FlowClock
from ivrcore.collection import Collection
from ivrcore.commands import CloseCall, Collect, Command, Dial, Verdict
from ivrcore.events import Content, Event, Party, Playable, Spoken
from ivrcore.flow import Called, callback_flow, notification_flow, verification_flow
from ivrcore.request import (
    CallbackRequest,
    NotificationElement,
    NotificationRequest,
    VerificationRequest,
)
from ivrcore.timeline import describe, explain_failure
from media.collect import Rules
from sip.cause import HangupCause
from sip.events import DigitTransport
from sip.manual_reactor import ManualReactor
from tests.unit.ivrcore.one_leg_stage import Stage

CODE = "480213"
SPOKEN: dict[Playable, Path] = {sound: Path(f"{sound.value}.wav") for sound in Spoken}


def notification(*elements: NotificationElement, scale: float = 1.0) -> Stage:
    request = NotificationRequest("13900000001", "95588", elements, ring_timeout_s=30)
    sounds: dict[Playable, Path] = {Content(n): Path(f"{n}.wav") for n in range(len(elements))}
    return Stage(notification_flow(request), sounds, scale)


def collecting(length: int = 4, scale: float = 1.0) -> Stage:
    """A call whose only content has just ended, at 2 s."""
    stage = notification(NotificationElement(collect=length), scale=scale)
    stage.answer()
    stage.end_sound("element 1")
    return stage


def verification(times: int = 2) -> Stage:
    request = VerificationRequest(
        "13900000001", "95588", CODE, has_pre_tone=True, has_pos_tone=True, times=times
    )
    return Stage(verification_flow(request), SPOKEN)


def lines(stage: Stage) -> list[str]:
    return [text for entry in stage.observed if (text := describe(entry)) is not None]


def collected(stage: Stage) -> list[str]:
    return [one.digits for one in stage.record.collected]


# ---- flows as the runner sees them


def test_flow_names_everybody_it_may_dial() -> None:
    a, b = Called("8001", "8100"), Called("8002", "8200")
    assert callback_flow(CallbackRequest("8001", "8002", "8100", "8200")).parties == {
        Party.A: a,
        Party.B: b,
    }
    elements = (NotificationElement(),)
    assert notification_flow(NotificationRequest("8001", "8100", elements)).parties == {Party.A: a}
    assert verification_flow(VerificationRequest("8001", "8100", "1")).parties == {Party.A: a}


def test_flow_keeps_its_own_state_between_two_calls() -> None:
    request = NotificationRequest("8001", "8100", (NotificationElement(),))
    first, second = notification_flow(request), notification_flow(request)
    assert first.start() == second.start()


# ---- a notification, from the INVITE to the record


def test_first_content_is_dialled_with_and_the_others_follow() -> None:
    stage = notification(NotificationElement(), NotificationElement())
    (dial,) = stage.endpoint.journal.of("session-A", "dial")
    assert dial.arguments[0] == "sip:13900000001@127.0.0.1"
    assert stage.playing == []
    stage.answer()
    assert stage.playing == ["element 1"]
    stage.end_sound("element 1")
    assert stage.playing == ["element 2"]
    stage.end_sound("element 2")
    stage.pass_s(0.099)
    assert stage.hung_up_with() is None
    stage.pass_s(0.002)
    assert stage.hung_up_with() == HangupCause(16)
    assert stage.record.verdict == Verdict(0)
    assert stage.reactor.pending() == 0


def test_drain_is_real_time_whatever_the_scale() -> None:
    stage = notification(NotificationElement(), scale=100.0)
    stage.answer(0.1)
    stage.end_sound("element 1")
    stage.pass_s(0.09)
    assert stage.hung_up_with() is None


def test_nothing_is_left_behind_when_nobody_answers() -> None:
    stage = notification(NotificationElement(collect=1))
    stage.pass_s(30.0)
    assert stage.record.verdict.state_code == 8003
    assert not stage.record.connected
    assert stage.reactor.pending() == 0
    assert explain_failure(stage.record) == "A (13900000001) did not answer in time"


# ---- keys


def test_keys_count_from_the_end_of_the_content_on() -> None:
    stage = notification(NotificationElement(collect=2))
    stage.answer()
    stage.press("99")
    stage.end_sound("element 1")
    stage.press("12")
    stage.pass_s(0.1)
    assert collected(stage) == ["12"]


@pytest.mark.parametrize(("scale", "waited_s"), [(1.0, 5.0), (10.0, 0.5)])
def test_no_key_in_time_ends_the_call_with_8008(scale: float, waited_s: float) -> None:
    stage = collecting(scale=scale)
    stage.pass_s(waited_s - 0.01)
    assert stage.hung_up_with() is None
    stage.pass_s(0.02)
    assert stage.record.verdict == Verdict(8008, 100)
    assert stage.record.collected == ()
    assert not stage.record.carried_out
    assert explain_failure(stage.record) == "A pressed no key in time"


def test_each_key_gives_five_more_seconds() -> None:
    stage = collecting(length=3)
    stage.pass_s(4.9)
    stage.press("1")
    stage.pass_s(4.9)
    stage.press("2")
    stage.pass_s(5.0)
    stage.pass_s(0.1)
    assert collected(stage) == ["12"]
    assert stage.record.verdict == Verdict(0)


def test_every_collection_begins_empty() -> None:
    stage = notification(NotificationElement(collect=2), NotificationElement(collect=2))
    stage.answer()
    stage.end_sound("element 1")
    stage.press("123")
    stage.end_sound("element 2")
    stage.press("45")
    stage.pass_s(0.1)
    assert collected(stage) == ["12", "45"]
    assert [one.element for one in stage.record.collected] == [0, 1]


def test_replayed_element_is_heard_again_and_collects_again() -> None:
    stage = notification(NotificationElement(collect=1, replay=True, trigger="1"))
    stage.answer()
    for digit in "112":
        assert stage.playing == ["element 1"]
        stage.end_sound("element 1")
        stage.press(digit)
    stage.pass_s(0.1)
    assert collected(stage) == ["1", "1", "2"]


def test_audio_is_searched_for_keys_exactly_while_they_are_collected() -> None:
    stage = notification(NotificationElement(collect=1), NotificationElement())
    stage.answer()

    def asked() -> list[object]:
        return [order.arguments[0] for order in stage.endpoint.journal.of("session-A", "listen_for_digits")]

    assert asked() == []
    stage.end_sound("element 1")
    assert asked() == [True]
    stage.press("1")
    assert asked() == [True, False]


def test_hangup_in_a_collection_drops_it() -> None:
    stage = collecting()
    stage.press("12")
    stage.leg.emit_hung_up()
    stage.pass_s(20.0)
    assert stage.record.verdict == Verdict(0, ended_by=Party.A)
    assert stage.record.collected == ()
    assert stage.reactor.pending() == 0


def test_stop_in_a_collection_drops_it() -> None:
    stage = collecting()
    stage.press("1")
    stage.runner.stop()
    stage.pass_s(20.0)
    assert stage.record.verdict == Verdict(8017)
    assert stage.record.collected == ()
    assert stage.reactor.pending() == 0


def test_collection_given_up_tells_nothing() -> None:
    told: list[str] = []
    reactor = ManualReactor()
    collection = Collection(Rules(4), FlowClock(reactor), told.append)
    collection.press("1")
    collection.give_up()
    collection.give_up()
    reactor.advance(60.0)
    assert told == []
    assert reactor.pending() == 0


class Careless:
    """A flow that forgets its collection."""

    parties = {Party.A: Called("8001", "8100")}  # noqa: RUF012  # the protocol asks for no more

    def start(self) -> tuple[Command, ...]:
        return Dial(Party.A), Collect(Party.A, 4)

    def step(self, event: Event) -> tuple[Command, ...]:  # noqa: ARG002
        return (CloseCall(Verdict(0)),)


def test_no_collection_outlives_its_call_whatever_the_flow_forgets() -> None:
    stage = Stage(Careless(), {})
    assert stage.reactor.pending() == 1
    stage.leg.emit_hung_up()
    assert stage.reactor.pending() == 0


# ---- a verification


def test_verification_plays_its_sounds_in_order() -> None:
    stage = verification(times=2)
    stage.answer()
    for sound in ("preTone", "code", "code", "posTone"):
        assert stage.playing == [sound]
        stage.end_sound(sound)
    stage.pass_s(0.11)
    assert stage.record.verdict == Verdict(0)
    assert stage.record.carried_out


def test_code_without_end_stops_with_the_hangup() -> None:
    stage = verification(times=0)
    stage.answer()
    stage.end_sound("preTone")
    for _ in range(50):
        stage.end_sound("code")
    stage.leg.emit_hung_up()
    assert stage.record.verdict == Verdict(0, ended_by=Party.A)


def test_sound_that_cannot_be_played_is_told(caplog: pytest.LogCaptureFixture) -> None:
    stage = verification()
    stage.answer()
    with caplog.at_level(logging.WARNING):
        stage.leg.emit_playback_failed("preTone", "cannot be opened")
    stage.pass_s()
    assert stage.record.verdict == Verdict(8007, 2837)
    assert explain_failure(stage.record) == "a sound could not be played"
    assert "preTone cannot be played to A: cannot be opened" in caplog.text


# ---- the record and the timeline


def test_record_of_one_party_has_one_leg() -> None:
    stage = collecting(length=1)
    stage.press("7")
    stage.pass_s(0.2)
    record = stage.record
    assert record.b is None
    assert record.connected
    told = record.as_json()
    assert json.loads(json.dumps(told)) == told
    assert told["legs"] == {
        "A": {
            "number": "13900000001",
            "display": "95588",
            "calledAt": "1970-01-01T00:16:40.000Z",
            "rangAt": "1970-01-01T00:16:40.000Z",
            "answeredAt": "1970-01-01T00:16:42.000Z",
            "endedAt": "1970-01-01T00:16:42.100Z",
            "q850": 16,
            "sipStatus": 0,
            "rejectedPackets": None,
        }
    }
    assert told["collected"] == [
        {"at": "1970-01-01T00:16:42.000Z", "element": 1, "digits": "7", "transports": ["rfc4733"]}
    ]
    assert (told["stateCode"], told["releasePoint"], told["endedBy"]) == (0, 0, "platform")


def test_record_tells_by_what_each_collected_digit_came() -> None:
    stage = notification(NotificationElement(collect=3), NotificationElement(collect=1))
    stage.answer()
    stage.press("9", DigitTransport.INFO)  # in the content: it does not count
    stage.end_sound("element 1")
    for digit, transport in zip("123", DigitTransport, strict=True):
        stage.press(digit, transport)
    stage.end_sound("element 2")
    stage.press("4", DigitTransport.IN_BAND)
    stage.pass_s(0.2)
    told = [(one.digits, [by.value for by in one.transports]) for one in stage.record.collected]
    assert told == [("123", [transport.value for transport in DigitTransport]), ("4", ["in-band"])]


def test_timeline_tells_a_notification_without_its_digits() -> None:
    stage = notification(NotificationElement(collect=4), NotificationElement(collect=1))
    stage.answer()
    stage.end_sound("element 1")
    stage.press("7391")
    stage.end_sound("element 2")
    stage.pass_s(6.0)
    assert lines(stage) == [
        "A is called, element 1 ready for the answer",
        "A rings",
        "A answered",
        "element 1 ended for A",
        "A may press up to 4 keys",
        *["A pressed a key"] * 4,
        "4 keys of A collected",
        "element 2 starts for A",
        "element 2 ended for A",
        "A may press up to 1 key",
        "no key of A in time",
        "A is hung up",
        "A is released",
        "the call is over, stateCode 8008",
    ]


def test_digits_are_in_the_json_and_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        stage = collecting(length=4)
        stage.press("7391")
        stage.pass_s(0.2)
    assert "7391" in json.dumps(stage.record.as_json())
    assert "7391" not in repr(stage.record)
    assert "7391" not in repr(stage.runner.history)
    assert "7391" not in " ".join(lines(stage))
    assert "7391" not in caplog.text


def test_code_is_nowhere_in_a_finished_call(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        stage = verification(times=1)
        stage.answer()
        for sound in ("preTone", "code", "posTone"):
            stage.end_sound(sound)
        stage.pass_s(0.2)
    for told in (stage.record.as_json(), stage.record, stage.runner.history, lines(stage), caplog.text):
        assert CODE not in f"{told!r}"
