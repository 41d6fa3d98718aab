"""A program: one core for many calls at once, ordered line by line in the words of the command line.

    python -m tests.e2e.one_leg.core DATA_DIRECTORY
    lines in    {"call": NAME, "to": URI, "order": ["notify", "--file", "menu.wav", "--collect", "1", ...]}
    lines out   {"event": "ready"}, then for each call {"event": "told", "call": NAME, "line": ...} as the
                terminal would have it, and {"event": "over", "call": NAME, "record": {...}, "status": 0}

A process a call would be as the user has it (tests/e2e/asterisk does that), but its start takes longer than
most of these calls. It ends with its standard input.
"""

import json
import sys
from functools import partial
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.stdio import StandardIO
from twisted.protocols.basic import LineOnlyReceiver

from ivrcore.app import Application, Settings
from ivrcore.cdr import CallRecord, Entry
from ivrcore.cli_elements import parse
from ivrcore.program import AppReactor, run
from ivrcore.request import Language, NotificationRequest, VerificationRequest
from ivrcore.sounds import ToneFiles
from ivrcore.timeline import describe
from sip.endpoint import EndpointSettings

DISPLAY = "+8675528000004"
LANGUAGES = {"zh": Language.CHINESE, "en": Language.ENGLISH}
ELEMENT_OPTIONS = {"--file": "file", "--text": "text", "--collect": "collect", "--replay-on": "replay_on"}


class Orders(LineOnlyReceiver):
    """Orders in, reports out."""

    delimiter = b"\n"

    def __init__(self, application: Application, over: "Deferred[int]") -> None:
        self._application = application
        self._over = over
        say("ready")

    def lineReceived(self, line: bytes) -> None:  # noqa: N802
        """One order."""
        job: dict[str, Any] = json.loads(line)
        began_s: list[float] = []

        def observe(entry: Entry) -> None:
            began_s.append(entry.at_s)
            if (text := describe(entry)) is not None:
                say("told", call=job["call"], line=f"{entry.at_s - began_s[0]:8.3f} s  {text}")

        command, *order = job["order"]
        make = self._notify if command == "notify" else self._verify
        make(job["to"], order, observe).addCallbacks(
            partial(self._finished, job["call"]), lambda failure: failure.printTraceback()
        )

    def _notify(self, to: str, order: list[str], observe: Any) -> "Deferred[CallRecord]":
        pairs = list(zip(order[::2], order[1::2], strict=True))
        elements = parse([(ELEMENT_OPTIONS[name], value) for name, value in pairs if name in ELEMENT_OPTIONS])
        rings_s = int(dict(pairs).get("--ring-timeout", "60"))
        request = NotificationRequest(to, DISPLAY, tuple(one for one, _ in elements), ring_timeout_s=rings_s)
        return self._application.notify(request, [content for _, content in elements], observe)

    def _verify(self, to: str, order: list[str], observe: Any) -> "Deferred[CallRecord]":
        code, *rest = order
        options = dict(zip(rest[::2], rest[1::2], strict=True))
        tones = [Path(options[name]) if name in options else None for name in ("--pre-tone", "--pos-tone")]
        request = VerificationRequest(
            to,
            DISPLAY,
            code,
            language=LANGUAGES[options.get("--language", "zh")],
            has_pre_tone=tones[0] is not None,
            has_pos_tone=tones[1] is not None,
            times=int(options.get("--times", "3")),
        )
        return self._application.verify(request, ToneFiles(*tones), observe)

    def _finished(self, call: str, record: CallRecord) -> None:
        say("over", call=call, record=record.as_json(), status=0 if record.carried_out else 1)

    def connectionLost(self, reason: object = None) -> None:  # noqa: ARG002, N802
        """The test closed the pipe, or died."""
        self._application.close().addCallback(lambda _: self._over.callback(0))


def say(event: str, **facts: object) -> None:
    """One line to the test."""
    sys.stdout.write(json.dumps({"event": event, **facts}) + "\n")
    sys.stdout.flush()


def serve(data: Path, reactor: AppReactor) -> "Deferred[int]":
    """Until standard input ends."""
    over: Deferred[int] = Deferred()
    settings = Settings(data_dir=data, endpoint=EndpointSettings(cache_dir=data / "stack"))
    StandardIO(Orders(Application(settings, reactor), over))  # type: ignore[no-untyped-call]  # twisted
    return over


if __name__ == "__main__":
    sys.exit(run(partial(serve, Path(sys.argv[1])), lambda: None))
