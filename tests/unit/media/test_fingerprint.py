"""Which known signals are in a recording: edges, levels, masking, slips, repetition, and no false hits.

The signals are made here from seeds: prompts are pulse trains with formants and pauses, music is notes of one
scale, talk is media.testsignal's. Every recording passes G.711 twice.
"""

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest

from media.errors import MediaFormatError
from media.fingerprint import Heard, KnownSignal, gaps, heard_between, identify, offset
from media.g711 import alaw_decode, alaw_encode, ulaw_decode, ulaw_encode
from media.testsignal import talk
from media.types import SAMPLE_RATE_HZ, Pcm16

EDGE_S = 0.005
MASKED_EDGE_S = 0.020
Float64 = npt.NDArray[np.float64]


def levelled(samples: Float64, rms: float = 2600.0) -> Pcm16:
    scaled = np.round(samples * rms / np.sqrt((samples**2).mean()))
    pcm: Pcm16 = np.clip(scaled, -32000, 32000).astype(np.int16)
    return pcm


def speech(seed: int, duration_s: float, pitch_hz: float | None = None) -> Pcm16:
    """Syllables of 80 to 250 ms, voiced and voiceless, three formants each, now and then a pause."""
    rng = np.random.default_rng(seed)
    n_samples = round(duration_s * SAMPLE_RATE_HZ)
    out = np.zeros(n_samples)
    pitch_hz = pitch_hz or float(rng.uniform(90.0, 220.0))
    at = 0
    while at < n_samples:
        length = int(rng.uniform(0.08, 0.25) * SAMPLE_RATE_HZ)
        if at and rng.random() < 0.12:
            at += int(rng.uniform(0.05, 0.35) * SAMPLE_RATE_HZ)
            continue
        bend = np.linspace(rng.uniform(-0.15, 0.15), rng.uniform(-0.15, 0.15), length)
        glide_hz = pitch_hz * np.exp(bend)
        pulses = np.diff(np.floor(np.cumsum(glide_hz) / SAMPLE_RATE_HZ), prepend=0)
        breath = rng.standard_normal(length)
        source = pulses + 0.01 * breath if rng.random() < 0.75 else 0.15 * breath
        hz = np.fft.rfftfreq(2 * length, 1 / SAMPLE_RATE_HZ)
        formants_hz = (rng.uniform(300, 800), rng.uniform(900, 2200), rng.uniform(2300, 3100))
        filters = [g / (1 + 1j * (hz - f) / 60) for f, g in zip(formants_hz, (1.0, 0.5, 0.25), strict=True)]
        voice = np.fft.irfft(np.fft.rfft(source, 2 * length) * np.sum(filters, axis=0), 2 * length)[:length]
        stop = min(n_samples, at + length)
        out[at:stop] += (voice * np.sqrt(np.hanning(length)) * rng.uniform(0.4, 1.0))[: stop - at]
        at += length
    return levelled(out)


def music(seed: int, duration_s: float) -> Pcm16:
    """Three voices of struck notes on one pentatonic scale, the same for every seed."""
    rng = np.random.default_rng(seed)
    n_samples = round(duration_s * SAMPLE_RATE_HZ)
    out = np.zeros(n_samples)
    beat = int(rng.uniform(0.18, 0.4) * SAMPLE_RATE_HZ)
    scale_hz = 220.0 * 2.0 ** (np.array([0, 2, 4, 7, 9, 12, 14, 16]) / 12.0)
    for voice in range(3):
        for at in range(0, n_samples, beat * (1 if voice else 2)):
            t = np.arange(min(beat * (2 if voice else 3), n_samples - at)) / SAMPLE_RATE_HZ
            note_hz = scale_hz[rng.integers(8)] * (1.0, 2.0, 0.5)[voice]
            for harmonic in range(1, 6):
                wave = np.sin(2 * np.pi * note_hz * harmonic * t + rng.uniform(0, 6)) / harmonic
                out[at : at + t.size] += (
                    wave * np.exp(-4 * t) * np.minimum(200 * t, 1) * (note_hz * harmonic < 3600)
                )
    return levelled(out)


def tone(frequencies_hz: Sequence[float], *on_off_s: float) -> Pcm16:
    """One pass of a cadence: seconds on, off, on, off ..."""
    parts = []
    for i, duration_s in enumerate(on_off_s):
        t = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        parts.append(
            np.sum([2600.0 * np.sin(2 * np.pi * hz * t) for hz in frequencies_hz], axis=0) * (i % 2 == 0)
        )
    return np.round(np.concatenate(parts)).astype(np.int16)


def looped(pcm: Pcm16, duration_s: float, from_s: float = 0.0) -> Pcm16:
    first = round(from_s * SAMPLE_RATE_HZ)
    return pcm[(np.arange(round(duration_s * SAMPLE_RATE_HZ)) + first) % pcm.size]


def scene(duration_s: float, *items: tuple[Pcm16, float, float], law: str = "A") -> Pcm16:
    """Signals at their starts (s) and gains (dB), through G.711 twice."""
    total = np.zeros(round(duration_s * SAMPLE_RATE_HZ))
    for pcm, start_s, gain_db in items:
        at = round(start_s * SAMPLE_RATE_HZ)
        part = pcm[: max(0, total.size - at)]
        total[at : at + part.size] += part * 10.0 ** (gain_db / 20.0)
    pcm16: Pcm16 = np.clip(np.round(total), -32768, 32767).astype(np.int16)
    return coded(pcm16, law)


def coded(pcm: Pcm16, law: str = "A") -> Pcm16:
    for _ in range(2):
        pcm = alaw_decode(alaw_encode(pcm)) if law == "A" else ulaw_decode(ulaw_encode(pcm))
    return pcm


def audible_s(pcm: Pcm16) -> tuple[float, float]:
    """First audible sample and end of the last, 40 dB under the peak."""
    magnitude = np.abs(pcm.astype(np.int32))
    loud = np.flatnonzero(magnitude >= max(16, 0.01 * magnitude.max()))
    return float(loud[0]) / SAMPLE_RATE_HZ, float(loud[-1] + 1) / SAMPLE_RATE_HZ


def the_one(found: Sequence[Heard], name: str) -> Heard:
    stretches = [one for one in found if one.name == name]
    assert len(stretches) == 1, found
    return stretches[0]


def assert_whole_at(one: Heard, pcm: Pcm16, start_s: float, edge_s: float = EDGE_S) -> None:
    first_s, last_s = audible_s(pcm)
    assert one.start_s == pytest.approx(start_s + first_s, abs=edge_s)
    assert one.end_s == pytest.approx(start_s + last_s, abs=edge_s)
    assert one.whole


PROMPT, LONG_PROMPT, SHORT_PROMPT = speech(1, 2.5), speech(2, 5.0), speech(3, 1.0)
LOOP, TALK_A, TALK_B = music(0, 8.0), talk(1, 10.0), talk(2, 12.0)
KNOWN = [
    KnownSignal("prompt", PROMPT),
    KnownSignal("long prompt", LONG_PROMPT),
    KnownSignal("short prompt", SHORT_PROMPT),
    KnownSignal("music", LOOP, loop=True),
    KnownSignal("talk A", TALK_A, loop=True),
    KnownSignal("talk B", TALK_B, loop=True),
]
RINGBACK = KnownSignal("ringback", tone([450.0], 1.0, 4.0), loop=True)
BUSY = KnownSignal("busy", tone([450.0], 0.35, 0.35), loop=True)
DIAL = KnownSignal("dial", tone([450.0], 1.0), loop=True)
US_RINGBACK = KnownSignal("US ringback", tone([440.0, 480.0], 2.0, 4.0), loop=True)
HINT = KnownSignal("hint", tone([1400.0], 0.5))
TONES = [RINGBACK, BUSY, DIAL, US_RINGBACK, HINT]


# One signal at a time


@pytest.mark.parametrize("law", ["A", "mu"])
@pytest.mark.parametrize("gain_db", [-6.0, 0.0, 6.0])
def test_prompt_is_found_whole_with_its_edges_and_level(law: str, gain_db: float) -> None:
    found = identify(scene(9.0, (LONG_PROMPT, 2.0, gain_db), law=law), KNOWN)
    assert [one.name for one in found] == ["long prompt"]
    assert_whole_at(found[0], LONG_PROMPT, 2.0)
    assert found[0].level_db == pytest.approx(gain_db, abs=0.3)
    assert found[0].score > 0.99
    assert found[0].slips == ()


@pytest.mark.parametrize("name", ["prompt", "long prompt", "short prompt"])
def test_each_prompt_is_found_under_its_own_name(name: str) -> None:
    pcm = next(signal.pcm for signal in KNOWN if signal.name == name)
    assert_whole_at(the_one(identify(scene(8.0, (pcm, 1.5, 0.0)), KNOWN), name), pcm, 1.5)


@pytest.mark.parametrize(("name", "from_s"), [("music", 3.3), ("talk A", 0.0), ("talk B", 11.9)])
def test_loop_may_begin_anywhere(name: str, from_s: float) -> None:
    pcm = next(signal.pcm for signal in KNOWN if signal.name == name)
    one = the_one(identify(scene(24.0, (looped(pcm, 18.0, from_s), 3.0, 0.0)), KNOWN), name)
    assert one.start_s == pytest.approx(3.0, abs=EDGE_S)
    assert one.end_s == pytest.approx(21.0, abs=EDGE_S)
    assert one.signal_start_s == pytest.approx(from_s, abs=EDGE_S)


@pytest.mark.parametrize(("heard_s", "whole"), [(9.0, False), (17.5, True)])
def test_loop_is_whole_after_one_full_pass(heard_s: float, whole: bool) -> None:
    # From 2 s on, the 10 s loop comes round after 8 s, and is whole 10 s later.
    one = the_one(identify(scene(20.0, (looped(TALK_A, heard_s, 2.0), 1.0, 0.0)), KNOWN), "talk A")
    assert one.whole is False
    longer = the_one(identify(scene(22.0, (looped(TALK_A, heard_s + 1.0, 2.0), 1.0, 0.0)), KNOWN), "talk A")
    assert longer.whole is whole


def test_loop_that_restarts_elsewhere_is_two_stretches() -> None:
    found = identify(
        scene(11.0, (looped(TALK_A, 4.0), 1.0, 0.0), (looped(TALK_A, 4.0, 1.25), 5.0, 0.0)), KNOWN
    )
    assert [one.name for one in found] == ["talk A", "talk A"]
    assert found[0].end_s == pytest.approx(5.0, abs=EDGE_S)
    assert found[1].start_s == pytest.approx(5.0, abs=EDGE_S)
    assert found[1].signal_start_s == pytest.approx(1.25, abs=EDGE_S)


def test_prompt_cut_short_tells_where() -> None:
    cut = LONG_PROMPT[:20_000]
    one = the_one(identify(scene(6.0, (cut, 1.0, 0.0)), KNOWN), "long prompt")
    # Cut in a pause, it ends with the last sample audible before; the threshold is the whole signal's.
    loud = np.abs(cut.astype(np.int32)) >= 0.01 * np.abs(LONG_PROMPT.astype(np.int32)).max()
    assert one.end_s == pytest.approx(1.0 + (np.flatnonzero(loud)[-1] + 1) / SAMPLE_RATE_HZ, abs=EDGE_S)
    assert not one.whole


def test_prompt_without_its_beginning_is_not_whole() -> None:
    one = the_one(identify(scene(6.0, (LONG_PROMPT[24_000:], 1.0, 0.0)), KNOWN), "long prompt")
    assert one.start_s - one.signal_start_s == pytest.approx(1.0 - 3.0, abs=0.001)
    assert not one.whole


def test_recording_may_begin_within_a_prompt() -> None:
    one = the_one(identify(coded(LONG_PROMPT[12_000:]), KNOWN), "long prompt")
    assert one.signal_start_s == pytest.approx(1.5 + one.start_s, abs=0.001)
    assert not one.whole


def test_repeated_prompt_is_a_stretch_each_time() -> None:
    starts_s = [0.5, 3.4, 6.1, 9.0]
    found = identify(scene(13.0, *((PROMPT, start_s, 0.0) for start_s in starts_s)), KNOWN)
    assert [one.name for one in found] == ["prompt"] * 4
    for one, start_s in zip(found, starts_s, strict=True):
        assert_whole_at(one, PROMPT, start_s)


def test_pause_within_a_prompt_belongs_to_it() -> None:
    paused = LONG_PROMPT.copy()
    paused[12_000:24_000] = 0
    found = identify(scene(7.0, (paused, 1.0, 0.0)), [KnownSignal("paused", paused)])
    assert len(found) == 1
    assert_whole_at(found[0], paused, 1.0)


def test_silence_around_a_prompt_is_no_part_of_it() -> None:
    silence = np.zeros(6000, dtype=np.int16)
    padded = np.concatenate((silence, PROMPT, silence, silence))
    one = identify(scene(8.0, (padded, 1.0, 0.0)), [KnownSignal("padded", padded)])[0]
    assert_whole_at(one, padded, 1.0)
    assert one.start_s >= 1.75
    assert one.end_s <= 4.25 + EDGE_S


# Several at a time


def test_talk_goes_on_under_a_prompt_15_db_lower() -> None:
    """The last-minute prompt: talk at its level, 15 dB lower while the prompt plays, then as before."""
    heard = scene(
        30.0,
        (looped(TALK_A, 10.0), 3.0, 0.0),
        (looped(TALK_A, 4.0, 10.0), 13.0, -15.0),
        (looped(TALK_A, 10.0, 14.0), 17.0, 0.0),
        (PROMPT, 13.5, 0.0),
    )
    found = identify(heard, KNOWN)
    talks = [one for one in found if one.name == "talk A"]
    assert [round(one.level_db) for one in talks] == [0, -15, 0]
    edges_s = [talks[0].start_s, *(one.end_s for one in talks)]
    assert edges_s == pytest.approx([3.0, 13.0, 17.0, 27.0], abs=EDGE_S)
    assert_whole_at(the_one(found, "prompt"), PROMPT, 13.5)


@pytest.mark.parametrize("law", ["A", "mu"])
@pytest.mark.parametrize("loud_name", ["music", "talk B"])
def test_prompt_15_db_under_another_known_signal_is_found(loud_name: str, law: str) -> None:
    loud = next(signal.pcm for signal in KNOWN if signal.name == loud_name)
    found = identify(scene(14.0, (looped(loud, 12.0), 1.0, 0.0), (LONG_PROMPT, 4.0, -15.0), law=law), KNOWN)
    assert {one.name for one in found} == {loud_name, "long prompt"}
    one = the_one(found, "long prompt")
    assert_whole_at(one, LONG_PROMPT, 4.0, MASKED_EDGE_S)
    assert one.level_db == pytest.approx(-15.0, abs=0.7)


def test_prompt_15_db_over_an_unknown_signal_keeps_its_edges() -> None:
    heard = scene(10.0, (looped(music(77, 9.0), 10.0), 0.0, -15.0), (LONG_PROMPT, 2.0, 0.0))
    found = identify(heard, KNOWN)
    assert [one.name for one in found] == ["long prompt"]
    assert_whole_at(found[0], LONG_PROMPT, 2.0)


def test_prompt_15_db_under_an_unknown_signal_is_found() -> None:
    heard = scene(10.0, (looped(music(77, 9.0), 10.0), 0.0, 0.0), (LONG_PROMPT, 2.0, -15.0))
    found = identify(heard, KNOWN)
    assert [one.name for one in found] == ["long prompt"]
    assert_whole_at(found[0], LONG_PROMPT, 2.0, MASKED_EDGE_S)
    assert found[0].level_db == pytest.approx(-15.0, abs=2.0)


def test_two_parties_at_once_are_both_found() -> None:
    found = identify(scene(16.0, (looped(TALK_A, 12.0), 1.0, 0.0), (looped(TALK_B, 12.0), 3.0, -15.0)), KNOWN)
    assert [one.name for one in found] == ["talk A", "talk B"]
    assert (found[1].start_s, found[1].end_s) == pytest.approx((3.0, 15.0), abs=MASKED_EDGE_S)


def test_change_of_level_under_6_db_does_not_part_a_stretch() -> None:
    heard = scene(14.0, (looped(TALK_A, 6.0), 1.0, 0.0), (looped(TALK_A, 6.0, 6.0), 7.0, -4.0))
    one = the_one(identify(heard, KNOWN), "talk A")
    assert (one.start_s, one.end_s) == pytest.approx((1.0, 13.0), abs=EDGE_S)
    assert -4.0 < one.level_db < 0.0


# What a jitter buffer does


@pytest.mark.parametrize("shift_ms", [10, 20, 40, -10, -20, -40])
def test_slip_leaves_one_whole_stretch(shift_ms: int) -> None:
    n = abs(shift_ms) * SAMPLE_RATE_HZ // 1000
    at = 22_000
    slipped = (
        np.concatenate((LONG_PROMPT[:at], LONG_PROMPT[at - n :]))
        if shift_ms > 0
        else np.concatenate((LONG_PROMPT[:at], LONG_PROMPT[at + n :]))
    )
    one = the_one(identify(scene(8.0, (slipped, 1.0, 0.0)), KNOWN), "long prompt")
    assert_whole_at(one, slipped, 1.0)
    assert [slip.shift_s for slip in one.slips] == [shift_ms / 1000.0]
    assert one.slips[0].at_s == pytest.approx(1.0 + at / SAMPLE_RATE_HZ, abs=0.1)


def test_slips_of_a_loop_are_reported_in_order() -> None:
    run = looped(TALK_A, 14.0)
    slipped = np.concatenate((run[:40_000], run[39_680:80_000], run[80_080:]))
    one = the_one(identify(scene(17.0, (slipped, 1.0, 0.0)), KNOWN), "talk A")
    assert [slip.shift_s for slip in one.slips] == [0.04, -0.01]
    assert [slip.at_s for slip in one.slips] == pytest.approx([6.0, 11.04], abs=0.02)


def test_concealed_packets_do_not_part_a_stretch() -> None:
    heard = scene(8.0, (LONG_PROMPT, 1.0, 0.0)).copy()
    for at in (16_000, 23_000, 31_000):
        heard[at : at + 480] = heard[at - 480 : at]
    one = the_one(identify(heard, KNOWN), "long prompt")
    assert_whole_at(one, LONG_PROMPT, 1.0)
    assert one.slips == ()


def test_lost_packets_do_not_part_a_stretch() -> None:
    heard = scene(8.0, (LONG_PROMPT, 1.0, 0.0)).copy()
    for at in (16_000, 24_000):
        heard[at : at + 320] = 0
    assert_whole_at(the_one(identify(heard, KNOWN), "long prompt"), LONG_PROMPT, 1.0)


# No false hits


def test_thirty_prompts_of_one_voice_are_not_taken_for_each_other() -> None:
    prompts = [
        KnownSignal(f"prompt {i}", speech(100 + i, 1.5 + 0.5 * (i % 3), pitch_hz=120.0)) for i in range(30)
    ]
    pause = np.zeros(3000, dtype=np.int16)
    for first in (0, 15):
        played = prompts[first : first + 5]
        heard = coded(np.concatenate([part for signal in played for part in (signal.pcm, pause)]))
        assert identify(heard, [signal for signal in prompts if signal not in played]) == []
        found = identify(heard, prompts)
        assert [one.name for one in found] == [signal.name for signal in played]
        assert all(one.whole for one in found)


def test_words_that_two_prompts_share_are_heard_in_the_one_that_is_played() -> None:
    """Two sentences of one synthetic voice: their first word is the same, but for a little of its level."""
    words, tail = speech(41, 1.1), speech(42, 1.8)
    played = np.concatenate((words, tail))
    other = np.concatenate((words, speech(44, 2.6)))
    louder_words = np.concatenate(((1.06 * words).astype(np.int16), tail))
    known = [*KNOWN, KnownSignal("played", played), KnownSignal("other", other)]
    heard = scene(12.0, (looped(TALK_A, 10.0), 1.0, -15.0), (louder_words, 4.0, 0.0))
    assert [one.name for one in identify(heard, known)] == ["talk A", "played"]


@pytest.mark.parametrize("seed", range(4))
def test_unrelated_music_speech_and_talk_are_not_recognised(seed: int) -> None:
    heard = coded(np.concatenate((music(500 + seed, 6.0), speech(500 + seed, 6.0), talk(500 + seed, 6.0))))
    assert identify(heard, KNOWN + TONES) == []


def test_silence_and_noise_hold_nothing() -> None:
    rng = np.random.default_rng(0)
    noise = np.round(rng.standard_normal(80_000) * 1500.0).astype(np.int16)
    assert identify(np.zeros(80_000, dtype=np.int16), KNOWN + TONES) == []
    assert identify(coded(noise), KNOWN + TONES) == []


def test_nothing_known_and_nothing_heard_are_fine() -> None:
    assert identify(PROMPT, []) == []
    assert identify(np.zeros(0, dtype=np.int16), KNOWN + TONES) == []
    assert identify(PROMPT, [KnownSignal("silence", np.zeros(8000, dtype=np.int16))]) == []
    assert identify(PROMPT, [KnownSignal("empty", np.zeros(0, dtype=np.int16))]) == []


# Tones


@pytest.mark.parametrize("signal", TONES[:4], ids=lambda signal: signal.name)
def test_tone_is_named_by_frequency_and_cadence(signal: KnownSignal) -> None:
    heard = scene(20.0, (looped(signal.pcm, 14.0), 2.0, -6.0))
    found = identify(heard, KNOWN + TONES)
    one = the_one(found, signal.name)
    assert len(found) == 1
    first_s, last_s = audible_s(looped(signal.pcm, 14.0))
    assert (one.start_s, one.end_s) == pytest.approx((2.0 + first_s, 2.0 + last_s), abs=EDGE_S)
    assert one.level_db == pytest.approx(-6.0, abs=0.3)
    assert one.whole


def test_hint_tone_once_is_whole() -> None:
    one = the_one(identify(scene(4.0, (HINT.pcm, 1.0, 0.0)), KNOWN + TONES), "hint")
    assert_whole_at(one, HINT.pcm, 1.0)


def test_hint_tone_over_talk_is_found() -> None:
    found = identify(scene(12.0, (looped(TALK_A, 10.0), 1.0, 0.0), (HINT.pcm, 5.0, -3.0)), KNOWN + TONES)
    assert_whole_at(the_one(found, "hint"), HINT.pcm, 5.0, MASKED_EDGE_S)
    assert (the_one(found, "talk A").start_s, the_one(found, "talk A").end_s) == pytest.approx(
        (1.0, 11.0), abs=0.02
    )


def test_ringback_15_db_under_talk_is_found() -> None:
    heard = scene(18.0, (looped(RINGBACK.pcm, 16.0), 1.0, -15.0), (looped(TALK_A, 12.0), 3.0, 0.0))
    found = identify(heard, KNOWN + TONES)
    one = the_one(found, "ringback")
    assert (one.start_s, one.end_s) == pytest.approx((1.0, 17.0), abs=MASKED_EDGE_S)
    assert one.level_db == pytest.approx(-15.0, abs=1.0)
    assert the_one(found, "talk A").level_db == pytest.approx(0.0, abs=0.3)


def test_music_ringback_and_answer_come_out_in_order() -> None:
    heard = scene(
        30.0,
        (looped(LOOP, 6.0), 1.0, 0.0),
        (looped(RINGBACK.pcm, 11.4), 7.0, 0.0),
        (HINT.pcm, 18.5, 0.0),
        (looped(TALK_B, 8.0), 19.0, 0.0),
        (PROMPT, 22.0, 0.0),
    )
    found = identify(heard, KNOWN + TONES)
    assert [one.name for one in found] == ["music", "ringback", "hint", "talk B", "prompt"]
    # Ringback is on from 7, 12 and 17 s for a second each.
    assert (found[1].start_s, found[1].end_s) == pytest.approx((7.0, 18.0), abs=EDGE_S)


# Helpers


def heard(name: str, start_s: float, end_s: float) -> Heard:
    return Heard(name, start_s, end_s, 0.0, 0.0, True, 1.0)


def test_heard_between_counts_seconds_by_name() -> None:
    found = [heard("a", 0.0, 4.0), heard("b", 3.0, 5.0), heard("a", 6.0, 7.0), heard("c", 9.0, 10.0)]
    assert heard_between(found, 2.0, 6.5) == pytest.approx({"a": 2.5, "b": 2.0})
    assert heard_between(found, 7.5, 8.5) == {}


def test_gaps_are_where_nothing_sounds() -> None:
    pcm = looped(TALK_A, 3.0).copy()
    pcm[8000:8800] = 0
    pcm[16_000:16_240] = 0  # 30 ms: too short to be reported
    found = gaps(coded(pcm))
    assert len(found) == 1
    assert found[0] == pytest.approx((1.0, 1.1), abs=0.005)
    assert len(gaps(coded(pcm), shortest_ms=20)) == 2


def test_gaps_of_silence_and_of_nothing() -> None:
    assert gaps(np.zeros(8000, dtype=np.int16)) == [(0.0, 1.0)]
    assert gaps(np.zeros(0, dtype=np.int16)) == []


@pytest.mark.parametrize("shift_s", [0.0, 0.02, 1.5, -0.75])
def test_offset_aligns_two_recordings(shift_s: float) -> None:
    a = scene(8.0, (LONG_PROMPT, 2.0, 0.0))
    b = scene(9.0, (LONG_PROMPT, 2.0 + shift_s, -6.0), law="mu")
    assert offset(a, b) == pytest.approx(shift_s, abs=1.0 / SAMPLE_RATE_HZ)
    assert offset(b, a) == pytest.approx(-shift_s, abs=1.0 / SAMPLE_RATE_HZ)


def test_offset_of_unlike_recordings_is_refused() -> None:
    with pytest.raises(MediaFormatError, match="in common"):
        offset(speech(60, 4.0), speech(61, 4.0))
    with pytest.raises(MediaFormatError, match="in common"):
        offset(PROMPT, np.zeros(8000, dtype=np.int16))


def test_wrong_audio_is_refused() -> None:
    wide = np.zeros((2, 8000), dtype=np.int16)
    with pytest.raises(MediaFormatError, match="shape"):
        identify(wide, KNOWN)
    with pytest.raises(MediaFormatError, match="int16"):
        gaps(np.zeros(8000))  # type: ignore[arg-type]
    with pytest.raises(MediaFormatError, match="shape"):
        identify(PROMPT, [KnownSignal("wide", wide)])


def test_two_signals_of_one_name_are_refused() -> None:
    with pytest.raises(MediaFormatError, match="different names"):
        identify(PROMPT, [KnownSignal("a", PROMPT), KnownSignal("a", LONG_PROMPT)])


def test_a_minute_and_eight_signals_take_seconds_and_not_minutes() -> None:
    known = [KnownSignal(f"prompt {i}", speech(700 + i, 10.0)) for i in range(4)]
    known += [KnownSignal(f"talk {i}", talk(700 + i, 10.0), loop=True) for i in range(4)]
    minute = scene(
        60.0, (looped(known[4].pcm, 58.0), 1.0, 0.0), (known[0].pcm, 10.0, -6.0), (known[1].pcm, 30.0, 0.0)
    )
    began_s = time.process_time()
    found = identify(minute, known)
    taken_s = time.process_time() - began_s
    assert [one.name for one in found] == ["talk 0", "prompt 0", "prompt 1"]
    # A shared core takes 1 to 3.5 s, depending on its neighbours: only a change of order shall fail here.
    assert taken_s < 10.0
