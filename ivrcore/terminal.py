"""What a command prints, to a terminal or pipe that may go away while a call is up.

A closed pipe (`| head -1`), a hung up terminal or a full disk is no reason to leave two people in a call
nobody steers: what cannot be written is dropped, and the call goes on.
"""

import os
import sys
from contextlib import suppress
from io import TextIOBase
from typing import TextIO, cast


def lasting(stream: TextIO | None) -> TextIO:
    """A text stream that never fails: from the first failure on, nothing is written any more.

    Args:
        stream: what is written to; None, as Python has it for a descriptor that was closed, swallows all.
    """
    return cast(TextIO, _Lasting(stream))  # typeshed knows no way to make one


class _Lasting(TextIOBase):
    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str, /) -> int:
        """Write at once: somebody watches the call."""
        if self._stream is not None:
            try:
                self._stream.write(text)
                self._stream.flush()
            except (OSError, ValueError):  # ValueError: closed on our side
                _give_up(self._stream)
                self._stream = None
        return len(text)

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream is not None and self._stream.isatty()


def put(text: str) -> str:
    """Write lines to standard output; returns why they could not be written, "" when they were."""
    if sys.stdout is None:
        return "it is closed"
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError as error:
        _give_up(sys.stdout)
        return error.strerror or str(error)
    return ""


def _give_up(stream: TextIO) -> None:
    """Let what the stream still holds go to nowhere: else the interpreter fails with it at its end."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
