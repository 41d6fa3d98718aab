"""Quotas under any order of events: counters never exceed and return to 0; a rate holds in every second."""

from functools import partial

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from ivrcore.service.api.errors import Refusal
from ivrcore.service.model import Account, ClientApp, Service
from ivrcore.service.rules.quota import Ports, Rate
from sip.manual_reactor import ManualReactor

ACCOUNT_LIMIT = 4
SESSIONS = [f"s{index}" for index in range(9)]


def make_app(key: str, concurrency: int, account: Account, calls_per_second: float = 50.0) -> ClientApp:
    return ClientApp(
        app_key=key,
        secret="s",
        account=account,
        name=key,
        service=Service.CALLBACK,
        concurrency=concurrency,
        calls_per_second=calls_per_second,
    )


class PortsMachine(RuleBasedStateMachine):
    """Sessions take and give back ports in any order, some of them twice; a model keeps the truth."""

    def __init__(self) -> None:
        super().__init__()
        self.ports = Ports()
        self.open: dict[str, ClientApp] = {}

    @initialize(quotas=st.lists(st.integers(0, 4), min_size=3, max_size=3))
    def applications(self, quotas: list[int]) -> None:
        one, two = Account(1, "one", "sp1", concurrency=ACCOUNT_LIMIT), Account(2, "two", "sp2")
        self.apps = [
            make_app("a", quotas[0], one),
            make_app("b", quotas[1], one),
            make_app("c", quotas[2], two),
        ]

    @rule(session=st.sampled_from(SESSIONS), which=st.integers(0, 2))
    def take(self, session: str, which: int) -> None:
        app = self.apps[which]
        of_app = [one for one in self.open.values() if one is app]
        of_account = [one for one in self.open.values() if one.account is app.account]
        free = len(of_app) < app.concurrency and (
            app.account.concurrency is None or len(of_account) < app.account.concurrency
        )
        refused = self.ports.take(app, session)
        if session in self.open:
            assert refused is None
        else:
            assert (refused is None) is free
            if free:
                self.open[session] = app

    @rule(session=st.sampled_from(SESSIONS))
    def release(self, session: str) -> None:
        assert self.ports.release(session) is (self.open.pop(session, None) is not None)

    @invariant()
    def counts_are_true(self) -> None:
        assert self.ports.total == len(self.open)
        for app in getattr(self, "apps", ()):
            used = sum(one is app for one in self.open.values())
            assert self.ports.used(app.app_key) == used <= app.concurrency
            assert 0 <= self.ports.idle_port(app) <= app.concurrency - used
        assert self.ports.used_by_account(1) <= ACCOUNT_LIMIT

    def teardown(self) -> None:
        for session in SESSIONS:
            self.ports.release(session)
        assert self.ports.total == 0
        assert [self.ports.used(key) for key in "abc"] == [0, 0, 0]
        assert [self.ports.used_by_account(account) for account in (1, 2)] == [0, 0]


TestPorts = PortsMachine.TestCase
TestPorts.settings = settings(deadline=None, max_examples=60, stateful_step_count=40)


@settings(deadline=None, max_examples=120)
@given(
    calls_per_second=st.sampled_from([0.5, 1.0, 2.5, 3.0, 10.0]),
    gaps_ms=st.lists(st.integers(0, 700), min_size=1, max_size=40),
    length=st.integers(0, 6),
    cancelled=st.sets(st.integers(0, 39)),
)
def test_no_second_has_more_turns_than_the_rate(
    calls_per_second: float, gaps_ms: list[int], length: int, cancelled: set[int]
) -> None:
    clock = ManualReactor()
    rate = Rate(clock, queue_length=length, queue_wait_s=3.0)
    app = make_app("a", 10, Account(1, "one", "sp1"), calls_per_second)
    came: dict[int, float] = {}
    went: list[tuple[int, float]] = []

    def note(index: int, _: object) -> None:
        went.append((index, clock.seconds()))

    def ignore(failure: Failure) -> None:
        assert isinstance(failure.value, Refusal | CancelledError)

    for index, gap_ms in enumerate(gaps_ms):
        clock.advance(gap_ms / 1000)
        came[index] = clock.seconds()
        turn = rate.turn(app)
        turn.addCallbacks(partial(note, index), ignore)
        assert rate.waiting("a") <= length
        if index in cancelled:
            turn.cancel()
    clock.advance(10)
    assert clock.pending() == 0
    assert rate.waiting("a") == 0
    assert [index for index, _ in went] == sorted(index for index, _ in went)
    n_calls = max(1, int(calls_per_second))
    period_s = n_calls / calls_per_second
    for (_, earlier), (_, later) in zip(went, went[n_calls:], strict=False):
        assert later - earlier >= period_s - 1e-9
    assert all(moment - came[index] <= 3.0 + 1e-9 for index, moment in went)
