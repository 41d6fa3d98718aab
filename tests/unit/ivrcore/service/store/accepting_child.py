"""A process that accepts calls one after the other, and reports each after its commit. Until it is killed.

    python accepting_child.py URL PREFIX

Each line it writes is a session whose call, CDR row, event and push are promised to be on disk.
"""

import itertools
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


def report(session: str) -> None:
    sys.stdout.write(session + "\n")
    sys.stdout.flush()


def main(url: str, prefix: str) -> None:
    stage = Stage(url)
    report("ready")
    for n in itertools.count():
        # Several wait at once, so that they are killed in the middle of group commits.
        jobs: list[Deferred[str]] = [
            stage.db.run(accept, a_call(f"{prefix}-{n}-{i}")) for i in range(AT_ONCE)
        ]
        for job in jobs:
            job.addCallback(report)
        stage.wait_all(jobs)


if __name__ == "__main__":
    main(*sys.argv[1:])
