"""How many calls at once (ports), how many a second, and how often one number.

Counters in memory on an injected clock. Ports are counted again from the open calls at each start, so what
is here never outlives the calls it counts. The refusals are the API's: 1020165, 1013001, 1013002, 1011006.
"""

from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TypeVar

from twisted.internet.defer import Deferred, fail, succeed

from ivrcore.service.api.errors import Refusal
from ivrcore.service.api.results import ResultCode
from ivrcore.service.model import Call, ClientApp, Service
from ivrcore.service.sections import FrequencySettings
from sip.reactor import DelayedCall, ReactorTime

_Key = TypeVar("_Key")

MAX_IDLE_PORT = 65535
"""Of idlePort in a response."""

DAY = timedelta(hours=24)
DAYS_30 = timedelta(days=30)


@dataclass(frozen=True)
class _Holder:
    app_key: str
    account_id: int
    service: Service


class Ports:
    """Calls in progress, by application and by account (FAQ 2.7, 10.4). One session holds one port."""

    def __init__(self) -> None:
        self._held: dict[str, _Holder] = {}
        self._by_app: dict[str, int] = {}
        self._by_account: dict[int, int] = {}

    def take(self, app: ClientApp, session: str) -> ResultCode | None:
        """Take a port for a session; the refusal's code when there is none. A session takes one once."""
        if session in self._held:
            return None
        if self.used(app.app_key) >= app.concurrency:
            return ResultCode.NO_FREE_PORT
        limit = app.account.concurrency
        if limit is not None and self._by_account.get(app.account.id, 0) >= limit:
            return ResultCode.ACCOUNT_CALL_LIMIT
        self._hold(session, _Holder(app.app_key, app.account.id, app.service))
        return None

    def release(self, session: str) -> bool:
        """Give a session's port back; False when it has none (any more)."""
        holder = self._held.pop(session, None)
        if holder is None:
            return False
        _count_down(self._by_app, holder.app_key)
        _count_down(self._by_account, holder.account_id)
        return True

    def rebuild(self, calls: Iterable[Call]) -> None:
        """Count anew from the open calls, even beyond a quota that was lowered meanwhile."""
        self._held.clear()
        self._by_app.clear()
        self._by_account.clear()
        for call in calls:
            if call.session not in self._held:
                self._hold(call.session, _Holder(call.app_key, call.account_id, call.service))

    def used(self, app_key: str) -> int:
        """Ports an application holds."""
        return self._by_app.get(app_key, 0)

    def used_by_account(self, account_id: int) -> int:
        """Ports the applications of an account hold together."""
        return self._by_account.get(account_id, 0)

    @property
    def total(self) -> int:
        """Ports held by all."""
        return len(self._held)

    @property
    def by_service(self) -> Counter[Service]:
        """Ports held by the calls of each service."""
        return Counter(holder.service for holder in self._held.values())

    def idle_port(self, app: ClientApp) -> int:
        """How many more calls the application could have now (D28)."""
        idle = app.concurrency - self.used(app.app_key)
        if app.account.concurrency is not None:
            idle = min(idle, app.account.concurrency - self.used_by_account(app.account.id))
        return min(max(idle, 0), MAX_IDLE_PORT)

    def _hold(self, session: str, holder: _Holder) -> None:
        self._held[session] = holder
        self._by_app[holder.app_key] = self._by_app.get(holder.app_key, 0) + 1
        self._by_account[holder.account_id] = self._by_account.get(holder.account_id, 0) + 1


class Rate:
    """Calls a second of each application; what comes too fast waits in line, up to a bound.

    In any second at most `calls_per_second` requests go on, in the order they came. (Of 2.5 a second, at most
    2 go on in any 0.8 s.)
    """

    def __init__(self, clock: ReactorTime, *, queue_length: int, queue_wait_s: float) -> None:
        self._clock = clock
        self._queue_length = queue_length
        self._queue_wait_s = queue_wait_s
        self._turns: dict[str, deque[float]] = {}  # the latest that were given, ascending, some to come yet
        self._lines: dict[str, _Line] = {}

    def turn(self, app: ClientApp) -> "Deferred[None]":
        """Fires when a request may go on.

        Errback: Refusal 1013002, at once, when the line is full or the wait would be too long. Cancelled, it
        leaves the line to those behind it.
        """
        now = self._clock.seconds()
        at = self._next_turn(app, now)
        if at is None or (
            at > now and (self.waiting(app.app_key) >= self._queue_length or at - now > self._queue_wait_s)
        ):
            return fail(Refusal(ResultCode.APP_CALL_LIMIT))
        turns = self._turns.setdefault(app.app_key, deque())
        turns.append(at)
        while len(turns) > _window(app)[0]:
            turns.popleft()
        if at <= now:
            return succeed(None)
        return self._lines.setdefault(app.app_key, _Line(self._clock)).join(at - now)

    def waiting(self, app_key: str) -> int:
        """Requests of an application in the line."""
        line = self._lines.get(app_key)
        return len(line) if line else 0

    def _next_turn(self, app: ClientApp, now: float) -> float | None:
        if app.calls_per_second <= 0:
            return None
        n_calls, period_s = _window(app)
        turns = self._turns.get(app.app_key, ())
        at = max(now, turns[-1]) if turns else now
        return max(at, turns[-n_calls] + period_s) if len(turns) >= n_calls else at


def _window(app: ClientApp) -> tuple[int, float]:
    """So many calls in so many seconds, a whole number of them."""
    n_calls = max(1, int(app.calls_per_second))
    return n_calls, n_calls / app.calls_per_second


class _Line:
    """Who waits, and the moments at which the first of them goes on.

    A timer is nobody's own: two that are due in the same turn of the reactor run in any order.
    """

    def __init__(self, clock: ReactorTime) -> None:
        self._clock = clock
        self._waiting: deque[Deferred[None]] = deque()
        self._timers: deque[DelayedCall] = deque()

    def __len__(self) -> int:
        return len(self._waiting)

    def join(self, delay_s: float) -> "Deferred[None]":
        """Wait at the end of the line, whose end moves on after `delay_s`."""
        waiting: Deferred[None] = Deferred(self._leave)
        self._waiting.append(waiting)
        self._timers.append(self._clock.callLater(delay_s, self._next))
        return waiting

    def _next(self) -> None:
        self._timers.popleft()
        self._waiting.popleft().callback(None)

    def _leave(self, waiting: "Deferred[None]") -> None:
        self._waiting.remove(waiting)
        self._timers.pop().cancel()


class Frequency:
    """How often one number is called, by whomever: advice of FAQ 2.13, a guard when it is switched on."""

    def __init__(self, settings: FrequencySettings, now: Callable[[], datetime]) -> None:
        self._settings = settings
        self._now = now
        self._calls: dict[str, deque[datetime]] = {}

    def admit(self, numbers: Iterable[str]) -> ResultCode | None:
        """Count a call to each number; or the refusal's code, and none is counted."""
        if not self._settings.enabled:
            return None
        now = self._now()
        wanted = list(dict.fromkeys(filter(None, numbers)))
        for number in wanted:
            known = self._recent(number, now)
            in_a_day = sum(1 for at in known if at > now - DAY)
            if in_a_day >= self._settings.per_day or len(known) >= self._settings.per_30_days:
                return ResultCode.TRAFFIC_CONTROL
        for number in wanted:
            self._calls.setdefault(number, deque()).append(now)
        return None

    def rebuild(self, called: Iterable[tuple[str, datetime]]) -> None:
        """Count anew from what was called in the last 30 days, the oldest first (`calls.called_since`)."""
        self._calls.clear()
        for number, at in called if self._settings.enabled else ():
            self._calls.setdefault(number, deque()).append(at)

    def forget_old(self) -> None:
        """Drop numbers that were not called for 30 days; for a timer."""
        now = self._now()
        for number in [number for number in self._calls if not self._recent(number, now)]:
            del self._calls[number]

    def __len__(self) -> int:
        """Numbers remembered."""
        return len(self._calls)

    def _recent(self, number: str, now: datetime) -> deque[datetime]:
        known = self._calls.get(number, deque())
        while known and known[0] <= now - DAYS_30:
            known.popleft()
        return known


def _count_down(counts: dict[_Key, int], key: _Key) -> None:
    """One less; a key that nothing is counted for is gone."""
    if counts[key] == 1:
        del counts[key]
    else:
        counts[key] -= 1
