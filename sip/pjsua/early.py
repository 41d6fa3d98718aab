"""Early media is what arrives, not what a 183 promises: the search for it, from the stream to the answer."""

from collections.abc import Callable

import pjsua2 as pj

from sip.pjsua.call import NativeCall
from sip.reactor import DelayedCall, ReactorTime

_TICK_S = 0.02


class EarlyMediaWatch:
    """Of one leg: looks at its RTP counter every tick, and tells once."""

    def __init__(
        self, reactor: ReactorTime, call: Callable[[], NativeCall | None], found: Callable[[], None]
    ) -> None:
        """Prepare; `begin` looks.

        Args:
            call: the leg's, None when there is none any more.
            found: told when the far end was heard before its answer.
        """
        self._reactor = reactor
        self._call = call
        self._found = found
        self._over = False
        self._packets_seen = False
        self._next: DelayedCall | None = None

    def begin(self) -> None:
        """The stream (re)started."""
        if not self._over and self._next is None:
            self._look()

    def end(self) -> None:
        """The far end answered, or the leg is given up: nothing is early any more."""
        self._over = True
        if self._next is not None and self._next.active():
            self._next.cancel()
        self._next = None

    def _look(self) -> None:
        self._next = None
        call = self._call()
        if call is None:
            return
        try:
            stat = call.getStreamStat(0)  # kept: the binding frees what it holds with it
            packets = stat.rtcp.rxStat.pkt
            # Asked after the packets: who speaks from the 200 on may be faster than our own notice of it.
            answered = call.getInfo().state > pj.PJSIP_INV_STATE_EARLY
        except pj.Error:
            packets, answered = 0, False
        if answered:
            return
        # Seen at two looks: the first packet of a talk may overtake the 200 that it belongs to.
        seen_before, self._packets_seen = self._packets_seen, packets > 0
        if packets > 0 and seen_before:
            self.end()
            self._found()
        else:
            self._next = self._reactor.callLater(_TICK_S, self._look)
