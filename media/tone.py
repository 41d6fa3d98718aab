"""Call progress tones: what the networks of some countries sound like, and the samples of it.

The table holds frequencies and cadences of ITU-T E.180 Supplement 2 (the tones of national networks); where
the supplement names several kinds of exchange, the digital one. A tone that is modulated there, f1 x f2, is
kept as its two sidebands: 400 x 25 Hz is 375 and 425 Hz together. Left out: levels that change in the course
of a tone (the rising steps of a howler, the alternating ones of Australian congestion), and tones that end by
themselves.

Levels are of the whole tone while it is on; without a national figure -10 dBm0, the nominal value of E.180.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import numpy.typing as npt

from media.errors import MediaFormatError
from media.level import rms_of
from media.types import SAMPLE_RATE_HZ, Pcm16

EDGE_MS = 4
"""Rise and fall of a tone, a raised cosine: short enough for any detector, long enough not to click."""

_SAMPLES_PER_MS = SAMPLE_RATE_HZ // 1000
_FULL_SCALE = 32767


@dataclass(frozen=True)
class ToneSegment:
    """One burst of one or several frequencies at equal level, and the pause behind it.

    A pause of 0 ms joins the next segment without a gap; a tone of one such segment is continuous.

    Raises:
        MediaFormatError: no frequency, one outside 0 to 4000 Hz, no on time, or a negative pause.
    """

    frequencies_hz: tuple[float, ...]
    on_ms: int
    off_ms: int

    def __post_init__(self) -> None:
        if not self.frequencies_hz:
            raise MediaFormatError("tone segment has 0 frequencies, must have at least 1")
        for frequency_hz in self.frequencies_hz:
            if not 0 < frequency_hz < SAMPLE_RATE_HZ / 2:
                raise MediaFormatError(f"frequency is {frequency_hz} Hz, must be between 0 and 4000 Hz")
        if self.on_ms <= 0:
            raise MediaFormatError(f"on time is {self.on_ms} ms, must be positive")
        if self.off_ms < 0:
            raise MediaFormatError(f"pause is {self.off_ms} ms, must not be negative")


@dataclass(frozen=True)
class CallProgressTone:
    """A cadence of segments, repeated for as long as the tone lasts.

    `country` is the ISO 3166 code; `level_dbm0` is the level while a segment is on.

    Raises:
        MediaFormatError: no segment, or a level at which the sum of the sines would be clipped.
    """

    name: str
    country: str
    segments: tuple[ToneSegment, ...]
    level_dbm0: float

    def __post_init__(self) -> None:
        if not self.segments:
            raise MediaFormatError(f"tone {self.name} has 0 segments, must have at least 1")
        for segment in self.segments:
            n_sines = len(segment.frequencies_hz)
            if not n_sines * _amplitude(self.level_dbm0, n_sines) <= _FULL_SCALE:
                raise MediaFormatError(
                    f"level of tone {self.name} is {self.level_dbm0} dBm0, too high for {n_sines} sines"
                )

    @property
    def period_ms(self) -> int:
        """Time after which the cadence begins anew."""
        return sum(segment.on_ms + segment.off_ms for segment in self.segments)


def ringback(country: str = "CN") -> CallProgressTone:
    """The tone a caller hears while the called party's phone rings.

    Raises:
        MediaFormatError: no tones are known of this country.
    """
    try:
        return TONES[country, "ringback"]
    except KeyError:
        known = ", ".join(sorted({code for code, _ in TONES}))
        raise MediaFormatError(f"country is {country!r}, must be one of {known}") from None


def render(tone: CallProgressTone, duration_ms: int) -> Pcm16:
    """Samples of a tone from its beginning.

    Every edge passes half amplitude half of `EDGE_MS` after its instant in the cadence, so that times between
    edges are exact to the sample. Phase runs on through pauses. The audio starts and ends in silence: a tone
    that would be on at the end falls early enough, which shortens that burst by at most `EDGE_MS`.

    Args:
        tone: what to play.
        duration_ms: length, 0 or more; whole periods of a tone with pauses can be repeated seamlessly.

    Returns:
        int16 at 8000 Hz, shape (8 * duration_ms,).

    Raises:
        MediaFormatError: negative duration.
    """
    if duration_ms < 0:
        raise MediaFormatError(f"duration is {duration_ms} ms, must not be negative")
    n_samples = duration_ms * _SAMPLES_PER_MS
    if n_samples == 0:
        return np.zeros(0, dtype=np.int16)
    time_samples = np.arange(n_samples, dtype=np.float64)
    total = np.zeros(n_samples)
    for frequencies_hz, gate in _gates(tone, n_samples).items():
        sines = sum(np.sin(2 * np.pi / SAMPLE_RATE_HZ * f * time_samples) for f in frequencies_hz)
        total += gate * sines * _amplitude(tone.level_dbm0, len(frequencies_hz))
    return np.rint(total).astype(np.int16)


def _amplitude(level_dbm0: float, n_sines: int) -> float:
    """Amplitude of each of so many sines that share the power of a tone; NaN stays NaN."""
    return rms_of(level_dbm0) * math.sqrt(2.0 / n_sines)


def _gates(tone: CallProgressTone, n_samples: int) -> dict[tuple[float, ...], npt.NDArray[np.float64]]:
    """When each set of frequencies sounds: 0 to 1 by sample, with its edges."""
    edge_samples = EDGE_MS * _SAMPLES_PER_MS
    last_fall = max(n_samples - edge_samples, 0)
    period_samples = tone.period_ms * _SAMPLES_PER_MS
    periods_at = np.arange(0, n_samples, period_samples)
    # Each edge as a step of +1 or -1 where it begins. Steps of adjoining segments with the same frequencies
    # cancel, and so do those of a segment that lies wholly behind the last fall.
    steps: dict[tuple[float, ...], npt.NDArray[np.float64]] = {}
    segment_at = 0
    for segment in tone.segments:
        on_samples = segment.on_ms * _SAMPLES_PER_MS
        rises = np.minimum(periods_at + segment_at, last_fall)
        falls = np.minimum(periods_at + segment_at + on_samples, last_fall)
        step = steps.setdefault(segment.frequencies_hz, np.zeros(n_samples))
        np.add.at(step, rises, 1.0)
        np.add.at(step, falls, -1.0)
        segment_at += on_samples + segment.off_ms * _SAMPLES_PER_MS
    # A raised cosine cut into its increments, whose sum is 1; summed up behind each step they are the edge.
    edge = np.diff((1.0 - np.cos(np.pi * np.arange(edge_samples + 1) / edge_samples)) / 2.0)
    return {key: np.cumsum(np.convolve(step, edge)[:n_samples]) for key, step in steps.items()}


def _cadence(frequencies_hz: tuple[float, ...], *on_off_ms: int) -> tuple[ToneSegment, ...]:
    """Segments of the same frequencies from on and off times in turn."""
    pairs = zip(on_off_ms[::2], on_off_ms[1::2], strict=True)
    return tuple(ToneSegment(frequencies_hz, on_ms, off_ms) for on_ms, off_ms in pairs)


def _continuous(*frequencies_hz: float) -> tuple[ToneSegment, ...]:
    return (ToneSegment(frequencies_hz, on_ms=1000, off_ms=0),)


_NOMINAL_DBM0 = -10.0  # E.180, level of all tones but those that have a reason

# E.180, special information tone: three rising frequencies of 330 ms, then a pause of 1 s.
_SPECIAL_INFORMATION = (
    ToneSegment((950,), 330, 0),
    ToneSegment((1400,), 330, 0),
    ToneSegment((1800,), 330, 1000),
)

# China, GF 002 and YDN 065: 450 Hz at -10 dBm0, within 3 dB. "No such number": three short bursts, one long.
_CN = (450.0,)
_CN_UNOBTAINABLE = _cadence(_CN, 100, 100, 100, 100, 100, 100, 400, 400)

# The precise tone plan of North America (E.300 Supplement 3) gives levels for each of two sines: -13 dial,
# -19 ringing, -24 busy and congestion. Both together have 3 dB more; call waiting is a single sine.
_US_DBM0 = {"dial": -10.0, "ringback": -16.0, "busy": -21.0, "congestion": -21.0, "call_waiting": -13.0}

_CADENCES: dict[str, dict[str, tuple[ToneSegment, ...]]] = {
    "AU": {
        "dial": _continuous(400, 450),
        "ringback": _cadence((400, 450), 400, 200, 400, 2000),
        "busy": _cadence((425,), 375, 375),
        "congestion": _cadence((425,), 375, 375),
        "number_unobtainable": _cadence((425,), 2500, 500),
    },
    "BR": {
        "dial": _continuous(425),
        "ringback": _cadence((425,), 1000, 4000),
        "busy": _cadence((425,), 250, 250),
        "congestion": _cadence((425,), 250, 250, 750, 250),
        "call_waiting": _cadence((425,), 50, 1000),
    },
    "CN": {
        "dial": _continuous(450),
        "special_dial": _cadence(_CN, 400, 40),
        "ringback": _cadence(_CN, 1000, 4000),
        "busy": _cadence(_CN, 350, 350),
        "congestion": _cadence(_CN, 700, 700),
        "number_unobtainable": _CN_UNOBTAINABLE,
        # The network has no rising tone of its own: whatever else is wrong with a number sounds the same.
        "special_information": _CN_UNOBTAINABLE,
        "call_waiting": _cadence(_CN, 400, 4000),
        "trunk_offering": _cadence(_CN, 200, 200, 200, 600),
        "howler": _continuous(950),
    },
    "DE": {
        "dial": _continuous(425),
        "ringback": _cadence((425,), 1000, 4000),
        "busy": _cadence((425,), 480, 480),
        "congestion": _cadence((425,), 240, 240),
        "special_information": _SPECIAL_INFORMATION,
        "call_waiting": _cadence((425,), 200, 200, 200, 5000),
    },
    "ES": {
        "dial": _continuous(425),
        "ringback": _cadence((425,), 1500, 3000),
        "busy": _cadence((425,), 200, 200),
        "congestion": _cadence((425,), 200, 200, 200, 200, 200, 600),
    },
    "FR": {
        "dial": _continuous(440),
        "ringback": _cadence((440,), 1500, 3500),
        "busy": _cadence((440,), 500, 500),
        "congestion": _cadence((440,), 250, 250),
        "special_information": _SPECIAL_INFORMATION,
        "call_waiting": _cadence((440,), 300, 10_000),
    },
    "GB": {
        "dial": _continuous(350, 440),
        "ringback": _cadence((400, 450), 400, 200, 400, 2000),
        "busy": _cadence((400,), 375, 375),
        "congestion": _cadence((400,), 400, 350, 225, 525),
        "number_unobtainable": _continuous(400),
        "special_information": _SPECIAL_INFORMATION,
    },
    "IN": {
        "dial": _continuous(375, 425),
        "ringback": _cadence((375, 425), 400, 200, 400, 2000),
        "busy": _cadence((400,), 750, 750),
        "congestion": _cadence((400,), 250, 250),
        "call_waiting": _cadence((400,), 200, 100, 200, 7500),
    },
    "IT": {
        "dial": _cadence((425,), 200, 200, 600, 1000),
        "ringback": _cadence((425,), 1000, 4000),
        "busy": _cadence((425,), 500, 500),
        "congestion": _cadence((425,), 200, 200),
        "special_information": _SPECIAL_INFORMATION,
    },
    "JP": {
        "dial": _continuous(400),
        "ringback": _cadence((384, 416), 1000, 2000),
        "busy": _cadence((400,), 500, 500),
        # No tone of its own: the network answers congestion with busy.
        "congestion": _cadence((400,), 500, 500),
    },
    "US": {
        "dial": _continuous(350, 440),
        "ringback": _cadence((440, 480), 2000, 4000),
        "busy": _cadence((480, 620), 500, 500),
        "congestion": _cadence((480, 620), 250, 250),
        "special_information": _SPECIAL_INFORMATION,
        "call_waiting": _cadence((440,), 300, 10_000),
    },
}


def _level_dbm0(country: str, name: str) -> float:
    if name == "howler":
        return 0.0  # it has to be heard from a handset that lies on the table
    if country == "US":
        return _US_DBM0.get(name, _NOMINAL_DBM0)
    return _NOMINAL_DBM0


TONES: Mapping[tuple[str, str], CallProgressTone] = MappingProxyType(
    {
        (country, name): CallProgressTone(name, country, segments, _level_dbm0(country, name))
        for country, tones in _CADENCES.items()
        for name, segments in tones.items()
    }
)
"""Every known tone by ISO 3166 code of the country and name; all have dial, ringback, busy and congestion."""
