"""A call's recording, from the first captured sample to the file at its final place, across crashes.

A recording has a directory of its own while it is made. `begin` puts the journal `capture.json` there and
names the two files the leg recorders write into; `finish` merges them into the target, or drops them with a
reason; `recover` does, at the next start, what a killed process could not. In every order of kills the
target is absent or whole, never in between:

    journal without outcome  the captures are the truth; finishing it again makes the same file again
    journal with outcome     the target (or the reason for its absence) is the truth; the captures are deleted
    no directory             the caller has taken note of the outcome (`forget`)

So the recording is made once, and its outcome is reported until the caller says that it is stored (in the
CDR). One process at a time works on a directory. No clock: `started_at` comes from the caller. The audio is
in `media.merge`.
"""

import json
import os
from collections.abc import Container, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from media import wav
from media.errors import MediaError, MediaFileError
from media.merge import Capture, Layout, align, end_samples, merge, sync_directory
from media.types import SAMPLE_RATE_HZ

JOURNAL = "capture.json"
MIN_TALK_MS = 3000
"""A call of less than 3 s has no recording (FAQ of the voice call service, section 10.8)."""

_VERSION = 1
_LEG_FILES = ("leg-a.wav", "leg-b.wav")
_HEADER_BYTES = 58  # the longest a recorder writes; a capture killed before its first flush is shorter


@dataclass(frozen=True)
class CapturePlan:
    """What is to be recorded, and where it shall go.

    Raises:
        ValueError: a negative length or offset, or a `started_at` without a time zone.
    """

    session: str
    directory: Path
    """The recording's own directory; `begin` creates it, `forget` removes it."""

    target: Path
    """The finished file; its directory must exist. `keep_legs` adds `<stem>-a.wav` and `<stem>-b.wav`."""

    started_at: datetime
    min_ms: int = MIN_TALK_MS
    layout: Layout = Layout.MONO
    keep_legs: bool = False
    offset_a_samples: int = 0
    """Where leg A's capture begins on the recording's clock; `finish` may know it better than `begin` did."""

    offset_b_samples: int = 0

    def __post_init__(self) -> None:
        if min(self.min_ms, self.offset_a_samples, self.offset_b_samples) < 0:
            raise ValueError(f"recording of {self.session}: lengths and offsets are not negative")
        if self.started_at.tzinfo is None:
            raise ValueError(f"recording of {self.session}: started_at needs a time zone")


@dataclass(frozen=True)
class CapturePaths:
    """The files the two legs' recorders write, A-law WAV at 8000 Hz; they do not exist yet."""

    leg_a: Path
    leg_b: Path


@dataclass(frozen=True)
class RecordingResult:
    """How a recording ended. `path` is None when there is no file; then `reason` says why.

    `reason` may also qualify a file that exists (a leg without capture); it is empty when all is well.
    """

    path: Path | None
    reason: str
    duration_s: float


@dataclass(frozen=True)
class RecoveredRecording:
    """One recording found by `recover`. `started_at` is None when the journal cannot be read.

    Not `settled`: it could not be finished now (the reason says why), its captures are kept for the next
    attempt.
    """

    session: str
    directory: Path
    started_at: datetime | None
    result: RecordingResult
    settled: bool


def begin(plan: CapturePlan, *, durable: bool = True) -> CapturePaths:
    """Prepare a recording: the directory and its journal are on disk when this returns.

    Args:
        durable: False leaves that to `make_durable`. A kill loses nothing even so, the loss of power may.

    Raises:
        MediaFileError: the directory cannot be written, already holds a recording, or the target exists.
    """
    directory = plan.directory.absolute()
    if (directory / JOURNAL).exists():
        raise MediaFileError(f"{directory}: already holds a recording")
    if plan.target.exists():
        raise MediaFileError(f"{plan.target}: exists; a recording does not replace another one")
    if not os.access(plan.target.absolute().parent, os.W_OK | os.X_OK):
        # Better told before the call than after it, when the only copy of the talk is at stake.
        raise MediaFileError(f"{plan.target}: its directory does not exist or cannot be written")
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if durable:
            sync_directory(directory.parent)
    except OSError as error:
        raise MediaFileError(f"{directory}: cannot prepare the recording: {error.strerror}") from error
    _save(plan, None, durable=durable)
    leg_a, leg_b = (directory / name for name in _LEG_FILES)
    return CapturePaths(leg_a, leg_b)


def make_durable(plan: CapturePlan) -> None:
    """Wait until what `begin` made is on disk; nothing to do when it is forgotten already.

    Raises:
        MediaFileError: the disk says no; the recording goes on.
    """
    directory = plan.directory.absolute()
    try:
        with (directory / JOURNAL).open("rb") as journal:
            os.fsync(journal.fileno())
        sync_directory(directory)
        sync_directory(directory.parent)
    except FileNotFoundError:
        return
    except OSError as error:
        raise MediaFileError(f"{directory}: cannot be made durable: {error.strerror}") from error


def finish(plan: CapturePlan) -> RecordingResult:
    """Make the recording of captures that are complete: call it once both recorders are closed.

    Called again it returns the same result and does nothing. The plan may differ from that of `begin`
    (offsets).

    Returns:
        The file and its length; or no file, when nothing was captured or less than `min_ms`, with the reason.

    Raises:
        MediaFileError: no journal, or a full disk or the like; the captures stay, for another `finish` or
            `recover`.
        MediaFormatError: a capture is not what a recorder writes; the captures stay.
    """
    directory = plan.directory.absolute()
    outcome = _load(directory)[1]
    if outcome is None:
        outcome = _make(plan)
        _save(plan, outcome)
    _delete_captures(directory)
    return outcome


def discard(plan: CapturePlan, reason: str) -> RecordingResult:
    """End a recording without a file and keep the reason; of a settled one only the result is returned.

    Raises:
        MediaFileError: no journal, or it cannot be written.
    """
    directory = plan.directory.absolute()
    outcome = _load(directory)[1]
    if outcome is None:
        outcome = RecordingResult(None, reason, 0.0)
        _save(plan, outcome)
    _delete_captures(directory)
    return outcome


def forget(directory: Path) -> None:
    """Remove a settled recording's directory: its outcome is stored elsewhere now. The target stays.

    Nothing happens when the directory is already gone.

    Raises:
        MediaFileError: the recording is not settled, or its journal cannot be read or removed.
    """
    directory = directory.absolute()
    if not directory.exists():
        return
    if (directory / JOURNAL).exists():
        if _load(directory)[1] is None:
            raise MediaFileError(f"{directory}: the recording is not settled yet")
        _delete_captures(directory)
    try:
        (directory / f"{JOURNAL}.part").unlink(missing_ok=True)
        (directory / JOURNAL).unlink(missing_ok=True)
        directory.rmdir()
    except OSError as error:
        raise MediaFileError(f"{directory}: cannot remove the capture directory: {error.strerror}") from error


def recover(root: Path, skip: Container[str] = ()) -> list[RecoveredRecording]:
    """Finish every recording that a killed process left under a root, and report those not yet forgotten.

    One bad recording does not stop the others. Calling it again, also after a kill in its middle, gives the
    same list.

    Args:
        root: directory whose sub-directories are capture directories; need not exist.
        skip: sessions that are being captured right now.

    Returns:
        One entry a capture directory, sorted by its name. Store them, then `forget` each settled one.

    Raises:
        MediaFileError: the root cannot be listed.
    """
    try:
        directories = sorted(path for path in root.iterdir() if path.is_dir()) if root.exists() else []
    except OSError as error:
        raise MediaFileError(f"{root}: cannot list the captures: {error.strerror}") from error
    found = []
    for directory in directories:
        if not (directory / JOURNAL).exists():
            continue  # killed inside `begin`: no recorder had started yet, nothing is lost
        try:
            plan, outcome = _load(directory)
        except MediaFileError as error:
            result = RecordingResult(None, str(error), 0.0)
            found.append(RecoveredRecording(directory.name, directory, None, result, settled=False))
            continue
        if plan.session in skip:
            continue
        settled = True
        try:
            outcome = finish(plan)
        except MediaError as error:
            outcome, settled = RecordingResult(None, str(error), 0.0), False
        found.append(RecoveredRecording(plan.session, directory, plan.started_at, outcome, settled))
    return found


def _make(plan: CapturePlan) -> RecordingResult:
    """Turn the captures into the target, or find the reason why not; the journal is not touched."""
    directory = plan.directory.absolute()
    offsets = (plan.offset_a_samples, plan.offset_b_samples)
    leg_a, leg_b = (
        _closed(directory / name, offset) for name, offset in zip(_LEG_FILES, offsets, strict=True)
    )
    ends = [end_samples(leg) for leg in (leg_a, leg_b)]
    silent = [f"leg {name} was not captured" for name, end in zip("AB", ends, strict=True) if end == 0]
    n_samples = max(ends)
    duration_s = n_samples / SAMPLE_RATE_HZ
    if n_samples == 0:
        return RecordingResult(None, "nothing was captured", 0.0)
    if n_samples * 1000 < plan.min_ms * SAMPLE_RATE_HZ:
        return RecordingResult(
            None, f"shorter than {plan.min_ms / 1000:.3f} s: {duration_s:.3f} s", duration_s
        )
    target = plan.target.absolute()
    if plan.keep_legs:
        for leg, name in ((leg_a, "a"), (leg_b, "b")):
            align(leg, n_samples, target.with_stem(f"{target.stem}-{name}"))
    merge(leg_a, leg_b, target, plan.layout)
    return RecordingResult(target, "; ".join(silent), duration_s)


def _closed(path: Path, offset_samples: int) -> Capture:
    """A capture with true header sizes. pjmedia completes them only on close: after a kill they say 0."""
    try:
        if path.stat().st_size < _HEADER_BYTES:
            return Capture(None)
    except FileNotFoundError:
        return Capture(None)
    except OSError as error:
        raise MediaFileError(f"{path}: cannot read the capture: {error.strerror}") from error
    wav.repair(path)
    return Capture(path, offset_samples)


def _delete_captures(directory: Path) -> None:
    # A failure here loses nothing: the outcome is on record, and `recover` and `forget` delete again.
    with suppress(OSError):
        for name in _LEG_FILES:
            (directory / name).unlink(missing_ok=True)


def _save(plan: CapturePlan, outcome: RecordingResult | None, *, durable: bool = True) -> None:
    directory = plan.directory.absolute()
    journal = {
        "version": _VERSION,
        "session": plan.session,
        "started_at": plan.started_at.astimezone(UTC).isoformat(),
        "target": str(plan.target.absolute()),
        "min_ms": plan.min_ms,
        "layout": plan.layout.value,
        "keep_legs": plan.keep_legs,
        "legs": [
            {"file": name, "offset_samples": offset}
            for name, offset in zip(_LEG_FILES, (plan.offset_a_samples, plan.offset_b_samples), strict=True)
        ],
        "outcome": None
        if outcome is None
        else {
            "path": None if outcome.path is None else str(outcome.path),
            "reason": outcome.reason,
            "duration_s": outcome.duration_s,
        },
    }
    part = directory / f"{JOURNAL}.part"
    try:
        with part.open("w", encoding="utf-8") as file:
            json.dump(journal, file, ensure_ascii=False, indent=1)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        part.replace(directory / JOURNAL)
        if durable:
            sync_directory(directory)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise MediaFileError(f"{directory / JOURNAL}: cannot write: {error.strerror}") from error


def _load(directory: Path) -> tuple[CapturePlan, RecordingResult | None]:
    path = directory / JOURNAL
    try:
        journal = json.loads(path.read_text(encoding="utf-8"))
        if journal["version"] != _VERSION:
            raise MediaFileError(f"{path}: journal of version {journal['version']}, {_VERSION} is understood")
        plan = CapturePlan(
            session=journal["session"],
            directory=directory,
            target=Path(journal["target"]),
            started_at=datetime.fromisoformat(journal["started_at"]),
            min_ms=journal["min_ms"],
            layout=Layout(journal["layout"]),
            keep_legs=journal["keep_legs"],
            offset_a_samples=journal["legs"][0]["offset_samples"],
            offset_b_samples=journal["legs"][1]["offset_samples"],
        )
        return plan, _outcome(journal["outcome"])
    except OSError as error:
        raise MediaFileError(f"{path}: cannot read: {error.strerror}") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise MediaFileError(f"{path}: not a capture journal") from error


def _outcome(entry: Mapping[str, object] | None) -> RecordingResult | None:
    if entry is None:
        return None
    path, duration_s = entry["path"], entry["duration_s"]
    if not isinstance(duration_s, int | float):
        raise TypeError("duration_s is not a number")
    return RecordingResult(None if path is None else Path(str(path)), str(entry["reason"]), float(duration_s))
