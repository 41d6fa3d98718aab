"""The heart of the service: a request becomes a call, events become pushes and a CDR.

Everything here runs on the reactor's thread and holds no truth of its own but the ports in use: calls, events
and CDRs are in the store, and what runs is with the workers. Killed at any line, another does the rest.
"""

import itertools
import logging
import secrets
from collections.abc import Callable, Generator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from twisted.internet.defer import Deferred, DeferredList, DeferredLock, inlineCallbacks
from twisted.python.failure import Failure

from ivrcore.service.api.errors import Refusal, invalid
from ivrcore.service.api.ports import Accepted, Idempotency, Order
from ivrcore.service.api.results import ResultCode
from ivrcore.service.model import Call, CallEvent, ClientApp, Push
from ivrcore.service.notify.status import pause
from ivrcore.service.orders import Desk, Plan, accept, plan
from ivrcore.service.rules.quota import Frequency, Ports, Rate
from ivrcore.service.settle import Bookkeeping, Told, settle, settle_alone
from ivrcore.service.store import calls as stored_calls
from ivrcore.service.store.database import Database
from ivrcore.service.store.errors import DuplicateKey, StoreClosed
from ivrcore.service.store.idempotency import StoredAnswer
from ivrcore.service.workers.backoff import Backoff
from ivrcore.service.workers.errors import NoWorker
from ivrcore.service.workers.job import Job
from ivrcore.service.workers.listener import LostCall
from sip.reactor import ReactorTime

log = logging.getLogger("ivrcore.service.calls")

SERVICE_EXCEPTION = 8020
NO_PORTS = (7109, 522)
NOT_REACHED = 8001
STOP_ORDERED = 8017
"""stateCodes, and the release point of a call that got no legs."""


class Dispatcher(Protocol):
    """What the calls use of ivrcore.service.workers.supervisor."""

    def dispatch(self, job: Job) -> "Deferred[str]":
        """Hand a job to a worker; fires with its id when it is taken. Errback: NoWorker."""
        ...

    def stop_call(self, session: str) -> "Deferred[bool]":
        """Release a call; False when no worker has it."""
        ...


class Pushes(Protocol):
    """Where pushes go after the commit."""

    def notify(self, push: Push) -> None:
        """Push a status event that is stored; in the order of its session."""
        ...

    def wake(self) -> None:
        """The outbox has a new CDR."""
        ...


@dataclass(frozen=True)
class Rules:
    """What a request is held against, besides the store."""

    ports: Ports
    rate: Rate
    frequency: Frequency


class Entrance:
    """Counts the orders that were let in and are not with a worker, refused or ended yet."""

    def __init__(self) -> None:
        self._inside = 0
        self._waiting: list[Deferred[None]] = []

    def enter(self) -> None:
        """One was let in."""
        self._inside += 1

    def leave(self) -> None:
        """It is through."""
        self._inside -= 1
        while not self._inside and self._waiting:
            self._waiting.pop().callback(None)

    def empty(self) -> "Deferred[None]":
        """Fires when there is none."""
        waiting: Deferred[None] = Deferred()
        if self._inside:
            self._waiting.append(waiting)
        else:
            waiting.callback(None)
        return waiting


class Calls:
    """Takes orders (ivrcore.service.api.ports.CallService) and events (workers' Listener)."""

    def __init__(
        self,
        database: Database,
        dispatcher: Dispatcher,
        pushes: Pushes,
        rules: Rules,
        desk: Desk,
        books: Bookkeeping,
        *,
        clock: ReactorTime,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        observe: Callable[[Told], None] = lambda _told: None,
    ) -> None:
        """`observe` is told of every event after its commit: metrics."""
        self._database = database
        self._dispatcher = dispatcher
        self._pushes = pushes
        self._rules = rules
        self._desk = desk
        self._books = books
        self._clock = clock
        self._now = now
        self._observe = observe
        self._locks: dict[str, DeferredLock] = {}
        self._stopped_early: set[str] = set()
        self._waiting: set[str] = set()
        self._counter = itertools.count(secrets.randbelow(10**8))
        self._accepting = True
        self._entrance = Entrance()

    # -- orders -------------------------------------------------------------------------------------------

    @inlineCallbacks
    def submit(
        self, app: ClientApp, order: Order, idempotency: Idempotency | None
    ) -> "Generator[Deferred[Any], Any, Accepted]":
        """See CallService.submit."""
        if not self._accepting:
            raise Refusal(ResultCode.PLATFORM_FLOW_CONTROL)
        self._entrance.enter()
        try:
            accepted: tuple[Plan, Accepted] = yield self._accept(app, order, idempotency)
        except BaseException:
            self._entrance.leave()
            raise
        planned, answer = accepted
        self._hand_over(planned)
        return answer

    @inlineCallbacks
    def _accept(
        self, app: ClientApp, order: Order, idempotency: Idempotency | None
    ) -> "Generator[Deferred[Any], Any, tuple[Plan, Accepted]]":
        yield self._rules.rate.turn(app)
        now = self._now()
        planned: Plan = yield self._database.read(plan, app, order, self._desk, self._new_session(now), now)
        call = planned.call
        _unless(self._rules.ports.take(app, call.session))
        try:
            _unless(self._rules.frequency.admit((call.a_number, call.b_number)))
            accepted = Accepted(call.session, self._rules.ports.idle_port(app))
            answer = _stored(app, idempotency, accepted, now)
            yield self._database.run(accept, planned, answer)
        except BaseException as error:
            self._rules.ports.release(call.session)
            if isinstance(error, DuplicateKey):  # another node of the service was faster
                raise invalid("Idempotency-Key is in use", 409) from error
            raise
        return planned, accepted

    @inlineCallbacks
    def stop(self, app: ClientApp, session: str) -> "Generator[Deferred[Any], Any, None]":
        """See CallService.stop."""
        call: Call | None = yield self._database.read(stored_calls.call, session)
        running: bool = yield self._database.read(stored_calls.is_open, session)
        if call is None or not running or call.app_key != app.app_key:
            raise Refusal(ResultCode.INVALID_SESSION)
        if session in self._waiting:
            self._stopped_early.add(session)
        yield self._dispatcher.stop_call(session)

    def _new_session(self, now: datetime) -> str:
        """In the shape of published ids; unique, because a node counts from a random number."""
        return f"1201_{next(self._counter)}_4294967295_{now:%Y%m%d%H%M%S}@{self._books.host}"

    def _hand_over(self, planned: Plan) -> None:
        """Give a stored call to a worker, or end it. Never fails: from here on the answer is the CDR."""
        session = planned.call.session
        if planned.job is None:  # barred, and to be told as a carrier does (D14)
            self._end_at_last(session, NOT_REACHED, 0)
            self._entrance.leave()
            return
        self._waiting.add(session)
        self._dispatcher.dispatch(planned.job).addBoth(self._handed_over, session)

    def _handed_over(self, result: object, session: str) -> "Deferred[Any] | None":
        try:
            return self._note_hand_over(result, session)
        finally:
            self._entrance.leave()  # what is to be stored of it has been begun: `settled` sees it

    def _note_hand_over(self, result: object, session: str) -> "Deferred[Any] | None":
        self._waiting.discard(session)
        stopped = session in self._stopped_early
        self._stopped_early.discard(session)
        if isinstance(result, Failure):
            if stopped:
                return self._end_at_last(session, STOP_ORDERED, 0)
            if isinstance(result.value, NoWorker):
                log.warning("%s: no worker has free legs: %s", session, result.value)
                return self._end_at_last(session, *NO_PORTS)
            log.error("%s: cannot be handed over: %s", session, result.value)
            return self._end_at_last(session, SERVICE_EXCEPTION, 0)
        taken: Deferred[Any] = self._database.run(stored_calls.take, session, str(result))
        taken.addErrback(_logged, session, "the worker of the call is not noted")
        if stopped:
            taken.addCallback(lambda _: self._dispatcher.stop_call(session))
        return taken

    # -- events -------------------------------------------------------------------------------------------

    def event(self, event: CallEvent) -> "Deferred[None]":
        """One event of a worker; fires when it is stored. What it causes goes out after that."""

        def store() -> "Deferred[None]":
            stored = self._database.run(settle, event, self._books, self._now())
            return stored.addCallback(self._tell)

        return self._in_order(event.session, store)

    @inlineCallbacks
    def lost(self, sessions: Mapping[str, LostCall], reason: str) -> "Generator[Deferred[Any], Any, None]":
        """A worker died: end its calls."""
        for session, what in sessions.items():
            log.warning("%s: lost: %s", session, reason)
            yield self._end(session, SERVICE_EXCEPTION, 0, what)

    @inlineCallbacks
    def _end_at_last(
        self, session: str, state_code: int, release_point: int
    ) -> "Generator[Deferred[Any], Any, None]":
        """As `_end`, however often the store refuses: nobody else knows that this call is over."""
        backoff = Backoff(0.5, 30.0)
        while True:
            try:
                yield self._end(session, state_code, release_point)
            except StoreClosed:
                return  # the service ends; the next start finds the call with no worker
            except Exception as error:  # a full disk or a locked database passes
                log.error("%s: its end is not stored yet: %s", session, error)
                yield pause(self._clock, backoff.next_s())
            else:
                return

    def _end(
        self, session: str, state_code: int, release_point: int, what: LostCall | None = None
    ) -> "Deferred[None]":
        """End a call that no worker ends. Fails only when the store does."""
        recording = None
        if what is not None and what.recording is not None:
            recording = {**asdict(what.recording), "path": what.recording.path and str(what.recording.path)}

        def store() -> "Deferred[None]":
            stored = self._database.run(
                settle_alone,
                session,
                state_code=state_code,
                release_point=release_point,
                recording=recording,
                books=self._books,
                now=self._now(),
            )
            return stored.addCallback(tell)

        def tell(told: list[Told]) -> None:
            self._tell_all(told)
            self._rules.ports.release(session)  # also of a call that had ended already

        return self._in_order(session, store)

    def _in_order(self, session: str, store: "Callable[[], Deferred[None]]") -> "Deferred[None]":
        """One at a time for each session: PostgreSQL has no order among what waits at once."""
        lock = self._locks.setdefault(session, DeferredLock())

        def done(result: Any) -> Any:
            if not lock.locked and not lock.waiting and self._locks.get(session) is lock:
                del self._locks[session]
            return result

        return lock.run(store).addBoth(done)

    def _tell_all(self, told: list[Told]) -> None:
        for one in told:
            self._tell(one)

    def _tell(self, told: Told | None) -> None:
        """After the commit: pushes, ports, metrics."""
        if told is None:
            return
        if told.status is not None:
            self._pushes.notify(told.status)
        if told.fee:
            self._pushes.wake()
        if told.ended:
            self._rules.ports.release(told.call.session)
        self._observe(told)

    # -- start and end ------------------------------------------------------------------------------------

    @inlineCallbacks
    def rebuild(self) -> "Generator[Deferred[Any], Any, list[Call]]":
        """Take the ports of the calls that are open; before workers are asked what they have."""
        opened: list[Call] = yield self._database.read(stored_calls.open_calls)
        self._rules.ports.rebuild(opened)
        return opened

    @inlineCallbacks
    def forsake(self, opened: list[Call], live: "frozenset[str]") -> "Generator[Deferred[Any], Any, int]":
        """End the calls that were open and that no worker has: killed between commit and hand-over."""
        nowhere = [call.session for call in opened if call.session not in live]
        for session in nowhere:
            yield self._end(session, SERVICE_EXCEPTION, 0)
        return len(nowhere)

    def stop_accepting(self) -> None:
        """Refuse every order from now on."""
        self._accepting = False

    def handed_over(self) -> "Deferred[None]":
        """Fires when no order that was let in still waits for a worker; none waits longer than for legs."""
        return self._entrance.empty()

    @inlineCallbacks
    def stop_all(self) -> "Generator[Deferred[Any], Any, None]":
        """Release every open call, as callStop does."""
        opened: list[Call] = yield self._database.read(stored_calls.open_calls)
        for call in opened:
            if call.session in self._waiting:
                self._stopped_early.add(call.session)
            yield self._dispatcher.stop_call(call.session)

    def settled(self) -> "Deferred[Any]":
        """Fires when every event that came has been stored, or refused, and told."""
        return DeferredList([lock.run(lambda: None) for lock in self._locks.values()])

    @property
    def n_open(self) -> int:
        """Calls that hold a port."""
        return self._rules.ports.total


def _stored(
    app: ClientApp, idempotency: Idempotency | None, accepted: Accepted, now: datetime
) -> StoredAnswer | None:
    if idempotency is None:
        return None
    status, body = idempotency.answer(accepted)
    return StoredAnswer(app.app_key, idempotency.key, idempotency.digest, status, body, now)


def _unless(result: ResultCode | None) -> None:
    if result is not None:
        raise Refusal(result)


def _logged(failure: Failure, session: str, what: str) -> None:
    log.error("%s: %s: %s", session, what, failure.value)
