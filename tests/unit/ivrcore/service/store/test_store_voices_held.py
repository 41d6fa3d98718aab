"""A voice file changes while an order that plays it is accepted: one of the two is first, on both stores."""

import hashlib
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Connection

from ivrcore.service.api.errors import Refusal
from ivrcore.service.content import shelf
from ivrcore.service.content.voices import Prepared
from ivrcore.service.model import Review
from ivrcore.service.orders import Plan, accept
from ivrcore.service.store import calls, content
from ivrcore.service.store.errors import RefusedChange
from tests.unit.ivrcore.service.store.stage import ACCOUNT, NOW, PATIENCE_S, Stage, a_call, fill, n_rows, wipe

NAMES = ("hint.wav", "wait.wav")
Change = Callable[[Connection], Any]


def prepared(name: str, audio: bytes = b"audio") -> Prepared:
    return Prepared(name, audio, hashlib.sha256(audio).hexdigest(), 1500, -16.0, -4.0)


@dataclass
class Ground:
    """An account with two approved voice files, and an order that plays both."""

    stage: Stage
    voices: Path

    def __post_init__(self) -> None:
        for name in NAMES:
            self.stage.now(shelf.put_voice, self.voices, ACCOUNT.id, prepared(name), NOW)
            self.stage.now(shelf.review_voice, ACCOUNT.id, name, Review.APPROVED)

    def planned(self, session: str = "1_1@lab") -> Plan:
        request = {"waitVoice": "wait.wav", "recordHintTone": "hint.wav", "recordFlag": "true"}
        sha256 = prepared("").sha256
        return Plan(a_call(session, request=request), None, dict.fromkeys(NAMES, sha256))

    def delete(self, connection: Connection) -> str:
        return shelf.delete_voice(connection, ACCOUNT.id, "wait.wav")

    def replace(self, connection: Connection) -> str:
        return shelf.put_voice(connection, self.voices, ACCOUNT.id, prepared("wait.wav", b"other"), NOW)

    def reject(self, connection: Connection) -> None:
        shelf.review_voice(connection, ACCOUNT.id, "wait.wav", Review.REJECTED, "noise")


@pytest.fixture
def ground(stage: Stage, tmp_path: Path) -> Ground:
    return Ground(stage, tmp_path / "voices")


@pytest.fixture
def threads() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(2) as pool:
        yield pool


class Halted:
    """A change that stops before its commit until it is let go."""

    def __init__(self, change: Change) -> None:
        self._change = change
        self._go = threading.Event()
        self.done = threading.Event()

    def __call__(self, connection: Connection) -> Any:
        try:
            return self._change(connection)
        finally:
            self.done.set()
            assert self._go.wait(PATIENCE_S)

    def let_go(self) -> None:
        self._go.set()


def in_turn(ground: Ground, threads: ThreadPoolExecutor, first: Change, second: Change) -> tuple[Any, Any]:
    """Two transactions at once: the second begins when all but the commit of the first is done."""
    halted = Halted(first)
    outcomes: list[Future[Any]] = [threads.submit(ground.stage.now, halted)]
    assert halted.done.wait(PATIENCE_S)
    outcomes.append(threads.submit(ground.stage.now, second))
    with pytest.raises(TimeoutError):
        outcomes[1].result(0.2)  # it waits for the first
    halted.let_go()
    found = [outcome.exception(PATIENCE_S) or outcome.result() for outcome in outcomes]
    return found[0], found[1]


@pytest.mark.parametrize("change", [Ground.delete, Ground.replace, Ground.reject])
def test_order_is_refused_when_the_change_was_first(
    ground: Ground, threads: ThreadPoolExecutor, change: Callable[[Ground, Connection], Any]
) -> None:
    def order(connection: Connection) -> None:
        accept(connection, ground.planned(), None)

    changed, refused = in_turn(ground, threads, lambda connection: change(ground, connection), order)
    assert not isinstance(changed, Exception)
    assert isinstance(refused, Refusal)
    assert (refused.result.code, refused.detail) == ("1010002", "wait.wav does not exist")
    assert n_rows(ground.stage, "calls") == n_rows(ground.stage, "cdrs") == 0


@pytest.mark.parametrize("change", [Ground.delete, Ground.replace])
def test_change_is_refused_when_the_order_was_first(
    ground: Ground, threads: ThreadPoolExecutor, change: Callable[[Ground, Connection], Any]
) -> None:
    def order(connection: Connection) -> None:
        accept(connection, ground.planned(), None)

    accepted, refused = in_turn(ground, threads, order, lambda connection: change(ground, connection))
    assert accepted is None
    assert isinstance(refused, RefusedChange)
    assert str(refused) == "the voice file is in use by a running call: wait.wav"
    voice = ground.stage.now(content.voice_file, ACCOUNT.id, "wait.wav")
    assert voice is not None
    assert (voice.state, voice.sha256) == (Review.APPROVED, prepared("").sha256)


@pytest.mark.parametrize("change", [Ground.delete, Ground.replace, Ground.reject])
def test_plan_made_before_a_change_is_not_accepted_after_it(
    ground: Ground, change: Callable[[Ground, Connection], Any]
) -> None:
    planned = ground.planned()
    ground.stage.now(lambda connection: change(ground, connection))
    with pytest.raises(Refusal):
        ground.stage.now(accept, planned, None)
    assert n_rows(ground.stage, "calls") == 0


def test_file_that_was_put_again_as_it_was_is_the_same_file(ground: Ground) -> None:
    planned = ground.planned()
    ground.stage.now(ground.delete)
    ground.stage.now(shelf.put_voice, ground.voices, ACCOUNT.id, prepared("wait.wav"), NOW)
    with pytest.raises(Refusal):  # nobody has approved it yet
        ground.stage.now(accept, planned, None)
    ground.stage.now(shelf.review_voice, ACCOUNT.id, "wait.wav", Review.APPROVED)
    ground.stage.now(accept, planned, None)
    assert n_rows(ground.stage, "calls") == 1


def test_another_account_s_file_of_the_name_does_not_count(ground: Ground) -> None:
    planned = ground.planned()
    ground.stage.now(ground.delete)
    ground.stage.now(shelf.put_voice, ground.voices, 2, prepared("wait.wav"), NOW)
    ground.stage.now(shelf.review_voice, 2, "wait.wav", Review.APPROVED)
    with pytest.raises(Refusal):
        ground.stage.now(accept, planned, None)


def test_orders_that_play_the_same_file_do_not_wait_for_each_other(
    kept_postgresql: Stage, tmp_path: Path, threads: ThreadPoolExecutor
) -> None:
    # On SQLite one transaction writes at a time.
    kept_postgresql.now(wipe)
    fill(kept_postgresql)
    ground = Ground(kept_postgresql, tmp_path / "voices")
    halted = Halted(lambda connection: accept(connection, ground.planned("1_1@lab"), None))
    first = threads.submit(ground.stage.now, halted)
    assert halted.done.wait(PATIENCE_S)
    try:
        threads.submit(ground.stage.now, accept, ground.planned("1_2@lab"), None).result(PATIENCE_S)
    finally:
        halted.let_go()
    first.result(PATIENCE_S)
    assert n_rows(ground.stage, "calls") == 2


def test_ended_call_gives_its_files_free(ground: Ground) -> None:
    ground.stage.now(accept, ground.planned(), None)
    with pytest.raises(RefusedChange):
        ground.stage.now(ground.delete)
    ground.stage.now(calls.end, "1_1@lab", NOW)
    ground.stage.now(ground.delete)
    assert ground.stage.now(content.voice_file, ACCOUNT.id, "wait.wav") is None
