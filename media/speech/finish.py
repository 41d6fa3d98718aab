"""What every engine has in common: which texts it takes, and what becomes of the audio it made."""

from pathlib import Path

from media import convert, wav
from media.errors import SpeechError
from media.speech.trim import with_lead
from media.types import Pcm16

MAX_TEXT_CHARACTERS = 4000


def check_text(engine: str, text: str) -> None:
    """Refuse what no engine can speak. A NUL would end the text for a library in C.

    Raises:
        SpeechError: no text, too long a text, or a NUL; does not quote it.
    """
    if not text.strip():
        raise SpeechError(f"{engine}: there is no text")
    if len(text) > MAX_TEXT_CHARACTERS or "\0" in text:
        raise SpeechError(f"{engine}: a text has up to {MAX_TEXT_CHARACTERS} characters and no NUL")


def write_speech(pcm: Pcm16, target: Path, level_dbm0: float) -> None:
    """Write trimmed speech as a prompt: at its level, begun by the silence that a stream's start costs.

    Raises:
        MediaFileError: the target cannot be written.
    """
    wav.write_alaw(target, with_lead(convert.to_active_level(pcm, level_dbm0)))
