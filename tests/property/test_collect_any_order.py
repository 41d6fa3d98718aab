"""A collection under any keys at any time, on a virtual clock: what a caller with a stop-watch would say."""

from hypothesis import given, settings
from hypothesis import strategies as st

from media.collect import (
    Collected,
    ContentEnded,
    Finished,
    HearingContent,
    Input,
    KeyPressed,
    Rules,
    StartWait,
    State,
    StopWait,
    WaitExpired,
    begin,
    step,
)

KEYS = st.sampled_from("0123456789*#ABCD")
RULES = st.builds(
    Rules,
    length=st.integers(1, 32),
    first_digit_ms=st.sampled_from((1, 700, 5000)),
    inter_digit_ms=st.sampled_from((1, 300, 5000)),
    terminator=st.sampled_from(("", "", "#", "5")),
    during_content=st.booleans(),
)
GAPS_MS = st.sampled_from((0, 1, 299, 300, 301, 699, 700, 701, 4999, 5000, 5001))
PRESSES = st.lists(st.tuples(GAPS_MS, KEYS), max_size=40)
CONTENT_MS = st.sampled_from((None, 0, 1, 700, 5000, 60_000))
"""Length of the content that still plays; None: it has just ended."""


def timed(rules: Rules, content_ms: int | None, presses: list[tuple[int, str]]) -> tuple[int, str]:
    """Drives the machine on a clock of whole milliseconds; when it ended, and with what.

    Of things due at once the wait comes first: it is over when its time is up.
    """
    state, outputs = begin(rules, content_plays=content_ms is not None)
    told: list[tuple[int, str]] = []
    due_ms: int | None = None
    now_ms = 0

    def carry_out(state_outputs: tuple[object, ...]) -> None:
        nonlocal due_ms
        for output in state_outputs:
            match output:
                case StartWait(delay_ms):
                    due_ms = now_ms + delay_ms
                case StopWait():
                    assert due_ms is not None, "a wait is taken back that does not run"
                    due_ms = None
                case Collected(digits):
                    told.append((now_ms, digits))

    inputs: list[tuple[int, Input]] = []
    at_ms = 0
    for gap_ms, key in presses:
        at_ms += gap_ms
        inputs.append((at_ms, KeyPressed(key)))
    if content_ms is not None:
        inputs.append((content_ms, ContentEnded()))
    inputs.sort(key=lambda pair: (pair[0], isinstance(pair[1], KeyPressed)))
    carry_out(outputs)
    for at_ms, one in [*inputs, (10**9, WaitExpired())]:
        while due_ms is not None and due_ms <= at_ms:
            now_ms, due_ms = due_ms, None
            state, outputs = step(state, WaitExpired())
            carry_out(outputs)
        now_ms = at_ms
        if at_ms < 10**9:
            state, outputs = step(state, one)
            carry_out(outputs)
            assert due_ms is None or not isinstance(state, HearingContent | Finished)
    assert isinstance(state, Finished)
    assert len(told) == 1, "a collection ends exactly once"
    assert state.digits == told[0][1]
    return told[0]


def expected(rules: Rules, content_ms: int | None, presses: list[tuple[int, str]]) -> tuple[int, str]:
    """The same by arithmetic alone: the keys that count, up to the first gap that is too long."""
    opened_ms = content_ms or 0
    digits, at_ms = "", 0
    deadline_ms = opened_ms + rules.first_digit_ms
    for gap_ms, key in presses:
        at_ms += gap_ms
        in_content = content_ms is not None and at_ms < opened_ms
        if in_content and not rules.during_content:
            continue
        if not in_content and at_ms >= deadline_ms:
            break
        if key == rules.terminator:
            return at_ms, digits
        digits += key
        if len(digits) == rules.length:
            return at_ms, digits
        deadline_ms = max(at_ms, opened_ms) + rules.inter_digit_ms
    return deadline_ms, digits


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(rules=RULES, content_ms=CONTENT_MS, presses=PRESSES)
def test_collection_is_what_the_stop_watch_says(
    rules: Rules, content_ms: int | None, presses: list[tuple[int, str]]
) -> None:
    assert timed(rules, content_ms, presses) == expected(rules, content_ms, presses)


INPUTS = st.lists(
    st.one_of(KEYS.map(KeyPressed), st.just(ContentEnded()), st.just(WaitExpired())), max_size=60
)


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(rules=RULES, content_plays=st.booleans(), inputs=INPUTS)
def test_any_order_of_inputs_ends_at_most_once_and_shows_no_digit(
    rules: Rules, content_plays: bool, inputs: list[Input]
) -> None:
    state: State
    state, outputs = begin(rules, content_plays=content_plays)
    out = [*outputs]
    for one in inputs:
        before = state
        state, outputs = step(state, one)
        out += outputs
        assert not isinstance(before, Finished) or (state, outputs) == (before, ())
        assert len(state.digits) <= rules.length
        assert (
            repr(state) == repr(type(state)(""))
            if isinstance(state, Finished)
            else "digits" not in repr(state)
        )
    ends = [output for output in out if isinstance(output, Collected)]
    assert len(ends) == isinstance(state, Finished)
    if ends:
        assert out[-1] == ends[0]
