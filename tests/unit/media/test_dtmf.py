"""media.dtmf.detect: the facts of the standards on whole recordings, through A-law and mu-law."""

import numpy as np
import pytest
from scipy.signal import resample_poly

from media.dtmf import COLUMNS_HZ, KEYS, ROWS_HZ, DtmfDigit, DtmfOnset, Limits, detect
from media.dtmf.testing import (
    Key,
    Law,
    Signal,
    dialled,
    frames_lost,
    glide,
    interrupted,
    key_signal,
    noise,
    silence,
    sine,
    talker,
    through_line,
    with_echo,
)
from media.errors import MediaFormatError
from media.types import Pcm16

LAWS: tuple[Law, ...] = ("alaw", "ulaw")


def digits_of(found: list[DtmfDigit]) -> str:
    return "".join(one.digit for one in found)


def heard(signal: Signal, law: Law = "alaw") -> str:
    return digits_of(detect(through_line(signal, law)))


def every_key(**changes: float) -> list[Key]:
    return [Key(digit, **changes) for digit in KEYS]


def sent(seed: int = 5, pause_ms: float = 50.0, **changes: float) -> Signal:
    return dialled(every_key(**changes), np.random.default_rng(seed), pause_ms)[0]


# What is reported


def test_keypad_is_the_one_of_q23() -> None:
    assert list(ROWS_HZ) == [697, 770, 852, 941]
    assert list(COLUMNS_HZ) == [1209, 1336, 1477, 1633]
    assert KEYS == "123A456B789C*0#D"


@pytest.mark.parametrize("law", LAWS)
def test_all_sixteen_digits_are_read_in_order(law: Law) -> None:
    assert heard(sent(), law) == KEYS


def test_silence_holds_no_digit() -> None:
    assert detect(np.zeros(16000, dtype=np.int16)) == []


def test_empty_recording_holds_no_digit() -> None:
    assert detect(np.zeros(0, dtype=np.int16)) == []


@pytest.mark.parametrize("lead_ms", [100.0, 104.1, 111.3, 118.9])
def test_edges_are_within_one_and_a_half_milliseconds(lead_ms: float) -> None:
    signal, truth = dialled(every_key(on_ms=70), np.random.default_rng(2), 60, lead_ms)
    found = detect(through_line(signal))
    assert digits_of(found) == KEYS
    for one, true in zip(found, truth, strict=True):
        assert abs(one.start_s - true.start_s) < 0.0015
        assert abs(one.end_s - true.end_s) < 0.0015


def test_edges_stay_exact_at_the_frequency_limit() -> None:
    keys = every_key(on_ms=60, low_offset=0.015, high_offset=-0.015)
    signal, truth = dialled(keys, np.random.default_rng(3), 60)
    for one, true in zip(detect(through_line(signal)), truth, strict=True):
        assert abs(one.start_s - true.start_s) < 0.0015
        assert abs(one.end_s - true.end_s) < 0.0015


def test_long_key_is_one_digit_of_its_length() -> None:
    signal, truth = dialled([Key("7", on_ms=10_000)], np.random.default_rng(4))
    found = detect(through_line(signal))
    assert digits_of(found) == "7"
    assert found[0].end_s == pytest.approx(truth[0].end_s, abs=0.0015)


def test_key_cut_by_the_end_of_the_recording_ends_there() -> None:
    signal = np.concatenate([silence(100), key_signal(Key("3", on_ms=70), np.random.default_rng(1))])
    found = detect(through_line(signal))
    assert digits_of(found) == "3"
    assert found[0].end_s == pytest.approx(0.170, abs=0.0015)
    assert found[0].end_s <= signal.size / 8000


def test_key_from_the_first_sample_is_read() -> None:
    signal = np.concatenate([key_signal(Key("9", on_ms=60), np.random.default_rng(1)), silence(200)])
    found = detect(through_line(signal))
    assert digits_of(found) == "9"
    assert found[0].start_s == pytest.approx(0.0, abs=0.0015)


def test_no_repr_shows_a_digit() -> None:
    for shown in (repr(DtmfDigit("A", 1.5, 2.5)), repr(DtmfOnset("A", 1.5)), f"{DtmfDigit('A', 1.5, 2.5)}"):
        assert "A" not in shown
        assert "1.5" in shown


# What is refused as input


def test_wrong_dtype_is_refused_by_name() -> None:
    with pytest.raises(MediaFormatError, match="float64"):
        detect(np.zeros(800))  # type: ignore[arg-type]  # the fact under test


def test_stereo_is_refused() -> None:
    with pytest.raises(MediaFormatError, match="shape"):
        detect(np.zeros((800, 2), dtype=np.int16))


def test_rate_under_8000_is_refused() -> None:
    with pytest.raises(MediaFormatError, match="6000"):
        detect(np.zeros(800, dtype=np.int16), 6000)


@pytest.mark.parametrize("sample_rate", [11025, 16000, 44100, 48000])
def test_other_rates_are_resampled(sample_rate: int) -> None:
    signal, truth = dialled(every_key(), np.random.default_rng(6))
    divisor = int(np.gcd(sample_rate, 8000))
    faster: Pcm16 = np.round(resample_poly(signal, sample_rate // divisor, 8000 // divisor)).astype(np.int16)
    found = detect(faster, sample_rate)
    assert digits_of(found) == KEYS
    assert found[5].start_s == pytest.approx(truth[5].start_s, abs=0.0015)


def test_input_is_not_modified() -> None:
    pcm = through_line(sent())
    before = pcm.copy()
    detect(pcm)
    assert np.array_equal(pcm, before)


# Q.24, both edges


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("offset", [-0.015, 0.015])
def test_frequency_one_and_a_half_per_cent_off_is_read(law: Law, offset: float) -> None:
    assert heard(sent(low_offset=offset, high_offset=offset), law) == KEYS


@pytest.mark.parametrize("sign", [-1, 1])
def test_two_hertz_on_top_are_read(sign: int) -> None:
    """ETSI ES 201 235-3."""
    assert heard(sent(low_offset=sign * 0.015, high_offset=sign * 0.015, extra_hz=2.0 * sign)) == KEYS


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("offset", [-0.035, 0.035])
def test_frequency_three_and_a_half_per_cent_off_is_refused(law: Law, offset: float) -> None:
    assert heard(sent(low_offset=offset), law) == ""
    assert heard(sent(high_offset=offset), law) == ""


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("twist_db", [-8.0, -4.0, 4.0])
def test_twist_of_the_standard_is_read(law: Law, twist_db: float) -> None:
    assert heard(sent(twist_db=twist_db), law) == KEYS


@pytest.mark.parametrize("twist_db", [-13.0, 10.0])
def test_twist_far_outside_is_refused(twist_db: float) -> None:
    assert heard(sent(twist_db=twist_db, low_dbm0=-15.0)) == ""


@pytest.mark.parametrize("twist_db", [-10.0, 10.0])
def test_twist_limits_can_be_widened(twist_db: float) -> None:
    """Australia's column asks for 10 dB."""
    pcm = through_line(sent(twist_db=twist_db, low_dbm0=-15.0))
    assert digits_of(detect(pcm, limits=Limits(min_twist_db=-10.8, max_twist_db=10.8))) == KEYS


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("level_dbm0", [0.0, -25.0, -36.0])
def test_levels_of_the_standards_are_read(law: Law, level_dbm0: float) -> None:
    assert heard(sent(low_dbm0=level_dbm0), law) == KEYS


def test_digits_that_clip_are_read() -> None:
    assert heard(sent(low_dbm0=3.0)) == KEYS


@pytest.mark.parametrize("law", LAWS)
def test_level_of_minus_55_is_refused(law: Law) -> None:
    assert heard(sent(low_dbm0=-55.0), law) == ""


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("lead_ms", [100.0, 106.3, 113.1])
def test_tone_of_40_ms_is_read(law: Law, lead_ms: float) -> None:
    signal, _ = dialled(every_key(on_ms=40), np.random.default_rng(7), 40, lead_ms)
    assert heard(signal, law) == KEYS


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize("on_ms", [15.0, 23.0, 26.0])
def test_tone_of_23_ms_is_refused(law: Law, on_ms: float) -> None:
    assert heard(sent(on_ms=on_ms), law) == ""


def test_pause_of_30_ms_parts_the_same_key() -> None:
    signal, _ = dialled([Key("5")] * 8, np.random.default_rng(8), 30)
    assert heard(signal) == "55555555"


@pytest.mark.parametrize("gap_ms", [2, 6, 10, 15, 20])
@pytest.mark.parametrize("start_ms", [10, 35, 50])
def test_interruption_is_bridged(gap_ms: float, start_ms: float) -> None:
    tone = interrupted(key_signal(Key("6", on_ms=110), np.random.default_rng(9)), start_ms, gap_ms)
    found = detect(through_line(np.concatenate([silence(103), tone, silence(150)])))
    assert digits_of(found) == "6"


def test_different_keys_without_a_pause_are_both_read() -> None:
    signal, _ = dialled([Key(digit) for digit in "15927A"], np.random.default_rng(10), 0)
    assert heard(signal) == "15927A"


def test_velocity_of_65_ms_a_digit_is_read() -> None:
    signal, _ = dialled(every_key(on_ms=40), np.random.default_rng(11), 25)
    assert heard(signal) == KEYS


# What lines do


@pytest.mark.parametrize("law", LAWS)
def test_noise_15_db_under_is_no_obstacle(law: Law) -> None:
    rng = np.random.default_rng(12)
    signal = sent(on_ms=40)
    assert heard(signal + noise(signal.size, -10 + 3 - 15, rng), law) == KEYS


@pytest.mark.parametrize("delay_ms", [2, 7, 13, 20])
def test_echo_10_db_down_is_no_obstacle(delay_ms: float) -> None:
    assert heard(with_echo(sent(), delay_ms, 10.0)) == KEYS


@pytest.mark.parametrize("frequencies_hz", [(350, 440), (425,), (350, 450)])
@pytest.mark.parametrize("ratio_db", [6, -6, -15])
def test_dial_tone_over_the_digits_is_no_obstacle(frequencies_hz: tuple[int, ...], ratio_db: float) -> None:
    signal = sent(low_dbm0=-20.0, on_ms=60)
    tones = [sine(one, signal.size, -20.0 - ratio_db) for one in frequencies_hz]
    assert heard(signal + np.sum(tones, axis=0)) == KEYS


@pytest.mark.parametrize("hum_hz", [50, 60])
def test_hum_as_strong_as_a_tone_is_no_obstacle(hum_hz: float) -> None:
    signal = sent()
    assert heard(signal + sine(hum_hz, signal.size, -10.0)) == KEYS


def test_constant_offset_is_no_obstacle() -> None:
    assert heard(sent() + 2000.0) == KEYS


@pytest.mark.parametrize("how", ["zeroed", "repeated"])
def test_one_lost_frame_neither_loses_nor_doubles_a_digit(how: str) -> None:
    signal, truth = dialled(every_key(on_ms=100), np.random.default_rng(13), 60)
    lost = np.array([int((one.start_s + one.end_s) / 2 / 0.020) for one in truth])
    assert heard(frames_lost(signal, lost, "zeroed" if how == "zeroed" else "repeated")) == KEYS


# What is no digit


@pytest.mark.parametrize("frequency_hz", [*ROWS_HZ, *COLUMNS_HZ])
def test_one_group_alone_is_no_digit(frequency_hz: float) -> None:
    tone = np.concatenate([silence(100), sine(frequency_hz, 1600, -6.0), silence(100)])
    assert heard(tone) == ""


@pytest.mark.parametrize("frequencies_hz", [(697, 770), (1209, 1633), (350, 440), (480, 620), (1400, 2060)])
def test_pairs_that_are_no_key_are_no_digit(frequencies_hz: tuple[float, float]) -> None:
    pair = sine(frequencies_hz[0], 1600, -10.0) + sine(frequencies_hz[1], 1600, -10.0, 1.0)
    assert heard(np.concatenate([silence(100), pair, silence(100)])) == ""


def test_white_noise_holds_no_digit() -> None:
    assert heard(noise(8000 * 30, -12.0, np.random.default_rng(14))) == ""


def test_two_minutes_of_synthetic_talker_hold_no_digit() -> None:
    assert heard(talker(120, np.random.default_rng(15))) == ""


def test_fast_glides_hold_no_digit() -> None:
    rng = np.random.default_rng(16)
    assert heard(np.concatenate([glide(5, rng, least_hz_per_s=1000) for _ in range(6)])) == ""
