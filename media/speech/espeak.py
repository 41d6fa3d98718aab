"""espeak-ng by way of pyttsx3: small, offline, Mandarin and English, on every machine that has libespeak-ng.

Each text is spoken by a process of its own (`media.speech.render`), which is killed when it takes too long:
the driver can hang in native code, and its state does not survive a second text.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from media import convert, wav
from media.errors import MediaError, SpeechError
from media.speech.trim import LEAD_MS, trim_silence, with_lead
from media.speech.voice import Voice

TIME_OUT_S = 20.0
"""A sentence takes 0.1 s and a page of text about 1 s; a loaded machine gets twenty times that."""

MAX_TEXT_CHARACTERS = 4000

_SOURCE_ROOT = Path(__file__).resolve().parents[2]


class EspeakEngine:
    """A `SpeechEngine`. Has no state between texts; any number of threads may share one.

    Args:
        time_out_s: after this the child process is killed.
        level_dbm0: active level of the speech.
        command: what is run instead of `python -m media.speech.render`, with the same arguments.
    """

    def __init__(
        self,
        time_out_s: float = TIME_OUT_S,
        level_dbm0: float = convert.PROMPT_LEVEL_DBM0,
        command: tuple[str, ...] = (sys.executable, "-m", "media.speech.render"),
    ) -> None:
        self._time_out_s = time_out_s
        self._level_dbm0 = level_dbm0
        self._command = command

    @property
    def name(self) -> str:
        """As `SpeechEngine.name`; the level is part of the sound."""
        return f"espeak-ng {self._level_dbm0:g} dBm0;lead {LEAD_MS} ms"

    def synthesize(self, text: str, voice: Voice, target: Path) -> None:
        """As `SpeechEngine.synthesize`. A NUL ends the text for espeak, so it is refused.

        Raises:
            SpeechError: no text, too long a text, an unknown voice, no libespeak-ng, a time-out, or only
                silence.
            MediaFileError: the target cannot be written.
        """
        if not text.strip():
            raise SpeechError("espeak-ng: there is no text")
        if len(text) > MAX_TEXT_CHARACTERS or "\0" in text:
            raise SpeechError(f"espeak-ng: a text has up to {MAX_TEXT_CHARACTERS} characters and no NUL")
        with tempfile.TemporaryDirectory(prefix="ivrcore-speech-") as directory:
            spoken = Path(directory) / "spoken.wav"
            self._run(text, voice, spoken)
            try:
                pcm = trim_silence(convert.load_audio(spoken))
            except MediaError as error:
                raise SpeechError(f"espeak-ng: wrote no audio for voice {voice.name}") from error
        if pcm.size == 0:
            raise SpeechError(f"espeak-ng: voice {voice.name} has nothing to say for this text")
        wav.write_alaw(target, with_lead(convert.to_active_level(pcm, self._level_dbm0)))

    def _run(self, text: str, voice: Voice, spoken: Path) -> None:
        # The child finds this package wherever the parent runs, installed or not.
        paths = [str(_SOURCE_ROOT), os.environ.get("PYTHONPATH", "")]
        environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in paths if path)}
        arguments = [voice.name, str(voice.rate_wpm), str(self._time_out_s), str(spoken)]
        try:
            done = subprocess.run(
                [*self._command, *arguments],
                input=text.encode("utf-8", "replace"),
                capture_output=True,
                timeout=self._time_out_s,
                env=environment,
                check=False,
            )
        except subprocess.TimeoutExpired as error:
            raise SpeechError(f"espeak-ng: took longer than {self._time_out_s:g} s") from error
        except (OSError, ValueError) as error:
            raise SpeechError(f"espeak-ng: cannot be started: {error}") from error
        if done.returncode != 0:
            # The last line only: the child's own sentence. It quotes the voice, never the text.
            lines = done.stderr.decode("utf-8", "replace").strip().splitlines() or ["no reason given"]
            raise SpeechError(f"espeak-ng: exit status {done.returncode}: {lines[-1]}")
