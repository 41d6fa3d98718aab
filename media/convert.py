"""Any common audio file becomes telephone audio: mono, 8000 Hz, levelled, A-law.

Files of the telephone side are read by `media.wav`, which also copes with headers that were never
completed. The rest (WAV of any width and rate, FLAC, OGG, MP3, AIFF, AU) is libsndfile's, by way of
`soundfile`.
"""

import math
from dataclasses import dataclass
from fractions import Fraction
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile

from media import level, wav
from media.errors import MediaFileError, MediaFormatError
from media.level import FULL_SCALE, FULL_SCALE_SINE_DBM0
from media.types import SAMPLE_RATE_HZ, Pcm16
from media.wav import WavInfo

Float = npt.NDArray[np.float64]

MIN_RATE_HZ = 4_000
MAX_RATE_HZ = 192_000
MAX_DURATION_S = 3600
"""What we are ready to hold in memory, decoded; a prompt of the service ends at 2 MB, 4 min 22 s."""

PROMPT_LEVEL_DBM0 = -16.0
"""Active speech level of prompts: as loud as a near talker, with 18 dB left for peaks."""

PEAK_LIMIT_DBM0 = 2.5
"""No sample comes closer to the overload point (+3.14 dBm0, ITU-T G.711) than a sine of this level."""

_PEAK_LIMIT = 10 ** ((PEAK_LIMIT_DBM0 - FULL_SCALE_SINE_DBM0) / 20)  # of full scale 1.0
_STOP_BAND_DB = 80.0
_PASS_BAND = 0.9  # of the lower Nyquist frequency: 3600 Hz of 4000 Hz, above the 3400 Hz of the telephone
_MAX_RATIO = 8000  # odd rates are met to within 1e-7, and the filter stays small
_BLOCK_FRAMES = 1 << 16
_SILENCE = 2 / FULL_SCALE  # dither and rounding; raised by 70 dB it would be a prompt of noise


@dataclass(frozen=True)
class Conversion(WavInfo):
    """The written file, and what was done to its level."""

    gain_db: float
    """Gain that was applied, relative to the source's full scale."""

    level_dbm0: float
    """Active level of what was written; -inf for silence."""

    peak_limited: bool
    """The wanted level would have clipped: the gain is smaller, the level below what was asked for."""


def load_audio(path: str | PathLike[str]) -> Pcm16:
    """Samples of an audio file as the telephone would hear them, levels as they are.

    Mono A-law, mu-law and 16-bit PCM at 8000 Hz come back sample for sample. Several channels become their
    mean. Resampling is linear-phase and centred, so that edges stay where they are.

    Args:
        path: WAV (PCM, float, A-law, mu-law), FLAC, OGG, MP3, AIFF or AU; 4 to 192 kHz, any number of
            channels, at most an hour.

    Returns:
        int16, shape (n_samples,), at 8000 Hz; samples beyond full scale are clipped.

    Raises:
        MediaFileError: missing, unreadable, or no audio file.
        MediaFormatError: rate, length or samples (not finite) out of range, or no samples at all.
    """
    return _to_pcm16(_load(Path(path)))


def to_alaw_wav(
    source: str | PathLike[str], target: str | PathLike[str], level_dbm0: float = PROMPT_LEVEL_DBM0
) -> Conversion:
    """Convert an audio file into a prompt: A-law, 8000 Hz, mono, without DC, at an active level.

    Args:
        source: as for `load_audio`.
        target: appears complete or not at all; an existing file is replaced.
        level_dbm0: wanted active speech level (ITU-T P.56). Peaks are never clipped: where they would be, the
            gain is reduced and the result says so. Silence stays silence.

    Returns:
        Properties of the target and the gain that was applied.

    Raises:
        MediaFileError, MediaFormatError: as `load_audio`, or the target cannot be written.
    """
    pcm, gain_db, peak_limited = _levelled(_load(Path(source), without_dc=True), level_dbm0)
    wav.write_alaw(target, pcm)
    info = wav.read_info(target)
    return Conversion(
        **vars(info), gain_db=gain_db, level_dbm0=level.active_level_dbm0(pcm), peak_limited=peak_limited
    )


def to_active_level(pcm: Pcm16, level_dbm0: float) -> Pcm16:
    """Bring speech to an active level, as `to_alaw_wav` does; less, where its peaks would clip.

    Args:
        pcm: mono samples at 8000 Hz, int16, shape (n_samples,), n_samples > 0; not modified.
        level_dbm0: wanted active speech level.
    """
    return _levelled(pcm / FULL_SCALE, level_dbm0)[0]


def _levelled(audio: Float, level_dbm0: float) -> tuple[Pcm16, float, bool]:
    """(samples, gain in dB, whether the peaks held the gain back) for a wanted active level."""
    peak = float(np.abs(audio).max())
    if peak <= _SILENCE:
        return _to_pcm16(audio), 0.0, False
    # Measured at full amplitude, or the rounding to int16 would count as signal in a very quiet file.
    active_dbm0 = level.active_level_dbm0(_to_pcm16(audio * (_PEAK_LIMIT / peak)))
    most_db = 20 * math.log10(_PEAK_LIMIT / peak)
    if not math.isfinite(active_dbm0):  # nothing that counts as speech: a lone click
        return _to_pcm16(audio * min(1.0, _PEAK_LIMIT / peak)), min(0.0, most_db), False
    wanted_db = level_dbm0 - active_dbm0 + most_db
    gain_db = min(wanted_db, most_db)
    return _to_pcm16(audio * 10 ** (gain_db / 20)), gain_db, wanted_db > most_db


def _to_pcm16(audio: Float) -> Pcm16:
    return np.clip(np.rint(audio * FULL_SCALE), -32768, 32767).astype(np.int16)


def _load(path: Path, *, without_dc: bool = False) -> Float:
    """Mono audio at 8000 Hz, float64, full scale 1.0."""
    try:
        # First our own: exact to the code, and at home with the headers that killed recorders leave.
        audio, rate_hz = wav.read_pcm(path) / FULL_SCALE, SAMPLE_RATE_HZ
    except (MediaFormatError, MediaFileError):
        audio, rate_hz = _load_foreign(path)
    if audio.size == 0:
        raise MediaFormatError(f"{path}: audio is 0 samples long, must be at least 1")
    # Before resampling, whose filter would make a click of the step at either end.
    return _resampled(audio - audio.mean() if without_dc else audio, rate_hz)


def _load_foreign(path: Path) -> tuple[Float, int]:
    """Mono audio as libsndfile reads it, and its sampling rate in Hz."""
    if not path.is_file():
        raise MediaFileError(f"{path}: is missing or not a file")
    try:
        with soundfile.SoundFile(path) as file:
            rate_hz = file.samplerate
            if not MIN_RATE_HZ <= rate_hz <= MAX_RATE_HZ:
                raise MediaFormatError(
                    f"{path}: sample rate is {rate_hz} Hz, must be {MIN_RATE_HZ} to {MAX_RATE_HZ} Hz"
                )
            mono: list[Float] = []
            n_frames = 0
            # Block by block, down to one channel at once: a small compressed file may hold days of silence.
            while (block := file.read(_BLOCK_FRAMES, dtype="float64", always_2d=True)).size:
                mono.append(block.mean(axis=1))
                n_frames += block.shape[0]
                if n_frames > MAX_DURATION_S * rate_hz:
                    raise MediaFormatError(f"{path}: audio is longer than {MAX_DURATION_S} s")
    except (soundfile.SoundFileError, OSError, TypeError) as error:  # TypeError: a name that ends in .raw
        reason = " ".join(str(error).replace(str(path), path.name).split())
        raise MediaFileError(f"{path}: no audio file that can be read ({reason})") from error
    audio = np.concatenate(mono) if mono else np.zeros(0)
    if not np.isfinite(audio).all():
        raise MediaFormatError(f"{path}: audio has samples that are not finite numbers")
    return audio, rate_hz


def _resampled(audio: Float, rate_hz: int) -> Float:
    """Audio at 8000 Hz; sample n of the input stays at n / rate_hz seconds."""
    from scipy import signal  # takes half a second to load, and most processes convert nothing

    ratio = Fraction(SAMPLE_RATE_HZ, rate_hz).limit_denominator(_MAX_RATIO)
    if ratio == 1:
        return audio
    lower_nyquist_hz = min(rate_hz, SAMPLE_RATE_HZ) / 2
    filter_rate_hz = rate_hz * ratio.numerator
    transition = lower_nyquist_hz * (1 - _PASS_BAND) / (filter_rate_hz / 2)
    n_taps, beta = signal.kaiserord(_STOP_BAND_DB, transition)
    # An odd length has its centre on a sample: the delay can be taken out whole.
    taps = signal.firwin(
        n_taps | 1, lower_nyquist_hz * (1 + _PASS_BAND) / 2, window=("kaiser", beta), fs=filter_rate_hz
    )
    # scipy-stubs knows no window given as taps, which scipy documents.
    resampled: Float = signal.resample_poly(  # type: ignore[call-overload]
        audio, ratio.numerator, ratio.denominator, window=taps
    )
    return resampled
