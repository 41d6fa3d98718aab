"""Tones measured as a detector would: frequency, level, cadence and clicks, from the rendered samples."""

import math

import numpy as np
import numpy.typing as npt
import pytest

from media.errors import MediaFormatError
from media.level import level_dbm0
from media.tone import EDGE_MS, TONES, CallProgressTone, ToneSegment, render, ringback
from media.types import Pcm16

EDGE_SAMPLES = EDGE_MS * 8


def tone(*segments: ToneSegment, level: float = -10.0) -> CallProgressTone:
    return CallProgressTone("test", "XX", segments, level)


def gate_of(pcm: Pcm16, frequency_hz: float, dbm0: float) -> npt.NDArray[np.float64]:
    """Envelope 0 to 1 of one sine: mixed down, and averaged over a period of twice its frequency."""
    n = np.arange(pcm.size)
    amplitude = 32768 * 10 ** ((dbm0 - 3.14) / 20)
    baseband = pcm / amplitude * 2 * np.exp(-2j * np.pi * frequency_hz / 8000 * n)
    period_samples = round(8000 / (2 * frequency_hz))
    assert period_samples * 2 * frequency_hz == 8000, (
        "only for frequencies whose half period is whole samples"
    )
    return np.abs(np.convolve(baseband, np.ones(period_samples) / period_samples, mode="same"))


def crossings(gate: npt.NDArray[np.float64]) -> list[float]:
    """Where the envelope passes one half, in samples, interpolated between two."""
    at = np.flatnonzero(np.diff(gate >= 0.5))
    return [float(n) for n in at + (0.5 - gate[at]) / (gate[at + 1] - gate[at])]


def spectrum_peaks_hz(pcm: Pcm16) -> list[float]:
    """Frequencies within 20 dB of the strongest; one second of signal gives a grid of 1 Hz."""
    second = pcm[:8000] * np.hanning(8000)
    power = np.abs(np.fft.rfft(second)) ** 2
    is_peak = (power[1:-1] > power[:-2]) & (power[1:-1] >= power[2:]) & (power[1:-1] > power.max() / 100)
    return (np.flatnonzero(is_peak) + 1).astype(float).tolist()


# The table


@pytest.mark.parametrize(
    ("name", "frequency_hz", "on_off_ms"),
    [
        ("dial", 450, [(1000, 0)]),
        ("special_dial", 450, [(400, 40)]),
        ("ringback", 450, [(1000, 4000)]),
        ("busy", 450, [(350, 350)]),
        ("congestion", 450, [(700, 700)]),
        ("number_unobtainable", 450, [(100, 100), (100, 100), (100, 100), (400, 400)]),
        ("special_information", 450, [(100, 100), (100, 100), (100, 100), (400, 400)]),
        ("call_waiting", 450, [(400, 4000)]),
        ("trunk_offering", 450, [(200, 200), (200, 600)]),
        ("howler", 950, [(1000, 0)]),
    ],
)
def test_chinese_tones(name: str, frequency_hz: float, on_off_ms: list[tuple[int, int]]) -> None:
    found = TONES["CN", name]
    assert [(s.on_ms, s.off_ms) for s in found.segments] == on_off_ms
    assert {s.frequencies_hz for s in found.segments} == {(frequency_hz,)}
    assert found.level_dbm0 == (0.0 if name == "howler" else -10.0)


@pytest.mark.parametrize(
    ("country", "frequencies_hz", "on_off_ms"),
    [
        ("AU", (400, 450), [(400, 200), (400, 2000)]),
        ("BR", (425,), [(1000, 4000)]),
        ("CN", (450,), [(1000, 4000)]),
        ("DE", (425,), [(1000, 4000)]),
        ("ES", (425,), [(1500, 3000)]),
        ("FR", (440,), [(1500, 3500)]),
        ("GB", (400, 450), [(400, 200), (400, 2000)]),
        ("IN", (375, 425), [(400, 200), (400, 2000)]),
        ("IT", (425,), [(1000, 4000)]),
        ("JP", (384, 416), [(1000, 2000)]),
        ("US", (440, 480), [(2000, 4000)]),
    ],
)
def test_ringback_of_each_country(
    country: str, frequencies_hz: tuple[float, ...], on_off_ms: list[tuple[int, int]]
) -> None:
    found = ringback(country)
    assert [(s.on_ms, s.off_ms) for s in found.segments] == on_off_ms
    assert {s.frequencies_hz for s in found.segments} == {frequencies_hz}


@pytest.mark.parametrize(
    ("country", "frequencies_hz", "on_ms", "off_ms"),
    [
        ("AU", (425,), 375, 375),
        ("BR", (425,), 250, 250),
        ("DE", (425,), 480, 480),
        ("ES", (425,), 200, 200),
        ("FR", (440,), 500, 500),
        ("GB", (400,), 375, 375),
        ("IN", (400,), 750, 750),
        ("IT", (425,), 500, 500),
        ("JP", (400,), 500, 500),
        ("US", (480, 620), 500, 500),
    ],
)
def test_busy_of_each_country(
    country: str, frequencies_hz: tuple[float, ...], on_ms: int, off_ms: int
) -> None:
    assert TONES[country, "busy"].segments == (ToneSegment(frequencies_hz, on_ms, off_ms),)


def test_every_country_has_the_four_tones_of_a_call() -> None:
    countries = {country for country, _ in TONES}
    assert countries == {"AU", "BR", "CN", "DE", "ES", "FR", "GB", "IN", "IT", "JP", "US"}
    for country in countries:
        for name in ("dial", "ringback", "busy", "congestion"):
            found = TONES[country, name]
            assert (found.country, found.name) == (country, name)


def test_special_information_rises_in_three_steps_without_a_gap() -> None:
    segments = TONES["DE", "special_information"].segments
    assert [(s.frequencies_hz, s.on_ms, s.off_ms) for s in segments] == [
        ((950,), 330, 0),
        ((1400,), 330, 0),
        ((1800,), 330, 1000),
    ]


def test_ringback_is_chinese_unless_asked_otherwise() -> None:
    assert ringback() is TONES["CN", "ringback"]
    assert ringback().period_ms == 5000


def test_unknown_country_is_refused_with_the_known_ones() -> None:
    with pytest.raises(MediaFormatError, match="country is 'UK', must be one of AU, BR, CN, DE, ES, FR, GB"):
        ringback("UK")


def test_table_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        TONES["CN", "ringback"] = TONES["US", "ringback"]  # type: ignore[index]


# What comes out


@pytest.mark.parametrize("key", sorted(TONES), ids="-".join)
def test_every_tone_has_its_level_to_a_tenth_of_a_db_while_it_is_on(key: tuple[str, str]) -> None:
    found = TONES[key]
    first = found.segments[0]
    pcm = render(found, first.on_ms + found.period_ms)
    # Between the edges, and whole periods of all frequencies: 1 s holds them, shorter bursts nearly so.
    steady = pcm[EDGE_SAMPLES : first.on_ms * 8]
    assert level_dbm0(steady) == pytest.approx(found.level_dbm0, abs=0.1)


@pytest.mark.parametrize(
    "key", [key for key in sorted(TONES) if key[1] in ("dial", "ringback")], ids="-".join
)
def test_continuous_part_has_its_frequencies_and_no_others(key: tuple[str, str]) -> None:
    segment = TONES[key].segments[0]
    endless = tone(ToneSegment(segment.frequencies_hz, 1000, 0), level=TONES[key].level_dbm0)
    assert spectrum_peaks_hz(render(endless, 2000)[4000:]) == sorted(segment.frequencies_hz)


@pytest.mark.parametrize(("on_ms", "off_ms"), [(1000, 4000), (350, 350), (100, 100), (20, 7), (33, 41)])
def test_cadence_is_exact_to_the_sample(on_ms: int, off_ms: int) -> None:
    # 1000 Hz: half a period is 4 samples, so that the envelope can be measured that finely.
    pcm = render(tone(ToneSegment((1000.0,), on_ms, off_ms)), 4 * (on_ms + off_ms))
    found = crossings(gate_of(pcm, 1000.0, -10.0))
    period = (on_ms + off_ms) * 8
    # Half amplitude is half an edge after the instant of the cadence; averaging over 4 may add a sample.
    expected = [k * period + edge + EDGE_SAMPLES // 2 for k in range(4) for edge in (0, on_ms * 8)]
    assert len(found) == len(expected)
    assert max(abs(f - e) for f, e in zip(found, expected, strict=True)) <= 1
    # That sample is the same everywhere, so times between edges are exact.
    assert np.diff(found) == pytest.approx(([on_ms * 8, off_ms * 8] * 4)[:-1], abs=0.25)


def test_energy_of_a_burst_is_that_of_its_on_time() -> None:
    # The mean of a squared raised cosine is 3/8: the rise lacks 5/8 of an edge, the fall, which comes after
    # the on time, adds 3/8; together they lack 1/4 of an edge.
    pcm = render(tone(ToneSegment((1000.0,), 100, 100)), 200).astype(np.float64)
    power = (32768 / math.sqrt(2) * 10 ** ((-10 - 3.14) / 20)) ** 2
    assert float(np.sum(pcm**2)) / power == pytest.approx(800 - EDGE_SAMPLES / 4, abs=0.5)


def test_ringback_of_one_period_can_be_looped() -> None:
    once, twice = render(ringback(), 5000), render(ringback(), 10_000)
    assert int(np.abs(np.concatenate([once, once]).astype(np.int32) - twice).max()) <= 1


def test_phase_runs_on_through_pauses() -> None:
    pcm = render(tone(ToneSegment((450.0,), 350, 350)), 4200).astype(np.float64)
    # The second burst, 5600 samples on, is 315 periods of 450 Hz later: the same samples again.
    np.testing.assert_allclose(pcm[5600:8400], pcm[:2800], atol=1.0)
    # At 455 Hz it is 318.5 periods: the same samples, upside down.
    odd = render(tone(ToneSegment((455.0,), 350, 350)), 4200).astype(np.float64)
    np.testing.assert_allclose(odd[5600:8400], -odd[:2800], atol=1.0)


def test_continuous_tone_has_no_seam_where_its_segment_repeats() -> None:
    pcm = render(TONES["CN", "dial"], 3000).astype(np.float64)
    n = np.arange(100, 23_900)
    amplitude = 32768 * 10 ** (-13.14 / 20)
    np.testing.assert_allclose(pcm[n], amplitude * np.sin(2 * np.pi * 450 / 8000 * n), atol=0.51)


@pytest.mark.parametrize(
    "key", [("CN", "busy"), ("US", "busy"), ("DE", "special_information"), ("CN", "dial")]
)
@pytest.mark.parametrize("duration_ms", [1000, 1234, 50])
def test_tone_never_clicks(key: tuple[str, str], duration_ms: int) -> None:
    found = TONES[key]
    pcm = np.concatenate([[0], render(found, duration_ms), [0]]).astype(np.float64)
    frequencies = {f for segment in found.segments for f in segment.frequencies_hz}
    peak = max(
        len(s.frequencies_hz)
        * 32768
        * 10 ** ((found.level_dbm0 - 3.14) / 20)
        / math.sqrt(len(s.frequencies_hz))
        for s in found.segments
    )
    # The steepest a steady tone gets from sample to sample; the edges add at most their own slope.
    steady = peak * 2 * math.sin(math.pi * max(frequencies) / 8000)
    assert float(np.abs(np.diff(pcm)).max()) <= steady + peak * math.pi / 2 / EDGE_SAMPLES
    assert abs(pcm[1]) <= 1
    assert abs(pcm[-2]) <= 0.01 * peak


def test_clicks_are_what_the_previous_test_would_see() -> None:
    # The same tone cut off hard: out of band, 2 kHz over a 450 Hz tone, its edges are 30 dB louder.
    def splash_db(pcm: npt.NDArray[np.float64]) -> float:
        power = np.abs(np.fft.rfft(pcm, 16_000)) ** 2
        return float(10 * np.log10(power[4000:].sum() / power.sum()))

    soft = render(TONES["CN", "dial"], 500).astype(np.float64)
    n = np.arange(4003)
    hard = 7000 * np.sin(2 * np.pi * 450 / 8000 * n + 1.0)
    assert splash_db(soft) < splash_db(hard) - 30


def test_tone_still_on_at_the_end_falls_before_it() -> None:
    gate = gate_of(render(tone(ToneSegment((1000.0,), 1000, 0)), 500), 1000.0, -10.0)
    assert crossings(gate) == pytest.approx([EDGE_SAMPLES // 2, 4000 - EDGE_SAMPLES // 2], abs=1)


def test_special_information_plays_its_frequencies_in_turn() -> None:
    pcm = render(TONES["DE", "special_information"], 1990)
    for at_ms, frequency_hz in ((165, 950.0), (495, 1400.0), (825, 1800.0)):
        burst = pcm[(at_ms - 50) * 8 : (at_ms + 50) * 8]
        spectrum = np.abs(np.fft.rfft(burst * np.hanning(burst.size), 8000))
        assert float(np.argmax(spectrum)) == frequency_hz
    assert int(np.abs(pcm[(990 + EDGE_MS) * 8 :]).max()) == 0


@pytest.mark.parametrize("duration_ms", [0, 1, EDGE_MS, EDGE_MS + 1, 350, 351, 354, 700, 12_345])
def test_length_is_exact(duration_ms: int) -> None:
    pcm = render(TONES["CN", "busy"], duration_ms)
    assert pcm.shape == (duration_ms * 8,)
    assert pcm.dtype == np.int16


def test_pauses_are_digital_silence() -> None:
    pcm = render(ringback(), 60_000).reshape(12, 40_000)
    assert int(np.abs(pcm[:, 8000 + EDGE_SAMPLES :]).max()) == 0


# What is refused


@pytest.mark.parametrize(
    ("frequencies_hz", "on_ms", "off_ms", "sentence"),
    [
        ((), 100, 100, "0 frequencies"),
        ((4000.0,), 100, 100, "frequency is 4000.0 Hz"),
        ((450.0, 0.0), 100, 100, "frequency is 0.0 Hz"),
        ((math.nan,), 100, 100, "frequency is nan Hz"),
        ((450.0,), 0, 100, "on time is 0 ms"),
        ((450.0,), 100, -1, "pause is -1 ms"),
    ],
)
def test_impossible_segments_are_refused(
    frequencies_hz: tuple[float, ...], on_ms: int, off_ms: int, sentence: str
) -> None:
    with pytest.raises(MediaFormatError, match=sentence):
        ToneSegment(frequencies_hz, on_ms, off_ms)


@pytest.mark.parametrize(("n_sines", "highest_dbm0"), [(1, 3.13), (2, 0.12), (4, -2.89)])
def test_level_that_would_clip_is_refused(n_sines: int, highest_dbm0: float) -> None:
    # Peak of n sines that share a power: sqrt(n) times that of one, 3.01 dB for each doubling.
    segment = ToneSegment((450.0, 500.0, 550.0, 600.0)[:n_sines], 100, 100)
    assert int(np.abs(render(tone(segment, level=highest_dbm0), 100).astype(np.int32)).max()) <= 32767
    with pytest.raises(MediaFormatError, match="too high"):
        tone(segment, level=highest_dbm0 + 0.02)


@pytest.mark.parametrize("level", [math.nan, math.inf])
def test_level_that_is_no_number_is_refused(level: float) -> None:
    with pytest.raises(MediaFormatError, match="level of tone"):
        tone(ToneSegment((450.0,), 100, 100), level=level)


def test_tone_without_segments_and_negative_durations_are_refused() -> None:
    with pytest.raises(MediaFormatError, match="0 segments"):
        tone()
    with pytest.raises(MediaFormatError, match="duration is -1 ms"):
        render(ringback(), -1)
