"""A program: many callbacks one after the other in one process, and what the process holds after each.

    python -m tests.e2e.callback.many_calls '{"a": URI, "b": URI, "data": DIR, "prompt": FILE, "calls": 200}'

Prints a line of JSON a call: its stateCode, open descriptors, threads, resident memory.
"""

import gc
import json
import os
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred, inlineCallbacks

from ivrcore.app import Application, Settings
from ivrcore.program import AppReactor, run
from ivrcore.request import CallbackRequest
from ivrcore.sounds import PromptFiles
from sip.endpoint import EndpointSettings

PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")


def held() -> dict[str, int]:
    """Descriptors, threads and bytes of this process."""
    gc.collect()
    resident_pages = int(Path("/proc/self/statm").read_text().split()[1])
    return {
        "descriptors": len(os.listdir("/proc/self/fd")),  # noqa: PTH208  # a Path would open one more
        "threads": len(list(Path("/proc/self/task").iterdir())),
        "resident_bytes": resident_pages * PAGE_BYTES,
    }


@inlineCallbacks
def make_calls(reactor: AppReactor, job: dict[str, Any]) -> "Generator[Deferred[Any], Any, int]":
    """One call after the other, with prompts and a recording that is too short to be kept."""
    data = Path(job["data"])
    application = Application(
        Settings(data_dir=data, endpoint=EndpointSettings(cache_dir=data / "cache")), reactor
    )
    request = CallbackRequest(
        caller=job["a"],
        callee=job["b"],
        display_caller="1000",
        display_callee="1000",
        play_pre_voice=True,
        wait_voice=True,
        record=True,
        record_hint=True,
    )
    prompt = Path(job["prompt"])
    files = PromptFiles(pre_voice=prompt, wait_voice=prompt, record_hint=prompt)
    for _ in range(job["calls"]):
        record = yield application.call(request, files)
        facts = {"stateCode": int(record.verdict.state_code), "talked": record.connected, **held()}
        print(json.dumps(facts), flush=True)  # noqa: T201
    yield application.close()
    return 0


if __name__ == "__main__":
    the_job = json.loads(sys.argv[1])
    sys.exit(run(lambda reactor: make_calls(reactor, the_job), lambda: None))
