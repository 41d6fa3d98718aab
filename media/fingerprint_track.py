"""From proposed offsets to stretches: evidence frame by frame, the best path through it, and exact edges.

Evidence is a log likelihood ratio. For every frame, offset and gain it asks how much quieter the recording
becomes when the known signal, at this gain, is taken out: a frame in which it is there loses up to the
codec's noise floor, a frame in which it is not grows louder. Pauses of the signal say nothing, and so are
passed over.

Left out: which signals to look for (media.fingerprint) and steady tones (media.fingerprint_tone).
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from media.types import SAMPLE_RATE_HZ

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]
Complex64 = npt.NDArray[np.complex64]

GAINS_DB = np.arange(-30.0, 14.1, 4.0)
"""Gains the path chooses from; half a step of 4 dB beside the truth still removes 12 dB of the signal."""

LONGEST_SLIP_SAMPLES = 60 * SAMPLE_RATE_HZ // 1000
"""A jitter buffer's correction moves a signal by 10 to 40 ms; what moves it further is a new stretch."""

ENTRY_COST = 50.0
"""Evidence (nepers) a stretch must bring before it is believed to begin; bridges 100 ms of concealed loss."""

SLIP_COST = 30.0
GAIN_COST = 12.0

_WIDTH, _HOP = 256, 128
_FINE_WIDTH = 64
FINE_HOP = 8
"""Samples between two values of the fine evidence: a millisecond."""

# Two passes of G.711 leave noise 34 dB under the signal (38 dB each); A-law's idle noise (±8) adds its own.
_CODEC_SHARE = 10.0 ** (-3.3)
_IDLE_POWER = 100.0
_LEAST_PER_FRAME, _MOST_PER_FRAME = -4.0, 8.0


@dataclass(frozen=True)
class Run:
    """One piece of a path: offset and gain stay. Samples of the recording, half open."""

    start: int
    stop: int
    offset: int
    gain: float
    evidence: float


def aligned(signal: Float32, loop: bool, offset: int, start: int, stop: int) -> Float32:
    """The signal as samples start..stop of the recording would hold it; zeros beyond its ends."""
    if loop:
        return signal[(np.arange(start, stop) - offset) % signal.size]
    out = np.zeros(stop - start, dtype=np.float32)
    first, last = max(start, offset), min(stop, offset + signal.size)
    if last > first:
        out[first - start : last - start] = signal[first - offset : last - offset]
    return out


def evidence(x: Float32, s: Float32, gains: Float64, width: int = _WIDTH, hop: int = _HOP) -> Float64:
    """How much each frame speaks for the signal's being in the recording, at each gain.

    Args:
        x: recording, shape (n_samples,).
        s: the signal where it would be, shape (n_samples,).
        gains: linear, shape (n_gains,).
        width: samples of a frame; frame i is centred at sample i * hop.
        hop: samples from frame to frame.

    Returns:
        Nepers, shape (n_frames, n_gains), n_frames = n_samples // hop + 1; not clipped.
    """
    return _evidence(_spectra(x, width, hop), _spectra(s, width, hop), gains, width, hop)


def _evidence(
    x_spectrum: Complex64, s_spectrum: Complex64, gains: Float64, width: int = _WIDTH, hop: int = _HOP
) -> Float64:
    """evidence() for spectra of frames."""
    x_power = _bands(np.abs(x_spectrum) ** 2, width)
    s_power = _bands(np.abs(s_spectrum) ** 2, width)
    cross = _bands((x_spectrum * np.conj(s_spectrum)).real, width)
    floor = _floor(x_power, width)
    with_floor = np.log(x_power + floor)
    weight = (width / 64.0) * hop / width
    out = np.empty((x_power.shape[0], gains.size))
    for i, gain in enumerate(gains):
        rest = x_power - np.float32(2.0 * gain) * cross + np.float32(gain * gain) * s_power
        out[:, i] = (with_floor - np.log(np.maximum(rest, 0.0) + floor)).sum(axis=1) * weight
    return out


def _floor(x_power: Float32, width: int) -> Float32:
    """Noise that is never below the codec's: its share of what sounds, spread evenly over the bands."""
    loudness = x_power.mean(axis=1, keepdims=True)
    return np.asarray(
        _CODEC_SHARE * loudness + _IDLE_POWER * width * 3 / 8 * (width / 64.0), dtype=np.float32
    )


def _spectra(x: Float32, width: int, hop: int) -> Complex64:
    padded = np.zeros((x.size // hop) * hop + width, dtype=np.float32)
    half = width // 2
    n = min(x.size, padded.size - half)
    padded[half : half + n] = x[:n]
    window = np.hanning(width).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, width)[::hop]
    return np.asarray(np.fft.rfft(frames * window, axis=1), dtype=np.complex64)


def _bands(power: Float32, width: int) -> Float32:
    """Sums over bands of 125 Hz, from 187 to 3687 Hz, whatever the width of a frame."""
    per_band = width // 64
    first = per_band + per_band // 2
    bins = power[:, first : first + 28 * per_band].reshape(power.shape[0], 28, per_band)
    return np.asarray(bins.sum(axis=2), dtype=np.float32)


def track(x: Float32, signal: Float32, loop: bool, offsets: list[int]) -> list[Run]:
    """The best path of one signal through the recording: when it is there, at which offset and gain.

    Returns:
        Runs in order of time; neighbours that touch belong to one stretch.
    """
    if not offsets:
        return []
    n_frames = x.size // _HOP + 1
    gains = 10.0 ** (GAINS_DB / 20.0)
    scores = np.full((n_frames, len(offsets), gains.size), _LEAST_PER_FRAME, dtype=np.float64)
    # The recording's spectra are needed once, from the first frame any offset reaches.
    lowest = 0 if loop else max(0, min(offsets) // _HOP)
    highest = x.size if loop else min(x.size, max(offsets) + signal.size + 2 * _WIDTH)
    spectrum = _spectra(x[lowest * _HOP : highest], _WIDTH, _HOP)
    for i, offset in enumerate(offsets):
        first = 0 if loop else max(0, offset // _HOP)
        last = n_frames if loop else min(n_frames, -(-(offset + signal.size) // _HOP) + 1)
        if last <= first:
            continue
        start, stop = first * _HOP, min(x.size, (last - 1) * _HOP)
        own = _spectra(aligned(signal, loop, offset, start, stop), _WIDTH, _HOP)
        last = first + own.shape[0]
        part = _evidence(spectrum[first - lowest : last - lowest], own, gains)
        scores[first:last, i] = np.clip(part, _LEAST_PER_FRAME, _MOST_PER_FRAME)
    return _runs(scores, _best_path(scores, _near(offsets, signal.size, loop)), offsets, gains)


def _near(offsets: list[int], period: int, loop: bool) -> npt.NDArray[np.bool_]:
    """Which offsets are a slip apart."""
    apart = np.abs(np.subtract.outer(np.array(offsets), np.array(offsets)))
    if loop:
        apart = np.minimum(apart, period - apart)
    return np.asarray(apart <= LONGEST_SLIP_SAMPLES)


def _best_path(scores: Float64, near: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Viterbi over absent (0) and every (offset, gain) (1 + index): one state a frame."""
    n_frames, n_offsets, n_gains = scores.shape
    n_states = n_offsets * n_gains
    flat = scores.reshape(n_frames, n_states)
    back = np.zeros((n_frames, 1 + n_states), dtype=np.int32)
    value = np.full((n_offsets, n_gains), -ENTRY_COST)
    absent = 0.0
    rows = np.arange(n_offsets)
    own = np.arange(1, 1 + n_states).reshape(n_offsets, n_gains)
    slip_penalty = np.where(near, SLIP_COST, 1e9)
    active = flat.max(axis=1) > _LEAST_PER_FRAME
    for t in range(n_frames):
        # A path that lags by the cost of entering anew cannot win any more.
        if not active[t] and absent - ENTRY_COST >= value.max():
            value[:] = -1e9
            continue
        top = value.argmax(axis=1)
        best = value[rows, top]
        through = best[None, :] - slip_penalty
        source = through.argmax(axis=1)
        # Reached from another gain of the same offset, from a near offset, or from absence: whichever is
        # best.
        slipped = through[rows, source]
        entering = np.full(n_offsets, absent - ENTRY_COST)
        other = np.stack((best - GAIN_COST, slipped, entering))
        kind = other.argmax(axis=0)
        other_value = other[kind, rows]
        other_from = np.where(kind == 2, 0, np.where(kind == 1, own[source, top[source]], own[rows, top]))
        stays = value >= other_value[:, None]
        back[t, 1:] = np.where(stays, own, other_from[:, None]).ravel()
        overall = int(value.argmax())
        leaves = value.flat[overall] > absent
        back[t, 0] = overall + 1 if leaves else 0
        new_absent = max(absent, float(value.flat[overall]))
        value = np.where(stays, value, other_value[:, None]) + scores[t]
        absent = new_absent
    state = int(value.argmax()) + 1 if value.max() > absent else 0
    path = np.zeros(n_frames, dtype=np.int64)
    for t in range(n_frames - 1, -1, -1):
        path[t] = state
        state = int(back[t, state])
    return path


def _runs(scores: Float64, path: npt.NDArray[np.int64], offsets: list[int], gains: Float64) -> list[Run]:
    changes = np.flatnonzero(np.diff(path)) + 1
    bounds = np.concatenate(([0], changes, [path.size]))
    flat = scores.reshape(scores.shape[0], -1)
    runs = []
    for a, b in zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True):
        state = int(path[a]) - 1
        if state >= 0:
            offset, gain = offsets[state // gains.size], float(gains[state % gains.size])
            total = float(flat[a:b, state].sum())
            runs.append(Run(max(0, a * _HOP - _HOP // 2), b * _HOP - _HOP // 2, offset, gain, total))
    return runs


def proof(x: Float32, s: Float32) -> float:
    """Evidence of a whole stretch with every band's share bounded: many bands count, one note does not.

    Args:
        x: recording, shape (n_samples,).
        s: the signal at its gain, shape (n_samples,).

    Returns:
        Nepers. A second of clear speech brings about 1500, of a lone whistle 300, of one common note 200.
    """
    x_spectrum, s_spectrum = _spectra(x, _WIDTH, _HOP), _spectra(s, _WIDTH, _HOP)
    before, after = (_bands(np.abs(part) ** 2, _WIDTH) for part in (x_spectrum, x_spectrum - s_spectrum))
    floor = _floor(before, _WIDTH)
    ratio = np.log(before + floor) - np.log(after + floor)
    return float(np.clip(ratio, -2.0, 1.0).sum()) * (_WIDTH / 64.0) * _HOP / _WIDTH


def clipped_evidence(x: Float32, s: Float32, gains: Float64) -> Float64:
    """evidence(), bounded so that no frame decides alone: neither a lost packet nor a loud coincidence."""
    return np.clip(evidence(x, s, gains), _LEAST_PER_FRAME, _MOST_PER_FRAME)


def fine_evidence(x: Float32, s: Float32, gain: float) -> Float64:
    """Evidence at one gain every FINE_HOP samples, bounded so that no single click decides an edge."""
    return np.clip(evidence(x, s, np.array([gain]), _FINE_WIDTH, FINE_HOP)[:, 0], -3.0, 3.0)
