"""A program on the global reactor: starts it, runs one task, ends on signals with an exit status.

Besides it only a program of its own takes the global reactor: the softphone.
"""

import signal
from collections.abc import Callable
from types import FrameType
from typing import Protocol, cast

from twisted.internet import reactor as global_reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure
from twisted.python.threadpool import ThreadPool

from sip.reactor import RunningReactor


class AppReactor(RunningReactor, Protocol):
    """What the application uses of the global reactor."""

    def callWhenRunning(self, callable: Callable[..., object], /) -> object:  # noqa: A002, N802
        """Call it as soon as the reactor runs."""

    def getThreadPool(self) -> ThreadPool:  # noqa: N802
        """The pool for work that waits for the disk."""

    def spawnProcess(self, *arguments: object, **options: object) -> object:  # noqa: N802
        """Start a child process."""


def run(task: Callable[[AppReactor], "Deferred[int]"], interrupted: Callable[[], None]) -> int:
    """Run a task on the global reactor and return its exit status.

    Args:
        task: started when the reactor runs; its Deferred fires with the exit status.
        interrupted: called on the first SIGINT, SIGTERM or SIGHUP; a second one ends the process at once.

    Raises:
        Exception: whatever the task failed with.
    """
    reactor = cast(AppReactor, global_reactor)
    outcome: list[int | Failure] = []

    def done(result: int | Failure) -> None:
        outcome.append(result)
        reactor.stop()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        for number in heeded:
            signal.signal(number, signal.SIG_DFL)
        reactor.callFromThread(interrupted)

    heeded = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup means it
        heeded.append(signal.SIGHUP)

    def begin() -> None:
        for number in heeded:
            signal.signal(number, on_signal)
        maybeDeferred(task, reactor).addBoth(done)

    reactor.callWhenRunning(begin)
    reactor.run()  # its own handlers stay for SIGCHLD; ours replace those of SIGINT and SIGTERM
    result = outcome[0] if outcome else 1
    if isinstance(result, Failure):
        result.raiseException()
    assert isinstance(result, int)
    return result
