"""One call's recording: two captures while the parties talk, one file afterwards.

Disk work that waits for the disk (fsync, merging) is done in a thread; the reactor's thread only opens
and drops pjmedia's recorders.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred, succeed

from ivrcore.cdr import RecordingRecord
from media.errors import MediaError
from media.recording import (
    CapturePaths,
    CapturePlan,
    RecordingResult,
    begin,
    discard,
    finish,
    forget,
)
from sip.leg import Leg

Result = TypeVar("Result")

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
    ) -> None:
        self._in_thread = in_thread
        self._monotonic = monotonic
        self._started_s: float | None = None
        self._plan = CapturePlan(
            session=session,
            directory=place.captures / session,
            target=place.finished / f"{session}.wav",
            started_at=datetime.fromtimestamp(utc(), UTC),
        )
        self._paths: CapturePaths | None = None
        self._legs: tuple[Leg, Leg] | None = None

    def prepare(self) -> None:
        """Create the directory and its journal, before the call: blocks for one fsync.

        Raises:
            MediaFileError: nothing can be recorded there.
        """
        self._plan.target.parent.mkdir(parents=True, exist_ok=True)
        self._paths = begin(self._plan)

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
        """Stop the captures; make the file, or drop it for `reason`. Never fails: a failure is a reason."""
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

    def _settle(self, keep: bool, reason: str, talk_s: float) -> RecordingRecord:
        # The flow has timed the talk: what the captures lack of it at a tick's edge is no reason to drop it.
        result = finish(replace(self._plan, min_ms=0)) if keep else discard(self._plan, reason)
        with suppress(MediaError):  # settled all the same; the next start tries again, and tells of it again
            forget(self._plan.directory)
        record = record_of(result)
        if record.path is not None and record.duration_s < talk_s - MISSING_S:
            cut = f"captured {record.duration_s:.3f} s of a talk of {talk_s:.3f} s"
            record = replace(record, reason="; ".join(filter(None, (record.reason, cut))))
        return record


def record_of(result: RecordingResult) -> RecordingRecord:
    """The result of media.recording in the words of a call's record."""
    return RecordingRecord(result.path, result.reason, result.duration_s)
