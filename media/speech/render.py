"""The child process that speaks one text.

    python -m media.speech.render VOICE RATE_WPM PITCH TIME_OUT_S TARGET < text

One text a process, because pyttsx3 keeps the state of one utterance in its driver: of two queued texts only
the last is written. The text comes on standard input, since a command line is everybody's to read and texts
hold codes.

Exit status 0: TARGET is a complete WAV file. Otherwise one line on standard error says why.
"""

import signal
import sys
import time
from typing import Any

from media.speech.polyphone import VOICE, with_readings

_EXIT_FAILED = 3
_POLL_S = 0.01


def main(arguments: list[str]) -> int:
    """Speak standard input; returns the exit status."""
    voice, rate_wpm, pitch, time_out_s, target = arguments
    # Should the parent be killed, nobody else would end a synthesis that hangs.
    signal.alarm(int(float(time_out_s)) + 1)
    text = sys.stdin.buffer.read().decode("utf-8")
    try:
        if voice.partition("+")[0] == VOICE:
            text = with_readings(text)
        speak(text, voice, int(rate_wpm), int(pitch), target)
    except Exception as error:  # the process boundary: whatever went wrong becomes one line for the parent
        sys.stderr.write(f"{type(error).__name__}: {error}".splitlines()[0] + "\n")
        return _EXIT_FAILED
    return 0


def speak(text: str, voice: str, rate_wpm: int, pitch: int, target: str) -> None:
    """Let pyttsx3 write a text to a WAV file, and return only when the file is closed.

    Raises:
        Exception: whatever the library, its driver or a missing libespeak-ng raises.
    """
    import pyttsx3  # here, so that a missing library is reported like every other failure
    from pyttsx3.drivers import _espeak
    from pyttsx3.drivers.espeak import EspeakDriver

    engine: Any = pyttsx3.init("espeak")
    ended: list[bool] = []
    errors: list[Exception] = []
    engine.connect("finished-utterance", lambda name, completed: ended.append(completed))  # noqa: ARG005
    engine.connect("error", lambda name, exception: errors.append(exception))  # noqa: ARG005
    # Not by the engine, which sets what it is told when it begins to speak, and then drops what its library's
    # own thread has not done: about one text in a hundred came at the driver's rate or pitch.
    _set(_espeak, EspeakDriver, "pitch", pitch - 1 if pitch else 1)  # so the rate of its start is set as well
    EspeakDriver.setProperty("voice", voice)
    _set(_espeak, EspeakDriver, "rate", rate_wpm)
    _set(_espeak, EspeakDriver, "pitch", pitch)
    engine.save_to_file(text, target)
    engine.runAndWait()
    # The driver's loop ends before its synthesis does; only the event says that the file is closed.
    while not ended and not errors:
        time.sleep(_POLL_S)
    if errors:
        raise errors[0]


def _set(library: Any, driver: Any, name: str, value: int) -> None:
    """Set a parameter, and return when the library's thread has it, and with it all before."""
    driver.setProperty(name, value)
    current = 1
    while library.dll.espeak_GetParameter(getattr(library, name.upper()), current) != value:
        time.sleep(_POLL_S / 10)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
