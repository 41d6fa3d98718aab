"""Cuts a text of two scripts into what each language's voice speaks.

A Mandarin voice takes an English word for pinyin or spells it. Single letters it says well, by their names in
Chinese mouths (维埃披), so those stay with it.
"""

import re

_WORD = r"[A-Za-z]{2,}(?:'[A-Za-z]+)?"
_PHRASE = re.compile(rf"{_WORD}(?:[ ,.-]+{_WORD}|[ -]+[A-Za-z](?=[ -]+{_WORD}))*")
"""Words of two letters and more, with the single ones between them ("book a table")."""


def by_script(text: str) -> tuple[tuple[str, bool], ...]:
    """The text in pieces, in order, each with whether it is of Latin words; blank pieces are left out."""
    pieces: list[tuple[str, bool]] = []
    at = 0
    for phrase in _PHRASE.finditer(text):
        pieces += [(text[at : phrase.start()], False), (phrase[0], True)]
        at = phrase.end()
    pieces.append((text[at:], False))
    return tuple((piece.strip(), latin) for piece, latin in pieces if piece.strip())
