"""What a kill left of voice files: contents that no voice file names, their pictures, and parts of either.

A content is written before the row that names it is committed, and deleted after the last such row is gone. A
process that is killed between the two leaves a file that nobody would ever look at again.
"""

import logging
import re
import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from ivrcore.service.content.shelf import drop_unused
from ivrcore.service.store import content
from ivrcore.service.store.database import Database

log = logging.getLogger("ivrcore.service.retention")

KEPT = timedelta(hours=1)
"""Younger files are left alone. An upload's transaction takes some ms, and holds its content while it lasts;
an hour is for a clock that is set meanwhile, and for who looks after a crash."""

_CONTENT = re.compile(r"([0-9a-f]{64})\.(wav|png)")


def unnamed(connection: Connection, voices: Path, pictures: Path, before: datetime) -> list[str]:
    """Hashes of contents and pictures from before a moment that no voice file names; only reads.

    None while the store has no voice file at all: it may be another one than these directories belong to.
    """
    if not content.has_voice_files(connection):
        return []
    found = {
        name[1]
        for directory in (voices, pictures)
        for path in _older(directory.glob("??/*"), before)
        if (name := _CONTENT.fullmatch(path.name))
    }
    return sorted(found - content.named_contents(connection, found))


def discard_parts(voices: Path, pictures: Path, scratch: Path, before: datetime) -> int:
    """Delete files from before a moment that were never finished, and an upload's scratch directories.

    Returns:
        How many. One that cannot be deleted stays, and is logged.
    """
    parts = [*voices.glob("??/*.part"), *pictures.glob("??/*.part"), *scratch.glob("voice-*")]
    n_gone = 0
    for path in _older(parts, before):
        try:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
            n_gone += 1
        except OSError as error:
            log.error("%s stays: %s", path, error.strerror)
    return n_gone


async def sweep_orphans(
    database: Database, voices: Path, pictures: Path, scratch: Path, now: datetime
) -> int:
    """Remove all of it that is old enough; how many.

    Whether a content is really unnamed is decided once more while it is held, in a transaction of its own: an
    upload may name it again at this very moment.

    Raises:
        StoreError: the store refused; the rest goes with the next sweep.
    """
    before = now - KEPT

    def look(connection: Connection) -> tuple[int, list[str]]:
        n_parts = discard_parts(voices, pictures, scratch, before)
        return n_parts, unnamed(connection, voices, pictures, before)

    n_gone, hashes = await database.read(look)  # in the store's thread, as the disk may take its time
    for sha256 in hashes:
        n_gone += await database.run(drop_unused, voices, pictures, sha256)
    if hashes:
        log.info("%d contents of voice files that nobody names are gone", len(hashes))
    return n_gone


def _older(paths: Iterable[Path], before: datetime) -> Iterator[Path]:
    for path in paths:
        try:
            old = path.stat().st_mtime < before.timestamp()
        except OSError:
            continue  # just finished, or gone
        if old:
            yield path
