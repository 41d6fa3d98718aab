"""Loops without a seam.

pjmedia's file player leaves a hole of one frame (20 ms) each time it returns to the start of a file, and
a hold music with a click every few seconds is no reference. So a loop is played from a file that holds
it many times over, laid end to end to the sample. The hole is still there, once in every `span_s`.

Who asks for a loop may have a party waiting for it, so what a file holds is read once and remembered for as
long as the file stays as it is.
"""

import hashlib
import math
from functools import lru_cache
from pathlib import Path

import numpy as np

from media.errors import MediaFormatError
from media.rendered import rendered_once
from media.types import SAMPLE_RATE_HZ, Pcm16
from media.wav import read_pcm, write_alaw

_REMEMBERED = 256
"""Files: a ringback for each country and a waiting music for each customer, and then some."""

DEFAULT_SPAN_S = 180.0
"""Three ring timers of 60 s: no caller waits longer, and the file stays below 1.5 MB."""


def unroll(pcm: Pcm16, span_s: float = DEFAULT_SPAN_S) -> Pcm16:
    """The loop laid end to end until it lasts at least `span_s`.

    Raises:
        MediaFormatError: no samples.
    """
    if pcm.size == 0:
        raise MediaFormatError("a loop needs at least one sample")
    times = max(1, math.ceil(span_s * SAMPLE_RATE_HZ / pcm.size))
    return np.tile(pcm, times)


def unrolled(path: Path, cache_dir: Path, span_s: float = DEFAULT_SPAN_S) -> Path:
    """A-law file with the unrolled loop of `path`, made on first use and kept in `cache_dir` by content.

    Raises:
        MediaFileError, MediaFormatError: `path` cannot be read, or the cache cannot be written.
    """
    remembered = cache_dir / _remembered_name(path, _state_of(path), span_s)
    if remembered.exists():
        return remembered
    pcm = read_pcm(path)  # now: name and content are of one reading, whoever replaces the file meanwhile
    # Several processes share a cache, and begin at the same moment.
    return rendered_once(cache_dir / _name_of(pcm, span_s), lambda to: write_alaw(to, unroll(pcm, span_s)))


def _name_of(pcm: Pcm16, span_s: float) -> str:
    return f"loop-{hashlib.sha256(pcm.tobytes() + repr(span_s).encode()).hexdigest()[:32]}.wav"


def _state_of(path: Path) -> tuple[int, ...]:
    """What changes whenever the file is written or replaced; empty for one that is not there."""
    try:
        now = path.stat()
    except OSError:
        return ()
    return now.st_dev, now.st_ino, now.st_size, now.st_mtime_ns, now.st_ctime_ns


@lru_cache(maxsize=_REMEMBERED)
def _remembered_name(path: Path, _state: tuple[int, ...], span_s: float) -> str:
    """See _name_of. A failure is not remembered.

    Raises:
        MediaFileError, MediaFormatError: `path` cannot be read.
    """
    return _name_of(read_pcm(path), span_s)
