"""A softphone as a child process, seen from the reactor."""

import json
import sys
from pathlib import Path
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure

from sip.errors import SipError
from sip.softphone import Script


class Phone(ProcessProtocol):
    """Runs `sip.softphone`; keeps what it reports."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.reports: list[dict[str, Any]] = []
        self.address: Deferred[str] = Deferred()
        self._ended: Deferred[None] = Deferred()
        self._line = b""
        self._complaint = b""
        self._alive = True

    def spawn(self, reactor: Any, script: Script, cache: Path, trace: Path | None) -> "Deferred[str]":
        """Start the process; fires with the `host:port` it answers on.

        Raises (by the Deferred):
            SipError: the softphone ended before it was ready; the text is its own.
        """
        arguments = [
            sys.executable,
            "-m",
            "sip.softphone",
            "--script",
            script.to_json(),
            "--cache",
            str(cache),
        ]
        if trace is not None:
            arguments += ["--trace", str(trace)]
        reactor.spawnProcess(self, sys.executable, arguments, env=None)
        return self.address

    def close(self) -> "Deferred[None]":
        """Close its standard input, which ends it; fires when it is gone."""
        if self._alive and self.transport is not None:
            # IProcessTransport is a zope interface, which mypy does not take for a type.
            cast(Any, self.transport).closeStdin()
        return self._ended

    def at(self, event: str) -> float | None:
        """When the phone first reported an event, in monotonic seconds."""
        return next((float(report["at_s"]) for report in self.reports if report["event"] == event), None)

    def report(self, event: str) -> dict[str, Any]:
        """The first report of that kind, empty without one."""
        return next((report for report in self.reports if report["event"] == event), {})

    # -- twisted ------------------------------------------------------------------------------------------

    def outReceived(self, data: bytes) -> None:  # noqa: N802
        """Lines of JSON."""
        *lines, self._line = (self._line + data).split(b"\n")
        for line in lines:
            report = json.loads(line)
            self.reports.append(report)
            if report["event"] == "ready":
                self.address.callback(report["address"])

    def errReceived(self, data: bytes) -> None:  # noqa: N802
        """What it complains about."""
        self._complaint += data

    def processEnded(self, reason: Failure) -> None:  # noqa: ARG002, N802
        """It is gone."""
        self._alive = False
        if not self.address.called:
            text = self._complaint.decode(errors="replace").strip().splitlines() or ["no word"]
            self.address.errback(SipError(f"softphone {self.name} did not start: {text[-1]}"))
        self._ended.callback(None)
