"""The Idempotency-Key: the same request under the same key is carried out once, also when both are under way.

Only what was accepted is remembered: a refused request may be put right and sent again under its key.
"""

import hashlib
import re
from types import TracebackType

from twisted.internet.defer import Deferred

from ivrcore.service.api.errors import Refusal, invalid
from sip.reactor import ReactorTime

HEADER = "idempotency-key"
_KEY = re.compile(r"[\x21-\x7e]{1,128}", re.ASCII)


def read_key(header: str | None) -> str | None:
    """The key of a request, None for a request without one.

    Raises:
        Refusal: it is not 1 to 128 visible ASCII characters.
    """
    if header is None:
        return None
    if not _KEY.fullmatch(header):
        raise invalid("Idempotency-Key")
    return header


def digest(path: str, body: bytes) -> str:
    """What tells one request from another: the path without /sandbox, and the body byte for byte."""
    return hashlib.sha256(path.encode() + b"\n" + body).hexdigest()


def used_for_another() -> Refusal:
    """The answer when the key belongs to a request that says something else."""
    return invalid("Idempotency-Key was used for another request", 422)


def _still_under_way() -> Refusal:
    return invalid("Idempotency-Key is being carried out", 409)


class UnderWay:
    """The requests with a key that are being carried out, by (app_key, key)."""

    def __init__(self, reactor: ReactorTime, wait_s: float) -> None:
        self._reactor = reactor
        self._wait_s = wait_s
        self._turns: dict[tuple[str, str], Turn] = {}

    def __len__(self) -> int:
        return len(self._turns)

    async def turn(self, app_key: str, key: str, request: str) -> "Turn":
        """Wait for one's turn; the caller leaves the `with` block when it has been answered.

        Args:
            request: its digest.

        Raises:
            Refusal: 422 another request is under way by this key, 409 it takes too long.
        """
        name = (app_key, key)
        while (other := self._turns.get(name)) is not None:
            if other.request != request:
                raise used_for_another()
            await self._wait(other)
        mine = self._turns[name] = Turn(self._turns, name, request)
        return mine

    async def _wait(self, other: "Turn") -> None:
        waiting: Deferred[bool] = Deferred()
        other.waiting.append(waiting)
        timer = self._reactor.callLater(self._wait_s, _fire, waiting, False)
        over = await waiting
        if timer.active():
            timer.cancel()
        if not over:
            other.waiting.remove(waiting)
            raise _still_under_way()


def _fire(waiting: "Deferred[bool]", over: bool) -> None:
    if not waiting.called:
        waiting.callback(over)


class Turn:
    """One request's time at its key; a context manager."""

    def __init__(self, turns: "dict[tuple[str, str], Turn]", name: tuple[str, str], request: str) -> None:
        self._turns = turns
        self._name = name
        self.request = request
        self.waiting: list[Deferred[bool]] = []

    def __enter__(self) -> "Turn":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        del self._turns[self._name]
        for waiting in self.waiting:
            _fire(waiting, True)
