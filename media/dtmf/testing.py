"""Signals to test a DTMF detector with: keys as Q.23 sends them, and what lines and phones do to them.

Pure functions over float64 samples in units of int16 (a full-scale sine has amplitude 32767 and is +3.14
dBm0); randomness arrives as a generator. Left out: which combination is to be read or refused (see the
benchmark's battery).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from scipy.signal import butter, sosfilt

from media.dtmf.digit import COLUMNS_HZ, KEYS, ROWS_HZ, DtmfDigit
from media.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from media.types import SAMPLE_RATE_HZ, Pcm16

Signal: TypeAlias = npt.NDArray[np.float64]
Law: TypeAlias = Literal["alaw", "ulaw", "linear"]

FULL_SCALE_DBM0 = 3.14
"""Level of a sine that just reaches the A-law overload point (ITU-T G.711 table 5)."""


@dataclass(frozen=True)
class Key:
    """How one key is sent; the defaults are a clean 50 ms key.

    Attributes:
        digit: one of KEYS.
        on_ms: length of the tones.
        low_dbm0: level of the low tone.
        twist_db: high tone's level minus the low tone's.
        low_offset, high_offset: frequency offset as a fraction (0.015 is 1.5 %).
        extra_hz: added to both frequencies after that.
    """

    digit: str
    on_ms: float = 50.0
    low_dbm0: float = -10.0
    twist_db: float = 0.0
    low_offset: float = 0.0
    high_offset: float = 0.0
    extra_hz: float = 0.0


def amplitude_of(level_dbm0: float) -> float:
    """Peak of a sine of that level, in units of int16."""
    return float(32767.0 * 10 ** ((level_dbm0 - FULL_SCALE_DBM0) / 20))


def samples_of(duration_ms: float) -> int:
    """Samples in a duration, rounded to the nearest."""
    return round(duration_ms * SAMPLE_RATE_HZ / 1000)


def sine(frequency_hz: float, n_samples: int, level_dbm0: float, phase_rad: float = 0.0) -> Signal:
    """A steady tone."""
    time_s = np.arange(n_samples) / SAMPLE_RATE_HZ
    return amplitude_of(level_dbm0) * np.sin(2 * np.pi * frequency_hz * time_s + phase_rad)


def key_signal(key: Key, rng: np.random.Generator) -> Signal:
    """The two tones of a key, each starting at a random phase."""
    row, column = divmod(KEYS.index(key.digit), 4)
    low_hz = ROWS_HZ[row] * (1 + key.low_offset) + key.extra_hz
    high_hz = COLUMNS_HZ[column] * (1 + key.high_offset) + key.extra_hz
    phases = rng.uniform(0, 2 * np.pi, 2)
    n_samples = samples_of(key.on_ms)
    low = sine(low_hz, n_samples, key.low_dbm0, phases[0])
    return low + sine(high_hz, n_samples, key.low_dbm0 + key.twist_db, phases[1])


def noise(n_samples: int, level_dbm0: float, rng: np.random.Generator) -> Signal:
    """White Gaussian noise over 0..4000 Hz."""
    rms = amplitude_of(level_dbm0) / np.sqrt(2)
    return rng.normal(0.0, rms, n_samples)


def silence(duration_ms: float) -> Signal:
    """Digital silence."""
    return np.zeros(samples_of(duration_ms))


def through_line(signal: Signal, law: Law = "alaw") -> Pcm16:
    """What the far end hears: clipped to int16 and, unless linear, coded and decoded by G.711."""
    pcm: Pcm16 = np.clip(np.round(signal), -32768, 32767).astype(np.int16)
    if law == "alaw":
        return alaw_decode(alaw_encode(pcm))
    if law == "ulaw":
        return ulaw_decode(ulaw_encode(pcm))
    return pcm


def with_echo(signal: Signal, delay_ms: float, loss_db: float) -> Signal:
    """The signal with one reflection of itself."""
    delay = samples_of(delay_ms)
    echoed = signal.copy()
    echoed[delay:] += signal[: signal.size - delay] * 10 ** (-loss_db / 20)
    return echoed


def interrupted(signal: Signal, start_ms: float, gap_ms: float) -> Signal:
    """The signal with a gap cut into it; what follows keeps its phase."""
    broken = signal.copy()
    start = samples_of(start_ms)
    broken[start : start + samples_of(gap_ms)] = 0.0
    return broken


def talker(duration_s: float, rng: np.random.Generator, level_dbm0: float = -15.0) -> Signal:
    """A synthetic talker: voiced syllables (gliding pitch, three moving formants) with pauses.

    Harder than speech: many vowels hold still, and their formants wander through both DTMF groups.

    Returns:
        Samples with the given mean level over the syllables, cut to the duration.
    """
    parts: list[Signal] = []
    left = samples_of(duration_s * 1000)
    while left > 0:
        n_samples = samples_of(float(rng.uniform(80, 350)))
        ramp = np.linspace(0.0, 1.0, n_samples)
        pitch_hz = rng.uniform(80, 280) * (1 + rng.uniform(-0.25, 0.25) * ramp)
        cycle = np.cumsum(pitch_hz) / SAMPLE_RATE_HZ
        spectrum = np.zeros(n_samples)
        formants = [
            np.linspace(rng.uniform(250, 900), rng.uniform(250, 900), n_samples),
            np.linspace(rng.uniform(900, 2300), rng.uniform(900, 2300), n_samples),
            np.linspace(rng.uniform(2200, 3300), rng.uniform(2200, 3300), n_samples),
        ]
        widths_hz = (rng.uniform(50, 110), rng.uniform(60, 140), rng.uniform(90, 200))
        gains = (1.0, rng.uniform(0.2, 1.0), rng.uniform(0.05, 0.4))
        for harmonic in range(1, int(3600 / float(pitch_hz.min())) + 1):
            line_hz = harmonic * pitch_hz
            resonance = sum(
                gain / (1 + ((line_hz - formant) / width_hz) ** 2)
                for gain, formant, width_hz in zip(gains, formants, widths_hz, strict=True)
            )
            spectrum += resonance * (line_hz < 3700) * np.sin(2 * np.pi * harmonic * cycle + harmonic)
        envelope = np.minimum(1.0, np.minimum(ramp, 1 - ramp) * n_samples / samples_of(25))
        syllable = spectrum * envelope
        rms = float(np.sqrt(np.mean(syllable**2)))
        parts.append(syllable * (amplitude_of(level_dbm0) / np.sqrt(2) / rms))
        parts.append(silence(float(rng.choice([0.0, 30.0, 150.0]))))
        left -= n_samples + parts[-1].size
    return np.concatenate(parts)[: samples_of(duration_s * 1000)]


def glide(
    duration_s: float, rng: np.random.Generator, level_dbm0: float = -13.0, least_hz_per_s: float = 100.0
) -> Signal:
    """Two tones gliding through the two groups, up and down, each at a speed of its own, at most 2000 Hz a
    second."""
    n_samples = samples_of(duration_s * 1000)
    time_s = np.arange(n_samples) / SAMPLE_RATE_HZ
    signal = np.zeros(n_samples)
    for bottom_hz, top_hz in ((640.0, 1000.0), (1150.0, 1700.0)):
        span_hz = top_hz - bottom_hz
        sweep = (time_s * rng.uniform(least_hz_per_s, 2000) / span_hz + rng.uniform(0, 2)) % 2
        frequency_hz = bottom_hz + span_hz * np.where(sweep < 1, sweep, 2 - sweep)
        signal += amplitude_of(level_dbm0) * np.sin(2 * np.pi * np.cumsum(frequency_hz) / SAMPLE_RATE_HZ)
    return signal


def notes(duration_s: float, rng: np.random.Generator, level_dbm0: float = -15.0) -> Signal:
    """Sustained chords of the tempered scale with harmonics, as an organ or a synthesiser holds them."""
    parts: list[Signal] = []
    left = samples_of(duration_s * 1000)
    while left > 0:
        n_samples = samples_of(float(rng.uniform(100, 900)))
        chord = np.zeros(n_samples)
        for _ in range(int(rng.integers(1, 5))):
            fundamental_hz = 440.0 * 2 ** (int(rng.integers(-24, 24)) / 12)
            decay = rng.uniform(0.1, 0.9)
            for harmonic in range(1, 7):
                if harmonic * fundamental_hz < 3700:
                    tone = sine(harmonic * fundamental_hz, n_samples, level_dbm0, rng.uniform(0, 6.28))
                    chord += decay ** (harmonic - 1) * tone
        edge = np.minimum(1.0, np.minimum(np.arange(n_samples), np.arange(n_samples)[::-1]) / 80)
        parts.append(chord * edge * 0.5)
        left -= n_samples
    return np.concatenate(parts)[: samples_of(duration_s * 1000)]


def band_limited(signal: Signal, low_hz: float = 300.0, high_hz: float = 3400.0) -> Signal:
    """The signal as a narrow-band telephone passes it."""
    sos = butter(4, (low_hz, high_hz), "bandpass", fs=SAMPLE_RATE_HZ, output="sos")
    filtered: Signal = np.asarray(sosfilt(sos, signal), dtype=np.float64)
    return filtered


def frames_lost(
    signal: Signal,
    lost: npt.NDArray[np.int_],
    how: Literal["zeroed", "repeated"] = "zeroed",
    frame_ms: float = 20.0,
) -> Signal:
    """The signal with whole frames replaced by silence or by the frame before."""
    damaged = signal.copy()
    size = samples_of(frame_ms)
    for index in lost:
        begin = int(index) * size
        end = min(begin + size, damaged.size)
        if how == "repeated" and begin >= size:
            damaged[begin:end] = damaged[begin - size : end - size]
        else:
            damaged[begin:end] = 0.0
    return damaged


def dialled(
    keys: Sequence[Key], rng: np.random.Generator, pause_ms: float = 50.0, lead_ms: float = 107.0
) -> tuple[Signal, list[DtmfDigit]]:
    """Keys one after the other, with silence before, between and 150 ms after them.

    Args:
        keys: how each is sent.
        rng: source of the phases.
        pause_ms: between two keys.
        lead_ms: before the first; the default puts edges inside ticks.

    Returns:
        The signal, and what a perfect detector reports of it.
    """
    parts = [silence(lead_ms)]
    truth = []
    position = parts[0].size
    for key in keys:
        signal = key_signal(key, rng)
        end = position + signal.size
        truth.append(DtmfDigit(key.digit, position / SAMPLE_RATE_HZ, end / SAMPLE_RATE_HZ))
        parts += [signal, silence(pause_ms)]
        position = end + parts[-1].size
    parts.append(silence(150.0))
    return np.concatenate(parts), truth
