"""The demo's script: who does what, with which sounds, on a clock seven and a half times as fast.

Every rule of a callback shows once: preVoice, waitVoice, ringback, the recording hint, talk, the
last-minute warning and the limit of 2 minutes, which take 16 s.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from media.testsignal import talk
from media.wav import write_alaw
from sip.softphone import Script

CLOCK_SCALE = 7.5
NUMBER_A, NUMBER_B = "+8613800138001", "+8613800138002"
DISPLAY_A = "+8675528000001"
DISPLAY_B = "+8675528000002"
TALK_S = 30.0
"""Longer than the talk, so that each moment of a party's own signal is unique."""

A_RINGS_S, A_ANSWERS_S = 0.2, 1.0
B_RINGS_S, B_ANSWERS_S = 2.0, 8.5
"""B rings long enough for waitVoice before, and for two bursts of a 5 s ringback cadence."""


@dataclass(frozen=True)
class Sounds:
    """What the parties say; the prompts are the built-in ones."""

    talk_a: Path
    talk_b: Path


WAIT_FILE, HINT_FILE = "wait_voice.wav", "record_hint.wav"


def order() -> dict[str, Any]:
    """The callback of the demo, as click2Call takes it; preVoice and lastMinVoice are the built-in ones."""
    return {
        "displayNbr": DISPLAY_A,
        "callerNbr": NUMBER_A,
        "displayCalleeNbr": DISPLAY_B,
        "calleeNbr": NUMBER_B,
        "playPreVoice": "true",
        "waitVoice": WAIT_FILE,
        "calleeMedia": "all",
        "recordFlag": "true",
        "recordHintTone": HINT_FILE,
        "maxDuration": 2,
        "lastMinToUE": "both",
        "partyTypeRequiredInDisconnect": "true",
        "userData": "demo-1",
    }


def make_talk(directory: Path) -> Sounds:
    """Write what the parties say."""
    sounds = Sounds(directory / "talk-a.wav", directory / "talk-b.wav")
    for seed, path in ((1, sounds.talk_a), (2, sounds.talk_b)):
        write_alaw(path, talk(seed, TALK_S))
    return sounds


def phone_a(sounds: Sounds, hear: Path) -> Script:
    """A rings, answers and talks until it is hung up."""
    return Script(ring_after_s=A_RINGS_S, answer_after_s=A_ANSWERS_S, talk=str(sounds.talk_a), hear=str(hear))


def phone_b(sounds: Sounds, hear: Path) -> Script:
    """B lets A wait, rings for a while, and answers."""
    return Script(ring_after_s=B_RINGS_S, answer_after_s=B_ANSWERS_S, talk=str(sounds.talk_b), hear=str(hear))
