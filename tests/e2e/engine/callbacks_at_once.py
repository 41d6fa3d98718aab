"""A program: many recorded callbacks at once in one process.

    python -m tests.e2e.engine.callbacks_at_once \\
        '{"a": URI, "b": URI, "data": DIR, "calls": 100, "every_s": 0.05}'

Prints one line of JSON when all are over: how many legs were up at once, and how each call ended.
"""

import json
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks

from ivrcore.app import Application, Settings
from ivrcore.cdr import CallRecord
from ivrcore.program import AppReactor, run
from ivrcore.request import CallbackRequest
from sip.endpoint import EndpointSettings
from sip.pjsua.engine import native_library


@inlineCallbacks
def make_calls(reactor: AppReactor, job: dict[str, Any]) -> "Generator[Deferred[Any], Any, int]":
    """Begin one every so often, wait for all of them."""
    data = Path(job["data"])
    application = Application(
        Settings(data_dir=data, endpoint=EndpointSettings(cache_dir=data / "cache")), reactor
    )
    request = CallbackRequest(
        caller=job["a"], callee=job["b"], display_caller="1000", display_callee="1000", record=True
    )
    legs_at_once = 0
    calls: list[Deferred[CallRecord]] = []
    for _ in range(job["calls"]):
        calls.append(application.call(request))
        legs_at_once = max(legs_at_once, int(native_library().pjsua_call_get_count()))
        pause: Deferred[None] = Deferred()
        reactor.callLater(job["every_s"], pause.callback, None)
        yield pause
    look: Deferred[None] = Deferred()
    reactor.callLater(1.0, look.callback, None)  # the last ones' B legs are up by then
    yield look
    legs_at_once = max(legs_at_once, int(native_library().pjsua_call_get_count()))
    records: list[CallRecord] = yield gatherResults(calls)
    facts = {
        "limits": str(application.limits),
        "legs_at_once": legs_at_once,
        "calls": [
            {
                "stateCode": int(record.verdict.state_code),
                "talked": record.connected,
                "recording": None if record.recording is None else record.as_json()["recording"],
            }
            for record in records
        ],
    }
    print(json.dumps(facts), flush=True)  # noqa: T201
    yield application.close()
    return 0


def main() -> int:
    """Read the job from the command line."""
    job = json.loads(sys.argv[1])
    return run(lambda reactor: make_calls(reactor, job), lambda: None)


if __name__ == "__main__":
    sys.exit(main())
