"""The way from pjsua2's threads to the reactor's."""

import logging
import time
from collections.abc import Callable

from sip.reactor import ReactorThread

log = logging.getLogger("ivrcore.sip")


class Inbox:
    """Takes facts from any thread and delivers them one by one on the reactor's thread.

    Always through the reactor's queue, even when the callback came on the reactor's own thread: a listener
    never runs inside an API call, and facts keep the order in which the stack produced them.
    """

    def __init__(self, reactor: ReactorThread) -> None:
        self._reactor = reactor
        self._closed = False

    def post(self, deliver: Callable[[float], None]) -> None:
        """Hand over a fact; `deliver` gets the monotonic time of this moment."""
        at_s = time.monotonic()
        if not self._closed:
            self._reactor.callFromThread(self._run, deliver, at_s)

    def close(self) -> None:
        """Drop whatever comes from now on: the stack is being torn down."""
        self._closed = True

    def _run(self, deliver: Callable[[float], None], at_s: float) -> None:
        if self._closed:
            return
        try:
            deliver(at_s)
        except Exception:  # a reactor boundary: log, and keep the other legs alive
            log.exception("a listener failed")
