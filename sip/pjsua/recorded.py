"""The capture of one leg: from the order, which may come before there is media, to the closed file."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol

import pjsua2 as pj
from twisted.internet.defer import Deferred, succeed

from sip.errors import LegStateError
from sip.events import CaptureStarted, LegEvent, LegId
from sip.pjsua.call import NativeCall
from sip.pjsua.capture import CaptureFlusher, open_recorder, when_closed
from sip.pjsua.inbox import Inbox
from sip.reactor import Reactor


class CaptureHost(Protocol):
    """What a capture needs of the leg's endpoint."""

    inbox: Inbox
    reactor: Reactor
    flusher: CaptureFlusher


class LegCapture:
    """Records what the far end of one leg sends, one file after the other."""

    def __init__(
        self,
        leg_id: LegId,
        host: CaptureHost,
        call: Callable[[], NativeCall | None],
        media: Callable[[], pj.AudioMedia | None],
        tell: Callable[[LegEvent], None],
    ) -> None:
        """`call` and `media` are the leg's, None while it has none; `tell` is told of CaptureStarted."""
        self._leg_id = leg_id
        self._host = host
        self._call = call
        self._media = media
        self._tell = tell
        self._recorder: pj.AudioMediaRecorder | None = None
        self._path: Path | None = None
        self._reported = False
        self._closed: Deferred[None] | None = None

    def start(self, path: Path) -> None:
        """See sip.leg.Leg.start_capture."""
        if self._recorder is not None:
            raise LegStateError(f"leg {self._leg_id} is captured already")
        self._recorder = open_recorder(path)
        self._host.flusher.begin()
        self._path = path
        self._reported = False
        if (call := self._call()) is not None:
            call.capture = self._recorder
        self.connect(None)

    def connect(self, since_s: float | None) -> None:
        """There is media; `since_s`: when the callback connected it already, None when it is done now."""
        media = self._media()
        if self._recorder is not None and media is not None:
            try:
                media.startTransmit(self._recorder)
            except pj.Error:
                return  # the conference port went with the call, whose end is on its way
            if not self._reported:
                self._reported = True
                self._host.inbox.post(
                    lambda at_s: self._tell(
                        CaptureStarted(self._leg_id, at_s if since_s is None else since_s)
                    )
                )

    def stop(self) -> "Deferred[None]":
        """See sip.leg.Leg.stop_capture."""
        recorder, self._recorder = self._recorder, None
        if (call := self._call()) is not None:
            call.capture = None
        if recorder is not None and self._path is not None:
            self._host.flusher.end()
            if (media := self._media()) is not None:
                with suppress(pj.Error):  # the conference port may have gone with the call
                    media.stopTransmit(recorder)
            # Dropping the recorder closes the file, in the clock's thread and some ticks later.
            self._closed = when_closed(self._path, self._host.reactor)
        if self._closed is None:
            return succeed(None)
        done: Deferred[None] = Deferred()
        self._closed.chainDeferred(done)
        self._closed = None
        return done

    def finish(self) -> None:
        """The leg ends: close the file; whoever asks later for the end of the capture is told of it."""
        if self._recorder is not None:
            self._closed = self.stop()
