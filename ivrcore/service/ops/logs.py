"""The log: one line a record, as JSON with time, level, session, leg and message, or as text.

Session and leg come with the record (`call_log`). What must not be logged (digits, codes, secrets) is the
caller's to leave out: a filter would only find what looks like one.
"""

import json
import logging
import sys
from collections.abc import MutableMapping
from datetime import UTC, datetime
from typing import Any, TextIO, cast

from twisted.logger import ILogObserver, STDLibLogObserver, globalLogBeginner

from ivrcore.service.sections import LogFormat, OpsSettings

ROOT = "ivrcore"

# Twisted tells at INFO of every port it opens and every connection that ends.
_QUIET = {"twisted": logging.WARNING, "alembic": logging.WARNING, "sqlalchemy": logging.WARNING}


class JsonFormatter(logging.Formatter):
    """One JSON object a line; line breaks of a message are escaped, so nobody can write a line of his own."""

    def format(self, record: logging.LogRecord) -> str:
        """As JSON."""
        entry: dict[str, object] = {
            "time": _time(record),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        for name in ("session", "leg"):
            value = getattr(record, name, None)
            if value:
                entry[name] = str(value)
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        if record.stack_info:
            entry["stack"] = self.formatStack(record.stack_info)
        return json.dumps(entry, ensure_ascii=False)


class TextFormatter(logging.Formatter):
    """For a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        """Time, level, call and message in one line; a traceback below it."""
        call = "/".join(str(part) for name in ("session", "leg") if (part := getattr(record, name, None)))
        message = "".join(_shown(character) for character in record.getMessage())
        line = f"{_time(record)} {record.levelname:<7} {record.name}{f' [{call}]' if call else ''}: {message}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class _CallLog(logging.LoggerAdapter[logging.Logger]):
    def process(
        self, msg: object, kwargs: MutableMapping[str, Any]
    ) -> tuple[object, MutableMapping[str, Any]]:
        kwargs["extra"] = {**(self.extra or {}), **(kwargs.get("extra") or {})}
        return msg, kwargs


def call_log(logger: logging.Logger, session: str, leg: str = "") -> "logging.LoggerAdapter[logging.Logger]":
    """A logger whose lines carry a call, and a leg of it."""
    return _CallLog(logger, {"session": session, "leg": leg})


def start_logging(settings: OpsSettings, stream: TextIO | None = None) -> logging.Handler:
    """Send the log of this process, Twisted's included, to a stream; standard error unless given.

    Called once at the start; what was logged to before is replaced.
    """
    handler = logging.StreamHandler(stream if stream is not None else sys.stderr)
    handler.setFormatter(JsonFormatter() if settings.log_format is LogFormat.JSON else TextFormatter())
    root = logging.getLogger()
    for old in list(root.handlers):
        root.removeHandler(old)
    root.addHandler(handler)
    root.setLevel(settings.log_level)
    for name, level in _QUIET.items():
        logging.getLogger(name).setLevel(max(level, root.level))
    return handler


def bridge_twisted() -> None:
    """Let what Twisted logs, unhandled errors of Deferreds above all, go to the log of this process."""
    observer = cast(ILogObserver, STDLibLogObserver())  # zope's declaration is none for a type checker
    globalLogBeginner.beginLoggingTo([observer], redirectStandardIO=False, discardBuffer=True)


def _time(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _shown(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode()
