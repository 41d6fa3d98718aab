"""What a dead worker left is brought to its end: events told in order, captures finished, calls given up.

Nothing is removed before the listener has stored it, so that a front end that is killed in the middle leaves
everything to the next one, which does it again: the listener knows what it has seen.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

from twisted.internet.defer import Deferred, gatherResults
from twisted.internet.task import deferLater

from ivrcore.captures import AbandonedRoom, abandoned_rooms, unfinished_rooms
from ivrcore.cdr import RecordingRecord
from ivrcore.recorder import record_of
from ivrcore.service.workers.backoff import Backoff
from ivrcore.service.workers.directory import CAPTURES, SPOOL, Lock, remove_directory
from ivrcore.service.workers.errors import SpoolError
from ivrcore.service.workers.listener import Listener, LostCall
from ivrcore.service.workers.spool import SpooledSession, read_spools
from sip.reactor import ReactorTime

log = logging.getLogger("ivrcore.workers")

Result = TypeVar("Result")


@dataclass(frozen=True)
class Remains:
    """What a dead worker left: its spools, and its captures, finished."""

    sessions: tuple[SpooledSession, ...]
    rooms: tuple[AbandonedRoom, ...]

    @property
    def known(self) -> frozenset[str]:
        """The sessions it had taken."""
        return frozenset(spooled.session for spooled in self.sessions)

    def recordings(self) -> dict[str, RecordingRecord]:
        """By session."""
        return {
            recovered.session: record_of(recovered.result)
            for room in self.rooms
            for recovered in room.recordings
        }

    def lost(self) -> dict[str, LostCall]:
        """The calls nobody finished, and recordings of others that are finished only now."""
        complete = {spooled.session for spooled in self.sessions if spooled.complete}
        last = {spooled.session: spooled.last_seq for spooled in self.sessions}
        recordings = self.recordings()
        return {
            session: LostCall(last.get(session, 0), recordings.get(session))
            for session in sorted({*last, *recordings} - complete)
        }

    @property
    def settled(self) -> bool:
        """Whether every recording could be finished."""
        return all(recovered.settled for room in self.rooms for recovered in room.recordings)


def remains_of(directory: Path, finished: Path) -> Remains:
    """Read the spools and finish the captures of a worker whose lock we hold; blocks for the disk.

    Raises:
        SpoolError: a spool cannot be read.
        MediaFileError: the captures cannot be listed.
    """
    captures = directory / CAPTURES
    rooms = tuple(abandoned_rooms(captures, finished))
    # The kernel closes a dead process's files one by one: its last room may be held a moment longer.
    held = [room.name for room in unfinished_rooms(captures) if room not in {one.directory for one in rooms}]
    if held:
        for room in rooms:
            room.release()
        raise SpoolError(f"{captures}: {', '.join(held)} still in use")
    return Remains(tuple(read_spools(directory / SPOOL)), rooms)


class _GivenUpError(Exception):
    """The front end goes."""


class InThread(Protocol):
    """Runs blocking work off the reactor's thread."""

    def __call__(self, work: Callable[..., Result], *arguments: object) -> "Deferred[Result]": ...


class Recovery:
    """Of one dead worker."""

    def __init__(
        self,
        directory: Path,
        lock: Lock,
        reason: str,
        *,
        finished: Path,
        listener: Listener,
        reactor: ReactorTime,
        in_thread: InThread,
        known: Callable[[frozenset[str]], None] = lambda _sessions: None,
    ) -> None:
        """Prepare; `run` begins.

        Args:
            lock: the worker's, held; given back when all is done.
            reason: why the worker is dead, for the listener.
            finished: where recordings go.
            in_thread: runs blocking work.
            known: told which sessions the worker had, as soon as that is read.
        """
        self._directory = directory
        self._lock = lock
        self._reason = reason
        self._finished = finished
        self._listener = listener
        self._reactor = reactor
        self._in_thread = in_thread
        self._known = known
        self._given_up = False

    def give_up(self) -> None:
        """The front end goes: what is not done is the next one's."""
        self._given_up = True

    def run(self) -> "Deferred[None]":
        """Do it, however often it takes; fires when all is stored and removed, or it was given up."""
        return Deferred.fromCoroutine(self._run())

    async def _run(self) -> None:
        remains = Remains((), ())
        try:
            spools = self._directory / SPOOL
            spooled = await self._insist(lambda: self._in_thread(read_spools, spools))
            self._known(frozenset(session.session for session in spooled))
            remains = await self._insist(lambda: self._in_thread(remains_of, self._directory, self._finished))
            await gatherResults([Deferred.fromCoroutine(self._tell(session)) for session in remains.sessions])
            lost = remains.lost()
            if lost:
                log.warning("worker %s: %s; %d calls lost", self._directory.name, self._reason, len(lost))
                await self._insist(lambda: self._listener.lost(lost, self._reason))
            if not self._given_up:
                await self._in_thread(self._clear, remains)
        except _GivenUpError:
            pass
        finally:
            for room in remains.rooms:
                room.release()
            self._lock.release()

    async def _tell(self, spooled: SpooledSession) -> None:
        try:
            for event in spooled.events:
                await self._insist(partial(self._listener.event, event))
        except _GivenUpError:
            pass  # the others are asked, too; nothing is removed

    async def _insist(self, work: Callable[[], "Deferred[Result]"]) -> Result:
        """Until it is done: a full disk or a locked database passes."""
        backoff = Backoff(0.5, 30.0)
        while not self._given_up:
            try:
                return await work()
            except Exception as error:  # whatever it is, what a dead worker left must not be dropped
                log.error("recovery of worker %s waits: %s", self._directory.name, error)
            await deferLater(cast(Any, self._reactor), backoff.next_s())
        raise _GivenUpError

    def _clear(self, remains: Remains) -> None:
        """In a thread: everything is stored elsewhere."""
        for spooled in remains.sessions:
            try:
                spooled.remove()
            except SpoolError as error:
                log.error("%s", error)
        for room in remains.rooms:
            room.forget()
        if remains.settled:
            remove_directory(self._directory)
