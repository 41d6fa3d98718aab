"""What a caller of text to speech chooses, and what an engine does for it."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


@dataclass(frozen=True)
class Voice:
    """A voice by the engine's name for it, and how fast it speaks.

    `rate_wpm` is in words per minute, 80 to 450. espeak-ng takes a Chinese syllable for a word.

    Raises:
        ValueError: no name, or a rate outside its range.
    """

    name: str
    rate_wpm: int = 160

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("a voice needs a name")
        if not 80 <= self.rate_wpm <= 450:
            raise ValueError(
                f"rate of voice {self.name} is {self.rate_wpm} words per minute, must be 80 to 450"
            )


MANDARIN = Voice("cmn", rate_wpm=180)
ENGLISH = Voice("en-us", rate_wpm=160)


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
