"""media.dtmf.screen, envelope and fit: each stage by itself."""

import numpy as np
import pytest

from media.dtmf.digit import COLUMNS_HZ, KEYS, ROWS_HZ
from media.dtmf.envelope import CENTRES, MAX_BRIDGED_WINDOWS, NOMINAL, Run, envelope, locate
from media.dtmf.screen import lasting_dial_tone, screen
from media.dtmf.tables import (
    BLOCK,
    GRID_HALF,
    GRID_OMEGAS,
    HIGH_PASS,
    OMEGAS,
    RING,
    Floats,
    energy_of,
    grid_index,
    high_passed,
)
from media.dtmf.testing import Key, Signal, amplitude_of, key_signal, noise, sine

RNG = np.random.default_rng(1)


def ticks(signal: Signal) -> tuple[Floats, Floats]:
    """Each tick with the one before it."""
    blocks = signal[: signal.size // BLOCK * BLOCK].reshape(-1, BLOCK).astype(np.float32)
    return blocks[:-1], blocks[1:]


def ring_with(digit: str, start: int, length: int) -> Floats:
    signal = np.zeros(RING)
    signal[start : start + length] = key_signal(Key(digit, on_ms=length / 8), np.random.default_rng(2))
    return signal.astype(np.float32)[None, :]


def run_of(ring: Floats, earliest: float = 0.0) -> Run:
    tones = envelope(ring, NOMINAL.take(np.array([KEYS.index("6")])))
    return locate(tones, None, np.array([earliest]), MAX_BRIDGED_WINDOWS)


@pytest.mark.parametrize("digit", KEYS)
def test_screen_names_the_key_of_every_full_tick(digit: str) -> None:
    found = screen(*ticks(key_signal(Key(digit, on_ms=200), RNG)))
    assert found.where.tolist() == list(range(9))
    assert {KEYS[index] for index in found.digit.tolist()} == {digit}
    assert not found.low_band.any()


@pytest.mark.parametrize("offset", [-0.02, 0.02])
def test_screen_passes_tones_two_per_cent_off(offset: float) -> None:
    for digit in KEYS:
        signal = key_signal(Key(digit, on_ms=200, low_offset=offset, high_offset=offset), RNG)
        assert screen(*ticks(signal)).where.size == 9


def test_screen_passes_nothing_of_silence_and_little_of_noise() -> None:
    assert screen(*ticks(np.zeros(8000))).where.size == 0
    assert screen(*ticks(noise(80000, -12, RNG))).where.size <= 5


def test_screen_asks_for_the_high_pass_under_a_dial_tone() -> None:
    signal = key_signal(Key("5", on_ms=200, low_dbm0=-20), RNG)
    signal = signal + sine(350, signal.size, -10) + sine(440, signal.size, -10)
    found = screen(*ticks(signal))
    assert found.where.size == 9
    assert found.low_band.all()


def test_screen_refuses_one_group_alone() -> None:
    assert screen(*ticks(sine(697, 1600, -5))).where.size == 0
    assert screen(*ticks(sine(1336, 1600, -5))).where.size == 0


def test_screen_judges_each_leg_by_itself() -> None:
    one = key_signal(Key("1", on_ms=40), RNG).reshape(2, BLOCK).astype(np.float32)
    before = np.stack([np.zeros(BLOCK, np.float32), one[0], np.zeros(BLOCK, np.float32)])
    now = np.stack([np.zeros(BLOCK, np.float32), one[1], np.zeros(BLOCK, np.float32)])
    assert screen(before, now).where.tolist() == [1]


def test_screen_sees_the_same_in_int16_and_in_more_ticks_than_it_multiplies_at_once() -> None:
    keys = [key_signal(Key(digit, on_ms=400), RNG) for digit in KEYS * 3]
    signal = np.concatenate(keys) + noise(len(keys) * 3200, -40, RNG)
    before, now = ticks(np.round(signal))
    assert now.shape[0] > 900
    wide, narrow = screen(before, now), screen(before.astype(np.int16), now.astype(np.int16))
    assert wide.where.size > 850
    assert narrow.where.tolist() == wide.where.tolist()
    assert narrow.digit.tolist() == wide.digit.tolist()
    parts = [
        screen(before[at : at + 100], now[at : at + 100]).where + at for at in range(0, now.shape[0], 100)
    ]
    assert np.concatenate(parts).tolist() == wide.where.tolist()


def lasting(signal: Signal) -> bool:
    return bool(lasting_dial_tone(signal[-RING:].astype(np.float32)[None, :])[0])


@pytest.mark.parametrize("tones_hz", [(350, 440), (350, 450), (400,), (425,), (440,), (50,), (60,)])
def test_dial_tone_lasts_when_it_has_filled_the_ring(tones_hz: tuple[int, ...]) -> None:
    for start in range(4):
        signal = np.sum([sine(tone_hz, RING, -10, float(start)) for tone_hz in tones_hz], axis=0)
        assert lasting(signal + noise(RING, -40, RNG))
        assert lasting(signal + ring_with("5", 400, 400)[0])


def test_dial_tone_that_began_within_the_ring_lasts_no_less_backwards() -> None:
    """The ring is folded around its middle: neither half counts for more."""
    held = []
    for length in range(60, RING, 60):
        signal = sine(425, RING, -10) + sine(300, RING, -14)
        signal[:length] = sine(200, length, -13)
        held.append(lasting(signal))
        assert lasting(signal[::-1]) == held[-1]
    assert not held[-1]


def test_offset_lasts_as_a_dial_tone_does() -> None:
    assert lasting(np.full(RING, 2000.0) + noise(RING, -30, RNG))


def test_pitch_that_glides_through_the_dial_tones_is_none() -> None:
    time_s = np.arange(RING) / 8000
    assert not lasting(amplitude_of(-10) * np.sin(2 * np.pi * (200 * time_s + 1200 * time_s**2)))
    assert not lasting(sine(250, RING, -10))


def test_high_pass_stops_dial_tones_and_passes_the_lowest_row() -> None:
    def gain_db(frequency_hz: float) -> float:
        turns = np.exp(-2j * np.pi * frequency_hz / 8000 * np.arange(HIGH_PASS.size))
        return float(20 * np.log10(abs((HIGH_PASS * turns).sum())))

    assert max(gain_db(frequency) for frequency in (50, 350, 400, 425, 440, 450)) < -34
    assert abs(gain_db(697 * 0.98)) < 0.2
    assert abs(gain_db(1633)) < 0.1


def test_high_pass_does_not_move_the_tone() -> None:
    time = np.arange(RING)
    tone = np.cos(2 * np.pi * 1209 / 8000 * time).astype(np.float32)
    filtered = high_passed(tone[None, :])[0]
    middle = slice(100, RING - 100)
    assert np.abs(filtered[middle] - tone[middle]).max() < 0.02


def test_energy_of_a_full_scale_sine() -> None:
    """A sine of peak 32767 has +3.14 dBm0 (G.711): energy 32767² / 2 a sample."""
    assert energy_of(3.14) == pytest.approx(32767**2 / 2 * BLOCK)


def test_nearest_grid_frequency() -> None:
    tones = np.arange(8)
    assert grid_index(tones, OMEGAS).tolist() == [GRID_HALF] * 8
    assert grid_index(tones, OMEGAS * 1.0104).tolist() == [GRID_HALF + 10] * 8
    assert grid_index(tones, OMEGAS * 1.2).tolist() == [2 * GRID_HALF] * 8
    assert np.allclose(GRID_OMEGAS[:, GRID_HALF], OMEGAS)


@pytest.mark.parametrize("digit", KEYS)
def test_amplitudes_are_exact_in_spite_of_twist(digit: str) -> None:
    """The weaker tone is not disturbed by the stronger one's skirt."""
    signal = key_signal(Key(digit, on_ms=RING / 8, low_dbm0=-10, twist_db=-9), RNG)
    tones = envelope(signal.astype(np.float32)[None, :], NOMINAL.take(np.array([KEYS.index(digit)])))
    assert np.abs(tones.low) == pytest.approx(amplitude_of(-10), rel=1e-3)
    assert np.abs(tones.high) == pytest.approx(amplitude_of(-19), rel=1e-3)


@pytest.mark.parametrize(("start", "length"), [(200, 400), (237, 391), (301, 320), (411, 264)])
def test_run_has_the_edges_of_the_tone(start: int, length: int) -> None:
    ring = ring_with("6", start, length)
    run = run_of(ring)
    assert run.start[0] == pytest.approx(start, abs=6)
    assert run.end[0] == pytest.approx(start + length, abs=6)
    assert run.seen[0] == pytest.approx(length, abs=12)
    assert not run.lasting[0]


def test_run_that_reaches_the_ring_s_end_lasts() -> None:
    ring = ring_with("6", 500, RING - 500)
    run = run_of(ring)
    assert run.lasting[0]
    assert run.start[0] == pytest.approx(500, abs=6)
    assert run.end[0] == RING


def test_gap_of_ten_milliseconds_is_bridged_and_not_counted() -> None:
    ring = ring_with("6", 200, 600)
    ring[:, 440:520] = 0
    run = run_of(ring)
    assert run.start[0] == pytest.approx(200, abs=6)
    assert run.end[0] == pytest.approx(800, abs=6)
    assert run.seen[0] == pytest.approx(520, abs=24)


def test_gap_of_thirty_milliseconds_begins_another_run() -> None:
    ring = ring_with("6", 100, 800)
    ring[:, 300:540] = 0
    run = run_of(ring)
    assert run.start[0] == pytest.approx(540, abs=6)


def test_nothing_before_the_earliest_sample_counts() -> None:
    ring = ring_with("6", 100, 800)
    run = run_of(ring, earliest=520.0)
    assert run.start[0] >= 520


def test_window_centres_are_five_milliseconds_apart() -> None:
    assert CENTRES[0] == 60
    assert np.all(np.diff(CENTRES) == 40)
    assert CENTRES[-1] == RING - 60


def test_tones_of_the_tables_are_those_of_the_keypad() -> None:
    assert np.allclose(OMEGAS * 8000 / (2 * np.pi), ROWS_HZ + COLUMNS_HZ)
