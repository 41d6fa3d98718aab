"""One call's recording: two captures while the parties talk, one file afterwards.

Disk work that waits for the disk (fsync, merging) is done in a thread; the reactor's thread only opens
and drops pjmedia's recorders.
"""

import logging
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed

from ivrcore.cdr import RecordingRecord
from media.errors import MediaFileError
from media.recording import (
    CapturePaths,
    CapturePlan,
    RecordingResult,
    begin,
    discard,
    finish,
    forget,
    make_durable,
)
from sip.leg import Leg

Result = TypeVar("Result")

log = logging.getLogger("ivrcore.call")

MOST_PATH_BYTES = 259
"""Of a file that pjmedia's recorder writes: its PJ_MAXPATH of 260 with the end of the string (measured)."""

_LEG_FILE = "leg-a.wav"

MISSING_S = 1.0
"""A capture that is so much shorter than its talk was cut: by a full disk, which pjmedia's recorder does not
tell. What starting and closing a capture costs is a few ticks."""


@dataclass(frozen=True)
class RecordingPlace:
    """Where recordings are made and where they go.

    Attributes:
        captures: one directory a running call, in this process's room (ivrcore.captures).
        finished: the finished files, `<session>.wav`.
    """

    captures: Path
    finished: Path


class Recorder:
    """Makes the recording of one call. `in_thread` runs blocking work (deferToThread)."""

    def __init__(
        self,
        session: str,
        place: RecordingPlace,
        in_thread: "Callable[..., Deferred[object]]",
        utc: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
        name: str = "",
    ) -> None:
        """`name`: of the finished file; "" takes `<session>.wav`."""
        self._in_thread = in_thread
        self._monotonic = monotonic
        self._started_s: float | None = None
        self._plan = CapturePlan(
            session=session,
            directory=place.captures / session,
            target=place.finished / (name or f"{session}.wav"),
            started_at=datetime.fromtimestamp(utc(), UTC),
        )
        self._paths: CapturePaths | None = None
        self._legs: tuple[Leg, Leg] | None = None

    def prepare(self, *, durable: bool = True) -> None:
        """Create the directory and its journal, before the call: blocks for the disk.

        Args:
            durable: False leaves waiting for the disk to `make_durable`, and makes this a matter of a
                fraction of a millisecond.

        Raises:
            MediaFileError: nothing can be recorded there.
        """
        longest = self._plan.directory.absolute() / _LEG_FILE
        if (n_bytes := len(os.fsencode(longest))) > MOST_PATH_BYTES:
            raise MediaFileError(
                f"{longest}: {n_bytes} bytes are more than the {MOST_PATH_BYTES} a recorder takes"
            )
        self._plan.target.parent.mkdir(parents=True, exist_ok=True)
        self._paths = begin(self._plan, durable=durable)

    def make_durable(self) -> "Deferred[None]":
        """Wait for the disk, in a thread, after `prepare`; never fails, for the call goes on."""

        def failed(failure: object) -> None:
            log.warning("%s: %s", self._plan.session, getattr(failure, "value", failure))

        return self._in_thread(make_durable, self._plan).addCallbacks(lambda _: None, failed)

    @property
    def prepared(self) -> bool:
        """Whether there is something to end."""
        return self._paths is not None

    def start(self, a: Leg, b: Leg) -> None:
        """Start both captures in the same tick.

        Raises:
            MediaFileError: a file cannot be created.
        """
        assert self._paths is not None, "prepare() comes first"
        self._legs = (a, b)
        self._started_s = self._monotonic()
        a.start_capture(self._paths.leg_a)
        b.start_capture(self._paths.leg_b)

    def end(self, *, keep: bool, reason: str = "") -> "Deferred[RecordingRecord]":
        """Stop the captures; make the file, or drop it for `reason`. Never fails: a failure is a reason.

        The outcome stays in the journal, for the next start, until `forget`.
        """
        talk_s = 0.0 if self._started_s is None else self._monotonic() - self._started_s
        stopped = (
            succeed(None)
            if self._legs is None
            else gatherResults([maybeDeferred(leg.stop_capture) for leg in self._legs])
        )

        def settle(_: object) -> "Deferred[object]":
            return self._in_thread(self._settle, keep, reason, talk_s)

        def failed(failure: object) -> RecordingRecord:
            text = str(getattr(failure, "value", failure))
            return RecordingRecord(None, text, 0.0)

        return stopped.addCallback(settle).addErrback(failed)  # type: ignore[return-value]

    def forget(self) -> "Deferred[None]":
        """The record is stored: what is left of the making can go. Fires when it is gone; never fails."""

        def leave(_: object) -> None:
            """The next start tries again, and tells of it again."""

        return self._in_thread(forget, self._plan.directory).addCallbacks(lambda _: None, leave)

    def _settle(self, keep: bool, reason: str, talk_s: float) -> RecordingRecord:
        # The flow has timed the talk: what the captures lack of it at a tick's edge is no reason to drop it.
        result = finish(replace(self._plan, min_ms=0)) if keep else discard(self._plan, reason)
        record = record_of(result)
        if record.path is not None and record.duration_s < talk_s - MISSING_S:
            cut = f"captured {record.duration_s:.3f} s of a talk of {talk_s:.3f} s"
            record = replace(record, reason="; ".join(filter(None, (record.reason, cut))))
        return record


def record_of(result: RecordingResult) -> RecordingRecord:
    """The result of media.recording in the words of a call's record."""
    return RecordingRecord(result.path, result.reason, result.duration_s)
