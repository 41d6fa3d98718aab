"""A verification code as one sound: its digits one by one, and silence after it, so that it can be repeated.

Only single digits are cached. The file of the whole code is a secret: its directory is this user's alone,
in memory where the system has such a place, and it is gone after the call.
"""

import shutil
import tempfile
from pathlib import Path

import numpy as np

from ivrcore.request import Language
from media.errors import MediaFileError
from media.speech.cache import SpeechCache
from media.speech.voice import ENGLISH, MANDARIN
from media.types import SAMPLE_RATE_HZ, Pcm16
from media.wav import read_pcm, write_alaw

DIGIT_PAUSE_MS = 250
"""Between two digits, besides what the engine leaves around each: time to write one down."""

CODE_PAUSE_MS = 1000
"""After the last digit: where one repetition ends and the next begins is heard."""

# 一, not 幺: the service reads "1234" as 一二三四 (FAQ 8.8).
WORDS = {
    Language.CHINESE: "零一二三四五六七八九",
    Language.ENGLISH: ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"),
}
VOICES = {Language.CHINESE: MANDARIN, Language.ENGLISH: ENGLISH}

_IN_MEMORY = Path("/dev/shm")


class SpokenCode:
    """The file of one spoken code, from its making until `forget`."""

    def __init__(self, code: str, language: Language, speech: SpeechCache) -> None:
        """Speak a code.

        Args:
            code: digits 0 to 9.
            speech: holds the ten digits of each language after their first use.

        Raises:
            SpeechError: a digit cannot be spoken.
            MediaFileError: nothing can be written. In both cases nothing of the code is left.
        """
        pcm = spoken(code, language, speech)
        try:
            self._directory = Path(tempfile.mkdtemp(prefix="ivrcore-", dir=_memory_or_none()))
        except OSError as error:
            raise MediaFileError(f"no room for a spoken code: {error.strerror}") from error
        try:
            self.path = self._directory / "code.wav"
            write_alaw(self.path, pcm)
        except Exception:
            self.forget()
            raise

    def forget(self) -> None:
        """Delete it; a second time is fine."""
        shutil.rmtree(self._directory, ignore_errors=True)


def spoken(code: str, language: Language, speech: SpeechCache) -> Pcm16:
    """The samples of a spoken code: digit, pause, digit, ..., digit, long pause.

    Raises:
        SpeechError, MediaFileError: as SpeechCache.speak.
    """
    pause, end = (
        np.zeros(ms * SAMPLE_RATE_HZ // 1000, dtype=np.int16) for ms in (DIGIT_PAUSE_MS, CODE_PAUSE_MS)
    )
    parts: list[Pcm16] = []
    for digit in code:
        parts += [read_pcm(speech.speak(WORDS[language][int(digit)], VOICES[language])), pause]
    return np.concatenate([*parts[:-1], end])


def _memory_or_none() -> Path | None:
    return _IN_MEMORY if _IN_MEMORY.is_dir() else None
