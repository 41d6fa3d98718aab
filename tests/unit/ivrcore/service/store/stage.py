"""What the tests of the store share: a reactor that a test turns by hand, and rows to store."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, delete, func, select
from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from ivrcore.service.model import Account, Call, CallEvent, ClientApp, EventKind, Push, PushKind, Service
from ivrcore.service.store import accounts, calls
from ivrcore.service.store.database import Database
from ivrcore.service.store.schema import metadata

P = ParamSpec("P")
T = TypeVar("T")

NOW = datetime(2026, 3, 1, 8, 15, 30, 123456, tzinfo=UTC)
SECOND = timedelta(seconds=1)
PATIENCE_S = 30.0

ACCOUNT = Account(id=1, name="lab", sp_id="sp-lab", concurrency=20, password="old style")
APP = ClientApp(
    app_key="key-callback",
    secret="secret-callback",
    account=ACCOUNT,
    name="Callback",
    service=Service.CALLBACK,
    recording=True,
    status_url="https://sp.example.com/status",
    fee_url="https://sp.example.com/fee",
    calls_per_second=12.5,
    allowed_ips=("192.0.2.0/24", "2001:db8::/32"),
)
OTHER_ACCOUNT = Account(id=2, name="other", sp_id="sp-other")
OTHER_APP = replace(APP, app_key="key-other", account=OTHER_ACCOUNT, name="Other")


class TurnedReactor:
    """Keeps what threads want called until the test waits for it."""

    def __init__(self) -> None:
        self._calls: SimpleQueue[Callable[[], object]] = SimpleQueue()

    def callFromThread(self, callable: Callable[..., Any], *args: object, **kwargs: object) -> None:  # noqa: A002, N802
        self._calls.put(lambda: callable(*args, **kwargs))

    def turn(self, timeout_s: float = PATIENCE_S) -> None:
        """Wait for one call, and make it."""
        try:
            call = self._calls.get(timeout=timeout_s)
        except Empty:
            raise AssertionError("the store has not answered") from None
        call()


class Stage:
    """A store with its tables made, and the reactor it reports to."""

    def __init__(self, url: str, *, threads: int = 4, busy_timeout_s: float = 5.0) -> None:
        self.url = url
        self.reactor = TurnedReactor()
        self.db = Database(url, self.reactor, threads=threads, busy_timeout_s=busy_timeout_s)

    def now(self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Carry out and commit, in this thread."""
        return self.db.run_now(function, *args, **kwargs)

    def wait(self, deferred: Deferred[T]) -> T:
        """Turn the reactor until it fires; its value, or its error raised."""
        outcomes: list[T | Failure] = []
        deferred.addBoth(outcomes.append)
        while not outcomes:
            self.reactor.turn()
        outcome = outcomes[0]
        if isinstance(outcome, Failure):
            outcome.raiseException()
        return outcome

    def wait_all(self, deferreds: Sequence[Deferred[Any]]) -> list[Any]:
        """Turn the reactor until all have fired; each one's value or error."""
        outcomes: list[Any] = []
        for deferred in deferreds:
            try:
                outcomes.append(self.wait(deferred))
            except Exception as error:
                outcomes.append(error)
        return outcomes

    def close(self) -> None:
        self.wait(self.db.close())


def wipe(connection: Connection) -> None:
    """Empty every table, and let ids count from 1 again (SQLite's do by themselves)."""
    for table in reversed(metadata.sorted_tables):
        connection.execute(delete(table))
        if connection.dialect.name == "postgresql" and "id" in table.c and table.name != "templates":
            connection.execute(select(func.setval(f"{table.name}_id_seq", 1, False)))


def fill(stage: Stage) -> None:
    """Two accounts with an application each."""
    stage.now(accounts.add_account, ACCOUNT)
    stage.now(accounts.add_app, APP, NOW)
    stage.now(accounts.add_account, OTHER_ACCOUNT)
    stage.now(accounts.add_app, OTHER_APP, NOW)


def a_call(session: str = "1_1@lab", **changes: Any) -> Call:
    """A callback of APP, with every field set."""
    call = Call(
        session=session,
        app_key=APP.app_key,
        account_id=ACCOUNT.id,
        service=Service.CALLBACK,
        accepted_at=NOW,
        display_a="+8675528000001",
        a_number="+8613900000001",
        display_b="+8675528000002",
        b_number="+8613900000002",
        bind_number="+8675528000009",
        status_url=APP.status_url,
        fee_url=APP.fee_url,
        user_data="order-7",
        wants_party_type=True,
        record=True,
        recording_name="260301081530.wav",
        request={"callerNbr": "+8613900000001", "playPreVoice": True, "userData": "再见"},
    )
    return replace(call, **changes)


def accepted(stage: Stage, session: str = "1_1@lab", **changes: Any) -> Call:
    """A call that has been stored."""
    call = a_call(session, **changes)
    stage.now(calls.accept, call)
    return call


def an_event(seq: int = 1, session: str = "1_1@lab", **changes: Any) -> CallEvent:
    return replace(CallEvent(session, seq, EventKind.CALLOUT, NOW + seq * SECOND), **changes)


def a_push(session: str = "1_1@lab", seq: int = 1, kind: PushKind = PushKind.STATUS, **changes: Any) -> Push:
    push = Push(
        id=0,
        kind=kind,
        app_key=APP.app_key,
        session=session,
        seq=seq if kind is PushKind.STATUS else 0,
        url=APP.status_url,
        body={"eventType": "callout", "statusInfo": {"userData": "再见"}},
        created_at=NOW,
        due_at=NOW,
    )
    return replace(push, **changes)


def n_rows(stage: Stage, table: str) -> int:
    """How many rows a table has."""
    query = select(func.count()).select_from(metadata.tables[table])
    return stage.now(lambda connection: connection.execute(query).scalar_one())
