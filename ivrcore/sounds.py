"""Which file each prompt of a request is: the customer's, or the built-in one.

Everything is found, judged and rendered before the call begins, so that no call waits for a disk, a
speech engine or a complaint about a format.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from ivrcore.contents import ContentSource, Text
from ivrcore.events import Content, Playable, Prompt, Spoken
from ivrcore.request import CallbackRequest, CalleeMedia, VerificationRequest
from ivrcore.spoken_code import SpokenCode
from media.errors import MediaFileError, MediaFormatError
from media.prompt import BuiltinPrompt, builtin
from media.rendered import content_key, rendered_once
from media.speech.cache import SpeechCache
from media.speech.voice import SpeechEngine
from media.tone import render, ringback
from media.wav import validate, write_alaw
from sip.leg import Sound


@dataclass(frozen=True)
class PromptFiles:
    """The customer's own files; None takes the built-in prompt where there is one."""

    pre_voice: Path | None = None
    wait_voice: Path | None = None
    record_hint: Path | None = None
    last_minute: Path | None = None


_BUILTIN = {
    Prompt.PRE_VOICE: BuiltinPrompt.PRE_VOICE,
    Prompt.WAIT_VOICE: BuiltinPrompt.WAIT_VOICE,
    Prompt.RECORD_HINT: BuiltinPrompt.RECORD_HINT,
    Prompt.LAST_MINUTE: BuiltinPrompt.LAST_MIN_VOICE,
}


def sounds_for(
    request: CallbackRequest,
    files: PromptFiles,
    cache_dir: Path,
    *,
    engine: SpeechEngine | None = None,
    ringback_country: str = "CN",
) -> Mapping[Playable, Sound]:
    """A sound for every prompt the request can ask for.

    Args:
        engine: speaks the built-in prompts; None for that of `media.prompt`.

    Raises:
        MediaFormatError, MediaFileError: a file breaks the service's format; names prompt and property.
        SpeechError: a built-in prompt cannot be rendered.
    """
    own = {
        Prompt.PRE_VOICE: files.pre_voice,
        Prompt.WAIT_VOICE: files.wait_voice,
        Prompt.RECORD_HINT: files.record_hint,
        Prompt.LAST_MINUTE: files.last_minute,
    }
    needed = {
        Prompt.PRE_VOICE: request.play_pre_voice,
        Prompt.WAIT_VOICE: request.wait_voice,
        Prompt.RECORD_HINT: request.record_hint,
        Prompt.LAST_MINUTE: request.max_duration_min > 0,
    }
    sounds: dict[Playable, Sound] = {}
    for prompt, is_needed in needed.items():
        if not is_needed:
            continue
        path = own[prompt]
        if path is None:
            path = builtin(_BUILTIN[prompt], cache_dir, engine)
        else:
            _check(prompt.value, path)
        sounds[prompt] = Sound(path, loop=prompt is Prompt.WAIT_VOICE)
    if request.callee_media is CalleeMedia.ALL:
        sounds[Prompt.RINGBACK] = Sound(_ringback(ringback_country, cache_dir), loop=True)
    return sounds


def sounds_for_notification(
    contents: Sequence[ContentSource], cache_dir: Path, engine: SpeechEngine
) -> Mapping[Playable, Sound]:
    """A sound for every element; texts are spoken now, once for all calls.

    Raises:
        MediaFormatError, MediaFileError: a file breaks the service's format; names element and property.
        SpeechError: a text cannot be spoken.
    """
    speech = SpeechCache(engine, cache_dir)
    sounds: dict[Playable, Sound] = {}
    for number, source in enumerate(contents):
        content = Content(number)
        if isinstance(source, Text):
            sounds[content] = Sound(speech.speak(source.text, source.voice))
        else:
            _check(content.value, source)
            sounds[content] = Sound(source)
    return sounds


@dataclass(frozen=True)
class ToneFiles:
    """The customer's files around a verification code."""

    pre_tone: Path | None = None
    pos_tone: Path | None = None


@dataclass(frozen=True)
class VerificationSounds:
    """The sounds of one verification call. `code` is a secret on disk: `code.forget()` after the call."""

    sounds: Mapping[Playable, Sound]
    code: SpokenCode


def sounds_for_verification(
    request: VerificationRequest, files: ToneFiles, cache_dir: Path, engine: SpeechEngine
) -> VerificationSounds:
    """A sound for everything the request can ask for.

    Raises:
        MediaFormatError, MediaFileError: a file breaks the service's format; names tone and property.
        SpeechError: a digit cannot be spoken. In any case, no code is left behind.
    """
    sounds: dict[Playable, Sound] = {}
    for tone, path in ((Spoken.PRE_TONE, files.pre_tone), (Spoken.POS_TONE, files.pos_tone)):
        if path is not None:
            _check(tone.value, path)
            sounds[tone] = Sound(path)
    code = SpokenCode(request.code, request.language, SpeechCache(engine, cache_dir))
    sounds[Spoken.CODE] = Sound(code.path)
    return VerificationSounds(sounds, code)


class VoiceFileError(MediaFileError):
    """A file of the customer's is missing or cannot be read."""


def _check(name: str, path: Path) -> None:
    try:
        validate(path)
    except MediaFormatError as error:
        raise MediaFormatError(f"{name}: {error}") from error
    except MediaFileError as error:
        raise VoiceFileError(f"{name}: {error}") from error


def _ringback(country: str, cache_dir: Path) -> Path:
    """One whole cadence, so that its loop is the endless tone."""
    tone = ringback(country)
    cadence_ms = round(sum(segment.on_ms + segment.off_ms for segment in tone.segments))
    key = content_key("ringback", country, cadence_ms, tone.level_dbm0)
    return rendered_once(cache_dir / f"{key}.wav", lambda to: write_alaw(to, render(tone, cadence_ms)))
