"""`ivrcore say`: a text into a prompt, as calls hear it, and the words it is read as."""

import sys
from pathlib import Path

from ivrcore.request import RequestError
from media.errors import MediaFileError
from media.speech.choice import COMMAND, SpeechSettings, speech_engine
from media.speech.reading import read_aloud
from media.speech.voice import ENGLISH, MANDARIN, voice_for
from media.wav import read_info

_VOICES = {voice.language: voice for voice in (MANDARIN, ENGLISH)}


def run_say(text: str, target: Path, language: str, settings: SpeechSettings) -> int:
    """Speak a text into an A-law WAV file, and print what was read; returns the exit status.

    Args:
        language: "zh", "en", or "" for that of the text.

    Raises:
        SpeechError: the text cannot be spoken.
        MediaFileError: the target cannot be written.
    """
    voice = _VOICES[language] if language else voice_for(text)
    words = read_aloud(text, voice.language)
    if not target.parent.is_dir():  # before anybody speaks
        raise MediaFileError(f"{target}: cannot write: there is no such directory")
    # Whoever gives the text may see it again: a program's complaints come through.
    engine = speech_engine(settings, complaints=sys.__stderr__.fileno() if sys.__stderr__ else None)
    engine.synthesize(words, voice, target)
    info = read_info(target)
    print(words)  # noqa: T201
    print(f"{target}: A-law, {info.sample_rate_hz} Hz, {info.duration_s:.2f} s")  # noqa: T201
    return 0


def settings_of(command: str) -> SpeechSettings:
    """What `--speech-command` says; "" is espeak-ng.

    Raises:
        RequestError: no command line that can be used.
    """
    if not command:
        return SpeechSettings()
    try:
        return SpeechSettings(engine=COMMAND, command=command)
    except ValueError as error:
        raise RequestError(f"--speech-command: {error}") from None
