"""One key once: identity within RFC 4733, and what three transports tell of one press."""

from collections.abc import Iterable

import pytest

from sip.digits import SILENCE_S, WINDOW_S, DigitMerge, EventPacket
from sip.events import DigitEnded, DigitReceived, DigitTransport, LegEvent, LegId

RFC4733, INFO, IN_BAND = DigitTransport.RFC4733, DigitTransport.INFO, DigitTransport.IN_BAND
LEG = LegId("A")
STAMP_MS = 1_000_000


class Line:
    """A leg's merge with a clock, and what it reported."""

    def __init__(self) -> None:
        self.merge = DigitMerge(LEG)
        self.reports: list[LegEvent] = []

    def take(self, reports: Iterable[LegEvent]) -> None:
        self.reports.extend(reports)

    def packet(
        self, at_s: float, digit: str, stamp_ms: int, duration_ms: int, *, end: bool = False, ssrc: int = 1
    ) -> None:
        packet = EventPacket(digit, stamp_ms % 2**29, duration_ms, end, ssrc)
        self.take(self.merge.packet(packet, at_s))

    def press(self, at_s: float, digit: str, stamp_ms: int, *, lost: str = "") -> None:
        """A key of 100 ms: five updates and three ends, 20 ms apart; `lost` has an x for each lost one."""
        for index in range(8):
            if lost[index : index + 1] == "x":
                continue
            duration_ms = min(20 * (index + 1), 100)
            self.packet(at_s + 0.02 * (index + 1), digit, stamp_ms, duration_ms, end=index >= 5)

    def info(self, at_s: float, digit: str, duration_ms: int = 160) -> None:
        self.take(self.merge.info(digit, duration_ms, at_s))

    def tone(self, began_s: float, digit: str, lasts_s: float = 0.1, *, delay_s: float = 0.08) -> None:
        """A tone heard whole, known so long after the wire had it."""
        self.take(self.merge.tone_began(digit, began_s, began_s + delay_s))
        ended_s = began_s + lasts_s
        self.take(self.merge.tone_ended(round(1000 * lasts_s), ended_s, ended_s + delay_s))

    def settle(self) -> None:
        """Let everything end; the merge says itself when."""
        while (next_s := self.merge.next_s()) is not None:
            self.take(self.merge.advance(next_s))

    @property
    def keys(self) -> str:
        return "".join(report.digit for report in self.reports if isinstance(report, DigitReceived))

    @property
    def ended(self) -> list[DigitEnded]:
        return [report for report in self.reports if isinstance(report, DigitEnded)]


@pytest.fixture
def line() -> Line:
    return Line()


# -- RFC 4733 -----------------------------------------------------------------------------------------------


def test_key_is_reported_at_its_first_packet(line: Line) -> None:
    line.packet(1.0, "5", STAMP_MS, 20)
    assert line.reports == [DigitReceived(LEG, 1.0, "5", 20, RFC4733)]


@pytest.mark.parametrize(
    "lost",
    [
        pytest.param("", id="nothing"),
        pytest.param("x", id="first packet"),
        pytest.param("xxxxx", id="all but the ends"),
        pytest.param("xxxxxxx", id="all but the last end"),
        pytest.param(".....xxx", id="all ends"),
        pytest.param("xx.xxxxx", id="all but one update"),
    ],
)
def test_key_is_one_key_whatever_was_lost(line: Line, lost: str) -> None:
    line.press(1.0, "5", STAMP_MS, lost=lost)
    line.settle()
    assert line.keys == "5"
    assert [report.digit for report in line.ended] == ["5"]


@pytest.mark.parametrize("lost", ["", "x", "xxxxx", ".....xxx", "xx.xxxxx"])
def test_second_press_of_a_key_is_a_second_key_whatever_was_lost(line: Line, lost: str) -> None:
    line.press(1.0, "5", STAMP_MS, lost=lost)
    line.press(1.2, "5", STAMP_MS + 200, lost=lost)
    line.settle()
    assert line.keys == "55"


def test_second_press_after_a_pause_of_40_ms_is_a_second_key_without_the_first_ones_ends(line: Line) -> None:
    line.press(1.0, "5", STAMP_MS, lost=".....xxx")
    line.press(1.14, "5", STAMP_MS + 140)
    assert line.keys == "55"


def test_doubled_packets_change_nothing(line: Line) -> None:
    for _ in range(2):
        line.press(1.0, "5", STAMP_MS)
    line.settle()
    assert line.keys == "5"
    assert [report.duration_ms for report in line.ended] == [100]


def test_updates_in_any_order_are_one_key_with_its_longest_duration(line: Line) -> None:
    for step, duration_ms in enumerate((60, 20, 100, 40, 80)):
        line.packet(1.0 + 0.02 * step, "5", STAMP_MS, duration_ms)
    line.settle()
    assert line.keys == "5"
    assert line.ended[0].duration_ms == 100


def test_end_that_comes_before_an_update_ends_the_key_once(line: Line) -> None:
    line.packet(1.0, "5", STAMP_MS, 100, end=True)
    line.packet(1.01, "5", STAMP_MS, 80)
    line.settle()
    assert line.keys == "5"
    assert line.ended[0].at_s == pytest.approx(1.5)


def test_late_packet_of_the_key_before_is_no_new_key_and_does_not_end_the_present_one(line: Line) -> None:
    line.packet(1.0, "5", STAMP_MS, 20)
    line.packet(1.1, "6", STAMP_MS + 100, 20)
    line.packet(1.11, "5", STAMP_MS, 60, end=True)
    line.packet(1.3, "6", STAMP_MS + 100, 220, end=True)
    line.settle()
    assert line.keys == "56"
    assert [(report.digit, report.duration_ms) for report in line.ended] == [("5", 60), ("6", 220)]


def test_key_whose_only_packet_comes_after_the_next_key_is_still_reported(line: Line) -> None:
    line.packet(1.1, "6", STAMP_MS + 100, 20)
    line.packet(1.11, "5", STAMP_MS, 60, end=True)
    line.packet(1.12, "6", STAMP_MS + 100, 40)
    line.settle()
    assert line.keys == "65"


def test_same_timestamp_with_another_event_is_another_key(line: Line) -> None:
    line.packet(1.0, "5", STAMP_MS, 20, end=True)
    line.packet(1.1, "6", STAMP_MS, 20, end=True)
    assert line.keys == "56"


def test_same_timestamp_from_another_source_is_another_key(line: Line) -> None:
    line.packet(1.0, "5", STAMP_MS, 20, end=True, ssrc=1)
    line.packet(2.0, "5", STAMP_MS, 20, end=True, ssrc=2)
    assert line.keys == "55"


def test_timestamp_that_wraps_is_followed(line: Line) -> None:
    line.press(1.0, "5", 2**29 - 50)
    line.press(1.2, "5", 2**29 + 150)
    line.press(1.4, "6", 2**29 + 350)
    line.settle()
    assert line.keys == "556"


@pytest.mark.parametrize("step_ms", [8192, 8192 - 32, 8192 + 32, 8000], ids=lambda step: f"step {step}")
def test_key_of_20_s_in_segments_is_one_key(line: Line, step_ms: int) -> None:
    held_ms = 0
    while held_ms < 20_000:
        held_ms += 50
        begin_ms = (held_ms - 1) // step_ms * step_ms  # the last packet of a segment tells all of it
        line.packet(1.0 + held_ms / 1000, "5", STAMP_MS + begin_ms, held_ms - begin_ms)
    line.packet(21.05, "5", STAMP_MS + 2 * step_ms, 20_050 - 2 * step_ms, end=True)
    line.settle()
    assert line.keys == "5"
    assert [report.duration_ms for report in line.ended] == [20_050]


def test_key_held_over_a_gap_of_a_second_is_not_reported_again(line: Line) -> None:
    line.packet(1.0, "5", STAMP_MS, 20)
    line.take(line.merge.advance(1.9))
    line.packet(2.0, "5", STAMP_MS, 1020)
    line.packet(2.1, "5", STAMP_MS, 1120, end=True)
    line.settle()
    assert line.keys == "5"
    assert len(line.ended) == 1


def test_silence_of_150_ms_ends_a_key_that_lost_its_ends(line: Line) -> None:
    line.press(1.0, "5", STAMP_MS, lost=".....xxx")
    assert line.merge.next_s() == pytest.approx(1.1 + SILENCE_S)
    line.settle()
    assert [(report.digit, report.duration_ms) for report in line.ended] == [("5", 100)]


def test_next_key_ends_the_one_before(line: Line) -> None:
    line.press(1.0, "5", STAMP_MS, lost=".....xxx")
    line.press(1.14, "6", STAMP_MS + 140)
    line.settle()
    assert [report.digit for report in line.ended] == ["5", "6"]
    assert line.ended[0].at_s == pytest.approx(1.1 + 0.5)


# -- between transports -------------------------------------------------------------------------------------


def test_key_told_by_all_three_is_one_key_and_its_end_names_them(line: Line) -> None:
    line.press(1.0, "5", STAMP_MS)
    line.info(1.12, "5")
    line.tone(1.0, "5", delay_s=0.2)
    line.settle()
    assert line.keys == "5"
    assert [report.transports for report in line.ended] == [frozenset({RFC4733, INFO, IN_BAND})]


@pytest.mark.parametrize("apart_s", [WINDOW_S - 0.01, WINDOW_S + 0.01])
def test_other_transport_within_250_ms_tells_of_the_same_key(line: Line, apart_s: float) -> None:
    line.info(1.0, "5")
    line.packet(1.0 + apart_s + 0.02, "5", STAMP_MS, 20)
    assert line.keys == ("5" if apart_s < WINDOW_S else "55")


def test_same_transport_within_250_ms_tells_of_another_key(line: Line) -> None:
    line.info(1.0, "5")
    line.info(1.1, "5")
    assert line.keys == "55"


def test_other_digit_within_250_ms_is_another_key(line: Line) -> None:
    line.packet(1.0, "5", STAMP_MS, 20)
    line.info(1.01, "6")
    assert line.keys == "56"


def test_info_at_the_end_of_a_long_press_tells_of_the_same_key(line: Line) -> None:
    for step in range(1, 100):
        line.packet(1.0 + 0.05 * step, "5", STAMP_MS, 50 * step, end=step == 99)
    line.info(6.0, "5", 4950)
    line.settle()
    assert line.keys == "5"
    assert line.ended[0].transports == {RFC4733, INFO}


def test_keys_in_quick_succession_keep_their_number_when_the_tones_lag_behind(line: Line) -> None:
    line.press(1.0, "5", STAMP_MS)
    line.take(line.merge.tone_began("5", 1.0, 1.1))
    line.press(1.1, "5", STAMP_MS + 200)
    line.take(line.merge.tone_ended(50, 1.05, 1.2))
    line.take(line.merge.tone_began("5", 1.15, 1.25))
    line.info(1.26, "5")
    line.info(1.3, "5")
    line.settle()
    assert line.keys == "55"


def test_press_that_rfc_4733_lost_whole_is_told_by_the_tone(line: Line) -> None:
    line.press(1.0, "5", STAMP_MS)
    line.tone(1.0, "5")
    line.tone(1.2, "5")
    line.settle()
    assert line.keys == "55"
    assert [report.transports for report in line.ended] == [frozenset({RFC4733, IN_BAND}), {IN_BAND}]


def test_tone_belongs_to_no_key_before_the_one_the_audio_told_of_last(line: Line) -> None:
    line.packet(1.0, "1", STAMP_MS, 20, end=True)  # the audio missed this one
    line.packet(1.1, "2", STAMP_MS + 100, 20, end=True)
    line.tone(1.08, "2", 0.05)
    line.tone(1.18, "1", 0.05)  # and RFC 4733 this one
    assert line.keys == "121"


def test_keys_that_were_reported_out_of_order_are_both_found_by_a_third_transport(line: Line) -> None:
    line.packet(1.11, "2", STAMP_MS, 20, end=True)
    line.tone(1.0, "1", 0.05, delay_s=0.12)  # RFC 4733 lost it, and the audio tells of it late
    line.info(1.13, "1")
    line.info(1.15, "2")
    assert line.keys == "21"


def test_tone_split_by_a_gap_is_one_key_while_rfc_4733_holds_it(line: Line) -> None:
    for step in range(1, 21):
        line.packet(1.0 + 0.05 * step, "5", STAMP_MS, 50 * step)
        if step == 4:
            line.tone(1.02, "5", 0.06)
        if step == 12:
            line.tone(1.4, "5", 0.1)
    line.packet(2.02, "5", STAMP_MS, 1020, end=True)
    line.settle()
    assert line.keys == "5"
    assert line.ended[0].duration_ms == 1020


def test_two_tones_are_two_keys_where_nothing_else_tells(line: Line) -> None:
    line.tone(1.0, "5", 0.05)
    line.tone(1.1, "5", 0.05)
    line.settle()
    assert line.keys == "55"
    assert [report.duration_ms for report in line.ended] == [50, 50]


def test_tone_is_reported_when_it_is_certain_and_not_at_its_end(line: Line) -> None:
    line.take(line.merge.tone_began("5", 1.0, 1.08))
    assert line.reports == [DigitReceived(LEG, 1.08, "5", 80, IN_BAND)]


def test_tone_that_nobody_listens_to_any_more_ends_its_key(line: Line) -> None:
    line.take(line.merge.tone_began("5", 1.0, 1.08))
    line.take(line.merge.tone_stopped(1.2))
    line.settle()
    assert [report.duration_ms for report in line.ended] == [200]


# -- ends and secrets ---------------------------------------------------------------------------------------


def test_leg_that_ends_ends_every_key_at_once(line: Line) -> None:
    line.packet(1.0, "5", STAMP_MS, 20)
    line.info(1.1, "6")
    line.take(line.merge.finish(1.2))
    assert [(report.digit, report.at_s) for report in line.ended] == [("5", 1.2), ("6", 1.2)]
    assert line.merge.next_s() is None


def test_nothing_is_due_while_nothing_was_pressed(line: Line) -> None:
    assert line.merge.next_s() is None
    assert line.merge.advance(1000.0) == ()


def test_no_repr_shows_a_digit(line: Line) -> None:
    packet = EventPacket("5", 1, 2, ended=False)
    line.take(line.merge.packet(EventPacket("#", 1, 2, ended=True), 1.0))
    line.settle()
    shown = "".join(map(repr, [packet, *line.reports, *line.merge.__dict__.values()]))
    assert "'5'" not in shown
    assert "'#'" not in shown
