"""Each text is spoken once: the same engine, voice, rate and text give the same file."""

from pathlib import Path

from media.rendered import content_key, rendered_once
from media.speech.voice import SpeechEngine, Voice

_FORMAT = "alaw-8000-1"
"""Counted up whenever the same text would be converted or trimmed differently."""


class SpeechCache:
    """Speech in a directory of the caller's. Several threads and processes may share the directory."""

    def __init__(self, engine: SpeechEngine, directory: Path) -> None:
        self._engine = engine
        self._directory = directory

    def path_of(self, text: str, voice: Voice) -> Path:
        """Where a text is or will be; nothing is rendered, and the name does not give the text away."""
        key = content_key(_FORMAT, self._engine.name, voice.name, voice.rate_wpm, text)
        return self._directory / f"{key}.wav"

    def speak(self, text: str, voice: Voice) -> Path:
        """The file of a text, rendered first if need be.

        Raises:
            SpeechError, MediaFileError: as `SpeechEngine.synthesize`; then nothing is cached.
        """
        return rendered_once(
            self.path_of(text, voice), lambda target: self._engine.synthesize(text, voice, target)
        )
