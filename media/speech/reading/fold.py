"""Wide forms of figures, letters and signs become the plain ones; punctuation stays as it is."""

import re
import unicodedata

_PLAIN = {
    0x2212: "-",  # minus sign
    0x2010: "-",
    0x2011: "-",
    0x2012: "-",
    0x2013: "-",  # en dash
    0xFF0B: "+",
    0xFF0D: "-",
    0xFF05: "%",
    0xFF03: "#",
    0xFF0A: "*",
    0xFF04: "$",
    0xFFE5: "¥",
    0xFF20: "@",
    0xFF06: "&",
    0xFF1D: "=",
    0xFF5E: "~",
    0x301C: "~",
    0x223C: "~",
    0x2103: "°C",
    0x2109: "°F",
}

_BETWEEN_DIGITS = ((re.compile(r"(?<=\d)：(?=\d)"), ":"), (re.compile(r"(?<=\d)／(?=\d)"), "/"))
_POINT = re.compile(r"(?<=\d)．(?=\d)")
_BLANKS = re.compile(r"[ \t\r\f\v\u00a0\u3000]+")


def fold(text: str) -> str:
    """Narrow letters, digits and signs; one blank for many; no control characters.

    A wide colon, slash or full stop is a sign of a figure between digits only: elsewhere it is punctuation.
    """
    characters: list[str] = []
    for character in text:
        code = ord(character)
        if code in _PLAIN:
            characters.append(_PLAIN[code])
        elif 0xFF10 <= code <= 0xFF19 or 0xFF21 <= code <= 0xFF3A or 0xFF41 <= code <= 0xFF5A:
            characters.append(chr(code - 0xFEE0))
        elif unicodedata.category(character) == "Nd":
            characters.append(str(unicodedata.decimal(character)))
        elif unicodedata.category(character) in ("Cc", "Cf", "Co", "Cs") and character != "\n":
            # What is invisible has no sound; a control character may be an engine's escape.
            characters.append("" if unicodedata.category(character) == "Cf" else " ")
        else:
            characters.append(character)
    folded = "".join(characters)
    for wide, narrow in _BETWEEN_DIGITS:
        folded = wide.sub(narrow, folded)
    return _BLANKS.sub(" ", _POINT.sub(".", folded)).strip()
