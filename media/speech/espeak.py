"""espeak-ng by way of pyttsx3: small, offline, Mandarin and English, on every machine that has libespeak-ng.

Each piece of a text is spoken by a process of its own (`media.speech.render`), which is killed when it takes
too long: the driver can hang in native code, and its state does not survive a second text.
"""

import os
import sys
import tempfile
from pathlib import Path

import numpy as np

from media import convert
from media.errors import MediaError, SpeechError
from media.speech.child import Children
from media.speech.finish import check_text, write_speech
from media.speech.script import by_script
from media.speech.trim import LEAD_MS, trim_silence
from media.speech.voice import ENGLISH, Voice
from media.types import SAMPLE_RATE_HZ, Pcm16

TIME_OUT_S = 20.0
"""A sentence takes 0.2 s and a page of text about 1 s; a loaded machine gets twenty times that."""

PARALLEL = 4
"""As many as there are legs in a process; more would only wait for each other on a small machine."""

ENGLISH_PERCENT = 89
"""Of the rate of Mandarin: an English word is longer than a Chinese syllable (160 to 180 words a minute)."""

_SOURCE_ROOT = Path(__file__).resolve().parents[2]
_JOINT = np.zeros(60 * SAMPLE_RATE_HZ // 1000, dtype=np.int16)
"""Between two voices, besides the silence either keeps: one breath, so that neither runs into the other."""


class EspeakEngine:
    """A `SpeechEngine`. Has no state between texts; any number of threads may share one.

    Args:
        time_out_s: for one text, its turn included; after this the child process is killed.
        level_dbm0: active level of the speech.
        parallel: how many texts are spoken at once.
        command: what is run instead of `python -m media.speech.render`, with the same arguments.
    """

    def __init__(
        self,
        time_out_s: float = TIME_OUT_S,
        level_dbm0: float = convert.PROMPT_LEVEL_DBM0,
        parallel: int = PARALLEL,
        command: tuple[str, ...] = (sys.executable, "-m", "media.speech.render"),
    ) -> None:
        self._time_out_s = time_out_s
        self._level_dbm0 = level_dbm0
        self._command = command
        self._children = Children("espeak-ng", time_out_s, parallel)

    @property
    def name(self) -> str:
        """As `SpeechEngine.name`; the level is part of the sound."""
        return f"espeak-ng {self._level_dbm0:g} dBm0;lead {LEAD_MS} ms;two scripts;readings of words"

    def synthesize(self, text: str, voice: Voice, target: Path) -> None:
        """As `SpeechEngine.synthesize`. English words in a Chinese text are spoken by the English voice.

        Raises:
            SpeechError: no text, too long a text, an unknown voice, no libespeak-ng, a time-out, or only
                silence.
            MediaFileError: the target cannot be written.
        """
        check_text("espeak-ng", text)
        parts: list[Pcm16] = []
        with (
            self._children.turn() as until_s,
            tempfile.TemporaryDirectory(prefix="ivrcore-speech-") as directory,
        ):
            for number, (piece, piece_voice) in enumerate(_pieces(text, voice)):
                spoken = Path(directory) / f"{number}.wav"
                self._run(piece, piece_voice, spoken, until_s)
                try:
                    part = trim_silence(convert.load_audio(spoken))
                except MediaError as error:
                    raise SpeechError(f"espeak-ng: wrote no audio for voice {piece_voice.name}") from error
                if part.size:
                    parts += [convert.to_active_level(part, self._level_dbm0), _JOINT]
        if not parts:
            raise SpeechError(f"espeak-ng: voice {voice.name} has nothing to say for this text")
        write_speech(np.concatenate(parts[:-1]), target, self._level_dbm0)

    def _run(self, text: str, voice: Voice, spoken: Path, until_s: float) -> None:
        # The child finds this package wherever the parent runs, installed or not.
        paths = [str(_SOURCE_ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
        arguments = [voice.name, str(voice.rate_wpm), str(voice.pitch), str(self._time_out_s), str(spoken)]
        self._children.run([*self._command, *arguments], text, until_s, environment=environment)


def _pieces(text: str, voice: Voice) -> tuple[tuple[str, Voice], ...]:
    """What is spoken by whom: English words of a Chinese text by the same speaker's English."""
    if voice.language == ENGLISH.language:
        return ((text, voice),)
    base = ENGLISH.name.partition("+")[0]
    _, plus, variant = voice.name.partition("+")
    english = Voice(base + plus + variant, voice.rate_wpm * ENGLISH_PERCENT // 100, voice.pitch, "en")
    return tuple((piece, english if latin else voice) for piece, latin in by_script(text))
