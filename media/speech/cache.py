"""Each text is read and spoken once: the same engine, voice and words give the same file."""

from pathlib import Path

from media.rendered import content_key, rendered_once
from media.speech.reading import read_aloud
from media.speech.voice import SpeechEngine, Voice

_FORMAT = "alaw-8000-2"
"""Counted up whenever the same text would be converted or trimmed differently."""


class SpeechCache:
    """Speech in a directory of the caller's. Several threads and processes may share the directory."""

    def __init__(self, engine: SpeechEngine, directory: Path) -> None:
        self._engine = engine
        self._directory = directory

    def path_of(self, text: str, voice: Voice) -> Path:
        """Where a text is or will be; nothing is rendered, and the name does not give the text away."""
        return self._path_of_words(read_aloud(text, voice.language), voice)

    def speak(self, text: str, voice: Voice) -> Path:
        """The file of a text, rendered first if need be; figures and signs are read by the voice's language.

        Raises:
            SpeechError, MediaFileError: as `SpeechEngine.synthesize`; then nothing is cached.
        """
        words = read_aloud(text, voice.language)
        return rendered_once(
            self._path_of_words(words, voice),
            lambda target: self._engine.synthesize(words, voice, target),
        )

    def _path_of_words(self, words: str, voice: Voice) -> Path:
        # By the words, not by the text: whenever reading is changed, what it changes is rendered again.
        key = content_key(_FORMAT, self._engine.name, voice.name, voice.rate_wpm, voice.pitch, words)
        return self._directory / f"{key}.wav"
