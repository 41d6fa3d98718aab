"""Which known signals are in what a party heard, and from when to when: the ear of the tests.

Design, from the whole recording to the single sample:

1. Search (media.fingerprint_search). Recording and signals are flattened in short-time frequency, each second
   of a signal is correlated with the whole recording, and offsets that stand out of the noise are proposed.
2. Evidence (media.fingerprint_track). Each proposed offset is weighed in frames of 32 ms: by how much do the
   bands of the recording fall when the signal is taken out? The answer is a log likelihood ratio, positive
   where the signal is, negative where it is expected and missing, nil in its pauses. So pauses need no rule
   of their own.
3. Path. One Viterbi walk for each signal over "absent" and every pair of offset and gain. Entering costs 40
   nepers, which no accidental likeness of two voices brings and which bridges a few concealed packets; a
   change of offset by at most 60 ms is cheap (a jitter buffer's slip), and so is one of gain (a step of
   level).
4. Edges (media.fingerprint_stretch). Every end and joint moves to the millisecond at which the evidence
   turns, and then to the signal's next audible sample.
5. What was found is fitted by least squares and taken out; the walk of each signal is repeated without the
   others, and the remainder is searched again. That is how talk 15 dB under a prompt is heard.
6. Steady tones fit everywhere along themselves: they are found in the remainder by their frequencies and
   bursts, and named by their cadence (media.fingerprint_tone, media.fingerprint_cadence).

A stretch begins and ends at audible samples of the signal: digital silence around a prompt, and a pause after
which it does not go on, are no part of it. Audible is what lies less than 40 dB under the signal's peak.

Edges are right to about 3 ms. One exception: where a signal is cut in its middle while an unknown one 15 dB
louder sounds, an edge may be off by tens of milliseconds, rarely by more. A cut right beside its own end may
pass for that end.

Left out: signals at another speed or sampling rate, DTMF (media.dtmf), and one signal mixed with itself.
"""

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from media.errors import MediaFormatError
from media.fingerprint_cadence import match_cadences
from media.fingerprint_search import Float32, Searcher, flatten
from media.fingerprint_stretch import (
    LEVEL_STEP_DB,
    Material,
    Piece,
    Stretch,
    find_stretches,
    model_of,
    plausible,
)
from media.fingerprint_tone import LARGEST_DETUNING, ToneShape, find_bursts
from media.types import SAMPLE_RATE_HZ, Pcm16

WHOLE_TOLERANCE_S = 0.02
"""A signal counts as whole when less than this is missing of its audible part at either end."""

SEARCHES = 3
"""Searches of the recording: as it is, and twice more without what was found."""

IMAGE_POWER = 10.0**-1.5
"""Of a stretch against a signal that it may be an image of: whoever is nearer is mixed with it."""

IMAGE_LIKENESS = 0.3
"""Correlation, sample by sample, of a stretch with what it is an image of; of two voices under 0.1."""

_TIE_SIGMAS = 7.0


@dataclass(frozen=True)
class KnownSignal:
    """A signal that may be heard.

    Attributes:
        name: what it is reported as.
        pcm: mono 8000 Hz samples, int16, shape (n_samples,).
        loop: it may repeat end to end, and begin and end anywhere.
    """

    name: str
    pcm: Pcm16
    loop: bool = False


@dataclass(frozen=True)
class Slip:
    """A jump within a stretch: from at_s on the signal comes shift_s later (negative: earlier)."""

    at_s: float
    shift_s: float


@dataclass(frozen=True)
class Heard:
    """One stretch in which a known signal was heard at one level.

    Attributes:
        name: the known signal.
        start_s: first audible sample, in seconds of the recording.
        end_s: end of the last audible sample.
        signal_start_s: which second of the signal is heard at start_s.
        level_db: gain against the known signal.
        whole: from its first to its last audible sample, ±20 ms; for a loop: at least one pass of it.
        score: share of the amplitude that the signal explains, other found signals but tones taken out, 0..1;
            for a tone: how well the durations of its bursts fit, 0.5 when it is cut.
        slips: insertions and losses of up to 60 ms within it; not told for tones.
    """

    name: str
    start_s: float
    end_s: float
    signal_start_s: float
    level_db: float
    whole: bool
    score: float
    slips: tuple[Slip, ...] = ()


def identify(heard: Pcm16, known: Sequence[KnownSignal]) -> list[Heard]:
    """Say which known signals are in a recording.

    Args:
        heard: mono 8000 Hz samples, int16, shape (n_samples,); not modified.
        known: the signals to look for, with different names.

    Returns:
        Stretches sorted by start. Two of one signal do not overlap; a step of level by more than 6 dB parts
        them.

    Raises:
        MediaFormatError: wrong dtype or shape, or two known signals of one name.
    """
    for pcm in (heard, *(signal.pcm for signal in known)):
        _check(pcm)
    if len({signal.name for signal in known}) != len(known):
        raise MediaFormatError("known signals must have different names")
    x = heard.astype(np.float32)
    shapes = [ToneShape.of(signal.pcm.astype(np.float32), signal.loop) for signal in known]
    tones = {k: shape for k, shape in enumerate(shapes) if shape is not None}
    others = {
        k: material
        for k, signal in enumerate(known)
        if k not in tones and (material := Material.of(signal.pcm, signal.loop)).audible.size
    }
    found, rest = _separate(x, others)
    found = _without_images(found, others, x.size)
    out = [
        report
        for k, stretches in found.items()
        for stretch in stretches
        for report in _reports(known[k].name, stretch, others[k], rest)
    ]
    out += _tone_reports(known, tones, rest)
    return sorted(out, key=lambda one: (one.start_s, one.end_s, one.name))


def heard_between(found: Iterable[Heard], start_s: float, end_s: float) -> dict[str, float]:
    """Seconds for which each signal was heard within a span of time, by name; none for one not heard."""
    totals: dict[str, float] = {}
    for one in found:
        shared_s = min(one.end_s, end_s) - max(one.start_s, start_s)
        if shared_s > 0.0:
            totals[one.name] = totals.get(one.name, 0.0) + shared_s
    return totals


def gaps(heard: Pcm16, threshold_dbm0: float = -50.0, shortest_ms: float = 40.0) -> list[tuple[float, float]]:
    """Where a recording is silent.

    Args:
        heard: mono 8000 Hz samples, int16, shape (n_samples,).
        threshold_dbm0: a sample is silent while the mean power of the 5 ms around it is below this.
        shortest_ms: shorter gaps are not reported.

    Returns:
        (start_s, end_s) of each gap in order of time, right to about 3 ms.
    """
    _check(heard)
    if heard.size == 0:
        return []
    width = 5 * SAMPLE_RATE_HZ // 1000
    power = np.convolve(heard.astype(np.float64) ** 2, np.ones(width) / width, "same")[: heard.size]
    # A full-scale sine, mean square 32767² / 2, is +3.14 dBm0 (ITU-T G.711).
    silent = power < 32767.0**2 / 2.0 * 10.0 ** ((threshold_dbm0 - 3.14) / 10.0)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], silent.astype(np.int8), [0])))) / SAMPLE_RATE_HZ
    spans = zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True)
    return [(start_s, end_s) for start_s, end_s in spans if end_s - start_s >= shortest_ms / 1000.0]


def offset(a: Pcm16, b: Pcm16) -> float:
    """How much later the same sound comes in b than in a, in seconds (negative: earlier); right to a sample.

    Raises:
        MediaFormatError: wrong dtype or shape, or the two have nothing in common that could be aligned.
    """
    _check(a)
    _check(b)
    size = 1 << (a.size + b.size).bit_length()
    product = np.fft.rfft(flatten(b), size) * np.conj(np.fft.rfft(flatten(a), size))
    correlation = np.abs(np.fft.irfft(product, size))
    top = int(correlation.argmax())
    if correlation[top] <= 2.0 * _TIE_SIGMAS * float(np.median(correlation)) or correlation[top] < 1e-6:
        raise MediaFormatError("the two recordings have no sound in common")
    return (top if top <= b.size else top - size) / SAMPLE_RATE_HZ


def _check(pcm: Pcm16) -> None:
    if pcm.dtype != np.int16 or pcm.ndim != 1:
        raise MediaFormatError(f"audio must be int16 of shape (n_samples,), got {pcm.dtype} {pcm.shape}")


def _separate(x: Float32, materials: dict[int, Material]) -> tuple[dict[int, list[Stretch]], Float32]:
    """Stretches of every signal, each found without the others, and what is left of the recording."""
    offsets: dict[int, list[int]] = {k: [] for k in materials}
    found: dict[int, list[Stretch]] = {}
    models: dict[int, Float32] = {}
    rest = x
    for _ in range(SEARCHES):
        fresh: dict[int, list[tuple[int, float, int]]] = {}
        searcher = Searcher(_gated(rest, x) if models else rest)
        for k, material in materials.items():
            hits = [
                (place % material.samples.size if material.loop else place, sigmas, start + place)
                for place, sigmas, start in searcher.proposals(material.flat)
            ]
            fresh[k] = [hit for hit in hits if not material.knows(hit[0], offsets[k])]
        gained = False
        for k in sorted((k for k in fresh if fresh[k]), key=lambda k: -fresh[k][0][1]):
            material = materials[k]
            own = rest + models[k] if k in models else rest
            # Judged here and not before: a stronger signal found meanwhile may explain the likeness.
            new: list[int] = []
            for place, _, at in fresh[k]:
                if not material.knows(place, new) and plausible(rest, material, place, at - place):
                    new.append(place)
            if not new:
                continue
            stretches = find_stretches(own, material, offsets[k] + new)
            if not stretches:
                continue
            gained = True
            _keep(k, stretches, materials, offsets, found, models, x.size)
            rest = own - models[k]
        if not gained:
            break
        if len(models) > 1:
            for k in list(models):
                own = rest + models[k]
                _keep(
                    k,
                    find_stretches(own, materials[k], offsets[k]),
                    materials,
                    offsets,
                    found,
                    models,
                    x.size,
                )
                rest = own - models[k]
    return found, rest


def _keep(
    k: int,
    stretches: list[Stretch],
    materials: dict[int, Material],
    offsets: dict[int, list[int]],
    found: dict[int, list[Stretch]],
    models: dict[int, Float32],
    n_samples: int,
) -> None:
    found[k] = stretches
    offsets[k] = sorted({piece.offset for stretch in stretches for piece in stretch.pieces})
    models[k] = model_of(stretches, materials[k], n_samples)


def _without_images(
    found: dict[int, list[Stretch]], materials: dict[int, Material], n_samples: int
) -> dict[int, list[Stretch]]:
    """What was found but for images: two prompts of one voice may share words sample for sample, and then a
    little of the louder one is as well explained by the other.
    """
    out: dict[int, list[Stretch]] = {}
    models = {k: model_of(stretches, materials[k], n_samples) for k, stretches in found.items()}
    for k, stretches in found.items():
        others = [model for other, model in models.items() if other != k]
        out[k] = [one for one in stretches if not any(_is_image(one, models[k], other) for other in others)]
    return out


def _is_image(stretch: Stretch, model: Float32, other: Float32) -> bool:
    span = slice(stretch.pieces[0].start, stretch.pieces[-1].stop)
    own, louder = model[span].astype(np.float64), other[span].astype(np.float64)
    own_energy, louder_energy = float(own @ own), float(louder @ louder)
    if own_energy >= IMAGE_POWER * louder_energy:
        return False
    return bool(abs(own @ louder) > IMAGE_LIKENESS * (own_energy * louder_energy) ** 0.5)


def _gated(rest: Float32, x: Float32) -> Float32:
    """The remainder without the codec's noise: silence wherever it lies 28 dB under what was taken out."""
    width = 50 * SAMPLE_RATE_HZ // 1000
    n = -(-x.size // width)
    powers = [
        (np.pad(part.astype(np.float64), (0, n * width - part.size)).reshape(n, width) ** 2).mean(axis=1)
        for part in (rest, x)
    ]
    silent = powers[0] < 10.0**-2.8 * powers[1]
    return np.where(np.repeat(silent, width)[: x.size], np.float32(0.0), rest)


def _reports(name: str, stretch: Stretch, material: Material, rest: Float32) -> list[Heard]:
    """One stretch as it is reported: parted at steps of level."""
    parts: list[list[Piece]] = [[stretch.pieces[0]]]
    for piece in stretch.pieces[1:]:
        step_db = 20.0 * np.log10(piece.gain / parts[-1][-1].gain)
        if abs(step_db) > LEVEL_STEP_DB:
            parts.append([piece])
        else:
            parts[-1].append(piece)
    return [_report(name, part, material, rest) for part in parts]


def _report(name: str, part: list[Piece], material: Material, rest: Float32) -> Heard:
    start, stop = part[0].start, part[-1].stop
    n = material.samples.size
    first, last = start - part[0].offset, stop - part[-1].offset
    passes = first // n if material.loop else 0
    first, last = first - passes * n, last - passes * n
    tolerance = round(WHOLE_TOLERANCE_S * SAMPLE_RATE_HZ)
    audible_first, audible_last = int(material.audible[0]), int(material.audible[-1]) + 1
    # A loop entered past its beginning has to come round to its beginning before a pass can be whole.
    begun = n if material.loop and first > audible_first + tolerance else 0
    whole = first <= audible_first + begun + tolerance and last >= audible_last + begun - tolerance
    own = np.concatenate([piece.gain * material.at(piece.offset, piece.start, piece.stop) for piece in part])
    energy = float(own.astype(np.float64) @ own)
    left = float((rest[start:stop].astype(np.float64) ** 2).sum())
    plain = np.concatenate([material.at(piece.offset, piece.start, piece.stop) for piece in part])
    gain = (energy / max(float(plain.astype(np.float64) @ plain), 1e-9)) ** 0.5
    slips = tuple(
        Slip(right.start / SAMPLE_RATE_HZ, material.apart(left_.offset, right.offset) / SAMPLE_RATE_HZ)
        for left_, right in itertools.pairwise(part)
        if left_.offset != right.offset
    )
    return Heard(
        name=name,
        start_s=start / SAMPLE_RATE_HZ,
        end_s=stop / SAMPLE_RATE_HZ,
        signal_start_s=first / SAMPLE_RATE_HZ,
        level_db=20.0 * float(np.log10(gain)),
        whole=whole,
        score=(energy / max(energy + left, 1e-9)) ** 0.5,
        slips=slips,
    )


def _tone_reports(known: Sequence[KnownSignal], tones: dict[int, ToneShape], rest: Float32) -> list[Heard]:
    """Stretches of the tones, those of the same frequencies matched together."""
    out: list[Heard] = []
    left = dict(tones)
    while left:
        lead = next(iter(left.values())).frequencies_hz
        same = [k for k, tone in left.items() if _same_lines(tone.frequencies_hz, lead)]
        bursts = find_bursts(rest, lead)
        for index, stretch in match_cadences(bursts, [left[k] for k in same]):
            out.append(
                Heard(
                    name=known[same[index]].name,
                    start_s=stretch.start_s,
                    end_s=stretch.stop_s,
                    signal_start_s=stretch.signal_start_s,
                    level_db=20.0 * float(np.log10(stretch.gain)),
                    whole=stretch.whole,
                    score=stretch.score,
                )
            )
        for k in same:
            del left[k]
    return out


def _same_lines(a: tuple[float, ...], b: tuple[float, ...]) -> bool:
    return len(a) == len(b) and all(abs(p - q) < LARGEST_DETUNING * p for p, q in zip(a, b, strict=True))
