"""What an element of a notification plays: a file or a text (FAQ 6.4)."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from media.speech.voice import Voice, voice_for


@dataclass(frozen=True)
class Text:
    """A text that is spoken. It may hold a password, so no repr shows it."""

    text: str = field(repr=False)

    @property
    def voice(self) -> Voice:
        """Whose turn it is: media.speech.voice."""
        return voice_for(self.text)


ContentSource: TypeAlias = Path | Text
