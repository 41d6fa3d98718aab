"""The health document: its status, and what it tells of store and workers."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail

from ivrcore.service.ops.health import STORE_TIMEOUT_S, Health, HealthCheck, WorkersState
from ivrcore.service.store.errors import StoreBusy, StoreUnreachable
from ivrcore.service.store.testing import ImmediateDatabase
from sip.manual_reactor import ManualReactor

GOOD = WorkersState(alive=2, expected=2, legs_free=3, legs_total=8)


class Broken(ImmediateDatabase):
    """A store whose reading is what the test says."""

    reading: Callable[[], "Deferred[Any]"]

    def read(self, *_args: Any, **_kwargs: Any) -> "Deferred[Any]":
        return self.reading()


def check_of(
    tmp_path: Path, workers: WorkersState = GOOD, reading: Callable[[], "Deferred[Any]"] | None = None
) -> tuple[HealthCheck, ManualReactor]:
    clock = ManualReactor()
    database = ImmediateDatabase(tmp_path)
    if reading is not None:
        database = Broken(tmp_path)
        database.reading = reading
    return HealthCheck(database, lambda: workers, clock, version="1.2"), clock


def health_of(check: HealthCheck) -> Health:
    found: list[Health] = []
    check.check().addCallback(found.append)
    (health,) = found
    return health


def test_service_in_order_is_200(tmp_path: Path) -> None:
    check, clock = check_of(tmp_path)
    clock.advance(12.5)
    health = health_of(check)
    assert health.status == 200
    assert health.document == {
        "status": "ok",
        "version": "1.2",
        "uptime_s": 12.5,
        "store": {"ok": True, "reason": ""},
        "workers": {"ok": True, "alive": 2, "expected": 2, "legs_free": 3, "legs_total": 8},
    }
    assert json.loads(json.dumps(health.document)) == health.document
    assert clock.pending() == 0


def test_worker_that_is_missing_is_told_while_others_do_its_work(tmp_path: Path) -> None:
    health = health_of(check_of(tmp_path, WorkersState(1, 2, 4, 4))[0])
    assert health.status == 200
    assert health.document["workers"] == {
        "ok": False,
        "alive": 1,
        "expected": 2,
        "legs_free": 4,
        "legs_total": 4,
    }


def test_no_free_leg_is_no_illness(tmp_path: Path) -> None:
    assert health_of(check_of(tmp_path, WorkersState(2, 2, 0, 8))[0]).status == 200


def test_service_without_workers_is_503(tmp_path: Path) -> None:
    health = health_of(check_of(tmp_path, WorkersState(0, 2, 0, 0))[0])
    assert (health.status, health.document["status"]) == (503, "unavailable")


@pytest.mark.parametrize("error", [StoreBusy("locked: secret"), StoreUnreachable("host db.example")])
def test_store_that_fails_is_503_without_where_it_is(tmp_path: Path, error: Exception) -> None:
    health = health_of(check_of(tmp_path, reading=lambda: fail(error))[0])
    assert (health.status, health.document["status"]) == (503, "unavailable")
    assert health.document["store"] == {"ok": False, "reason": type(error).__name__}


def test_closed_store_is_503(tmp_path: Path) -> None:
    database = ImmediateDatabase(tmp_path)
    database.close()
    health = health_of(HealthCheck(database, lambda: GOOD, ManualReactor(), version=""))
    assert health.document["store"] == {"ok": False, "reason": "StoreClosed"}


def test_store_that_does_not_answer_is_503_in_time(tmp_path: Path) -> None:
    check, clock = check_of(tmp_path, reading=Deferred)
    found: list[Health] = []
    check.check().addCallback(found.append)
    clock.advance(STORE_TIMEOUT_S - 0.1)
    assert not found
    clock.advance(0.2)
    assert found[0].status == 503
    assert found[0].document["store"] == {"ok": False, "reason": "no answer within 2 s"}


def test_service_that_is_shutting_down_is_503(tmp_path: Path) -> None:
    """A balancer is to send nobody here any more."""
    check, _ = check_of(tmp_path)
    check.stopping = True
    health = health_of(check)
    assert (health.status, health.document["status"]) == (503, "stopping")
