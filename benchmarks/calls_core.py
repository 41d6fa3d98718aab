"""A program, the core under load in benchmarks/bench_calls.py: many calls of one kind in one process.

    python -m benchmarks.calls_core \\
        '{"kind": "record" | "prompt", "a": URI, "b": URI, "data": DIR, "prompt": WAV,
          "every_s": S, "rtp_ports": [FIRST, LAST]}'

Prints a line of JSON when it is ready. A number on a line of its standard input begins as many more calls,
and another line of JSON says that the last of them was begun; any other line ends all calls. What it costs is
read from outside, as with any program.
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
from ivrcore.request import CallbackRequest, NotificationElement, NotificationRequest
from sip.endpoint import EndpointSettings


def begin(application: Application, job: dict[str, Any]) -> "Deferred[CallRecord]":
    """One call: a recorded callback, or a notification that plays the prompt once."""
    if job["kind"] == "record":
        return application.call(
            CallbackRequest(
                caller=job["a"], callee=job["b"], display_caller="1000", display_callee="1000", record=True
            )
        )
    request = NotificationRequest(callee=job["a"], display="1000", elements=(NotificationElement(),))
    return application.notify(request, (Path(job["prompt"]),))


@inlineCallbacks
def make_calls(reactor: AppReactor, job: dict[str, Any]) -> "Generator[Deferred[Any], Any, int]":
    """Make them at an even pace, and end them when told to."""
    data = Path(job["data"])
    first, last = job["rtp_ports"]
    endpoint = EndpointSettings(cache_dir=data / "cache", rtp_first_port=first, rtp_last_port=last)
    application = Application(Settings(data_dir=data, endpoint=endpoint), reactor)
    tell({"limits": str(application.limits), "legs": application.limits.calls})
    calls: list[Deferred[CallRecord]] = []
    while (line := (yield told_so(reactor)).strip()).isdigit():
        began_s = reactor.seconds()
        for number in range(int(line)):
            pause: Deferred[None] = Deferred()
            reactor.callLater(
                max(0.0, began_s + number * job["every_s"] - reactor.seconds()), pause.callback, None
            )
            yield pause
            calls.append(begin(application, job))
        tell({"begun": len(calls)})
    application.stop_calls()
    records: list[CallRecord] = yield gatherResults(calls)
    tell({"connected": sum(record.connected for record in records)})
    yield application.close()
    return 0


def told_so(reactor: AppReactor) -> "Deferred[str]":
    """Fires with the next line on standard input."""
    line: Deferred[str] = Deferred()
    reactor.getThreadPool().callInThread(lambda: reactor.callFromThread(line.callback, sys.stdin.readline()))
    return line


def tell(facts: dict[str, Any]) -> None:
    """One line to whoever measures."""
    print(json.dumps(facts), flush=True)


def main() -> int:
    """Read the job from the command line."""
    job = json.loads(sys.argv[1])
    return run(lambda reactor: make_calls(reactor, job), lambda: None)


if __name__ == "__main__":
    sys.exit(main())
