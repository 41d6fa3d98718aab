"""What is too old goes: recordings after 7 days (FAQ 8.1), call details after 2 months (9.10), and the
memory of idempotency keys, nonces and login tokens when it has no more use. So does what a kill left of voice
files.

A push that still waits stays, and so does a CDR that was written for hand-over, until it was delivered and is
as old as call details may be.
"""

import calendar
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection
from twisted.internet.defer import Deferred, succeed

from ivrcore.service.admin.ports import Places
from ivrcore.service.content.orphans import sweep_orphans
from ivrcore.service.model import Recording
from ivrcore.service.notify.spool import DONE
from ivrcore.service.ops.offline import offline_store
from ivrcore.service.settings import ServiceSettings
from ivrcore.service.store import accounts, idempotency, nonces, recordings, tokens
from ivrcore.service.store.database import Database
from ivrcore.service.store.retention import delete_details_before

log = logging.getLogger("ivrcore.service.retention")

IDEMPOTENCY_KEPT = timedelta(hours=24)
DETAILS_BATCH = 500


@dataclass(frozen=True)
class Limits:
    """What was made before these moments goes."""

    recordings: datetime
    details: datetime
    answers: datetime
    nonces: datetime


@dataclass(frozen=True)
class Swept:
    """How much went."""

    recordings: int = 0
    calls: int = 0
    answers: int = 0
    nonces: int = 0
    tokens: int = 0
    files: int = 0
    orphans: int = 0


def limits(settings: ServiceSettings, now: datetime) -> Limits:
    """The moments for a sweep at `now`."""
    return Limits(
        recordings=now - timedelta(days=settings.retention.recordings_days),
        details=months_before(now, settings.retention.details_months),
        answers=now - IDEMPOTENCY_KEPT,
        nonces=now - timedelta(seconds=settings.api_settings().nonce_life_s),
    )


def months_before(moment: datetime, months: int) -> datetime:
    """The same day and time of an earlier month, or that month's last day."""
    count = moment.year * 12 + moment.month - 1 - months
    year, month = divmod(count, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return moment.replace(year=year, month=month + 1, day=min(moment.day, last))


class Sweeper:
    """Sweeps when it is told to; a LoopingCall tells it every `retention.sweep_interval_s`."""

    def __init__(self, database: Database, settings: ServiceSettings, now: Callable[[], datetime]) -> None:
        """`now`: the time, aware and in UTC."""
        self._database = database
        self._settings = settings
        self._now = now
        self._busy = False

    def sweep(self) -> "Deferred[Swept]":
        """Remove everything that is too old. A second sweep while one is under way does nothing.

        Errback: StoreError; what is left goes with the next sweep.
        """
        if self._busy:
            return succeed(Swept())
        self._busy = True
        return Deferred.fromCoroutine(self._sweep())

    async def _sweep(self) -> Swept:
        try:
            too_old = limits(self._settings, self._now())
            swept = Swept(
                recordings=await self._sweep_recordings(too_old.recordings),
                calls=await self._sweep_details(too_old.details),
                answers=await self._database.run(idempotency.sweep, too_old.answers),
                nonces=await self._database.run(nonces.sweep, too_old.nonces),
                tokens=await self._database.run(tokens.sweep, self._now()),
                files=discard_delivered(self._settings.cdr_spool_dir / DONE, too_old.details),
                orphans=await self._sweep_orphans(),
            )
        finally:
            self._busy = False
        if swept != Swept():
            log.info("swept %d recordings, %d calls", swept.recordings, swept.calls)
        return swept

    async def _sweep_recordings(self, before: datetime) -> int:
        """Files first: a row without its file is met again, a file without its row never."""
        batch = self._settings.retention.sweep_batch
        n_swept = 0
        while True:
            gone = await self._database.read(discard_files, before, batch)
            if not gone:
                return n_swept
            await self._database.run(_forget, gone)
            n_swept += len(gone)

    async def _sweep_orphans(self) -> int:
        places = Places.below(self._settings.data_dir)
        return await sweep_orphans(
            self._database, places.voices, places.pictures, places.scratch, self._now()
        )

    async def _sweep_details(self, before: datetime) -> int:
        """In parts, so that a request's transaction does not wait for the whole."""
        n_swept = 0
        while True:
            n_deleted = await self._database.run(delete_details_before, before, DETAILS_BATCH)
            n_swept += n_deleted
            if n_deleted < DETAILS_BATCH:
                return n_swept


def discard_files(connection: Connection, before: datetime, limit: int) -> list[str]:
    """Delete the files of old recordings, in the store's thread, as the disk may take its time.

    May be run twice: a file that is gone already counts as deleted.

    Returns:
        Names of the recordings without a file now. One that cannot be deleted stays, and is logged.
    """
    gone = []
    for recording in recordings.older_than(connection, before, limit):
        try:
            Path(recording.path).unlink(missing_ok=True)
        except OSError as error:
            log.error("recording %s stays: %s", recording.name, error.strerror)
        else:
            gone.append(recording.name)
    return gone


def discard_delivered(directory: Path, before: datetime) -> int:
    """Delete the files of spooled CDRs that have been delivered and were last touched before a moment.

    Returns:
        How many. One that cannot be deleted stays, and is logged.
    """
    n_gone = 0
    for path in sorted(directory.glob("*")):
        try:
            if path.stat().st_mtime < before.timestamp():
                path.unlink()
                n_gone += 1
        except OSError as error:
            log.error("%s stays: %s", path.name, error.strerror)
    return n_gone


def _forget(connection: Connection, names: list[str]) -> None:
    for name in names:
        recordings.remove(connection, name)


def run_recordings(settings: ServiceSettings, day: str, *, owner: str = "") -> str:
    """`ivrcore recordings --day YYYY-MM-DD`: a UTC day's recordings, for a download at night.

    Args:
        owner: an app_key; "" for all applications.

    Returns:
        A line for each: name, app_key, session, bytes, seconds and path, with tabs between.

    Raises:
        ValueError: that is no day.
        StoreError: the store cannot be read.
    """
    try:
        which = date.fromisoformat(day)
    except ValueError:
        raise ValueError(f"{day!r} is no day, must be YYYY-MM-DD") from None
    with offline_store(settings) as database:
        found = database.run_now(_of_day, which, owner)
    return "".join(_line(recording) for recording in found)


def _of_day(connection: Connection, day: date, owner: str) -> list[Recording]:
    owners: list[str | int] = [owner] if owner else [one.id for one in accounts.accounts(connection)]
    return [found for one in owners for found in recordings.on_day(connection, one, day)]


def _line(recording: Recording) -> str:
    cells = (
        recording.name,
        recording.app_key,
        recording.session,
        str(recording.n_bytes),
        f"{recording.duration_s:.3f}",
        recording.path,
    )
    return "\t".join(cells) + "\n"
