"""Processes that accept calls one after the other, and report each after its commit. Until they are killed.

    python -m tests.unit.ivrcore.service.store.accepting_child

Each line "URL PREFIX" it reads makes one such process; forked, because most of the time would go into
imports. It writes "ready PID", then the sessions whose call, CDR row, event and push are promised to be on
disk, and "dead" when the process has ended.
"""

import itertools
import os
import sys

from sqlalchemy import Connection
from twisted.internet.defer import Deferred

from ivrcore.service.model import Call
from ivrcore.service.store import calls, events, outbox
from ivrcore.service.store.idempotency import StoredAnswer
from tests.unit.ivrcore.service.store.stage import APP, NOW, Stage, a_call, a_push, an_event

AT_ONCE = 8


def accept(connection: Connection, call: Call) -> str:
    """What the service does with a request and its first event, in one transaction."""
    answer = StoredAnswer(APP.app_key, call.session, "digest", 200, "{}", NOW)
    calls.accept(connection, call, answer)
    events.add(connection, an_event(1, call.session))
    outbox.add(connection, a_push(call.session, 1))
    return call.session


def report(line: str) -> None:
    """In one write: a pipe takes a short one whole or not at all."""
    os.write(1, f"{line}\n".encode())


def accept_for_ever(url: str, prefix: str) -> None:
    stage = Stage(url)
    report(f"ready {os.getpid()}")
    for n in itertools.count():
        # Several wait at once, so that they are killed in the middle of group commits.
        jobs: list[Deferred[str]] = [
            stage.db.run(accept, a_call(f"{prefix}-{n}-{i}")) for i in range(AT_ONCE)
        ]
        for job in jobs:
            job.addCallback(report)
        stage.wait_all(jobs)


def main() -> None:
    for line in sys.stdin:
        pid = os.fork()
        if not pid:
            accept_for_ever(*line.split())
        os.waitpid(pid, 0)
        report("dead")


if __name__ == "__main__":
    main()
