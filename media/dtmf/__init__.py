"""In-band DTMF: which keys are in the audio, from when to when.

`detect` takes a whole recording, `DtmfBank` any number of live legs. Read on in bank.py (what happens when),
screen.py, envelope.py, fit.py, decide.py and score.py (how), hold.py and course.py (where a digit ends). Left
out: RFC 4733 and SIP INFO, which carry digits beside the audio.
"""

from math import gcd

import numpy as np

from media.dtmf.bank import DtmfBank, DtmfEvent
from media.dtmf.decide import Limits
from media.dtmf.digit import COLUMNS_HZ, KEYS, ROWS_HZ, DtmfDigit, DtmfOnset
from media.errors import MediaFormatError
from media.types import SAMPLE_RATE_HZ, Pcm16

__all__ = [
    "COLUMNS_HZ",
    "KEYS",
    "ROWS_HZ",
    "DtmfBank",
    "DtmfDigit",
    "DtmfEvent",
    "DtmfOnset",
    "Limits",
    "detect",
]


def detect(
    samples: Pcm16, sample_rate: int = SAMPLE_RATE_HZ, limits: Limits | None = None
) -> list[DtmfDigit]:
    """Every digit of a recording.

    Args:
        samples: mono samples, int16, shape (n_samples,); not modified.
        sample_rate: in Hz, at least 8000; other rates than 8000 are resampled.
        limits: what may be set, see Limits.

    Returns:
        The digits in the order of their starts.

    Raises:
        MediaFormatError: wrong dtype or shape, or a rate under 8000 Hz (the high group does not fit under
        its half).
    """
    samples = np.asarray(samples)
    if samples.dtype != np.int16 or samples.ndim != 1:
        raise MediaFormatError(
            f"samples must be int16 of shape (n_samples,), got {samples.dtype} {samples.shape}"
        )
    if sample_rate < SAMPLE_RATE_HZ:
        raise MediaFormatError(f"sample rate must be at least {SAMPLE_RATE_HZ} Hz, got {sample_rate}")
    if sample_rate != SAMPLE_RATE_HZ:
        from scipy.signal import resample_poly  # takes half a second to load, and legs are at 8000 Hz

        divisor = gcd(sample_rate, SAMPLE_RATE_HZ)
        resampled = resample_poly(
            samples.astype(np.float64), SAMPLE_RATE_HZ // divisor, sample_rate // divisor
        )
        samples = np.clip(np.round(resampled), -32768, 32767).astype(np.int16)
    bank = DtmfBank(1, limits)
    events = bank.listen(samples[None, :]) + bank.flush()
    return [event for _, event in events if isinstance(event, DtmfDigit)]
