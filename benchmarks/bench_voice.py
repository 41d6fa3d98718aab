"""Which voice of espeak-ng sounds like a young woman on a telephone, and can be understood?

    nice python benchmarks/bench_voice.py [--picture docs/speech-voices.png]

Every candidate speaks the same sentences and the ten digits; everything is measured after A-law at 8 kHz:

    F0          median pitch in Hz, and its 10th and 90th percentile in semitones around it: tones
    voiced      periodicity of voiced frames (autocorrelation at the pitch): 1.0 is clear, under 0.8 is hoarse
    F1..F3      median formants of voiced frames in Hz: the length of the vocal tract
    centroid    of the spectrum of speech, 200 to 3400 Hz
    hiss        energy over 2 kHz of unvoiced frames, in dB against voiced ones: consonants that come through
    flatness    spectral flatness, 1 to 3.4 kHz, of unvoiced frames: 1 is noise (a consonant), 0 a whistle
    modulation  of the envelope, 2 to 10 Hz, against its mean: syllables that stand apart
    digits      the least distance of two of the ten spoken digits, dB of 16 bands after time warping

One line a candidate; the machine does not matter.
"""

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy.linalg import solve_toeplitz

from media.speech.espeak import EspeakEngine
from media.speech.voice import MANDARIN, Voice
from media.types import SAMPLE_RATE_HZ, Pcm16
from media.wav import read_pcm

Float = npt.NDArray[np.float64]

SENTENCES = (
    "正在为您转接中，请稍后",
    "本次通话时长还剩一分钟",
    "您好，您的快递已经到达，请于十二月三十一日十八点前领取",
)
DIGITS = "零一二三四五六七八九"
VARIANTS = ("", "f1", "f2", "f3", "f4", "f5", "Annie", "Alicia", "Andrea", "belinda", "linda", "steph")
PITCHES = (35, 50, 65)
RATE_WPM = 180

_FRAME = 256
_HOP = 80
_BANDS = 16


@dataclass(frozen=True)
class Measured:
    """One candidate; units in the module's docstring."""

    f0_hz: float
    f0_low_st: float
    f0_high_st: float
    periodicity: float
    formants_hz: tuple[float, float, float]
    centroid_hz: float
    hiss_db: float
    flatness: float
    modulation: float
    digits_db: float
    duration_s: float


def frames_of(pcm: Pcm16) -> Float:
    """Windows of 32 ms every 10 ms, shape (n_frames, 256)."""
    return np.lib.stride_tricks.sliding_window_view(pcm.astype(np.float64), _FRAME)[::_HOP]


def pitch_of(frames: Float) -> tuple[Float, Float]:
    """(F0 in Hz, autocorrelation there) of each frame, 120 to 450 Hz."""
    spectrum = np.fft.rfft((frames - frames.mean(axis=1, keepdims=True)) * np.hanning(_FRAME), 1024)
    correlation = np.fft.irfft(np.abs(spectrum) ** 2)[:, : _FRAME // 2]
    window = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(_FRAME), 1024)) ** 2)[: _FRAME // 2]
    correlation = correlation / np.maximum(correlation[:, :1], 1e-9) / (window / window[0])
    first, last = SAMPLE_RATE_HZ // 450, SAMPLE_RATE_HZ // 90
    searched = correlation[:, first:last]
    best = searched.max(axis=1)
    # The first peak that is nearly the best: later ones are its multiples.
    lag = first + np.argmax(searched >= 0.9 * best[:, None], axis=1)
    for _ in range(6):  # uphill to the top of that peak
        ahead = np.minimum(lag + 1, correlation.shape[1] - 1)
        rows = np.arange(lag.size)
        lag = np.where(correlation[rows, ahead] > correlation[rows, lag], ahead, lag)
    return SAMPLE_RATE_HZ / lag, best


def formants_of(frame: Float) -> list[float]:
    """Formants of one frame by linear prediction of order 10, in Hz, rising."""
    emphasised = np.append(frame[0], frame[1:] - 0.95 * frame[:-1]) * np.hamming(_FRAME)
    r = np.correlate(emphasised, emphasised, "full")[_FRAME - 1 : _FRAME + 10]
    r[0] = r[0] * 1.0001 + 1e-9
    roots = np.roots(np.append(1.0, -solve_toeplitz(r[:-1], r[1:])))
    roots = roots[roots.imag > 0]
    hz = np.angle(roots) * SAMPLE_RATE_HZ / (2 * np.pi)
    bandwidth_hz = -np.log(np.abs(roots)) * SAMPLE_RATE_HZ / np.pi
    return sorted(hz[(hz > 200) & (hz < 3700) & (bandwidth_hz < 500)].tolist())


def log_bands(pcm: Pcm16) -> Float:
    """Levels of 16 bands, equally wide in mel, in dB, their mean taken out; shape (n_frames, 16)."""
    power = np.abs(np.fft.rfft(frames_of(pcm) * np.hanning(_FRAME))) ** 2
    edges_hz = 700 * (10 ** (np.linspace(150.0, 2000.0, _BANDS + 1) / 2595) - 1)
    edges = np.round(edges_hz * _FRAME / SAMPLE_RATE_HZ).astype(int)
    bands = np.stack([power[:, a : max(b, a + 1)].mean(axis=1) for a, b in pairwise(edges)])
    levels: Float = 10 * np.log10(np.maximum(bands.T, power.max() * 1e-5))
    centred: Float = levels - levels.mean()
    return centred


def warped_distance_db(a: Float, b: Float) -> float:
    """Mean difference of two sounds along the best alignment in time."""
    cost = np.abs(a[:, None, :] - b[None, :, :]).mean(axis=2)
    best = np.full((a.shape[0] + 1, b.shape[0] + 1), np.inf)
    best[0, 0] = 0.0
    for i in range(a.shape[0]):
        for j in range(b.shape[0]):
            best[i + 1, j + 1] = cost[i, j] + min(best[i, j], best[i, j + 1], best[i + 1, j])
    return float(best[-1, -1] / (a.shape[0] + b.shape[0]))


def measure(sentences: Sequence[Pcm16], digits: Sequence[Pcm16]) -> Measured:
    """Everything about one candidate."""
    pcm = np.concatenate(sentences)
    frames = frames_of(pcm)
    level_db = 10 * np.log10((frames**2).mean(axis=1) + 1.0)
    active = level_db > level_db.max() - 30
    f0_hz, periodicity = pitch_of(frames)
    voiced = active & (periodicity > 0.6) & (level_db > level_db.max() - 20)
    unvoiced = active & (periodicity < 0.5)
    power = np.abs(np.fft.rfft(frames * np.hanning(_FRAME))) ** 2
    hz = np.fft.rfftfreq(_FRAME, 1 / SAMPLE_RATE_HZ)
    band, high = (hz >= 200) & (hz <= 3400), (hz >= 2000) & (hz <= 3400)
    speech = power[active][:, band].sum(axis=0)
    noise = power[unvoiced][:, (hz >= 1000) & (hz <= 3400)] + 1.0
    formants = [found[:3] for frame in frames[voiced][::2] if len(found := formants_of(frame)) >= 3]
    envelope = np.sqrt((frames**2).mean(axis=1))
    swing = np.abs(np.fft.rfft(envelope - envelope.mean())) ** 2
    swing_hz = np.fft.rfftfreq(envelope.size, _HOP / SAMPLE_RATE_HZ)
    syllables = swing[(swing_hz >= 2) & (swing_hz <= 10)].sum() * 2 / envelope.size**2
    median_hz = float(np.median(f0_hz[voiced]))
    around_st = 12 * np.log2(np.percentile(f0_hz[voiced], (10, 90)) / median_hz)
    spoken = [log_bands(digit) for digit in digits]
    pairs = [(i, j) for i in range(len(spoken)) for j in range(i)]
    f1, f2, f3 = np.median(np.array(formants), axis=0).tolist()
    return Measured(
        f0_hz=median_hz,
        f0_low_st=float(around_st[0]),
        f0_high_st=float(around_st[1]),
        periodicity=float(np.median(periodicity[voiced])),
        formants_hz=(f1, f2, f3),
        centroid_hz=float((speech * hz[band]).sum() / speech.sum()),
        hiss_db=float(10 * np.log10(power[unvoiced][:, high].mean() / power[voiced][:, band].mean())),
        flatness=float(np.median(np.exp(np.log(noise).mean(axis=1)) / noise.mean(axis=1))),
        modulation=float(np.sqrt(syllables) / envelope.mean()),
        digits_db=min(warped_distance_db(spoken[i], spoken[j]) for i, j in pairs),
        duration_s=pcm.size / SAMPLE_RATE_HZ,
    )


def candidate(variant: str, pitch: int) -> Voice:
    """A voice of Mandarin."""
    base = MANDARIN.name.partition("+")[0]
    return Voice(f"{base}+{variant}" if variant else base, RATE_WPM, pitch)


def spoken(voice: Voice, texts: Sequence[str], directory: Path) -> list[Pcm16]:
    """What a voice makes of texts."""
    engine, found = EspeakEngine(), []
    for text in texts:
        engine.synthesize(text, voice, directory / "spoken.wav")
        found.append(read_pcm(directory / "spoken.wav"))
    return found


def main() -> None:
    """Print the table, and draw the picture if one is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--picture", type=Path)
    parser.add_argument("--variants", nargs="*", default=VARIANTS)
    parser.add_argument("--pitches", nargs="*", type=int, default=PITCHES)
    options = parser.parse_args()
    print("| voice, pitch | F0 | voiced | F1 F2 F3 | centroid | hiss | flatness | modulation | digits |")
    print("|---|---|---|---|---|---|---|---|---|")
    sounds: dict[tuple[str, int], Pcm16] = {}
    results: dict[tuple[str, int], Measured] = {}
    with tempfile.TemporaryDirectory() as name:
        for variant in options.variants:
            for pitch in options.pitches:
                voice = candidate(variant, pitch)
                sentences = spoken(voice, SENTENCES, Path(name))
                measured = measure(sentences, spoken(voice, tuple(DIGITS), Path(name)))
                sounds[variant, pitch], results[variant, pitch] = sentences[0], measured
                print(row(variant, pitch, measured), flush=True)
    if options.picture is not None:
        draw(options.picture, results, sounds)


def row(variant: str, pitch: int, m: Measured) -> str:
    """One line of the table."""
    formants = " ".join(f"{hz:.0f}" for hz in m.formants_hz)
    return (
        f"| {variant or '(none)'}, {pitch} | {m.f0_hz:.0f} ({m.f0_low_st:+.1f} {m.f0_high_st:+.1f}) "
        f"| {m.periodicity:.2f} | {formants} | {m.centroid_hz:.0f} | {m.hiss_db:.1f} | {m.flatness:.2f} "
        f"| {m.modulation:.2f} | {m.digits_db:.2f} |"
    )


def draw(path: Path, results: dict[tuple[str, int], Measured], sounds: dict[tuple[str, int], Pcm16]) -> None:
    """Where the candidates lie, and the spectra of some."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot as plt

    chosen = (MANDARIN.name.partition("+")[2], MANDARIN.pitch)
    figure, axes = plt.subplots(2, 2, figsize=(12, 7.5))
    plain = axes[0, 0]
    for key, m in results.items():
        tones_st, size = m.f0_high_st - m.f0_low_st, 40 * m.digits_db**2
        plain.scatter(m.f0_hz, tones_st, size, color="#e45756" if key == chosen else "#4c78a8", alpha=0.6)
        plain.annotate(f"{key[0] or 'none'} {key[1]}", (m.f0_hz, tones_st), fontsize=7)
    plain.axvspan(200, 260, color="#54a24b", alpha=0.15, linewidth=0)
    plain.set_xlabel("median F0 in Hz (shaded: young women)")
    plain.set_ylabel("range of the tones in semitones")
    plain.set_title("large: digits are far from each other", fontsize=9)
    shown = [key for key in (("", 50), ("f5", 50), chosen) if key in sounds]
    for axis, key in zip(axes.ravel()[1:], dict.fromkeys(shown), strict=False):
        axis.specgram(sounds[key], NFFT=256, Fs=SAMPLE_RATE_HZ, noverlap=192, cmap="Greys")
        axis.set_title(f"{key[0] or 'no variant'}, pitch {key[1]}", fontsize=9)
        axis.set_ylabel("Hz")
        axis.set_xlabel("seconds")
    figure.tight_layout()
    figure.savefig(path, dpi=90)


if __name__ == "__main__":
    main()
