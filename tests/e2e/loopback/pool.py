"""Endpoints and telephones that serve one test after the other.

A start costs a second of processor time (the interpreter, the stack), an end a second of waiting (the stack
lingers for late requests): more than most calls of a test take. So a test borrows a process; when it is over
the process is cleared, which proves at the end of each test what an exit would: no leg without its end, no
call left in the stack, nothing on standard error. A process that could not be cleared is not lent again, and
at the end of the session all of them go by themselves.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import TypeVar

from sip.softphone import Script
from tests.e2e.loopback.parties import Core, Party, Phone

STANDARD = Script()

MOST_LEAVING = 3
"""Processes that may be on their way out while the next test runs: they sleep for most of it."""

T = TypeVar("T")
P = TypeVar("P", bound=Party)


class Pool:
    """What is free, and what is on its way out."""

    def __init__(self, cache_dir: Path) -> None:
        self._cache_dir = cache_dir
        self._cores: list[Core] = []
        self._phones: list[Phone] = []
        self._leaving: list[Party] = []

    @contextmanager
    def core(self) -> Iterator[Core]:
        """An endpoint with no legs."""
        core = self._cores.pop() if self._cores else Core(self._cache_dir)
        reusable = False
        try:
            yield core
            reusable = core.clear()
        finally:
            self._take_back(core, self._cores, reusable)

    @contextmanager
    def phone(self, script: Script) -> Iterator[Phone]:
        """A telephone in no call; of its own when its script asks for another stack than the usual."""
        own = (script.codecs, script.jitter_buffer_ms) != (STANDARD.codecs, STANDARD.jitter_buffer_ms)
        if own or not self._phones:
            phone = Phone(self._cache_dir, script)
        else:
            phone = self._phones.pop()
            phone.load(script)
        reusable = False
        try:
            yield phone
            reusable = phone.clear() and not own
        finally:
            self._take_back(phone, self._phones, reusable)

    @contextmanager
    def guests(self) -> Iterator["Guests"]:
        """What one test has for itself."""
        with Guests(self) as guests:
            yield guests
        self.see_off(but=MOST_LEAVING)

    def dismiss(self, party: Party) -> None:
        """Send a process away; that it goes as it should is seen later, while others work."""
        party.leave()
        self._leaving.append(party)

    def see_off(self, *, but: int = 0) -> None:
        """Wait until those that were sent away are gone, `but` the last few.

        Raises:
            AssertionError: one did not go by itself, with nothing to complain of.
        """
        with ExitStack() as gone:  # each is seen off, whatever another does
            while len(self._leaving) > but:
                gone.callback(self._leaving.pop(0).end)

    def close(self) -> None:
        """Send everybody away and see them go, all at once."""
        for party in (*self._cores, *self._phones):
            self.dismiss(party)
        self._cores.clear()
        self._phones.clear()
        self.see_off()

    def _take_back(self, party: P, free: list[P], reusable: bool) -> None:
        if reusable:
            free.append(party)
        else:
            self.dismiss(party)


class Guests(ExitStack):
    """Ends what it was given, the last one first; a process only begins to go, and others see it gone."""

    def __init__(self, pool: Pool) -> None:
        super().__init__()
        self._pool = pool

    def enter_context(self, cm: AbstractContextManager[T]) -> T:
        """Take a party in."""
        party: object = cm
        if isinstance(party, Party):
            self.callback(self._pool.dismiss, party)
            return cm.__enter__()
        return super().enter_context(cm)
