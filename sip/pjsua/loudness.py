"""How loud a leg's far end is just now, from the one figure that pjmedia keeps of it."""

from math import inf

import numpy as np
import pjsua2 as pj

from media.g711 import ulaw_decode
from media.level import level_dbm0


def received_level_dbm0(media: pj.AudioMedia | None) -> float:
    """Level of the last 20 ms that came from the wire, as of a sine; -inf for silence or without media.

    Source: pjmedia conference.c, pjmedia_conf_get_signal_level.
    """
    if media is None:
        return -inf
    # pjmedia keeps the mean magnitude of the last frame as a complemented mu-law code, pjsua2 tells it in
    # percent, 1 dB a step. "Tx" is what the port sends into the conference: what came from the wire.
    percent = media.getTxLevel()
    if percent == 0:
        return -inf
    code = min(round((percent + 0.5) * 2.55), 255)
    magnitude = abs(int(ulaw_decode(np.array([code ^ 0xFF], dtype=np.uint8))[0]))
    # The mean magnitude of a sine is 2/pi of its peak, its RMS 1/sqrt(2).
    rms = round(magnitude * np.pi / (2 * np.sqrt(2)))
    return level_dbm0(np.array([min(rms, 32767)], dtype=np.int16))
