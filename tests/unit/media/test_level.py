"""Levels against sines of known amplitude, active level against pauses of known length."""

import math
from collections.abc import Callable

import numpy as np
import pytest

from media.errors import MediaFormatError
from media.level import active_level_dbm0, apply_gain, level_dbm0, mix, peak_dbm0, rms_of
from media.types import Pcm16


def sine(amplitude: float, n_samples: int = 8000, frequency_hz: float = 1000.0, phase: float = 0.3) -> Pcm16:
    wave = amplitude * np.sin(2 * np.pi * frequency_hz * np.arange(n_samples) / 8000 + phase)
    return np.rint(np.clip(wave, -32768, 32767)).astype(np.int16)


def samples(*values: int) -> Pcm16:
    return np.array(values, dtype=np.int16)


def silence(n_samples: int) -> Pcm16:
    return np.zeros(n_samples, dtype=np.int16)


def speech_like(n_samples: int, dbm0: float, seed: int = 1) -> Pcm16:
    """Noise of a level, cut into syllables of 125 ms whose edges fade."""
    noise = np.random.default_rng(seed).standard_normal(n_samples)
    noise *= 0.2 + np.abs(np.sin(np.pi * 4 * np.arange(n_samples) / 8000))
    noise *= rms_of(dbm0) / np.sqrt(np.mean(noise**2))
    return np.rint(np.clip(noise, -32768, 32767)).astype(np.int16)


def active_level_one_sample_at_a_time(pcm: Pcm16) -> float:
    """P.56 method B as the recommendation writes it down, slowly."""
    memory = math.exp(-1 / (8000 * 0.03))
    thresholds = [2.0**j for j in range(15)]
    counts, since = [0] * 15, [1600] * 15
    smooth = envelope = energy = 0.0
    for x in pcm.tolist():
        energy += x * x
        smooth = memory * smooth + (1 - memory) * abs(x)
        envelope = memory * envelope + (1 - memory) * smooth
        for j, threshold in enumerate(thresholds):
            if envelope >= threshold:
                counts[j] += 1
                since[j] = 0
            elif since[j] < 1600:
                counts[j] += 1
                since[j] += 1
    before: tuple[float, float] | None = None
    for count, threshold in zip(counts, thresholds, strict=True):
        if count == 0:
            break
        level = 10 * math.log10(energy / count)
        margin = level - 20 * math.log10(threshold)
        if margin <= 15.9:
            if before is not None:
                level_before, margin_before = before
                step = (margin_before - 15.9) / (margin_before - margin)
                level = level_before + step * (level - level_before)
            return level - 20 * math.log10(32768 / math.sqrt(2)) + 3.14
        before = level, margin
    raise AssertionError("no level")


# level_dbm0, peak_dbm0


def test_full_scale_sine_has_3_14_dbm0() -> None:
    assert level_dbm0(sine(32768)) == pytest.approx(3.14, abs=0.002)
    assert peak_dbm0(sine(32768, phase=math.pi / 2)) == pytest.approx(3.14, abs=0.001)


@pytest.mark.parametrize(
    ("amplitude", "dbm0"),
    # 20 log10(A / 32768) + 3.14
    [(16384, -2.881), (3276.8, -16.86), (327.68, -36.86), (22827, 0.0)],
)
def test_sine_has_the_level_of_its_amplitude(amplitude: float, dbm0: float) -> None:
    assert level_dbm0(sine(amplitude)) == pytest.approx(dbm0, abs=0.02)


def test_full_scale_square_wave_has_3_01_db_more_than_the_sine() -> None:
    assert level_dbm0(samples(-32768, -32768)) == pytest.approx(6.1503, abs=0.0001)


def test_smallest_sample_has_its_level() -> None:
    # 20 log10(1 / 32768) = -90.309; a constant is 3.0103 over the sine of its peak.
    assert level_dbm0(samples(1, -1)) == pytest.approx(-90.309 + 3.0103 + 3.14, abs=0.001)
    assert peak_dbm0(samples(0, -1)) == pytest.approx(-90.309 + 3.14, abs=0.001)


def test_half_the_time_silent_is_half_the_power() -> None:
    tone = sine(10000)
    halved = np.concatenate([tone, silence(8000)])
    assert level_dbm0(tone) - level_dbm0(halved) == pytest.approx(3.0103, abs=1e-6)


def test_most_negative_sample_is_a_peak_of_full_scale() -> None:
    # abs() of an int16 -32768 would be -32768 again.
    assert peak_dbm0(samples(0, -32768, 5)) == pytest.approx(3.14)


def test_rms_of_is_the_inverse_of_level() -> None:
    assert rms_of(3.14) == pytest.approx(32768 / math.sqrt(2))
    level = samples(1000, -1000)
    assert rms_of(level_dbm0(level)) == pytest.approx(1000.0)
    assert rms_of(-math.inf) == 0.0


@pytest.mark.parametrize("measure", [level_dbm0, peak_dbm0, active_level_dbm0])
def test_digital_silence_is_minus_infinity(measure: Callable[[Pcm16], float]) -> None:
    assert measure(silence(8000)) == -math.inf
    assert measure(silence(1)) == -math.inf


@pytest.mark.parametrize("measure", [level_dbm0, peak_dbm0, active_level_dbm0])
def test_measuring_refuses_other_arrays_and_leaves_its_input_alone(measure: Callable[[Pcm16], float]) -> None:
    with pytest.raises(MediaFormatError, match="0 samples"):
        measure(silence(0))
    with pytest.raises(MediaFormatError, match="float64, must be int16"):
        measure(np.zeros(160))  # type: ignore[arg-type]
    with pytest.raises(MediaFormatError, match="2 dimensions"):
        measure(silence(160).reshape(80, 2))
    pcm = sine(9000)
    before = pcm.copy()
    measure(pcm)
    np.testing.assert_array_equal(pcm, before)


# active_level_dbm0


def test_active_level_of_a_steady_tone_is_its_level() -> None:
    tone = sine(5000, n_samples=5 * 8000)
    assert active_level_dbm0(tone) == pytest.approx(level_dbm0(tone), abs=0.1)


@pytest.mark.parametrize("pause_s", [1, 3, 9, 30])
def test_pauses_do_not_lower_the_active_level(pause_s: int) -> None:
    talk = speech_like(4 * 8000, dbm0=-16)
    paused = np.concatenate([talk, silence(pause_s * 8000), talk, silence(pause_s * 8000)])
    # Each burst of 4 s keeps 0.2 s of hangover: 10 log10(4.2 / 4) = 0.21 dB.
    assert active_level_dbm0(paused) == pytest.approx(-16.0, abs=0.35)
    assert level_dbm0(paused) < -16.0 - 0.9


def test_line_noise_in_the_pauses_is_not_speech() -> None:
    talk = speech_like(4 * 8000, dbm0=-16)
    noise = speech_like(20 * 8000, dbm0=-60, seed=2)
    assert active_level_dbm0(np.concatenate([talk, noise])) == pytest.approx(-16.0, abs=0.35)


@pytest.mark.parametrize("gain_db", [-20.0, -6.0, 6.0])
def test_active_level_follows_the_gain(gain_db: float) -> None:
    talk = np.concatenate([speech_like(3 * 8000, dbm0=-20), silence(16000)])
    difference_db = active_level_dbm0(apply_gain(talk, gain_db)) - active_level_dbm0(talk)
    # Thresholds are 6 dB apart and interpolated between, which leaves an error where the gain is no multiple.
    assert difference_db == pytest.approx(gain_db, abs=0.15)


@pytest.mark.parametrize("dbm0", [-40.0, -26.0, -9.0])
def test_active_level_agrees_with_the_recommendation_taken_literally(dbm0: float) -> None:
    parts = [
        speech_like(2000, dbm0, 3),
        silence(3000),
        speech_like(6000, dbm0 - 7, 4),
        silence(1599),
        sine(300, 900),
    ]
    pcm = np.concatenate(parts)
    assert active_level_dbm0(pcm) == pytest.approx(active_level_one_sample_at_a_time(pcm), abs=1e-6)


def test_single_click_has_a_level() -> None:
    pcm = silence(8000)
    pcm[100] = 32767
    assert level_dbm0(pcm) < active_level_dbm0(pcm) < 3.14


@pytest.mark.parametrize("n_samples", [1, 80, 1600])
def test_audio_too_short_for_a_pause_has_its_mean_level(n_samples: int) -> None:
    assert active_level_dbm0(sine(20000, n_samples)) == level_dbm0(sine(20000, n_samples))


def test_audio_just_long_enough_for_a_pause_has_about_its_mean_level() -> None:
    assert active_level_dbm0(sine(20000, 1700)) == pytest.approx(level_dbm0(sine(20000, 1700)), abs=0.6)


def test_alaw_idle_of_a_quiet_line_is_far_below_speech() -> None:
    # The envelope rises for some 20 ms, which are not active: 0.1 dB. A-law has no zero, silence
    # decodes to +8 or -8: 20 log10(8 / 32768) + 3.01 + 3.14 = -66.1 dBm0.
    assert active_level_dbm0(np.full(8000, 8, dtype=np.int16)) == pytest.approx(-66.1, abs=0.15)


# apply_gain, mix


def test_gain_of_0_db_changes_nothing_and_returns_a_new_array() -> None:
    pcm = np.arange(-32768, 32768).astype(np.int16)
    louder = apply_gain(pcm, 0.0)
    np.testing.assert_array_equal(louder, pcm)
    louder[:] = 0
    assert int(pcm[0]) == -32768


def test_gain_is_rounded_to_the_nearest_sample() -> None:
    # 6.0206 dB is a factor of 2.0000003, -6.0206 dB of 0.5 (from below: 1.5 -> 2, 2.5 -> 2).
    assert apply_gain(samples(3, -3, 100), 6.0206).tolist() == [6, -6, 200]
    assert apply_gain(samples(200, -201, 7), -20.0).tolist() == [20, -20, 1]


def test_gain_saturates_instead_of_wrapping() -> None:
    assert apply_gain(samples(30000, -30000, 1), 6.0).tolist() == [32767, -32768, 2]
    assert apply_gain(samples(1, -1, 0), 1e6).tolist() == [32767, -32768, 0]


def test_gain_of_minus_infinity_mutes() -> None:
    assert apply_gain(samples(30000, -30000), -math.inf).tolist() == [0, 0]


@pytest.mark.parametrize("gain_db", [math.nan, math.inf])
def test_gain_that_is_no_number_is_refused(gain_db: float) -> None:
    with pytest.raises(MediaFormatError, match="gain is"):
        apply_gain(samples(1), gain_db)


def test_mix_adds_and_saturates_once() -> None:
    a = samples(1, 30000, -30000, 32767, -32768, 32767)
    b = samples(2, 30000, -30000, 1, -1, -32768)
    assert mix(a, b).tolist() == [3, 32767, -32768, 32767, -32768, -1]


def test_mix_leaves_its_inputs_alone() -> None:
    a, b = samples(1, 2), samples(3, 4)
    mixed = mix(a, b)
    mixed[:] = 0
    assert a.tolist() == [1, 2]
    assert b.tolist() == [3, 4]


def test_mix_of_two_unrelated_signals_adds_their_powers() -> None:
    a, b = sine(5000, frequency_hz=440), sine(5000, frequency_hz=1000)
    assert level_dbm0(mix(a, b)) - level_dbm0(a) == pytest.approx(3.01, abs=0.01)


def test_nothing_mixes_and_amplifies_to_nothing() -> None:
    assert mix(silence(0), silence(0)).shape == (0,)
    assert apply_gain(silence(0), 6.0).dtype == np.int16


def test_mix_refuses_lengths_that_differ() -> None:
    with pytest.raises(MediaFormatError, match="160 and 80 samples"):
        mix(silence(160), silence(80))


def test_arithmetic_refuses_other_types() -> None:
    wide = np.zeros(4, dtype=np.int32)
    with pytest.raises(MediaFormatError, match="int32"):
        mix(silence(4), wide)  # type: ignore[arg-type]
    with pytest.raises(MediaFormatError, match="int32"):
        mix(wide, silence(4))  # type: ignore[arg-type]
    with pytest.raises(MediaFormatError, match="int32"):
        apply_gain(wide, 1.0)  # type: ignore[arg-type]
