"""Playing and recording files by pjmedia's own ports: the audio never enters the interpreter."""

from collections.abc import Callable
from pathlib import Path

import pjsua2 as pj
from twisted.internet.defer import Deferred

from media.errors import MediaFileError
from media.loop import unrolled
from sip.leg import Sound
from sip.pjsua.inbox import Inbox
from sip.reactor import ReactorTime

_WRITE_ALAW = 1  # pjmedia_file_writer_option PJMEDIA_FILE_WRITE_ALAW


class Player(pj.AudioMediaPlayer):
    """One file on its way to one leg. pjmedia reads it from the moment it is connected, tick by tick."""

    def __init__(self, sound: Sound, cache_dir: Path, inbox: Inbox, ended: Callable[[float], None]) -> None:
        """Open the file.

        Args:
            ended: called on the reactor's thread when the last sample has left; never for a loop.

        Raises:
            MediaError: the file cannot be played.
        """
        super().__init__()
        path = unrolled(sound.path, cache_dir) if sound.loop else sound.path
        self._inbox = inbox
        self._ended = None if sound.loop else ended
        try:
            self.createPlayer(str(path), 0 if sound.loop else pj.PJMEDIA_FILE_NO_LOOP)
        except pj.Error as error:
            raise MediaFileError(f"{path}: cannot be played: {error.reason}") from error

    def onEof2(self) -> None:  # noqa: N802
        """pjmedia asked for a frame after the last one: the last one left 20 ms ago."""
        if self._ended is not None:
            self._inbox.post(self._ended)

    def connect(self, media: pj.AudioMedia) -> None:
        """Start towards a leg; connecting twice changes nothing."""
        self.startTransmit(media)

    def disconnect(self, media: pj.AudioMedia | None) -> None:
        """Stop towards a leg; fine when the leg's media is gone."""
        if media is None:
            return
        try:
            self.stopTransmit(media)
        except pj.Error:
            return  # the conference port went with the call


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
