"""In whatever order things are stored, tried and given up, each of them counts once, and in its order."""

import itertools
from collections.abc import Iterator
from datetime import timedelta
from random import Random
from typing import TypeAlias

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from ivrcore.service.model import PushKind
from ivrcore.service.store import calls, cdrs, events, outbox
from tests import postgres
from tests.unit.ivrcore.service.store.stage import (
    NOW,
    SECOND,
    Stage,
    a_push,
    accepted,
    an_event,
    fill,
    wipe,
)

FEW = settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
DELAYS = (timedelta(0), SECOND, 10 * SECOND)
_numbers = itertools.count()

Order: TypeAlias = tuple[int, str, int]
"""Which call, what is done to it, and the number of the event or the state code of the CDR."""

orders = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["end", "complete", "event"]), st.integers(1, 4)),
    max_size=40,
)
events_of_sessions = st.lists(st.integers(1, 5), min_size=1, max_size=3)
seeds = st.integers(0, 2**32)  # a Random that is drawn could fail for ever
limits = st.integers(1, 6)


@pytest.fixture(scope="module")
def sqlite(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    yield from opened(f"sqlite:///{tmp_path_factory.mktemp('histories') / 'store.db'}")


@pytest.fixture(scope="module")
def postgresql() -> Iterator[Stage]:
    with postgres.shared() as cluster:
        yield from opened(cluster.url(cluster.create_database()))


def opened(url: str) -> Iterator[Stage]:
    """A store with two accounts; examples tell their sessions apart by a number."""
    stage = Stage(url)
    stage.db.upgrade()
    fill(stage)
    yield stage
    stage.close()


def new_sessions(stage: Stage, n: int) -> list[str]:
    sessions = [f"h{next(_numbers)}" for _ in range(n)]
    for session in sessions:
        accepted(stage, session)
    return sessions


@FEW
@given(orders=orders)
def test_everything_happens_once_in_any_order_at_any_number_of_tries(
    sqlite: Stage, orders: list[Order]
) -> None:
    everything_happens_once(sqlite, orders)


@FEW
@given(orders=orders)
def test_everything_happens_once_in_concurrent_transactions(postgresql: Stage, orders: list[Order]) -> None:
    everything_happens_once(postgresql, orders)


@FEW
@given(n_events=events_of_sessions, seed=seeds, limit=limits)
def test_status_pushes_of_a_session_are_delivered_in_their_order_whatever_fails(
    sqlite: Stage, n_events: list[int], seed: int, limit: int
) -> None:
    pushes_are_delivered_in_order(sqlite, n_events, seed, limit)


@FEW
@given(n_events=events_of_sessions, seed=seeds, limit=limits)
def test_status_pushes_are_delivered_in_their_order_out_of_postgresql(
    postgresql: Stage, n_events: list[int], seed: int, limit: int
) -> None:
    pushes_are_delivered_in_order(postgresql, n_events, seed, limit)


def everything_happens_once(stage: Stage, orders: list[Order]) -> None:
    sessions = new_sessions(stage, 3)

    def carry_out(connection: Connection, which: int, what: str, seq: int) -> bool:
        session = sessions[which]
        if what == "end":
            return calls.end(connection, session, NOW)
        if what == "event":
            return events.add(connection, an_event(seq, session))
        return cdrs.complete(connection, session, NOW, seq, {}, {}, seq, 0, "0")

    outcomes = stage.wait_all([stage.db.run(carry_out, *order) for order in orders])
    happened = [order for order, outcome in zip(orders, outcomes, strict=True) if outcome is True]
    once = [(which, what, seq if what == "event" else 0) for which, what, seq in happened]
    assert len(once) == len(set(once))  # none twice
    wanted = {(which, what, seq if what == "event" else 0) for which, what, seq in orders}
    assert set(once) == wanted  # and none not at all
    for which, session in enumerate(sessions):
        seqs = sorted({seq for w, what, seq in wanted if w == which and what == "event"})
        assert [event.seq for event in stage.now(events.of, session)] == seqs
        assert stage.now(calls.is_open, session) == ((which, "end", 0) not in wanted)


def pushes_are_delivered_in_order(stage: Stage, n_events: list[int], seed: int, limit: int) -> None:
    chance = Random(seed)
    stage.now(wipe)
    fill(stage)
    sessions = new_sessions(stage, len(n_events))
    to_come = {session: list(range(1, n + 1)) for session, n in zip(sessions, n_events, strict=True)}
    sent: dict[str, list[int]] = {session: [] for session in sessions}
    now = NOW
    while any(to_come.values()) or stage.now(outbox.depth)[0]:
        session = chance.choice(sessions)
        if to_come[session]:
            stage.now(outbox.add, a_push(session, to_come[session].pop(0), created_at=now, due_at=now))
        failed: set[str] = set()
        due = stage.now(outbox.due, now, limit, kind=PushKind.STATUS)
        assert len(due) <= limit
        for push in due:
            if push.session in failed:
                continue  # it was due before the one ahead of it failed
            if chance.random() < 0.3:
                stage.now(outbox.postpone, [push.id], now + chance.choice(DELAYS), "failed")
                failed.add(push.session)
            else:
                stage.now(outbox.delivered, [push.id], now)
                sent[push.session].append(push.seq)
        now += chance.choice(DELAYS)
    for session, n in zip(sessions, n_events, strict=True):
        assert sent[session] == list(range(1, n + 1))
