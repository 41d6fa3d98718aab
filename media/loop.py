"""Loops without a seam.

pjmedia's file player leaves a hole of one frame (20 ms) each time it returns to the start of a file, and
a hold music with a click every few seconds is no reference. So a loop is played from a file that holds
it many times over, laid end to end to the sample. The hole is still there, once in every `span_s`.
"""

import hashlib
import math
from pathlib import Path

import numpy as np

from media.errors import MediaFormatError
from media.rendered import rendered_once
from media.types import SAMPLE_RATE_HZ, Pcm16
from media.wav import read_pcm, write_alaw

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
    pcm = read_pcm(path)
    digest = hashlib.sha256(pcm.tobytes() + repr(span_s).encode()).hexdigest()[:32]
    # Several processes share a cache, and begin at the same moment.
    return rendered_once(cache_dir / f"loop-{digest}.wav", lambda to: write_alaw(to, unroll(pcm, span_s)))
