"""spandsp's detector (Debian package libspandsp2) through ctypes: the peer the battery compares with."""

import ctypes
import ctypes.util
from dataclasses import dataclass
from functools import cache

import numpy as np

from media.types import Pcm16

STEP = 40
"""Samples given at once, so that it is known to 5 ms when a digit was reported."""


@cache
def _library() -> ctypes.CDLL:
    name = ctypes.util.find_library("spandsp") or "libspandsp.so.2"
    library = ctypes.CDLL(name)
    library.dtmf_rx_init.restype = ctypes.c_void_p
    library.dtmf_rx_init.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_void_p]
    library.dtmf_rx_parms.argtypes = [ctypes.c_void_p] + [ctypes.c_int] * 4
    library.dtmf_rx.argtypes = [ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int]
    library.dtmf_rx_get.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_int]
    library.dtmf_rx_get.restype = ctypes.c_size_t
    library.dtmf_rx_free.argtypes = [ctypes.c_void_p]
    return library


@dataclass(frozen=True)
class Reported:
    """A digit and the sample by which it was known."""

    digit: str
    known: int


def available() -> bool:
    """Whether the library is on this machine."""
    try:
        _library()
    except OSError:
        return False
    return True


def detect(audio: Pcm16, dial_tone_filter: bool) -> list[Reported]:
    """All digits of a recording as spandsp reports them, with its own default twist and level."""
    library = _library()
    state = library.dtmf_rx_init(None, None, None)
    library.dtmf_rx_parms(state, int(dial_tone_filter), -1, -1, -99)
    samples = np.ascontiguousarray(audio, dtype=np.int16)
    found: list[Reported] = []
    buffer = ctypes.create_string_buffer(129)
    address = samples.ctypes.data
    try:
        for begin in range(0, samples.size, STEP):
            end = min(begin + STEP, samples.size)
            library.dtmf_rx(state, address + 2 * begin, end - begin)
            if library.dtmf_rx_get(state, buffer, 128):
                found += [Reported(digit, end) for digit in buffer.value.decode("ascii")]
    finally:
        library.dtmf_rx_free(state)
    return found


def seconds_per_tick(audio: Pcm16, repeats: int) -> float:
    """CPU seconds for one 20 ms tick, given in ticks as a bridge would."""
    import time

    library = _library()
    state = library.dtmf_rx_init(None, None, None)
    samples = np.ascontiguousarray(audio, dtype=np.int16)
    started = time.process_time()
    for _ in range(repeats):
        library.dtmf_rx(state, samples.ctypes.data, samples.size)
    spent = time.process_time() - started
    library.dtmf_rx_free(state)
    return spent / (repeats * samples.size / 160)
