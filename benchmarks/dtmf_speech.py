"""Real speech and music for talk-off tests, fetched from the Debian archive by the machine's own apt.

Nothing is installed: the packages are downloaded, unpacked to a cache directory and decoded to 8000 Hz once.
Left out: anything copyright forbids to fetch (the Bellcore tapes).
"""

import subprocess
from collections.abc import Iterator
from math import gcd
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from scipy.signal import resample_poly

from media.dtmf.testing import Signal, amplitude_of
from media.types import SAMPLE_RATE_HZ, Pcm16

PACKAGES = (
    "asterisk-core-sounds-en-wav",
    "asterisk-core-sounds-es-wav",
    "asterisk-core-sounds-fr-wav",
    "asterisk-core-sounds-it-wav",
    "asterisk-core-sounds-ru-wav",
    "asterisk-prompt-it-menardi-wav",
    "asterisk-prompt-es-co",
    "asterisk-prompt-fr-armelle",
    "gcin-voice",
    "fillets-ng-data-cs",
    "ktuberling-data",
    "asterisk-moh-opsound-wav",
)
"""Prompts in seven languages, dialogue, single words, Mandarin syllables, music."""

SUFFIXES = (".wav", ".ogg", ".opus", ".gsm")


def fetch(package: str, cache: Path) -> Path:
    """Download and unpack one Debian package; return where its files are.

    Raises:
        subprocess.CalledProcessError: apt-get or dpkg-deb refused.
    """
    target = cache / package
    if not target.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", package], cwd=cache, check=True, capture_output=True)
        archive = next(cache.glob(f"{package}_*.deb"))
        subprocess.run(["dpkg-deb", "-x", str(archive), str(target)], check=True)
        archive.unlink()
    return target


def decode(path: Path) -> Pcm16 | None:
    """One file as mono int16 at 8000 Hz, or None when it holds no audio worth testing (under 0.1 s,
    silent)."""
    raw = {"samplerate": 8000, "channels": 1, "format": "RAW", "subtype": "GSM610"}
    try:
        samples, rate_hz = soundfile.read(path, dtype="float32", **(raw if path.suffix == ".gsm" else {}))
    except soundfile.LibsndfileError:
        return None
    mono = samples.mean(axis=1) if samples.ndim == 2 else samples
    if rate_hz != SAMPLE_RATE_HZ:
        divisor = gcd(rate_hz, SAMPLE_RATE_HZ)
        mono = resample_poly(mono, SAMPLE_RATE_HZ // divisor, rate_hz // divisor)
    if mono.size < SAMPLE_RATE_HZ // 10 or float(np.abs(mono).max()) < 1e-3:
        return None
    peak = float(np.abs(mono).max())
    scale = 32767.0 / max(peak, 1.0)
    pcm: Pcm16 = np.round(mono * scale).astype(np.int16)
    return pcm


def recordings(package: str, cache: Path) -> Iterator[Pcm16]:
    """Every recording of a package in the order of its paths; digits spoken as tones (dtmf-*.wav) are left
    out."""
    root = fetch(package, cache)
    for path in sorted(root.rglob("*")):
        if path.suffix not in SUFFIXES or "dtmf" in path.name:
            continue
        pcm = decode(path)
        if pcm is not None:
            yield pcm


def load(package: str, cache: Path) -> Pcm16:
    """All of a package end to end, 100 ms of silence after each recording; decoded once, then read from the
    cache."""
    stored = cache / f"{package}.npy"
    if not stored.exists():
        gap = np.zeros(SAMPLE_RATE_HZ // 10, dtype=np.int16)
        parts = [part for pcm in recordings(package, cache) for part in (pcm, gap)]
        np.save(stored, np.concatenate(parts))
    loaded: Pcm16 = np.load(stored)
    return loaded


def levelled(audio: Pcm16, level_dbm0: float = -15.0) -> Signal:
    """Speech with its louder parts at about that level, as ITU-T tests of digit simulation play it."""
    samples = audio.astype(np.float64)
    blocks = np.sqrt(np.mean(samples[: samples.size // 400 * 400].reshape(-1, 400) ** 2, axis=1))
    active = blocks[blocks > 0.1 * np.percentile(blocks, 95)]
    gain = amplitude_of(level_dbm0) / np.sqrt(2) / max(float(np.sqrt(np.mean(active**2))), 1.0)
    levelled: npt.NDArray[np.float64] = samples * gain
    return levelled
