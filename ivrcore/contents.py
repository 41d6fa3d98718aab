"""What an element of a notification plays: a file or a text (FAQ 6.4)."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from media.speech.voice import ENGLISH, MANDARIN, Voice


@dataclass(frozen=True)
class Text:
    """A text that is spoken. It may hold a password, so no repr shows it."""

    text: str = field(repr=False)

    @property
    def voice(self) -> Voice:
        """Mandarin reads English badly (FAQ 8.8): Latin letters without a Chinese character are English."""
        chinese = any("\u4e00" <= character <= "\u9fff" for character in self.text)
        latin = any(character.isascii() and character.isalpha() for character in self.text)
        return ENGLISH if latin and not chinese else MANDARIN


ContentSource: TypeAlias = Path | Text
