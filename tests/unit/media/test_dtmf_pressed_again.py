"""media.dtmf: the same key pressed again after a short pause, beside a tone that was only interrupted."""

import numpy as np
import pytest

from media.dtmf import KEYS, detect
from media.dtmf.testing import (
    Key,
    Signal,
    dialled,
    interrupted,
    key_signal,
    noise,
    samples_of,
    silence,
    through_line,
)

ON_MS = 60.0


def heard(signal: Signal) -> str:
    return "".join(one.digit for one in detect(through_line(signal)))


def one_key(digit: str, on_ms: float, seed: int = 1) -> Signal:
    """A key with silence around it; its tones begin 100 ms in."""
    tone = key_signal(Key(digit, on_ms=on_ms), np.random.default_rng(seed))
    return np.concatenate([silence(100), tone, silence(150)])


def with_late_packet(signal: Signal, at_ms: float) -> Signal:
    """20 ms of silence put in; what follows is only later."""
    at = samples_of(at_ms)
    return np.concatenate([signal[:at], silence(20), signal[at:]])


@pytest.mark.parametrize("pause_ms", [12.0, 15.0, 18.0, 22.0])
def test_same_key_after_a_short_pause_is_two_digits(pause_ms: float) -> None:
    """Phases drawn at random agree on both tones once in several hundred times; one in sixteen is allowed."""
    twice = 0
    for digit in KEYS:
        keys = [Key(digit, on_ms=ON_MS), Key(digit, on_ms=ON_MS)]
        signal, _ = dialled(keys, np.random.default_rng(3), pause_ms)
        found = heard(signal)
        assert set(found) == {digit}
        twice += found == digit * 2
    assert twice >= len(KEYS) - 1


def test_both_presses_have_their_own_edges() -> None:
    signal, truth = dialled([Key("5", on_ms=ON_MS)] * 2, np.random.default_rng(3), 16)
    found = detect(through_line(signal))
    assert len(found) == 2
    for one, true in zip(found, truth, strict=True):
        assert one.start_s == pytest.approx(true.start_s, abs=0.0015)
        assert one.end_s == pytest.approx(true.end_s, abs=0.0015)


@pytest.mark.parametrize("gap_ms", [9.0, 12.0, 15.0, 20.0, 22.0])
def test_interrupted_tone_stays_one_digit(gap_ms: float) -> None:
    """The far end's tones run on behind the gap (a lost frame; Q.24 asks for 10 ms)."""
    for digit in KEYS:
        signal = one_key(digit, 140)
        assert heard(interrupted(signal, 150, gap_ms)) == digit, digit


@pytest.mark.parametrize("gap_ms", [10.0, 20.0])
def test_interrupted_tone_under_noise_stays_one_digit(gap_ms: float) -> None:
    """Noise makes phases waver, and the more is allowed for."""
    rng = np.random.default_rng(4)
    for digit in KEYS:
        signal = one_key(digit, 140)
        noisy = interrupted(signal, 150, gap_ms) + noise(signal.size, -20, rng)
        assert heard(noisy) == digit, digit


def test_tone_off_its_frequency_stays_one_digit_when_interrupted() -> None:
    for digit in KEYS:
        key = Key(digit, on_ms=140, low_offset=0.015, high_offset=-0.015)
        tone = key_signal(key, np.random.default_rng(5))
        signal = np.concatenate([silence(100), tone, silence(150)])
        assert heard(interrupted(signal, 150, 20)) == digit, digit


def test_late_packet_inside_a_key_does_not_double_it() -> None:
    """Its tones stand still for 20 ms and go on where they stood."""
    for digit in KEYS:
        assert heard(with_late_packet(one_key(digit, 140), 155)) == digit, digit


def test_short_rest_after_a_break_is_no_second_digit() -> None:
    """15 ms of tone of another phase is no key: the digit before it stands alone."""
    rng = np.random.default_rng(6)
    first, rest = key_signal(Key("7", on_ms=60), rng), key_signal(Key("7", on_ms=15), rng)
    signal = np.concatenate([silence(100), first, silence(15), rest, silence(150)])
    assert heard(signal) == "7"
