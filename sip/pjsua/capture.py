"""Capturing a leg by pjmedia's own recorder: losing little to a kill, and knowing when the file is closed."""

import ctypes
from pathlib import Path

import pjsua2 as pj
from twisted.internet.defer import Deferred

from media.errors import MediaFileError
from sip.reactor import DelayedCall, ReactorTime

_WRITE_ALAW = 1  # pjmedia_file_writer_option PJMEDIA_FILE_WRITE_ALAW


def open_recorder(path: Path) -> pj.AudioMediaRecorder:
    """A recorder that writes A-law WAV; its header is completed when it is dropped, some ticks later.

    Raises:
        MediaFileError: the file cannot be created.
    """
    recorder = pj.AudioMediaRecorder()
    try:
        recorder.createRecorder(str(path), 0, 0, _WRITE_ALAW)
    except pj.Error as error:
        raise MediaFileError(f"{path}: cannot be recorded to: {error.reason}") from error
    return recorder


class CaptureFlusher:
    """Sends to the kernel, five times a second, what stdio holds back of running captures.

    A killed process loses what is in its own buffers: up to 4,000 bytes in pjmedia's, and up to 4,096 more in
    stdio's, together just over a second of A-law. Flushing the latter leaves at most 0.7 s to lose, and lets
    the header reach the disk at once. pjmedia offers no flush, so it is libc's fflush(NULL): all output
    streams of the process.
    """

    INTERVAL_S = 0.2

    def __init__(self, reactor: ReactorTime) -> None:
        self._reactor = reactor
        self._captures = 0
        self._next: DelayedCall | None = None
        self._fflush = ctypes.CDLL(None).fflush  # releases the GIL while it runs

    def begin(self) -> None:
        """A capture started."""
        self._captures += 1
        if self._next is None:
            self._next = self._reactor.callLater(self.INTERVAL_S, self._flush)

    def end(self) -> None:
        """A capture ended."""
        self._captures -= 1
        if self._captures == 0 and self._next is not None:
            self._next.cancel()
            self._next = None

    def _flush(self) -> None:
        self._fflush(None)
        self._next = self._reactor.callLater(self.INTERVAL_S, self._flush)


_POLL_S = 0.01
_GIVE_UP_S = 2.0
_HEADER_BYTES = 56  # RIFF 12, fmt 24, fact 12, head of data 8
_RIFF_SIZE = slice(4, 8)
_DATA_SIZE = slice(52, 56)


def when_closed(path: Path, reactor: ReactorTime) -> "Deferred[None]":
    """Fires when pjmedia has completed the header of a dropped recorder's file, or after 2 s.

    pjmedia tells nobody. It writes the RIFF size, then the data size, and closes; both are 0 until then.
    """
    done: Deferred[None] = Deferred()
    deadline_s = reactor.seconds() + _GIVE_UP_S

    def look() -> None:
        try:
            with path.open("rb") as file:
                header = file.read(_HEADER_BYTES + 1)
            sizes = [int.from_bytes(header[field], "little") for field in (_RIFF_SIZE, _DATA_SIZE)]
            complete = sizes[0] > 0 and (sizes[1] > 0 or len(header) <= _HEADER_BYTES)
        except OSError:
            complete = True  # taken away by somebody: nothing to wait for
        if complete or reactor.seconds() > deadline_s:
            done.callback(None)
        else:
            reactor.callLater(_POLL_S, look)

    look()
    return done
