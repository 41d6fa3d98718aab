"""Players that were stopped: destroyed on the reactor's thread, when no callback of theirs can come any more.

pjmedia tells the end of a file on a thread of its own, which holds a lock meanwhile that every destruction of
a player asks for. So a player must not be destroyed

- on that thread. It was, when the reactor had dropped the player before the callback returned: the last
  reference went with the callback, and its thread waited for the conference. If a tick of the conference
  was just destroying another player, it waited for the callback, and the whole process stood still.
- while its end may be on the way to that thread: pjsua2 does not take the callback back, and calls an object
  that is gone.

Nothing tells when that thread has done its work, so a player is looked at until the conference has left it
alone for some looks in a row. Looks are counted rather than seconds: a process that was held up for
seconds has been at work for one look, not for all of them.
"""

from dataclasses import dataclass
from typing import Protocol

from sip.reactor import ReactorTime

LOOK_S = 0.02

QUIET_LOOKS = 10
"""A file's end is told within one look, but for a machine so busy that threads wait for a processor."""

MOST_LOOKS = 100
"""Who is still connected after that was connected again by mistake: its destruction ends it."""


class Stopped(Protocol):
    """A player, as far as its end is concerned."""

    def is_connected(self) -> bool:
        """Whether the conference still reads it."""

    def destroy(self) -> None:
        """Give its port and its file back."""


@dataclass
class _Fate:
    player: Stopped
    looks: int = 0
    quiet_looks: int = 0

    def look(self) -> bool:
        """Whether it may be destroyed now."""
        self.looks += 1
        self.quiet_looks = 0 if self.player.is_connected() else self.quiet_looks + 1
        return self.quiet_looks >= QUIET_LOOKS or self.looks >= MOST_LOOKS


class StoppedPlayers:
    """Keeps players until they can be destroyed. All on the reactor's thread."""

    def __init__(self, reactor: ReactorTime) -> None:
        self._reactor = reactor
        self._fates: list[_Fate] = []

    def __len__(self) -> int:
        return len(self._fates)

    def add(self, player: Stopped) -> None:
        """Take a player that was disconnected, or whose leg is gone; nobody uses it from now on."""
        self._fates.append(_Fate(player))
        if len(self._fates) == 1:
            self._reactor.callLater(LOOK_S, self._look)

    def _look(self) -> None:
        waiting: list[_Fate] = []
        for fate in self._fates:
            if fate.look():
                fate.player.destroy()
            else:
                waiting.append(fate)
        self._fates = waiting
        if waiting:
            self._reactor.callLater(LOOK_S, self._look)
