"""An engine for tests: no process, no voice, but a different and repeatable sound for every text."""

import hashlib
from pathlib import Path

import numpy as np

from media import wav
from media.errors import SpeechError
from media.speech.voice import Voice
from media.types import SAMPLE_RATE_HZ

CHARACTER_MS = 100


class HumEngine:
    """A `SpeechEngine` that hums 100 ms a character; `spoken` has what it was asked for, in order."""

    def __init__(self, fails: bool = False) -> None:
        self.spoken: list[tuple[str, Voice]] = []
        self._fails = fails

    @property
    def name(self) -> str:
        return "hum"

    def synthesize(self, text: str, voice: Voice, target: Path) -> None:
        """As `SpeechEngine.synthesize`; raises `SpeechError` for every text when made with `fails`."""
        self.spoken.append((text, voice))
        if self._fails or not text:
            raise SpeechError("hum: cannot speak")
        seed = hashlib.sha256(f"{voice.name} {voice.rate_wpm} {text}".encode()).digest()
        frequency_hz = 200 + seed[0]
        t_s = np.arange(len(text) * CHARACTER_MS * SAMPLE_RATE_HZ // 1000) / SAMPLE_RATE_HZ
        wav.write_alaw(target, np.rint(6000 * np.sin(2 * np.pi * frequency_hz * t_s)).astype(np.int16))
