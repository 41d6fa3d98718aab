"""The way from foreign threads to the reactor's: order, time stamps, and nothing that escapes."""

import logging
import threading
import time
from collections.abc import Callable

import pytest

from sip.pjsua.inbox import Inbox


class Queue:
    """The thread side of a reactor: keeps what it is given until the test runs it."""

    def __init__(self) -> None:
        self._calls: list[Callable[[], object]] = []

    def callFromThread(  # noqa: N802
        self,
        callable: Callable[..., object],  # noqa: A002
        /,
        *args: object,
        **kwargs: object,
    ) -> None:
        self._calls.append(lambda: callable(*args, **kwargs))

    def run(self) -> int:
        calls, self._calls = self._calls, []
        for call in calls:
            call()
        return len(calls)


def test_fact_is_delivered_by_the_reactor_and_not_inside_post() -> None:
    queue, delivered = Queue(), list[float]()
    Inbox(queue).post(delivered.append)
    assert delivered == []
    queue.run()
    assert len(delivered) == 1


def test_fact_carries_the_moment_it_was_posted() -> None:
    queue, delivered = Queue(), list[float]()
    before_s = time.monotonic()
    Inbox(queue).post(delivered.append)
    after_s = time.monotonic()
    while time.monotonic() <= after_s:
        pass  # the clock has moved on when the reactor comes to it
    queue.run()
    assert before_s <= delivered[0] <= after_s


def test_facts_keep_their_order() -> None:
    queue, delivered = Queue(), list[int]()
    inbox = Inbox(queue)
    for number in range(100):
        inbox.post(lambda _at_s, number=number: delivered.append(number))  # type: ignore[misc]
    queue.run()
    assert delivered == list(range(100))


def test_facts_of_one_thread_keep_their_order_among_those_of_others() -> None:
    queue, delivered = Queue(), list[tuple[int, int]]()
    inbox = Inbox(queue)

    def post(thread: int) -> None:
        for number in range(50):
            inbox.post(lambda _at_s, fact=(thread, number): delivered.append(fact))  # type: ignore[misc]

    threads = [threading.Thread(target=post, args=(index,)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert queue.run() == 200
    for index in range(4):
        assert [number for thread, number in delivered if thread == index] == list(range(50))


def test_fact_posted_by_a_delivery_waits_for_the_next_turn() -> None:
    queue, delivered = Queue(), list[str]()
    inbox = Inbox(queue)

    def first(_at_s: float) -> None:
        inbox.post(lambda _later_s: delivered.append("second"))
        delivered.append("first")

    inbox.post(first)
    assert queue.run() == 1
    assert delivered == ["first"]
    queue.run()
    assert delivered == ["first", "second"]


def test_failing_listener_is_logged_and_stops_no_other(caplog: pytest.LogCaptureFixture) -> None:
    queue, delivered = Queue(), list[float]()
    inbox = Inbox(queue)

    def fail(_at_s: float) -> None:
        raise ArithmeticError

    inbox.post(fail)
    inbox.post(delivered.append)
    with caplog.at_level(logging.ERROR, logger="ivrcore.sip"):
        queue.run()
    assert len(delivered) == 1
    assert [record.getMessage() for record in caplog.records] == ["a listener failed"]
    assert caplog.records[0].exc_info is not None


def test_closed_inbox_takes_nothing() -> None:
    queue, delivered = Queue(), list[float]()
    inbox = Inbox(queue)
    inbox.close()
    inbox.post(delivered.append)
    assert queue.run() == 0
    assert delivered == []


def test_closing_drops_what_is_on_its_way() -> None:
    queue, delivered = Queue(), list[float]()
    inbox = Inbox(queue)
    inbox.post(delivered.append)
    inbox.close()
    assert queue.run() == 1
    assert delivered == []


def test_closing_inside_a_delivery_drops_the_rest() -> None:
    queue, delivered = Queue(), list[float]()
    inbox = Inbox(queue)
    inbox.post(lambda _at_s: inbox.close())
    inbox.post(delivered.append)
    queue.run()
    assert delivered == []
