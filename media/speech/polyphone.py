"""Readings of Chinese characters that have several: 行 is háng in 银行 and xíng in 行人.

espeak-ng's dictionary goes by the character. Its voice cmn-latn-pinyin takes pinyin with tone figures among
the characters, so within a word of several characters, one that can be read in different ways is given as the
word reads it. Words and their readings are pypinyin's; a character by itself stays with espeak-ng.
"""

VOICE = "cmn-latn-pinyin"
"""Of espeak-ng; other engines and voices take pinyin for Latin letters."""


def with_readings(text: str) -> str:
    """The text with pinyin in place of ambiguous characters: "银行卡" is "银hang2卡".

    Syllables beside each other are parted by a space: together they would be spoken as one.
    """
    # Here, because its tables are 65 MB and 0.2 s: only the process that speaks a Chinese text has them.
    from pypinyin.seg.mmseg import seg

    out: list[str] = []
    after_spelled = False
    for word in seg.cut(text):
        for piece, spelled in _readings(word):
            if (spelled or after_spelled) and out and _latin(out[-1][-1:]) and _latin(piece[:1]):
                out.append(" ")
            out.append(piece)
            after_spelled = spelled
    return "".join(out)


def _latin(character: str) -> bool:
    return character.isascii() and character.isalnum()


def _readings(word: str) -> list[tuple[str, bool]]:
    """Its characters, each as it is or spelled, and which."""
    from pypinyin import Style, lazy_pinyin, pinyin

    spelled = lazy_pinyin(word, style=Style.TONE3, neutral_tone_with_five=True)
    if len(word) < 2 or len(spelled) != len(word):  # not a Chinese word
        return [(word, False)]
    out = []
    for character, syllable in zip(word, spelled, strict=True):
        several = len(pinyin(character, style=Style.TONE3, heteronym=True)[0]) > 1
        out.append((syllable, True) if several else (character, False))
    return out
