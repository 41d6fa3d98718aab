"""What is played and spoken in these calls: each sound a talk of its own seed, so that no two are alike.

They are short, because every call of this directory lasts only as long as its rule needs, and they are
recognised after a few hundred milliseconds (media.testsignal).
"""

from dataclasses import replace
from pathlib import Path

import numpy as np

from media.fingerprint import KnownSignal
from media.testsignal import talk
from media.tone import render, ringback
from media.types import SAMPLE_RATE_HZ, Pcm16
from media.wav import read_pcm, write_alaw
from sip.softphone import Script

PRE_VOICE, WAIT_VOICE, RINGBACK = "preVoice", "waitVoice", "ringback"
HINT, WARNING = "recordHintTone", "lastMinVoice"
TALK_A, TALK_B, EARLY_MEDIA_B = "talk of A", "talk of B", "early media of B"

LENGTH_S = {
    PRE_VOICE: 1.6,
    WAIT_VOICE: 2.0,
    HINT: 1.5,
    WARNING: 1.5,
    TALK_A: 30.0,  # longer than any call: each moment of it is unique
    TALK_B: 30.0,
    EARLY_MEDIA_B: 3.0,
}
HINT_LEAD_S = 0.040
"""Silence before the hint, as in rendered speech. The hint begins with B's stream, whose first packet
is lost by a telephone that is still making its jitter buffer."""

LOOPS = frozenset({WAIT_VOICE, TALK_A, TALK_B, EARLY_MEDIA_B})


class Sounds:
    """Files and fingerprints of every sound, by name."""

    def __init__(self, folder: Path) -> None:
        self._paths = {name: folder / f"{name.replace(' ', '-')}.wav" for name in LENGTH_S}
        for seed, (name, length_s) in enumerate(LENGTH_S.items(), start=1):
            write_alaw(self._paths[name], np.concatenate([_lead(name), talk(seed, length_s)]))
        self.known = [
            KnownSignal(name, read_pcm(path)[_lead(name).size :], loop=name in LOOPS)
            for name, path in self._paths.items()
        ]
        self.known.append(KnownSignal(RINGBACK, _ringback_cadence(), loop=True))

    def path(self, name: str) -> str:
        """The file of a sound; another text stays what it is, so that command lines can be mapped whole."""
        return str(self._paths[name]) if name in self._paths else name

    def in_files(self, script: Script) -> Script:
        """A script that names sounds, with their files."""
        return replace(
            script,
            talk=self.path(script.talk) if script.talk else None,
            early_media=self.path(script.early_media) if script.early_media else None,
        )


def _lead(name: str) -> Pcm16:
    return np.zeros(round(HINT_LEAD_S * SAMPLE_RATE_HZ) if name == HINT else 0, np.int16)


def _ringback_cadence() -> Pcm16:
    tone = ringback("CN")
    return render(tone, round(sum(segment.on_ms + segment.off_ms for segment in tone.segments)))
