"""The collection of keys, rule by rule; any order of inputs is in tests/property."""

import pytest

from media.collect import (
    KEYS,
    Collected,
    ContentEnded,
    Finished,
    HearingContent,
    Input,
    KeyPressed,
    Output,
    Rules,
    StartWait,
    State,
    StopWait,
    WaitExpired,
    Waiting,
    begin,
    step,
)

EXPIRED = WaitExpired()
ENDED = ContentEnded()


def keys(pressed: str) -> list[Input]:
    return [KeyPressed(key) for key in pressed]


def after(rules: Rules, *inputs: Input, content_plays: bool = False) -> tuple[State, list[Output]]:
    """The state and everything that came out, from the beginning on."""
    state, outputs = begin(rules, content_plays=content_plays)
    out = [*outputs]
    for one in inputs:
        state, outputs = step(state, one)
        out += outputs
    return state, out


# ---- how it goes


def test_first_wait_begins_with_the_collection() -> None:
    assert after(Rules(4)) == (Waiting(Rules(4)), [StartWait(5000)])


def test_single_digit_is_told_at_once() -> None:
    assert after(Rules(1), *keys("7")) == (Finished("7"), [StartWait(5000), StopWait(), Collected("7")])


def test_each_key_starts_the_wait_for_the_next() -> None:
    rules = Rules(3, first_digit_ms=4000, inter_digit_ms=2500)
    _, out = after(rules, *keys("123"))
    assert out == [StartWait(4000), StartWait(2500), StartWait(2500), StopWait(), Collected("123")]


def test_length_ends_the_collection_and_later_keys_are_not_in_it() -> None:
    state, out = after(Rules(2), *keys("1234"))
    assert state == Finished("12")
    assert out[-1] == Collected("12")
    assert out.count(Collected("12")) == 1


def test_no_key_in_time_gives_no_digits() -> None:
    assert after(Rules(4), EXPIRED) == (Finished(""), [StartWait(5000), Collected("")])


def test_shorter_input_counts_when_the_next_key_does_not_come() -> None:
    state, out = after(Rules(4), *keys("12"), EXPIRED)
    assert state == Finished("12")
    assert out == [StartWait(5000), StartWait(5000), StartWait(5000), Collected("12")]


def test_thirty_two_digits_are_collected_whole() -> None:
    pressed = "0123456789*#ABCD" * 2
    state, _ = after(Rules(32), *keys(pressed))
    assert state == Finished(pressed)


@pytest.mark.parametrize("late", [KeyPressed("5"), EXPIRED, ENDED])
def test_finished_collection_is_silent(late: Input) -> None:
    state, _ = after(Rules(1), KeyPressed("1"))
    assert step(state, late) == (state, ())


def test_wait_expires_once_only() -> None:
    _, out = after(Rules(4), EXPIRED, EXPIRED)
    assert out.count(Collected("")) == 1


def test_second_end_of_the_content_restarts_no_wait() -> None:
    state, _ = after(Rules(4), KeyPressed("1"))
    assert step(state, ENDED) == (state, ())


def test_nothing_is_carried_from_one_collection_to_the_next() -> None:
    after(Rules(4), *keys("12"))
    assert begin(Rules(4)) == (Waiting(Rules(4), ""), (StartWait(5000),))


# ---- the terminator


def test_hash_and_star_are_digits_by_default() -> None:
    assert after(Rules(2), *keys("#*"))[0] == Finished("#*")


@pytest.mark.parametrize(("pressed", "digits"), [("12#", "12"), ("#", ""), ("1234", "1234")])
def test_terminator_ends_the_collection_and_is_no_part_of_it(pressed: str, digits: str) -> None:
    state, out = after(Rules(4, terminator="#"), *keys(pressed))
    assert state == Finished(digits)
    assert out[-2:] == [StopWait(), Collected(digits)]


# ---- keys while the content plays


def test_keys_during_the_content_are_ignored_by_default() -> None:
    state, out = after(Rules(1), *keys("123"), content_plays=True)
    assert state == HearingContent(Rules(1))
    assert out == []
    assert after(Rules(1), *keys("1"), ENDED, content_plays=True)[1] == [StartWait(5000)]


def test_no_wait_runs_while_the_content_plays() -> None:
    state, out = after(Rules(3, during_content=True), *keys("12"), content_plays=True)
    assert state == HearingContent(Rules(3, during_content=True), "12")
    assert out == []
    assert step(state, EXPIRED) == (state, ())


def test_keys_of_the_content_count_where_the_rules_say_so() -> None:
    rules = Rules(3, first_digit_ms=4000, inter_digit_ms=2500, during_content=True)
    _, out = after(rules, *keys("1"), ENDED, *keys("2"), EXPIRED, content_plays=True)
    assert out == [StartWait(2500), StartWait(2500), Collected("12")]


def test_content_without_a_key_is_followed_by_the_first_wait() -> None:
    _, out = after(Rules(3, first_digit_ms=4000, during_content=True), ENDED, content_plays=True)
    assert out == [StartWait(4000)]


@pytest.mark.parametrize(
    ("rules", "pressed"),
    [(Rules(2, during_content=True), "12"), (Rules(4, terminator="*", during_content=True), "12*")],
)
def test_collection_can_end_while_the_content_plays(rules: Rules, pressed: str) -> None:
    state, out = after(rules, *keys(pressed), content_plays=True)
    assert state == Finished("12")
    # There is no wait to take back.
    assert out == [Collected("12")]


# ---- what cannot be


@pytest.mark.parametrize("length", [0, -1, 33])
def test_length_out_of_range_is_refused(length: int) -> None:
    with pytest.raises(ValueError, match=f"{length} digits"):
        Rules(length)


@pytest.mark.parametrize("waits", [(0, 5000), (5000, 0), (-1, 5000)])
def test_wait_of_no_time_is_refused(waits: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="0 ms"):
        Rules(4, *waits)


@pytest.mark.parametrize("terminator", ["x", "##", " "])
def test_terminator_that_is_no_key_is_refused(terminator: str) -> None:
    with pytest.raises(ValueError, match="terminator"):
        Rules(4, terminator=terminator)


@pytest.mark.parametrize("key", ["", "x", "12", "a", "١"])
def test_what_is_no_key_is_refused_unquoted(key: str) -> None:
    with pytest.raises(ValueError, match=r"^not a key of a telephone$"):
        KeyPressed(key)


def test_every_key_of_a_telephone_is_taken() -> None:
    assert len(KEYS) == 16
    for key in KEYS:
        assert after(Rules(1), KeyPressed(key))[0] == Finished(key)


# ---- secrets


def test_no_repr_shows_a_digit() -> None:
    state, outputs = step(Waiting(Rules(3), "48"), KeyPressed("6"))
    told = [KeyPressed("6"), Waiting(Rules(3), "486"), HearingContent(Rules(3), "486"), state, *outputs]
    for one in told:
        assert "48" not in repr(one)
        assert "6" not in repr(one)
