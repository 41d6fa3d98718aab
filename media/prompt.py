"""The prompts that are there before anybody uploads one: three sentences and a waiting music.

The words of the transfer and the last-minute prompt are the service's (FAQ, section 6.2); its recording
hint has no default, so that sentence is ours, and so is the music (`media.music`).
"""

from enum import Enum
from pathlib import Path

from media import music, wav
from media.rendered import content_key, rendered_once
from media.speech.cache import SpeechCache
from media.speech.espeak import EspeakEngine
from media.speech.voice import MANDARIN, SpeechEngine


class BuiltinPrompt(Enum):
    """A built-in prompt; the value is the request parameter it stands in for."""

    PRE_VOICE = "preVoice"
    """To A before B is dialled: you are being connected, please wait."""

    LAST_MIN_VOICE = "lastMinVoice"
    """60 s before the end: one minute of this call is left."""

    RECORD_HINT = "recordHintTone"
    """To both parties after B's answer: the call is recorded."""

    WAIT_VOICE = "waitVoice"
    """To A in a loop while B is dialled: music, seamless at the loop point."""


TEXTS = {
    BuiltinPrompt.PRE_VOICE: "正在为您转接中，请稍后",
    BuiltinPrompt.LAST_MIN_VOICE: "本次通话时长还剩1分钟",
    BuiltinPrompt.RECORD_HINT: "为保证服务质量，本次通话将被录音",
}


def builtin(name: BuiltinPrompt, cache_dir: Path, engine: SpeechEngine | None = None) -> Path:
    """The file of a built-in prompt; rendered on first use, which takes a fraction of a second.

    Args:
        name: which prompt.
        cache_dir: created when missing; processes may share it.
        engine: speaks the sentences; espeak-ng unless told otherwise.

    Returns:
        A file that passes `wav.validate`.

    Raises:
        SpeechError: the engine failed.
        MediaFileError: the cache cannot be written.
    """
    text = TEXTS.get(name)
    if text is None:
        key = content_key(name.value, music.VERSION)
        return rendered_once(
            cache_dir / f"{key}.wav", lambda target: wav.write_alaw(target, music.waiting_loop())
        )
    return SpeechCache(engine or EspeakEngine(), cache_dir).speak(text, MANDARIN)
