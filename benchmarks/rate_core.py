"""A program, the core of benchmarks/rate.py: one-leg calls at a rate that rises until it is told to stop.

    python -m benchmarks.rate_core \\
        '{"kind": "prompt", "a": URI, "data": DIR, "prompt": WAV, "steps": [[RATE, SECONDS], ...]}'

Prints a line of JSON when it is ready, begins at a line on its standard input and ends at the next one.
"""

import json
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, inlineCallbacks

from benchmarks.calls_core import begin, tell, told_so
from benchmarks.rate_steps import Step, moments_s
from ivrcore.app import Application, Settings
from ivrcore.cdr import CallRecord
from ivrcore.program import AppReactor, run
from sip.endpoint import EndpointSettings


@inlineCallbacks
def make_calls(reactor: AppReactor, job: dict[str, Any]) -> "Generator[Deferred[Any], Any, int]":
    """Make them at their moments, and end them when told to."""
    data = Path(job["data"])
    application = Application(
        Settings(data_dir=data, endpoint=EndpointSettings(cache_dir=data / "cache")), reactor
    )
    tell({"limits": str(application.limits)})
    yield told_so(reactor)
    stopped = told_so(reactor)
    calls: list[Deferred[CallRecord]] = []
    began_s = reactor.seconds()
    for moment_s in moments_s([Step(*step) for step in job["steps"]]):
        pause: Deferred[None] = Deferred()
        reactor.callLater(max(0.0, began_s + moment_s - reactor.seconds()), pause.callback, None)
        yield pause
        if stopped.called:
            break
        calls.append(begin(application, job))
    yield stopped
    application.stop_calls()
    yield gatherResults(calls)
    yield application.close()
    return 0


def main() -> int:
    """Read the job from the command line."""
    job = json.loads(sys.argv[1])
    return run(lambda reactor: make_calls(reactor, job), lambda: None)


if __name__ == "__main__":
    sys.exit(main())
