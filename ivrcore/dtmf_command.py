"""`ivrcore dtmf`: which keys are in a recording, from when to when; as lines, as JSON, as a picture.

The keys are what was asked for, so here, and only here, they are shown.
"""

import json
from collections.abc import Sequence
from pathlib import Path

import matplotlib
import numpy as np

from media.convert import load_audio
from media.dtmf import COLUMNS_HZ, ROWS_HZ, DtmfDigit, detect
from media.errors import MediaFileError
from media.types import SAMPLE_RATE_HZ, Pcm16

matplotlib.use("Agg")
from matplotlib import pyplot as plt  # the backend is chosen first


def run_dtmf(file: Path, *, as_json: bool, plot: Path | None) -> int:
    """Print the keys of a file; 0 also when there are none.

    Raises:
        MediaError: the file cannot be read, or the picture cannot be written.
    """
    pcm = load_audio(file)
    digits = detect(pcm)
    if as_json:
        found = [
            {"digit": digit.digit, "start_s": round(digit.start_s, 4), "end_s": round(digit.end_s, 4)}
            for digit in digits
        ]
        print(json.dumps(found, indent=2))  # noqa: T201
    else:
        for digit in digits:
            length_ms = (digit.end_s - digit.start_s) * 1000
            print(f"{digit.digit}  {digit.start_s:9.3f} s  {length_ms:6.0f} ms")  # noqa: T201
    if plot is not None:
        try:
            draw(pcm, digits, plot, file.name)
        except (OSError, ValueError) as error:  # ValueError: an ending matplotlib cannot draw
            raise MediaFileError(f"{plot}: cannot be written: {error}") from error
    return 0


def draw(pcm: Pcm16, digits: Sequence[DtmfDigit], path: Path, title: str) -> None:
    """The spectrogram of the keypad's band with each key marked.

    Raises:
        OSError, ValueError: the picture cannot be written.
    """
    duration_s = pcm.size / SAMPLE_RATE_HZ
    figure, axes = plt.subplots(figsize=(min(max(8.0, duration_s * 1.5), 40.0), 4.5))
    # 256 samples: 31 Hz a line, enough to see a row from the next one.
    # A little noise (8 steps, -72 dB) keeps digital silence from stretching the grey scale to nothing.
    shown = pcm + np.random.default_rng(0).normal(0.0, 8.0, pcm.size)
    axes.specgram(shown, NFFT=256, Fs=SAMPLE_RATE_HZ, noverlap=192, cmap="Greys")
    axes.set_ylim(500, 1800)
    axes.set_yticks([*ROWS_HZ, *COLUMNS_HZ])
    axes.set_xlim(0, max(duration_s, 0.1))
    axes.set_xlabel("seconds")
    axes.set_ylabel("Hz")
    for digit in digits:
        axes.axvspan(digit.start_s, digit.end_s, color="#e45756", alpha=0.2, linewidth=0)
        axes.text(
            (digit.start_s + digit.end_s) / 2, 1720, digit.digit, ha="center", fontsize=11, fontweight="bold"
        )
    axes.set_title(title, loc="left", fontsize=10)
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    plt.close(figure)
