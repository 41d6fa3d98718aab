"""The in-memory legs, bridges and endpoints: they keep the promises of the protocols they stand in for."""

from math import inf
from pathlib import Path

import pytest

from sip.bridge import Bridge
from sip.cause import NO_RESOURCE, NORMAL_CLEARING, HangupCause
from sip.endpoint import Endpoint, EngineLimits, IncomingCall
from sip.errors import LegStateError, SipConfigError, SipError
from sip.events import (
    CaptureStarted,
    DigitReceived,
    DigitTransport,
    LegAnswered,
    LegEarlyMediaStarted,
    LegEvent,
    LegHungUp,
    LegId,
    LegProgressed,
    LegRang,
    PlaybackEnded,
    PlaybackFailed,
    PlaybackId,
)
from sip.leg import Cue, Leg, LegListener, Sound
from sip.testing import Order, ScriptedBridge, ScriptedEndpoint, ScriptedLeg
from sip.trunk import Trunk

TRUNK = Trunk("gw.example")
PROMPT = Sound(Path("prompt.wav"))
BUSY = HangupCause(17, 486)
A, B = LegId("A"), LegId("B")


class Heard:
    """A listener that keeps what it was told."""

    def __init__(self) -> None:
        self.events: list[LegEvent] = []

    def __call__(self, event: LegEvent) -> None:
        self.events.append(event)


def leg_and_events(name: str = "A") -> tuple[ScriptedLeg, list[LegEvent]]:
    heard = Heard()
    return ScriptedLeg.alone(name, heard), heard.events


def bridged() -> tuple[ScriptedEndpoint, ScriptedBridge]:
    endpoint = ScriptedEndpoint()
    a, b = endpoint.new_leg("A", Heard()), endpoint.new_leg("B", Heard())
    return endpoint, endpoint.bridge(a, b)


def test_doubles_fit_the_protocols() -> None:
    # The annotations are the test: the type checker refuses a double that drifted from its protocol.
    endpoint: Endpoint = ScriptedEndpoint()
    a: Leg = endpoint.new_leg("A", Heard())
    bridge: Bridge = endpoint.bridge(a, endpoint.new_leg("B", Heard()))
    bridge.open()
    assert (a.id, endpoint.address) == ("A", "127.0.0.1:5060")


# -- orders -------------------------------------------------------------------------------------------------


def test_orders_are_written_down_with_the_reactors_time() -> None:
    leg, _ = leg_and_events()
    leg.dial(TRUNK, "100", display="95588")
    leg.journal.reactor.advance(2.5)
    leg.send_digits("12#")
    assert leg.journal.orders == [
        Order(0.0, "A", "dial", ("sip:100@gw.example", "sip:95588@gw.example", None)),
        Order(2.5, "A", "send_digits", ("12#", 160)),
    ]


def test_every_order_of_the_protocol_is_written_down_with_its_defaults() -> None:
    leg, _ = leg_and_events()
    leg.ring()
    leg.ring(status=183, early_media=PROMPT)
    leg.answer()
    leg.play(PlaybackId("p"), PROMPT)
    leg.stop(PlaybackId("p"))
    leg.start_capture(Path("a.wav"))
    leg.stop_capture()
    leg.hang_up(BUSY)
    assert [(order.verb, order.arguments) for order in leg.journal.of("A")] == [
        ("ring", (180, None, None)),
        ("ring", (183, PROMPT, None)),
        ("answer", ()),
        ("play", ("p", PROMPT)),
        ("stop", ("p",)),
        ("start_capture", (Path("a.wav"),)),
        ("stop_capture", ()),
        ("hang_up", (BUSY,)),
    ]


def test_journal_finds_the_orders_of_one_kind() -> None:
    leg, _ = leg_and_events()
    leg.answer()
    leg.send_digits("1", duration_ms=80)
    assert leg.journal.of("A", "send_digits") == [Order(0.0, "A", "send_digits", ("1", 80))]
    assert leg.journal.of("B") == []


@pytest.mark.parametrize(("called", "display"), [("12 34", "95588"), ("100", "9 5"), ("sip:", "95588")])
def test_malformed_dial_raises_and_is_not_written_down(called: str, display: str) -> None:
    leg, _ = leg_and_events()
    with pytest.raises(SipConfigError):
        leg.dial(TRUNK, called, display=display)
    assert leg.journal.orders == []


def test_second_dial_is_a_bug_of_the_caller() -> None:
    leg, _ = leg_and_events()
    leg.dial(TRUNK, "100", display="1")
    with pytest.raises(LegStateError, match="dialled before"):
        leg.dial(TRUNK, "100", display="1")


def test_second_capture_at_a_time_is_a_bug_of_the_caller() -> None:
    leg, _ = leg_and_events()
    leg.start_capture(Path("a.wav"))
    with pytest.raises(LegStateError, match="captured already"):
        leg.start_capture(Path("b.wav"))
    leg.stop_capture()
    leg.start_capture(Path("b.wav"))
    assert [order.arguments for order in leg.journal.of("A", "start_capture")] == [
        (Path("a.wav"),),
        (Path("b.wav"),),
    ]


def test_hung_up_leg_ends_with_the_next_turn_and_by_us() -> None:
    leg, events = leg_and_events()
    leg.hang_up(BUSY)
    assert events == []
    leg.journal.reactor.advance()
    assert events == [LegHungUp(A, 0.0, BUSY, by_remote=False)]


def test_second_hang_up_is_ignored() -> None:
    leg, events = leg_and_events()
    leg.hang_up(BUSY)
    leg.hang_up(NORMAL_CLEARING)
    leg.journal.reactor.advance()
    assert len(leg.journal.of("A", "hang_up")) == 1
    assert leg.ignored == ["hang_up"]
    assert len(events) == 1


def test_answer_may_cross_a_hang_up() -> None:
    leg, events = leg_and_events()
    leg.ends_when_hung_up = False
    leg.dial(TRUNK, "100", display="1")
    leg.hang_up(NORMAL_CLEARING)
    leg.emit_answered()
    leg.journal.reactor.advance(1.0)
    leg.emit_hung_up()
    assert events == [LegAnswered(A, 0.0), LegHungUp(A, 1.0, NORMAL_CLEARING, by_remote=False)]


def test_remote_hang_up_may_cross_ours_and_there_is_one_end() -> None:
    leg, events = leg_and_events()
    leg.hang_up(NORMAL_CLEARING)
    leg.emit_hung_up(BUSY, by_remote=True)
    leg.journal.reactor.advance()
    assert events == [LegHungUp(A, 0.0, BUSY, by_remote=True)]


def test_listening_for_digits_is_noted_and_remembered() -> None:
    leg = ScriptedLeg.alone("A")
    leg.listen_for_digits(True)
    listening = [leg.listening]
    leg.listen_for_digits(False)
    listening.append(leg.listening)
    assert listening == [True, False]
    assert [order.arguments for order in leg.journal.of("A", "listen_for_digits")] == [(True,), (False,)]


def test_orders_on_a_leg_that_is_over_are_ignored() -> None:
    leg, _ = leg_and_events()
    leg.emit_hung_up()
    leg.dial(TRUNK, "100", display="1")
    leg.ring()
    leg.answer()
    leg.play(PlaybackId("p"), PROMPT)
    leg.stop(PlaybackId("p"))
    leg.send_digits("1")
    leg.listen_for_digits(True)
    leg.start_capture(Path("a.wav"))
    leg.stop_capture()
    leg.hang_up(BUSY)
    assert leg.journal.orders == []
    verbs = ["dial", "ring", "answer", "play", "stop", "send_digits", "listen_for_digits"]
    verbs += ["start_capture", "stop_capture"]
    assert leg.ignored == [*verbs, "hang_up"]
    assert (leg.playing, leg.capturing) == ({}, None)


def test_capture_is_closed_with_the_next_turn() -> None:
    leg, _ = leg_and_events()
    fired = list[None]()
    leg.start_capture(Path("a.wav"))
    leg.stop_capture().addCallback(fired.append)
    assert leg.capturing is None
    assert fired == []
    leg.journal.reactor.advance()
    assert fired == [None]


def test_level_is_what_the_test_says_until_the_leg_is_over() -> None:
    leg, _ = leg_and_events()
    assert leg.received_level_dbm0() == -inf
    leg.level_dbm0 = -16.0
    assert leg.received_level_dbm0() == -16.0
    leg.emit_hung_up()
    assert leg.received_level_dbm0() == -inf


# -- events -------------------------------------------------------------------------------------------------


def test_test_emits_what_the_network_would_say() -> None:
    leg, events = leg_and_events()
    leg.play(PlaybackId("p"), PROMPT)
    leg.play(PlaybackId("q"), PROMPT)
    leg.start_capture(Path("a.wav"))
    leg.journal.reactor.advance(3.0)
    leg.emit_rang()
    leg.emit_progressed()
    leg.emit_progressed(183, BUSY)
    leg.emit_early_media_started()
    leg.emit_answered()
    leg.emit_playback_ended("p")
    leg.emit_playback_failed("q", "gone")
    leg.emit_capture_started()
    leg.emit_digit("5")
    leg.emit_digit("#", duration_ms=40, transport=DigitTransport.INFO)
    leg.emit_hung_up(BUSY)
    assert events == [
        LegRang(A, 3.0),
        LegProgressed(A, 3.0, 183),
        LegProgressed(A, 3.0, 183, BUSY),
        LegEarlyMediaStarted(A, 3.0),
        LegAnswered(A, 3.0),
        PlaybackEnded(A, 3.0, PlaybackId("p")),
        PlaybackFailed(A, 3.0, PlaybackId("q"), "gone"),
        CaptureStarted(A, 3.0),
        DigitReceived(A, 3.0, "5", 160, DigitTransport.RFC4733),
        DigitReceived(A, 3.0, "#", 40, DigitTransport.INFO),
        LegHungUp(A, 3.0, BUSY, by_remote=True),
    ]


def test_nothing_can_follow_the_end() -> None:
    leg, _ = leg_and_events()
    leg.emit_hung_up()
    for emit in (leg.emit_rang, leg.emit_answered, leg.emit_early_media_started, leg.emit_hung_up):
        with pytest.raises(LegStateError, match="is over"):
            emit()


def test_second_answer_is_refused() -> None:
    leg, _ = leg_and_events()
    leg.emit_answered()
    with pytest.raises(LegStateError, match="answered before"):
        leg.emit_answered()


def test_only_what_plays_can_end_and_only_once() -> None:
    leg, _ = leg_and_events()
    leg.play(PlaybackId("p"), PROMPT)
    leg.emit_playback_ended("p")
    with pytest.raises(LegStateError, match="does not play 'p'"):
        leg.emit_playback_ended("p")


def test_stopped_playback_sounds_no_more() -> None:
    leg, _ = leg_and_events()
    leg.play(PlaybackId("p"), PROMPT)
    leg.stop(PlaybackId("p"))
    leg.stop(PlaybackId("unknown"))
    assert leg.playing == {}


def test_capture_cannot_start_unless_ordered() -> None:
    with pytest.raises(LegStateError, match="not captured"):
        ScriptedLeg.alone("A").emit_capture_started()


def test_cue_sounds_from_the_answer_on() -> None:
    leg, _ = leg_and_events()
    leg.dial(TRUNK, "100", display="1", at_answer=Cue(PlaybackId("pre"), PROMPT))
    assert leg.playing == {}
    leg.emit_answered()
    assert leg.playing == {"pre": PROMPT}
    leg.emit_playback_ended("pre")
    assert leg.playing == {}


def test_cue_stopped_before_the_answer_never_sounds() -> None:
    leg, _ = leg_and_events()
    leg.dial(TRUNK, "100", display="1", at_answer=Cue(PlaybackId("pre"), PROMPT))
    leg.stop(PlaybackId("pre"))
    leg.emit_answered()
    assert leg.playing == {}


# -- bridges ------------------------------------------------------------------------------------------------


def test_open_bridge_lets_both_hear_at_full_level() -> None:
    _, bridge = bridged()
    assert bridge.heard_db == {}
    bridge.open()
    assert bridge.is_open
    assert bridge.heard_db == {A: 0.0, B: 0.0}


def test_one_way_bridge_lets_only_the_other_party_hear() -> None:
    _, bridge = bridged()
    bridge.open_one_way(B)
    assert bridge.heard_db == {A: 0.0}
    assert not bridge.is_open


def test_lowered_listener_is_restored_and_the_other_never_changes() -> None:
    _, bridge = bridged()
    bridge.open()
    bridge.lower(A, -15.0)
    assert bridge.heard_db == {A: -15.0, B: 0.0}
    bridge.restore(A)
    assert bridge.heard_db == {A: 0.0, B: 0.0}


def test_closed_bridge_has_no_level_to_lower() -> None:
    _, bridge = bridged()
    bridge.open()
    bridge.close()
    bridge.close()
    bridge.lower(A, -15.0)
    bridge.restore(A)
    assert bridge.heard_db == {}


def test_gain_and_strangers_are_bugs_of_the_caller() -> None:
    _, bridge = bridged()
    with pytest.raises(LegStateError, match="is a gain"):
        bridge.lower(A, 0.1)
    for order in (bridge.open_one_way, bridge.restore):
        with pytest.raises(LegStateError, match=r"C is no party of bridge A\+B"):
            order(LegId("C"))


def test_orders_to_bridge_and_legs_share_one_journal() -> None:
    endpoint, bridge = bridged()
    bridge.open()
    endpoint.legs["A"].play(PlaybackId("p"), PROMPT)
    bridge.lower(A, -15.0)
    endpoint.reactor.advance(1.0)
    bridge.close()
    assert endpoint.journal.orders == [
        Order(0.0, "A+B", "open"),
        Order(0.0, "A", "play", (PlaybackId("p"), PROMPT)),
        Order(0.0, "A+B", "lower", (A, -15.0)),
        Order(1.0, "A+B", "close"),
    ]


def test_bridge_needs_two_legs_of_its_own_endpoint() -> None:
    endpoint, stranger = ScriptedEndpoint(), ScriptedLeg.alone("X")
    leg = endpoint.new_leg("A", Heard())
    with pytest.raises(LegStateError, match="A and X are not both of this endpoint"):
        endpoint.bridge(leg, stranger)
    with pytest.raises(LegStateError, match="with itself"):
        endpoint.bridge(leg, leg)


# -- endpoints ----------------------------------------------------------------------------------------------


def test_name_is_free_again_when_its_leg_is_over() -> None:
    endpoint = ScriptedEndpoint()
    first = endpoint.new_leg("A", Heard())
    with pytest.raises(SipError, match="leg A exists already"):
        endpoint.new_leg("A", Heard())
    first.emit_hung_up()
    assert endpoint.new_leg("A", Heard()) is endpoint.legs["A"] is not first


def test_call_beyond_the_engine_ends_for_want_of_resources() -> None:
    endpoint, heard = ScriptedEndpoint(limits=EngineLimits("x", 1, 254)), Heard()
    endpoint.new_leg("A", Heard()).dial(TRUNK, "100", display="1")
    endpoint.new_leg("B", heard).dial(TRUNK, "100", display="1")
    endpoint.reactor.advance()
    assert heard.events == [LegHungUp(B, 0.0, NO_RESOURCE, by_remote=True)]
    assert endpoint.limits.calls == 1


def test_incoming_call_goes_to_the_listener_which_names_the_legs_own() -> None:
    calls, heard = list[IncomingCall](), Heard()

    def decide(call: IncomingCall) -> LegListener:
        calls.append(call)
        return heard

    leg = ScriptedEndpoint(incoming=decide).receive("100", "200", "300")
    leg.answer()
    leg.emit_answered()
    assert calls == [IncomingCall(leg, "100", "200", "300")]
    assert heard.events == [LegAnswered(leg.id, 0.0)]


def test_incoming_call_without_a_listener_is_refused() -> None:
    endpoint = ScriptedEndpoint()
    leg = endpoint.receive("100", "200")
    endpoint.reactor.advance()
    assert leg.over
    assert leg.hung_up_with == HangupCause(20, 480)


def test_close_hangs_up_and_fires_when_the_last_leg_is_over() -> None:
    endpoint, fired = ScriptedEndpoint(), list[None]()
    slow = endpoint.new_leg("A", Heard())
    slow.ends_when_hung_up = False
    quick = endpoint.new_leg("B", Heard())
    endpoint.close().addCallback(fired.append)
    endpoint.reactor.advance(1.0)
    assert quick.over
    assert (fired, endpoint.closed) == ([], False)
    slow.emit_hung_up()
    endpoint.reactor.advance(1.0)
    assert (fired, endpoint.closed) == ([None], True)
    assert endpoint.reactor.pending() == 0


def test_close_without_legs_fires_at_once() -> None:
    fired = list[None]()
    ScriptedEndpoint().close().addCallback(fired.append)
    assert fired == [None]
