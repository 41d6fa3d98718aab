"""The array types every module of media speaks."""

from typing import TypeAlias

import numpy as np
import numpy.typing as npt

SAMPLE_RATE_HZ = 8000
"""The one sampling rate of the telephone side (ITU-T G.711)."""

Pcm16: TypeAlias = npt.NDArray[np.int16]
"""Mono linear PCM, int16, shape (n_samples,)."""

Coded8: TypeAlias = npt.NDArray[np.uint8]
"""G.711 code words, one byte a sample, shape (n_samples,)."""
