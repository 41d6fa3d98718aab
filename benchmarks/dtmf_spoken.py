"""Hours of synthetic speech for talk-off: texts every Debian machine holds, read by espeak-ng's many voices.

Nothing of it was heard in training. One reading at a time is made, listened to and forgotten, so a run of any
length needs no room. Left out: recorded speech (dtmf_speech.py).
"""

import subprocess
from collections.abc import Iterator
from itertools import count
from pathlib import Path

from benchmarks.dtmf_speech import decode
from media.types import Pcm16

TEXTS = ("GPL-3", "LGPL-2.1", "GFDL-1.3", "MPL-2.0", "Artistic", "Apache-2.0")
"""Licence texts in /usr/share/common-licenses."""

_LANGUAGES = (
    "en cmn de fr-fr es it ru pt nl sv hi tr pl cs el hu fi da nb ro uk vi id ca bg hr sk sl sr lt lv et"
)
VOICES = tuple(_LANGUAGES.split())
VARIANTS = ("", "+f1", "+m1", "+f2", "+m2", "+f3", "+m3", "+f4", "+m4", "+f5", "+m5", "+m6", "+m7")
PITCHES = ("20", "35", "50", "65", "80", "95")
WORDS_A_MINUTE = ("130", "160", "190", "220", "250")

_CHARACTERS = 4000


def readings(cache: Path) -> Iterator[Pcm16]:
    """Speech at 8000 Hz without end, some four minutes at a time; the same every run.

    The numbers of texts, voices, variants and speeds share few divisors, so combinations come round late.

    Raises:
        FileNotFoundError: no text of TEXTS is on this machine, or no espeak-ng.
    """
    cache.mkdir(parents=True, exist_ok=True)
    paths = [Path("/usr/share/common-licenses", name) for name in TEXTS]
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in paths if path.exists()]
    if not texts:
        raise FileNotFoundError("no licence texts in /usr/share/common-licenses")
    target = cache / "spoken.wav"
    for turn in count():
        text = texts[turn % len(texts)]
        begin = turn // len(texts) * _CHARACTERS % max(len(text) - _CHARACTERS, 1)
        voice = VOICES[turn % len(VOICES)] + VARIANTS[turn % len(VARIANTS)]
        pitch = PITCHES[turn // 2 % len(PITCHES)]
        speed = WORDS_A_MINUTE[turn % len(WORDS_A_MINUTE)]
        command = ["espeak-ng", "-v", voice, "-p", pitch, "-s", speed, "-w", str(target)]
        subprocess.run([*command, text[begin : begin + _CHARACTERS]], check=True, capture_output=True)
        heard = decode(target)
        if heard is not None:
            yield heard
