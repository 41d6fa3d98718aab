"""Bursts of steady tones: edges, levels, tuning, and what is no tone."""

from collections.abc import Sequence

import numpy as np
import pytest

from media.fingerprint_tone import Burst, Float32, ToneShape, find_bursts
from media.testsignal import talk
from media.types import SAMPLE_RATE_HZ

EDGE_S = 0.003


def sines(frequencies_hz: Sequence[float], duration_s: float, amplitude: float = 3000.0) -> Float32:
    t = np.arange(round(duration_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    total = np.sum([amplitude * np.sin(2 * np.pi * hz * t) for hz in frequencies_hz], axis=0)
    return np.asarray(total, dtype=np.float32)


def silence(duration_s: float) -> Float32:
    return np.zeros(round(duration_s * SAMPLE_RATE_HZ), dtype=np.float32)


def edges_s(bursts: Sequence[Burst]) -> list[float]:
    return [edge for burst in bursts for edge in (burst.start_s, burst.stop_s)]


@pytest.mark.parametrize("frequencies_hz", [(450.0,), (425.0,), (1000.0,), (440.0, 480.0), (350.0, 440.0)])
def test_bursts_have_their_edges_and_power(frequencies_hz: tuple[float, ...]) -> None:
    x = np.concatenate(
        (silence(0.5), sines(frequencies_hz, 0.4), silence(0.3), sines(frequencies_hz, 1.0), silence(0.2))
    )
    bursts = find_bursts(x, frequencies_hz)
    assert edges_s(bursts) == pytest.approx([0.5, 0.9, 1.2, 2.2], abs=EDGE_S * len(frequencies_hz))
    # A sine's mean square is half its amplitude squared.
    for burst in bursts:
        assert burst.power == pytest.approx(len(frequencies_hz) * 3000.0**2 / 2, rel=0.1)


@pytest.mark.parametrize("detuning_hz", [-3.0, 3.0])
def test_tone_within_its_tuning_is_a_burst(detuning_hz: float) -> None:
    x = np.concatenate((silence(0.2), sines((450.0 + detuning_hz,), 0.8), silence(0.2)))
    assert edges_s(find_bursts(x, (450.0,))) == pytest.approx([0.2, 1.0], abs=EDGE_S)


@pytest.mark.parametrize("other_hz", [425.0, 440.0, 460.0, 480.0, 900.0])
def test_other_frequency_is_no_burst(other_hz: float) -> None:
    x = np.concatenate((silence(0.2), sines((other_hz,), 2.0), silence(0.2)))
    assert find_bursts(x, (450.0,)) == []


def test_one_line_of_two_is_no_burst() -> None:
    assert find_bursts(sines((440.0,), 2.0), (440.0, 480.0)) == []


def test_step_of_level_makes_a_new_burst() -> None:
    x = np.concatenate((sines((450.0,), 1.0), sines((450.0,), 1.0, 900.0)))
    bursts = find_bursts(x, (450.0,))
    assert len(bursts) == 2
    assert bursts[0].stop_s == pytest.approx(1.0, abs=0.02)
    assert 10.0 * np.log10(bursts[1].power / bursts[0].power) == pytest.approx(-10.5, abs=0.5)


def test_dropout_does_not_part_a_burst() -> None:
    x = sines((450.0,), 1.5)
    x[4000:4240] = 0.0
    assert edges_s(find_bursts(x, (450.0,))) == pytest.approx([0.0, 1.5], abs=EDGE_S)


def test_dying_note_is_no_burst() -> None:
    x = sines((450.0,), 1.0)
    fading = (x * np.exp(-6.0 * np.arange(x.size) / SAMPLE_RATE_HZ)).astype(np.float32)
    assert find_bursts(fading, (450.0,)) == []


def test_whistle_through_the_frequency_is_no_burst() -> None:
    assert find_bursts(talk(5, 20.0).astype(np.float32), (1000.0,)) == []


def test_silence_has_no_bursts() -> None:
    assert find_bursts(silence(1.0), (450.0,)) == []


def test_shape_of_ringback_tells_lines_and_cadence() -> None:
    shape = ToneShape.of(np.concatenate((sines((450.0,), 1.0), silence(4.0))), True)
    assert shape is not None
    assert shape.frequencies_hz == pytest.approx((450.0,), abs=0.5)
    assert edges_s(shape.bursts) == pytest.approx([0.0, 1.0], abs=EDGE_S)
    assert shape.duration_s == 5.0
    assert not shape.continuous


def test_shape_of_two_lines() -> None:
    shape = ToneShape.of(np.concatenate((sines((440.0, 480.0), 2.0), silence(4.0))), True)
    assert shape is not None
    assert shape.frequencies_hz == pytest.approx((440.0, 480.0), abs=0.5)


@pytest.mark.parametrize(("loop", "continuous"), [(True, True), (False, False)])
def test_pure_tone_is_continuous_only_as_a_loop(loop: bool, continuous: bool) -> None:
    shape = ToneShape.of(sines((450.0,), 1.0), loop)
    assert shape is not None
    assert shape.continuous is continuous


def test_short_beep_is_a_tone() -> None:
    shape = ToneShape.of(np.concatenate((silence(0.1), sines((1000.0,), 0.15), silence(0.1))), False)
    assert shape is not None
    assert edges_s(shape.bursts) == pytest.approx([0.1, 0.25], abs=EDGE_S)


def test_talk_noise_and_silence_are_no_tones() -> None:
    noise = (np.random.default_rng(0).standard_normal(16_000) * 1000.0).astype(np.float32)
    assert ToneShape.of(talk(1, 4.0).astype(np.float32), True) is None
    assert ToneShape.of(noise, True) is None
    assert ToneShape.of(silence(1.0), True) is None
    assert ToneShape.of(silence(0.0), True) is None


def test_tones_of_different_frequency_in_sequence_are_no_single_tone() -> None:
    special = np.concatenate([sines((hz,), 0.33) for hz in (950.0, 1400.0, 1800.0)])
    assert ToneShape.of(special, True) is None
