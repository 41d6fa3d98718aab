"""Stretches of one known signal: its path through the recording with exact edges, levels and slips.

The path of media.fingerprint_track is right to a frame of 16 ms. Here each of its ends and joints moves to
where the evidence on a grid of a millisecond turns; gains are fitted by least squares, pieces of one level
are joined.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from media.fingerprint_search import flatten
from media.fingerprint_track import (
    ENTRY_COST,
    FINE_HOP,
    GAINS_DB,
    LONGEST_SLIP_SAMPLES,
    Float32,
    Run,
    aligned,
    clipped_evidence,
    fine_evidence,
    proof,
    track,
)
from media.types import SAMPLE_RATE_HZ, Pcm16

AUDIBLE_SHARE = 0.01
"""A sample counts as audible from 40 dB under its signal's peak on ..."""

AUDIBLE_LEAST = 16.0
"""... and above the two smallest steps of A-law, which codec noise reaches too."""

LEVEL_STEP_DB = 6.0
"""A change of level beyond this parts a stretch in two."""

SNAP_COST = 10.0
"""Evidence (nepers) needed to believe in a cut right beside the signal's first or last audible sample."""

LEAST_PROOF = 250.0
SHORTEST_MASKED_S = 1.0
"""Nepers and seconds a part of a signal must bring when much else sounds at once: one voice at one pitch, or
two tunes on one note, are alike for up to half a second."""

CLEAR_SCORE = 0.85
SHORTEST_CLEAR_S = 0.3
SHORTEST_WHOLE_S = 0.08
"""A stretch that explains nearly all that is heard is believed from here on; two whistles cross for 0.2 s."""

LEAST_GAIN, MOST_GAIN = 10.0 ** (-30.0 / 20.0), 10.0 ** (14.0 / 20.0)

_EDGE_SAMPLES = 100 * SAMPLE_RATE_HZ // 1000
_FADE_SAMPLES = 300 * SAMPLE_RATE_HZ // 1000
_SHORTEST_LEVEL_SAMPLES = 150 * SAMPLE_RATE_HZ // 1000
_QUIET_POWER = (2.0 * AUDIBLE_LEAST) ** 2
_LONGEST_ECHO_SAMPLES = 100 * SAMPLE_RATE_HZ // 1000
_BLOCK_SAMPLES = 2048
_NEAR_SAMPLES = 640
_NEAR_SIGMAS = 7.0
_NEAR_ROUNDS = 4


@dataclass(frozen=True)
class Material:
    """A known signal, prepared: its samples, flattened samples, and the indices of its audible samples."""

    samples: Float32
    flat: Float32
    loop: bool
    audible: npt.NDArray[np.intp]

    @classmethod
    def of(cls, pcm: Pcm16, loop: bool) -> "Material":
        samples = pcm.astype(np.float32)
        magnitude = np.abs(samples)
        least = max(AUDIBLE_LEAST, AUDIBLE_SHARE * float(magnitude.max(initial=0.0)))
        return cls(samples, flatten(samples), loop, np.flatnonzero(magnitude >= least))

    def at(self, offset: int, start: int, stop: int) -> Float32:
        """The signal as samples start..stop of the recording would hold it."""
        return aligned(self.samples, self.loop, offset, start, stop)

    def apart(self, a: int, b: int) -> int:
        """Samples between two offsets, b - a; the shorter way round for a loop."""
        if not self.loop:
            return b - a
        n = self.samples.size
        return (b - a + n // 2) % n - n // 2

    def knows(self, offset: int, offsets: Sequence[int]) -> bool:
        return any(abs(self.apart(known, offset)) <= 1 for known in offsets)


@dataclass(frozen=True)
class Piece:
    """Samples start..stop of the recording hold the signal at one offset and one gain."""

    start: int
    stop: int
    offset: int
    gain: float


@dataclass(frozen=True)
class Stretch:
    """One continuous presence; pieces touch, slips and steps of level lie between them."""

    pieces: tuple[Piece, ...]


def plausible(x: Float32, material: Material, offset: int, start: int) -> bool:
    """Whether the second of the signal from its sample `start` on really speaks for this offset."""
    a = max(0, offset + start)
    b = min(x.size, a + SAMPLE_RATE_HZ, x.size if material.loop else offset + material.samples.size)
    if b - a < SAMPLE_RATE_HZ // 20:
        return False
    scores = clipped_evidence(x[a:b], material.at(offset, a, b), 10.0 ** (GAINS_DB / 20.0))
    running = np.cumsum(scores, axis=0)
    rise = running - np.minimum.accumulate(np.minimum(running, 0.0), axis=0)
    return float(rise.max()) > 0.6 * ENTRY_COST


def find_stretches(x: Float32, material: Material, offsets: Sequence[int]) -> list[Stretch]:
    """All stretches of one signal.

    Args:
        x: the recording without the other signals, shape (n_samples,).
        material: the signal.
        offsets: where it may lie; slips beside these are looked for here.

    Returns:
        In order of time, not overlapping.
    """
    tried = list(offsets)
    runs = track(x, material.samples, material.loop, tried)
    for _ in range(_NEAR_ROUNDS):
        extra = [o for run in runs for o in _slipped_offsets(x, material, run)]
        fresh: list[int] = []
        for offset in extra:
            if not material.knows(offset, tried + fresh):
                fresh.append(offset)
        if not fresh:
            break
        tried = sorted({run.offset for run in runs} | set(fresh))
        runs = track(x, material.samples, material.loop, tried)
    groups: list[list[Run]] = []
    for run in runs:
        last = groups[-1][-1] if groups else None
        if (
            last is not None
            and run.start == last.stop
            and abs(material.apart(last.offset, run.offset)) <= LONGEST_SLIP_SAMPLES
        ):
            groups[-1].append(run)
        else:
            groups.append([run])
    stretches: list[Stretch] = []
    for i, group in enumerate(groups):
        lowest = stretches[-1].pieces[-1].stop if stretches else 0
        highest = groups[i + 1][0].start if i + 1 < len(groups) else x.size
        pieces = _refined(x, material, group, lowest, highest)
        if pieces and _believable(x, material, pieces):
            stretches.append(Stretch(tuple(pieces)))
    return stretches


def model_of(stretches: Sequence[Stretch], material: Material, n_samples: int) -> Float32:
    """What the stretches put into the recording, shape (n_samples,)."""
    out = np.zeros(n_samples, dtype=np.float32)
    for stretch in stretches:
        for piece in stretch.pieces:
            own = material.at(piece.offset, piece.start, piece.stop)
            out[piece.start : piece.stop] += np.float32(piece.gain) * own
    return out


def _believable(x: Float32, material: Material, pieces: list[Piece]) -> bool:
    """Whether a stretch is more than a likeness: much evidence over many bands, or little beside it."""
    if not all(LEAST_GAIN < piece.gain < MOST_GAIN for piece in pieces):
        return False
    start, stop = pieces[0].start, pieces[-1].stop
    own = np.concatenate([np.float32(p.gain) * material.at(p.offset, p.start, p.stop) for p in pieces])
    heard = x[start:stop]
    norms = float(np.linalg.norm(own)) * float(np.linalg.norm(heard))
    score = float(np.dot(own, heard)) / max(norms, 1e-9)
    missing_s = (material.audible[-1] + 1 - material.audible[0] - (stop - start)) / SAMPLE_RATE_HZ
    whole = not material.loop and missing_s < SHORTEST_WHOLE_S / 2
    length_s = (stop - start) / SAMPLE_RATE_HZ
    if score >= CLEAR_SCORE:
        return length_s >= (SHORTEST_WHOLE_S if whole else SHORTEST_CLEAR_S)
    return length_s >= (SHORTEST_CLEAR_S if whole else SHORTEST_MASKED_S) and proof(heard, own) >= LEAST_PROOF


def _without_echoes(pieces: list[Piece]) -> list[Piece]:
    """Pieces without the short ones between two of one offset: there, concealment repeated a few packets."""
    out: list[Piece] = []
    for piece in pieces:
        short = len(out) > 1 and out[-1].stop - out[-1].start <= _LONGEST_ECHO_SAMPLES
        if short and out[-2].offset == piece.offset != out[-1].offset:
            out.pop()
            out[-1] = replace(out[-1], stop=piece.start)
        out.append(piece)
    return out


def _slipped_offsets(x: Float32, material: Material, run: Run) -> list[int]:
    """Offsets up to 80 ms beside a run's at which a quarter second in or near it fits better."""
    start, stop = max(0, run.start - 4000), min(x.size, run.stop + 4000)
    n_blocks = (stop - start - _BLOCK_SAMPLES) // (_BLOCK_SAMPLES // 2) + 1
    if n_blocks < 1:
        return []
    own = flatten(material.at(run.offset, start, stop))
    wide = np.zeros(stop - start + 2 * _NEAR_SAMPLES, dtype=np.float32)
    first, last = max(0, start - _NEAR_SAMPLES), min(x.size, stop + _NEAR_SAMPLES)
    wide[first - start + _NEAR_SAMPLES : last - start + _NEAR_SAMPLES] = x[first:last]
    flat = flatten(wide)
    step = _BLOCK_SAMPLES // 2
    pieces = np.lib.stride_tricks.sliding_window_view(own, _BLOCK_SAMPLES)[::step]
    places = np.lib.stride_tricks.sliding_window_view(flat, _BLOCK_SAMPLES + 2 * _NEAR_SAMPLES)[::step]
    size = 2 * _BLOCK_SAMPLES
    product = np.fft.rfft(places, size, axis=1) * np.conj(np.fft.rfft(pieces, size, axis=1))
    lags = np.abs(np.fft.irfft(product, size, axis=1)[:, : 2 * _NEAR_SAMPLES + 1])
    top = lags.argmax(axis=1)
    sigma = np.median(lags, axis=1) / 0.6745
    strong = lags[np.arange(lags.shape[0]), top] > _NEAR_SIGMAS * np.maximum(sigma, 1e-6)
    moved = sorted({int(lag) for lag in top[strong] - _NEAR_SAMPLES if abs(int(lag)) > 1})
    offsets = [run.offset + lag for lag in moved]
    return [offset % material.samples.size for offset in offsets] if material.loop else offsets


def _refined(x: Float32, material: Material, group: list[Run], lowest: int, highest: int) -> list[Piece]:
    """The pieces of one group of runs, with edges and joints moved to where the evidence turns."""
    pieces = [Piece(run.start, min(run.stop, x.size), run.offset, run.gain) for run in group]
    # The path's gains are coarse; the edges are sharper at the true ones.
    pieces = [replace(piece, gain=_gain(x, material, piece)) for piece in pieces]
    pieces[0] = replace(pieces[0], start=_edge(x, material, pieces[0], lowest, beginning=True))
    pieces[-1] = replace(pieces[-1], stop=_edge(x, material, pieces[-1], highest, beginning=False))
    for i in range(len(pieces) - 1):
        joint = _joint(x, material, pieces[i], pieces[i + 1])
        pieces[i] = replace(pieces[i], stop=joint)
        pieces[i + 1] = replace(pieces[i + 1], start=joint)
    pieces = _without_echoes([piece for piece in pieces if piece.stop > piece.start])
    return _levelled(x, material, [replace(piece, gain=_gain(x, material, piece)) for piece in pieces])


def _gain(x: Float32, material: Material, piece: Piece) -> float:
    """Least squares over the piece; kept as it was where the signal pauses."""
    own = material.at(piece.offset, piece.start, piece.stop).astype(np.float64)
    energy = float(own @ own)
    if energy < _QUIET_POWER * own.size:
        return piece.gain
    return max(float(x[piece.start : piece.stop].astype(np.float64) @ own) / energy, 1e-3)


def _levelled(x: Float32, material: Material, pieces: list[Piece]) -> list[Piece]:
    """Pieces of one offset and nearly one level joined, the nearest first; short ones join in any case."""

    def quiet(piece: Piece) -> bool:
        """In a pause only the codec's idle noise is left, and says nothing about the level."""
        own = material.at(piece.offset, piece.start, piece.stop)
        return float((own**2).mean()) < max(_QUIET_POWER, 1e-3 * float((material.samples**2).mean()))

    while True:
        steps = [
            (0.0 if quiet(left) or quiet(right) else _step_db(left, right), i)
            for i, (left, right) in enumerate(itertools.pairwise(pieces))
            if left.offset == right.offset
        ]
        steps = [step for step in steps if step[0] <= LEVEL_STEP_DB]
        if not steps:
            return pieces
        i = min(steps)[1]
        longer = max(pieces[i : i + 2], key=lambda piece: piece.stop - piece.start)
        joined = replace(longer, start=pieces[i].start, stop=pieces[i + 1].stop)
        pieces = [*pieces[:i], replace(joined, gain=_gain(x, material, joined)), *pieces[i + 2 :]]


def _step_db(left: Piece, right: Piece) -> float:
    if min(left.stop - left.start, right.stop - right.start) < _SHORTEST_LEVEL_SAMPLES:
        return 0.0
    return abs(20.0 * float(np.log10(left.gain / right.gain)))


def _joint(x: Float32, material: Material, left: Piece, right: Piece) -> int:
    """Where one offset or gain gives way to the next."""
    a = max(left.start, left.stop - 2 * _EDGE_SAMPLES, 0)
    b = min(right.stop, right.start + 2 * _EDGE_SAMPLES, x.size)
    if b - a < 8 * FINE_HOP:
        return left.stop
    before = fine_evidence(x[a:b], material.at(left.offset, a, b), left.gain)
    after = fine_evidence(x[a:b], material.at(right.offset, a, b), right.gain)
    turn = int(np.cumsum(np.append(0.0, before - after)).argmax())
    return min(max(a + turn * FINE_HOP - FINE_HOP // 2, left.start), right.stop)


def _edge(x: Float32, material: Material, piece: Piece, limit: int, beginning: bool) -> int:
    """Where a stretch begins or ends, at an audible sample of the signal and inside the recording.

    The evidence summed from within the piece outwards is largest at the edge. The signal's own end is
    believed unless the evidence there is clearly less: a fade is too quiet to prove itself.
    """
    at = piece.start if beginning else piece.stop
    natural = piece.offset + int(material.audible[0] if beginning else material.audible[-1] + 1)
    if material.loop:
        natural += round((at - natural) / material.samples.size) * material.samples.size
    reach = abs(natural - at) + FINE_HOP if abs(natural - at) < _FADE_SAMPLES else 0
    middle = (piece.start + piece.stop) // 2
    a = at - max(reach, _EDGE_SAMPLES)
    b = at + max(reach, _EDGE_SAMPLES)
    a, b = (max(a, limit, 0), min(b, middle)) if beginning else (max(a, middle), min(b, limit, x.size))
    edge = at
    if b - a >= 8 * FINE_HOP:
        running = np.cumsum(
            np.append(0.0, fine_evidence(x[a:b], material.at(piece.offset, a, b), piece.gain))
        )
        total = running[-1] - running if beginning else running
        best = int(total.argmax())
        edge = min(max(a + best * FINE_HOP - FINE_HOP // 2, a), b)
        own = round((natural - a) / FINE_HOP)
        if 0 <= own < total.size and total[best] - total[own] < SNAP_COST:
            edge = natural
    return _audible_from(material, piece.offset, min(max(edge, 0), x.size), beginning)


def _audible_from(material: Material, offset: int, edge: int, beginning: bool) -> int:
    """The first audible sample at or after the edge, or the end of the last one before it."""
    n = material.samples.size
    base = offset + ((edge - offset) // n * n if material.loop else 0)
    if beginning:
        i = int(np.searchsorted(material.audible, edge - base))
        if i < material.audible.size:
            return base + int(material.audible[i])
        return base + n + int(material.audible[0]) if material.loop else edge
    i = int(np.searchsorted(material.audible, edge - base)) - 1
    if i >= 0:
        return base + int(material.audible[i]) + 1
    return base - n + int(material.audible[-1]) + 1 if material.loop else edge
