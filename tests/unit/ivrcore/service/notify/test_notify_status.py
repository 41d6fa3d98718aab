"""Status events, each tried once: order within a session, none between sessions, and bounded memory."""

from collections import defaultdict
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.defer import Deferred, fail, succeed

from ivrcore.service.model import Push, PushKind
from ivrcore.service.notify.slots import Slots
from ivrcore.service.notify.status import StrictNotifier
from ivrcore.service.notify.testing import RememberingPusher
from sip.manual_reactor import ManualReactor

NOW = datetime(2026, 3, 1, 8, 15, 30, tzinfo=UTC)


def a_push(session: str, seq: int = 1, url: str = "http://a.example/status") -> Push:
    return Push(0, PushKind.STATUS, "app", session, seq, url, {"session": session, "seq": seq}, NOW, NOW)


def notifier(
    pusher: RememberingPusher, clock: ManualReactor | None = None, slots: int = 1000, **limits: int
) -> StrictNotifier:
    return StrictNotifier(
        pusher,
        lambda app_key: succeed(f"secret of {app_key}"),
        clock or ManualReactor(),
        slots=Slots(slots),
        **limits,
    )


def seen(pusher: RememberingPusher) -> list[tuple[str, int]]:
    return [(tried.body["session"], tried.body["seq"]) for tried in pusher.tried]


def fired(waited: "Deferred[None]") -> bool:
    return bool(waited.called)


def finish_all(pusher: RememberingPusher) -> None:
    while pusher.open:
        pusher.open[0].finish()


def test_an_event_is_pushed_at_once_with_the_secret_of_its_application() -> None:
    pusher = RememberingPusher()
    notifier(pusher).notify(a_push("s"))
    (tried,) = pusher.tried
    assert (tried.kind, tried.app_key, tried.secret) == (PushKind.STATUS, "app", "secret of app")
    assert tried.url == "http://a.example/status"
    assert tried.headers == {}


def test_the_next_event_of_a_session_waits_for_the_answer() -> None:
    pusher = RememberingPusher()
    strict = notifier(pusher)
    for seq in (1, 2, 3):
        strict.notify(a_push("s", seq))
    assert seen(pusher) == [("s", 1)]
    pusher.tried[0].finish()
    assert seen(pusher) == [("s", 1), ("s", 2)]
    pusher.tried[1].finish()
    pusher.tried[2].finish()
    assert strict.n_waiting == 0


def test_an_event_that_was_not_taken_is_not_repeated() -> None:
    pusher = RememberingPusher(lambda _: False)
    strict = notifier(pusher)
    strict.notify(a_push("s", 1))
    strict.notify(a_push("s", 2))
    assert seen(pusher) == [("s", 1), ("s", 2)]


def test_sessions_do_not_wait_for_each_other() -> None:
    pusher = RememberingPusher()
    strict = notifier(pusher)
    for session in ("hangs", "a", "b"):
        strict.notify(a_push(session, 1))
        strict.notify(a_push(session, 2))
    assert seen(pusher) == [("hangs", 1), ("a", 1), ("b", 1)]
    pusher.tried[1].finish()
    pusher.tried[2].finish()
    assert seen(pusher)[3:] == [("a", 2), ("b", 2)]


def test_a_hung_receiver_leaves_room_for_another() -> None:
    pusher = RememberingPusher()
    strict = notifier(pusher, slots=10)
    for n in range(100):
        strict.notify(a_push(f"hangs {n}"))
    assert len(pusher.tried) == 5
    strict.notify(a_push("quick", url="http://b.example/"))
    assert seen(pusher)[-1] == ("quick", 1)
    finish_all(pusher)


def test_a_secret_that_cannot_be_read_costs_its_event_alone() -> None:
    pusher = RememberingPusher(lambda _: True)
    answers: list[Deferred[str]] = [fail(RuntimeError("the store is busy")), succeed("s")]
    strict = StrictNotifier(pusher, lambda _: answers.pop(0), ManualReactor())
    strict.notify(a_push("s", 1))
    strict.notify(a_push("s", 2))
    assert seen(pusher) == [("s", 2)]


def test_over_its_limit_a_session_loses_its_oldest_waiting_event() -> None:
    pusher = RememberingPusher()
    strict = notifier(pusher, max_waiting_per_session=2)
    for seq in range(1, 6):
        strict.notify(a_push("s", seq))
    finish_all(pusher)
    assert seen(pusher) == [("s", 1), ("s", 4), ("s", 5)]
    assert (strict.n_dropped, strict.n_waiting) == (2, 0)


def test_over_the_limit_the_session_that_waits_longest_loses_the_rest() -> None:
    pusher = RememberingPusher()
    strict = notifier(pusher, max_waiting=3)
    for session in ("old", "new"):
        for seq in (1, 2, 3):
            strict.notify(a_push(session, seq))
    assert strict.n_dropped == 2
    assert strict.n_waiting == 2
    finish_all(pusher)
    assert seen(pusher) == [("old", 1), ("new", 1), ("new", 2), ("new", 3)]


def test_sessions_that_wait_for_a_slot_are_bounded_too() -> None:
    pusher = RememberingPusher()
    strict = notifier(pusher, slots=2, max_waiting=10)
    for n in range(1000):
        strict.notify(a_push(f"s{n}"))
    assert strict.n_waiting == 10
    assert strict.n_dropped == 989
    assert len(strict._sessions) == 11
    finish_all(pusher)
    assert seen(pusher) == [("s0", 1), *[(f"s{n}", 1) for n in range(990, 1000)]]


def test_close_waits_for_what_is_under_way() -> None:
    pusher, clock = RememberingPusher(), ManualReactor()
    strict = notifier(pusher, clock)
    strict.notify(a_push("s", 1))
    strict.notify(a_push("s", 2))
    closed = strict.close(5.0)
    strict.notify(a_push("late"))
    assert not fired(closed)
    pusher.tried[0].finish()
    pusher.tried[1].finish()
    assert fired(closed)
    assert clock.clock.getDelayedCalls() == []
    assert strict.n_dropped == 1


def test_close_gives_up_at_its_deadline() -> None:
    pusher, clock = RememberingPusher(), ManualReactor()
    strict = notifier(pusher, clock, slots=2)
    for n in range(5):
        strict.notify(a_push(f"s{n}", 1))
        strict.notify(a_push(f"s{n}", 2))
    closed = strict.close(5.0)
    clock.clock.advance(5.0)
    assert fired(closed)
    assert strict.n_waiting == 0
    assert seen(pusher) == [("s0", 1)]  # what waited behind them is not tried any more
    assert strict.n_dropped == 9


def test_close_with_nothing_under_way_is_over_at_once() -> None:
    assert notifier(RememberingPusher()).close(5.0).called


@given(
    st.lists(st.tuples(st.sampled_from("abcd"), st.booleans(), st.booleans()), max_size=120),
    st.integers(1, 6),
)
def test_order_holds_within_each_session_whatever_the_receivers_do(
    steps: list[tuple[str, bool, bool]], slots: int
) -> None:
    pusher = RememberingPusher()
    strict = notifier(pusher, slots=slots)
    n_sent: defaultdict[str, int] = defaultdict(int)
    for session, notifies, ok in steps:
        if notifies:
            n_sent[session] += 1
            strict.notify(a_push(session, n_sent[session], f"http://{session < 'c'}.example/"))
        else:
            waiting = [tried for tried in pusher.open if tried.body["session"] == session]
            assert len(waiting) <= 1
            for tried in waiting:
                tried.finish(ok)
        assert len(pusher.open) <= 4 * slots  # the first of each receiver comes on top
    while pusher.open:
        pusher.open[-1].finish()
    for session, n_events in n_sent.items():
        assert [seq for name, seq in seen(pusher) if name == session] == list(range(1, n_events + 1))
    assert (strict.n_waiting, strict.n_dropped) == (0, 0)
