"""The place of one worker, whoever holds it: what was started there, how often, when it is tried again."""

from dataclasses import dataclass, field

from twisted.internet.defer import Deferred

from ivrcore.service.workers.backoff import Backoff
from ivrcore.service.workers.link import Link
from ivrcore.service.workers.process import Child
from sip.reactor import DelayedCall


@dataclass
class Post:
    """One of as many as there are to be workers.

    Attributes:
        link: to the worker that holds it, None while nobody does.
        child: its process, None when it was adopted.
        restarts: how often one was started here after the first.
        again: the next attempt, while it is waited for.
        first: fires when its first worker is up, or has failed; None from then on.
    """

    number: int
    backoff: Backoff
    link: Link | None = None
    child: Child | None = None
    restarts: int = 0
    again: DelayedCall | None = None
    first: "Deferred[None] | None" = field(default_factory=Deferred)

    def settled(self) -> None:
        """The first attempt is over."""
        first, self.first = self.first, None
        if first is not None:
            first.callback(None)

    def end(self) -> None:
        """Nobody is started here any more."""
        if self.again is not None and self.again.active():
            self.again.cancel()
        self.settled()

    def exit_status(self) -> int | None:
        """Of a child of ours that has ended; None for one that lives, or that is none of ours."""
        return None if self.child is None else self.child.poll()
