"""The waveform of a voice file as a picture, made once for each content and kept by its hash.

Drawn without pyplot, whose state is one for all threads.
"""

import io
import os
import threading
from pathlib import Path

import numpy as np

from ivrcore.service.content.files import voice_path
from media import level, wav
from media.errors import MediaFileError
from media.level import FULL_SCALE
from media.types import SAMPLE_RATE_HZ, Pcm16

COLUMNS = 800
"""Of the picture; each shows the lowest and the highest sample of its stretch."""

_drawing = threading.Lock()
"""matplotlib's fonts are one cache for all threads."""


def picture_path(pictures: Path, sha256: str) -> Path:
    """Where the picture of a content is or will be."""
    return voice_path(pictures, sha256).with_suffix(".png")


def picture(voices: Path, pictures: Path, sha256: str) -> Path:
    """The picture of a stored content, drawn if need be; for a thread, the first takes a second.

    Raises:
        MediaFileError: there is no such content, or the disk refuses.
    """
    path = picture_path(pictures, sha256)
    if path.exists():
        return path
    drawn = draw(wav.read_pcm(voice_path(voices, sha256)))
    part = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_bytes(drawn)
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise MediaFileError(f"{path}: {error.strerror}") from error
    return path


def draw(pcm: Pcm16) -> bytes:
    """A PNG of the waveform over its time, with its levels.

    Args:
        pcm: mono samples at 8000 Hz, int16, shape (n_samples,), n_samples > 0; not modified.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg  # half a second, when it is first needed
    from matplotlib.figure import Figure

    with _drawing:
        figure = Figure(figsize=(8.0, 2.4), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        low, high = envelope(pcm, COLUMNS)
        time_s = np.linspace(0.0, pcm.size / SAMPLE_RATE_HZ, low.size)
        axes.fill_between(time_s, low, high, step="mid", color="#4c78a8", linewidth=0.4, edgecolor="#4c78a8")
        axes.set_xlim(0.0, pcm.size / SAMPLE_RATE_HZ)
        axes.set_ylim(-1.0, 1.0)
        axes.set_xlabel("seconds")
        axes.set_ylabel("of full scale")
        axes.set_title(
            f"{pcm.size / SAMPLE_RATE_HZ:.2f} s, {_dbm0(level.active_level_dbm0(pcm))} active, "
            f"{_dbm0(level.peak_dbm0(pcm))} peak",
            loc="left",
            fontsize=9,
        )
        file = io.BytesIO()
        figure.savefig(file, format="png", dpi=100, metadata={"Software": None})
        return file.getvalue()


def envelope(pcm: Pcm16, columns: int) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and highest sample of each of at most `columns` stretches, full scale 1.0."""
    starts = np.unique(np.linspace(0, pcm.size, min(columns, pcm.size), endpoint=False, dtype=np.int64))
    low = np.minimum.reduceat(pcm, starts) / FULL_SCALE
    high = np.maximum.reduceat(pcm, starts) / FULL_SCALE
    return low, high


def _dbm0(value: float) -> str:
    return f"{value:.1f} dBm0" if np.isfinite(value) else "silence"
