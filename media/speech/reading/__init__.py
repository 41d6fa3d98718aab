"""How a text is read: figures, dates and signs become the words to be spoken (FAQ 8.8).

    text -> fold (wide forms to narrow) -> the rules of the language, first match wins -> text in words

The service's rule, and ours: a run of digits is read digit by digit, whatever it counts; who wants
一千两百三十四 writes it so. The exceptions are dates and times of day, which are read as such.
"""

from media.speech.reading.chinese import read_chinese
from media.speech.reading.english import read_english
from media.speech.reading.fold import fold

__all__ = ["read_aloud"]


def read_aloud(text: str, language: str = "zh") -> str:
    """The text as it is to be spoken.

    Args:
        text: any text; control characters become spaces.
        language: "zh" or "en".

    Returns:
        Text without digits and without signs that an engine could read in its own way. Punctuation stays: it
        makes the pauses.

    Raises:
        ValueError: another language.
    """
    match language:
        case "zh":
            return read_chinese(fold(text))
        case "en":
            return read_english(fold(text))
    raise ValueError(f"language '{language}' is neither zh nor en")
