"""Streams that go away under a command: nothing is raised, and the rest is swallowed."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import TextIO

import pytest
from rich.console import Console

from ivrcore.terminal import lasting, put


def broken_pipe() -> TextIO:
    """The write end of a pipe nobody reads; the caller closes it."""
    reader, writer = os.pipe()
    os.close(reader)
    return os.fdopen(writer, "w")


def test_text_is_written_at_once() -> None:
    target = io.StringIO()
    stream = lasting(target)
    assert stream.write("A rings\n") == 8
    assert target.getvalue() == "A rings\n"


def test_broken_pipe_is_survived_and_the_rest_swallowed() -> None:
    with broken_pipe() as pipe:
        stream = lasting(pipe)
        for _ in range(3):
            assert stream.write("A rings\n") == 8
        assert not stream.isatty()


def test_console_on_a_broken_pipe_does_not_end_the_process() -> None:
    with broken_pipe() as pipe:
        console = Console(file=lasting(pipe))
        console.print("A rings")
        console.print("A answered")


def test_full_disk_is_survived() -> None:
    with Path("/dev/full").open("w") as full:
        stream = lasting(full)
        stream.write("A rings\n")
        stream.write("A answered\n")


def test_stream_that_was_closed_before_swallows_all() -> None:
    stream = lasting(None)
    assert stream.write("A rings\n") == 8
    assert not stream.isatty()


def test_stream_closed_on_our_side_swallows_the_rest() -> None:
    target = io.StringIO()
    stream = lasting(target)
    target.close()
    stream.write("A rings\n")
    stream.write("A answered\n")


def test_put_writes_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert put("{}") == ""
    assert capsys.readouterr().out == "{}\n"


def test_put_tells_that_standard_output_is_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    assert put("{}") == "it is closed"


def test_put_to_a_full_disk_tells_why_and_leaves_the_interpreter_a_clean_end() -> None:
    with Path("/dev/full").open("w") as full:
        finished = subprocess.run(
            [
                sys.executable,
                "-c",
                "import sys; from ivrcore.terminal import put; sys.stderr.write(put('{}'))",
            ],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
            timeout=30,
        )
    assert (finished.returncode, finished.stderr) == (0, "No space left on device")
