"""The log: one line a record, JSON or text, with the call it is about."""

import io
import json
import logging
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from ivrcore.service.ops.logs import JsonFormatter, TextFormatter, call_log, start_logging
from ivrcore.service.sections import LogFormat, OpsSettings

MOMENT = 1772352930.1234  # 2026-03-01T08:15:30.123Z

log = logging.getLogger("ivrcore.test_logs")


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    """What start_logging writes to; the root logger is put back afterwards."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    quiet = {name: logging.getLogger(name).level for name in ("twisted", "alembic", "sqlalchemy")}
    yield io.StringIO()
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, before in quiet.items():
        logging.getLogger(name).setLevel(before)


def started(stream: io.StringIO, **settings: Any) -> io.StringIO:
    start_logging(OpsSettings(**settings), stream)
    return stream


def entries(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def record(message: str, *args: object, **extra: object) -> logging.LogRecord:
    made = logging.LogRecord("ivrcore.x", logging.WARNING, "f", 1, message, args, None)
    made.created = MOMENT
    vars(made).update(extra)
    return made


def test_json_line_has_time_level_logger_and_message() -> None:
    assert json.loads(JsonFormatter().format(record("%d calls", 3))) == {
        "time": "2026-03-01T08:15:30.123Z",
        "level": "WARNING",
        "logger": "ivrcore.x",
        "message": "3 calls",
    }


def test_json_line_has_session_and_leg_of_its_call(stream: io.StringIO) -> None:
    started(stream)
    call_log(log, "1201_31@host", "A").info("answered after %d ms", 20)
    call_log(log, "1201_31@host").info("ended")
    first, second = entries(stream)
    assert (first["session"], first["leg"], first["message"]) == ("1201_31@host", "A", "answered after 20 ms")
    assert second["session"] == "1201_31@host"
    assert "leg" not in second


def test_further_fields_of_a_line_do_not_lose_the_call(stream: io.StringIO) -> None:
    started(stream)
    call_log(log, "s").info("x", extra={"leg": "B"})
    (entry,) = entries(stream)
    assert (entry["session"], entry["leg"]) == ("s", "B")


def test_nobody_writes_a_line_of_his_own() -> None:
    """What a client sent may stand in a message."""
    evil = 'x"}\n{"level": "ERROR", "message": "forged'
    for formatter in (JsonFormatter(), TextFormatter()):
        assert "\n" not in formatter.format(record("%s", evil))
    assert json.loads(JsonFormatter().format(record("%s", evil)))["message"] == evil


def test_text_line_shows_no_control_characters() -> None:
    line = TextFormatter().format(record("\x1b[31mred\r\n电话", session="s", leg="A"))
    assert line == r"2026-03-01T08:15:30.123Z WARNING ivrcore.x [s/A]: \x1b[31mred\r\n电话"


def test_text_line_without_a_call_has_no_brackets() -> None:
    assert TextFormatter().format(record("hello")) == "2026-03-01T08:15:30.123Z WARNING ivrcore.x: hello"


def test_traceback_is_in_the_line_of_its_error(stream: io.StringIO) -> None:
    started(stream)
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("it failed")
    (entry,) = entries(stream)
    assert entry["message"] == "it failed"
    assert entry["traceback"].endswith("ValueError: broken")


def test_traceback_follows_its_line_of_text(stream: io.StringIO) -> None:
    started(stream, log_format=LogFormat.TEXT)
    try:
        raise ValueError("broken")
    except ValueError:
        log.exception("it failed")
    lines = stream.getvalue().splitlines()
    assert lines[0].endswith("ERROR   ivrcore.test_logs: it failed")
    assert lines[-1] == "ValueError: broken"


def test_level_decides_what_is_written(stream: io.StringIO) -> None:
    started(stream, log_level="WARNING")
    log.info("left out")
    log.warning("written")
    assert [entry["message"] for entry in entries(stream)] == ["written"]


def test_libraries_are_quiet_at_info(stream: io.StringIO) -> None:
    started(stream)
    logging.getLogger("twisted").info("Site starting on 8080")
    logging.getLogger("alembic.runtime").info("Context impl SQLiteImpl")
    logging.getLogger("twisted").error("Unhandled error in Deferred")
    assert [entry["message"] for entry in entries(stream)] == ["Unhandled error in Deferred"]


def test_starting_twice_writes_each_line_once(stream: io.StringIO) -> None:
    started(stream)
    started(stream)
    log.info("once")
    assert len(entries(stream)) == 1


def test_unhandled_errors_of_twisted_reach_the_log() -> None:
    """In a process of its own: Twisted's log is begun once in a process."""
    program = """
import gc
from twisted.internet.defer import fail
from ivrcore.service.ops.logs import bridge_twisted, start_logging
from ivrcore.service.sections import OpsSettings
start_logging(OpsSettings())
bridge_twisted()
fail(ValueError("nobody saw me"))
gc.collect()
print("printed, not logged")
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "printed, not logged\n"
    logged = [json.loads(line) for line in done.stderr.splitlines()]
    assert all(entry["logger"] == "twisted" for entry in logged)
    assert any("nobody saw me" in json.dumps(entry) for entry in logged)
