"""The trained score's numbers."""

from typing import Final

import numpy as np

N_FEATURES: Final = 23
CENTRE: Final = np.zeros(N_FEATURES)
SCALE: Final = np.ones(N_FEATURES)
WEIGHTS: Final = np.zeros(2 * N_FEATURES)
BIAS: Final = 1.0
