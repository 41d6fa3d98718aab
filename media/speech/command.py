"""Any program as a speech engine: a command line with `{wav}`, and `{text}` unless it reads standard input.

    mouth --voice {voice} --out {wav} {text}

No shell reads the line. What is between braces is filled in word by word, so a text is one argument whatever
it holds. Every user of the machine can read arguments: a program that reads standard input keeps texts to
itself.
"""

import hashlib
import re
import shlex
import tempfile
from pathlib import Path

from media import convert
from media.errors import MediaError, SpeechError
from media.speech.child import Children
from media.speech.espeak import PARALLEL, TIME_OUT_S
from media.speech.finish import check_text, write_speech
from media.speech.trim import LEAD_MS, trim_silence
from media.speech.voice import Voice

PLACES = ("text", "wav", "voice", "language", "rate", "pitch")

_PLACE = re.compile(r"\{([^{}]*)\}")


def words_of(command: str) -> tuple[str, ...]:
    """The words of a command line.

    Raises:
        ValueError: it cannot be read, names no `{wav}`, or a place there is none of.
    """
    try:
        words = tuple(shlex.split(command))
    except ValueError as error:
        raise ValueError(f"the speech command cannot be read: {error}") from None
    if not words:
        raise ValueError("the speech command is empty")
    places = {place for word in words for place in _PLACE.findall(word)}
    if unknown := sorted(places - set(PLACES)):
        raise ValueError(f"the speech command has {{{unknown[0]}}}; there are " + ", ".join(PLACES))
    if "wav" not in places:
        raise ValueError("the speech command has no {wav}: where the audio goes")
    return words


class CommandEngine:
    """A `SpeechEngine`. Any number of threads may share one.

    Args:
        command: the line; `{rate}` is in words per minute, `{language}` zh or en.
        time_out_s: for one text, its turn included; then the program is killed, with all it started.
        parallel: how many run at once.
        level_dbm0: active level of the speech.
        complaints: a descriptor for its standard error, which may quote the text; None drops it.

    Raises:
        ValueError: as `words_of`.
    """

    def __init__(
        self,
        command: str,
        time_out_s: float = TIME_OUT_S,
        parallel: int = PARALLEL,
        level_dbm0: float = convert.PROMPT_LEVEL_DBM0,
        complaints: int | None = None,
    ) -> None:
        self._words = words_of(command)
        self._level_dbm0 = level_dbm0
        self._complaints = complaints
        self._children = Children("speech command", time_out_s, parallel)

    @property
    def name(self) -> str:
        """As `SpeechEngine.name`: another line is another sound."""
        line = hashlib.sha256(shlex.join(self._words).encode()).hexdigest()[:16]
        return f"command {line};{self._level_dbm0:g} dBm0;lead {LEAD_MS} ms"

    def synthesize(self, text: str, voice: Voice, target: Path) -> None:
        """As `SpeechEngine.synthesize`. Any audio that `media.convert` reads will do.

        Raises:
            SpeechError: a text that cannot be spoken, no such program, a status that is not 0, a time-out, no
                audio, or only silence.
            MediaFileError: the target cannot be written.
        """
        check_text("speech command", text)
        with (
            self._children.turn() as until_s,
            tempfile.TemporaryDirectory(prefix="ivrcore-speech-") as directory,
        ):
            spoken = Path(directory) / "spoken.wav"
            arguments = self._filled(text, voice, spoken)
            # Its last words are not told: they may be the text.
            self._children.run(
                arguments, text, until_s, leashed=True, quoted=False, complaints=self._complaints
            )
            try:
                pcm = trim_silence(convert.load_audio(spoken))
            except MediaError as error:
                raise SpeechError("speech command: wrote no audio that can be read") from error
        if pcm.size == 0:
            raise SpeechError("speech command: wrote nothing but silence")
        write_speech(pcm, target, self._level_dbm0)

    def _filled(self, text: str, voice: Voice, spoken: Path) -> list[str]:
        places = {
            # A text that begins with a dash would be an option.
            "text": f" {text}" if text.startswith("-") else text,
            "wav": str(spoken),
            "voice": voice.name,
            "language": voice.language,
            "rate": str(voice.rate_wpm),
            "pitch": str(voice.pitch),
        }
        return [_PLACE.sub(lambda place: places[place[1]], word) for word in self._words]
