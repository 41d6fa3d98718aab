"""media.dtmf.course: open digits window by window, with presences and phases written by hand."""

import numpy as np
import pytest

from media.dtmf.course import (
    FULL,
    HALF,
    MAX_BREAK,
    MAX_UNHEARD,
    NEVER,
    Course,
)
from media.dtmf.digit import KEYS
from media.dtmf.tables import HOP, PAIR_OMEGAS, Bools, Complexes, Doubles

FIRST = 1000.0
"""The middle of the first window looked at."""

OMEGAS = PAIR_OMEGAS[:, [KEYS.index("5")]]


def beginning(n_digits: int = 1, wobble: float = -4.0) -> Course:
    return Course.beginning(
        np.full(n_digits, FIRST),
        np.full(n_digits, FIRST),
        np.repeat(OMEGAS, n_digits, axis=1),
        np.full((2, n_digits), wobble),
    )


def tones_at(centre: float, phase_rad: float = 0.0) -> Complexes:
    """Both tones where their frequencies lead them, shape (2, 1)."""
    turned: Complexes = np.exp(1j * (OMEGAS * centre + phase_rad)).astype(np.complex64)
    return turned


def walk(
    presences: list[float],
    course: Course | None = None,
    phase_rad: float = 0.0,
    since: int = 0,
    usable: list[bool] | None = None,
) -> float | None:
    """Where a digit with these presences ends; None while it goes on.

    Args:
        presences: one a window.
        course: to go on with, else a new one.
        phase_rad: added to both tones from one window on.
        since: which window that is.
        usable: windows that were received, else all.
    """
    course = beginning() if course is None else course
    for window, presence in enumerate(presences):
        centre = FIRST + window * HOP
        tones = tones_at(centre, phase_rad if window >= since else 0.0)
        believed: Bools | None = None if usable is None else np.array([usable[window]])
        over, ends = course.step(
            np.array([True]), centre, np.array([presence]), tones, believed, np.array([float(MAX_BREAK)])
        )
        if over[0]:
            return float(ends[0])
    return None


def test_digit_that_stays_present_goes_on() -> None:
    assert walk([1.0] * 50) is None


def test_digit_ends_where_the_presence_crosses_half() -> None:
    """0.75 at 1040, 0.25 at 1080: half is crossed at 1060."""
    assert walk([1.0, 0.75, 0.25, *[0.0] * 6]) == pytest.approx(1060.0)


def test_end_is_known_when_the_break_is_longer_than_allowed() -> None:
    """Absent from 1020 on: at 1200 for 180 samples, at 1240 for 220, more than the 192 of MAX_BREAK."""
    course = beginning()
    assert walk([1.0, 0.0, 0.0, 0.0, 0.0, 0.0], course) is None
    assert course.in_break[0]
    assert walk([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]) == pytest.approx(1020.0)


def test_break_of_ten_milliseconds_is_bridged() -> None:
    assert walk([1.0, 1.0, 0.6, 0.2, 0.2, 0.6, *[1.0] * 10]) is None


def test_tone_that_comes_back_in_its_phase_goes_on() -> None:
    assert walk([1.0, 1.0, 0.0, 0.0, 0.0, *[1.0] * 10]) is None


def test_tone_that_comes_back_out_of_its_phase_ends_the_digit_at_the_break() -> None:
    """Absent from 1060 to 1180, 15 ms; half a turn off."""
    end = walk([1.0, 1.0, 0.0, 0.0, 0.0, *[1.0] * 10], phase_rad=np.pi, since=5)
    assert end == pytest.approx(1060.0)


def test_phase_may_jump_where_the_break_is_too_short_to_be_one() -> None:
    """7 ms: the seam of a slip."""
    assert walk([1.0, 1.0, 0.4, 0.4, *[1.0] * 10], phase_rad=np.pi, since=4) is None


def test_wavering_tone_may_come_back_further_off_its_phase() -> None:
    presences = [1.0, 1.0, 0.0, 0.0, 0.0, *[1.0] * 10]
    assert walk(presences, beginning(wobble=-4.0), phase_rad=0.3, since=5) is not None
    assert walk(presences, beginning(wobble=-2.0), phase_rad=0.3, since=5) is None


def test_next_press_may_begin_a_window_before_the_tone_came_back() -> None:
    course = beginning()
    walk([1.0, 1.0, 0.0, 0.0, 0.0, *[1.0] * 10], course, phase_rad=np.pi, since=5)
    assert course.restart[0] == pytest.approx(1180.0)


def test_lost_audio_does_not_end_a_digit_before_a_tenth_of_a_second() -> None:
    n_windows = MAX_UNHEARD // HOP
    presences, usable = [1.0] + [0.0] * n_windows, [True] + [False] * n_windows
    assert walk(presences, usable=usable) is None
    # Unheard since the window at 1000: it is held to have lasted until the first one not heard.
    end = walk([*presences, 0.0], usable=[*usable, False])
    assert end == pytest.approx(FIRST)


def test_lost_audio_in_a_break_is_taken_off_its_length() -> None:
    """Absent from 1020 to 1260, 30 ms, of which 15 ms were not heard."""
    presences = [1.0, *[0.0] * 6, 1.0, 1.0, 1.0]
    usable = [True, True, False, False, False, True, True, True, True, True]
    assert walk(presences) is not None
    assert walk(presences, usable=usable) is None


def test_window_that_is_not_a_digit_s_turn_leaves_it_alone() -> None:
    course = beginning(2)
    turn = np.array([True, False])
    course.step(turn, FIRST, np.zeros(2), np.repeat(tones_at(FIRST), 2, axis=1), None, np.full(2, 192.0))
    assert course.in_break.tolist() == [True, False]
    assert course.next_centre.tolist() == [FIRST + HOP, FIRST]


def centres(n_windows: int = 4) -> Doubles:
    return FIRST + HOP * np.arange(n_windows, dtype=np.float64)


def test_steady_digits_are_those_without_a_break_in_sight() -> None:
    course = beginning(5)
    course.in_break[1] = True
    course.restart[2] = FIRST - 100
    course.unheard[3] = HOP
    presence = np.ones((4, 5))
    presence[2, 4] = FULL
    assert course.steady(np.arange(5), centres(), presence).tolist() == [True, False, False, False, False]


def test_windows_seen_before_do_not_count_against_a_steady_digit() -> None:
    course = beginning(1)
    course.next_centre[0] = FIRST + 2 * HOP
    presence = np.ones((4, 1))
    presence[:2] = HALF
    assert course.steady(np.arange(1), centres(), presence).all()


def test_digit_whose_windows_were_all_seen_is_not_steady() -> None:
    course = beginning(1)
    course.next_centre[0] = FIRST + 4 * HOP
    assert not course.steady(np.arange(1), centres(), np.ones((4, 1))).any()


def test_steady_digit_is_left_as_step_would_leave_it() -> None:
    stepped, skipped = beginning(), beginning()
    walk([1.0, 0.95, 0.93, 0.96], stepped)
    last = float(centres()[-1])
    skipped.go_on(np.arange(1), last, np.array([0.96]), tones_at(last))
    for name in ("next_centre", "presence", "in_break", "unheard", "restart", "reference", "reference_at"):
        assert getattr(stepped, name) == pytest.approx(getattr(skipped, name)), name
    assert stepped.restart[0] == NEVER


def test_some_taken_and_put_back_are_the_same() -> None:
    course = beginning(4)
    some = course.take(np.array([1, 3]))
    some.break_start[:] = [7.0, 9.0]
    assert course.break_start.tolist() == [FIRST] * 4
    course.put(np.array([1, 3]), some)
    assert course.break_start.tolist() == [FIRST, 7.0, FIRST, 9.0]
