"""The call at a glance: what each party heard as a waveform, with every stretch and moment marked."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib
import numpy as np

from media.fingerprint import Heard
from media.types import SAMPLE_RATE_HZ, Pcm16

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # the backend is chosen first
from matplotlib.axes import Axes

COLOURS = {
    "preVoice": "#4c78a8",
    "waitVoice": "#72b7b2",
    "ringback": "#eeca3b",
    "recordHintTone": "#b279a2",
    "lastMinVoice": "#e45756",
    "talk of A": "#54a24b",
    "talk of B": "#f58518",
    "element 1": "#4c78a8",
    "element 2": "#54a24b",
}

LETTER_SHARE = 0.0055
"""Width of a letter of a label, as a share of the time axis."""


@dataclass(frozen=True)
class Track:
    """One panel: audio that starts at a moment of the call, and what is in it."""

    title: str
    pcm: Pcm16
    starts_s: float
    stretches: Sequence[Heard]


def draw(path: Path, tracks: Sequence[Track], moments: Sequence[tuple[float, str]], title: str) -> None:
    """Write the picture.

    Args:
        moments: (seconds, label), marked through all panels.

    Raises:
        OSError: the file cannot be written.
    """
    figure, axes = plt.subplots(
        len(tracks), 1, sharex=True, figsize=(15, 2.6 * len(tracks) + 1.4), squeeze=False
    )
    panels = [row[0] for row in axes]
    ends_s = max(track.starts_s + track.pcm.size / SAMPLE_RATE_HZ for track in tracks)
    margin_s = ends_s / 60
    letter_s = (ends_s + 3 * margin_s) * LETTER_SHARE
    for panel, track in zip(panels, tracks, strict=True):
        _panel(panel, track, letter_s)
    panels[-1].set_xlim(-margin_s, ends_s + 2 * margin_s)
    panels[-1].set_xlabel("seconds since the first INVITE")
    _moments(panels, moments, letter_s)
    figure.suptitle(title, x=0.01, ha="left", fontsize=12)
    figure.tight_layout(rect=(0, 0, 1, 0.98))
    figure.savefig(path, dpi=110)
    plt.close(figure)


def _panel(panel: Axes, track: Track, letter_s: float) -> None:
    # An envelope of 10 ms keeps the picture small and every burst visible.
    step = SAMPLE_RATE_HZ // 100
    whole = track.pcm[: track.pcm.size // step * step].reshape(-1, step).astype(np.int32)
    times_s = track.starts_s + (np.arange(whole.shape[0]) + 0.5) / 100
    panel.fill_between(times_s, whole.min(axis=1), whole.max(axis=1), color="#444444", linewidth=0)
    panel.set_ylim(-34000, 34000)
    panel.set_yticks([])
    panel.set_title(track.title, loc="left", fontsize=10)
    rows: list[float] = []
    for stretch in sorted(track.stretches, key=lambda s: s.start_s):
        colour = COLOURS.get(stretch.name, "#9d9d9d")
        panel.axvspan(stretch.start_s, stretch.end_s, color=colour, alpha=0.28, linewidth=0)
        # Labels that would overlap go one row down.
        row = next((i for i, free_s in enumerate(rows) if stretch.start_s >= free_s), len(rows))
        label = stretch.name + (f" {stretch.level_db:+.0f} dB" if abs(stretch.level_db) >= 6 else "")
        needs_s = stretch.start_s + letter_s * len(label)
        rows[row : row + 1] = [needs_s]
        panel.text(
            stretch.start_s + 0.05,
            30500 - 8200 * (row % 8),
            label,
            fontsize=8,
            va="top",
            bbox={"facecolor": "white", "edgecolor": colour, "pad": 1.2, "alpha": 0.9},
        )


def _moments(panels: Sequence[Axes], moments: Sequence[tuple[float, str]], letter_s: float) -> None:
    last_s = [-9.0, -9.0, -9.0]
    for at_s, label in sorted(moments):
        for panel in panels:
            panel.axvline(at_s, color="#222222", linewidth=0.8, linestyle=":")
        row = next((i for i, before_s in enumerate(last_s) if at_s - before_s > letter_s * len(label)), 0)
        last_s[row] = at_s
        panels[0].annotate(
            label,
            (at_s, 1.0),
            xycoords=("data", "axes fraction"),
            xytext=(0, 20 + 11 * row),
            textcoords="offset points",
            ha="center",
            fontsize=8,
        )
