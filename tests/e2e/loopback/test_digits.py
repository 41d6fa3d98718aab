"""Keys on the wire, by each transport and by all at once: every one reported once, in order, and in time."""

import json
import logging
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
import pytest

from media.dtmf import detect
from media.dtmf.testing import silence
from media.g711 import alaw_decode
from tests.e2e.loopback.keyphone import KeyPhone, Network, Press, tones_of, typed
from tests.e2e.loopback.parties import Core, Phone, Report
from tests.e2e.loopback.wirephone import PCMA, TELEPHONE_EVENT, RtpPacket, SipMessage

pytestmark = pytest.mark.e2e

log = logging.getLogger(__name__)
"""Tells the latencies measured: `pytest -o log_cli=true --log-cli-level=INFO`."""

PIN_32 = "159*7#02468ABCD3691470258*D#C9B8"
"""Every key, and none twice running. Where chance takes packets it may leave nothing but ends, and pjmedia
hides those of a second press of a key (see test_one_key_twice_arrives_by_one_packet_each)."""

PIN_32_PAIRS = "1155**77##0022446688AABBCCDD3399"

EVENT_LATENCY_S = 0.03
"""From the first end packet on the wire to the report."""
TONE_LATENCY_S = 0.09
"""From the packet with the tone's first sample to the report."""


STEADY_S = 0.015
"""A packet later than this leaves a hole in its tone that no jitter buffer of 40 ms need fill: two keys."""


class StampedCore(Core):
    """A core whose reports carry the moment they arrived here, `read_s`."""

    def _read(self) -> None:
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with self._news:
                    self.reports.append({**json.loads(line), "read_s": time.monotonic()})
                    self._news.notify_all()


@pytest.fixture
def core(parties: ExitStack, cache_dir: Path) -> StampedCore:
    core = parties.enter_context(StampedCore(cache_dir))
    core.wait("ready")
    return core


@pytest.fixture
def phone(parties: ExitStack) -> KeyPhone:
    return parties.enter_context(KeyPhone())


@pytest.fixture
def invite(core: StampedCore, phone: KeyPhone) -> Iterator[SipMessage]:
    """An answered call on leg A, hung up at the end."""
    core.dial("A", phone.uri)
    invite = phone.expect("INVITE")
    phone.respond(invite, "200 OK", media=True)
    phone.expect("ACK")
    core.wait("LegAnswered")
    yield invite
    core.hang_up("A")
    phone.respond(phone.expect("BYE"), "200 OK")
    core.wait("LegHungUp")


def listen(core: Core) -> None:
    core.order("listen_for_digits", leg="A", listen=True)
    core.order("level", leg="A")
    core.wait("level")  # so the order before it was carried out


def settled(core: Core, count: int) -> list[Report]:
    """The keys reported, once all have ended and a further one would have come."""
    core.wait_for("DigitEnded", count)
    time.sleep(0.1)  # one more would be wrong, and can only be seen by waiting for it
    return core.all("DigitReceived")


def keys(reports: list[Report]) -> str:
    return "".join(str(report["digit"]) for report in reports)


def latencies(reports: list[Report], moments_s: list[float]) -> list[float]:
    return [report["read_s"] - moment_s for report, moment_s in zip(reports, moments_s, strict=True)]


def told(latencies_s: list[float]) -> str:
    """Their distribution in ms."""
    cuts = statistics.quantiles(latencies_s, n=20)
    figures = statistics.median(latencies_s), cuts[-1], max(latencies_s)
    return "p50 {:.1f}, p95 {:.1f}, max {:.1f} ms".format(*(1000 * figure for figure in figures))


def p95(latencies_s: list[float]) -> float:
    return statistics.quantiles(latencies_s, n=20)[-1]


# -- RFC 4733 -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("digits", "network"),
    [
        pytest.param(PIN_32_PAIRS, Network(), id="nothing lost"),
        pytest.param(PIN_32_PAIRS, Network(marker=False), id="no marker"),
        pytest.param(PIN_32_PAIRS, Network(lost="...xxx"), id="ends lost"),
        pytest.param(PIN_32_PAIRS, Network(lost="x"), id="starts lost"),
        pytest.param(PIN_32_PAIRS, Network(lost="x..xxx"), id="one update left"),
        pytest.param(PIN_32, Network(lost="xxxx"), id="one end left"),
        pytest.param(PIN_32_PAIRS, Network(doubled=0.5), id="doubled"),
        pytest.param(PIN_32, Network(late=0.3), id="reordered"),
        pytest.param(PIN_32, Network(loss=0.1, doubled=0.2, late=0.2), id="10 % lost, doubled, reordered"),
        pytest.param(PIN_32, Network(loss=0.3), id="30 % lost"),
    ],
)
def test_32_keys_by_rfc_4733_are_each_reported_once_and_in_order(
    core: StampedCore, phone: KeyPhone, invite: SipMessage, digits: str, network: Network
) -> None:
    phone.stream(invite, silence(500), typed(digits, on_s=0.06, off_s=0.06), network)
    reports = settled(core, len(digits))
    assert keys(reports) == digits
    assert {report["transport"] for report in reports} == {"rfc4733"}


def test_key_by_rfc_4733_is_reported_within_30_ms_of_its_end(
    core: StampedCore, phone: KeyPhone, invite: SipMessage
) -> None:
    presses = typed(PIN_32)
    started_s = phone.stream(invite, None, presses)
    reports = settled(core, len(presses))
    after_end_s = latencies(reports, [started_s + press.ends_s for press in presses])
    after_first_s = latencies(reports, [started_s + press.at_s + 0.02 for press in presses])
    log.info("after the end: %s", told(after_end_s))
    log.info("after the first packet: %s", told(after_first_s))
    assert p95(after_end_s) <= EVENT_LATENCY_S
    assert p95(after_first_s) <= EVENT_LATENCY_S


def test_key_whose_end_alone_arrives_is_reported_within_30_ms(
    core: StampedCore, phone: KeyPhone, invite: SipMessage
) -> None:
    presses = typed(PIN_32)
    started_s = phone.stream(invite, None, presses, Network(lost="xx"))
    reports = settled(core, len(presses))
    # Of 20, 40 and three times 50 ms, the first end leaves 60 ms after the key went down.
    after_end_s = latencies(reports, [started_s + press.at_s + 0.06 for press in presses])
    log.info("after the first end: %s", told(after_end_s))
    assert p95(after_end_s) <= EVENT_LATENCY_S


def test_second_press_of_a_key_is_a_second_key_when_its_start_was_lost(
    core: StampedCore, phone: KeyPhone, invite: SipMessage
) -> None:
    presses = [Press("5", 0.3, 0.1), Press("5", 1.0, 0.2)]  # durations rise on: an update, to pjmedia
    phone.stream(invite, None, presses, Network(lost="xxxxx", first="......."))
    assert keys(settled(core, 2)) == "55"


def test_key_held_for_10_s_is_one_key_of_10_s(core: StampedCore, phone: KeyPhone, invite: SipMessage) -> None:
    phone.stream(invite, None, [Press("5", 0.1, 10.0), Press("6", 10.5, 0.1)])
    reports = settled(core, 2)
    assert keys(reports) == "56"
    assert reports[0]["read_s"] < reports[1]["read_s"] - 9.0
    assert core.all("DigitEnded")[0]["duration_ms"] == pytest.approx(10_000, abs=40)


def test_duration_is_that_of_the_key_within_a_packet(
    core: StampedCore, phone: KeyPhone, invite: SipMessage
) -> None:
    lasting_s = [0.04, 0.08, 0.12, 0.33, 0.5]
    presses = [Press(str(index), 0.2 + index, lasts_s) for index, lasts_s in enumerate(lasting_s)]
    phone.stream(invite, None, presses)
    settled(core, len(presses))
    durations_ms = [report["duration_ms"] for report in core.all("DigitEnded")]
    assert durations_ms == pytest.approx([1000 * lasts_s for lasts_s in lasting_s], abs=20)


# -- INFO ---------------------------------------------------------------------------------------------------

INFO_BODIES = [
    ("Signal=5\r\nDuration=160\r\n", "application/dtmf-relay", "5"),
    ("Signal= 5\r\nDuration= 160\r\n", "application/dtmf-relay", "5"),
    ("signal = 5\nduration = 160\n", "application/dtmf-relay", "5"),
    ("Duration=160\r\nSIGNAL=#\r\n", "application/dtmf-relay", "#"),
    ("Signal=*", "application/dtmf-relay", "*"),
    ("Signal=10\r\nDuration=160", "application/dtmf-relay", "*"),
    ("Signal=11\r\nDuration=160", "application/dtmf-relay", "#"),
    ("Signal=15\r\nDuration=160", "application/dtmf-relay", "D"),
    ("Signal=c\r\nDuration=160", "application/dtmf-relay", "C"),
    ("7", "application/dtmf", "7"),
    (" # \r\n", "application/dtmf", "#"),
    ("10", "application/dtmf; charset=utf-8", "*"),
]


@pytest.mark.parametrize(("body", "kind", "digit"), INFO_BODIES, ids=lambda value: repr(value))
def test_key_by_info_is_reported_and_answered(
    core: StampedCore, phone: KeyPhone, invite: SipMessage, body: str, kind: str, digit: str
) -> None:
    assert phone.info_answered(invite, body, kind) == 200
    reports = settled(core, 1)
    assert keys(reports) == digit
    assert reports[0]["transport"] == "info"


def test_32_keys_by_info_are_each_reported_once_and_in_order(
    core: StampedCore, phone: KeyPhone, invite: SipMessage
) -> None:
    for digit in PIN_32_PAIRS:
        assert phone.info_answered(invite, f"Signal={digit}\r\nDuration=50\r\n") == 200
    assert keys(settled(core, 32)) == PIN_32_PAIRS


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        pytest.param("", "", 200, id="empty"),
        pytest.param("Signal=16\r\nDuration=100", "application/dtmf-relay", 200, id="hook flash"),
        pytest.param("Signal=55\r\nDuration=100", "application/dtmf-relay", 400, id="no signal"),
        pytest.param("x", "application/dtmf", 400, id="no digit"),
    ],
)
def test_info_without_a_key_is_answered_and_reports_none(
    core: StampedCore, phone: KeyPhone, invite: SipMessage, body: str, kind: str, status: int
) -> None:
    assert phone.info_answered(invite, body, kind) == status
    assert phone.info_answered(invite, "5", "application/dtmf") == 200
    assert keys(settled(core, 1)) == "5"


# -- in band ------------------------------------------------------------------------------------------------


def test_32_tones_are_each_reported_once_in_order_and_in_time(
    core: StampedCore, phone: KeyPhone, invite: SipMessage
) -> None:
    listen(core)
    rng = random.Random(3)
    presses = [
        Press(digit, 0.4 + 0.1 * index + 0.019 * rng.random(), 0.05)
        for index, digit in enumerate(PIN_32_PAIRS)
    ]
    tones = tones_of(presses, 4.2)
    started_s = phone.stream(invite, tones)
    if phone.latest_s > STEADY_S:
        log.warning("a packet left %.0f ms late: streamed again", 1000 * phone.latest_s)
        time.sleep(1.0)  # the keys of the first stream are over
        core.forget()
        started_s = phone.stream(invite, tones)
    reports = settled(core, 32)
    assert keys(reports) == PIN_32_PAIRS
    assert {report["transport"] for report in reports} == {"in-band"}
    # The packet that holds the first sample of a tone leaves at the slot it begins in.
    on_the_wire_s = [started_s + int(press.at_s / 0.02 + 1e-9) * 0.02 for press in presses]
    after_start_s = latencies(reports, on_the_wire_s)
    log.info("after the first packet: %s", told(after_start_s))
    assert p95(after_start_s) <= TONE_LATENCY_S


def test_tones_are_not_heard_unless_asked_for(core: StampedCore, phone: KeyPhone, invite: SipMessage) -> None:
    phone.stream(invite, tones_of(typed("123"), 1.0))
    listen(core)
    phone.stream(invite, tones_of(typed("456"), 1.0))
    core.order("listen_for_digits", leg="A", listen=False)
    core.order("level", leg="A")
    phone.stream(invite, tones_of(typed("789"), 1.0))
    assert keys(settled(core, 3)) == "456"


def test_listening_may_be_asked_for_before_the_leg_has_media_and_outlives_no_leg(
    core: StampedCore, phone: KeyPhone
) -> None:
    core.order("new_leg", leg="A")
    core.order("listen_for_digits", leg="A", listen=True)
    core.order("dial_again", leg="A", called=phone.uri, display="95588")
    invite = phone.expect("INVITE")
    phone.respond(invite, "200 OK", media=True)
    phone.expect("ACK")
    phone.stream(invite, tones_of(typed("123"), 1.0))
    assert keys(settled(core, 3)) == "123"
    core.hang_up("A")
    phone.respond(phone.expect("BYE"), "200 OK")
    core.wait("LegHungUp")
    core.order("listen_for_digits", leg="A", listen=True)


def test_listening_on_and_off_again_and_again_does_no_harm(
    core: StampedCore, phone: KeyPhone, invite: SipMessage
) -> None:
    switches = [
        (0.007 * step, lambda on=step % 2 == 0: core.order("listen_for_digits", leg="A", listen=on))
        for step in range(300)
    ]
    phone.stream(invite, silence(2300), meanwhile=switches)
    listen(core)
    phone.stream(invite, tones_of(typed("123"), 1.0))
    assert keys(settled(core, 3)) == "123"


# -- all at once --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("loss", [0.0, 0.3])
def test_32_keys_by_all_three_transports_are_each_reported_once_and_in_order(
    core: StampedCore, phone: KeyPhone, invite: SipMessage, loss: float
) -> None:
    listen(core)
    presses = typed(PIN_32_PAIRS, lead_s=0.4)
    infos = [
        (press.ends_s, lambda digit=press.digit: phone.info(invite, f"Signal={digit}\r\nDuration=50\r\n"))
        for press in presses
    ]
    phone.stream(invite, tones_of(presses, 4.2), presses, Network(loss=loss), meanwhile=infos)
    assert keys(settled(core, 32)) == PIN_32_PAIRS
    by_all = [report for report in core.all("DigitEnded") if len(report["transports"]) == 3]
    assert len(by_all) >= (28 if loss else 32)


# -- renegotiation and the other direction ------------------------------------------------------------------


def test_keys_are_taken_as_the_re_invite_says_in_tones_without_events_and_as_events_again(
    core: StampedCore, phone: KeyPhone, invite: SipMessage
) -> None:
    listen(core)
    phone.stream(invite, None, typed("12"))
    phone.renegotiate(invite, events=False)
    phone.stream(invite, tones_of(typed("34"), 1.0))
    answer = phone.renegotiate(invite, events=True)
    phone.stream(answer, silence(1000), typed("56"))
    reports = settled(core, 6)
    assert keys(reports) == "123456"
    by = [report["transport"] for report in reports]
    assert by == ["rfc4733", "rfc4733", "in-band", "in-band", "rfc4733", "rfc4733"]


def test_keys_are_sent_as_the_re_invite_says(core: StampedCore, phone: KeyPhone, invite: SipMessage) -> None:
    core.order("send_digits", leg="A", digits="12")
    phone.wait_for_packets(len(phone.packets) + 30)
    assert events_in(phone.packets) == [1, 2]
    phone.renegotiate(invite, events=False)
    before = len(phone.packets)
    core.order("send_digits", leg="A", digits="34")
    packets = phone.wait_for_packets(before + 40)[before:]
    assert events_in(packets) == []
    codes = b"".join(packet.payload for packet in packets if packet.payload_type == PCMA)
    heard = detect(alaw_decode(np.frombuffer(codes, dtype=np.uint8)))
    assert [digit.digit for digit in heard] == ["3", "4"]


def events_in(packets: list[RtpPacket]) -> list[int]:
    """The events of RFC 4733 in order, each once."""
    found = {
        packet.timestamp_ticks: packet.payload[0]
        for packet in packets
        if packet.payload_type == TELEPHONE_EVENT
    }
    return list(found.values())


@pytest.mark.parametrize("by", ["rfc4733", "info", "in-band"])
@pytest.mark.parametrize(("on_ms", "off_ms"), [(160, 60), (60, 60)])
def test_softphone_presses_its_keys_by_the_transport_it_is_told(
    core: StampedCore, new_phone: Callable[..., Phone], by: str, on_ms: int, off_ms: int
) -> None:
    far_end = new_phone(
        answer_after_s=0.0,
        digits_after_s=0.3,
        digits="1158*#D",
        digits_by=by,
        digit_on_ms=on_ms,
        digit_off_ms=off_ms,
    )
    core.dial("A", far_end.uri)
    core.order("listen_for_digits", leg="A", listen=True)
    reports = settled(core, 7)
    assert keys(reports) == "1158*#D"
    assert {report["transport"] for report in reports} == {by}
    core.hang_up("A")
    core.wait("LegHungUp")
