"""Who speaks."""

from enum import Enum
from typing import Self

from pydantic import Field, model_validator

from ivrcore.service.sections.base import Seconds, Section
from media.speech.choice import SpeechSettings
from media.speech.espeak import PARALLEL, TIME_OUT_S
from media.speech.voice import MANDARIN


class SpeechEngineName(Enum):
    """What speaks: espeak-ng, or a program of the operator's."""

    ESPEAK = "espeak"
    COMMAND = "command"


class SpeechSection(Section):
    """Who speaks texts, codes and the built-in prompts (FAQ 8.7: a young woman)."""

    engine: SpeechEngineName = Field(
        default=SpeechEngineName.ESPEAK,
        description="espeak (espeak-ng, needs nothing) or command (the program named below).",
    )
    command: str = Field(
        default="",
        description="Command line of the program, no shell: {wav} is the file it writes (any common audio "
        "format), {text} the text, which is on its standard input as well; also {language} (zh, en), "
        "{voice}, {rate} (words a minute), {pitch} (0 to 99).",
    )
    voice: str = Field(
        default="",
        description="espeak: another variant (f2, Annie); command: what {voice} is. Empty: the default.",
    )
    rate: int = Field(default=100, ge=50, le=200, description="Speed in percent of the default.")
    pitch: int = Field(default=MANDARIN.pitch, ge=0, le=99, description="Pitch; 50 is the voice's own.")
    timeout_s: Seconds = Field(
        default=TIME_OUT_S,
        le=600,
        description="A text that is not spoken by then ends its call with 8005; nobody is called.",
    )
    parallel: int = Field(
        default=PARALLEL, ge=1, le=64, description="Texts a worker speaks at once; others wait their turn."
    )

    def choice(self) -> SpeechSettings:
        """As the core takes it.

        Raises:
            ValueError: the settings do not go together.
        """
        return SpeechSettings(
            self.engine.value,
            self.command,
            self.voice,
            self.rate,
            self.pitch,
            self.timeout_s,
            self.parallel,
        )

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        self.choice()
        return self
