"""Playing files by pjmedia's own player: the audio never enters the interpreter."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pjsua2 as pj

from media.errors import MediaFileError
from media.loop import unrolled
from sip.leg import Sound
from sip.pjsua.inbox import Inbox


class Player(pj.AudioMediaPlayer):
    """One file on its way to one leg. pjmedia reads it from the moment it is connected, tick by tick.

    Whoever made it gives it to StoppedPlayers at its end: it must not go with the last reference.
    """

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
        """Start towards a leg; connecting twice changes nothing, nor does a leg whose media is gone."""
        with suppress(pj.Error):
            self.startTransmit(media)

    def disconnect(self, media: pj.AudioMedia | None) -> None:
        """Stop towards a leg; fine when the leg's media is gone."""
        if media is None:
            return
        with suppress(pj.Error):  # the conference port went with the call
            self.stopTransmit(media)

    def is_connected(self) -> bool:
        """See sip.pjsua.stopped.Stopped. Orders to the conference are carried out at its next tick."""
        try:
            return len(self.getPortInfo().listeners) > 0
        except pj.Error:
            return False

    def destroy(self) -> None:
        """Destroy the C++ object by name, here and now: whose reference is the last does not matter then."""
        pj.AudioMediaPlayer.__swig_destroy__(self)
