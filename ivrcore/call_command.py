"""One call with a live timeline on the terminal: what `ivrcore call`, `notify` and `verify` share."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from rich.console import Console
from twisted.internet.defer import Deferred

from ivrcore.app import Application, Settings
from ivrcore.cdr import CallRecord, Entry, RecordingRecord
from ivrcore.program import AppReactor, run
from ivrcore.request import RequestError
from ivrcore.terminal import lasting, put
from ivrcore.timeline import describe, explain_failure
from media.speech.choice import SpeechSettings
from sip.endpoint import EndpointSettings
from sip.trunk import Srtp, Transport, Trunk

CLOCK_SCALES = (0.001, 1000.0)
"""Beyond these a ring timer of a minute would be shorter than a packet, or longer than half a day."""


@dataclass(frozen=True)
class SessionOptions:
    """What the command line said of the stack and the output."""

    trunk_host: str
    proxy: str
    user: str
    password: str
    codecs: tuple[str, ...]
    bind: str
    sip_port: int
    data_dir: Path
    clock_scale: float
    trace: Path | None
    as_json: bool
    speech: SpeechSettings = field(default_factory=SpeechSettings)
    also_bind: str = ""
    transport: Transport = Transport.UDP
    srtp: Srtp = Srtp.OFF
    tls_authorities: str = ""
    rtp_timeout_s: float = 0.0


Begin: TypeAlias = "Callable[[Application, Callable[[Entry], None]], Deferred[CallRecord]]"
"""Makes the call on a running application, told of every entry of its history."""


def run_session(options: SessionOptions, begin: Begin) -> int:
    """Make one call; 0 when it brought what was ordered, 1 when not, 2 when its record could not be printed.

    Raises:
        RequestError, SipError, MediaError: the options cannot work; nothing was called.
    """
    if not CLOCK_SCALES[0] <= options.clock_scale <= CLOCK_SCALES[1]:  # so written, it refuses nan as well
        raise RequestError(
            f"clock scale {options.clock_scale:g} is not {CLOCK_SCALES[0]:g} to {CLOCK_SCALES[1]:g}"
        )
    settings = Settings(
        data_dir=options.data_dir,
        endpoint=EndpointSettings(
            bind=options.bind,
            also_bind=options.also_bind,
            sip_port=options.sip_port,
            codecs=options.codecs,
            cache_dir=options.data_dir / "cache",
            trace_file=options.trace,
            tcp=options.transport is Transport.TCP,
            tls_port=0 if options.transport is Transport.TLS else None,
            tls_authorities=options.tls_authorities,
            rtp_timeout_s=options.rtp_timeout_s,
        ),
        trunk=Trunk(
            host=options.trunk_host,
            proxy=options.proxy,
            user=options.user,
            password=options.password,
            codecs=options.codecs,
            transport=options.transport,
            srtp=options.srtp,
        ),
        clock_scale=options.clock_scale,
        speech=options.speech,
    )
    # Plain lines for scripts to read: numbers and paths may look like markup, and no line is folded.
    console = Console(file=lasting(sys.stderr), highlight=False, markup=False, emoji=False, soft_wrap=True)
    box: list[Application] = []

    def task(reactor: AppReactor) -> "Deferred[int]":
        application = Application(settings, reactor)
        box.append(application)
        for session, recording in application.recovered:
            console.print(f"finished the recording of an interrupted call, {session}: {_outcome(recording)}")
        printer = TimelinePrinter(console, f"SIP on {application.address}, {application.limits}")
        try:
            calling = begin(application, printer)
        except Exception as error:
            # The stack is up: take it down before the error is told.
            failure = error
            return application.close().addCallback(lambda _: _raise(failure))
        return calling.addCallback(lambda record: application.close().addCallback(lambda _: report(record)))

    def report(record: CallRecord) -> int:
        lost = put(json.dumps(record.as_json(), ensure_ascii=False, indent=2)) if options.as_json else ""
        if record.recording is not None:
            console.print(f"recording: {_outcome(record.recording)}")
        if not record.carried_out:
            console.print(f"ivrcore: call failed: {explain_failure(record)}")
        if lost:
            console.print(f"ivrcore: the record could not be written to standard output: {lost}")
            return 2
        return 0 if record.carried_out else 1

    return run(task, lambda: box[0].stop_calls() if box else None)


def _outcome(recording: RecordingRecord) -> str:
    return str(recording.path) if recording.path is not None else f"none: {recording.reason}"


def _raise(error: Exception) -> int:
    raise error


class TimelinePrinter:
    """Prints a call while it runs: seconds since its start, and what happened."""

    def __init__(self, console: Console, headline: str = "") -> None:
        """`headline` comes before the first entry: a call that is refused prints its reason alone."""
        self._console = console
        self._headline = headline
        self._start_s: float | None = None

    def __call__(self, entry: Entry) -> None:
        """Print one entry of the history."""
        if self._start_s is None:
            self._start_s = entry.at_s
            if self._headline:
                self._console.print(self._headline)
        text = describe(entry)
        if text is not None:
            self._console.print(f"{entry.at_s - self._start_s:8.3f} s  {text}", highlight=False)
