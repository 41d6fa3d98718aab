"""What the admin API is given."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from twisted.internet.defer import Deferred

from ivrcore.service.store.database import Database


@dataclass(frozen=True)
class Places:
    """Directories of the content: audio by hash, pictures by hash, and one for a moment's files."""

    voices: Path
    pictures: Path
    scratch: Path

    @classmethod
    def below(cls, data_dir: Path) -> "Places":
        """Those of a service's data directory."""
        cache = (data_dir / "cache").absolute()
        return cls((data_dir / "voices").absolute(), cache / "waveforms", cache / "scratch")


@dataclass(frozen=True)
class AdminPorts:
    """All that is injected.

    Attributes:
        in_thread: carries a function out in a thread: files, conversions, pictures.
        now: the time, aware and in UTC.
    """

    database: Database
    places: Places
    in_thread: "Callable[[Callable[[], Any]], Deferred[Any]]"
    now: Callable[[], datetime]
