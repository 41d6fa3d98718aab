"""Which engine speaks, and as whom: what can be set about speech."""

from dataclasses import dataclass, replace
from pathlib import Path

from media.speech.command import CommandEngine, words_of
from media.speech.espeak import PARALLEL, TIME_OUT_S, EspeakEngine
from media.speech.voice import MANDARIN, SpeechEngine, Voice

ESPEAK, COMMAND = "espeak", "command"


@dataclass(frozen=True)
class SpeechSettings:
    """What is set about speech; the defaults are the voices of media.speech.voice.

    Attributes:
        engine: "espeak" or "command".
        command: the line of the latter, see media.speech.command.
        voice: espeak: a variant ("f2"); command: what `{voice}` is. "" for the default.
        rate_percent: of the voice's own speed.
        pitch: 0 to 99.
        timeout_s: for one text, its turn included.
        parallel: texts that are spoken at once.

    Raises:
        ValueError: a setting that cannot be; the text names it.
    """

    engine: str = ESPEAK
    command: str = ""
    voice: str = ""
    rate_percent: int = 100
    pitch: int = MANDARIN.pitch
    timeout_s: float = TIME_OUT_S
    parallel: int = PARALLEL

    def __post_init__(self) -> None:
        if self.engine not in (ESPEAK, COMMAND):
            raise ValueError(f"engine is {self.engine!r}, must be {ESPEAK} or {COMMAND}")
        if self.engine == COMMAND:
            words_of(self.command)
        elif self.command:
            raise ValueError(f'command is set and engine is "{ESPEAK}": one of them is not meant')
        if self.engine == ESPEAK and self.voice and not self.voice.isalnum():
            raise ValueError(f"voice is {self.voice!r}, must be the name of a variant: f1, f2, Annie")
        if not 50 <= self.rate_percent <= 200:
            raise ValueError(f"rate is {self.rate_percent} percent, must be 50 to 200")
        if not 0 <= self.pitch <= 99:
            raise ValueError(f"pitch is {self.pitch}, must be 0 to 99")
        if not 0 < self.timeout_s <= 600:
            raise ValueError(f"timeout_s is {self.timeout_s:g}, must be over 0 and at most 600")
        if not 1 <= self.parallel <= 64:
            raise ValueError(f"parallel is {self.parallel}, must be 1 to 64")

    def voiced(self, voice: Voice) -> Voice:
        """A voice as it was set."""
        name = voice.name
        if self.voice:
            name = self.voice if self.engine == COMMAND else f"{name.partition('+')[0]}+{self.voice}"
        return replace(voice, name=name, rate_wpm=voice.rate_wpm * self.rate_percent // 100, pitch=self.pitch)


def speech_engine(settings: SpeechSettings, *, complaints: int | None = None) -> SpeechEngine:
    """The engine of these settings, which speaks every voice as they say.

    Args:
        complaints: see media.speech.command.
    """
    engine: SpeechEngine
    if settings.engine == COMMAND:
        engine = CommandEngine(settings.command, settings.timeout_s, settings.parallel, complaints=complaints)
    else:
        engine = EspeakEngine(settings.timeout_s, parallel=settings.parallel)
    return _As(engine, settings)


class _As:
    """An engine that speaks every voice as it was set; implements SpeechEngine."""

    def __init__(self, engine: SpeechEngine, settings: SpeechSettings) -> None:
        self._engine = engine
        self._settings = settings

    @property
    def name(self) -> str:
        """See SpeechEngine. With nothing set it is the engine's own, and so are the cached files."""
        chosen = self._settings
        set_here = (chosen.voice, chosen.rate_percent, chosen.pitch)
        plain = SpeechSettings()
        if set_here == (plain.voice, plain.rate_percent, plain.pitch):
            return self._engine.name
        return f"{self._engine.name};as {chosen.voice} {chosen.rate_percent} {chosen.pitch}"

    def synthesize(self, text: str, voice: Voice, target: Path) -> None:
        """See SpeechEngine."""
        self._engine.synthesize(text, self._settings.voiced(voice), target)
