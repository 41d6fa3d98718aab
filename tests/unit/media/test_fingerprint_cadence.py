"""Bursts read as tones: cadence, cuts, levels, and what belongs to no tone."""

from collections.abc import Sequence

import pytest

from media.fingerprint_cadence import match_cadences
from media.fingerprint_tone import Burst, ToneShape, ToneStretch

POWER = 1000.0


def shape(*on_off_s: float, loop: bool = True) -> ToneShape:
    """A tone of 450 Hz: seconds on, off, on, off ..."""
    edges_s = [sum(on_off_s[:i]) for i in range(len(on_off_s) + 1)]
    bursts = tuple(Burst(a, b, POWER) for a, b in zip(edges_s[:-1:2], edges_s[1::2], strict=True))
    return ToneShape((450.0,), bursts, edges_s[-1], loop)


def bursts(*edges_s: float, power: float = POWER) -> list[Burst]:
    return [Burst(a, b, power) for a, b in zip(edges_s[::2], edges_s[1::2], strict=True)]


def spans_s(found: Sequence[tuple[int, ToneStretch]]) -> list[tuple[int, float, float]]:
    return [(tone, stretch.start_s, stretch.stop_s) for tone, stretch in found]


RINGBACK = shape(1.0, 4.0)
BUSY = shape(0.35, 0.35)
CONGESTION = shape(0.7, 0.7)
UK_RINGBACK = shape(0.4, 0.2, 0.4, 2.0)
DIAL = shape(1.0)
BEEP = shape(0.5, 0.0, loop=False)
TONES = [RINGBACK, BUSY, CONGESTION, UK_RINGBACK, DIAL]


def test_bursts_of_one_cadence_are_one_stretch() -> None:
    found = match_cadences(bursts(1.0, 2.0, 6.0, 7.0, 11.0, 12.0), TONES)
    assert spans_s(found) == [(0, 1.0, 12.0)]
    assert found[0][1].whole
    assert found[0][1].signal_start_s == 0.0
    assert found[0][1].gain == pytest.approx(1.0)
    assert found[0][1].score == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("tone", "edges_s"),
    [
        (1, (0.0, 0.35, 0.7, 1.05, 1.4, 1.75)),
        (2, (0.0, 0.7, 1.4, 2.1)),
        (3, (0.0, 0.4, 0.6, 1.0, 3.0, 3.4, 3.6, 4.0)),
        (4, (0.0, 6.5)),
    ],
)
def test_cadence_names_the_tone(tone: int, edges_s: tuple[float, ...]) -> None:
    assert spans_s(match_cadences(bursts(*edges_s), TONES)) == [(tone, 0.0, edges_s[-1])]


def test_slips_of_a_jitter_buffer_do_not_part_a_cadence() -> None:
    assert spans_s(match_cadences(bursts(0.0, 1.04, 5.04, 6.01, 10.05, 11.05), TONES)) == [(0, 0.0, 11.05)]


def test_first_burst_may_lack_its_beginning() -> None:
    found = match_cadences(bursts(0.0, 0.6, 4.6, 5.6), TONES)
    assert spans_s(found) == [(0, 0.0, 5.6)]
    assert found[0][1].signal_start_s == pytest.approx(0.4)
    assert found[0][1].whole


def test_last_burst_may_lack_its_end() -> None:
    found = match_cadences(bursts(0.0, 1.0, 5.0, 5.3), TONES)
    assert spans_s(found) == [(0, 0.0, 5.3)]
    assert found[0][1].score == 0.5


def test_cut_burst_that_begins_another_cadence_belongs_to_that() -> None:
    found = match_cadences(bursts(0.0, 1.0, 5.0, 5.35, 5.7, 6.05, 6.4, 6.75), TONES)
    assert spans_s(found) == [(0, 0.0, 1.0), (1, 5.0, 6.75)]


def test_missing_burst_parts_a_cadence() -> None:
    assert spans_s(match_cadences(bursts(0.0, 1.0, 10.0, 11.0), TONES)) == [(0, 0.0, 1.0), (0, 10.0, 11.0)]


def test_step_of_level_parts_a_cadence() -> None:
    found = match_cadences(bursts(0.0, 1.0, 5.0, 6.0) + bursts(10.0, 11.0, power=POWER / 10.0), TONES)
    assert spans_s(found) == [(0, 0.0, 6.0), (0, 10.0, 11.0)]
    assert found[1][1].gain == pytest.approx(0.1**0.5)


def test_beep_once_is_whole_and_twice_is_two() -> None:
    assert [
        (stretch.start_s, stretch.whole) for _, stretch in match_cadences(bursts(1.0, 1.5, 3.0, 3.5), [BEEP])
    ] == [
        (1.0, True),
        (3.0, True),
    ]


def test_cut_beep_is_not_whole() -> None:
    found = match_cadences(bursts(1.0, 1.3), [BEEP])
    assert [stretch.whole for _, stretch in found] == [False]


@pytest.mark.parametrize("edges_s", [(0.0, 0.12), (0.0, 0.24)])
def test_short_lone_fragment_is_no_tone(edges_s: tuple[float, ...]) -> None:
    assert match_cadences(bursts(*edges_s), [RINGBACK, DIAL, BEEP]) == []


def test_burst_too_long_for_every_cadence_is_no_tone() -> None:
    assert match_cadences(bursts(0.0, 3.0), [RINGBACK, BUSY]) == []


@pytest.mark.parametrize("gain_db", [-20.0, 16.0])
def test_burst_far_from_the_known_level_is_no_tone(gain_db: float) -> None:
    assert match_cadences(bursts(0.0, 1.0, power=POWER * 10.0 ** (gain_db / 10.0)), TONES) == []


def test_loop_without_a_complete_pass_is_not_whole() -> None:
    # The second half of the double ring, a pause, and the first half of the next.
    found = match_cadences(bursts(0.0, 0.4, 2.4, 2.8), [UK_RINGBACK])
    assert spans_s(found) == [(0, 0.0, 2.8)]
    assert not found[0][1].whole


def test_no_bursts_and_no_tones_are_fine() -> None:
    assert match_cadences([], TONES) == []
    assert match_cadences(bursts(0.0, 1.0), []) == []
