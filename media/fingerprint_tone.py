"""Steady tones with a cadence: found by their frequencies and their bursts, since correlation fits them
everywhere.

A sine looks the same a period later, and another generator may start every burst at another phase. So a tone
is followed in narrow filters at its own frequencies. A burst is a steady line that stands out of its
neighbours; its edges are where the filter's output passes half its plateau. Bursts that follow the known
cadence are one stretch.

Left out: tones that are modulated or change their frequency from burst to burst (special information tones);
media.fingerprint_track takes these like any other signal.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from media.types import SAMPLE_RATE_HZ

Float32 = npt.NDArray[np.float32]
Float64 = npt.NDArray[np.float64]

_WIDTH, _HOP = 320, 16
"""A filter of 40 ms passes 450 Hz and rejects 400 Hz; edges fall on a grid of 2 ms and are interpolated."""

MOST_LINES = 3
LEAST_TONAL_SHARE = 0.97
"""Share of the power in the lines from which a signal counts as a tone: speech and music stay below 0.8."""

LARGEST_DETUNING = 0.01
"""Relative error of frequency still taken for the same tone; 440 and 450 Hz are 2.2 % apart."""

CADENCE_TOLERANCE_S = 0.06
"""A burst or pause may be this much off: a jitter buffer's correction of 40 ms and two edges."""

LEAST_EVENNESS = 0.9
"""Share of a line's power that one sine explains over 200 ms: a vowel wavers, a generator does not."""

SHORTEST_BURST_S = 0.08
_EVEN_SAMPLES = 200 * SAMPLE_RATE_HZ // 1000
# A struck note dies away by more than this (2 dB) within the shortest burst that counts.
_LARGEST_SLOPE = 10.0**0.2
_LONGEST_DROPOUT_S = 0.06
_STANDS_OUT = 8.0
_LEAST_POWER = 30.0**2 / 2.0


@dataclass(frozen=True)
class Burst:
    """A steady presence of a tone's frequencies, in seconds; power is the mean square of all its lines."""

    start_s: float
    stop_s: float
    power: float


@dataclass(frozen=True)
class ToneShape:
    """What makes a known signal a tone: its lines, and its bursts within one pass of duration_s."""

    frequencies_hz: tuple[float, ...]
    bursts: tuple[Burst, ...]
    duration_s: float
    loop: bool

    @property
    def continuous(self) -> bool:
        """Whether the loop has no pause at all."""
        whole = self.bursts[0].stop_s - self.bursts[0].start_s
        return self.loop and len(self.bursts) == 1 and whole > self.duration_s - 0.01

    @classmethod
    def of(cls, samples: Float32, loop: bool) -> "ToneShape | None":
        """The shape of a known signal, None when it is no steady tone."""
        # A quarter second parts 440 and 480 Hz; a beep may be shorter than that.
        frequencies = _lines(samples, 0.25) or _lines(samples, 0.1)
        if not frequencies:
            return None
        bursts = find_bursts(samples, frequencies)
        if not bursts:
            return None
        inside = np.zeros(samples.size, dtype=bool)
        for burst in bursts:
            inside[round(burst.start_s * SAMPLE_RATE_HZ) : round(burst.stop_s * SAMPLE_RATE_HZ)] = True
        energy = samples.astype(np.float64) ** 2
        powers = [burst.power for burst in bursts]
        in_lines = sum(burst.power * (burst.stop_s - burst.start_s) * SAMPLE_RATE_HZ for burst in bursts)
        if in_lines < LEAST_TONAL_SHARE * energy.sum() or max(powers) > 1.5 * min(powers):
            return None
        return cls(frequencies, tuple(bursts), samples.size / SAMPLE_RATE_HZ, loop)


@dataclass(frozen=True)
class ToneStretch:
    """One continuous presence of a tone with its cadence."""

    start_s: float
    stop_s: float
    signal_start_s: float
    gain: float
    whole: bool
    score: float


def _lines(samples: Float32, width_s: float) -> tuple[float, ...]:
    """The frequencies with nearly all the power of the loudest width_s, () for more than MOST_LINES."""
    power = samples.astype(np.float64) ** 2
    if samples.size < _WIDTH or not power.any():
        return ()
    width = min(samples.size, round(width_s * SAMPLE_RATE_HZ))
    running = np.concatenate(([0.0], np.cumsum(power)))
    start = int((running[width:] - running[:-width]).argmax())
    piece = samples[start : start + width].astype(np.float64) * np.hanning(width)
    size = 1 << 16
    spectrum = np.abs(np.fft.rfft(piece, size)) ** 2
    total = spectrum.sum()
    bin_hz = SAMPLE_RATE_HZ / size
    lobe = max(1, round(2.5 * SAMPLE_RATE_HZ / width / bin_hz))
    lines: list[float] = []
    taken = 0.0
    for _ in range(MOST_LINES):
        top = int(spectrum.argmax())
        if spectrum[top] <= 0.0:
            break
        lines.append(top * bin_hz)
        near = slice(max(0, top - lobe), top + lobe + 1)
        taken += spectrum[near].sum()
        spectrum[near] = 0.0
        if taken > 0.985 * total:
            return tuple(sorted(lines))
    return ()


def find_bursts(x: Float32, frequencies_hz: tuple[float, ...]) -> list[Burst]:
    """Every steady presence of all the frequencies together, in order of time.

    Args:
        x: recording, shape (n_samples,).
        frequencies_hz: the tone's lines.
    """
    padded = np.concatenate((np.zeros(_WIDTH // 2), x, np.zeros(_WIDTH))).astype(np.float32)
    frames = np.lib.stride_tricks.sliding_window_view(padded, _WIDTH)[::_HOP]
    filtered = [_filtered(frames, hz) for hz in frequencies_hz]
    powers = [np.abs(line) ** 2 * 2.0 for line in filtered]
    apart_hz = 2.6 * SAMPLE_RATE_HZ / _WIDTH
    beside = [hz + k * apart_hz for hz in frequencies_hz for k in (-2, -1, 1, 2)]
    free = [hz for hz in beside if hz > 60 and all(abs(hz - own) > 0.95 * apart_hz for own in frequencies_hz)]
    around = np.median([np.abs(_filtered(frames, hz)) ** 2 * 2.0 for hz in free], axis=0)
    line_power = np.sum(powers, axis=0)
    weakest = np.min(powers, axis=0)
    seeds = (weakest > _STANDS_OUT * around) & (weakest > _LEAST_POWER / len(powers))
    bursts = []
    for first, last in _groups(seeds):
        bursts += _steady(first, last, line_power, filtered, frequencies_hz)
    return _joined(bursts)


def _filtered(frames: Float32, hz: float) -> npt.NDArray[np.complex128]:
    """Half the amplitude, and the phase, of one frequency in each frame."""
    window = np.hanning(_WIDTH + 1)[:_WIDTH]
    probe = (window / window.sum() * np.exp(-2j * np.pi * hz * np.arange(_WIDTH) / SAMPLE_RATE_HZ)).astype(
        np.complex64
    )
    turned = frames @ probe.real + 1j * (frames @ probe.imag)
    start = np.arange(frames.shape[0]) * _HOP
    return np.asarray(turned * np.exp(-2j * np.pi * hz * start / SAMPLE_RATE_HZ), dtype=np.complex128)


def _groups(mask: npt.NDArray[np.bool_]) -> list[tuple[int, int]]:
    """The stretches of True, half open, with short holes closed."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    groups: list[tuple[int, int]] = []
    hole = round(_LONGEST_DROPOUT_S * SAMPLE_RATE_HZ / _HOP)
    for first, last in zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True):
        if groups and first - groups[-1][1] <= hole:
            groups[-1] = (groups[-1][0], last)
        else:
            groups.append((first, last))
    return groups


def _steady(
    first: int,
    last: int,
    power: Float64,
    filtered: list[npt.NDArray[np.complex128]],
    frequencies_hz: tuple[float, ...],
) -> list[Burst]:
    """The parts of a group of frames in which level and frequency rest."""
    bursts: list[Burst] = []
    at = first
    while at < last:
        # The plateau a filter length after the beginning; a step of level beyond 6 dB ends it.
        settled = power[min(at + _WIDTH // _HOP // 2, last - 1) : min(at + 3 * _WIDTH // _HOP, last)]
        plateau = float(np.median(settled))
        fits = (power[at:] > plateau / 4.0) & (power[at:] < plateau * 4.0)
        # Frames that do not fit for longer than a dropout end the burst.
        outside = np.flatnonzero(~fits)
        stop = at + _first_long_hole(outside[outside >= _WIDTH // _HOP // 2], fits.size)
        stop = max(stop, at + 1)
        begin = at
        while begin > 0 and plateau / 4.0 < power[begin - 1] < plateau * 4.0:
            begin -= 1
        while power[begin] <= plateau / 4.0 and begin < stop - 1:
            begin += 1
        if (stop - begin) * _HOP >= SHORTEST_BURST_S * SAMPLE_RATE_HZ and _in_tune(
            begin, stop, filtered, frequencies_hz
        ):
            level = float(np.median(power[begin:stop]))
            start_s = _crossing(power, begin - 1, level / 4.0) * _HOP / SAMPLE_RATE_HZ
            stop_s = _crossing(power, stop - 1, level / 4.0) * _HOP / SAMPLE_RATE_HZ
            bursts.append(Burst(start_s, stop_s, level))
        at = max(stop, at + 1)
    return bursts


def _first_long_hole(outside: npt.NDArray[np.intp], n: int) -> int:
    """Index of the first of more consecutive entries than a dropout has; n when there is none."""
    hole = round(_LONGEST_DROPOUT_S * SAMPLE_RATE_HZ / _HOP)
    if outside.size > hole:
        long = np.flatnonzero(outside[hole:] - outside[:-hole] == hole)
        if long.size:
            return int(outside[long[0]])
    if outside.size and outside[-1] == n - 1:
        back = np.flatnonzero(np.diff(outside) > 1)
        return int(outside[back[-1] + 1] if back.size else outside[0])
    return n


def _crossing(power: Float64, before: int, level: float) -> float:
    """Where between frames `before` and `before + 1` the amplitude passes that of `level`, in frames."""
    if before < 0:
        return 0.0
    if before + 1 >= power.size:
        return float(power.size - 1)
    a, b = np.sqrt(power[before]), np.sqrt(power[before + 1])
    if abs(b - a) < 1e-9:
        return before + 0.5
    return before + float(np.clip((np.sqrt(level) - a) / (b - a), 0.0, 1.0))


def _in_tune(
    first: int, last: int, filtered: list[npt.NDArray[np.complex128]], frequencies_hz: tuple[float, ...]
) -> bool:
    """Whether every line is one sine: in tune, of one level, and turning evenly most of the time."""
    edge = min(_WIDTH // _HOP // 2, (last - first) // 4)
    for line, hz in zip(filtered, frequencies_hz, strict=True):
        inner = line[first + edge : last - edge]
        window = min(inner.size, _EVEN_SAMPLES // _HOP)
        if window < 10:
            return False
        pieces = np.lib.stride_tricks.sliding_window_view(inner, window)[:: max(1, window // 2)]
        turns_hz = np.fft.fftfreq(8 * window, _HOP / SAMPLE_RATE_HZ)
        near = np.abs(turns_hz) <= max(3.0, LARGEST_DETUNING * hz)
        aligned = np.abs(np.fft.fft(pieces, 8 * window, axis=1)[:, near]).max(axis=1) ** 2
        power = (np.abs(pieces) ** 2).sum(axis=1)
        if float(np.median(aligned / np.maximum(power * window, 1e-9))) < LEAST_EVENNESS:
            return False
        third = max(1, inner.size // 3)
        head, tail = (float((np.abs(part) ** 2).mean()) for part in (inner[:third], inner[-third:]))
        if not 1.0 / _LARGEST_SLOPE < head / max(tail, 1e-9) < _LARGEST_SLOPE:
            return False
    return True


def _joined(bursts: list[Burst]) -> list[Burst]:
    """Bursts of one level that only a dropout parts are one."""
    out: list[Burst] = []
    for burst in bursts:
        last = out[-1] if out else None
        if last is not None and burst.start_s < last.stop_s:
            burst = Burst(last.stop_s, max(burst.stop_s, last.stop_s), burst.power)
        if burst.stop_s - burst.start_s < SHORTEST_BURST_S / 2:
            continue
        level = 10.0 * np.log10(burst.power / last.power) if last is not None else 99.0
        if last is not None and burst.start_s - last.stop_s <= _LONGEST_DROPOUT_S and abs(level) <= 6.0:
            out[-1] = Burst(last.start_s, burst.stop_s, max(last.power, burst.power))
        else:
            out.append(burst)
    return out
