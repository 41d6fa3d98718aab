"""media.dtmf.fit and decide: what is found does not depend on who is looked at beside it."""

import numpy as np
import pytest

from media.dtmf.decide import Candidates, Limits, examine
from media.dtmf.digit import KEYS
from media.dtmf.envelope import NOMINAL, correlators, envelope, locate, offsets
from media.dtmf.fit import Fit, Material, fit
from media.dtmf.tables import GRID_HALF, GRID_STEP, PAD, PAIR_OMEGAS, PAIR_TONES, RING, Floats, Ints, ring_of
from media.dtmf.testing import Key, amplitude_of, key_signal, noise, sine, talker

N_ROWS = 150


def padded(rings: list[np.ndarray[tuple[int], np.dtype[np.float64]]]) -> Floats:
    audio = np.zeros((len(rings), PAD + RING + PAD), dtype=np.float32)
    ring_of(audio)[:] = np.stack(rings)
    return audio


def ring_of_key(key: Key, start: int, seed: int = 1) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    tone = key_signal(key, np.random.default_rng(seed))[: RING - start]
    ring = np.zeros(RING)
    ring[start : start + tone.size] = tone
    return ring


def keys_and_voices() -> tuple[Floats, Ints]:
    """Keys of every kind, some in noise, and pieces of a talker, shuffled."""
    rng = np.random.default_rng(8)
    voice = talker(20, rng)
    rings, digits = [], []
    for row in range(N_ROWS):
        digit = int(rng.integers(16))
        if row % 3 == 2:
            begin = int(rng.integers(voice.size - RING))
            rings.append(voice[begin : begin + RING])
        else:
            key = Key(
                KEYS[digit],
                on_ms=float(rng.uniform(33, 100)),
                low_offset=float(rng.uniform(-0.02, 0.02)),
                high_offset=float(rng.uniform(-0.02, 0.02)),
            )
            ring = ring_of_key(key, int(rng.integers(100, 600)), row)
            rings.append(ring + noise(RING, -28, rng))
        digits.append(digit)
    return padded(rings), np.array(digits)


AUDIO, DIGITS = keys_and_voices()


def candidates(rows: Ints, low_band: bool = False) -> Candidates:
    return Candidates(
        AUDIO[rows], None, DIGITS[rows], np.full(rows.size, low_band), np.full(rows.size, -np.inf)
    )


def found(rows: Ints, low_band: bool = False) -> dict[int, tuple[float, float]]:
    """Start and end of what is accepted, by row of AUDIO."""
    verdict = examine(candidates(rows, low_band), Limits())
    kept = np.flatnonzero(verdict.accepted)
    places = zip(verdict.start[kept].tolist(), verdict.end[kept].tolist(), strict=True)
    return dict(zip(rows[verdict.row[kept]].tolist(), places, strict=True))


@pytest.mark.parametrize("low_band", [False, True])
@pytest.mark.parametrize("together", [1, 7, 40])
def test_verdict_does_not_depend_on_the_other_candidates(together: int, low_band: bool) -> None:
    """A few take the path that costs the fewest calls, many the one that does the least work."""
    every = np.arange(N_ROWS)
    whole = found(every, low_band)
    assert 40 < len(whole) < 110
    parted: dict[int, tuple[float, float]] = {}
    for begin in range(0, N_ROWS, together):
        parted |= found(every[begin : begin + together], low_band)
    assert parted.keys() == whole.keys()
    for row, place in whole.items():
        assert parted[row] == pytest.approx(place, abs=0.01)


def test_no_piece_of_a_talker_is_accepted() -> None:
    assert not [row for row in found(np.arange(N_ROWS)) if row % 3 == 2]


def test_flag_for_lost_audio_that_was_not_lost_changes_nothing() -> None:
    rows = np.arange(N_ROWS)
    plain = candidates(rows)
    flagged = Candidates(
        plain.audio, np.zeros((N_ROWS, RING), dtype=np.bool_), plain.digit, plain.low_band, plain.earliest
    )
    first, second = examine(plain, Limits()), examine(flagged, Limits())
    assert first.row.tolist() == second.row.tolist()
    assert first.accepted.tolist() == second.accepted.tolist()
    assert first.start == pytest.approx(second.start)
    assert first.figures == pytest.approx(second.figures, rel=1e-4, abs=1e-4)


def fitted(audio: Floats, digit: str) -> Fit:
    digits = np.full(audio.shape[0], KEYS.index(digit))
    material = Material(audio, audio, None, None, digits, np.full(digits.size, -np.inf))
    tones = envelope(ring_of(audio), NOMINAL.take(digits))
    run = locate(tones, None, material.earliest, 4)
    omegas = offsets(tones, run, digits, None)
    return fit(material, np.arange(digits.size), run, np.maximum(run.start, run.end - 480), omegas)


@pytest.mark.parametrize("offset", [-0.02, -0.0077, 0.0, 0.0131, 0.02])
def test_fit_finds_frequencies_and_levels(offset: float) -> None:
    key = Key("8", on_ms=50, low_dbm0=-12, twist_db=-6, low_offset=offset, high_offset=-offset)
    one = fitted(padded([ring_of_key(key, 333)]), "8")
    wanted = PAIR_OMEGAS[:, KEYS.index("8")] * (1 + np.array([offset, -offset]))
    assert one.omegas[:, 0] == pytest.approx(wanted, rel=1e-4)
    assert np.abs(one.amplitudes[:, 0]) == pytest.approx([amplitude_of(-12), amplitude_of(-18)], rel=2e-3)
    assert one.offsets(np.array([KEYS.index("8")]))[:, 0] == pytest.approx([abs(offset)] * 2, abs=1e-4)
    assert one.bands[:, 0].max() < 1e-4


def test_residual_is_found_in_its_band() -> None:
    """2000 Hz 10 dB under each of two tones: its band, 1700 to 2300 Hz, holds a twentieth of their energy."""
    ring = ring_of_key(Key("8", on_ms=60, low_dbm0=-10), 300)
    ring[300:780] += sine(2000, 480, -20)
    one = fitted(padded([ring]), "8")
    assert int(one.bands[:, 0].argmax()) == 8
    assert one.bands[8, 0] == pytest.approx(0.05, rel=0.15)


def test_long_and_short_spans_are_fitted_alike_in_one_go() -> None:
    """More than are fitted at once, so that they are sorted by their length."""
    rings = [ring_of_key(Key("1", on_ms=31 + row % 30), 300, row) for row in range(N_ROWS)]
    together = fitted(padded(rings), "1")
    for row in (0, 17, 64, 149):
        alone = fitted(padded([rings[row]]), "1")
        assert together.omegas[:, row] == pytest.approx(alone.omegas[:, 0], rel=1e-6)
        assert together.amplitudes[:, row] == pytest.approx(alone.amplitudes[:, 0], rel=1e-4)
        assert together.bands[:, row] == pytest.approx(alone.bands[:, 0], abs=1e-6)


def test_correlators_part_any_pair_of_the_grid() -> None:
    """Each tone by itself, as strong as it is, and nothing of the other."""
    steps = np.array([-24, -7, 0, 13, 24])
    digit = KEYS.index("4")
    tones = np.repeat(PAIR_TONES[:, [digit]], steps.size, axis=1)
    pairs = correlators(GRID_HALF + np.stack([steps, -steps]), tones)
    time = np.arange(RING)
    for part in range(2):
        omegas = PAIR_OMEGAS[part, digit] * (1 + GRID_STEP * (steps if part == 0 else -steps))
        audio = np.cos(omegas[:, None] * time).astype(np.float32) * 1000
        heard = np.abs(envelope(audio, pairs).values)
        assert heard[part] == pytest.approx(1000, rel=1e-3)
        assert heard[1 - part].max() < 1.0
