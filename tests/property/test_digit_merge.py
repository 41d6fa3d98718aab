"""Each key exactly once and in order, whatever the transports and the network do to the telling of it."""

from dataclasses import dataclass, field
from typing import TypeAlias

from hypothesis import given
from hypothesis import strategies as st

from sip.digits import DigitMerge, EventPacket
from sip.events import DigitEnded, DigitReceived, DigitTransport, LegEvent, LegId

RFC4733, INFO, IN_BAND = DigitTransport.RFC4733, DigitTransport.INFO, DigitTransport.IN_BAND

MOST_JITTER_S = 0.03
"""Less than the shortest pause, so that no key overtakes another."""


@dataclass(frozen=True)
class Told:
    """One sighting on its way to the merge."""

    at_s: float
    what: EventPacket | tuple[str, ...]
    began_s: float = 0.0


@dataclass(frozen=True)
class Press:
    """A key as a finger pressed it, and what became of its packets."""

    digit: str
    began_s: float
    lasts_s: float
    fates: tuple[tuple[bool, int], ...] = field(default=())
    """For each packet in turn: lost or not, and in how many copies it came."""
    jitter_s: tuple[float, ...] = (0.0,)

    @property
    def ended_s(self) -> float:
        return self.began_s + self.lasts_s


Presses: TypeAlias = list[Press]


@st.composite
def presses(draw: st.DrawFn, *, least_pause_ms: int = 40) -> Presses:
    """Up to 12 keys of three digits (many follow their like), at the pace of a finger or a machine."""
    now_s, result = 100.0, []
    for _ in range(draw(st.integers(1, 12))):
        lasts_s = draw(st.integers(50, 400)) / 1000
        fates = draw(st.lists(st.tuples(st.integers(1, 10).map(lambda n: n <= 3), st.integers(1, 2))))
        jitter_s = draw(st.lists(st.floats(0, MOST_JITTER_S), min_size=1, max_size=8))
        result.append(Press(draw(st.sampled_from("127")), now_s, lasts_s, tuple(fates), tuple(jitter_s)))
        now_s += lasts_s + draw(st.integers(least_pause_ms, 300)) / 1000
    return result


def packets(press: Press, *, every_ms: int = 20) -> list[Told]:
    """What is left of a press's RFC 4733 packets: lost, doubled and out of order as its fates say."""
    total_ms = round(1000 * press.lasts_s)
    durations_ms = [*range(every_ms, total_ms, every_ms), total_ms, total_ms, total_ms]
    first_end = len(durations_ms) - 3
    stamp_ms = round(1000 * press.began_s) % 2**29
    told = []
    for index, duration_ms in enumerate(durations_ms):
        lost, copies = press.fates[index] if index < len(press.fates) else (False, 1)
        packet = EventPacket(press.digit, stamp_ms, duration_ms, index >= first_end)
        sent_s = press.began_s + duration_ms / 1000
        told += [
            Told(sent_s + press.jitter_s[(index + copy) % len(press.jitter_s)], packet)
            for copy in range(0 if lost else copies)
        ]
    return told


def infos(press: Press, *, at_end: bool) -> list[Told]:
    sent_s = press.ended_s if at_end else press.began_s
    duration = str(round(1000 * press.lasts_s))
    return [Told(sent_s + press.jitter_s[-1], ("info", press.digit, duration))]


def tones(press: Press) -> list[Told]:
    """What the detector makes of it: the beginning known late, its moment inexact by the jitter buffer."""
    began_s = press.began_s + press.jitter_s[0] - 0.015
    known_s = press.began_s + 0.07 + press.jitter_s[0]
    ended_s = began_s + press.lasts_s
    lasting = str(round(1000 * press.lasts_s))
    return [
        Told(known_s, ("began", press.digit), began_s),
        Told(max(known_s, ended_s + 0.08), ("ended", lasting), ended_s),
    ]


def merged(told: list[Told]) -> list[LegEvent]:
    """All reports, with the timers of the merge going off in between as they are due."""
    merge = DigitMerge(LegId("A"))
    reports: list[LegEvent] = []
    for one in sorted(told, key=lambda one: one.at_s):
        while (next_s := merge.next_s()) is not None and next_s <= one.at_s:
            reports.extend(merge.advance(next_s))
        match one.what:
            case EventPacket():
                reports.extend(merge.packet(one.what, one.at_s))
            case ("info", digit, duration):
                reports.extend(merge.info(digit, int(duration), one.at_s))
            case ("began", digit):
                reports.extend(merge.tone_began(digit, one.began_s, one.at_s))
            case (_, duration):
                reports.extend(merge.tone_ended(int(duration), one.began_s, one.at_s))
    while (next_s := merge.next_s()) is not None:
        reports.extend(merge.advance(next_s))
    return reports


def keys(reports: list[LegEvent]) -> str:
    return "".join(report.digit for report in reports if isinstance(report, DigitReceived))


def pressed(told: Presses) -> str:
    return "".join(press.digit for press in told)


@given(presses(), st.sampled_from([20, 50]))
def test_rfc_4733_alone_gives_each_key_that_left_a_packet_once_and_in_order(
    told: Presses, every_ms: int
) -> None:
    survivors = [press for press in told if packets(press, every_ms=every_ms)]
    sent = [packet for press in told for packet in packets(press, every_ms=every_ms)]
    assert keys(merged(sent)) == pressed(survivors)


@given(presses(), st.booleans(), st.sets(st.sampled_from([RFC4733, INFO, IN_BAND]), min_size=1))
def test_any_transports_together_give_each_key_once_and_in_order(
    told: Presses, at_end: bool, transports: set[DigitTransport]
) -> None:
    sightings: list[Told] = []
    for press in told:
        if RFC4733 in transports:
            sightings += packets(press) or packets(Press(press.digit, press.began_s, press.lasts_s))
        if INFO in transports:
            sightings += infos(press, at_end=at_end)
        if IN_BAND in transports:
            sightings += tones(press)
    reports = merged(sightings)
    assert keys(reports) == pressed(told)
    assert [report.transports for report in reports if isinstance(report, DigitEnded)] == [
        frozenset(transports)
    ] * len(told)


@given(presses(), st.data())
def test_transports_that_miss_keys_never_make_two_of_one(told: Presses, data: st.DataObject) -> None:
    sightings: list[Told] = []
    at_end = data.draw(st.booleans())
    for press in told:
        by = data.draw(st.sets(st.sampled_from([RFC4733, INFO, IN_BAND]), min_size=1))
        sightings += packets(press) if RFC4733 in by else []
        sightings += infos(press, at_end=at_end) if INFO in by else []
        sightings += tones(press) if IN_BAND in by else []
    reports = merged(sightings)
    assert len(keys(reports)) <= len(told)
    assert set(keys(reports)) <= set(pressed(told))


@given(presses(least_pause_ms=300), st.data())
def test_keys_at_a_walking_pace_are_whole_though_each_is_told_by_another_transport(
    told: Presses, data: st.DataObject
) -> None:
    sightings: list[Told] = []
    for press in told:
        match data.draw(st.sampled_from([RFC4733, INFO, IN_BAND])):
            case DigitTransport.RFC4733:
                sightings += packets(press) or infos(press, at_end=False)
            case DigitTransport.INFO:
                sightings += infos(press, at_end=False)
            case _:
                sightings += tones(press)
    assert keys(merged(sightings)) == pressed(told)


@given(presses(), st.booleans())
def test_every_key_that_is_reported_ends_once(told: Presses, at_end: bool) -> None:
    sightings = [one for press in told for one in packets(press) + infos(press, at_end=at_end) + tones(press)]
    reports = merged(sightings)
    ended = [report for report in reports if isinstance(report, DigitEnded)]
    assert sorted(report.digit for report in ended) == sorted(keys(reports))
