"""How the knee is looked for, and what counts as carried."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from benchmarks.calls_load import first_gap
from benchmarks.calls_run import Step, repeated
from benchmarks.knee import Knee, look, narrow, next_step, rows_of
from benchmarks.knee_ears import Ear, wrong_in
from benchmarks.rtp_load import Counts, Heard
from benchmarks.second_opinion import Opinions
from media import fingerprint
from media.testsignal import talk

HEARD = Heard(
    talking=300,
    deaf=0,
    sent=150_000,
    unsent=0,
    received=150_000,
    missing=0,
    lost=0,
    doubled=0,
    disordered=0,
    known=150_000,
    jumps=0,
    wide=0,
    gap_p50_ms=20.0,
    gap_p999_ms=24.0,
    gap_max_ms=31.0,
    first_p50_ms=4.0,
    first_p95_ms=18.0,
    first_max_ms=21.0,
)


def step(party: Heard = HEARD, late_p999_ms: float = 0.2, late_max_ms: float = 1.0) -> Step:
    """A good step of 300 recorded calls, but for one party and how late the generator was."""
    counts = Counts(10.0, True, 1.0, late_p999_ms, late_max_ms, (HEARD, party))
    return Step("record", "ours", 300, 39.0, 0.5, counts, grown=600, recordings=600)


def carrying(most: int, asked: list[int]) -> Callable[[int], bool]:
    """A subject that carries so many."""

    def carries(calls: int) -> bool:
        asked.append(calls)
        return calls <= most

    return carries


# -- the way to the knee --------------------------------------------------------------------------


def test_next_step_is_half_of_the_way_to_a_full_core() -> None:
    # 100 calls at 19 %: (95 - 19) / 19 = 4 times as many have room beside them; half of 400.
    assert next_step(100, 19.0, 20) == 300


def test_next_step_is_a_whole_number_of_steps() -> None:
    # 100 × (95 - 30) / 30 / 2 = 108.3
    assert next_step(100, 30.0, 20) == 200


def test_next_step_near_a_full_core_is_the_smallest() -> None:
    assert next_step(500, 94.0, 20) == 520
    assert next_step(500, 99.0, 20) == 520


def test_next_step_of_a_subject_that_cost_nothing_is_finite() -> None:
    assert next_step(4, 0.0, 20) < 10_000


@pytest.mark.parametrize("most", [400, 441, 470, 499])
def test_narrowing_ends_within_its_share_under_the_true_knee(most: int) -> None:
    asked: list[int] = []
    found = narrow(400, 500, 0.04, carrying(most, asked))
    assert 0 <= most - found <= 0.04 * 500
    assert len(asked) <= 4


def test_narrowing_asks_nothing_when_it_is_near_enough() -> None:
    asked: list[int] = []
    assert narrow(400, 416, 0.04, carrying(410, asked)) == 400
    assert asked == []


def test_narrowing_from_no_good_step_ends() -> None:
    assert narrow(0, 100, 0.04, carrying(0, [])) == 0
    assert narrow(0, 100, 0.04, carrying(1, [])) == 1


# -- what counts as carried -------------------------------------------------------------------------


def test_good_step_has_no_faults() -> None:
    assert step().faults == ()
    assert step().generator_faults == ()


@pytest.mark.parametrize(
    ("party", "fault"),
    [
        (replace(HEARD, talking=298), "298 of 300 calls set up"),
        (replace(HEARD, deaf=3), "297 of 300 calls set up"),
        (replace(HEARD, lost=12), "12 packets lost"),
        (replace(HEARD, missing=7), "7 packets never sent"),
        (replace(HEARD, gap_p999_ms=41.0), "gap p99.9 41 ms"),
        # Of both parties' 300,000.
        (replace(HEARD, known=145_500), "1.5 % of the packets unlike what was said"),
    ],
)
def test_fault_is_named(party: Heard, fault: str) -> None:
    assert step(party).faults == (fault,)


def test_slip_now_and_then_is_carried() -> None:
    assert step(replace(HEARD, known=147_000, jumps=1_000)).faults == ()


def test_gap_at_the_limit_is_carried() -> None:
    assert step(replace(HEARD, gap_p999_ms=40.0)).faults == ()


def test_recording_that_does_not_grow_is_a_fault() -> None:
    assert replace(step(), grown=599).faults == ("599 of 600 recordings grew",)


def test_late_generator_makes_a_step_void_and_is_no_fault_of_the_subject() -> None:
    late = step(late_p999_ms=12.1, late_max_ms=15.0)
    assert late.generator_faults == ("the generator woke up late: p99.9 12.1 ms, at the most 15.0 ms",)
    assert late.faults == ()
    assert step(late_max_ms=45.0).generator_faults != ()


def test_packets_that_the_generator_could_not_send_make_a_step_void() -> None:
    assert step(replace(HEARD, unsent=5)).generator_faults == ("the generator could not send 5 packets",)


def test_step_that_nobody_counted_proves_nothing() -> None:
    assert replace(step(), counts=None).generator_faults == ("nobody counted",)


def test_step_says_what_was_heard() -> None:
    said = str(step(replace(HEARD, known=149_990, jumps=2)))
    assert "300000 packets sent, 300000 heard (10 unlike what was said, 2 jumps)" in said
    assert "recordings grown: 600 of 600" in said


GOOD, FAILED, VOID = step(), step(replace(HEARD, lost=3)), step(late_max_ms=60.0)


@pytest.mark.parametrize(
    ("seen", "looks", "last"),
    [
        ((GOOD,), 3, GOOD),
        ((VOID, GOOD), 3, GOOD),
        ((FAILED, GOOD), 3, GOOD),
        ((FAILED, FAILED), 3, FAILED),
        ((FAILED, VOID, GOOD), 3, GOOD),
        ((VOID, VOID), 2, VOID),
    ],
)
def test_step_is_looked_at_until_it_is_known(seen: tuple[Step, ...], looks: int, last: Step) -> None:
    left, said = list(seen), list[str]()
    assert look(lambda: left.pop(0), looks, said.append) is last
    assert left == []
    assert [line.rpartition(": ")[2] for line in said].count("carried") == seen.count(GOOD)


# -- what is heard at the knee ----------------------------------------------------------------------


def heard(
    name: str, start_s: float = 0.0, end_s: float = 10.0, *slips: fingerprint.Slip
) -> fingerprint.Heard:
    return fingerprint.Heard(name, start_s, end_s, 1.0, 0.0, True, 0.99, slips)


def test_other_party_from_end_to_end_is_right() -> None:
    assert wrong_in([heard("1")], [], "1", 10.0) == ""


def test_slip_of_a_jitter_buffer_is_no_gap() -> None:
    assert wrong_in([heard("1", 0.0, 10.0, fingerprint.Slip(4.0, 0.02))], [], "1", 10.0) == ""
    assert wrong_in([heard("1", 0.0, 5.0), heard("1", 5.03, 10.0)], [], "1", 10.0) == ""


@pytest.mark.parametrize(
    ("found", "silent", "wrong"),
    [
        ([heard("1")], [(3.0, 3.06)], "silence from 3.000 to 3.060 s"),
        ([], [], "heard voices none, not 1 alone"),
        ([heard("0")], [], "heard voices 0, not 1 alone"),
        ([heard("0"), heard("1")], [], "heard voices 0, 1, not 1 alone"),
        ([heard("1", 0.0, 5.0), heard("1", 5.1, 10.0)], [], "the voice is not heard from 5.000 to 5.100 s"),
        ([heard("1", 0.5, 10.0)], [], "the voice is not heard from 0.000 to 0.500 s"),
        ([heard("1", 0.0, 9.5)], [], "the voice is not heard from 9.500 to 10.000 s"),
    ],
)
def test_what_is_wrong_in_an_ear_is_named(
    found: list[fingerprint.Heard], silent: list[tuple[float, float]], wrong: str
) -> None:
    assert wrong_in(found, silent, "1", 10.0) == wrong


# -- the rows ---------------------------------------------------------------------------------------


ALL_EARS = tuple(Ear(f"heard-0-{number}", "") for number in range(40))
ONE_DEAF = (*ALL_EARS[1:], Ear("heard-1-3", "silence from 3.000 to 3.060 s", slips=2))


def test_rows_are_judged_by_the_ratio() -> None:
    rows = rows_of(
        "record", {"ours": Knee(600, step(), ears=ALL_EARS), "asterisk": Knee(200, step(), step(), ALL_EARS)}
    )
    assert [(row.ours, row.asterisk, row.met) for row in rows] == [(600.0, 200.0, True), (100.0, 100.0, True)]
    assert "no room for more telephones" in rows[0].note


def test_deaf_ear_misses_its_budget_and_is_named() -> None:
    row = rows_of(
        "record", {"ours": Knee(600, step(), ears=ONE_DEAF), "asterisk": Knee(200, step(), ears=ALL_EARS)}
    )[1]
    assert (row.ours, row.met) == (97.5, False)
    assert row.note == "heard-1-3: silence from 3.000 to 3.060 s"


def test_slips_are_said_beside_the_knee() -> None:
    assert (
        "39 of 40 sampled ears heard everything, 2 slips of a jitter buffer"
        in Knee(600, step(), ears=ONE_DEAF).note
    )


def test_knee_of_nothing_is_no_figure() -> None:
    rows = rows_of(
        "prompt", {"ours": Knee(0, bad=step(replace(HEARD, lost=3))), "asterisk": Knee(200, step())}
    )
    assert (rows[0].ours, rows[0].met) == (None, None)
    assert "300 failed: 3 packets lost" in rows[0].note


# -- ports and voices -------------------------------------------------------------------------------


def test_first_gap_begins_at_the_first_even_port() -> None:
    assert first_gap(set(), 100, 2001, 9000) == 2002


def test_first_gap_passes_over_what_is_taken() -> None:
    assert first_gap({2050, 2099, 5000}, 100, 2000, 9000) == 2100
    assert first_gap({2050, 2100, 5000}, 100, 2000, 9000) == 2102


def test_first_gap_may_end_right_before_a_taken_port() -> None:
    assert first_gap({2100}, 100, 2000, 9000) == 2000


def test_no_gap_is_an_error_that_names_the_range() -> None:
    with pytest.raises(RuntimeError, match="no 100 free UDP ports in a row from 2000 to 2150"):
        first_gap({2060}, 100, 2000, 2150)


def test_repeated_voice_lasts_as_asked_and_begins_anew_at_its_end() -> None:
    voice = talk(2, 4.0)
    long = repeated(voice, 9.0)
    assert long.size == 72_000
    assert (long[32_000:64_000] == voice).all()
    assert (repeated(voice, 0.5) == voice[:4000]).all()


# -- the second opinion ----------------------------------------------------------------------------------


def test_opinions_differ_by_a_share_of_the_larger() -> None:
    assert Opinions(0.16, 0.12, 100).apart_percent == pytest.approx(25.0)
    assert Opinions(0.12, 0.16, 100).apart_percent == pytest.approx(25.0)


def test_opinions_on_nothing_are_alike() -> None:
    assert Opinions(0.0, 0.0, 100).apart_percent == 0.0
