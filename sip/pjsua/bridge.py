"""A bridge on pjsua2: two connections in pjmedia's conference, changed in one step."""

from contextlib import suppress

import pjsua2 as pj

from sip.errors import LegStateError
from sip.events import LegId
from sip.pjsua.leg import PjsuaLeg


class PjsuaBridge:
    """Implements sip.bridge.Bridge.

    Connections are queued by pjmedia and carried out together at the next tick, so that two orders given
    one after the other take effect in the same 20 ms frame. They are re-applied when a leg's stream is
    restarted by a re-INVITE, because the new stream is a new conference port.
    """

    def __init__(self, a: PjsuaLeg, b: PjsuaLeg) -> None:
        self._legs = {a.id: a, b.id: b}
        self._levels: dict[LegId, float] = {}  # listener -> linear gain, for open directions
        for leg in (a, b):
            leg.on_media_started.append(self._apply_all)

    def open(self) -> None:
        """See sip.bridge.Bridge."""
        for listener in self._legs:
            self._set(listener, 1.0)

    def open_one_way(self, talker: LegId) -> None:
        """See sip.bridge.Bridge."""
        self._set(self._other(talker), 1.0)

    def close(self) -> None:
        """See sip.bridge.Bridge."""
        for listener in tuple(self._levels):
            del self._levels[listener]
            self._disconnect(listener)

    def lower(self, listener: LegId, level_db: float) -> None:
        """See sip.bridge.Bridge."""
        if level_db > 0:
            raise LegStateError(f"a bridge lowers: {level_db} dB is a gain")
        self._change(listener, 10 ** (level_db / 20))

    def restore(self, listener: LegId) -> None:
        """See sip.bridge.Bridge."""
        self._change(listener, 1.0)

    def _change(self, listener: LegId, gain: float) -> None:
        if listener in self._levels:  # a closed direction has no level to change
            self._disconnect(listener)
            self._set(listener, gain)

    def _set(self, listener: LegId, gain: float) -> None:
        self._levels[listener] = gain
        self._apply(listener)

    def _apply_all(self) -> None:
        for listener in self._levels:
            self._apply(listener)

    def _apply(self, listener: LegId) -> None:
        talking, hearing = self._legs[self._other(listener)].media, self._legs[listener].media
        if talking is None or hearing is None:
            return
        param = pj.AudioMediaTransmitParam()
        param.level = self._levels[listener]
        with suppress(pj.Error):  # one of the conference ports went with its call, whose end is on its way
            talking.startTransmit2(hearing, param)

    def _disconnect(self, listener: LegId) -> None:
        talking, hearing = self._legs[self._other(listener)].media, self._legs[listener].media
        if talking is None or hearing is None:
            return
        with suppress(pj.Error):  # as above
            talking.stopTransmit(hearing)

    def _other(self, leg: LegId) -> LegId:
        return next(other for other in self._legs if other != leg)
