"""What is played in these calls: elements and tones are talks of their own, digits as the core says them."""

from collections.abc import Iterable
from pathlib import Path

from ivrcore.contents import Text
from ivrcore.request import Language
from ivrcore.spoken_code import VOICES, WORDS
from media.fingerprint import KnownSignal
from media.speech.cache import SpeechCache
from media.speech.espeak import EspeakEngine
from media.testsignal import talk
from media.wav import read_pcm, write_alaw

ELEMENTS = ("element 1", "element 2", "element 3", "element 4", "element 5")
PRE_TONE, POS_TONE, SPOKEN_TEXT = "preTone", "posTone", "text"
TEXT = "谢谢，再见。"

SPOKEN_DIGITS = {Language.CHINESE: (0, 1, 3, 4, 8), Language.ENGLISH: (2, 7)}
"""Those of the codes: to speak one takes half a second."""

ELEMENT_S = 0.8
TONE_S = 0.6
SEED = 31


class Sounds:
    """Files and fingerprints, by name; speech is in the cache of the cores that use this data directory."""

    def __init__(self, folder: Path, data: Path) -> None:
        folder.mkdir()
        self._paths = {
            name: folder / f"{name.replace(' ', '-')}.wav" for name in (*ELEMENTS, PRE_TONE, POS_TONE)
        }
        for seed, (name, path) in enumerate(self._paths.items(), start=SEED):
            write_alaw(path, talk(seed, ELEMENT_S if name in ELEMENTS else TONE_S))
        speech = SpeechCache(EspeakEngine(), data / "cache")
        text = Text(TEXT)
        self._known = [KnownSignal(name, read_pcm(path)) for name, path in self._paths.items()]
        self._known.append(KnownSignal(SPOKEN_TEXT, read_pcm(speech.speak(text.text, text.voice))))
        self._digits = {
            language: [
                KnownSignal(str(digit), read_pcm(speech.speak(WORDS[language][digit], VOICES[language])))
                for digit in digits
            ]
            for language, digits in SPOKEN_DIGITS.items()
        }

    def in_files(self, order: Iterable[str]) -> list[str]:
        """A command line that names sounds, with their files."""
        return [str(self._paths.get(word, word)) for word in order]

    def known(self, language: Language | None) -> list[KnownSignal]:
        """Everything that could be heard, and the digits of a language."""
        if language is None:
            return self._known
        return [*self._known, *self._digits[language]]
