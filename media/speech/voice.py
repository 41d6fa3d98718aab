"""What a caller of text to speech chooses, and what an engine does for it."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

LANGUAGES = ("zh", "en")

_HAN = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
_LATIN = re.compile("[A-Za-z\uff21-\uff3a\uff41-\uff5a]")


@dataclass(frozen=True)
class Voice:
    """A voice by the engine's name for it, how fast and how high it speaks, and what it reads.

    `rate_wpm` is in words per minute, 80 to 450; espeak-ng takes a Chinese syllable for a word. `pitch` is 0
    to 99, 50 being the voice's own. `language` is "zh" or "en": by its rules texts are read
    (media.speech.reading).

    Raises:
        ValueError: no name, no such language, or a rate or pitch outside its range.
    """

    name: str
    rate_wpm: int = 160
    pitch: int = 50
    language: str = "zh"

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("a voice needs a name")
        if not 80 <= self.rate_wpm <= 450:
            raise ValueError(
                f"rate of voice {self.name} is {self.rate_wpm} words per minute, must be 80 to 450"
            )
        if not 0 <= self.pitch <= 99:
            raise ValueError(f"pitch of voice {self.name} is {self.pitch}, must be 0 to 99")
        if self.language not in LANGUAGES:
            raise ValueError(f"language of voice {self.name} is {self.language!r}, must be zh or en")


# The Mandarin of espeak-ng 1.51 named plainly ("cmn") speaks two characters of three as English: their pinyin
# as a word, their tone as a number. This one takes Latin letters for pinyin, as its dictionary means them.
MANDARIN = Voice("cmn-latn-pinyin+Annie", rate_wpm=180, pitch=60)
ENGLISH = Voice("en-us+Annie", rate_wpm=160, pitch=60, language="en")


def voice_for(text: str) -> Voice:
    """Who reads a text: Latin letters without a Chinese character are English, all else is Mandarin.

    Source: FAQ 8.8, by which the service's Mandarin voice reads English badly.
    """
    return ENGLISH if _LATIN.search(text) and not _HAN.search(text) else MANDARIN


class SpeechEngine(Protocol):
    """Anything that can speak a text into a file."""

    @property
    def name(self) -> str:
        """Identifies the engine and its version in the cache: another name is another sound."""

    def synthesize(self, text: str, voice: Voice, target: Path) -> None:
        """Speak a text into an A-law WAV at 8000 Hz, levelled, with at most 100 ms of silence at either end.

        Blocks for the time of the synthesis: call it off the reactor's thread.

        Args:
            text: what to say, as it is; not empty.
            voice: one the engine knows.
            target: appears complete or not at all.

        Raises:
            SpeechError: the engine failed, took too long, or had nothing to say; never quotes the text.
            MediaFileError: the target cannot be written.
        """
