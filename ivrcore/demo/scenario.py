"""The demo's script: who does what, with which sounds, on a clock seven and a half times as fast.

Every rule of a callback shows once: preVoice, waitVoice, ringback, the recording hint, talk, the
last-minute warning and the limit of 2 minutes, which take 16 s.
"""

from dataclasses import dataclass
from pathlib import Path

from ivrcore.request import CallbackRequest, CalleeMedia, WarnedParty
from media.testsignal import talk
from media.wav import write_alaw
from sip.softphone import Script

CLOCK_SCALE = 7.5
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


def request(uri_a: str, uri_b: str) -> CallbackRequest:
    """The callback of the demo."""
    return CallbackRequest(
        caller=uri_a,
        callee=uri_b,
        display_caller=DISPLAY_A,
        display_callee=DISPLAY_B,
        play_pre_voice=True,
        wait_voice=True,
        callee_media=CalleeMedia.ALL,
        record=True,
        record_hint=True,
        max_duration_min=2,
        last_minute_to=WarnedParty.BOTH,
        ring_timeout_s=600,
    )


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
