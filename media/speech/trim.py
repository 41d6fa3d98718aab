"""Cuts the silence that engines leave around speech, so that prompts follow each other without holes."""

import numpy as np

from media.errors import MediaFormatError
from media.types import SAMPLE_RATE_HZ, Pcm16

KEEP_MS = 80
"""Silence left on either side: the soft start of a fricative lies in it; 100 ms are the most we promise."""

LEAD_MS = 40
"""Silence a prompt begins with, at least: two packets. A far end may lose the first packet of a new stream
while its jitter buffer starts (pjmedia was seen to), and that shall not be the first sound of a word."""

_QUIET = 64  # of 32767: below -50 dBm0, no sound of speech

_FRAME_SAMPLES = SAMPLE_RATE_HZ // 100  # 10 ms, shorter than any speech sound
_FLOOR_DB = 40.0  # below the loudest frame; speech sounds of one utterance lie within 30 dB


def trim_silence(pcm: Pcm16, keep_ms: int = KEEP_MS) -> Pcm16:
    """Speech with at most `keep_ms` of silence at either end; pauses inside stay.

    Args:
        pcm: mono samples at 8000 Hz, int16, shape (n_samples,); not modified.
        keep_ms: silence to leave; where there was less to begin with, that stays.

    Returns:
        A slice of `pcm`; empty when it holds nothing but silence.

    Raises:
        MediaFormatError: wrong dtype or shape.
    """
    if pcm.dtype != np.int16 or pcm.ndim != 1:
        raise MediaFormatError(f"speech is {pcm.dtype} of {pcm.ndim} dimensions, must be int16 of 1")
    n_frames = -(-pcm.size // _FRAME_SAMPLES)
    frames = np.zeros((n_frames, _FRAME_SAMPLES))
    frames.reshape(-1)[: pcm.size] = pcm
    power = (frames**2).mean(axis=1)
    if not power.any():
        return pcm[:0]
    loud = np.flatnonzero(power > power.max() * 10 ** (-_FLOOR_DB / 10))
    keep_samples = keep_ms * SAMPLE_RATE_HZ // 1000
    first = max(0, int(loud[0]) * _FRAME_SAMPLES - keep_samples)
    return pcm[first : (int(loud[-1]) + 1) * _FRAME_SAMPLES + keep_samples]


def with_lead(pcm: Pcm16, lead_ms: int = LEAD_MS) -> Pcm16:
    """The speech, begun by at least `lead_ms` of silence; what there is already counts.

    Args:
        pcm: mono samples at 8000 Hz, int16, shape (n_samples,); not modified.
    """
    audible = np.flatnonzero(np.abs(pcm.astype(np.int32)) > _QUIET)
    quiet_samples = int(audible[0]) if audible.size else pcm.size
    missing = max(0, lead_ms * SAMPLE_RATE_HZ // 1000 - quiet_samples)
    return np.concatenate([np.zeros(missing, dtype=np.int16), pcm])
